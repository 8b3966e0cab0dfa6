//! The processes as of the newest sample, and what changed since the one before.

use std::collections::HashMap;

use super::tick::Changes;
use super::tick::Connections;
use super::tick::Recorder;
use crate::row::Bytes;
use crate::row::Counter;
use crate::row::Flows;
use crate::row::ProcessId;
use crate::row::ProcessRow;

/// All known processes.
#[derive(Debug, Default)]
pub struct Roster {
    rows: HashMap<ProcessId, ProcessRow>,
}

impl Roster {
    /// Takes the rows of a new sample. Processes that are not among them are forgotten.
    pub fn replace(&mut self, mut rows: Vec<ProcessRow>) -> Changes {
        rows.sort_unstable_by_key(|row| row.facts.id);
        let mut recorder = Recorder::default();
        for row in &rows {
            let known = self.rows.get(&row.facts.id);
            // What a process had moved before this viewer first heard of it is its start, not a
            // change in this tick.
            let before = known.map_or_else(
                || (before_tick(&row.flows), Connections::default()),
                |known| (known.flows, connections(known)),
            );
            let after = (&row.flows, connections(row));
            recorder.note(row.facts.id, (&before.0, before.1), after);
        }
        self.rows = rows.into_iter().map(|row| (row.facts.id, row)).collect();
        recorder.finish()
    }

    /// A process; `None`: not known, or no longer.
    pub fn get(&self, id: ProcessId) -> Option<&ProcessRow> {
        self.rows.get(&id)
    }

    /// All processes, unordered.
    pub fn iter(&self) -> impl Iterator<Item = &ProcessRow> {
        self.rows.values()
    }
}

/// Open sockets of a row.
pub fn connections(row: &ProcessRow) -> Connections {
    Connections {
        tcp: row.tcp_connections,
        udp: row.udp_connections,
    }
}

fn before_tick(flows: &Flows) -> Flows {
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
