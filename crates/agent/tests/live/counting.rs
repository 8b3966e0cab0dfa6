//! Bytes on real traffic.

use std::fs;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;

use crate::network::Network;
use crate::stage::piped;
use crate::stage::ready;
use crate::stage::Lines;
use crate::stage::Stage;

#[test]
fn every_case_of_the_selftest_is_exact() {
    if !ready() {
        return;
    }
    let stage = Stage::with_agent("selftest");
    let output = stage.run(&["selftest"]);
    let text = String::from_utf8_lossy(&output.stdout);
    println!("{text}");
    assert!(
        output.status.success(),
        "{text}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn every_case_under_load_is_exact_and_nothing_is_lost() {
    if !ready() {
        return;
    }
    let mut stage = Stage::empty("load");
    // The selftest waits two ticks after each of these cases.
    stage.start(&["--tick", "200ms"]);
    let output = stage.run(&["selftest", "--case", "load*", "--json"]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{text}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let document: Value = serde_json::from_str(&text).unwrap();
    for case in document["cases"].as_array().unwrap() {
        if case["result"] == "skipped" {
            eprintln!("SKIPPED: {}: {}", case["case"], case["reason"]);
        }
        println!("{} {} lost {}", case["case"], case["path"], case["losses"]);
    }
    let storm = document["cases"].as_array().unwrap().iter();
    let storm = storm.filter(|case| case["case"] == "load_storm" && case["result"] == "exact");
    for storm in storm {
        let groups = storm["groups"].as_array().unwrap().iter();
        let lives = groups.filter(|group| group["process"] == "life");
        let exact: u64 = lives.map(|group| group["exact"].as_u64().unwrap()).sum();
        assert_eq!(exact, 2000, "{storm}");
    }
    assert_eq!(document["lost_events"], 0, "{}", document["losses"]);
}

/// A server on one host and a file on its disk; the port it listens on.
fn serve_file(stage: &mut Stage, network: &Network, size: usize) -> String {
    let directory = stage.directory.path().join("files");
    fs::create_dir(&directory).unwrap();
    fs::write(directory.join("file"), vec![b'x'; size]).unwrap();
    let mut server = network.on(0, "python3");
    server.args([
        "-m",
        "http.server",
        "--bind",
        Network::HOSTS[0],
        "8000",
        "--directory",
    ]);
    server
        .arg(&directory)
        .stderr(Stdio::null())
        .stdout(Stdio::null());
    stage.keep(server.spawn().unwrap());
    for _ in 0..100 {
        let mut probe = network.on(1, "python3");
        let connect = format!(
            "import socket; socket.create_connection(('{}', 8000))",
            Network::HOSTS[0]
        );
        if probe
            .args(["-c", &connect])
            .stderr(Stdio::null())
            .status()
            .unwrap()
            .success()
        {
            return format!("http://{}:8000/file", Network::HOSTS[0]);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("the server does not listen");
}

/// What curl says it moved: body and headers received, request sent.
fn moved(output: &[u8]) -> (u64, u64) {
    let text = String::from_utf8_lossy(output);
    let numbers: Vec<u64> = text
        .split_whitespace()
        .map(|n| n.parse().unwrap())
        .collect();
    (numbers[0] + numbers[1], numbers[2])
}

const REPORT: &str = "%{size_download} %{size_header} %{size_request}";

#[test]
fn a_transfer_between_two_hosts_is_exact_for_an_unprivileged_viewer() {
    if !ready() {
        return;
    }
    let mut stage = Stage::with_agent("transfer");
    let network = Network::new("transfer");
    let url = serve_file(&mut stage, &network, 7_000_003);
    let mut viewer = std::process::Command::new("setpriv");
    viewer.args(["--reuid", "nobody", "--regid", "nogroup", "--clear-groups"]);
    viewer
        .arg(crate::stage::binary("netmon"))
        .arg("--socket")
        .arg(stage.socket());
    let mut viewer = piped(viewer.args(["watch", "-j", "--name", "curl", "--state", "all"]));
    let lines = Lines::of(&mut viewer);
    stage.keep(viewer);
    lines.next("sample");

    let curl = network
        .on(1, "curl")
        .args(["-s", "-o", "/dev/null", "-w", REPORT, &url])
        .output()
        .unwrap();
    let (rx, tx) = moved(&curl.stdout);
    let row = loop {
        let sample = lines.next("sample");
        let rows = sample["rows"].as_array().unwrap().clone();
        if let Some(row) = rows.into_iter().find(|row| row["state"] == "exited") {
            break row;
        }
    };
    assert_eq!(
        (&row["rx_bytes_total"], &row["tx_bytes_total"]),
        (&Value::from(rx), &Value::from(tx))
    );
    assert_eq!(row["by_proto"]["tcp4"]["rx_bytes_total"], rx);
    assert_eq!(row["loopback_rx_bytes_total"], 0);
    assert_eq!(row["exit_code"], 0);
    assert!(rx > 7_000_003);
}

#[test]
fn loopback_is_left_out_unless_asked_for() {
    if !ready() {
        return;
    }
    let stage = Stage::with_agent("loopback");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    std::io::Write::write_all(&mut client, &[1; 4321]).unwrap();
    let row = stage.row(std::process::id(), "live");
    assert_eq!(row["tx_bytes_total"], 4321);
    let pid = std::process::id().to_string();
    let without = stage.json(&["processes", "-p", &pid, "--state", "all", "-f", "json"]);
    for row in without["rows"].as_array().unwrap() {
        assert_eq!(row["tx_bytes_total"], 0, "{row}");
    }
}

#[test]
fn an_agent_killed_in_the_middle_of_a_transfer_loses_nothing() {
    if !ready() {
        return;
    }
    let mut stage = Stage::with_agent("kill");
    let network = Network::new("kill");
    let url = serve_file(&mut stage, &network, 40_000_011);
    let mut viewer = piped(
        stage
            .client()
            .args(["watch", "-j", "--name", "curl", "--state", "all"]),
    );
    let lines = Lines::of(&mut viewer);
    stage.keep(viewer);
    lines.next("sample");
    let mut curl = network.on(1, "curl");
    // About seven seconds; curl may read the first ten megabytes in one go.
    let curl = curl.args([
        "-s",
        "-o",
        "/dev/null",
        "--limit-rate",
        "5700k",
        "-w",
        REPORT,
        &url,
    ]);
    let curl = curl.stdout(Stdio::piped()).spawn().unwrap();
    let pid = curl.id();
    while stage.row(pid, "live")["rx_bytes_total"].as_u64().unwrap() == 0 {
        std::thread::sleep(Duration::from_millis(100));
    }
    stage.signal("-KILL");
    assert_eq!(stage.wait(), None);
    std::thread::sleep(Duration::from_secs(5));
    stage.start(&[]);

    let gap = lines.next("gap");
    assert_eq!(
        (&gap["reason"], &gap["counters_kept"]),
        (&Value::from("agent_restart"), &Value::from(true))
    );
    let missing = gap["to_seq"].as_u64().unwrap() - gap["from_seq"].as_u64().unwrap() + 1;
    // Five ticks without an agent, and those until the viewer tried again.
    assert!((5..=15).contains(&missing), "{gap}");
    let (rx, tx) = moved(&curl.wait_with_output().unwrap().stdout);
    let row = stage.row(pid, "exited");
    assert_eq!(
        (&row["rx_bytes_total"], &row["tx_bytes_total"]),
        (&Value::from(rx), &Value::from(tx))
    );
    assert!(rx > 40_000_011);
}

#[test]
fn a_process_that_lived_for_a_millisecond_is_known_by_all_its_facts() {
    if !ready() {
        return;
    }
    let stage = Stage::with_agent("facts");
    // A child that sends and is gone at once, and one that is killed.
    let program = "
import os, signal, socket
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(('127.0.0.1', 0))
def child(end):
    pid = os.fork()
    if pid == 0:
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x' * 77, server.getsockname())
        end()
    os.waitpid(pid, 0)
    return pid
print(os.getpid(), child(lambda: os._exit(3)), child(lambda: os.kill(os.getpid(), signal.SIGKILL)))
";
    let mut command = std::process::Command::new("setpriv");
    command.args([
        "--reuid",
        "nobody",
        "--regid",
        "nogroup",
        "--clear-groups",
        "/usr/bin/python3",
    ]);
    let output = command.args(["-c", program]).output().unwrap();
    let pids: Vec<u32> = String::from_utf8_lossy(&output.stdout)
        .split_whitespace()
        .map(|pid| pid.parse().unwrap())
        .collect();
    let [parent, ended, killed] = pids[..] else {
        panic!("{output:?}")
    };
    let row = stage.row(ended, "exited");
    assert_eq!(row["tx_bytes_total"], 77);
    assert_eq!(
        (&row["ppid"], &row["name"]),
        (&Value::from(parent), &Value::from("python3"))
    );
    assert_eq!(
        (&row["user"], &row["uid"]),
        (&Value::from("nobody"), &Value::from(65534))
    );
    assert_eq!(
        (&row["exit_code"], &row["exit_signal"]),
        (&Value::from(3), &Value::Null)
    );
    assert!(row["cgroup"].as_str().unwrap().starts_with('/'), "{row}");
    let pid = ended.to_string();
    let with_cmdline = [
        "processes",
        "-p",
        &pid,
        "--state",
        "all",
        "--cmdline",
        "-f",
        "json",
    ];
    let row = &stage.json(&with_cmdline)["rows"][0];
    assert!(row["cmdline"].to_string().contains("SOCK_DGRAM"), "{row}");
    let row = stage.row(killed, "exited");
    assert_eq!(
        (&row["exit_code"], &row["exit_signal"]),
        (&Value::Null, &Value::from(9))
    );
}
