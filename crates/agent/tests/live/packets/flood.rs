//! Much more than is told.

use std::collections::BTreeMap;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use super::asked;
use super::trace;
use crate::network::Network;
use crate::stage::ready;
use crate::stage::Stage;
use crate::trace_client::lines;
use crate::trace_client::start;

const FLOODED: &str = "10.198.51.2:5560";
const FLOOD: Duration = Duration::from_secs(2);
/// Datagrams a second that are offered, a hundredth of a second's at a time.
const OFFERED: u64 = 200_000;

/// Sends to [`FLOODED`] for a while and prints how many, or takes what comes there.
#[test]
#[ignore = "part of a_flood_costs_little_and_is_all_accounted_for"]
fn flood_process() {
    match std::env::var("NETMON_TEST_FLOOD").as_deref() {
        Ok("send") => {
            let socket = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
            socket.connect(FLOODED).unwrap();
            let (begin, mut sent) = (Instant::now(), 0u64);
            while begin.elapsed() < FLOOD {
                let due = begin.elapsed().as_micros() as u64 * OFFERED / 1_000_000;
                if sent >= due {
                    std::thread::sleep(Duration::from_micros(500));
                }
                let until = due.min(sent + 2000);
                while sent < until {
                    // What nobody takes is no error of the sender.
                    let _ = socket.send(&[0; 64]);
                    sent += 1;
                }
            }
            println!("sent {sent}");
        }
        Ok("take") => {
            let socket = std::net::UdpSocket::bind(FLOODED).unwrap();
            let mut buffer = [0; 100];
            while socket.recv(&mut buffer).is_ok() {}
        }
        _ => {}
    }
}

fn flood_command(network: &Network, host: usize, what: &str) -> Command {
    let mut command = network.on(host, std::env::current_exe().unwrap().to_str().unwrap());
    command.args([
        "--exact",
        "packets::flood::flood_process",
        "--ignored",
        "--nocapture",
    ]);
    command.env("NETMON_TEST_FLOOD", what);
    command
}

fn send_flood(mut command: Command) -> u64 {
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let sent = text.lines().find_map(|line| line.strip_prefix("sent "));
    sent.unwrap_or_else(|| panic!("{text}")).parse().unwrap()
}

/// An agent, and two hosts of which the second takes what comes.
fn flooded(name: &str, hosts: &str) -> (Stage, Network) {
    let mut stage = Stage::with_agent(name);
    let network = Network::new(hosts);
    let mut take = flood_command(&network, 1, "take");
    stage.keep(take.stdout(Stdio::null()).spawn().unwrap());
    (stage, network)
}

fn resident(pid: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.unwrap()
        .trim()
        .trim_end_matches(" kB")
        .parse()
        .unwrap()
}

#[tokio::test]
async fn a_flood_costs_little_and_is_all_accounted_for() {
    if !ready() {
        return;
    }
    let (stage, network) = flooded("flood", "pf");
    let (mut plain, mut traced) = (0, 0);
    let mut memory = Vec::new();
    for round in 0..4 {
        let alone = send_flood(flood_command(&network, 0, "send"));
        plain += alone;
        let send = flood_command(&network, 0, "send");
        let (sender, sent) = std::sync::mpsc::channel();
        let request = asked(&["10.198.51.0/24"], &[5560], 4);
        let seen = trace(&stage, request, false, move || {
            sender.send(send_flood(send)).unwrap();
        })
        .await;
        let watched = sent.recv().unwrap();
        traced += watched;
        seen.adds_up();
        assert!(seen.second <= 10_000, "{} in a second", seen.second);
        let told = seen.sum(|count| count.told);
        let matched = seen.sum(|count| count.matched);
        assert!(matched > told, "{matched} matched");
        memory.push(resident(stage.agent_pid()));
        eprintln!(
            "round {round}: {alone} sent untraced, {watched} traced; {matched} at all points, {told} told, {} suppressed, {} lost, agent {} kB",
            seen.sum(|count| count.suppressed),
            seen.sum(|count| count.lost),
            memory[round],
        );
    }
    let ratio = traced as f64 / plain as f64;
    let offered = plain as f64 / 4.0 / FLOOD.as_secs_f64();
    eprintln!(
        "{offered:.0} packets/s untraced; traced {:.1} % of it",
        ratio * 100.0
    );
    // Printed, not asserted: it is a matter of time, and 90 % of 200,000 packets/s is the target, which
    // is missed (docs/performance.md). A machine that cannot send as much has no time to spare: there
    // the figure is the price of a packet.
    if offered < OFFERED as f64 * 0.9 {
        eprintln!("too slow to be judged: this machine cannot send {OFFERED} packets/s");
    }
    assert!(
        memory[3] < memory[0] + 2048,
        "the agent grows: {memory:?} kB"
    );
}

#[test]
fn the_client_prints_what_the_rate_allows_of_a_flood() {
    if !ready() {
        return;
    }
    let (stage, network) = flooded("floodclient", "pg");
    let file = stage.directory.path().join("flood.jsonl");
    let path = file.to_str().unwrap();
    let arguments = ["-i", "10.198.51.0/24", "-p", "5560", "--rate", "10000"];
    let arguments = [&arguments[..], &["-j", "-t", "4s", "-o", path]].concat();
    let client = start(&stage, &arguments, &file);
    let sent = send_flood(flood_command(&network, 0, "send"));
    let output = client.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{told}");
    let lines = lines(&file);
    let mut seconds = BTreeMap::new();
    for line in lines.iter().filter(|line| line["type"] == "trace") {
        // 2026-11-20T17:56:05.000412Z, or without a fraction.
        let second = &line["time"].as_str().unwrap()[..19];
        *seconds.entry(second).or_insert(0u64) += 1;
    }
    let printed: u64 = seconds.values().sum();
    assert!(seconds.values().all(|n| *n <= 10_000), "{seconds:?}");
    let total = &lines[lines.len() - 2];
    let count = |key: &str| total[key].as_u64().unwrap();
    assert_eq!(count("printed"), printed);
    assert_eq!(
        count("events"),
        printed + count("suppressed") + count("lost"),
        "{total}"
    );
    assert!(count("events") > 5 * sent, "{sent} sent, {total}");
    eprintln!("{sent} sent, by second {seconds:?}, {total}");
}
