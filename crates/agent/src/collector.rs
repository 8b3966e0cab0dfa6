//! The one thread that owns the probe: reads every tick, describes who is new, hands it on.

use std::collections::HashMap;
use std::collections::HashSet;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::RecvTimeoutError;
use std::sync::Arc;
use std::time::Duration;

use netmon_bpf::abi::ProcessId;
use netmon_bpf::error::Result;
use netmon_bpf::interfaces::Interfaces;
use netmon_bpf::traffic::ClosedConnection;
use netmon_bpf::traffic::ConnectionReading;
use netmon_bpf::traffic::Entries;
use netmon_bpf::traffic::HookState;
use netmon_bpf::traffic::Probe;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::Sender;

use crate::causes::report;
use crate::clock::boot_now;
use crate::connections::Told;
use crate::containers::Named;
use crate::history::History;
use crate::interest::Interest;
use crate::ledger::Reading;
use crate::process::is_alive;
use crate::process::sees_all_processes;
use crate::process::Describer;
use crate::process::Facts;

/// What the collector hands on each tick.
#[derive(Debug)]
pub struct Collected {
    /// For the ledger.
    pub reading: Reading,
    /// How full the maps are.
    pub entries: Entries,
    /// The hooks and what they missed; `None`: as before.
    pub hooks: Option<Vec<HookState>>,
    /// The tick came more than half a step late.
    pub late: bool,
}

/// Owns the probe while the agent runs. Dropping it leaves everything counting.
#[derive(Debug)]
pub struct Collector {
    probe: Probe,
    describer: Describer,
    tick: Duration,
    seq: u64,
    last: u64,
    interest: Arc<Interest>,
    interfaces: Interfaces,
    ticks: u64,
    /// Told to the ledger in that tick, their counters final: to be deleted after one more reading,
    /// and not before the tick is where the end of this agent cannot take it from.
    ended: Vec<(u64, ProcessId)>,
    history: Arc<History>,
    /// News that a full channel has kept from the ledger.
    untold: Vec<Facts>,
    named: Vec<Named>,
    closed: Vec<ClosedConnection>,
    vanished: Vec<ProcessId>,
    missing: HashSet<ProcessId>,
    /// Some device had no name since all connections were told last.
    nameless: bool,
    live: Vec<ProcessId>,
    /// /proc shows the processes that the kernel counts.
    checks_living: bool,
    /// Number and time of the tick that numbers are counted from.
    first: (u64, u64),
}

/// How many processes are checked per tick for having gone without a mark.
const CHECKED_PER_TICK: usize = 32;
/// Ticks between attempts to name a device that had no name.
const NAMELESS: u64 = 5;
/// Closed connections that are kept for a busy agent; the oldest go first.
const MAX_CLOSED: usize = 65536;

impl Collector {
    /// Reads for the first time. Ticks go on where the agent before stopped, or after `last_seq`
    /// where the machine has started anew since.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn start(
        probe: Probe,
        tick: Duration,
        interest: Arc<Interest>,
        history: Arc<History>,
        last_seq: u64,
    ) -> Result<(Collector, Collected)> {
        let left = probe.handover();
        let step = u64::try_from(tick.as_nanos()).unwrap_or(u64::MAX).max(1);
        let now = boot_now();
        // Ticks that nobody took while no agent ran have numbers too.
        let missed = match left.seq {
            0 => 0,
            _ => now.saturating_sub(left.time) / step,
        };
        let mut collector = Collector {
            probe,
            describer: Describer::new(),
            history,
            tick,
            seq: left.seq.max(last_seq),
            last: left.time,
            interest,
            interfaces: Interfaces::new(),
            ticks: 0,
            ended: Vec::new(),
            untold: Vec::new(),
            named: Vec::new(),
            closed: Vec::new(),
            vanished: Vec::new(),
            missing: HashSet::new(),
            nameless: false,
            live: Vec::new(),
            checks_living: sees_all_processes(),
            first: (left.seq.max(last_seq) + missed.max(1), now),
        };
        if !collector.checks_living {
            tracing::warn!(
                "in a pid or time namespace: ends of processes that were missed stay so"
            );
        }
        let collected = collector.collect()?;
        collector.ended = ended_in(&collected.reading);
        Ok((collector, collected))
    }

    /// Ticks until `stop` says so or its sender is gone. Blocks; meant for a thread of its own.
    /// Losing a reading to a full channel loses resolution, never bytes.
    pub fn run(mut self, readings: &Sender<Collected>, stop: &Receiver<()>) {
        let mut explored = false;
        let mut next = boot_now();
        loop {
            next = self.wait_until(next);
            let wait = Duration::from_nanos(next.saturating_sub(boot_now()));
            match stop.recv_timeout(wait) {
                Err(RecvTimeoutError::Timeout) => {}
                Ok(()) | Err(RecvTimeoutError::Disconnected) => break,
            }
            let late = boot_now().saturating_sub(next) > self.step() / 2;
            if !explored {
                explored = true;
                if let Err(error) = self.probe.explore() {
                    tracing::warn!(error = %report(&error), "cannot explore the hooks");
                }
            }
            let mut collected = match self.collect() {
                Ok(collected) => collected,
                Err(error) => {
                    tracing::error!(error = %report(&error), "cannot read the counters");
                    continue;
                }
            };
            collected.late = late;
            if !self.hand_on(readings, collected) {
                break;
            }
        }
        if let Err(error) = self.probe.hand_over(self.seq, self.last) {
            tracing::warn!(error = %report(&error), "cannot leave the last tick");
        }
    }

    /// The next tick after `last`; ticks that were slept through are skipped.
    fn wait_until(&self, last: u64) -> u64 {
        let (step, now) = (self.step(), boot_now());
        let due = last + step;
        if due >= now {
            due
        } else {
            now + step - (now - last) % step
        }
    }

    fn step(&self) -> u64 {
        u64::try_from(self.tick.as_nanos())
            .unwrap_or(u64::MAX)
            .max(1)
    }

    fn collect(&mut self) -> Result<Collected> {
        self.ticks += 1;
        let census = self.interest.census(self.ticks, boot_now());
        let mut read = self.probe.read(census)?;
        // What is told once is kept until it was delivered, whatever fails from here on.
        let describer = &mut self.describer;
        let news = read
            .news
            .iter()
            .map(|(id, process)| describer.facts(*id, process));
        self.untold.extend(news);
        self.named.extend(self.describer.named());
        self.closed.append(&mut read.closed);
        let over = self.closed.len().saturating_sub(MAX_CLOSED);
        self.closed.drain(..over);
        // Read once more since they were told as ended: now nothing can come any more.
        let safe = self.history.acknowledged().unwrap_or(0);
        let (forget, keep): (Vec<_>, Vec<_>) = self.ended.iter().partition(|(seq, _)| *seq <= safe);
        let forget: Vec<ProcessId> = forget.into_iter().map(|(_, id)| id).collect();
        self.probe.forget(&forget)?;
        self.ended = keep;
        self.seq = self.number(read.time);
        self.last = read.time;
        self.probe.hand_over(self.seq, self.last)?;
        if self.checks_living {
            self.check_living(&read.processes.iter().map(|(id, _)| *id).collect());
        }
        let connections = self.connections(read.connections, read.vanished);
        Ok(Collected {
            reading: Reading {
                seq: self.seq,
                time: read.time,
                processes: read.processes,
                news: std::mem::take(&mut self.untold),
                vanished: std::mem::take(&mut self.vanished),
                named: std::mem::take(&mut self.named),
                unattributed: read.unattributed,
                losses: read.losses,
                missed_events: read.missed_events,
                socket_counts: read.socket_counts,
                connections,
            },
            entries: read.entries,
            hooks: Some(self.probe.hooks()),
            late: false,
        })
    }

    fn connections(
        &mut self,
        open: Option<Vec<ConnectionReading>>,
        vanished: Option<Vec<u64>>,
    ) -> Told {
        let closed = std::mem::take(&mut self.closed);
        let mut nameless = false;
        let mut names = HashMap::new();
        let mut seen = HashSet::new();
        let mut last = None;
        let ended = closed.iter().map(|closed| &closed.connection);
        for reading in open.iter().flatten().chain(ended) {
            let device = (reading.namespace, reading.interface);
            // Most have the device of the one before.
            if last == Some(device) || !seen.insert(device) {
                continue;
            }
            last = Some(device);
            let name = self
                .interfaces
                .name(device.0, device.1, reading.process.pid);
            nameless |= name.is_none() && device.0 != 0 && device.1 != 0;
            names.extend(name.map(|name| (device, name)));
        }
        // Its name may be known later, and those that stand still are to have it too.
        self.nameless |= nameless;
        if self.nameless && self.ticks.is_multiple_of(NAMELESS) {
            self.nameless = false;
            self.probe.tell_all();
        }
        Told {
            open,
            vanished,
            closed,
            interfaces: names,
        }
    }

    /// Ticks are numbered by the time they are due, so one that comes late skips no number. The
    /// tenth of a step is for readings that take their time.
    fn number(&self, time: u64) -> u64 {
        let (seq, begin) = self.first;
        let steps = (time.saturating_sub(begin) + self.step() / 10) / self.step();
        (seq + steps).max(self.seq + 1)
    }

    /// Some processes each tick: a mark of an exit can be missed, and a byte that comes after the
    /// mark makes an entry that nobody would ever end.
    fn check_living(&mut self, counted: &HashSet<ProcessId>) {
        if self.live.is_empty() {
            self.missing.retain(|id| counted.contains(id));
            self.live = counted.iter().copied().collect();
        }
        let rest = self.live.len().saturating_sub(CHECKED_PER_TICK);
        for id in self.live.split_off(rest) {
            if is_alive(id) || !counted.contains(&id) {
                self.missing.remove(&id);
            } else if !self.missing.insert(id) {
                // Missing twice, a round apart: the mark of a normal exit has come long since.
                self.missing.remove(&id);
                self.vanished.push(id);
            }
        }
    }

    /// `false`: nobody listens any more.
    fn hand_on(&mut self, readings: &Sender<Collected>, collected: Collected) -> bool {
        let ended = ended_in(&collected.reading);
        match readings.try_send(collected) {
            Ok(()) => {
                self.ended.extend(ended);
                true
            }
            Err(TrySendError::Full(kept)) => {
                tracing::warn!(
                    seq = kept.reading.seq,
                    "the agent is busy; a tick is merged"
                );
                self.untold = kept.reading.news;
                self.vanished = kept.reading.vanished;
                self.named = kept.reading.named;
                self.closed = kept.reading.connections.closed;
                // Changes that are lost would be missing for good.
                self.probe.tell_all();
                true
            }
            Err(TrySendError::Closed(_)) => false,
        }
    }
}

fn ended_in(reading: &Reading) -> Vec<(u64, ProcessId)> {
    let marked = reading
        .news
        .iter()
        .filter(|facts| facts.exit.is_some())
        .map(|facts| facts.id);
    let ended = marked.chain(reading.vanished.iter().copied());
    ended.map(|id| (reading.seq, id)).collect()
}
