//! What `netmon trace` prints, asks and refuses.

// Helpers of tests may panic as tests may.
#![allow(clippy::unwrap_used)]

mod support;

use std::io::BufRead as _;
use std::io::BufReader;
use std::process::Child;
use std::time::Duration;

use netmon_api::v1;
use nix::sys::signal::kill;
use nix::sys::signal::Signal;
use nix::unistd::Pid;
use support::agent::FakeAgent;
use support::agent::Script;
use support::packets;
use support::packets::Step;
use support::program::command;
use support::program::finish;
use support::program::run;
use support::program::Outcome;

const MISSING: &str = "netmon: this kernel allows 5 of 7 points, not ip_rcv_core, \
     __tcp_transmit_skb (-v says why)\n";

fn trace(args: &[&str]) -> Outcome {
    with(packets::usual(), args)
}

fn with(steps: Vec<Step>, args: &[&str]) -> Outcome {
    let agent = FakeAgent::tracing(steps);
    let mut all = vec!["trace"];
    all.extend(args);
    run(&agent.socket(), &all)
}

fn printed(args: &[&str]) -> String {
    let outcome = trace(args);
    assert_eq!(
        (outcome.code, outcome.stderr.as_str()),
        (0, MISSING),
        "{args:?}"
    );
    outcome.stdout
}

#[test]
fn the_table_has_the_usual_columns() {
    let text = printed(&["-n", "3"]);
    let header = text.lines().next().unwrap();
    let words: Vec<_> = header
        .split("  ")
        .map(str::trim)
        .filter(|w| !w.is_empty())
        .collect();
    assert_eq!(
        words.join(" "),
        "KERNEL FUNCTION SRC IP DST IP SRC PORT DST PORT SEQ ACK SEQ TIMESTAMP"
    );
    insta::assert_snapshot!(text);
}

#[test]
fn wide_addresses_widen_their_columns() {
    insta::assert_snapshot!("table", printed(&["-n", "5"]));
    insta::assert_snapshot!("wide", printed(&["-n", "5", "-f", "wide"]));
    insta::assert_snapshot!("six", printed(&["-n", "5", "-6"]));
    insta::assert_snapshot!("debug", printed(&["-n", "3", "-d"]));
    let text = printed(&["-n", "5", "--no-header"]);
    assert_eq!(text.lines().count(), 5);
}

#[test]
fn csv_has_the_header_of_the_manual() {
    let text = printed(&["-n", "5", "-f", "csv"]);
    assert_eq!(
        text.lines().next(),
        Some(
            "time,function,src_ip,dst_ip,src_port,dst_port,seq,ack_seq,len,flags,interface,cpu,\
             pid,name,since_prev_us"
        )
    );
    insta::assert_snapshot!(text);
    insta::assert_snapshot!(
        "columns",
        printed(&[
            "-n",
            "5",
            "-f",
            "csv",
            "--columns",
            "+proto,+drop,+direction"
        ])
    );
    insta::assert_snapshot!("csv_debug", printed(&["-n", "3", "-f", "csv", "-d"]));
}

#[test]
fn json_lines_end_with_counts() {
    let text = printed(&["-n", "5", "-j"]);
    assert_eq!(text, printed(&["-n", "5", "-f", "jsonl"]));
    insta::assert_snapshot!(text);
    let with_counts = vec![
        packets::started(),
        packets::counts(1, 4, 1, false),
        packets::told(packets::events()),
        Step::Idle,
    ];
    let outcome = with(with_counts, &["-n", "5", "-j"]);
    let text = hide_times(&outcome.stdout);
    insta::assert_snapshot!("json_counts", text);
}

// Counts have the time of their arrival.
fn hide_times(text: &str) -> String {
    let lines = text
        .lines()
        .map(|line| match line.split_once("\"time\":\"") {
            Some((before, after)) if line.contains("\"trace_stats\"") => {
                let rest = after.split_once('"').unwrap().1;
                format!("{before}\"time\":\"…\"{rest}\n")
            }
            _ => format!("{line}\n"),
        });
    lines.collect()
}

fn without_times(text: &str) -> String {
    let lines = text.lines().map(|line| match line.split_once(" (") {
        Some((_, length)) if line.starts_with("--- 2") => format!("--- … ({length}\n"),
        _ => format!("{line}\n"),
    });
    lines.collect()
}

#[test]
fn summaries_come_every_second_and_in_all() {
    let outcome = trace(&["-s", "-n", "2"]);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, MISSING));
    insta::assert_snapshot!(without_times(&outcome.stdout));
    let csv = trace(&["-s", "-n", "2", "-f", "csv"]).stdout;
    let cells = csv.lines().map(|line| line.split_once(',').unwrap().1);
    insta::assert_snapshot!("stats_csv", cells.collect::<Vec<_>>().join("\n"));
    let json = trace(&["-s", "-n", "1", "-j"]).stdout;
    insta::assert_snapshot!("stats_json", hide_times(&json));
}

#[test]
fn everything_given_is_asked_for() {
    let agent = FakeAgent::tracing(packets::usual());
    let args = [
        "trace",
        "-n",
        "1",
        "-i",
        "203.0.113.7/24,::1",
        "-p",
        "443",
        "--pid",
        "1187",
        "--proto",
        "tcp",
        "--interface",
        "lo",
        "--rate",
        "0",
    ];
    assert_eq!(run(&agent.socket(), &args).code, 0);
    let expected = v1::WatchPacketsRequest {
        filter: Some(v1::PacketFilter {
            addresses: vec![
                v1::AddressPrefix {
                    address: vec![203, 0, 113, 0],
                    length: 24,
                },
                v1::AddressPrefix {
                    address: std::net::Ipv6Addr::LOCALHOST.octets().to_vec(),
                    length: 128,
                },
            ],
            ports: vec![443],
            transport: Some(v1::Transport::Tcp.into()),
            family: None,
            interfaces: vec!["lo".to_owned()],
            pids: vec![1187],
        }),
        rate: Some(0),
        statistics_only: false,
        headers: false,
        duration_ns: None,
    };
    assert_eq!(agent.traces(), [expected]);
    run(&agent.socket(), &["trace", "-n", "1", "--debug-func", "-6"]);
    run(&agent.socket(), &["trace", "-n", "1", "-s"]);
    let traces = agent.traces();
    assert_eq!(traces[1].rate, Some(10_000));
    assert_eq!(
        traces[1].filter.as_ref().unwrap().family,
        Some(v1::Family::Ipv6.into())
    );
    assert!(traces[2].statistics_only);
}

#[test]
fn what_cannot_be_meant_ends_before_the_agent_is_asked() {
    let nowhere = std::path::Path::new("/nonexistent/agent.sock");
    for (args, expected) in [
        (
            &["-p", "70000"][..],
            "netmon: 70000 is not a port (1-65535). To select a process use --pid 70000.\n",
        ),
        (
            &["-i", "eth0"],
            "netmon: 'eth0' is not an IP address. For an interface use --interface eth0.\n",
        ),
        (
            &["-f", "jsonl", "--columns", "+drop"],
            "netmon: --columns works with table, wide and csv output only\n",
        ),
    ] {
        let mut all = vec!["trace"];
        all.extend(args);
        let outcome = run(nowhere, &all);
        assert_eq!((outcome.code, outcome.stderr.as_str()), (2, expected));
        assert_eq!(outcome.stdout, "");
    }
    let outcome = run(nowhere, &["trace", "--columns", "nothing"]);
    assert!(outcome
        .stderr
        .starts_with("netmon: no column 'nothing'\n  There are: function"));
    for args in [
        &["-s", "-d"][..],
        &["--pcapng", "x", "-j"],
        &["-4", "-6"],
        &["-f", "json"],
    ] {
        let mut all = vec!["trace"];
        all.extend(args);
        assert_eq!(run(nowhere, &all).code, 2, "{args:?}");
    }
}

#[test]
fn an_agent_that_cannot_says_why() {
    let refusal = "kernel lockdown 'integrity' forbids kprobe and fentry programs here";
    let outcome = with(
        vec![Step::Fail(tonic::Status::failed_precondition(refusal))],
        &[],
    );
    assert_eq!(outcome.code, 9);
    assert_eq!(outcome.stdout, "");
    assert_eq!(
        outcome.stderr,
        format!(
            "netmon: trace is not possible: {refusal}\n  \
             This kernel allows 5 of 7 points: netif_receive_skb, NF_INET_LOCAL_IN, tcp_probe, \
             net_dev_queue, kfree_skb.\n  \
             netmon status shows what this kernel allows.\n"
        )
    );
    let old = run(&FakeAgent::usual().socket(), &["trace"]);
    assert_eq!(
        (old.code, old.stderr.as_str()),
        (
            9,
            "netmon: trace is not possible: this agent does not trace packets\n  \
             netmon status shows what this kernel allows.\n"
        )
    );
    let unknown = trace(&["--pid", "4000000"]);
    assert_eq!(unknown.code, 6, "{}", unknown.stderr);
}

#[test]
fn the_output_is_not_touched_before_the_agent_agrees() {
    let agent = FakeAgent::usual();
    let file = agent.directory().join("kept");
    std::fs::write(&file, "kept").unwrap();
    let outcome = run(&agent.socket(), &["trace", "-o", file.to_str().unwrap()]);
    assert_eq!(outcome.code, 9);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "kept");
}

#[test]
fn verbose_names_every_reason() {
    let outcome = trace(&["-n", "1", "-v"]);
    let expected =
        "netmon: this kernel allows 5 of 7 points\n  not ip_rcv_core, __tcp_transmit_skb \
         (kprobe): this kernel has no kprobes\n";
    assert_eq!(outcome.stderr, expected);
    assert_eq!(trace(&["-n", "1", "-q"]).stderr, "");
}

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

#[test]
fn hostile_texts_and_missing_fields_are_printed_safely() {
    let hostile = v1::PacketEvent {
        process_name: Some("a\x1b[31m\u{202e}\n,\"b".to_owned()),
        interface: Some("\x07eth\u{200b}0".to_owned()),
        drop_reason: Some("NO\r\nSOCKET".to_owned()),
        symbol: Some("\x1b]0;x".to_owned()),
        point: 99,
        flags: Some(u32::MAX),
        protocol: u32::MAX,
        source_port: Some(u32::MAX),
        ..packets::segment(0, 1, 1)
    };
    let odd = v1::PacketEvent {
        source_address: vec![1, 2, 3],
        header: Some(vec![0x45]),
        ..v1::PacketEvent::default()
    };
    let steps = vec![
        packets::started(),
        packets::told(vec![hostile, odd, v1::PacketEvent::default()]),
        Step::Idle,
    ];
    for format in ["table", "wide", "csv", "jsonl"] {
        for more in [&[][..], &["-d"]] {
            let mut args = vec!["-n", "3", "-f", format];
            args.extend(more);
            let outcome = with(steps.clone(), &args);
            assert_eq!(outcome.code, 0);
            let dangerous = |c: char| c.is_control() && c != '\n' || "\u{202e}\u{200b}".contains(c);
            assert!(!outcome.stdout.chars().any(dangerous), "{}", outcome.stdout);
            let lines = outcome.stdout.lines().count();
            assert!((4..=6).contains(&lines), "{format}: {}", outcome.stdout);
        }
    }
    insta::assert_snapshot!("hostile", with(steps, &["-n", "3", "-f", "wide"]).stdout);
}

#[test]
fn status_tells_where_packets_can_be_traced() {
    let mut script = Script::default();
    script.agent.trace_points = packets::points();
    let agent = FakeAgent::start(script);
    let text = run(&agent.socket(), &["status"]).stdout;
    let lines: Vec<_> = text.lines().collect();
    let at = lines
        .iter()
        .position(|line| line.starts_with("trace "))
        .unwrap();
    assert_eq!(
        lines[at..at + 2],
        [
            "trace     attached only while somebody traces; 5 of 7 points: netif_receive_skb, \
             NF_INET_LOCAL_IN, tcp_probe, net_dev_queue, kfree_skb",
            "          not ip_rcv_core, __tcp_transmit_skb (kprobe): this kernel has no kprobes",
        ]
    );
    let json = run(&agent.socket(), &["status", "--json"]).stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        json["trace_points"][1]["reason"],
        "this kernel has no kprobes"
    );
    assert_eq!(json["trace_points"][6]["direction"], "any");
}

#[test]
fn a_slow_agent_is_waited_for_and_a_silent_one_is_not() {
    let steps = vec![
        Step::Wait(Duration::from_millis(500)),
        packets::started(),
        Step::Idle,
    ];
    let outcome = with(steps, &["-t", "100ms", "--no-header"]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (0, ""));
}
