//! How a stream lives and ends: lost agents, gaps, signals, readers that leave.
// Helpers of tests may panic as tests may.
#![allow(clippy::unwrap_used)]

mod support;

use std::io::BufRead as _;
use std::io::BufReader;
use std::process::Child;
use std::time::Duration;
use std::time::Instant;

use netmon_api::v1;
use netmon_api::v1::watch_traffic_response::Event;
use nix::sys::signal::kill;
use nix::sys::signal::Signal;
use nix::unistd::Pid;
use support::agent::FakeAgent;
use support::agent::Script;
use support::agent::Step;
use support::program::command;
use support::program::finish;
use support::program::run;
use support::sample;

fn agent(watches: Vec<Vec<Step>>) -> FakeAgent {
    FakeAgent::start(Script {
        watches,
        ..Script::default()
    })
}

fn snapshot_at(seq: u64, seconds: i64) -> v1::Snapshot {
    v1::Snapshot {
        tick: Some(sample::tick(seq, seconds)),
        ..sample::snapshot()
    }
}

fn gap(reason: v1::GapReason, counters_kept: bool) -> v1::Gap {
    v1::Gap {
        from_seq: 601,
        to_seq: 609,
        from_time: sample::at(0),
        to_time: sample::at(9),
        reason: reason.into(),
        counters_kept,
    }
}

fn broken_after(step: Step) -> Vec<Vec<Step>> {
    vec![
        vec![Step::event(Event::Snapshot(sample::snapshot())), step],
        vec![
            Step::event(Event::Gap(gap(v1::GapReason::AgentRestart, true))),
            Step::event(Event::Snapshot(snapshot_at(610, 10))),
            Step::Idle,
        ],
    ]
}

#[test]
fn a_lost_agent_is_found_again_and_the_gap_is_told() {
    for broken in [
        Step::Fail(tonic::Status::unavailable("shutting down")),
        Step::Fail(tonic::Status::unknown("h2 protocol error")),
    ] {
        let agent = agent(broken_after(broken));
        let outcome = run(&agent.socket(), &["watch", "-j", "-n", "2", "--top", "0"]);
        assert_eq!(outcome.code, 0, "{}", outcome.stderr);
        let kinds: Vec<_> = outcome
            .stdout
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
            .map(|line| line["type"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(
            kinds,
            ["hello", "sample", "notice", "notice", "gap", "sample", "bye"],
            "{}",
            outcome.stdout
        );
        assert!(
            outcome.stdout.contains(
                r#"{"type":"gap","v":1,"from_seq":601,"to_seq":609,"from":"2026-11-20T17:56:05.000Z","to":"2026-11-20T17:56:14.000Z","reason":"agent_restart","counters_kept":true}"#
            ),
            "{}",
            outcome.stdout
        );
        assert!(outcome
            .stderr
            .contains("-- agent restarted, 9 s missing --\n"));
        let requests = agent.requests();
        assert_eq!(requests[0].since_seq, None);
        assert_eq!(requests[1].since_seq, Some(600));
        assert_eq!(requests[1].since_instance_id.as_deref(), Some("f3a1"));
    }
}

#[test]
fn a_tick_that_was_printed_is_not_printed_again() {
    let same = Step::event(Event::Snapshot(sample::snapshot()));
    let agent = agent(vec![
        vec![same.clone(), Step::Fail(tonic::Status::unavailable("bye"))],
        vec![
            same,
            Step::event(Event::Update(sample::update(601, 1, 1, 2_418_018_305))),
            Step::Idle,
        ],
    ]);
    let outcome = run(
        &agent.socket(),
        &[
            "watch",
            "-n",
            "2",
            "-f",
            "csv",
            "--columns",
            "time",
            "--no-header",
            "--top",
            "1",
            "-q",
        ],
    );
    assert_eq!(
        outcome.stdout,
        "2026-11-20T17:56:05.000Z\n2026-11-20T17:56:06.000Z\n"
    );
    assert_eq!(outcome.stderr, "");
}

#[test]
fn without_reconnect_the_end_of_the_agent_is_the_end() {
    let agent = agent(broken_after(Step::Fail(tonic::Status::unavailable(
        "shutting down",
    ))));
    let outcome = run(
        &agent.socket(),
        &["watch", "-j", "--no-reconnect", "--top", "0"],
    );
    assert_eq!(outcome.code, 8);
    assert!(outcome
        .stdout
        .ends_with("{\"type\":\"bye\",\"v\":1,\"reason\":\"agent_gone\"}\n"));
    let start = "netmon: the agent ended the stream: lost the agent at ";
    assert!(outcome.stderr.starts_with(start), "{}", outcome.stderr);
    assert!(
        outcome.stderr.ends_with(": shutting down\n"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn a_stream_ends_after_its_time() {
    let outcome = run(
        &FakeAgent::usual().socket(),
        &["watch", "-t", "300ms", "-j"],
    );
    assert_eq!(outcome.code, 0);
    assert!(outcome
        .stdout
        .ends_with("{\"type\":\"bye\",\"v\":1,\"reason\":\"duration\"}\n"));
}

#[test]
fn what_was_collected_is_printed_at_the_end() {
    let agent = agent(vec![sample::three_ticks()]);
    let outcome = run(
        &agent.socket(),
        &[
            "watch",
            "-t",
            "500ms",
            "--interval",
            "1m",
            "-f",
            "csv",
            "--top",
            "1",
            "--columns",
            "interval,rx_tick",
        ],
    );
    assert_eq!(outcome.stdout, "interval_s,rx_bytes\n3.000,12332326\n");
}

// Reads the first line, which shows that the program is on its way.
fn started(child: &mut Child) -> BufReader<std::process::ChildStdout> {
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    assert!(!line.is_empty());
    reader
}

#[test]
fn signals_end_a_stream_with_whole_lines() {
    for (signal, code, reason) in [
        (Signal::SIGINT, 130, "interrupted"),
        (Signal::SIGTERM, 143, "terminated"),
    ] {
        let agent = FakeAgent::usual();
        let mut child = command(&agent.socket(), &["watch", "-j"]).spawn().unwrap();
        let reader = started(&mut child);
        kill(Pid::from_raw(child.id().try_into().unwrap()), signal).unwrap();
        let rest: Vec<_> = reader.lines().map(Result::unwrap).collect();
        assert_eq!(finish(child).code, code);
        let last = rest.last().unwrap();
        assert_eq!(
            last,
            &format!(r#"{{"type":"bye","v":1,"reason":"{reason}"}}"#)
        );
    }
}

#[test]
fn a_signal_ends_a_stream_that_nobody_reads() {
    let mut steps = vec![Step::event(Event::Snapshot(sample::snapshot()))];
    steps.extend((601..1600).map(|seq| {
        let seconds = i64::try_from(seq).unwrap() - 600;
        Step::event(Event::Update(sample::update(
            seq,
            seconds,
            1,
            2_418_018_304 + seq,
        )))
    }));
    steps.push(Step::Idle);
    let agent = agent(vec![steps]);
    let mut child = command(&agent.socket(), &["watch", "-j", "--idle"])
        .spawn()
        .unwrap();
    let _unread = started(&mut child);
    let begun = Instant::now();
    std::thread::sleep(Duration::from_millis(300));
    kill(
        Pid::from_raw(child.id().try_into().unwrap()),
        Signal::SIGTERM,
    )
    .unwrap();
    assert_eq!(finish(child).code, 143);
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let watches = vec![sample::three_ticks()];
    for args in [&["watch", "-j"][..], &["watch"], &["watch", "-f", "csv"]] {
        let agent = agent(watches.clone());
        let mut child = command(&agent.socket(), args).spawn().unwrap();
        drop(child.stdout.take());
        let outcome = finish(child);
        assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""), "{args:?}");
    }
    let agent = FakeAgent::usual();
    for args in [
        &["ps"][..],
        &["status"],
        &["completions", "bash"],
        &["version"],
    ] {
        let mut child = command(&agent.socket(), args).spawn().unwrap();
        drop(child.stdout.take());
        let outcome = finish(child);
        assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""), "{args:?}");
    }
}

#[test]
fn a_process_dropped_on_the_way_keeps_its_bytes_in_the_step() {
    let mut forgetful = sample::update(601, 1, 1000, 2_418_019_304);
    forgetful.rows.clear();
    forgetful.forgotten.push(sample::id(21934));
    let agent = agent(vec![vec![
        Step::event(Event::Snapshot(sample::snapshot())),
        Step::event(Event::Update(forgetful)),
        Step::Idle,
    ]]);
    let outcome = run(
        &agent.socket(),
        &[
            "watch",
            "--interval",
            "2s",
            "-n",
            "1",
            "-f",
            "csv",
            "--top",
            "1",
            "--columns",
            "pid,rx_tick",
            "--no-header",
        ],
    );
    assert_eq!(outcome.stdout, "21934,9332326\n");
}
