//! The past, as `netmon query` tells it: over the end of an agent, to the byte.

use std::collections::BTreeMap;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;

use crate::stage::ready;
use crate::stage::Stage;

/// Sends `size` bytes by UDP to nobody, in `parts`, one each second, and ends.
const SENDER: &str = "
import socket, sys, time
size, parts = int(sys.argv[1]), int(sys.argv[2])
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for part in range(parts):
    left = size
    while left:
        left -= sender.sendto(b'x' * min(left, 8000), ('127.0.0.1', 9))
    time.sleep(1)
";

/// Starts a process that will send so many bytes so many times; its pid.
fn send(stage: &mut Stage, size: u64, parts: u64) -> u32 {
    let mut command = Command::new("/usr/bin/python3");
    command.args(["-c", SENDER, &size.to_string(), &parts.to_string()]);
    stage.keep(command.stderr(Stdio::null()).spawn().unwrap())
}

/// Bytes sent by process in all steps of an answer, and how many rows each had.
fn sent(answer: &Value) -> BTreeMap<u32, (u64, u64)> {
    let mut sums: BTreeMap<u32, (u64, u64)> = BTreeMap::new();
    for step in answer["steps"].as_array().unwrap() {
        for row in step["rows"].as_array().unwrap() {
            let pid = row["pid"].as_u64().unwrap() as u32;
            let sum = sums.entry(pid).or_default();
            sum.0 += row["tx_bytes"].as_u64().unwrap();
            sum.1 += 1;
        }
    }
    sums
}

fn query(stage: &Stage, more: &[&str]) -> Value {
    let mut arguments = vec!["query", "--since", "5m", "--loopback", "include"];
    arguments.extend(["--name", "python3", "-f", "json"]);
    arguments.extend(more);
    stage.json(&arguments)
}

#[test]
fn an_agent_that_was_killed_has_every_process_once_with_every_byte() {
    if !ready() {
        return;
    }
    let mut stage = Stage::with_agent("history");
    let mut expected: BTreeMap<u32, u64> = BTreeMap::new();
    // Some end before the agent is killed, some without an agent, some after it.
    for number in 0..20 {
        let (size, parts) = (10_000 + number * 777, [1, 6, 11][number as usize % 3]);
        let pid = send(&mut stage, size, parts);
        expected.insert(pid, size * parts);
    }
    std::thread::sleep(Duration::from_secs(4));
    stage.signal("-KILL");
    assert_eq!(stage.wait(), None);
    std::thread::sleep(Duration::from_secs(4));
    stage.start(&[]);
    std::thread::sleep(Duration::from_secs(6));

    let whole = query(&stage, &[]);
    let found = sent(&whole);
    for (pid, bytes) in &expected {
        assert_eq!(found.get(pid), Some(&(*bytes, 1)), "process {pid}: {whole}");
    }
    let gaps = whole["gaps"].as_array().unwrap();
    assert_eq!(gaps.len(), 1, "{whole}");
    assert_eq!(gaps[0]["counters_kept"], true);
    for step in ["1s", "10s"] {
        let stepped = sent(&query(&stage, &["--step", step]));
        for (pid, bytes) in &expected {
            let sum = stepped.get(pid).map(|(sum, _)| sum);
            assert_eq!(sum, Some(bytes), "process {pid} by {step}");
        }
    }
    // All have ended, and every end is known.
    for row in whole["steps"][0]["rows"].as_array().unwrap() {
        if expected.contains_key(&(row["pid"].as_u64().unwrap() as u32)) {
            assert_eq!(
                (&row["state"], &row["exit_code"]),
                (&Value::from("exited"), &Value::from(0))
            );
        }
    }
}

#[test]
fn a_directory_that_cannot_be_used_costs_the_disk_and_nothing_else() {
    if !ready() {
        return;
    }
    let mut stage = Stage::empty("nodisk");
    std::fs::write(stage.directory.path().join("state"), "in the way").unwrap();
    stage.start(&[]);
    let pid = send(&mut stage, 5_000, 1);
    std::thread::sleep(Duration::from_secs(3));
    let found = sent(&query(&stage, &[]));
    assert_eq!(found.get(&pid), Some(&(5_000, 1)));
    let status = stage.json(&["status", "--json"]);
    let problem = status["history"]["problem"].as_str().unwrap();
    assert!(problem.contains("in memory only"), "{problem}");
}
