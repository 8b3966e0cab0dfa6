//! One tick, frozen: what every viewer gets, made once and shared.

use std::collections::BTreeMap;
use std::collections::HashSet;
use std::sync::Arc;

use netmon_bpf::abi::Flow;
use netmon_bpf::abi::ProcessId;
use netmon_bpf::traffic::SocketCounts;

use crate::connection::ConnectionRow;
use crate::connection::Key;
use crate::connection::Trouble;
use crate::process::Facts;
use crate::rate::Peaks;

/// One kind of traffic of one process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FlowCount {
    /// `loopback * 4 + udp * 2 + ipv6`: the index of [`netmon_bpf::abi::Traffic`] without the
    /// direction.
    pub kind: u8,
    /// Bytes received in the tick.
    pub rx: u64,
    /// Bytes sent in the tick.
    pub tx: u64,
    /// Cumulative, received.
    pub rx_total: Flow,
    /// Cumulative, sent.
    pub tx_total: Flow,
}

/// Set in [`FlowCount::kind`] for traffic that stays on the machine.
pub const LOOPBACK: u8 = 4;

/// Set in [`FlowCount::kind`] for UDP.
pub const UDP: u8 = 2;

/// One process in one tick.
#[derive(Debug, Clone)]
pub struct Row {
    /// What it is.
    pub facts: Arc<Facts>,
    /// Kinds that are not zero since first seen; in a frame only those that moved.
    pub flows: Vec<FlowCount>,
    /// `None`: not known.
    pub connections: Option<SocketCounts>,
    /// `None`: not known now.
    pub trouble: Option<Trouble>,
    /// Loopback left out.
    pub peaks: Peaks,
    /// Loopback included.
    pub peaks_with_loopback: Peaks,
}

/// What is said of a tick as a whole.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TickFacts {
    /// Number.
    pub seq: u64,
    /// End, boot clock, ns.
    pub time: u64,
    /// True length, ns; 0: not known (the first tick of an agent).
    pub length: u64,
    /// Sums over all processes, by kind.
    pub flows: Vec<FlowCount>,
    /// Bytes without a process.
    pub unattributed: FlowCount,
    /// Live processes.
    pub processes: u32,
    /// Of those, with traffic in the tick.
    pub active: u32,
    /// Over all live processes. `None`: not known.
    pub connections: Option<SocketCounts>,
    /// Events were lost.
    pub lower_bound: bool,
    /// Ticks this stands for.
    pub merged: u32,
}

/// The changes of one tick.
#[derive(Debug, Clone)]
pub struct Frame {
    /// About the tick.
    pub tick: TickFacts,
    /// First seen, renamed or ended.
    pub news: Vec<Arc<Facts>>,
    /// With traffic, other connections, or in `news`.
    pub rows: Vec<Row>,
    /// Dropped from the roster.
    pub forgotten: Vec<ProcessId>,
    /// `None`: nobody asked for connections.
    pub connections: Option<ConnectionNews>,
}

/// What has changed of connections in a tick.
#[derive(Debug, Clone, Default)]
pub struct ConnectionNews {
    /// With traffic, new, closed, or otherwise changed.
    pub rows: Vec<Arc<ConnectionRow>>,
    /// No row any more: folded, or closed and older than the retention. To be taken after the rows.
    pub gone: Vec<Key>,
}

impl ConnectionNews {
    fn merge(&self, later: &ConnectionNews, seq: u64) -> ConnectionNews {
        let mut rows: BTreeMap<Key, Arc<ConnectionRow>> = self
            .rows
            .iter()
            .map(|row| (row.key, Arc::clone(row)))
            .collect();
        for row in &later.rows {
            let (rx, tx) = rows.get(&row.key).map_or((0, 0), |row| (row.rx, row.tx));
            let sum = ConnectionRow {
                rx: rx.saturating_add(row.rx),
                tx: tx.saturating_add(row.tx),
                ..(**row).clone()
            };
            rows.insert(row.key, Arc::new(sum));
        }
        // They all belong to the one tick that is made of several.
        for row in rows.values_mut() {
            if row.seq != seq {
                let row = Arc::make_mut(row);
                row.seq = seq;
            }
        }
        let back: HashSet<Key> = later.rows.iter().map(|row| row.key).collect();
        let gone = self.gone.iter().filter(|key| !back.contains(key));
        ConnectionNews {
            rows: rows.into_values().collect(),
            gone: gone.chain(&later.gone).copied().collect(),
        }
    }
}

impl Frame {
    /// How much there is to tell of processes.
    pub fn changes(&self) -> usize {
        self.rows.len() + self.news.len() + self.forgotten.len()
    }

    /// How much there is to tell of connections.
    pub fn connection_changes(&self) -> usize {
        let news = self.connections.as_ref();
        news.map_or(0, |news| news.rows.len() + news.gone.len())
    }

    /// The same without connections.
    pub fn without_connections(&self) -> Frame {
        Frame {
            tick: self.tick.clone(),
            news: self.news.clone(),
            rows: self.rows.clone(),
            forgotten: self.forgotten.clone(),
            connections: None,
        }
    }

    /// Two successive stretches as one: bytes add up, totals and facts are the later ones. A
    /// process that was forgotten on the way keeps its bytes: whoever applies the frame takes the
    /// rows first.
    pub fn merge(&self, later: &Frame) -> Frame {
        let mut rows: BTreeMap<ProcessId, Row> = self
            .rows
            .iter()
            .map(|row| (row.facts.id, row.clone()))
            .collect();
        for row in &later.rows {
            match rows.get_mut(&row.facts.id) {
                Some(earlier) => {
                    let flows = merge_flows(&earlier.flows, &row.flows);
                    *earlier = Row {
                        flows,
                        ..row.clone()
                    };
                }
                None => {
                    rows.insert(row.facts.id, row.clone());
                }
            }
        }
        let mut news: BTreeMap<ProcessId, Arc<Facts>> = BTreeMap::new();
        for facts in self.news.iter().chain(&later.news) {
            news.insert(facts.id, Arc::clone(facts));
        }
        Frame {
            tick: self.tick.merge(&later.tick),
            news: news.into_values().collect(),
            rows: rows.into_values().collect(),
            forgotten: self
                .forgotten
                .iter()
                .chain(&later.forgotten)
                .copied()
                .collect(),
            connections: match (&self.connections, &later.connections) {
                (Some(earlier), Some(news)) => Some(earlier.merge(news, later.tick.seq)),
                (earlier, news) => news.as_ref().or(earlier.as_ref()).cloned(),
            },
        }
    }
}

impl TickFacts {
    fn merge(&self, later: &TickFacts) -> TickFacts {
        TickFacts {
            // An unknown length makes the whole unknown.
            length: match (self.length, later.length) {
                (0, _) | (_, 0) => 0,
                (earlier, later) => earlier.saturating_add(later),
            },
            flows: merge_flows(&self.flows, &later.flows),
            unattributed: FlowCount {
                rx: self.unattributed.rx.saturating_add(later.unattributed.rx),
                tx: self.unattributed.tx.saturating_add(later.unattributed.tx),
                ..later.unattributed
            },
            active: self.active.max(later.active),
            lower_bound: self.lower_bound || later.lower_bound,
            merged: self.merged + later.merged,
            ..later.clone()
        }
    }
}

fn merge_flows(earlier: &[FlowCount], later: &[FlowCount]) -> Vec<FlowCount> {
    let mut merged = earlier.to_vec();
    for flow in later {
        match merged.iter_mut().find(|m| m.kind == flow.kind) {
            Some(sum) => {
                *sum = FlowCount {
                    rx: sum.rx.saturating_add(flow.rx),
                    tx: sum.tx.saturating_add(flow.tx),
                    ..*flow
                };
            }
            None => merged.push(*flow),
        }
    }
    merged
}
