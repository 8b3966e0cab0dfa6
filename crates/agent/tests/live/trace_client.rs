//! `netmon trace` as a user runs it: real packets between two hosts, real readers of its captures.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Child;
use std::process::Command;
use std::process::Output;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use serde_json::Value;

use crate::network::Network;
use crate::stage::ready;
use crate::stage::signal_process;
use crate::stage::Stage;

/// Three requests and replies on TCP, then the end of the connection.
const SERVER: &str = "
import socket, sys
listener = socket.create_server((sys.argv[1], int(sys.argv[2])))
print('ready', flush=True)
peer, _ = listener.accept()
for _ in range(3):
    peer.sendall(peer.recv(1000)[::-1] * 3)
peer.recv(1)
peer.close()
";
const CLIENT: &str = "
import socket, sys
peer = socket.create_connection((sys.argv[1], int(sys.argv[2])))
for length in (10, 200, 300):
    peer.sendall(b'x' * length)
    got = 0
    while got < 3 * length:
        got += len(peer.recv(3 * length - got))
peer.close()
";

fn python(command: &mut Command, program: &str, host: &str, port: u16) -> Child {
    let port = port.to_string();
    command.args(["-c", program, host, &port]);
    command.stdout(Stdio::piped()).spawn().unwrap()
}

/// The exchange, from host 0 to host 1.
fn exchange(network: &Network, port: u16) {
    let host = Network::HOSTS[1];
    let mut server = python(&mut network.on(1, "python3"), SERVER, host, port);
    let mut ready = [0; 6];
    std::io::Read::read_exact(server.stdout.as_mut().unwrap(), &mut ready).unwrap();
    let mut client = python(&mut network.on(0, "python3"), CLIENT, host, port);
    assert!(client.wait().unwrap().success());
    assert!(server.wait().unwrap().success());
}

/// Starts a trace and waits until it is attached, which is when it has written something.
pub fn start(stage: &Stage, arguments: &[&str], file: &Path) -> Child {
    let mut command = stage.client();
    command.arg("trace").args(arguments);
    let child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let begin = Instant::now();
    while fs::metadata(file).map_or(0, |file| file.len()) == 0 {
        assert!(begin.elapsed() < Duration::from_secs(60), "{}", stage.log());
        std::thread::sleep(Duration::from_millis(20));
    }
    child
}

fn interrupt(child: Child) -> Output {
    signal_process(child.id(), "-INT");
    child.wait_with_output().unwrap()
}

pub fn lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// What tshark reads: how often it saw each segment.
fn segments(path: &Path, filter: &str) -> BTreeMap<String, usize> {
    let output = Command::new("tshark")
        .args(["-r", path.to_str().unwrap(), "-Y", filter, "-T", "fields"])
        .args(["-e", "ip.src", "-e", "tcp.seq_raw", "-e", "tcp.ack_raw"])
        .args(["-e", "tcp.flags", "-e", "tcp.len"])
        .output()
        .expect("tshark; scripts/test installs it");
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let mut segments = BTreeMap::new();
    for line in text.lines() {
        *segments.entry(line.to_owned()).or_default() += 1;
    }
    segments
}

#[test]
fn a_capture_has_every_segment_that_tcpdump_saw() {
    if !ready() {
        return;
    }
    let stage = Stage::with_agent("traceclient");
    let network = Network::new("traceclient");
    let dump = stage.directory.path().join("dump.pcap");
    let file = stage.directory.path().join("trace.pcapng");
    // As root it gives up its rights before it writes, unless told not to.
    let mut tcpdump = network.on(0, "tcpdump");
    tcpdump
        .args(["-Z", "root", "-i", "veth0", "-U", "-w"])
        .arg(&dump);
    let tcpdump = tcpdump
        .args(["tcp", "port", "7001"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("tcpdump; scripts/test installs it");
    let trace = start(
        &stage,
        &[
            "-i",
            Network::HOSTS[0],
            "-p",
            "7001",
            "--pcapng",
            file.to_str().unwrap(),
        ],
        &file,
    );
    let begin = Instant::now();
    while fs::metadata(&dump).map_or(0, |file| file.len()) == 0 {
        assert!(
            begin.elapsed() < Duration::from_secs(60),
            "tcpdump does not start"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    // Not asked for.
    exchange(&network, 7002);
    exchange(&network, 7001);
    std::thread::sleep(Duration::from_millis(500));
    let output = interrupt(trace);
    interrupt(tcpdump);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(130), "{told}");
    assert!(told.contains(" packets written to "), "{told}");

    let seen = segments(&dump, "tcp");
    assert!(seen.values().sum::<usize>() >= 10, "{seen:?}");
    for point in ["net_dev_queue", "netif_receive_skb"] {
        let filter = format!("frame.comment contains \"point={point} \"");
        assert_eq!(segments(&file, &filter), seen, "{point}");
    }
    // Nothing of the other connection at any point.
    let others = segments(&file, "tcp.port != 7001 && !(tcp.port == 7001)");
    assert_eq!(others, BTreeMap::new());
}

#[test]
fn lines_and_counts_agree_under_a_flood() {
    if !ready() {
        return;
    }
    let stage = Stage::with_agent("traceclient");
    let file = stage.directory.path().join("trace.jsonl");
    let path = file.to_str().unwrap();
    let filter = ["-i", "127.0.0.1", "-p", "7009", "--proto", "udp"];
    let mut arguments = filter.to_vec();
    arguments.extend(["--rate", "500", "-j", "-t", "3s", "-o", path]);
    let trace = start(&stage, &arguments, &file);
    let flood = "
import socket, time
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
receiver.bind(('127.0.0.1', 7009))
end = time.monotonic() + 2
while time.monotonic() < end:
    for _ in range(100):
        sender.sendto(b'x' * 100, ('127.0.0.1', 7009))
";
    let flooded = Command::new("python3")
        .args(["-c", flood])
        .status()
        .unwrap();
    assert!(flooded.success());
    let output = trace.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert!(told.contains("more than 500 events/s"), "{told}");
    let lines = lines(&file);
    let printed = lines.iter().filter(|line| line["type"] == "trace").count() as u64;
    let total = &lines[lines.len() - 2];
    let count = |key: &str| total[key].as_u64().unwrap();
    assert_eq!(count("printed"), printed);
    assert!(count("suppressed") > 1000, "{total}");
    assert_eq!(
        count("events"),
        printed + count("suppressed") + count("lost"),
        "{total}"
    );
    assert!(printed <= 500 * 4, "{total}");
    assert!(lines
        .iter()
        .filter(|line| line["type"] == "trace")
        .all(|line| line["src_port"] == 7009 || line["dst_port"] == 7009));
}

/// Numbers of the programs that a process holds.
fn held(pid: u32) -> BTreeSet<u32> {
    let mut held = BTreeSet::new();
    for entry in fs::read_dir(format!("/proc/{pid}/fdinfo"))
        .unwrap()
        .flatten()
    {
        let text = fs::read_to_string(entry.path()).unwrap_or_default();
        let ids = text
            .lines()
            .filter_map(|line| line.strip_prefix("prog_id:"));
        held.extend(ids.filter_map(|id| id.trim().parse::<u32>().ok()));
    }
    held
}

/// Those that the kernel still has.
fn loaded(ids: &BTreeSet<u32>) -> BTreeSet<u32> {
    // bpf(BPF_PROG_GET_FD_BY_ID)
    let ask = "
import ctypes, platform, sys
number = 280 if platform.machine() == 'aarch64' else 321
libc = ctypes.CDLL(None, use_errno=True)
for word in sys.argv[1:]:
    attributes = (ctypes.c_uint32 * 32)(int(word))
    if libc.syscall(number, 13, attributes, ctypes.sizeof(attributes)) >= 0:
        print(word)
";
    let mut command = Command::new("python3");
    command.args(["-c", ask]);
    command.args(ids.iter().map(u32::to_string));
    let output = command.output().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| line.parse().unwrap()).collect()
}

#[test]
fn a_killed_viewer_leaves_no_program() {
    if !ready() {
        return;
    }
    let stage = Stage::with_agent("traceclient");
    let before = held(stage.agent_pid());
    let files = ["a", "b"].map(|name| stage.directory.path().join(name));
    let mut traces: Vec<_> = files
        .iter()
        .map(|file| {
            let arguments = ["-i", "192.0.2.1", "-j", "-o", file.to_str().unwrap()];
            start(&stage, &arguments, file)
        })
        .collect();
    let trace: BTreeSet<_> = held(stage.agent_pid())
        .difference(&before)
        .copied()
        .collect();
    assert!(trace.len() >= 5, "{trace:?}");
    assert_eq!(loaded(&trace), trace);
    let kill = |mut child: Child| {
        child.kill().unwrap();
        child.wait().unwrap();
    };
    kill(traces.remove(0));
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(loaded(&trace), trace, "one viewer is still there");
    kill(traces.remove(0));
    let begin = Instant::now();
    while !loaded(&trace).is_empty() {
        assert!(
            begin.elapsed() < Duration::from_secs(10),
            "{:?}",
            loaded(&trace)
        );
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(held(stage.agent_pid()), before);
    // And again.
    let output = stage.run(&["trace", "-s", "-n", "1", "-f", "csv"]);
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn a_table_shows_the_way_of_packets() {
    if !ready() {
        return;
    }
    let stage = Stage::with_agent("traceclient");
    let network = Network::new("traceclient");
    let file = stage.directory.path().join("table");
    let path = file.to_str().unwrap();
    let trace = start(&stage, &["-p", "7003", "-f", "wide", "-o", path], &file);
    exchange(&network, 7003);
    std::thread::sleep(Duration::from_millis(300));
    let output = interrupt(trace);
    assert_eq!(output.status.code(), Some(130));
    let table = fs::read_to_string(&file).unwrap();
    let header = table.lines().next().unwrap();
    let words: Vec<_> = header.split_whitespace().collect();
    assert_eq!(
        words.join(" "),
        "KERNEL FUNCTION SRC IP DST IP SRC PORT DST PORT SEQ ACK SEQ TIMESTAMP LEN FLAGS IFACE \
         CPU PID COMMAND +us"
    );
    let status = stage.json(&["status", "--json"]);
    let points = status["trace_points"].as_array().unwrap();
    let points: BTreeMap<_, _> = points
        .iter()
        .map(|point| {
            (
                point["name"].as_str().unwrap(),
                point["available"].as_bool().unwrap(),
            )
        })
        .collect();
    let mut seen = BTreeSet::new();
    for line in table
        .lines()
        .filter(|line| !line.starts_with("KERNEL FUNCTION"))
    {
        let cells: Vec<_> = line.split_whitespace().collect();
        assert!(points[cells[0]], "{line}");
        assert!(cells[3] == "7003" || cells[4] == "7003", "{line}");
        seen.insert(cells[0].to_owned());
    }
    for name in ["netif_receive_skb", "net_dev_queue", "net_dev_xmit"] {
        assert!(seen.contains(name), "{name}:\n{table}");
    }
    assert!(
        table.contains("SYN+ACK") && table.contains(" python3 "),
        "{table}"
    );
    let told = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/trace.md"));
    let told = told.unwrap();
    for name in points.keys() {
        assert!(
            told.contains(&format!("`{name}`")),
            "docs/trace.md does not tell of {name}"
        );
    }
}
