use std::io::Read;
use std::io::Write;
use std::net::TcpListener;
use std::net::TcpStream;
use std::net::UdpSocket;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;
use std::time::Instant;

use libbpf_rs::MapCore;

use super::*;
use crate::object::Limits;
use crate::standstill::with_cpus_stopped;
use crate::traffic::Census;
use crate::traffic::Probe;

fn move_bytes(bytes: usize) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (mut server, _) = listener.accept().unwrap();
    client.write_all(&vec![7; bytes]).unwrap();
    drop(client);
    let mut received = Vec::new();
    server.read_to_end(&mut received).unwrap();
}

fn received(probe: &mut Probe) -> u64 {
    let reading = probe.read(Census::None).unwrap();
    let mine = reading
        .processes
        .iter()
        .find(|(id, _)| id.pid == std::process::id());
    mine.map_or(0, |(_, traffic)| {
        traffic.flows.iter().step_by(2).map(|flow| flow.bytes).sum()
    })
}

/// Pins that go with the test, also when it fails.
pub(in crate::traffic) struct Pins(Options);

impl std::ops::Deref for Pins {
    type Target = Options;

    fn deref(&self) -> &Options {
        &self.0
    }
}

impl Drop for Pins {
    fn drop(&mut self) {
        if self.0.directory.exists() {
            Probe::unpin(&self.0.directory).expect("remove the test's pins");
        }
    }
}

pub(in crate::traffic) fn options(name: &str) -> Option<Pins> {
    // SAFETY: geteuid has no preconditions.
    if unsafe { libc::geteuid() } != 0 || !Path::new("/sys/fs/bpf").exists() {
        eprintln!("SKIPPED: loading BPF programs needs root and a BPF file system");
        return None;
    }
    let root = format!("/sys/fs/bpf/netmon-test-{name}-{}", std::process::id());
    Some(Pins(Options {
        directory: root.into(),
        // The kernel matrix runs the tests with each set.
        hooks: std::env::var("NETMON_TEST_HOOKS")
            .ok()
            .map(|set| set.parse().unwrap()),
        limits: Limits {
            processes: 1024,
            connections: 1024,
            closed_bytes: 1 << 16,
        },
        fresh: false,
    }))
}

#[test]
fn programs_of_another_build_are_replaced_and_nothing_counts_twice() {
    let Some(options) = options("replace") else {
        return;
    };
    let mut probe = Probe::start(&options).unwrap();
    move_bytes(1_000);
    let before = received(&mut probe);
    let ids = |probe: &Probe| -> Vec<_> {
        probe
            .hooks()
            .iter()
            .filter_map(|state| state.program_id)
            .collect()
    };
    let old = ids(&probe);
    // As an agent of another build would have left it.
    let directory = probe.directory();
    let mut schema = probe.maps.control(&directory).unwrap();
    schema.build ^= 1;
    store(&probe.maps.control, &schema).unwrap();
    let mut carried: carried = lookup(&probe.maps.carried, &ONLY).unwrap().unwrap();
    carried.missed_events[1] = 5;
    store(&probe.maps.carried, &carried).unwrap();
    drop(probe);

    let mut probe = Probe::start(&options).unwrap();
    assert!(
        probe.read(Census::None).unwrap().missed_events >= 5,
        "they are cumulative"
    );
    assert!(
        ids(&probe).iter().all(|id| !old.contains(id)),
        "new programs"
    );
    move_bytes(500);
    assert_eq!(received(&mut probe), before + 500);
    let generations: Vec<u32> = links(&directory).unwrap().iter().map(|(g, _)| *g).collect();
    assert!(
        generations.iter().all(|generation| *generation == 2),
        "{generations:?}"
    );

    // A link that somebody removed is put back.
    let links = ["tcp_rx", "tcp_rx_btf"].map(|program| object::link_name(2, program));
    let link = links.iter().find(|link| directory.join(link).exists());
    std::fs::remove_file(directory.join(link.unwrap())).unwrap();
    drop(probe);
    let mut probe = Probe::start(&options).unwrap();
    move_bytes(250);
    assert_eq!(received(&mut probe), before + 750);
    drop(probe);
}

/// Bytes received and sent by the ends of one connection, as told when they were closed.
fn told_at_the_end(probe: &mut Probe, port: u16) -> Vec<(u64, u64)> {
    let mut told = Vec::new();
    for _ in 0..100 {
        let reading = probe.read(Census::None).unwrap();
        let ends = reading.closed.into_iter().map(|closed| closed.connection);
        let ends = ends.filter(|end| {
            end.local.port() == port || end.remote.is_some_and(|remote| remote.port() == port)
        });
        told.extend(ends.map(|end| (end.rx.bytes, end.tx.bytes)));
        if told.len() >= 2 {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    told.sort_unstable();
    told
}

/// The kernel may skip every event of a connection but the last: here their programs are detached.
#[test]
fn what_was_skipped_comes_when_the_connection_is_closed() {
    for entries_are_skipped in [false, true] {
        let Some(options) = options(&format!("skipped-{entries_are_skipped}")) else {
            return;
        };
        let mut probe = Probe::start(&options).unwrap();
        let directory = probe.directory();
        let written = probe.hook_set() == HookSet::Kprobe;
        let programs = ["tcp_rx", "tcp_rx_btf", "tcp_tx", "tcp_tx_btf"];
        let links = programs.map(|program| directory.join(object::link_name(1, program)));
        let detached = links.iter().filter(|l| std::fs::remove_file(l).is_ok());
        assert_eq!(detached.count(), if written { 2 } else { 1 });
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let mut client = TcpStream::connect(address).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        client.write_all(&[7; 1_000]).unwrap();
        server.read_exact(&mut [0; 1_000]).unwrap();
        server.write_all(&[7; 300]).unwrap();
        client.read_exact(&mut [0; 300]).unwrap();
        if entries_are_skipped {
            let keys: Vec<_> = probe.maps.sockets.keys().collect();
            for key in keys {
                probe.maps.sockets.delete(&key).unwrap();
            }
        }
        drop(client);
        // It has the end of the other before it ends itself.
        server.read_to_end(&mut Vec::new()).unwrap();
        drop(server);
        let told = told_at_the_end(&mut probe, address.port());
        // What send calls return is counted when they return, in entries that were forgotten.
        let sent = |bytes| match (written, entries_are_skipped) {
            (false, true) => 0,
            _ => bytes,
        };
        assert_eq!(
            told,
            [(300, sent(1_000)), (1_000, sent(300))],
            "{entries_are_skipped}"
        );
        drop(probe);
    }
}

/// All tests of this process are one row: only one at a time may send UDP.
static ONE_FLOOD: Mutex<()> = Mutex::new(());

/// Two threads that send small datagrams as fast as they can until they are told to stop.
struct Flood {
    stop: Arc<AtomicBool>,
    threads: Vec<std::thread::JoinHandle<u64>>,
}

impl Flood {
    fn start() -> Flood {
        let stop = Arc::new(AtomicBool::new(false));
        let send = |stop: Arc<AtomicBool>| {
            let target = UdpSocket::bind("127.0.0.1:0").unwrap();
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            socket.connect(target.local_addr().unwrap()).unwrap();
            let mut calls = 0;
            while !stop.load(Ordering::Relaxed) {
                calls += u64::from(socket.send(b"x").is_ok());
            }
            calls
        };
        let thread = |_| {
            let stop = Arc::clone(&stop);
            std::thread::spawn(move || send(stop))
        };
        Flood {
            threads: (0..2).map(thread).collect(),
            stop,
        }
    }

    /// How many calls have sent something.
    fn end(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        self.threads.into_iter().map(|t| t.join().unwrap()).sum()
    }
}

/// UDP over IPv4 loopback that this process has sent: bytes and calls.
pub(in crate::traffic) fn sent(probe: &mut Probe) -> (u64, u64) {
    let reading = probe.read(Census::None).unwrap();
    let mine = reading
        .processes
        .iter()
        .find(|(id, _)| id.pid == std::process::id());
    mine.map_or((0, 0), |(_, traffic)| {
        (traffic.flows[13].bytes, traffic.flows[13].calls)
    })
}

/// What many switches have cost.
struct Switched {
    /// Calls counted too often; below 0: not at all.
    off: i64,
    /// Switches for which the CPUs could not be stopped, as `hand_over` said.
    unstopped: u32,
}

/// Hands over between two generations many times in a flood.
fn switches(
    name: &str,
    times: u32,
    hand_over: impl Fn(&Maps, &control) -> bool,
) -> Option<Switched> {
    let options = options(name)?;
    let _turn = ONE_FLOOD.lock().unwrap_or_else(PoisonError::into_inner);
    let mut probe = Probe::start(&options).unwrap();
    let directory = probe.directory();
    let mut schema = probe.maps.control(&directory).unwrap();
    let support = Support::find_out().unwrap();
    let plans = plans_of(&support, probe.hook_set()).unwrap();
    attach_first(&plans, |plan| Constants::of(plan, 2), &support, &directory).unwrap();
    let flood = Flood::start();
    let (mut longest, mut unstopped) = (Duration::ZERO, 0);
    for turn in 0..times {
        std::thread::sleep(Duration::from_millis(3));
        schema.active_generation = 2 - turn % 2;
        let begin = Instant::now();
        unstopped += u32::from(!hand_over(&probe.maps, &schema));
        longest = longest.max(begin.elapsed());
    }
    let calls = flood.end();
    let (bytes, counted) = sent(&mut probe);
    assert_eq!(bytes, counted, "one byte per call");
    drop(probe);
    eprintln!(
        "{name}: {calls} calls, {counted} counted, {times} switches, {unstopped} of them with CPUs \
         that ran, longest {longest:?}"
    );
    Some(Switched {
        off: counted as i64 - calls as i64,
        unstopped,
    })
}

fn stopped(maps: &Maps, schema: &control) -> bool {
    let (stored, stopped) = with_cpus_stopped(|| store(&maps.control, schema));
    stored.unwrap();
    stopped.is_ok()
}

#[test]
fn no_event_is_lost_or_counted_twice_at_a_switch() {
    let Some(switched) = switches("standstill", 400, stopped) else {
        return;
    };
    let cpus = i64::try_from(libbpf_rs::num_possible_cpus().unwrap()).unwrap();
    // On a machine whose CPUs are somebody else's half of the time they cannot always be stopped.
    let excused = i64::from(switched.unstopped) * cpus;
    assert!(switched.off.abs() <= excused, "off by {}", switched.off);
    assert!(switched.unstopped < 200, "{}", switched.unstopped);
}

/// Prints how often a call falls between two programs when nobody stops the CPUs, and when
/// somebody does.
#[test]
#[ignore = "a measurement: the figures in docs/accuracy.md"]
fn what_a_standstill_is_good_for() {
    let plain = |maps: &Maps, schema: &control| {
        store(&maps.control, schema).unwrap();
        false
    };
    for _ in 0..5 {
        switches("plain", 2000, plain);
        switches("standstill", 2000, stopped);
    }
}

#[test]
fn replacing_programs_in_a_flood_is_exact() {
    let Some(options) = options("flood") else {
        return;
    };
    let _turn = ONE_FLOOD.lock().unwrap_or_else(PoisonError::into_inner);
    let mut probe = Probe::start(&options).unwrap();
    let flood = Flood::start();
    for _ in 0..5 {
        let directory = probe.directory();
        let mut schema = probe.maps.control(&directory).unwrap();
        schema.build ^= 1;
        store(&probe.maps.control, &schema).unwrap();
        drop(probe);
        probe = Probe::start(&options).unwrap();
    }
    let calls = flood.end();
    assert_eq!(sent(&mut probe).1, calls);
    assert_eq!(probe.handover().restarts, 5);
    drop(probe);
}
