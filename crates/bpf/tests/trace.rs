//! The packet trace on the running kernel: every point that is hooked fires, and what it tells is
//! true. Needs root and a BPF file system; says so when it skips.

// Helpers of tests may panic as tests may.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::io::Read;
use std::io::Write;
use std::net::TcpListener;
use std::net::TcpStream;
use std::net::UdpSocket;
use std::path::PathBuf;
use std::time::Duration;
use std::time::Instant;

use netmon_bpf::trace::Event;
use netmon_bpf::trace::Facts;
use netmon_bpf::trace::Filter;
use netmon_bpf::trace::Tracer;
use netmon_bpf::trace::Wish;
use netmon_bpf::trace::TABLE;
use netmon_bpf::traffic::MapLimits;
use netmon_bpf::traffic::Options;
use netmon_bpf::traffic::Probe;

/// A probe with pins of its own: the trace asks its maps whose a socket is.
struct Stage {
    pins: PathBuf,
    probe: Option<Probe>,
}

impl Stage {
    fn new(name: &str) -> Option<Stage> {
        // SAFETY: geteuid has no preconditions.
        if unsafe { libc::geteuid() } != 0 {
            eprintln!("SKIPPED: loading BPF programs needs root");
            return None;
        }
        let pins = format!("/sys/fs/bpf/netmon-test-{name}-{}", std::process::id());
        let options = Options {
            directory: pins.clone().into(),
            hooks: None,
            limits: MapLimits {
                processes: 4096,
                connections: 4096,
                closed_bytes: 1 << 16,
            },
            fresh: false,
        };
        let probe = Probe::start(&options).unwrap();
        Some(Stage {
            pins: pins.into(),
            probe: Some(probe),
        })
    }

    fn tracer(&self) -> Tracer {
        let begin = Instant::now();
        let facts = Facts::find_out().unwrap();
        let looked = begin.elapsed();
        let pins = self.probe.as_ref().unwrap().directory();
        let tracer = Tracer::start(&facts, &pins).unwrap();
        eprintln!("facts {looked:?}, attached after {:?}", begin.elapsed());
        tracer
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        drop(self.probe.take());
        Probe::unpin(&self.pins).unwrap();
    }
}

/// What comes within a second, the first time nothing comes any more.
fn drain(tracer: &mut Tracer) -> Vec<Event> {
    let mut events = Vec::new();
    let until = Instant::now() + Duration::from_secs(5);
    loop {
        let before = events.len();
        tracer.drain(|event| events.push(event)).unwrap();
        if (events.len() == before && before > 0) || Instant::now() > until {
            return events;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn move_tcp(address: &str) -> u16 {
    let listener = TcpListener::bind(address).unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (mut server, _) = listener.accept().unwrap();
    client.write_all(&[7; 1000]).unwrap();
    let mut buffer = [0; 1000];
    server.read_exact(&mut buffer).unwrap();
    server.write_all(&[7; 10]).unwrap();
    client.read_exact(&mut buffer[..10]).unwrap();
    port
}

fn print(events: &[Event]) {
    for event in events {
        eprintln!(
            "{:>14} {:<24} {:#018x} {:?} > {:?} {:?} {} {:?} len {:?} dev {:?} cpu {} {:?} {} reason {:?}",
            event.time,
            TABLE[event.point].name,
            event.buffer,
            event.source,
            event.destination,
            event.ports,
            event.protocol,
            event.segment,
            event.length,
            event.device.map(|name| String::from_utf8_lossy(&name).trim_end_matches('\0').to_owned()),
            event.cpu,
            event.process,
            String::from_utf8_lossy(&event.name).trim_end_matches('\0'),
            event.reason,
        );
    }
}

#[test]
fn every_hooked_point_fires() {
    let Some(stage) = Stage::new("trace") else {
        return;
    };
    let mut tracer = stage.tracer();
    for (point, outcome) in TABLE.iter().zip(tracer.outcome()) {
        let kind = point.kind.to_string();
        eprintln!("{kind:<10} {:<26} {outcome:?}", point.name);
    }
    costs();
    tracer.open(0, &Wish::default()).unwrap();
    move_tcp("127.0.0.1:0");
    move_tcp("[::1]:0");
    let a = UdpSocket::bind("127.0.0.1:0").unwrap();
    let b = UdpSocket::bind("127.0.0.1:0").unwrap();
    a.send_to(&[1; 333], b.local_addr().unwrap()).unwrap();
    let mut buffer = [0; 400];
    b.recv_from(&mut buffer).unwrap();
    let closed = b.local_addr().unwrap();
    drop(b);
    a.send_to(&[1; 33], closed).unwrap();
    let events = drain(&mut tracer);
    print(&events);
    let mut seen = BTreeMap::<usize, u64>::new();
    for event in &events {
        *seen.entry(event.point).or_default() += 1;
    }
    let tallies = tracer.tallies(0).unwrap();
    for (point, tally) in tallies.iter().enumerate() {
        let told = seen.get(&point).copied().unwrap_or(0);
        assert_eq!(
            tally.matched,
            tally.suppressed + tally.lost + told,
            "{}",
            TABLE[point].name
        );
        eprintln!("{:<26} {tally:?}", TABLE[point].name);
    }
    let _ = Filter::default();
}

/// What the verifier went through, by program.
fn costs() {
    for entry in std::fs::read_dir("/proc/self/fdinfo").unwrap().flatten() {
        let text = std::fs::read_to_string(entry.path()).unwrap_or_default();
        let of = |key: &str| {
            text.lines()
                .find_map(|l| l.strip_prefix(key).map(str::trim))
        };
        if let (Some(id), Some(cost)) = (of("prog_id:"), of("verified_insns:")) {
            eprintln!("program {id}: {cost} instructions");
        }
    }
}
