//! Snapshot parts and updates in, one complete sample per tick out. Pure but for user names.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;
use netmon_api::v1;

use crate::row::connection::Connection;
use crate::row::decode;
use crate::row::decode::Users;
use crate::row::ByProcess;
use crate::row::Bytes;
use crate::row::Counter;
use crate::row::Extent;
use crate::row::Flows;
use crate::row::Peaks;
use crate::row::ProcessId;
use crate::row::ProcessRow;
use crate::row::Sample;
use crate::row::TcpHealth;

/// What is known of every process so far.
#[derive(Debug, Default)]
pub struct Fold {
    users: Users,
    flows: Flows,
    rows: ByProcess<ProcessRow>,
    // Rows whose bytes within the tick are not zero.
    moved: Vec<ProcessId>,
    connections: HashMap<(u64, ProcessId), Connection>,
    // No rows any more from the next tick on.
    folded: Vec<(u64, ProcessId)>,
    part: Part,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum Part {
    #[default]
    First,
    Following,
}

impl Fold {
    /// Expects the first part of a snapshot next, whatever came before.
    pub fn restart(&mut self) {
        self.part = Part::First;
    }

    /// One that knows nothing but the names of users.
    pub fn successor(&self) -> Self {
        Self {
            users: self.users.clone(),
            ..Self::default()
        }
    }

    /// Takes one part of a snapshot. The first part drops everything known before; the last one
    /// gives the sample.
    pub fn snapshot(&mut self, snapshot: v1::Snapshot) -> Option<Sample> {
        if self.part == Part::First {
            self.rows.clear();
            self.moved.clear();
            self.connections.clear();
            self.folded.clear();
            self.flows = Flows::default();
            self.part = Part::Following;
        }
        self.learn(snapshot.processes);
        self.connect(snapshot.connections);
        for row in snapshot.rows {
            let peaks = row.peaks.as_ref().map(decode::peaks).unwrap_or_default();
            let with_loopback = row
                .peaks_with_loopback
                .as_ref()
                .map_or(peaks, decode::peaks);
            self.count(&row, Some(peaks), Some(with_loopback));
        }
        if !snapshot.last {
            return None;
        }
        self.part = Part::First;
        Some(self.sample(snapshot.tick.unwrap_or_default()))
    }

    /// Takes one tick. Processes that are not in it have moved no bytes.
    pub fn update(&mut self, update: v1::Update) -> Sample {
        for id in self.moved.drain(..) {
            if let Some(row) = self.rows.get_mut(&id) {
                row.flows.rest();
            }
        }
        // What ended in the tick before had its last bytes there.
        self.connections
            .retain(|_, connection| connection.closed.is_none());
        for key in self.folded.drain(..) {
            self.connections.remove(&key);
        }
        for connection in self.connections.values_mut() {
            connection.counter.tick = Bytes::default();
        }
        self.learn(update.processes);
        self.connect(update.connections);
        self.drop_connections(&update.connections_forgotten);
        for row in update.rows {
            let peaks = row.peaks.as_ref().map(decode::peaks);
            let with_loopback = row.peaks_with_loopback.as_ref().map(decode::peaks);
            self.count(&row, peaks, with_loopback);
        }
        for id in update
            .forgotten
            .iter()
            .filter_map(|id| decode::id(Some(id)))
        {
            self.rows.remove(&id);
            self.connections.retain(|(_, process), _| *process != id);
        }
        self.sample(update.tick.unwrap_or_default())
    }

    fn learn(&mut self, processes: Vec<v1::Process>) {
        for facts in processes {
            let Some(facts) = decode::facts(facts, &mut self.users) else {
                continue;
            };
            match self.rows.get_mut(&facts.id) {
                Some(row) => row.facts = Arc::new(facts),
                None => {
                    self.rows.insert(facts.id, silent(facts));
                }
            }
        }
    }

    fn connect(&mut self, connections: Vec<v1::Connection>) {
        let known = connections.into_iter().filter_map(decode::connection);
        self.connections
            .extend(known.map(|connection| (connection.key(), connection)));
    }

    // Folded into the other connections of their process, which have their totals now. What they have
    // moved in this tick is nowhere else.
    fn drop_connections(&mut self, gone: &[v1::ConnectionId]) {
        for gone in gone {
            let Some(process) = decode::id(gone.process.as_ref()) else {
                continue;
            };
            let key = (gone.id, process);
            let moved = |connection: &Connection| connection.counter.tick.sum() > 0;
            if self.connections.get(&key).is_some_and(moved) {
                self.folded.push(key);
            } else {
                self.connections.remove(&key);
            }
        }
    }

    fn count(&mut self, row: &v1::Row, peaks: Option<Peaks>, with_loopback: Option<Peaks>) {
        let known = decode::id(row.id.as_ref()).and_then(|id| self.rows.get_mut(&id));
        let Some(known) = known else {
            tracing::warn!(id = ?row.id, "numbers of a process that was never introduced");
            return;
        };
        decode::apply_flows(&mut known.flows, &row.flows);
        known.tcp_connections = row.tcp_connections;
        known.udp_connections = row.udp_connections;
        known.health = decode::tcp_health(row);
        if let Some(peaks) = peaks {
            known.peaks = peaks;
            // Absent means unchanged, but a peak with loopback is never below one without.
            known.peaks_with_loopback = higher(known.peaks_with_loopback, peaks);
        }
        if let Some(peaks) = with_loopback {
            known.peaks_with_loopback = peaks;
        }
        self.moved.push(known.facts.id);
    }

    fn sample(&mut self, tick: v1::Tick) -> Sample {
        decode::apply_flows(&mut self.flows, &tick.flows);
        Sample {
            seq: tick.seq,
            time: decode::timestamp(tick.end_time.as_ref()).unwrap_or(Timestamp::UNIX_EPOCH),
            length: decode::length(tick.length_ns),
            merged: tick.merged.max(1),
            extent: Extent::All,
            flows: self.flows,
            unattributed: Counter {
                tick: Bytes {
                    rx: tick.unattributed_rx_bytes,
                    tx: tick.unattributed_tx_bytes,
                },
                total: Bytes {
                    rx: tick.unattributed_rx_bytes_total,
                    tx: tick.unattributed_tx_bytes_total,
                },
            },
            processes: tick.processes,
            processes_active: tick.processes_active,
            tcp_connections: tick.tcp_connections,
            udp_connections: tick.udp_connections,
            lower_bound: tick.lower_bound,
            rows: self.rows.values().cloned().collect(),
            connections: self.connections.values().cloned().collect(),
        }
    }
}

fn higher(a: Peaks, b: Peaks) -> Peaks {
    let sum = if b.sum_per_s > a.sum_per_s { b } else { a };
    Peaks {
        rx_per_s: a.rx_per_s.max(b.rx_per_s),
        tx_per_s: a.tx_per_s.max(b.tx_per_s),
        ..sum
    }
}

fn silent(facts: crate::row::Facts) -> ProcessRow {
    ProcessRow {
        facts: Arc::new(facts),
        flows: Flows::default(),
        tcp_connections: None,
        udp_connections: None,
        peaks: Peaks::default(),
        peaks_with_loopback: Peaks::default(),
        health: TcpHealth::default(),
    }
}

#[cfg(test)]
#[path = "fold_tests.rs"]
mod tests;
