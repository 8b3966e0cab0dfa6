//! The processes as of the newest sample, and what changed since the one before.

use super::past::TickNumber;
use super::tick::Changes;
use super::tick::Connections;
use super::tick::Recorder;
use crate::row::ByProcess;
use crate::row::Bytes;
use crate::row::Counter;
use crate::row::Flows;
use crate::row::ProcessId;
use crate::row::ProcessRow;

/// All known processes: those of the newest sample, and those that only the past tells of.
#[derive(Debug, Default)]
pub struct Roster {
    rows: ByProcess<ProcessRow>,
    gone: ByProcess<Gone>,
}

// A process that is not in the newest sample.
#[derive(Debug)]
struct Gone {
    row: ProcessRow,
    /// The first tick without it.
    from: TickNumber,
}

impl Roster {
    /// These processes and no other.
    pub fn of(rows: Vec<ProcessRow>) -> Self {
        Self {
            rows: rows.into_iter().map(|row| (row.facts.id, row)).collect(),
            gone: ByProcess::default(),
        }
    }

    /// Takes the rows of the new sample `at`. Processes that are not among them belong to the past.
    pub fn replace(&mut self, at: TickNumber, rows: Vec<ProcessRow>) -> Changes {
        // In the order of ids; rows are large and stay where they are.
        let mut sorted: Vec<&ProcessRow> = rows.iter().collect();
        sorted.sort_unstable_by_key(|row| row.facts.id);
        let mut recorder = Recorder::default();
        for row in sorted {
            let id = row.facts.id;
            let gone = self.gone.remove(&id);
            let known = self.rows.get(&id).or(gone.as_ref().map(|gone| &gone.row));
            // What a process had moved before this viewer first heard of it is its start, not a
            // change in this tick.
            let before = known.map_or_else(
                || (before_tick(&row.flows), Connections::default()),
                |known| (known.flows, connections(known)),
            );
            let after = (&row.flows, connections(row));
            recorder.note(id, (&before.0, before.1), after);
        }
        let rows = rows.into_iter().map(|row| (row.facts.id, row)).collect();
        let mut before = std::mem::replace(&mut self.rows, rows);
        before.retain(|id, _| !self.rows.contains_key(id));
        for (id, mut row) in before {
            row.flows.rest();
            self.gone.insert(id, Gone { row, from: at });
        }
        recorder.finish()
    }

    /// Takes a process that the history tells of, as it was at its end or at tick `at`. Those that
    /// are known already stay as they are.
    pub fn recall(&mut self, at: TickNumber, row: ProcessRow) {
        let id = row.facts.id;
        if !self.rows.contains_key(&id) {
            self.gone.entry(id).or_insert(Gone { row, from: at });
        }
    }

    /// Forgets those that were gone before the tick `oldest`.
    pub fn forget(&mut self, oldest: TickNumber) {
        self.gone.retain(|_, gone| gone.from > oldest);
        if self.gone.capacity() > 64 + 4 * self.gone.len() {
            self.gone.shrink_to_fit();
        }
    }

    /// A process; `None`: not known, or no longer.
    pub fn get(&self, id: ProcessId) -> Option<&ProcessRow> {
        let gone = || self.gone.get(&id).map(|gone| &gone.row);
        self.rows.get(&id).or_else(gone)
    }

    /// The processes that can be on screen at tick `at`, unordered: of those that are gone by then
    /// only such as are known to have ended.
    pub fn at(&self, at: TickNumber) -> impl Iterator<Item = &ProcessRow> {
        let there = move |gone: &&Gone| at < gone.from || gone.row.facts.exit.is_some();
        let gone = self.gone.values().filter(there).map(|gone| &gone.row);
        self.rows.values().chain(gone)
    }

    /// How many are known, and for how many there is room.
    #[cfg(test)]
    pub fn load(&self) -> (usize, usize) {
        (
            self.rows.len() + self.gone.len(),
            self.rows.capacity() + self.gone.capacity(),
        )
    }
}

/// Open sockets of a row.
pub fn connections(row: &ProcessRow) -> Connections {
    Connections {
        tcp: row.tcp_connections,
        udp: row.udp_connections,
    }
}

/// Flows as they were before their tick, at rest.
pub fn before_tick(flows: &Flows) -> Flows {
    let before = |counter: Counter| Counter {
        tick: Bytes::default(),
        total: Bytes {
            rx: counter.total.rx.saturating_sub(counter.tick.rx),
            tx: counter.total.tx.saturating_sub(counter.tick.tx),
        },
    };
    Flows {
        external: flows.external.map(|families| families.map(before)),
        loopback: flows.loopback.map(|families| families.map(before)),
    }
}
