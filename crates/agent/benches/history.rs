//! What history costs: a synthetic day of 500 processes, some 380 of them active in a tick, with
//! sizes from bytes to megabytes. `cargo bench -p netmon-agent --bench history [-- TICKS]`
//!
//! One process writes the day, another goes on with it as an agent that has just started: what that
//! one has resident is told without what it had before it opened the history.

// A bench may panic as tests may.
#![allow(clippy::unwrap_used)]

#[path = "history/agent.rs"]
mod agent;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use netmon_agent::frame::FlowCount;
use netmon_agent::frame::Frame;
use netmon_agent::frame::Row;
use netmon_agent::frame::TickFacts;
use netmon_agent::history::BootId;
use netmon_agent::history::Grouping;
use netmon_agent::history::History;
use netmon_agent::history::Moment;
use netmon_agent::history::Options;
use netmon_agent::history::Query;
use netmon_agent::process::Exit;
use netmon_agent::process::Facts;
use netmon_agent::rate::Peaks;
use netmon_bpf::abi::Flow;
use netmon_bpf::abi::ProcessId;
use netmon_bpf::memory;

const SECOND: u64 = 1_000_000_000;
const PROCESSES: u32 = 500;
const START: u64 = 1_767_225_600 * SECOND;

/// Xorshift: the same day every time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.roll() % limit.max(1)
    }

    /// Up to about `2^bits`, every magnitude as likely as the next.
    fn heavy(&mut self, bits: u64) -> u64 {
        let magnitude = self.below(bits + 1);
        (1 << magnitude) + self.below(1 << magnitude)
    }
}

struct Process {
    facts: Arc<Facts>,
    /// Of 1000 ticks, so many have traffic.
    busy: u64,
    size: u64,
    flows: Vec<FlowCount>,
    peaks: Peaks,
}

struct Machine {
    dice: Dice,
    processes: Vec<Process>,
    pid: u32,
    seq: u64,
    rows: u64,
    /// Nothing was told of it yet.
    new: bool,
}

impl Machine {
    /// One that has had so many ticks.
    fn new(seq: u64) -> Self {
        let mut machine = Machine {
            dice: Dice(0x5eed + seq),
            processes: Vec::new(),
            pid: 1000 + seq as u32,
            seq,
            rows: 0,
            new: true,
        };
        for _ in 0..PROCESSES {
            let process = machine.process();
            machine.processes.push(process);
        }
        machine
    }

    fn process(&mut self) -> Process {
        self.pid += 1;
        let (pid, dice) = (self.pid, &mut self.dice);
        let name = format!("service-{}", dice.below(60));
        let facts = Facts {
            id: ProcessId {
                pid,
                start: self.seq * SECOND + dice.below(SECOND),
            },
            first_seen: self.seq * SECOND + dice.below(SECOND),
            parent: 1,
            parent_name: "systemd".into(),
            uid: dice.below(20) as u32,
            exe: Some(format!("/usr/lib/{name}/bin/{name}")),
            args: vec![
                name.clone(),
                format!("--config=/etc/{name}/{}.conf", dice.below(9)),
                format!(
                    "--listen=10.0.{}.{}:{pid}",
                    dice.below(255),
                    dice.below(255)
                ),
            ],
            args_cut: false,
            cgroup: Some(format!("/system.slice/{name}.service").into()),
            exit: None,
            name,
        };
        let kinds: &[u8] = match dice.below(10) {
            0 => &[0, 4],
            1 => &[2],
            2 => &[1],
            _ => &[0],
        };
        Process {
            facts: Arc::new(facts),
            busy: match dice.below(4) {
                0 => dice.below(1000),
                _ => 900 + dice.below(100),
            },
            size: dice.heavy(16),
            flows: kinds
                .iter()
                .map(|kind| FlowCount {
                    kind: *kind,
                    ..FlowCount::default()
                })
                .collect(),
            peaks: Peaks::default(),
        }
    }

    fn tick(&mut self) -> (Frame, Moment) {
        self.seq += 1;
        let (time, first) = (self.seq * SECOND, std::mem::take(&mut self.new));
        let (mut rows, mut news) = (Vec::new(), Vec::new());
        // Three processes end in ten seconds, and others come.
        for _ in 0..u32::from(self.dice.below(10) < 3) {
            let new = self.process();
            let at = self.dice.below(u64::from(PROCESSES)) as usize;
            let mut old = std::mem::replace(&mut self.processes[at], new);
            let exit = Some(Exit {
                time,
                status: Some(0),
            });
            old.facts = Arc::new(Facts {
                exit,
                ..(*old.facts).clone()
            });
            old.flows
                .iter_mut()
                .for_each(|flow| (flow.rx, flow.tx) = (0, 0));
            news.push(Arc::clone(&old.facts));
            rows.push(row(&old));
            news.push(Arc::clone(&self.processes[at].facts));
        }
        if first {
            news = self
                .processes
                .iter()
                .map(|p| Arc::clone(&p.facts))
                .collect();
        }
        for process in &mut self.processes {
            if self.dice.below(1000) >= process.busy {
                continue;
            }
            let mut all = (0, 0);
            for flow in &mut process.flows {
                // Around the size of the process, at times far from it.
                let size = process.size + self.dice.heavy(process.size.ilog2().into());
                flow.rx = size / 2 + self.dice.below(size);
                flow.tx = size / 8 + self.dice.below(size / 4);
                flow.rx_total.bytes += flow.rx;
                flow.tx_total.bytes += flow.tx;
                all = (all.0 + flow.rx, all.1 + flow.tx);
                self.rows += 1;
            }
            process.peaks.observe(all, SECOND, time);
            rows.push(row(process));
        }
        let length = SECOND + self.dice.below(40_000);
        let tick = TickFacts {
            seq: self.seq,
            time,
            length,
            merged: 1,
            ..TickFacts::default()
        };
        let frame = Frame {
            tick,
            news,
            rows,
            forgotten: Vec::new(),
            connections: None,
        };
        let wall = START + time;
        (frame, Moment { wall, gap: None })
    }
}

fn row(process: &Process) -> Row {
    Row {
        facts: Arc::clone(&process.facts),
        flows: process
            .flows
            .iter()
            .map(|flow| FlowCount {
                rx_total: Flow {
                    calls: 1,
                    ..flow.rx_total
                },
                ..*flow
            })
            .collect(),
        connections: None,
        trouble: None,
        peaks: process.peaks,
        peaks_with_loopback: process.peaks,
    }
}

/// Resident, in MB.
struct Resident {
    before: f64,
}

impl Resident {
    fn new() -> Self {
        memory::give_back();
        Resident {
            before: field("VmRSS:"),
        }
    }

    /// What came since: the highest since the last time, and now.
    fn tell(&self, what: &str) {
        let (highest, now) = (field("VmHWM:"), field("VmRSS:"));
        println!(
            "    resident {what}: highest {:.1} MB, now {:.1} (and {:.1} before the history)",
            highest - self.before,
            now - self.before,
            self.before
        );
        fs::write("/proc/self/clear_refs", "5").unwrap();
    }
}

fn field(name: &str) -> f64 {
    field_of("/proc/self/status", name)
}

fn field_of(status: &str, name: &str) -> f64 {
    let status = fs::read_to_string(status).unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    let kilobytes: f64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kilobytes / 1024.0
}

/// What this thread has used: on a loaded machine the only time that says something.
fn cpu() -> Duration {
    let clock = nix::time::ClockId::CLOCK_THREAD_CPUTIME_ID;
    nix::time::clock_gettime(clock).unwrap().into()
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

fn query(history: &History, what: &str, query: &Query) {
    let (mut times, mut rows) = (Vec::new(), 0);
    let before = cpu();
    for _ in 0..5 {
        let begin = Instant::now();
        rows = history
            .snapshot()
            .answer(query.clone())
            .map(|s| s.rows.len())
            .sum();
        times.push(milliseconds(begin.elapsed()));
    }
    let cpu = milliseconds((cpu() - before) / 5);
    times.sort_by(f64::total_cmp);
    let (best, median, worst) = (times[0], times[2], times[4]);
    println!(
        "{what}: best {best:.1} ms, median {median:.1}, worst {worst:.1}, on the CPU {cpu:.1}; \
         {rows} rows"
    );
}

/// Feeds ticks; how long each took.
fn feed(history: &History, machine: &mut Machine, ticks: u64) -> Vec<Duration> {
    let mut times = Vec::new();
    for _ in 0..ticks {
        let (frame, moment) = machine.tick();
        let begin = Instant::now();
        history.append(&frame, moment);
        times.push(begin.elapsed());
        // A second passes in a moment: the writer is given its time.
        while machine.seq - history.acknowledged().unwrap_or(0) > 100 {
            std::thread::sleep(Duration::from_micros(200));
        }
    }
    times
}

fn told(what: &str, times: &mut [Duration]) {
    times.sort();
    let mean = times.iter().sum::<Duration>() / times.len() as u32;
    let at = |part: usize| milliseconds(times[(times.len() - 1) * part / 1000]);
    println!(
        "{what}: mean {:.3} ms, 99 % {:.3}, 99.9 % {:.3}, worst {:.3}",
        milliseconds(mean),
        at(990),
        at(999),
        at(1000)
    );
}

fn bytes_of(directory: &Path) -> u64 {
    let entries = fs::read_dir(directory).unwrap();
    entries.map(|e| e.unwrap().metadata().unwrap().len()).sum()
}

/// Ticks at a pace: caches are as cold as they are when a second passes between two.
fn pace(history: &History, machine: &mut Machine, mut on: impl FnMut(usize) -> bool) {
    let (mut times, mut used) = (Vec::new(), Vec::new());
    while on(times.len()) {
        let (frame, moment) = machine.tick();
        std::thread::sleep(PACE);
        let (begin, before) = (Instant::now(), cpu());
        history.append(&frame, moment);
        used.push(cpu() - before);
        times.push(begin.elapsed());
    }
    told("append, a tick every 20 ms", &mut times);
    told("    on the CPU", &mut used);
}

const PACE: Duration = Duration::from_millis(20);
/// What a process of this program is to do: `fill` or `ask`, where, and how many ticks.
const PART: &str = "NETMON_BENCH";

fn main() {
    if let Ok(part) = std::env::var(PART) {
        let mut words = part.splitn(3, ' ');
        let mut word = || words.next().unwrap();
        let (part, ticks, directory) = (word(), word().parse().unwrap(), word());
        let options = Options::on_disk(directory.into(), Duration::from_secs(1), BootId(1));
        // As the agent.
        memory::keep_small();
        return match part {
            "fill" => fill(&options, ticks),
            _ => ask(&options, ticks),
        };
    }
    let ticks = std::env::args().skip(1).find_map(|arg| arg.parse().ok());
    let ticks: u64 = ticks.unwrap_or(86_400);
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    for part in ["fill", "ask"] {
        let status = Command::new(std::env::current_exe().unwrap())
            .env(
                PART,
                format!("{part} {ticks} {}", directory.path().display()),
            )
            .status();
        assert!(status.unwrap().success());
    }
    match std::env::var_os("NETMON_BIN_DIR") {
        Some(binaries) if nix::unistd::geteuid().is_root() => {
            let pid = Machine::new(ticks).processes[0].facts.id.pid;
            agent::measure(binaries.into(), directory.path(), pid);
        }
        _ => println!("SKIPPED: a real agent needs root and NETMON_BIN_DIR"),
    }
}

fn fill(options: &Options, ticks: u64) {
    let mut machine = Machine::new(0);
    let resident = Resident::new();
    let (history, _) = History::open(options).unwrap();
    let begin = Instant::now();
    let mut times = feed(&history, &mut machine, ticks);
    println!(
        "{ticks} ticks in {:.1} s, {} rows",
        begin.elapsed().as_secs_f64(),
        machine.rows
    );
    told("append, a tick after the other", &mut times);
    assert_eq!(history.status().problem, None);
    resident.tell("while a day is written in a minute");
    drop(history);
    for tier in fs::read_dir(options.directory.as_ref().unwrap()).unwrap() {
        let path = tier.unwrap().path();
        if path.is_dir() {
            println!(
                "{}: {:.1} MB, {:.2} B per row of a tick",
                path.file_name().unwrap().display(),
                bytes_of(&path) as f64 / 1e6,
                bytes_of(&path) as f64 / machine.rows as f64
            );
        }
    }
}

fn ask(options: &Options, ticks: u64) {
    let mut machine = Machine::new(ticks);
    machine.tick();
    machine.new = true;
    let resident = Resident::new();
    let (begin, before) = (Instant::now(), cpu());
    let (history, _) = History::open(options).unwrap();
    println!(
        "open: {:.1} ms, on the CPU {:.1}",
        milliseconds(begin.elapsed()),
        milliseconds(cpu() - before)
    );
    resident.tell("opening");
    feed(&history, &mut machine, 900);
    resident.tell("15 minutes later");
    let now = START + machine.seq * SECOND;
    let top = Query {
        top: 10,
        ..Query::default()
    };
    let recent = Query {
        since: Some(now - 600 * SECOND),
        ..top.clone()
    };
    let pid = machine.processes[0].facts.id.pid;
    let one = Query {
        wanted: Some(Arc::new(move |facts: &Facts| facts.id.pid == pid)),
        pids: vec![pid],
        ..Query::default()
    };
    let by_minute = Query {
        step: 60 * SECOND,
        ..one.clone()
    };
    let named = Query {
        group: Grouping::Named(Arc::new(|facts: &Facts, _| facts.name.clone())),
        ..top.clone()
    };
    let sums = Query {
        peaks: false,
        ..named.clone()
    };
    let hourly = Query {
        step: 3600 * SECOND,
        ..top.clone()
    };
    let exited = Query {
        wanted: Some(Arc::new(|facts: &Facts| facts.exit.is_some())),
        ..top.clone()
    };
    for (what, asked) in [
        ("top 10 of 10 min", &recent),
        ("one process of all", &one),
        ("one process of all by minute", &by_minute),
        ("top 10 of all", &top),
        ("top 10 of all by hour", &hourly),
        ("top 10 exited of all", &exited),
        ("top 10 names of all, sums", &sums),
        ("top 10 names of all, peaks", &named),
    ] {
        query(&history, what, asked);
        resident.tell("answering");
    }
    pace(&history, &mut machine, |done| done < 1000);
    resident.tell("with ticks");
    let asking = std::sync::atomic::AtomicBool::new(true);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..10 {
                history.snapshot().answer(top.clone()).for_each(drop);
                history.snapshot().answer(recent.clone()).for_each(drop);
            }
            asking.store(false, std::sync::atomic::Ordering::Relaxed);
        });
        println!("while answers are made:");
        pace(&history, &mut machine, |_| {
            asking.load(std::sync::atomic::Ordering::Relaxed)
        });
    });
    resident.tell("with ticks while answering");
}
