//! What options do to the output: order, columns, units, times, files, events.

// Helpers of tests may panic as tests may.
#![allow(clippy::unwrap_used)]

mod support;

use netmon_api::v1;
use netmon_api::v1::watch_traffic_response::Event;
use support::agent::FakeAgent;
use support::agent::Script;
use support::agent::Step;
use support::program::printed;
use support::sample;

#[test]
fn a_file_gets_what_stdout_would_get() {
    let agent = FakeAgent::usual();
    let file = agent.directory().join("out.csv");
    let text = printed(&agent, &["ps", "-f", "csv", "-o", file.to_str().unwrap()]);
    assert_eq!(text, "");
    assert_eq!(
        std::fs::read_to_string(file).unwrap(),
        printed(&agent, &["ps", "-f", "csv"])
    );
}

#[test]
fn ticks_are_asked_for_with_the_selection() {
    let agent = FakeAgent::three_ticks();
    printed(
        &agent,
        &[
            "watch",
            "-n",
            "1",
            "-p",
            "21934,1187",
            "--name",
            "c*,n*",
            "-u",
            "root",
        ],
    );
    let filter = agent.requests()[0].filter.clone().unwrap();
    assert_eq!(
        filter,
        v1::Filter {
            pids: vec![21934, 1187],
            names: vec!["c*".to_owned(), "n*".to_owned()],
            uids: vec![0],
            states: Vec::new(),
            ..v1::Filter::default()
        }
    );
}

#[test]
fn lower_bounds_are_marked() {
    let mut list = sample::snapshot();
    list.tick.as_mut().unwrap().lower_bound = true;
    let agent = FakeAgent::start(Script {
        list,
        ..Script::default()
    });
    let text = printed(&agent, &["ps", "--top", "1"]);
    assert!(text.contains("≥8.90MiB"), "{text}");
    let mut ascii = support::program::command(&agent.socket(), &["ps", "--top", "1"]);
    let text = support::program::finish(ascii.env("LC_ALL", "C").spawn().unwrap()).stdout;
    assert!(text.is_ascii() && text.contains(">=8.90MiB"), "{text}");
}

#[test]
fn the_end_of_a_process_is_an_event() {
    let mut update = sample::update(601, 1, 5000, 2_418_023_304);
    update
        .processes
        .push(sample::end(21934, "curl", 187, sample::code(1, 0)));
    let agent = FakeAgent::start(Script {
        watches: vec![vec![
            Step::event(Event::Snapshot(sample::snapshot())),
            Step::event(Event::Update(update)),
            Step::Idle,
        ]],
        ..Script::default()
    });
    let text = printed(&agent, &["watch", "-n", "2", "--events", "--top", "1"]);
    assert!(
        text.ends_with(
            "-- 21934 curl ended at 17:56:06 after 3m08s, exit 0: RX 2.25GiB, TX 59.4MiB --\n"
        ),
        "{text}"
    );
    let text = printed(&agent, &["watch", "-n", "2", "-j"]);
    let exits = text
        .lines()
        .filter(|line| line.starts_with(r#"{"type":"exit""#))
        .count();
    assert_eq!(exits, 1);
}

#[test]
fn top_in_batch_mode_is_a_watch() {
    let agent = FakeAgent::three_ticks();
    assert_eq!(
        printed(&agent, &["top", "-b", "-n", "2"]),
        printed(&agent, &["watch", "-n", "2"])
    );
}

#[test]
fn a_spreadsheet_is_not_given_formulas() {
    let mut list = sample::snapshot();
    list.processes[0].name = "=cmd|'/C calc'!A0, \"x\"".to_owned();
    let agent = FakeAgent::start(Script {
        list,
        ..Script::default()
    });
    let args = [
        "ps",
        "-f",
        "csv",
        "--top",
        "1",
        "--columns",
        "name",
        "--no-header",
    ];
    let plain = "\"=cmd|'/C calc'!A0, \"\"x\"\"\"\n";
    assert_eq!(printed(&agent, &args), plain);
    let mut guarded = args.to_vec();
    guarded.push("--csv-spreadsheet");
    assert_eq!(printed(&agent, &guarded), plain.replacen('=', "'=", 1));
}

#[test]
fn times_come_in_the_form_asked_for() {
    let agent = FakeAgent::usual();
    for (format, expected) in [
        ("utc", "2026-11-20 17:56:05\n"),
        ("iso", "2026-11-20T17:56:05.000Z\n"),
        ("unix", "1795197365.000\n"),
    ] {
        let args = [
            "--time",
            format,
            "ps",
            "-f",
            "csv",
            "--top",
            "1",
            "--columns",
            "time",
            "--no-header",
        ];
        assert_eq!(printed(&agent, &args), expected);
    }
}

#[test]
fn rates_turn_into_bits_and_totals_do_not() {
    let columns = "rx,rx_total";
    let args = [
        "--units",
        "bits",
        "ps",
        "--top",
        "1",
        "--columns",
        columns,
        "--no-header",
    ];
    let text = printed(&FakeAgent::usual(), &args);
    assert_eq!(text.lines().next(), Some("  74.7Mb  2.25GiB"));
}

#[test]
fn any_column_sorts_from_both_ends() {
    let agent = FakeAgent::usual();
    for (key, first) in [
        ("rate", "21934"),
        ("tx", "1187"),
        ("tx:asc", "602"),
        ("pid", "602"),
        ("pid:desc", "21934"),
        ("name", "3003"),
        ("conns", "1187"),
        ("age:asc", "3003"),
        ("total", "1187"),
    ] {
        let args = [
            "ps",
            "-f",
            "csv",
            "--sort",
            key,
            "--top",
            "1",
            "--columns",
            "pid",
            "--no-header",
        ];
        assert_eq!(printed(&agent, &args).trim_end(), first, "{key}");
    }
}

#[test]
fn a_long_snapshot_comes_in_parts() {
    let part = |pids: std::ops::Range<u32>, last| {
        let mut part = v1::Snapshot {
            processes: Vec::new(),
            rows: Vec::new(),
            last,
            ..sample::snapshot()
        };
        for pid in pids {
            part.processes.push(sample::process(pid, "many", 60));
            part.rows.push(v1::Row {
                id: Some(sample::id(pid)),
                flows: vec![sample::flow(sample::Kind::Tcp4, (1, 1), (1, 1))],
                ..v1::Row::default()
            });
        }
        Step::event(Event::Snapshot(part))
    };
    let agent = FakeAgent::start(Script {
        watches: vec![vec![
            part(1..513, false),
            part(513..1025, false),
            part(1025..1200, true),
            Step::Idle,
        ]],
        ..Script::default()
    });
    let args = ["watch", "-n", "1", "-f", "csv", "--no-header"];
    assert_eq!(printed(&agent, &args).lines().count(), 1199);
}
