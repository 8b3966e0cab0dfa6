//! Readings in, frames out. The single owner of what is known; no kernel, no wire, no clock.

use std::collections::HashMap;
use std::collections::HashSet;
use std::sync::Arc;

use netmon_bpf::abi::Losses;
use netmon_bpf::abi::ProcessId;
use netmon_bpf::abi::Traffic;
use netmon_bpf::traffic::SocketCounts;

use crate::connections::Connections;
use crate::connections::Limits;
use crate::connections::Moved;
use crate::connections::Processes;
use crate::connections::Tick;
use crate::connections::Told;
use crate::containers::Named;
use crate::frame::FlowCount;
use crate::frame::Frame;
use crate::frame::Row;
use crate::frame::TickFacts;
use crate::history::Known;
use crate::history::Totals;
use crate::process::Facts;
use crate::rate::KINDS;
use crate::roster::Moment;
use crate::roster::Roster;

/// One tick's reading, with facts instead of raw notes.
#[derive(Debug, Default)]
pub struct Reading {
    /// Number of the tick.
    pub seq: u64,
    /// End, boot clock, ns.
    pub time: u64,
    /// Cumulative counters, in no order.
    pub processes: Vec<(ProcessId, Traffic)>,
    /// First seen, renamed, ended.
    pub news: Vec<Facts>,
    /// Found to be gone without a mark of their end.
    pub vanished: Vec<ProcessId>,
    /// Names of containers, for the processes in them.
    pub named: Vec<Named>,
    /// Cumulative.
    pub unattributed: Traffic,
    /// Cumulative.
    pub losses: Losses,
    /// Cumulative.
    pub missed_events: u64,
    /// `None`: not read this time.
    pub socket_counts: Option<Vec<(ProcessId, SocketCounts)>>,
    /// Of connections.
    pub connections: Told,
}

/// Everything the agent knows.
#[derive(Debug)]
pub struct Ledger {
    roster: Roster,
    connections: Connections,
    tick: TickFacts,
    losses: Losses,
    missed_events: u64,
    /// How often connections were told, to leave out processes that have none any more.
    connected: HashMap<ProcessId, SocketCounts>,
    /// Until the first tick: the sums of the machine at the last one of an earlier agent.
    before: Option<Totals>,
    /// Live when an earlier agent last looked, and not looked at since.
    resumed: Vec<ProcessId>,
}

impl Ledger {
    /// An empty one that keeps at most so many exited processes.
    pub fn new(exited_capacity: usize) -> Self {
        Self::keeping(exited_capacity, Limits::default())
    }

    /// The same with other limits for connections.
    pub fn keeping(exited_capacity: usize, limits: Limits) -> Self {
        Ledger {
            roster: Roster::new(exited_capacity),
            connections: Connections::new(limits),
            tick: TickFacts::default(),
            losses: Losses::default(),
            missed_events: 0,
            connected: HashMap::new(),
            before: None,
            resumed: Vec::new(),
        }
    }

    /// Goes on with the processes that an earlier agent knew, whose counters are still there, and with
    /// the sums of the machine at its last tick, which have processes that nobody knows any more.
    pub fn resume(&mut self, known: &[Known], totals: Option<Totals>) {
        self.before = totals;
        for process in known {
            self.roster.restore(process);
        }
        let live = known.iter().filter(|process| process.facts.exit.is_none());
        self.resumed = live.map(|process| process.facts.id).collect();
    }

    /// Takes a reading. The first one sets the baseline: totals are known from it, rates are not.
    /// The frame it gives has the bytes that moved since the earlier agent's last tick; the state
    /// has none of them, for they are no tick's.
    pub fn apply(&mut self, reading: Reading) -> Arc<Frame> {
        let first = self.tick.merged == 0;
        let length = if first {
            0
        } else {
            reading.time.saturating_sub(self.tick.time)
        };
        let moment = Moment {
            time: reading.time,
            length,
        };
        self.roster.begin();
        let mut changed: Vec<ProcessId> = Vec::new();
        let mut news: Vec<Arc<Facts>> = Vec::new();
        for facts in reading.news {
            changed.push(facts.id);
            news.push(self.roster.learn(facts));
        }
        for id in reading.vanished {
            if let Some(facts) = self.roster.vanished(id, reading.time) {
                changed.push(id);
                news.push(facts);
            }
        }
        for (container, name) in &reading.named {
            for facts in self.roster.name(container, name) {
                changed.push(facts.id);
                news.retain(|told| told.id != facts.id);
                news.push(facts);
            }
        }
        let mut active = 0;
        for (id, traffic) in &reading.processes {
            let moved = self.roster.count(*id, traffic, moment);
            if moved || first {
                changed.push(*id);
            }
            active += u32::from(moved && !first);
        }
        if first {
            changed.extend(self.end_the_gone(&reading.processes, reading.time, &mut news));
        }
        if let Some(counts) = reading.socket_counts {
            self.connect(counts.into_iter().collect(), &mut changed);
        }
        let tick = Tick {
            seq: reading.seq,
            time: reading.time,
            before: (!first).then_some(self.tick.time),
        };
        let connections = self
            .connections
            .apply(reading.connections, tick, &self.roster);
        changed.extend(self.roster.suffer(self.connections.trouble()));
        changed.sort_unstable();
        changed.dedup();
        // With the facts of a process come all its numbers: a viewer may see it for the first time.
        let told_ids: HashSet<ProcessId> = news.iter().map(|facts| facts.id).collect();
        let told = |id: &ProcessId| told_ids.contains(id);
        let rows: Vec<Row> = changed
            .iter()
            .filter_map(|id| self.roster.row(*id, !told(id)))
            .collect();
        let lost = reading.losses.bytes_lost() > self.losses.bytes_lost()
            || reading.missed_events > self.missed_events;
        (self.losses, self.missed_events) = (reading.losses, reading.missed_events);
        let before = self.before.take();
        self.tick = TickFacts {
            seq: reading.seq,
            time: reading.time,
            length,
            flows: self.sum(&rows, before.as_ref()),
            unattributed: self.unattributed(&reading.unattributed, first),
            processes: self.roster.live_count() as u32,
            active,
            connections: (!self.connected.is_empty() || self.tick.connections.is_some())
                .then(|| self.open_sockets()),
            lower_bound: lost && !first,
            merged: 1,
        };
        let forgotten = self.roster.expire();
        self.connections.forget(&forgotten);
        let frame = Frame {
            tick: self.tick.clone(),
            news,
            rows,
            forgotten,
            connections,
        };
        if first {
            self.roster.begin();
            for flow in &mut self.tick.flows {
                (flow.rx, flow.tx) = (0, 0);
            }
        }
        Arc::new(frame)
    }

    /// An entry stays in the kernel until an agent has read its end: who was known and has none was
    /// ended by other means.
    fn end_the_gone(
        &mut self,
        counted: &[(ProcessId, Traffic)],
        time: u64,
        news: &mut Vec<Arc<Facts>>,
    ) -> Vec<ProcessId> {
        let counted: HashSet<ProcessId> = counted.iter().map(|(id, _)| *id).collect();
        let told: HashSet<ProcessId> = news.iter().map(|facts| facts.id).collect();
        let mut gone = std::mem::take(&mut self.resumed);
        gone.retain(|id| !counted.contains(id) && !told.contains(id));
        for id in &gone {
            news.extend(self.roster.vanished(*id, time));
        }
        gone
    }

    /// The last tick.
    pub fn tick(&self) -> &TickFacts {
        &self.tick
    }

    /// Everyone known, live and exited.
    pub fn roster(&self) -> &Roster {
        &self.roster
    }

    /// Every connection.
    pub fn connections(&self) -> &Connections {
        &self.connections
    }

    /// Cumulative losses, and events the kernel skipped.
    pub fn losses(&self) -> (Losses, u64) {
        (self.losses, self.missed_events)
    }

    fn connect(
        &mut self,
        connections: HashMap<ProcessId, SocketCounts>,
        changed: &mut Vec<ProcessId>,
    ) {
        let live: Vec<ProcessId> = self.roster.live().collect();
        for id in live {
            let now = connections.get(&id).copied().unwrap_or_default();
            if self.roster.connect(id, Some(now)) {
                changed.push(id);
            }
        }
        for id in self
            .connected
            .keys()
            .filter(|id| !connections.contains_key(id))
        {
            if self.roster.connect(*id, Some(SocketCounts::default())) {
                changed.push(*id);
            }
        }
        self.connected = connections;
        self.tick.connections = Some(SocketCounts::default());
    }

    fn open_sockets(&self) -> SocketCounts {
        self.connected
            .values()
            .fold(SocketCounts::default(), |sum, one| SocketCounts {
                tcp: sum.tcp + one.tcp,
                udp: sum.udp + one.udp,
            })
    }

    /// Totals never shrink when an exited process is dropped: they are carried, not summed anew.
    fn sum(&self, rows: &[Row], before: Option<&Totals>) -> Vec<FlowCount> {
        let mut sums: Vec<FlowCount> = match before {
            Some(before) => before.flows().collect(),
            None => self.tick.flows.clone(),
        };
        for sum in &mut sums {
            (sum.rx, sum.tx) = (0, 0);
        }
        let first = self.tick.merged == 0 && before.is_none();
        for row in rows {
            let all;
            // The first tick moves no bytes but has totals.
            let flows = if first {
                all = self
                    .roster
                    .row(row.facts.id, false)
                    .map(|r| r.flows)
                    .unwrap_or_default();
                &all
            } else {
                &row.flows
            };
            for flow in flows {
                let at = sums
                    .iter()
                    .position(|sum| sum.kind == flow.kind)
                    .unwrap_or_else(|| {
                        sums.push(FlowCount {
                            kind: flow.kind,
                            ..FlowCount::default()
                        });
                        sums.len() - 1
                    });
                sums[at].add(flow, first);
            }
        }
        sums
    }

    fn unattributed(&self, traffic: &Traffic, first: bool) -> FlowCount {
        let mut sum = FlowCount::default();
        for kind in 0..KINDS {
            sum.rx_total.bytes += traffic.flows[kind * 2].bytes;
            sum.tx_total.bytes += traffic.flows[kind * 2 + 1].bytes;
        }
        if !first {
            let before = &self.tick.unattributed;
            sum.rx = sum.rx_total.bytes.saturating_sub(before.rx_total.bytes);
            sum.tx = sum.tx_total.bytes.saturating_sub(before.tx_total.bytes);
        }
        sum
    }
}

impl Processes for Roster {
    fn has(&self, process: ProcessId) -> bool {
        Roster::has(self, process)
    }

    fn moved(&self, process: ProcessId) -> Option<Moved> {
        Some(Roster::moved(self, process))
    }
}

impl FlowCount {
    fn add(&mut self, flow: &FlowCount, totals: bool) {
        self.rx += flow.rx;
        self.tx += flow.tx;
        self.rx_total.bytes += if totals { flow.rx_total.bytes } else { flow.rx };
        self.tx_total.bytes += if totals { flow.tx_total.bytes } else { flow.tx };
    }
}

#[cfg(test)]
#[path = "ledger_tests.rs"]
pub(crate) mod tests;
