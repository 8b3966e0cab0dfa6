//! The probe on the running kernel. Needs root and a BPF file system; says so when it skips.

// Helpers of tests may panic as tests may.
#![allow(clippy::unwrap_used)]

use std::io::Read;
use std::io::Write;
use std::net::TcpListener;
use std::net::TcpStream;
use std::net::UdpSocket;
use std::path::Path;
use std::path::PathBuf;

use netmon_bpf::abi::Process;
use netmon_bpf::abi::Traffic;
use netmon_bpf::error::Error;
use netmon_bpf::traffic::Census;
use netmon_bpf::traffic::MapLimits;
use netmon_bpf::traffic::Options;
use netmon_bpf::traffic::Probe;
use netmon_bpf::traffic::Reading;

const LOOPBACK: usize = 8;
const UDP: usize = 4;
const V6: usize = 2;
const TX: usize = 1;

struct Pins(PathBuf);

impl Pins {
    fn options(&self) -> Options {
        Options {
            directory: self.0.clone(),
            hooks: None,
            limits: MapLimits {
                processes: 4096,
                connections: 4096,
                closed_bytes: 1 << 16,
            },
            fresh: false,
        }
    }
}

impl Drop for Pins {
    fn drop(&mut self) {
        if self.0.exists() {
            Probe::unpin(&self.0).expect("remove the test's pins");
        }
    }
}

fn pins(name: &str) -> Option<Pins> {
    // SAFETY: geteuid has no preconditions.
    if unsafe { libc::geteuid() } != 0 {
        eprintln!("SKIPPED: loading BPF programs needs root");
        return None;
    }
    if !Path::new("/sys/fs/bpf").exists() {
        eprintln!("SKIPPED: /sys/fs/bpf does not exist");
        return None;
    }
    let directory = format!("/sys/fs/bpf/netmon-test-{name}-{}", std::process::id());
    Some(Pins(PathBuf::from(directory)))
}

fn mine(reading: &Reading) -> Traffic {
    let mine = reading
        .processes
        .iter()
        .find(|(id, _)| id.pid == std::process::id());
    mine.map(|(_, traffic)| *traffic).unwrap_or_default()
}

fn move_tcp(bytes: usize, address: &str) {
    let listener = TcpListener::bind(address).unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (mut server, _) = listener.accept().unwrap();
    let payload = vec![7; bytes];
    let writer = std::thread::spawn(move || client.write_all(&payload).unwrap());
    let mut received = Vec::new();
    server.read_to_end(&mut received).unwrap();
    writer.join().unwrap();
    assert_eq!(received.len(), bytes);
}

/// The tests share one process and so one row: they run one after the other.
#[test]
fn counts_survive_the_agent_and_are_exact() {
    let Some(pins) = pins("counts") else { return };
    let mut probe = Probe::start(&pins.options()).unwrap();
    move_tcp(100_003, "127.0.0.1:0");
    move_tcp(70_001, "[::1]:0");
    let a = UdpSocket::bind("127.0.0.1:0").unwrap();
    let b = UdpSocket::bind("127.0.0.1:0").unwrap();
    a.send_to(&[1; 333], b.local_addr().unwrap()).unwrap();
    let mut buffer = [0; 400];
    b.recv_from(&mut buffer).unwrap();

    let reading = probe.read(Census::Counts).unwrap();
    let traffic = mine(&reading);
    let bytes = |flow: usize| traffic.flows[flow].bytes;
    assert_eq!(
        (bytes(LOOPBACK), bytes(LOOPBACK + TX)),
        (100_003, 100_003),
        "TCP over IPv4"
    );
    assert_eq!(
        (bytes(LOOPBACK + V6), bytes(LOOPBACK + V6 + TX)),
        (70_001, 70_001),
        "over IPv6"
    );
    assert_eq!(
        (bytes(LOOPBACK + UDP), bytes(LOOPBACK + UDP + TX)),
        (333, 333),
        "UDP"
    );
    assert!(reading.news.iter().any(|(id, process): &(_, Process)| {
        id.pid == std::process::id() && process.exit.is_none() && !process.args.is_empty()
    }));
    assert_eq!(reading.losses.counts, [0; 7]);

    let busy = Probe::start(&pins.options()).unwrap_err();
    assert!(matches!(busy, Error::Busy { pid: Some(pid), .. } if pid == std::process::id()));

    let ids = |probe: &Probe| -> Vec<_> {
        let mut ids: Vec<_> = probe.hooks().iter().filter_map(|h| h.program_id).collect();
        ids.sort_unstable();
        ids
    };
    let before = ids(&probe);
    drop(probe);
    move_tcp(5_000, "127.0.0.1:0");
    let mut probe = Probe::start(&pins.options()).unwrap();
    assert_eq!(ids(&probe), before, "taken over, not loaded again");
    assert_eq!(probe.handover().restarts, 1);
    let traffic = mine(&probe.read(Census::None).unwrap());
    assert_eq!(
        traffic.flows[LOOPBACK].bytes, 105_003,
        "counted while nobody looked"
    );

    let start = std::time::Instant::now();
    probe.explore().unwrap();
    eprintln!("explored in {:?}", start.elapsed());
    for hook in probe.hooks() {
        eprintln!(
            "{:>15} {:<26} {:?} {}",
            hook.hook.kind.to_string(),
            hook.hook.target,
            hook.program_id,
            hook.reason.unwrap_or_default()
        );
    }
}
