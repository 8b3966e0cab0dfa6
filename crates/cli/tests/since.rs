//! `netmon watch --since`: the past, then the stream, without a doubled or missing tick.

// Helpers of tests may panic as tests may.
#![allow(clippy::unwrap_used)]

mod support;

use netmon_api::v1;
use netmon_api::v1::watch_traffic_response::Event;
use serde_json::Value;
use support::agent::FakeAgent;
use support::agent::Script;
use support::agent::Step;
use support::past::Past;
use support::program::run;
use support::program::Outcome;
use support::sample;
use support::sample::at;

// The stream begins with this tick and goes on with the next.
fn agent(past: Past, first: u64) -> FakeAgent {
    let end = i64::try_from(first).unwrap() - 600;
    let snapshot = v1::Snapshot {
        tick: Some(v1::Tick {
            flows: sample::snapshot().tick.unwrap().flows,
            ..sample::tick(first, end)
        }),
        ..sample::snapshot()
    };
    FakeAgent::start(Script {
        past: Some(past),
        watches: vec![vec![
            Step::event(Event::Snapshot(snapshot)),
            Step::event(Event::Update(sample::update(
                first + 1,
                end + 1,
                1,
                2_418_018_305,
            ))),
            Step::Idle,
        ]],
        ..Script::default()
    })
}

// With ticks up to this one.
fn past(newest: u64) -> Past {
    let mut past = Past::default();
    for seq in 601..=newest {
        let mut tick = past.ticks[0].clone();
        tick.seq = seq;
        tick.end = i64::try_from(seq).unwrap() - 600;
        past.ticks.push(tick);
    }
    past
}

fn watch(agent: &FakeAgent, args: &[&str]) -> Outcome {
    let mut all = vec!["watch", "--since"];
    all.extend(args);
    let outcome = run(&agent.socket(), &all);
    assert_eq!(outcome.code, 0, "{args:?}: {}", outcome.stderr);
    outcome
}

// Kind and number of every line between the first and the last.
fn lines(text: &str) -> Vec<String> {
    let values = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    values
        .filter_map(|value| match value["type"].as_str().unwrap() {
            "sample" => Some(value["seq"].to_string()),
            "gap" => Some(format!(
                "gap {}-{} {}",
                value["from_seq"],
                value["to_seq"],
                value["reason"].as_str().unwrap()
            )),
            "exit" => Some(format!("exit {}", value["row"]["pid"])),
            _ => None,
        })
        .collect()
}

#[test]
fn the_past_and_the_stream_are_one() {
    for (newest, late, first, questions) in [
        // The stream begins with the tick that came last, with the next one, or later.
        (600, 0, 600, 1),
        (600, 0, 601, 1),
        (602, 2, 603, 2),
        (602, 1, 601, 1),
        // Nothing was kept when the past was asked for.
        (600, 60, 601, 2),
    ] {
        let past = Past {
            late,
            ..past(newest)
        };
        let agent = agent(past, first);
        let count = (first + 2 - 597).to_string();
        let outcome = watch(&agent, &["4s", "-j", "-n", &count]);
        let expected: Vec<_> = (597..=first + 1).map(|seq| seq.to_string()).collect();
        assert_eq!(lines(&outcome.stdout), expected, "{newest} {late} {first}");
        assert_eq!(
            agent.questions().len(),
            questions,
            "{newest} {late} {first}"
        );
        assert_eq!(agent.questions()[0].since, at(-4));
        if first == 603 {
            assert_eq!(agent.questions()[1].since, at(0));
        }
        assert_eq!(agent.questions()[0].step_ns, 1_000_000_000);
    }
}

#[test]
fn ticks_that_are_lost_are_told() {
    let mut holes = past(600);
    holes.ticks.retain(|tick| ![598, 599].contains(&tick.seq));
    let agent = agent(holes, 603);
    let outcome = watch(&agent, &["4s", "-j", "-n", "4"]);
    assert_eq!(
        lines(&outcome.stdout),
        [
            "597",
            "gap 598-599 agent_loss",
            "600",
            "gap 601-602 agent_loss",
            "603",
            "604"
        ]
    );
    assert!(
        outcome
            .stderr
            .contains("-- the agent has lost ticks, ticks 598 to 599 missing --\n"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn an_interval_without_an_agent_is_a_gap() {
    let past = Past {
        gaps: vec![v1::HistoryGap {
            from: at(-3),
            to: at(-2),
            counters_kept: true,
        }],
        ..past(600)
    };
    let agent = agent(past, 601);
    let outcome = watch(&agent, &["4s", "-j", "-n", "5"]);
    assert_eq!(
        lines(&outcome.stdout),
        [
            "597",
            "gap 598-597 agent_restart",
            "598",
            "599",
            "600",
            "601"
        ]
    );
    assert!(outcome
        .stderr
        .contains("-- agent restarted, 1 s missing --"));
}

#[test]
fn ends_of_processes_are_told_once() {
    let agent = agent(past(600), 601);
    let outcome = watch(&agent, &["60s", "-j", "-n", "62", "--top", "0"]);
    let exits: Vec<_> = lines(&outcome.stdout)
        .into_iter()
        .filter(|line| line.starts_with("exit"))
        .collect();
    // That of 29881 was before. In the tick of its end the other one still moved bytes.
    assert_eq!(exits, ["exit 31702"]);
    // That of 29881 is not in the past: it moved nothing any more. The stream knows it.
    let outcome = watch(&agent, &["200s", "-j", "-n", "61", "--top", "0"]);
    let all = lines(&outcome.stdout);
    assert_eq!(all.last().map(String::as_str), Some("exit 29881"));
    assert_eq!(
        all.iter().filter(|line| line.starts_with("exit")).count(),
        2
    );
    // From the start on means since the history begins.
    let outcome = watch(&agent, &["start", "-j", "-n", "61", "--top", "0"]);
    let all = lines(&outcome.stdout);
    let exits: Vec<_> = all.iter().filter(|line| line.starts_with("exit")).collect();
    assert_eq!(exits, ["exit 31702"]);
}

#[test]
fn rows_of_the_past_are_those_of_the_tick() {
    let agent = agent(past(600), 601);
    let columns = "time,pid,rx_tick,rx,tx,rx_total,share,peak";
    let args = [
        "2s",
        "-n",
        "2",
        "-f",
        "csv",
        "--columns",
        columns,
        "--no-header",
    ];
    assert_eq!(
        watch(&agent, &args).stdout,
        "2026-11-20T17:56:04.000Z,21934,100058,100058,500,1073741824,96.1,\n\
         2026-11-20T17:56:04.000Z,1187,1010,1010,3020,1073741824,3.9,\n\
         2026-11-20T17:56:05.000Z,1187,1010,1010,3020,1073741824,100.0,\n"
    );
    let args = ["2s", "-n", "1", "--columns", "pid,name,rx,total"];
    insta::assert_snapshot!(watch(&agent, &args).stdout);
}

#[test]
fn options_of_a_stream_apply_to_its_past() {
    let agent = agent(past(600), 601);
    let args = [
        "60s",
        "-n",
        "6",
        "--interval",
        "10s",
        "-f",
        "csv",
        "--top",
        "1",
    ];
    let mut all = args.to_vec();
    all.extend(["--columns", "interval,rx_tick", "--no-header"]);
    let text = watch(&agent, &all).stdout;
    assert_eq!(text.lines().count(), 6);
    assert!(text.starts_with("10.000,500020\n"), "{text}");
    let selected = watch(&agent, &["2s", "-n", "2", "-p", "744,1187", "-j"]);
    let first: Value = serde_json::from_str(selected.stdout.lines().nth(1).unwrap()).unwrap();
    // Rows without bytes too, and nothing about processes that were not asked for.
    assert_eq!(first["rows"].as_array().unwrap().len(), 2);
    assert_eq!(first["totals"]["rx_bytes"], Value::Null);
    assert!(agent.questions().iter().any(|question| question.idle));
    assert!(!agent.questions()[0].idle);
    let udp = watch(
        &agent,
        &[
            "60s",
            "-n",
            "1",
            "--proto",
            "udp",
            "-f",
            "csv",
            "--columns",
            "pid",
        ],
    );
    assert_eq!(udp.stdout, "pid\n744\n");
}

#[test]
fn a_past_older_than_the_history_is_told() {
    let agent = agent(past(600), 601);
    let outcome = watch(&agent, &["3d", "-n", "1"]);
    assert_eq!(
        outcome.stderr,
        "netmon: --since 3d is older than the history (1m00s); using 1m00s\n"
    );
    let outcome = watch(&agent, &["start", "-n", "1"]);
    assert_eq!(outcome.stderr, "");
}
