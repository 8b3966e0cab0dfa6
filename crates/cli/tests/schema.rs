//! Everything printed as JSON fits the schema that is shipped, key by key.
// Helpers of tests may panic as tests may.
#![allow(clippy::unwrap_used)]

mod support;

use netmon_api::v1;
use netmon_api::v1::watch_packets_response::Event as Packets;
use netmon_api::v1::watch_traffic_response::Event;
use serde_json::Value;
use support::agent::FakeAgent;
use support::agent::Script;
use support::agent::Step;
use support::packets;
use support::past::Past;
use support::program::run;
use support::reply;
use support::sample;
use support::schema::assert_fits;
use support::schema::check;
use support::schema::schema;

fn eventful() -> FakeAgent {
    let mut ending = sample::update(601, 1, 5000, 2_418_023_304);
    ending
        .processes
        .push(sample::end(21934, "curl", 187, sample::code(1, 0)));
    let gap = v1::Gap {
        from_seq: 602,
        to_seq: 603,
        ..v1::Gap::default()
    };
    FakeAgent::start(Script {
        watches: vec![
            vec![
                Step::event(Event::Snapshot(sample::snapshot())),
                Step::event(Event::Update(ending)),
                Step::Fail(tonic::Status::unavailable("shutting down")),
            ],
            vec![
                Step::event(Event::Gap(gap)),
                Step::event(Event::Snapshot(v1::Snapshot {
                    tick: Some(v1::Tick {
                        length_ns: 0,
                        ..sample::tick(604, 4)
                    }),
                    ..sample::snapshot()
                })),
                Step::Idle,
            ],
        ],
        ..Script::default()
    })
}

#[test]
fn every_line_of_a_stream_fits() {
    let args = [
        "watch",
        "-j",
        "-n",
        "3",
        "--idle",
        "-a",
        "--cmdline",
        "--state",
        "all",
    ];
    let kinds = assert_fits(&run(&eventful().socket(), &args).stdout);
    let expected = ["bye", "exit", "gap", "hello", "notice", "sample"];
    assert_eq!(kinds, expected.into_iter().map(str::to_owned).collect());
    let args = ["watch", "-j", "-n", "3", "--flatten"];
    assert!(assert_fits(&run(&eventful().socket(), &args).stdout).contains("row"));
}

#[test]
fn connections_fit() {
    let agent = FakeAgent::usual();
    let kinds = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    for more in [&["--loopback", "include"][..], &["--closed", "--resolve"]] {
        let mut args = vec!["conns", "-j"];
        args.extend(more);
        let text = run(&agent.socket(), &args).stdout;
        assert_eq!(assert_fits(&text), kinds(&["connections"]));
    }
    let args = ["conns", "-f", "jsonl", "--flatten"];
    let text = run(&agent.socket(), &args).stdout;
    assert_eq!(assert_fits(&text), kinds(&["connection"]));
    let args = ["conns", "-j", "--interval", "1s", "-n", "1"];
    let text = run(&agent.socket(), &args).stdout;
    assert_eq!(assert_fits(&text), kinds(&["bye", "connections", "hello"]));
}

#[test]
fn details_and_groups_fit() {
    let mut first = sample::snapshot();
    first.connections = support::connection::connections();
    let agent = FakeAgent::start(Script {
        watches: vec![vec![Step::event(Event::Snapshot(first)), Step::Idle]],
        ..Script::default()
    });
    let fits = |args: &[&str]| assert_fits(&run(&agent.socket(), args).stdout);
    assert!(fits(&["ps", "-j", "-d"]).contains("sample"));
    assert!(fits(&["watch", "-j", "-d", "-n", "1", "--flatten"]).contains("row"));
    for by in ["user", "proto", "family", "remote", "interface"] {
        assert!(fits(&["ps", "-j", "-a", "-g", by]).contains("sample"));
        assert!(fits(&["watch", "-j", "-n", "1", "--flatten", "-g", by]).contains("group"));
    }
}

#[test]
fn unknown_numbers_fit() {
    for missing in reply::CAPABILITIES {
        let agent = FakeAgent::start(Script {
            agent: reply::agent_without(missing, "not here"),
            ..Script::default()
        });
        for scope in [
            &["-6"][..],
            &["--proto", "udp"],
            &["--loopback", "only"],
            &[],
        ] {
            let mut args = vec!["ps", "-j", "--state", "all", "-a"];
            args.extend(scope);
            assert_fits(&run(&agent.socket(), &args).stdout);
        }
        assert_fits(&run(&agent.socket(), &["status", "--json"]).stdout);
    }
}

#[test]
fn answers_of_the_history_fit() {
    let agent = FakeAgent::with_past(Past::default());
    let query = |args: &[&str]| {
        let mut all = vec!["query", "--since", "60s", "-f", "jsonl"];
        all.extend(args);
        assert_fits(&run(&agent.socket(), &all).stdout)
    };
    let kinds = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    for args in [
        &["-a"][..],
        &["-g", "unit"],
        &["--step", "10s", "--proto", "udp"],
    ] {
        assert_eq!(query(args), kinds(&["query", "step"]));
        let mut flat = args.to_vec();
        flat.push("--flatten");
        assert_eq!(query(&flat), kinds(&["past_row", "query"]));
    }
    let document = run(
        &agent.socket(),
        &["query", "--since", "60s", "-j", "--cmdline"],
    );
    assert_eq!(assert_fits(&document.stdout), kinds(&["query"]));
    // Peaks are not kept, the agent was away, nothing is known of its time.
    let old = FakeAgent::with_past(Past {
        kept: 10,
        gaps: vec![v1::HistoryGap::default()],
        ..Past::default()
    });
    let args = ["query", "--since", "60s", "-j", "-a", "--loopback", "only"];
    assert_fits(&run(&old.socket(), &args).stdout);
    let nothing = FakeAgent::with_past(Past {
        ticks: Vec::new(),
        ..Past::default()
    });
    assert_fits(&run(&nothing.socket(), &["query", "-f", "jsonl"]).stdout);
    assert_fits(&run(&nothing.socket(), &["query", "-j"]).stdout);
}

#[test]
fn traces_fit() {
    let steps = vec![
        packets::started(),
        packets::counts(1, 20, 5, false),
        packets::told(packets::events()),
        packets::told(vec![v1::PacketEvent {
            point: 99,
            ..v1::PacketEvent::default()
        }]),
        // An agent that does not say for how long it has counted, and whose counts go backwards.
        packets::Step::event(Packets::Statistics(v1::TraceStatistics::default())),
        packets::Step::Idle,
    ];
    let agent = FakeAgent::tracing(steps);
    let trace = |args: &[&str]| assert_fits(&run(&agent.socket(), args).stdout);
    let kinds = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(
        trace(&["trace", "-j", "-n", "6"]),
        kinds(&["bye", "hello", "notice", "trace", "trace_stats"])
    );
    assert_eq!(
        trace(&["trace", "-j", "-s", "-n", "2"]),
        kinds(&["bye", "hello", "trace_stats"])
    );
    assert_eq!(trace(&["status", "--json"]), kinds(&["status"]));
}

#[test]
fn the_past_of_a_stream_fits() {
    let agent = FakeAgent::with_past(Past::default());
    for more in [&["--idle", "-a"][..], &["-p", "21934"]] {
        let mut args = vec!["watch", "--since", "5s", "-j", "-n", "5"];
        args.extend(more);
        assert!(assert_fits(&run(&agent.socket(), &args).stdout).contains("sample"));
    }
}

#[test]
fn the_checker_finds_what_does_not_fit() {
    let schema = schema();
    for (text, expected) in [
        (r#"{"type":"bye","v":1}"#, "bye: no reason"),
        (r#"{"type":"bye","v":2,"reason":"x"}"#, "bye.v: 2 is not 1"),
        (
            r#"{"type":"bye","v":1,"reason":null}"#,
            r#"bye.reason: null is not ["string"]"#,
        ),
    ] {
        let value: Value = serde_json::from_str(text).unwrap();
        let mut errors = Vec::new();
        check(&schema, &schema["$defs"]["bye"], &value, "bye", &mut errors);
        assert_eq!(errors, [expected]);
    }
}
