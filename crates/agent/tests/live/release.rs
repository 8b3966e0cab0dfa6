//! Figures that only a release build has. Run by scripts/test with NETMON_BIN_DIR. Times are
//! printed, not asserted: test machines are noisy.

use std::fs;
use std::process::Command;
use std::time::Duration;

use crate::stage::ready;
use crate::stage::Stage;

/// Resident memory in kB.
fn resident(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap();
    line.trim()
        .strip_suffix(" kB")
        .unwrap()
        .trim()
        .parse()
        .unwrap()
}

#[test]
#[ignore = "needs a release build: scripts/test"]
fn an_agent_that_has_seen_a_thousand_processes_stays_small() {
    if !ready() {
        return;
    }
    let mut stage = Stage::empty("memory");
    let started = stage.start(&[]);
    std::thread::sleep(Duration::from_secs(3));
    let quiet = resident(stage.agent_pid());
    let swarm = "
import os, socket
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(('127.0.0.1', 0))
for _ in range(1000):
    child = os.fork()
    if child == 0:
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x' * 400, server.getsockname())
        os._exit(0)
    os.waitpid(child, 0)
";
    assert!(Command::new("python3")
        .args(["-c", swarm])
        .status()
        .unwrap()
        .success());
    std::thread::sleep(Duration::from_secs(3));
    let rows = stage.json(&[
        "processes",
        "--state",
        "exited",
        "--loopback",
        "include",
        "-f",
        "json",
    ]);
    let rows = rows["rows"].as_array().unwrap();
    let exact = rows
        .iter()
        .filter(|row| row["tx_bytes_total"] == 400)
        .count();
    let busy = resident(stage.agent_pid());
    println!("ready after {started:?}; RSS quiet {quiet} kB, after 1,000 processes {busy} kB");
    assert_eq!(exact, 1000);
    assert!(busy <= 15 * 1024, "RSS {busy} kB is over 15 MB");
}
