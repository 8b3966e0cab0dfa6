//! Connections below processes, processes in groups, and numbers narrowed to some connections.

// Helpers of tests may panic as tests may.
#![allow(clippy::unwrap_used)]

mod support;

use netmon_api::v1;
use netmon_api::v1::watch_traffic_response::Event;
use serde_json::Value;
use support::agent::FakeAgent;
use support::agent::Script;
use support::agent::Step;
use support::connection;
use support::past::Past;
use support::program::printed;
use support::program::run;
use support::reply;
use support::sample;

fn agent() -> FakeAgent {
    let mut first = sample::snapshot();
    first.connections = connection::connections();
    FakeAgent::start(Script {
        watches: vec![vec![
            Step::event(Event::Snapshot(first)),
            Step::event(Event::Update(sample::update(601, 1, 5, 2_418_018_309))),
            Step::Idle,
        ]],
        ..Script::default()
    })
}

fn json(args: &[&str]) -> Value {
    let mut all = vec!["ps", "-j"];
    all.extend(args);
    serde_json::from_str(&printed(&agent(), &all)).unwrap()
}

#[test]
fn connections_stand_below_their_process() {
    insta::assert_snapshot!(printed(&agent(), &["ps", "-d"]));
    insta::assert_snapshot!("wide", printed(&agent(), &["ps", "-d", "-f", "wide"]));
    let watched = agent();
    let text = printed(&watched, &["watch", "-n", "1", "--details", "--top", "1"]);
    assert!(text.contains("\n        TCP "), "{text}");
    assert!(watched.requests()[0].connections);
    let plain = agent();
    printed(&plain, &["watch", "-n", "1"]);
    assert!(!plain.requests()[0].connections);
}

#[test]
fn json_has_them_as_an_array() {
    let with = json(&["-d", "--loopback", "include"]);
    let without = json(&[]);
    for row in without["rows"].as_array().unwrap() {
        assert!(row.get("connections").is_none());
    }
    let sum = |row: &Value, key: &str| -> u64 {
        let all = row["connections"].as_array().unwrap();
        all.iter().map(|c| c[key].as_u64().unwrap()).sum()
    };
    for pid in [21934, 1187] {
        let rows = with["rows"].as_array().unwrap();
        let row = rows.iter().find(|row| row["pid"] == pid).unwrap();
        assert_eq!(sum(row, "rx_bytes"), row["rx_bytes"]);
        assert_eq!(sum(row, "tx_bytes"), row["tx_bytes"]);
    }
    let flat = printed(
        &agent(),
        &["watch", "-n", "1", "-d", "-j", "--flatten", "--top", "1"],
    );
    assert!(flat.contains(r#""connections":[{"id":"21934-"#), "{flat}");
}

#[test]
fn words_about_connections_leave_others_out() {
    let lists = |args: &[&str]| {
        let rows = json(args)["rows"].clone();
        let rows = rows.as_array().unwrap().iter();
        rows.map(|row| row["connections"].as_array().unwrap().len())
            .sum::<usize>()
    };
    assert_eq!(lists(&["-d"]), 5);
    assert_eq!(lists(&["-d", "--filter", "iface:wg0"]), 1);
    assert_eq!(lists(&["-d", "--filter", "nginx"]), 5);
}

#[test]
fn options_about_connections_narrow_the_numbers() {
    let of = |args: &[&str], pid: u64| {
        let rows = json(args)["rows"].clone();
        let rows = rows.as_array().unwrap().clone();
        rows.into_iter().find(|row| row["pid"] == pid).unwrap()
    };
    let row = of(&["--host", "203.0.113.9"], 1187);
    assert_eq!(
        (&row["rx_bytes"], &row["tx_bytes"]),
        (&900_000.into(), &2_000_000.into())
    );
    // Some of its connections are not told apart, and what was before is not known.
    assert_eq!(row["lower_bound"], true);
    for key in [
        "rx_bytes_total",
        "rx_peak_bytes_per_s",
        "loopback_rx_bytes_total",
    ] {
        assert_eq!(row[key], Value::Null, "{key}");
    }
    assert_eq!(row["conns_tcp"], 1);
    assert_eq!(of(&["--host", "203.0.113.9"], 21934)["rx_bytes"], 0);
    // Words choose processes and leave their numbers alone.
    assert_eq!(
        of(&["--filter", "host:203.0.113.9"], 1187)["rx_bytes"],
        1_268_777
    );
    let text = printed(
        &agent(),
        &["watch", "-n", "1", "--rport", "443", "--top", "1"],
    );
    assert!(text.contains(" curl "), "{text}");
}

#[test]
fn groups_have_a_table() {
    insta::assert_snapshot!(printed(&agent(), &["ps", "-g", "user"]));
    insta::assert_snapshot!("remote", printed(&agent(), &["ps", "-g", "remote"]));
    insta::assert_snapshot!(
        "group_csv",
        printed(&agent(), &["ps", "-g", "proto", "-f", "csv", "-a"])
    );
    let args = ["watch", "-g", "unit", "-n", "2", "-j", "--top", "1"];
    insta::assert_snapshot!("group_json", printed(&agent(), &args));
    let args = ["watch", "-g", "interface", "-n", "1", "-j", "--flatten"];
    insta::assert_snapshot!("group_flat", printed(&agent(), &args));
    insta::assert_snapshot!(
        "group_wide",
        printed(&agent(), &["ps", "-g", "port", "-f", "wide", "-a"])
    );
}

#[test]
fn groups_sum_up_to_the_processes() {
    let whole = json(&["-a", "--state", "all"])["aggregated"].clone();
    for by in [
        "process",
        "name",
        "user",
        "unit",
        "cgroup",
        "container",
        "proto",
        "family",
        "state",
        "remote",
        "port",
        "interface",
    ] {
        let value = json(&["-g", by, "--state", "all"]);
        for key in ["rx_bytes", "tx_bytes"] {
            let rows = value["rows"].as_array().unwrap().iter();
            let sum: u64 = rows.map(|row| row[key].as_u64().unwrap()).sum();
            assert_eq!(sum, whole[key], "{by} {key}");
        }
        assert_eq!(value["group_by"], by);
    }
}

#[test]
fn groups_are_ordered_and_cut() {
    let first = |args: &[&str]| {
        let mut all = vec!["-g", "name", "--top", "1"];
        all.extend(args);
        let rows = json(&all)["rows"].clone();
        assert_eq!(rows.as_array().unwrap().len(), 1);
        rows[0]["group"].clone()
    };
    assert_eq!(first(&[]), "curl");
    assert_eq!(first(&["--sort", "tx"]), "nginx");
    assert_eq!(first(&["--sort", "group:desc"]), "网络监控");
    let idle = printed(&agent(), &["watch", "-g", "name", "-n", "1", "--idle"]);
    let busy = printed(&agent(), &["watch", "-g", "name", "-n", "1"]);
    assert!(idle.contains("chronyd") && !busy.contains("chronyd"));
}

#[test]
fn the_past_goes_into_groups_of_processes_only() {
    let agent = FakeAgent::with_past(Past::default());
    let args = ["watch", "--since", "5s", "-g", "user", "-j", "-n", "2"];
    let text = run(&agent.socket(), &args).stdout;
    let tick: Value = serde_json::from_str(text.lines().nth(1).unwrap()).unwrap();
    assert_eq!(tick["group_by"], "user");
    assert_eq!(tick["rows"][0]["rx_bytes_total"], Value::Null);
    for args in [
        &["watch", "--since", "5s", "-d"][..],
        &["watch", "--since", "5s", "-g", "remote"],
        &["watch", "--since", "5s", "--port", "80"],
        &["query", "-g", "remote"],
    ] {
        let outcome = run(&agent.socket(), args);
        assert_eq!(outcome.code, 9, "{args:?}");
        assert!(outcome.stderr.contains("the history keeps processes"));
    }
}

#[test]
fn what_does_not_go_together_is_refused() {
    for (args, expected) in [
        (&["-d", "-f", "csv"][..], "--details works with table"),
        (
            &["-d", "-f", "compat:nethogs"],
            "--details works with table",
        ),
        (&["-d", "-g", "user"], "--details does not go with --group"),
        (
            &["-g", "user", "--cmdline"],
            "--cmdline does not go with --group",
        ),
        (
            &["-g", "user", "-f", "compat:nethogs"],
            "--group works with",
        ),
        (&["-g", "user", "--sort", "pid"], "no column 'pid'"),
    ] {
        for command in ["watch", "ps"] {
            let mut all = vec![command];
            all.extend(args);
            let outcome = run(&agent().socket(), &all);
            assert_eq!(outcome.code, 2, "{args:?}");
            let expected = format!("netmon: {expected}");
            assert!(outcome.stderr.starts_with(&expected), "{}", outcome.stderr);
        }
    }
    for (capability, args) in [
        ("connection_details", &["-d"][..]),
        ("connection_details", &["-g", "port"]),
        ("interface", &["-g", "interface"]),
    ] {
        let agent = FakeAgent::start(Script {
            agent: reply::agent_without(capability, "not here"),
            ..Script::default()
        });
        for command in ["watch", "ps"] {
            let mut all = vec![command];
            all.extend(args);
            let outcome = run(&agent.socket(), &all);
            assert_eq!(outcome.code, 9, "{args:?} {}", outcome.stderr);
        }
    }
}

#[test]
fn containers_have_id_and_name() {
    let mut list = sample::snapshot();
    list.processes[0].container = Some(v1::Container {
        id: "0123456789ab".to_owned(),
        name: Some("web".to_owned()),
        ..v1::Container::default()
    });
    let agent = FakeAgent::start(Script {
        list,
        ..Script::default()
    });
    let text = printed(&agent, &["ps", "-j", "--top", "1"]);
    assert!(text.contains(r#""container_id":"0123456789ab","container_name":"web""#));
    let args = [
        "ps",
        "--top",
        "1",
        "-f",
        "csv",
        "--no-header",
        "--columns",
        "unit,container,retransmits",
    ];
    assert_eq!(printed(&agent, &args), "curl.service,web,0\n");
}
