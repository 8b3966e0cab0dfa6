//! `netmon trace --pcapng`: a file that tshark and tcpdump read, with everything that was told.

// Helpers of tests may panic as tests may.
#![allow(clippy::unwrap_used)]

mod support;

use std::path::Path;
use std::process::Command;
use std::process::Stdio;

use netmon_api::v1;
use support::agent::FakeAgent;
use support::packets;
use support::packets::Step;
use support::program::command;
use support::program::run;

// The usual events, and one that nothing can be shown of.
fn capture(file: &str) -> (FakeAgent, std::path::PathBuf) {
    let odd = v1::PacketEvent {
        header: Some(vec![0x45]),
        drop_reason: Some("NO \"SOCKET\"".to_owned()),
        process_name: Some("a b\x1b".to_owned()),
        process: Some(support::sample::id(7)),
        interface: None,
        ..packets::segment(99, 20, 4000)
    };
    let steps = vec![
        packets::started(),
        packets::told(packets::events()),
        packets::told(vec![odd, v1::PacketEvent::default()]),
        packets::counts(1, 20, 15, false),
        packets::counts(2, 20, 15, false),
        Step::Idle,
    ];
    let agent = FakeAgent::tracing(steps);
    let path = agent.directory().join(file);
    (agent, path)
}

fn written(agent: &FakeAgent, path: &Path) -> String {
    let args = ["trace", "-t", "300ms", "--pcapng", path.to_str().unwrap()];
    let outcome = run(&agent.socket(), &args);
    assert_eq!(
        (outcome.code, outcome.stdout.as_str()),
        (0, ""),
        "{}",
        outcome.stderr
    );
    assert!(agent.traces()[0].headers);
    outcome.stderr
}

// Output of a reader of captures. Without the reader the test says so loudly and tests nothing:
// scripts/test installs both.
fn read(program: &str, args: &[&str], path: &Path) -> Option<String> {
    let output = Command::new(program)
        .args(args)
        .arg("-r")
        .arg(path)
        .output();
    let Ok(output) = output else {
        println!("SKIPPED: {program} is not installed (apt-get install tshark tcpdump)");
        return None;
    };
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program}: {errors}");
    assert!(
        !errors.contains("appears to") && !errors.contains("damaged"),
        "{errors}"
    );
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn tshark_reads_packets_comments_and_times() {
    let (agent, path) = capture("out.pcapng");
    let told = written(&agent, &path);
    assert!(
        told.ends_with(&format!(
            "netmon: 5 packets written to {}; 2 events without a header left out\n\
             netmon: of 200 events: printed 5 / suppressed by rate limit 150 / lost in the ring 0\n",
            path.display()
        )),
        "{told}"
    );
    let fields = [
        "-T",
        "fields",
        "-E",
        "separator=|",
        "-e",
        "frame.time_epoch",
        "-e",
        "frame.len",
        "-e",
        "frame.cap_len",
        "-e",
        "ip.src",
        "-e",
        "ipv6.dst",
        "-e",
        "tcp.seq_raw",
        "-e",
        "tcp.flags",
        "-e",
        "udp.dstport",
        "-e",
        "frame.comment",
        "-e",
        "frame.packet_id",
        "-e",
        "frame.packet_flags_direction",
    ];
    let Some(text) = read("tshark", &fields, &path) else {
        return;
    };
    insta::assert_snapshot!(text);
}

#[test]
fn tcpdump_reads_it() {
    let (agent, path) = capture("out.pcapng");
    written(&agent, &path);
    let Some(text) = read("tcpdump", &["-n", "-tt"], &path) else {
        return;
    };
    let lines: Vec<_> = text.lines().collect();
    assert!(lines[0].starts_with("1795197365.000412"), "{text}");
    assert!(
        lines[0].contains("203.0.113.9.50122 > 10.0.0.5.443: Flags [P.]"),
        "{text}"
    );
    assert!(
        lines[0].contains("seq 2718281828:2718281848, ack 3141592653"),
        "{text}"
    );
    assert!(
        lines
            .iter()
            .any(|line| line.contains("IP6 2001:db8:4:aabb::5.443")),
        "{text}"
    );
    assert!(
        lines
            .iter()
            .any(|line| line.contains("127.0.0.1.9: UDP, length 12")),
        "{text}"
    );
}

#[test]
fn a_pipe_gets_the_same_bytes() {
    let (agent, path) = capture("out.pcapng");
    written(&agent, &path);
    let mut child = command(&agent.socket(), &["trace", "-n", "5", "--pcapng", "-"]);
    let output = child.stderr(Stdio::null()).output().unwrap();
    assert!(output.status.success());
    assert_eq!(output.stdout, std::fs::read(&path).unwrap());
}

// Every block has its length at both ends and fills the file.
#[test]
fn blocks_follow_one_another() {
    let (agent, path) = capture("out.pcapng");
    written(&agent, &path);
    let bytes = std::fs::read(&path).unwrap();
    let number = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    let (mut at, mut kinds) = (0, Vec::new());
    while at < bytes.len() {
        let length = number(at + 4) as usize;
        assert!(length.is_multiple_of(4) && length >= 12);
        assert_eq!(number(at + length - 4) as usize, length);
        kinds.push(number(at));
        at += length;
    }
    assert_eq!(at, bytes.len());
    assert_eq!(kinds, [0x0a0d_0d0a, 1, 6, 6, 6, 6, 6]);
}
