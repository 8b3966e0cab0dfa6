//! What `netmon trace` asks for, what it refuses, and what agents refuse.

use std::time::Duration;

use netmon_api::v1;

use super::trace;
use super::with;
use crate::support::agent::FakeAgent;
use crate::support::agent::Script;
use crate::support::packets;
use crate::support::packets::Step;
use crate::support::program::run;

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
