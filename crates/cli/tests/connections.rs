//! What `netmon connections` prints, asks and refuses.

// Helpers of tests may panic as tests may.
#![allow(clippy::unwrap_used)]

mod support;

use netmon_api::v1;
use netmon_api::v1::watch_traffic_response::Event;
use support::agent::FakeAgent;
use support::agent::Script;
use support::agent::Step;
use support::connection;
use support::program::command;
use support::program::finish;
use support::program::printed;
use support::program::run;
use support::reply;
use support::sample;

fn list(args: &[&str]) -> String {
    let mut all = vec!["connections"];
    all.extend(args);
    printed(&FakeAgent::usual(), &all)
}

fn wide_terminal(args: &[&str], columns: &str) -> String {
    let agent = FakeAgent::usual();
    let mut command = command(&agent.socket(), args);
    finish(command.env("COLUMNS", columns).spawn().unwrap()).stdout
}

#[test]
fn tables_fit_the_terminal() {
    insta::assert_snapshot!(list(&[]));
    insta::assert_snapshot!("narrow", wide_terminal(&["conns"], "65"));
    insta::assert_snapshot!("full", wide_terminal(&["ss"], "132"));
    for columns in ["58", "80", "98", "132"] {
        for line in wide_terminal(&["conns"], columns).lines() {
            let cells = line.chars().count();
            assert!(cells <= columns.parse().unwrap(), "{columns}: {line}");
        }
    }
}

#[test]
fn wide_prints_all_columns() {
    insta::assert_snapshot!(list(&["-f", "wide", "-a", "--loopback", "include"]));
}

#[test]
fn csv_holds_raw_numbers() {
    insta::assert_snapshot!(list(&["-f", "csv", "-a"]));
}

#[test]
fn json_is_one_document() {
    let text = list(&["-j", "--top", "1"]);
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    insta::assert_snapshot!(serde_json::to_string_pretty(&document).unwrap());
    insta::assert_snapshot!("flat", list(&["-f", "jsonl", "--flatten", "--top", "2"]));
}

// The remote ends, in order.
fn remotes(args: &[&str]) -> String {
    let mut all = vec!["-f", "csv", "--no-header", "--columns", "rport"];
    all.extend(args);
    let text = list(&all);
    // Sockets without a peer have none.
    let known = text.split_whitespace().filter(|cell| *cell != "\"\"");
    known.collect::<Vec<_>>().join(" ")
}

#[test]
fn options_choose_and_order() {
    for (args, expected) in [
        (&[][..], "443 50122 40112"),
        (&["--top", "1"], "443"),
        (&["--sort", "tx"], "50122 40112 443"),
        (&["--sort", "rport:asc"], "443 40112 50122"),
        (&["--proto", "udp"], ""),
        (&["-6"], "40112"),
        (&["--loopback", "only"], "3000"),
        (&["--closed", "--sort", "rport"], "80 443 40112 50122"),
        (&["-p", "21934"], "443"),
        (&["--port", "443", "-p", "1187"], "50122 40112"),
        (&["--lport", "51544"], "443"),
        (&["--host", "203.0.113.0/24"], "443 50122"),
        (&["--state-tcp", "fin-wait-2"], "40112"),
        (&["--filter", "iface:wg0"], "50122"),
        (&["--state", "exited"], ""),
    ] {
        assert_eq!(remotes(args), expected, "{args:?}");
    }
}

#[test]
fn the_agent_is_asked_for_what_is_wanted() {
    let agent = FakeAgent::usual();
    printed(
        &agent,
        &[
            "conns",
            "--state-tcp",
            "listen,close",
            "--filter",
            "a or b",
            "--closed",
        ],
    );
    printed(&agent, &["conns", "-p", "1187"]);
    let asked = agent.connection_lists();
    let expression = asked[0].filter.clone().unwrap().expression;
    assert_eq!(expression, "(a or b) proto:tcp state:listen,close");
    assert!(asked[0].closed && !asked[1].closed);
    assert_eq!(asked[1].filter.clone().unwrap().pids, [1187]);
}

#[test]
fn names_are_looked_up_when_asked_for() {
    let args = [
        "--loopback",
        "only",
        "-f",
        "csv",
        "--columns",
        "remote_name",
    ];
    assert_eq!(list(&args), "remote_name\n\"\"\n");
    let mut resolved = args.to_vec();
    resolved.push("--resolve");
    assert_eq!(list(&resolved), "remote_name\nlocalhost\n");
    let text = list(&["--loopback", "only", "--resolve", "--columns", "remote"]);
    assert!(text.contains("localhost:3000"), "{text}");
}

// Two ticks: the second ends one connection, which has 5 bytes more then.
fn stream() -> FakeAgent {
    let all = connection::connections();
    let mut first = sample::snapshot();
    first.connections = all.clone();
    let mut second = sample::update(601, 1, 5, 2_418_018_309);
    second.connections = vec![connection::moved(
        v1::Connection {
            close_time: sample::at(1),
            ..all[0].clone()
        },
        (5, 0),
        (2_418_018_309, 62_325_309),
    )];
    let third = sample::update(602, 2, 0, 2_418_018_309);
    FakeAgent::start(Script {
        watches: vec![vec![
            Step::event(Event::Snapshot(first)),
            Step::event(Event::Update(second)),
            Step::event(Event::Update(third)),
            Step::Idle,
        ]],
        ..Script::default()
    })
}

#[test]
fn a_stream_shows_what_ends_in_its_last_step() {
    let agent = stream();
    let columns = "seq,pid,rport,rx_tick,closed".replace("seq,", "time,");
    let args = [
        "conns",
        "--interval",
        "1s",
        "-n",
        "3",
        "-f",
        "csv",
        "--columns",
        &columns,
        "--no-header",
        "--host",
        "203.0.113.200",
    ];
    assert_eq!(
        printed(&agent, &args),
        "2026-11-20T17:56:05.000Z,21934,443,9332326,\n\
         2026-11-20T17:56:06.000Z,21934,443,5,2026-11-20T17:56:06.000Z\n"
    );
    assert!(agent.requests()[0].connections);
    let args = [
        "conns",
        "--interval",
        "3s",
        "-n",
        "1",
        "-f",
        "csv",
        "--columns",
        "rx_tick",
        "--rport",
        "443",
        "--no-header",
    ];
    assert_eq!(printed(&stream(), &args), "9332331\n");
    let text = printed(&stream(), &["conns", "--interval", "1s", "-n", "2", "-j"]);
    let kinds: Vec<_> = text
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["type"].clone())
        .collect();
    assert_eq!(kinds, ["hello", "connections", "connections", "bye"]);
    let text = printed(
        &stream(),
        &["conns", "--interval", "1s", "-n", "2", "--top", "1"],
    );
    assert!(
        text.starts_with("--- 2026-11-20 17:56:05 (1.000 s) ---\nPROT"),
        "{text}"
    );
}

#[test]
fn sums_are_those_of_the_processes() {
    let text = list(&[
        "-p",
        "1187,21934",
        "-j",
        "--top",
        "0",
        "--loopback",
        "include",
    ]);
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    let rx = 9_332_326 + 1_268_777 + 70_000;
    let tx = 62_464 + 3_795_845 + 80_000;
    assert_eq!(value["totals"]["rx_bytes"], rx);
    assert_eq!(value["totals"]["tx_bytes"], tx);
    assert_eq!(value["totals"]["connections"], 65);
    assert_eq!(value["rows"], serde_json::json!([]));
}

#[test]
fn what_does_not_go_together_is_refused() {
    for (args, code, expected) in [
        (
            &["--cmdline"][..],
            2,
            "--cmdline does not go with connections",
        ),
        (
            &["--closed", "--interval", "1s"],
            2,
            "--closed does not go with --interval",
        ),
        (&["-n", "2"], 2, "--count needs --interval"),
        (&["-f", "compat:nethogs"], 2, "connections prints table"),
        (&["--flatten"], 2, "--flatten works with jsonl"),
        (
            &["--csv-spreadsheet"],
            2,
            "--csv-spreadsheet works with csv",
        ),
        (&["-j", "--columns", "pid"], 2, "--columns works with"),
        (&["-j", "-f", "csv"], 2, "--json and this --format"),
        (&["--sort", "nope"], 2, "no column 'nope'"),
    ] {
        let mut all = vec!["conns"];
        all.extend(args);
        let outcome = run(&FakeAgent::usual().socket(), &all);
        let expected = format!("netmon: {expected}");
        assert!(outcome.stderr.starts_with(&expected), "{}", outcome.stderr);
        assert_eq!(outcome.code, code, "{args:?}");
    }
    let agent = FakeAgent::start(Script {
        agent: reply::agent_without("connection_details", "the maps are too small"),
        ..Script::default()
    });
    for args in [&["conns"][..], &["conns", "--interval", "1s"]] {
        let outcome = run(&agent.socket(), args);
        assert_eq!(outcome.code, 9);
        assert!(outcome
            .stderr
            .starts_with("netmon: connections is not possible: the maps are too small"));
    }
}
