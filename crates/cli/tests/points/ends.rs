//! How a trace ends, and what is told of it then.

use std::io::BufRead as _;
use std::io::BufReader;
use std::process::Child;

use nix::sys::signal::kill;
use nix::sys::signal::Signal;
use nix::unistd::Pid;

use super::trace;
use super::with;
use super::MISSING;
use crate::support::agent::FakeAgent;
use crate::support::packets;
use crate::support::packets::Step;
use crate::support::program::command;
use crate::support::program::finish;
use crate::support::program::run;
use crate::support::program::Outcome;

#[test]
fn what_was_not_printed_is_told() {
    let steps = vec![
        packets::started(),
        packets::told(packets::events()),
        packets::counts(1, 20, 15, false),
        packets::counts(2, 20, 15, false),
        packets::told(packets::events()),
        Step::Idle,
    ];
    let outcome = with(steps, &["-n", "10", "--rate", "5"]);
    assert_eq!(
        outcome.stderr,
        format!(
            "{MISSING}netmon: more than 5 events/s: the rest is counted, not shown (--rate allows \
             more)\nnetmon: of 200 events: printed 10 / suppressed by rate limit 150 / lost in \
             the ring 0\n"
        )
    );
}

// Runs it until it has printed `lines`, sends a signal, and waits for its end.
fn interrupted(args: &[&str], lines: usize, signal: Signal) -> (String, Outcome) {
    let agent = FakeAgent::tracing(packets::usual());
    let mut all = vec!["trace"];
    all.extend(args);
    let mut child = command(&agent.socket(), &all).spawn().unwrap();
    let first = read_lines(&mut child, lines);
    kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), signal).unwrap();
    (first, finish(child))
}

fn read_lines(child: &mut Child, count: usize) -> String {
    let mut reader = BufReader::with_capacity(1, child.stdout.take().unwrap());
    let mut text = String::new();
    for _ in 0..count {
        reader.read_line(&mut text).unwrap();
    }
    child.stdout = Some(reader.into_inner());
    text
}

#[test]
fn a_signal_ends_it_after_the_last_counts() {
    for (signal, code, reason) in [
        (Signal::SIGINT, 130, "interrupted"),
        (Signal::SIGTERM, 143, "terminated"),
    ] {
        let (first, rest) = interrupted(&["-j"], 6, signal);
        assert!(
            first.lines().all(|line| line.starts_with("{\"type\":")),
            "{first}"
        );
        assert_eq!(rest.code, code);
        let last: Vec<_> = rest.stdout.lines().collect();
        assert!(
            last[last.len() - 2].starts_with(r#"{"type":"trace_stats","v":1,"#),
            "{last:?}"
        );
        assert!(last[last.len() - 2].contains(r#""total":true,"#));
        assert_eq!(
            *last.last().unwrap(),
            format!(r#"{{"type":"bye","v":1,"reason":"{reason}"}}"#)
        );
    }
    let (_, rest) = interrupted(&["-s"], 1, Signal::SIGINT);
    assert_eq!(rest.code, 130);
    assert!(rest.stdout.contains("--- in all ("), "{}", rest.stdout);
}

#[test]
fn a_duration_ends_it() {
    // The agent ends it, after the last event, with the last counts.
    let steps = vec![
        packets::started(),
        packets::counts(1, 4, 1, false),
        packets::told(packets::events()),
        packets::counts(2, 4, 1, true),
    ];
    let agent = FakeAgent::tracing(steps);
    let outcome = run(&agent.socket(), &["trace", "-t", "1m", "-j"]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert_eq!(agent.traces()[0].duration_ns, Some(60_000_000_000));
    let last: Vec<_> = outcome.stdout.lines().rev().take(2).collect();
    assert!(
        last[1].contains(r#""interval_s":2.0,"total":true,"events":40,"#),
        "{last:?}"
    );
    assert!(last[0].contains(r#""reason":"duration""#));
    // One that does not is left, whether it says something or not.
    let outcome = trace(&["-t", "300ms", "-f", "csv"]);
    assert_eq!((outcome.code, outcome.stdout.lines().count()), (0, 6));
    let silent = vec![
        packets::started(),
        packets::told(packets::events()),
        Step::Idle,
    ];
    let outcome = with(silent, &["-t", "100ms", "-f", "csv"]);
    assert_eq!((outcome.code, outcome.stdout.lines().count()), (0, 6));
}

#[test]
fn nobody_left_to_read_is_no_error() {
    let agent = FakeAgent::tracing(packets::usual());
    let mut child = command(&agent.socket(), &["trace", "-s", "-q"])
        .spawn()
        .unwrap();
    read_lines(&mut child, 1);
    drop(child.stdout.take());
    let outcome = finish(child);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""));
}

#[test]
fn an_agent_that_ends_is_told_of() {
    let steps = vec![
        packets::started(),
        packets::told(packets::events()),
        packets::counts(1, 1, 0, true),
    ];
    let outcome = with(steps, &["-j"]);
    assert_eq!(outcome.code, 3);
    assert!(
        outcome.stderr.contains("it ended the stream"),
        "{}",
        outcome.stderr
    );
    let last: Vec<_> = outcome.stdout.lines().rev().take(2).collect();
    assert!(last[1].contains(r#""total":true,"interval_s""#) || last[1].contains("trace_stats"));
    assert!(last[0].contains("agent_gone"));
    let steps = vec![
        packets::started(),
        Step::Fail(tonic::Status::unavailable("the agent is shutting down")),
    ];
    let outcome = with(steps, &[]);
    assert_eq!(outcome.code, 3);
    assert!(outcome.stderr.contains("the agent is shutting down"));
}
