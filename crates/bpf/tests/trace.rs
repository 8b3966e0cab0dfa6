//! The packet trace on the running kernel: every point that is hooked fires, and what it tells is
//! true. Needs root and a BPF file system; says so when it skips.

// Helpers of tests may panic as tests may.
#![allow(clippy::unwrap_used)]

use std::io::Read;
use std::io::Write;
use std::net::TcpListener;
use std::net::TcpStream;
use std::net::UdpSocket;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
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

/// One test's flood would take the other's room in the ring: both are this process.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// A probe with pins of its own: the trace asks its maps whose a socket is.
struct Stage {
    pins: PathBuf,
    probe: Option<Probe>,
    /// Given back last.
    _turn: MutexGuard<'static, ()>,
}

impl Stage {
    fn new(name: &str) -> Option<Stage> {
        // SAFETY: geteuid has no preconditions.
        if unsafe { libc::geteuid() } != 0 {
            eprintln!("SKIPPED: loading BPF programs needs root");
            return None;
        }
        let turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
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
            _turn: turn,
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

/// Both ways over one connection, and its end as `end` says.
fn move_tcp(address: &str, end: End) {
    let listener = TcpListener::bind(address).unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (mut server, _) = listener.accept().unwrap();
    client.write_all(&[7; 1000]).unwrap();
    let mut buffer = [0; 1000];
    server.read_exact(&mut buffer).unwrap();
    server.write_all(&[7; 10]).unwrap();
    if end == End::Read {
        client.read_exact(&mut buffer[..10]).unwrap();
    }
    // A socket that is closed with something unread resets its connection.
    std::thread::sleep(Duration::from_millis(50));
}

/// The machine has other traffic too; the kernel gives clients higher ones.
const PORTS: [u16; 4] = [27_111, 27_112, 27_113, 27_114];

#[derive(PartialEq, Eq)]
enum End {
    Read,
    Unread,
}

fn move_udp(from: &str, to: &str) {
    let a = UdpSocket::bind(from).unwrap();
    let b = UdpSocket::bind(to).unwrap();
    let to = b.local_addr().unwrap();
    a.send_to(&[1; 333], to).unwrap();
    let mut buffer = [0; 400];
    b.recv_from(&mut buffer).unwrap();
    drop(b);
    // Nobody is there any more.
    a.send_to(&[1; 33], to).unwrap();
}

/// A connection that a listener has no room for: its SYN is dropped and sent again.
fn overflow() {
    let listener = TcpListener::bind(("127.0.0.1", PORTS[3])).unwrap();
    let to = listener.local_addr().unwrap();
    // SAFETY: a second listen() on a listening socket changes its backlog.
    unsafe { libc::listen(std::os::fd::AsRawFd::as_raw_fd(&listener), 0) };
    let waiting: Vec<_> = (0..3)
        .map(|_| {
            std::thread::spawn(move || TcpStream::connect_timeout(&to, Duration::from_millis(2500)))
        })
        .collect();
    for waiting in waiting {
        let _ = waiting.join().unwrap();
    }
}

#[test]
fn every_hooked_point_fires() {
    let Some(stage) = Stage::new("trace") else {
        return;
    };
    let mut tracer = stage.tracer();
    let process = Filter {
        pids: vec![std::process::id()],
        ..Filter::default()
    };
    let ports = Filter {
        ports: PORTS.to_vec(),
        ..Filter::default()
    };
    let wish = Wish {
        filter: ports.clone(),
        ..Wish::default()
    };
    tracer.open(0, &wish).unwrap();
    let own = Wish {
        filter: process,
        headers: true,
        ..Wish::default()
    };
    tracer.open(1, &own).unwrap();
    let counts = Wish {
        filter: ports,
        counts_only: true,
        ..Wish::default()
    };
    tracer.open(2, &counts).unwrap();
    for host in ["127.0.0.1", "[::1]"] {
        move_tcp(&format!("{host}:{}", PORTS[0]), End::Read);
        move_tcp(&format!("{host}:{}", PORTS[1]), End::Unread);
        move_udp(&format!("{host}:0"), &format!("{host}:{}", PORTS[2]));
    }
    overflow();
    let events = drain(&mut tracer);
    tracer.close(0).unwrap();
    let mut silent = Vec::new();
    let names = TABLE.iter().zip(tracer.outcome()).enumerate();
    for (index, (point, outcome)) in names {
        let kind = point.kind.to_string();
        let count = events.iter().filter(|e| e.point == index).count();
        let outcome = outcome.as_ref().map_or_else(String::as_str, |()| "");
        eprintln!("{kind:<10} {:<26} {count:>5} {outcome}", point.name);
        if outcome.is_empty() && count == 0 {
            silent.push(point.name);
        }
    }
    costs();
    assert!(silent.is_empty(), "hooked and never seen: {silent:?}");
    let hooked = tracer
        .outcome()
        .iter()
        .filter(|outcome| outcome.is_ok())
        .count();
    assert!(hooked >= 12, "{hooked} points");
    for slot in 0..2 {
        adds_up(&tracer, slot, &events);
    }
    let (all, counted) = (tracer.tallies(0).unwrap(), tracer.tallies(2).unwrap());
    for (all, counted) in all.iter().zip(&counted) {
        assert!(counted.matched >= all.matched, "{counted:?}");
        assert_eq!((counted.suppressed, counted.lost), (0, 0));
    }
    for event in &events {
        if event.slots & 2 != 0 {
            assert_eq!(event.process.unwrap().pid, std::process::id());
            assert!(event.header.len() <= 128);
        }
    }
}

fn adds_up(tracer: &Tracer, slot: usize, events: &[Event]) {
    for (point, tally) in tracer.tallies(slot).unwrap().iter().enumerate() {
        let own = events
            .iter()
            .filter(|e| e.point == point && e.slots & 1 << slot != 0);
        let told = own.count() as u64;
        let name = TABLE[point].name;
        assert_eq!(
            tally.matched,
            tally.suppressed + tally.lost + told,
            "{name}"
        );
    }
}

/// Sends for a while, as fast as it can; how many.
fn flood(to: std::net::SocketAddr, span: Duration) -> u64 {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let (begin, mut sent) = (Instant::now(), 0);
    while begin.elapsed() < span {
        for _ in 0..32 {
            // A full queue of the receiver is no error of the sender.
            socket.send_to(&[0; 64], to).unwrap();
            sent += 1;
        }
    }
    sent
}

#[test]
fn no_second_has_more_events_than_the_rate() {
    let Some(stage) = Stage::new("rate") else {
        return;
    };
    let mut tracer = stage.tracer();
    let rates = [1, 7, 100, 10_000];
    let sink = UdpSocket::bind("127.0.0.1:0").unwrap();
    let to = sink.local_addr().unwrap();
    for (slot, rate) in rates.into_iter().enumerate() {
        let wish = Wish {
            filter: Filter {
                ports: vec![to.port()],
                ..Filter::default()
            },
            rate: Some(rate),
            ..Wish::default()
        };
        tracer.open(slot, &wish).unwrap();
    }
    let senders: Vec<_> = (0..3)
        .map(|_| std::thread::spawn(move || flood(to, Duration::from_millis(3200))))
        .collect();
    let mut events = Vec::new();
    while senders.iter().any(|sender| !sender.is_finished()) {
        tracer.drain(|event| events.push(event)).unwrap();
        std::thread::sleep(Duration::from_millis(5));
    }
    let sent: u64 = senders.into_iter().map(|s| s.join().unwrap()).sum();
    for slot in 0..rates.len() {
        tracer.close(slot).unwrap();
    }
    std::thread::sleep(Duration::from_millis(200));
    while tracer.drain(|event| events.push(event)).unwrap() {}
    for (slot, rate) in rates.into_iter().enumerate() {
        adds_up(&tracer, slot, &events);
        let own = events.iter().filter(|event| event.slots & 1 << slot != 0);
        let mut times: Vec<u64> = own.map(|event| event.time).collect();
        times.sort_unstable();
        let most = times
            .iter()
            .enumerate()
            .map(|(at, begin)| times[at..].partition_point(|time| time - begin < 1_000_000_000));
        let most = most.max().unwrap_or(0);
        let suppressed: u64 = tracer
            .tallies(slot)
            .unwrap()
            .iter()
            .map(|t| t.suppressed)
            .sum();
        eprintln!(
            "{sent} sent: at rate {rate} {} told, {most} in the busiest second, {suppressed} suppressed",
            times.len()
        );
        assert!(
            most <= rate as usize,
            "{most} events in a second at rate {rate}"
        );
        // 3.2 s are four times the rate at the begin of each second, if so many were sent.
        if rate <= 100 {
            let told = times.len();
            assert!(told >= 3 * rate as usize * 9 / 10, "{told} at rate {rate}");
        }
        assert!(suppressed > 0);
    }
    eprintln!("{} events missed", tracer.missed_events());
}

/// Prints what a datagram over loopback costs its sender: with nothing attached, and with all points
/// in each state that a viewer may have them in. The least of several rounds, which take turns.
#[test]
#[ignore = "a measurement: the figures in docs/performance.md"]
fn what_a_traced_packet_costs() {
    const ROUNDS: usize = 12;
    const SPAN: Duration = Duration::from_millis(300);
    let Some(stage) = Stage::new("price") else {
        return;
    };
    let sink = UdpSocket::bind("127.0.0.1:0").unwrap();
    let to = sink.local_addr().unwrap();
    let of = |ports: Vec<u16>, rate, counts_only| Wish {
        filter: Filter {
            ports,
            ..Filter::default()
        },
        rate,
        counts_only,
        ..Wish::default()
    };
    let wishes = [
        ("nobody watches", None),
        ("another port", Some(of(vec![9], Some(10_000), false))),
        ("only counted", Some(of(vec![to.port()], None, true))),
        ("over the rate", Some(of(vec![to.port()], Some(1), false))),
    ];
    let price = || {
        let (before, programs) = (thread_time(), inside());
        let sent = flood(to, SPAN);
        let spent = (thread_time() - before).as_nanos() as u64 / sent;
        let (time, runs) = inside();
        (
            spent,
            (time - programs.0) / sent,
            (runs - programs.1) / sent,
        )
    };
    let mut least = vec![(u64::MAX, 0, 0); wishes.len() + 1];
    for _ in 0..ROUNDS / 4 {
        for _ in 0..4 {
            least[0] = least[0].min(price());
        }
        let mut tracer = stage.tracer();
        for _ in 0..4 {
            for (at, (_, wish)) in wishes.iter().enumerate() {
                if let Some(wish) = wish {
                    tracer.open(at, wish).unwrap();
                }
                least[at + 1] = least[at + 1].min(price());
                tracer.close(at).unwrap();
                tracer.drain(|_| {}).unwrap();
            }
        }
    }
    let (base, ..) = least[0];
    let names = std::iter::once("not attached").chain(wishes.iter().map(|(name, _)| *name));
    for (name, (price, inside, runs)) in names.zip(least) {
        eprintln!(
            "{name:<16} {price:>6} ns, {:>3} % of the speed; inside {runs} programs {inside} ns",
            base * 100 / price
        );
    }
}

/// CPU time that this thread has had.
fn thread_time() -> Duration {
    // SAFETY: a zeroed timespec is one, and it outlives the call.
    let mut now: libc::timespec = unsafe { std::mem::zeroed() };
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut now) };
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

/// What the verifier went through, by program.
fn costs() {
    for (id, of) in programs() {
        eprintln!("program {id}: {} instructions", of("verified_insns:"));
    }
}

/// Time inside the programs of this process so far, ns, and how often they ran: only where
/// `sysctl kernel.bpf_stats_enabled=1` says so.
fn inside() -> (u64, u64) {
    let of = programs().map(|(_, of)| (of("run_time_ns:"), of("run_cnt:")));
    of.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
}

/// The programs that this process holds, by number, with what the kernel says of each.
fn programs() -> impl Iterator<Item = (u64, impl Fn(&str) -> u64)> {
    let files = std::fs::read_dir("/proc/self/fdinfo").unwrap().flatten();
    let texts = files.map(|file| std::fs::read_to_string(file.path()).unwrap_or_default());
    texts.filter_map(|text| {
        let of = move |key: &str| {
            let found = text.lines().find_map(|line| line.strip_prefix(key));
            found.map_or(0, |value| value.trim().parse().unwrap())
        };
        // Links have the number of their program too.
        (of("verified_insns:") != 0).then(|| (of("prog_id:"), of))
    })
}
