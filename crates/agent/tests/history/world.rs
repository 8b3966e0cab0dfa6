//! A machine that can be told what to do: processes with counters, ticks, clocks.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use netmon_agent::frame::FlowCount;
use netmon_agent::frame::Frame;
use netmon_agent::frame::Row;
use netmon_agent::frame::TickFacts;
use netmon_agent::history::BootId;
use netmon_agent::history::Gap;
use netmon_agent::history::History;
use netmon_agent::history::Moment;
use netmon_agent::history::OpenError;
use netmon_agent::history::Options;
use netmon_agent::history::Past;
use netmon_agent::history::Query;
use netmon_agent::history::Step;
use netmon_agent::history::Subject;
use netmon_agent::process::Exit;
use netmon_agent::process::Facts;
use netmon_agent::rate::Peaks;
use netmon_bpf::abi::Flow;
use netmon_bpf::abi::ProcessId;

pub const SECOND: u64 = 1_000_000_000;
/// 2026-01-01, and a multiple of a minute.
pub const NEW_YEAR: u64 = 1_767_225_600 * SECOND;

/// What moved: process, kind, rx, tx.
pub type Move = (u32, u8, u64, u64);
/// Bytes by process (boot, pid) and kind.
pub type Sums = BTreeMap<(u128, u32, u8), (u64, u64)>;

/// One tick that was appended.
#[derive(Debug, Clone)]
pub struct Told {
    pub seq: u64,
    pub wall: u64,
    pub boot: u128,
    pub moves: Vec<Move>,
}

/// The counters of one boot.
#[derive(Debug, Default)]
pub struct World {
    pub boot: u128,
    pub seq: u64,
    pub time: u64,
    pub wall: u64,
    totals: BTreeMap<(u32, u8), (u64, u64)>,
    peaks: BTreeMap<u32, (Peaks, Peaks)>,
    ended: BTreeMap<u32, Exit>,
    known: BTreeMap<u32, bool>,
    pub told: Vec<Told>,
}

pub fn facts(pid: u32, exit: Option<Exit>) -> Facts {
    Facts {
        id: ProcessId {
            pid,
            start: u64::from(pid) * 1000,
        },
        first_seen: u64::from(pid) * 1000 + 7,
        parent: 1,
        parent_name: "systemd".into(),
        uid: pid % 3,
        name: format!("name{}", pid % 5),
        exe: pid
            .is_multiple_of(2)
            .then(|| format!("/usr/bin/name{}", pid % 5)),
        args: vec![format!("name{}", pid % 5), format!("--id={pid}")],
        args_cut: false,
        cgroup: (!pid.is_multiple_of(4))
            .then(|| format!("/system.slice/unit{}.service", pid % 4).into()),
        exit,
    }
}

impl World {
    pub fn new(boot: u128) -> Self {
        World {
            boot,
            time: 100 * SECOND,
            wall: NEW_YEAR,
            ..World::default()
        }
    }

    /// A second passes, these bytes move, and these processes end.
    pub fn tick(&mut self, moves: &[Move], ends: &[u32]) -> (Frame, Moment) {
        self.tick_of(SECOND, moves, ends)
    }

    pub fn tick_of(&mut self, length: u64, moves: &[Move], ends: &[u32]) -> (Frame, Moment) {
        self.seq += 1;
        self.time += length;
        self.wall += length;
        // Last bytes may be read a tick after the end, not later.
        let now = self.time;
        let gone = |pid: &u32| {
            self.ended
                .get(pid)
                .is_some_and(|exit| exit.time + 2 * length < now)
        };
        let moves: Vec<Move> = moves.iter().filter(|m| !gone(&m.0)).copied().collect();
        let ends: Vec<u32> = ends.iter().filter(|pid| !gone(pid)).copied().collect();
        let mut flows: BTreeMap<u32, BTreeMap<u8, (u64, u64)>> = BTreeMap::new();
        for (pid, kind, rx, tx) in &moves {
            let flow = flows.entry(*pid).or_default().entry(*kind).or_default();
            *flow = (flow.0 + rx, flow.1 + tx);
            let total = self.totals.entry((*pid, *kind)).or_default();
            *total = (total.0 + rx, total.1 + tx);
        }
        for pid in &ends {
            flows.entry(*pid).or_default();
            let exit = Exit {
                time: self.time,
                status: Some(0),
            };
            self.ended.insert(*pid, exit);
        }
        let (mut rows, mut news) = (Vec::new(), Vec::new());
        for (pid, moved) in &flows {
            let facts = Arc::new(facts(*pid, self.ended.get(pid).copied()));
            let new = self.known.insert(*pid, true).is_none();
            let told = new || ends.contains(pid);
            if told {
                news.push(Arc::clone(&facts));
            }
            let sum = |limit: u8| {
                let some = moved.iter().filter(|(kind, _)| **kind < limit);
                some.fold((0, 0), |(rx, tx), (_, m)| (rx + m.0, tx + m.1))
            };
            let peaks = self.peaks.entry(*pid).or_default();
            peaks.0.observe(sum(4), length, self.time);
            peaks.1.observe(sum(8), length, self.time);
            let kinds = (0..8u8).filter(|kind| told || moved.contains_key(kind));
            let flows = kinds.filter_map(|kind| {
                let total = self.totals.get(&(*pid, kind))?;
                let (rx, tx) = moved.get(&kind).copied().unwrap_or_default();
                let flow = |bytes| Flow { bytes, calls: 1 };
                Some(FlowCount {
                    kind,
                    rx,
                    tx,
                    rx_total: flow(total.0),
                    tx_total: flow(total.1),
                })
            });
            rows.push(Row {
                facts,
                flows: flows.collect(),
                connections: None,
                trouble: None,
                peaks: peaks.0,
                peaks_with_loopback: peaks.1,
            });
        }
        let tick = TickFacts {
            seq: self.seq,
            time: self.time,
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
        self.told.push(Told {
            seq: self.seq,
            wall: self.wall,
            boot: self.boot,
            moves,
        });
        let moment = Moment {
            wall: self.wall,
            gap: None,
        };
        (frame, moment)
    }

    /// The first tick of an agent after another: it has everyone, and tells of the gap.
    pub fn first_tick(&mut self, length: u64, moves: &[Move]) -> (Frame, Moment) {
        let from = self.wall;
        self.known.retain(|pid, _| self.ended.contains_key(pid));
        let pids: Vec<u32> = self.totals.keys().map(|(pid, _)| *pid).collect();
        let mut moves = moves.to_vec();
        let live = pids.iter().filter(|pid| !self.ended.contains_key(pid));
        moves.extend(live.map(|pid| (*pid, 0, 0, 0)));
        let (frame, moment) = self.tick_of(length, &moves, &[]);
        let gap = Some(Gap {
            from,
            to: moment.wall,
            counters_kept: true,
        });
        (frame, Moment { gap, ..moment })
    }

    /// Cumulative bytes.
    pub fn totals(&self) -> &BTreeMap<(u32, u8), (u64, u64)> {
        &self.totals
    }

    /// The machine starts again: other clocks, other processes.
    pub fn reboot(&mut self) {
        let told = std::mem::take(&mut self.told);
        *self = World {
            told,
            boot: self.boot + 1,
            time: 50 * SECOND,
            wall: self.wall + 60 * SECOND,
            ..World::default()
        };
    }
}

/// What these ticks moved.
pub fn expected<'a>(told: impl IntoIterator<Item = &'a Told>) -> Sums {
    let mut sums = Sums::new();
    for tick in told {
        for (pid, kind, rx, tx) in &tick.moves {
            let sum = sums.entry((tick.boot, *pid, *kind)).or_default();
            *sum = (sum.0 + rx, sum.1 + tx);
        }
    }
    sums.retain(|_, sum| *sum != (0, 0));
    sums
}

/// What an answer says moved.
pub fn answered<'a>(steps: impl IntoIterator<Item = &'a Step>) -> Sums {
    let mut sums = Sums::new();
    for row in steps.into_iter().flat_map(|step| &step.rows) {
        let Subject::Process(_, process) = &row.subject else {
            panic!("by process");
        };
        for sum in &row.sums {
            let key = (process.boot.0, process.facts.id.pid, sum.kind);
            let all = sums.entry(key).or_default();
            *all = (all.0 + sum.rx, all.1 + sum.tx);
        }
    }
    sums.retain(|_, sum| *sum != (0, 0));
    sums
}

/// Small and quick.
pub fn options(directory: Option<&Path>, boot: u128) -> Options {
    let boot = BootId(boot);
    let tick = Duration::from_secs(1);
    let base = match directory {
        Some(directory) => Options::on_disk(directory.to_owned(), tick, boot),
        None => Options::in_memory(tick, boot),
    };
    Options {
        segment_frames: 7,
        ..base
    }
}

/// Another test that starts a program holds our lock until the program runs: once more, then.
pub fn open(options: &Options) -> (History, Past) {
    let end = Instant::now() + Duration::from_secs(5);
    loop {
        match History::open(options) {
            Err(OpenError::Locked(_)) if Instant::now() < end => {
                std::thread::sleep(Duration::from_millis(1));
            }
            opened => return opened.unwrap(),
        }
    }
}

pub fn steps(history: &History, query: Query) -> Vec<Step> {
    history.snapshot().answer(query).collect()
}

pub fn whole(history: &History) -> Sums {
    answered(&steps(history, Query::default()))
}

/// Waits for something the writer does.
pub fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !done() {
        assert!(Instant::now() < end, "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
