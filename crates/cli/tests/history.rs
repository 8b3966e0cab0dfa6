//! What `netmon query` says about its answers on stderr, and its exit codes.

// Helpers of tests may panic as tests may.
#![allow(clippy::unwrap_used)]

mod support;

use std::io::BufRead as _;
use std::io::BufReader;

use netmon_api::v1;
use nix::sys::signal::kill;
use nix::sys::signal::Signal;
use nix::unistd::Pid;
use support::agent::FakeAgent;
use support::agent::Script;
use support::past::Past;
use support::program::run;
use support::reply;
use support::sample;
use support::sample::at;

fn agent() -> FakeAgent {
    FakeAgent::with_past(Past::default())
}

#[test]
fn a_window_older_than_the_history_is_told() {
    let agent = agent();
    for (since, note) in [
        (
            "17:50",
            "note: history starts at 17:55:05; the first 5m05s of the window have no data\n",
        ),
        (
            "3d",
            "netmon: --since 3d is older than the history (1m00s); using 1m00s\n",
        ),
    ] {
        for (strict, code) in [(false, 0), (true, 6)] {
            let mut args = vec!["query", "--since", since];
            args.extend(strict.then_some("--strict"));
            let outcome = run(&agent.socket(), &args);
            assert_eq!((outcome.code, outcome.stderr.as_str()), (code, note));
            assert!(outcome.stdout.contains("curl"));
        }
        let quiet = run(&agent.socket(), &["query", "--since", since, "-q"]);
        assert_eq!((quiet.code, quiet.stderr.as_str()), (0, ""));
    }
    let early = ["query", "--since", "17:50", "--until", "17:51"];
    let outcome = run(&agent.socket(), &early);
    assert_eq!(
        outcome.stderr,
        "note: history starts at 17:55:05; there are no data of this window\n"
    );
    assert_eq!(outcome.stdout.lines().count(), 1);
    assert!(outcome.stdout.starts_with("    PID USER "));
}

#[test]
fn nothing_found_is_an_error_only_when_asked_for() {
    let agent = agent();
    let args = [
        "query",
        "--since",
        "60s",
        "--name",
        "nobody",
        "--columns",
        "pid,name",
    ];
    let outcome = run(&agent.socket(), &args);
    assert_eq!(
        (
            outcome.code,
            outcome.stdout.as_str(),
            outcome.stderr.as_str()
        ),
        (0, "    PID COMMAND\n", "")
    );
    let mut strict = args.to_vec();
    strict.push("--strict");
    let outcome = run(&agent.socket(), &strict);
    assert_eq!(
        (outcome.code, outcome.stderr.as_str()),
        (6, "netmon: nothing matches in this window\n")
    );
    let found = ["query", "--since", "60s", "--strict"];
    assert_eq!(run(&agent.socket(), &found).code, 0);
}

#[test]
fn what_is_wrong_with_an_answer_is_told() {
    let mut past = Past {
        gaps: vec![
            v1::HistoryGap {
                from: at(-40),
                to: at(-30),
                counters_kept: true,
            },
            v1::HistoryGap {
                from: at(-20),
                to: at(-10),
                counters_kept: false,
            },
        ],
        lower_bound: true,
        damaged: 2,
        ..Past::default()
    };
    past.ticks.remove(5);
    let agent = FakeAgent::with_past(past);
    let outcome = run(&agent.socket(), &["query", "--since", "60s"]);
    assert_eq!(
        outcome.stderr,
        "note: no agent ran from 17:55:25 to 17:55:35; \
         the kernel went on counting, its bytes are in the answer as one tick\n\
         note: no agent ran from 17:55:45 to 17:55:55; what moved then is not known\n\
         note: 1 of 60 ticks are missing; their bytes are not in the answer\n\
         note: 2 damaged parts of the history were skipped\n\
         note: events were lost in this window: its numbers are lower bounds\n"
    );
    assert!(outcome.stdout.contains('≥'), "{}", outcome.stdout);
}

#[test]
fn what_is_not_counted_is_not_shown_as_zero() {
    let agent = FakeAgent::start(Script {
        agent: reply::agent_without("udp_rx", "no such tracepoint"),
        past: Some(Past::default()),
        ..Script::default()
    });
    let args = [
        "query",
        "--since",
        "60s",
        "-f",
        "csv",
        "--top",
        "1",
        "--no-header",
        "--columns",
        "pid,rx_bytes,tx_bytes,rx,tx,peak,share",
    ];
    let outcome = run(&agent.socket(), &args);
    assert_eq!(outcome.stdout, "21934,,15000,,250,,\n");
    assert!(
        outcome.stderr.contains("udp_rx is not counted"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn an_agent_without_history_is_told_apart() {
    let agent = FakeAgent::usual();
    for (args, what) in [
        (&["query"][..], "query"),
        (&["watch", "--since", "1m"], "--since"),
    ] {
        let outcome = run(&agent.socket(), args);
        assert_eq!(outcome.code, 9, "{}", outcome.stderr);
        let start = format!("netmon: {what} is not possible: this agent keeps no history\n");
        assert!(outcome.stderr.starts_with(&start), "{}", outcome.stderr);
    }
}

#[test]
fn long_answers_come_in_parts_and_broken_ones_fail() {
    let past = Past {
        part: 1,
        ..Past::default()
    };
    let whole = FakeAgent::with_past(past.clone());
    let args = ["query", "--since", "60s", "--step", "30s", "-f", "csv"];
    assert_eq!(
        run(&whole.socket(), &args).stdout,
        run(&agent().socket(), &args).stdout
    );
    let cut = FakeAgent::with_past(Past { cut: 5, ..past });
    let outcome = run(&cut.socket(), &args);
    assert_eq!(outcome.code, 3);
    assert!(
        outcome.stderr.contains(": the answer is incomplete\n"),
        "{}",
        outcome.stderr
    );
    // The first step was complete: four rows and the header.
    assert_eq!(outcome.stdout.lines().count(), 5, "{}", outcome.stdout);
}

#[test]
fn a_process_that_ended_later_still_ran() {
    let mut past = Past::default();
    past.processes[1] = sample::end(1187, "nginx", 273_600, sample::code(-20, 0));
    let agent = FakeAgent::with_past(past);
    let args = [
        "query",
        "--since",
        "60s",
        "--step",
        "30s",
        "-p",
        "1187",
        "-f",
        "csv",
        "--columns",
        "state",
        "--no-header",
    ];
    assert_eq!(run(&agent.socket(), &args).stdout, "live\nexited\n");
}

#[test]
fn wrong_options_are_refused_before_the_agent_is_asked() {
    let nowhere = std::path::Path::new("/nonexistent/agent.sock");
    for args in [
        &["--since", "tomorrow"][..],
        &["--until", "24:00"],
        &["--at", "10"],
        &["--at", "1m", "--since", "2m"],
        &["--at", "1m", "--until", "2m"],
        &["--at", "1m", "--step", "10s"],
        &["--step", "0s"],
        &["--step", "often"],
        &["-g", "planet"],
        &["-g", "user", "--columns", "pid"],
        &["-g", "user", "--sort", "pid"],
        &["-g", "user", "--cmdline"],
        &["--columns", "group"],
        &["--sort", "conns"],
        &["--step", "10s", "--top", "3", "--sort", "name"],
        &["-f", "compat:nethogs"],
        &["-f", "csv", "-j"],
        &["--flatten"],
        &["-j", "--columns", "pid"],
        &["--csv-spreadsheet"],
    ] {
        let mut all = vec!["query"];
        all.extend(args);
        let outcome = run(nowhere, &all);
        assert_eq!(outcome.code, 2, "{args:?}: {}", outcome.stderr);
        assert_eq!(outcome.stdout, "", "{args:?}");
    }
    for (args, message) in [
        (
            ["--since", "1m", "--until", "2m"],
            "netmon: --since 1m is not before --until 2m\n",
        ),
        (
            ["--since", "2026-11-21", "--until", "now"],
            "netmon: --since 2026-11-21 is not before --until now\n",
        ),
        (
            ["--since", "1m", "--until", "start"],
            "netmon: --until start: there is nothing before the start\n",
        ),
    ] {
        let mut all = vec!["query"];
        all.extend(args);
        let outcome = run(&agent().socket(), &all);
        assert_eq!((outcome.code, outcome.stderr.as_str()), (2, message));
    }
}

#[test]
fn a_signal_ends_an_answer_with_whole_lines() {
    let mut past = Past::default();
    let ticks = past.ticks.clone();
    for round in 1..50 {
        past.ticks
            .extend(ticks.iter().map(|tick| support::past::Tick {
                seq: tick.seq + round * 60,
                end: tick.end + i64::try_from(round).unwrap() * 60,
                ..tick.clone()
            }));
    }
    let agent = FakeAgent::with_past(past);
    let args = [
        "query", "--since", "start", "--step", "1s", "-f", "jsonl", "-q",
    ];
    let mut child = support::program::command(&agent.socket(), &args)
        .spawn()
        .unwrap();
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    let mut first = String::new();
    reader.read_line(&mut first).unwrap();
    assert!(first.starts_with("{\"type\":\"query\""), "{first}");
    // The pipe is full long before the end of the answer.
    let pid = Pid::from_raw(child.id().try_into().unwrap());
    kill(pid, Signal::SIGINT).unwrap();
    let rest: Vec<_> = reader.lines().map(Result::unwrap).collect();
    assert_eq!(support::program::finish(child).code, 130);
    assert!(rest.len() < 3000, "{}", rest.len());
    assert!(
        rest.iter().all(|line| line.ends_with('}')),
        "{:?}",
        rest.last()
    );
}
