//! What options of `netmon query` do to the question and to its answer.

// Helpers of tests may panic as tests may.
#![allow(clippy::unwrap_used)]

mod support;

use netmon_api::v1;
use support::agent::FakeAgent;
use support::past::Past;
use support::program::run;
use support::program::Outcome;
use support::sample::at;

const WINDOW: [&str; 6] = [
    "-f",
    "csv",
    "--no-header",
    "--columns",
    "pid,rx_bytes",
    "-q",
];

fn agent() -> FakeAgent {
    FakeAgent::with_past(Past::default())
}

// One question, and the outcome.
fn asked(args: &[&str]) -> (v1::QueryHistoryRequest, Outcome) {
    let agent = agent();
    let mut all = vec!["query"];
    all.extend(args);
    let outcome = run(&agent.socket(), &all);
    assert_eq!(outcome.code, 0, "{args:?}: {}", outcome.stderr);
    (agent.questions().pop().unwrap(), outcome)
}

// The rows of a minute, pid and bytes received.
fn rows(args: &[&str]) -> String {
    let mut all = vec!["--since", "60s"];
    all.extend(WINDOW);
    all.extend(args);
    asked(&all).1.stdout
}

#[test]
fn a_window_is_ten_minutes_unless_asked_otherwise() {
    for (args, since, until) in [
        (&[][..], at(-600), None),
        (&["--since", "60s"], at(-60), None),
        (&["--since", "-60s", "--until", "now"], at(-60), None),
        (
            &["--since", "17:55", "--until", "17:55:30"],
            at(-65),
            at(-35),
        ),
        (&["--until", "17:55:30"], at(-635), at(-35)),
        (&["--since", "start"], None, None),
        (&["--since", "2026-11-20"], at(-64_565), None),
        (&["--since", "@1795197305.5"], at(-60), None),
    ] {
        let question = asked(args).0;
        let whole = question
            .since
            .map(|time| prost_types::Timestamp { nanos: 0, ..time });
        assert_eq!((whole, question.until), (since, until), "{args:?}");
        assert_eq!((question.step_ns, question.idle), (0, false));
    }
}

#[test]
fn the_start_of_the_machine_is_a_moment() {
    let stat = std::fs::read_to_string("/proc/stat").unwrap();
    let btime = stat
        .lines()
        .find_map(|line| line.strip_prefix("btime "))
        .unwrap();
    // The sample machine is asked in the past, so the answer may be that this is still to come.
    let agent = agent();
    let outcome = run(&agent.socket(), &["query", "--since", "boot"]);
    let boot: i64 = btime.parse().unwrap();
    if boot >= at(0).unwrap().seconds {
        assert_eq!(outcome.code, 2, "{}", outcome.stderr);
        assert!(agent.questions().is_empty());
    } else {
        assert_eq!(agent.questions()[0].since.unwrap().seconds, boot);
    }
}

#[test]
fn a_clock_time_still_to_come_means_yesterday_and_says_so() {
    let (question, outcome) = asked(&["--since", "17:56:06"]);
    assert_eq!(question.since, at(1 - 86_400));
    assert!(
        outcome.stderr.starts_with(
            "note: --since 17:56:06 is later than now: yesterday is meant (2026-11-19 17:56:06)\n"
        ),
        "{}",
        outcome.stderr
    );
}

#[test]
fn steps_are_as_long_as_asked_for_or_round() {
    for (args, expected) in [
        (&["--step", "none"][..], 0),
        (&["--step", "10s"], 10),
        (&["--step", "auto", "--since", "60s"], 1),
        (&["--step", "auto", "--since", "3h"], 120),
        (&["--step", "auto", "--since", "start"], 1),
        (&["--step", "auto", "--since", "2h", "--until", "1h"], 30),
    ] {
        let question = asked(args).0;
        assert_eq!(question.step_ns, expected * 1_000_000_000, "{args:?}");
    }
    let coarse = FakeAgent::with_past(Past {
        kept: 20,
        ..Past::default()
    });
    let outcome = run(
        &coarse.socket(),
        &["query", "--since", "start", "--step", "30s"],
    );
    assert_eq!(
        outcome.stderr,
        "note: --step 30s does not fit what is kept; using 40s\n\
         note: this far back the history is kept in steps of 20s\n"
    );
    let agent = agent();
    let args = [
        "query",
        "--since",
        "60s",
        "--step",
        "10s",
        "-f",
        "jsonl",
        "--no-header",
    ];
    assert_eq!(run(&agent.socket(), &args).stdout.lines().count(), 6);
}

#[test]
fn a_selection_is_made_by_the_agent() {
    let args = [
        "-p", "1187,744", "--name", "n*", "-u", "root", "--state", "exited",
    ];
    let filter = asked(&args).0.filter.unwrap();
    assert_eq!(
        filter,
        v1::Filter {
            pids: vec![1187, 744],
            names: vec!["n*".to_owned()],
            uids: vec![0],
            states: vec![v1::ProcessState::Exited.into()],
            ..v1::Filter::default()
        }
    );
    assert_eq!(rows(&["-p", "744"]), "744,1200\n");
    assert_eq!(rows(&["--state", "exited"]), "31702,112000\n");
    assert_eq!(rows(&["--name", "curl"]), "21934,3000870\n");
    assert_eq!(
        rows(&["-u", "0", "--sort", "pid"]),
        "744,1200\n1187,60600\n"
    );
}

#[test]
fn a_part_of_the_traffic_is_asked_for_as_such() {
    for (args, expected) in [
        (&["--proto", "udp"][..], "744,1200\n"),
        (
            &["--proto", "tcp", "-4", "--top", "2"],
            "21934,3000870\n1187,60000\n",
        ),
        (&["-6"], "31702,112000\n1187,600\n"),
        (&["--loopback", "only"], "1187,30000\n"),
        (&["--loopback", "include", "-p", "1187"], "1187,90600\n"),
    ] {
        assert_eq!(rows(args), expected, "{args:?}");
    }
}

#[test]
fn rows_are_ordered_by_any_column() {
    for (args, first) in [
        (&[][..], "21934"),
        (&["--sort", "rate:asc"], "744"),
        (&["--sort", "rx"], "21934"),
        (&["--sort", "tx"], "1187"),
        (&["--sort", "tx:asc"], "744"),
        (&["--sort", "peak"], "21934"),
        (&["--sort", "name"], "21934"),
        (&["--sort", "name:desc"], "744"),
        (&["--sort", "active"], "1187"),
        (&["--sort", "ended"], "31702"),
    ] {
        let mut all = args.to_vec();
        all.extend(["--top", "1"]);
        let text = rows(&all);
        assert_eq!(text.lines().count(), 1, "{args:?}");
        assert_eq!(text.split(',').next(), Some(first), "{args:?}");
    }
    assert_eq!(rows(&["--top", "0"]), "");
    assert_eq!(rows(&["--top", "0", "-a"]), ",3174670\n");
}

#[test]
fn groups_come_from_the_agent() {
    for (by, expected) in [
        ("name", "curl\nnginx\nnpm install\nsystemd-resolve\n"),
        ("user", "64001\nroot\n"),
        (
            "unit",
            "\"\"\nnginx.service\nnpm install.service\nsystemd-resolve.service\n",
        ),
        ("proto", "tcp\nudp\n"),
        ("family", "ipv4\nipv6\n"),
        ("state", "live\nexited\n"),
    ] {
        let args = [
            "--since",
            "60s",
            "-g",
            by,
            "-f",
            "csv",
            "--columns",
            "group",
            "--no-header",
        ];
        assert_eq!(asked(&args).1.stdout, expected, "{by}");
    }
    let args = ["-g", "cgroup"];
    assert_eq!(asked(&args).0.group_by(), v1::GroupBy::Cgroup);
}

#[test]
fn one_tick_is_found_by_its_time() {
    let tick = |at: &str| {
        let agent = agent();
        let args = ["query", "--at", at, "-f", "jsonl", "--flatten"];
        let outcome = run(&agent.socket(), &args);
        assert_eq!(outcome.code, 0, "{at}: {}", outcome.stderr);
        let question = agent.questions().pop().unwrap();
        assert!(question.idle, "{at}");
        // The number alone may have been another tick's before the machine was started again.
        let end = i64::try_from(question.to_seq.unwrap()).unwrap() - 600;
        assert_eq!(question.until, support::sample::at(end), "{at}");
        assert_eq!(outcome.stdout.lines().count(), 5, "{}", outcome.stdout);
        (question.from_seq, question.to_seq, outcome.stderr)
    };
    let one = |seq| (Some(seq), Some(seq), String::new());
    assert_eq!(tick("17:55:36"), one(571));
    assert_eq!(tick("17:55:35.001"), one(571));
    assert_eq!(tick("17:55:35"), one(570));
    assert_eq!(tick("now"), one(600));
    assert_eq!(tick("start"), one(541));
    let (from, to, note) = tick("17:50");
    assert_eq!((from, to), (Some(541), Some(541)));
    assert_eq!(
        note,
        "note: there is no tick of that moment; the next one ended at 2026-11-20 17:55:06\n"
    );
}

#[test]
fn a_tick_after_the_newest_is_nothing() {
    let agent = agent();
    let time = "2026-11-20T17:56:05.5Z";
    for (strict, code) in [(false, 0), (true, 6)] {
        let mut args = vec!["query", "--at", time, "-f", "csv", "--columns", "pid"];
        args.extend(strict.then_some("--strict"));
        let outcome = run(&agent.socket(), &args);
        assert_eq!((outcome.code, outcome.stdout.as_str()), (code, "pid\n"));
        assert!(
            outcome
                .stderr
                .starts_with("note: no tick that ended by then or later is kept\n"),
            "{}",
            outcome.stderr
        );
    }
}

#[test]
fn old_ticks_are_answered_as_they_are_kept() {
    let agent = FakeAgent::with_past(Past {
        kept: 10,
        ..Past::default()
    });
    let outcome = run(&agent.socket(), &["query", "--at", "17:55:36"]);
    let question = agent.questions().pop().unwrap();
    assert_eq!((question.from_seq, question.to_seq), (Some(571), Some(580)));
    assert!(
        outcome.stderr.contains("kept in steps of 10s"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn options_shape_the_output() {
    let (_, outcome) = asked(&[
        "--since",
        "60s",
        "--cmdline",
        "--top",
        "1",
        "--columns",
        "pid",
    ]);
    assert!(
        outcome.stdout.contains("curl -x 'a b'"),
        "{}",
        outcome.stdout
    );
    let (_, outcome) = asked(&["--since", "60s", "--cmdline", "--top", "1"]);
    assert!(outcome.stdout.contains("curl -x 'a"), "{}", outcome.stdout);
    let agent = agent();
    let file = agent.directory().join("out.csv");
    let args = ["query", "--since", "60s", "-f", "csv"];
    let mut to_file = args.to_vec();
    to_file.extend(["-o", file.to_str().unwrap()]);
    assert_eq!(run(&agent.socket(), &to_file).stdout, "");
    let text = run(&agent.socket(), &args).stdout;
    assert_eq!(std::fs::read_to_string(file).unwrap(), text);
    let unix = [
        "--time",
        "unix",
        "query",
        "--since",
        "60s",
        "-f",
        "csv",
        "--columns",
        "time",
    ];
    let text = run(&agent.socket(), &unix).stdout;
    assert!(text.starts_with("time\n1795197365.000\n"), "{text}");
    let si = [
        "--units",
        "si",
        "query",
        "--since",
        "60s",
        "--columns",
        "rx_bytes",
    ];
    assert!(run(&agent.socket(), &si).stdout.contains("3.00MB"));
    let mut past = Past::default();
    past.processes[0] = v1::Process {
        name: "=1+1".to_owned(),
        ..past.processes[0].clone()
    };
    let formula = FakeAgent::with_past(past);
    let mut args = vec!["query", "--since", "60s", "-f", "csv", "--columns", "name"];
    assert!(run(&formula.socket(), &args).stdout.contains("\n=1+1\n"));
    args.push("--csv-spreadsheet");
    assert!(run(&formula.socket(), &args).stdout.contains("\n'=1+1\n"));
}
