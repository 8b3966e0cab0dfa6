//! What the other commands print on the same host: scenario 42.

use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use super::stage::Stage;

/// Prints it to its end, with a tick whenever it waits for one.
fn printed(stage: &Stage, args: &[&str]) -> String {
    let out = stage.path("printed");
    let child = Command::new(env!("CARGO_BIN_EXE_netmon"))
        .arg("--socket")
        .arg(stage.agent.socket())
        .args(args)
        .env("TZ", "UTC")
        .env("LC_ALL", "C.UTF-8")
        .stdout(std::fs::File::create(&out).unwrap())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let output = ended(stage, child);
    assert!(
        output.status.success(),
        "{args:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    std::fs::read_to_string(out).unwrap()
}

fn ended(stage: &Stage, mut child: Child) -> std::process::Output {
    let deadline = Instant::now() + Duration::from_secs(20);
    while child.try_wait().unwrap().is_none() {
        assert!(Instant::now() < deadline, "it does not end");
        stage.agent.tick(1);
        std::thread::sleep(Duration::from_millis(50));
    }
    child.wait_with_output().unwrap()
}

const HEADER: &str = "time,interval_s,id,pid,ppid,start_time,state,uid,user,name,unit,container,\
conns_tcp,conns_udp,rx_bytes,tx_bytes,rx_bytes_per_s,tx_bytes_per_s,rx_bytes_total,tx_bytes_total,\
rx_peak_bytes_per_s,tx_peak_bytes_per_s,lower_bound";

#[test]
fn scenario_42_streams_have_the_shapes_that_were_promised() {
    let Some(stage) = Stage::set() else { return };
    let csv = printed(&stage, &["watch", "-n", "3", "-f", "csv", "--top", "1"]);
    let mut lines = csv.lines();
    let header = lines.next().unwrap();
    assert_eq!(header, HEADER);
    for line in lines {
        assert_eq!(line.split(',').count(), header.split(',').count(), "{line}");
    }
    let ticks: std::collections::BTreeSet<&str> = csv
        .lines()
        .skip(1)
        .map(|l| l.split(',').next().unwrap())
        .collect();
    assert_eq!(ticks.len(), 3, "{csv}");

    let json = printed(&stage, &["watch", "-n", "3", "-j"]);
    let kinds: Vec<String> = json
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .map(|value| value["type"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(
        kinds,
        ["hello", "sample", "sample", "sample", "bye"],
        "{json}"
    );

    let json = printed(
        &stage,
        &["watch", "-n", "1", "--format", "compat:procnetmon2", "-j"],
    );
    let value: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(value["processes"]["21934"]["name"], "curl", "{json}");
    assert!(
        value["processes"]["21934"]["current"]["rate_in"]
            .as_f64()
            .unwrap()
            > 1e6
    );

    let table = printed(
        &stage,
        &["watch", "-n", "1", "--format", "compat:net-proc-watch"],
    );
    assert!(table.starts_with("PID"), "{table}");
    assert!(
        table
            .lines()
            .any(|line| line.contains("curl") && line.contains("MB/sec")),
        "{table}"
    );
}
