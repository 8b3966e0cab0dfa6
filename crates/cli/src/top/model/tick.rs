//! One tick as the viewer keeps it: the sums, and of each process only what changed.

use std::time::Duration;

use jiff::Timestamp;

use super::heights::Heights;
use crate::rate;
use crate::row::scope;
use crate::row::Bytes;
use crate::row::Counter;
use crate::row::Flows;
use crate::row::ProcessId;
use crate::row::Scope;

/// Whether the numbers of a tick are complete.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Quality {
    /// All is counted.
    #[default]
    Exact,
    /// Events were lost.
    LowerBound,
}

/// How the viewer came to know a tick.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Origin {
    /// It saw it.
    #[default]
    Watched,
    /// From the agent's history, which does not hold everything.
    Stored,
}

/// Open sockets by transport; `None`: cannot be told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Connections {
    /// TCP.
    pub tcp: Option<u32>,
    /// UDP.
    pub udp: Option<u32>,
}

impl Connections {
    /// Those inside a scope; `None`: cannot be told.
    pub fn within(self, scope: Scope) -> Option<u32> {
        scope::connections(scope, self.tcp, self.udp)
    }
}

/// Bytes per second in each direction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rate {
    /// Received.
    pub rx: u64,
    /// Sent.
    pub tx: u64,
}

impl Rate {
    /// The rate of `bytes` moved in `length`; `None`: the length is not known.
    pub fn of(bytes: Bytes, length: Option<Duration>) -> Option<Self> {
        Some(Self {
            rx: rate::per_second(bytes.rx, length)?,
            tx: rate::per_second(bytes.tx, length)?,
        })
    }

    /// The higher of the two, in each direction.
    pub fn max(self, other: Self) -> Self {
        Self {
            rx: self.rx.max(other.rx),
            tx: self.tx.max(other.tx),
        }
    }
}

/// One tick.
#[derive(Debug, Clone, PartialEq)]
pub struct Tick {
    /// Its number at the agent.
    pub seq: u64,
    /// Its end.
    pub time: Timestamp,
    /// True length; `None`: its rates are not known.
    pub length: Option<Duration>,
    /// How it became known.
    pub origin: Origin,
    /// Whether events were lost.
    pub quality: Quality,
    /// Bytes of all processes; the totals in it mean nothing. `None`: not known.
    pub host: Option<Flows>,
    /// Bytes of the processes shown; the totals in it mean nothing.
    pub shown: Flows,
    /// Bytes of no known process.
    pub unattributed: Bytes,
    /// The same since the beginning; `None`: not known.
    pub unattributed_total: Option<Bytes>,
    /// Live processes the agent knew; `None`: not known.
    pub processes: Option<u32>,
    /// Processes with traffic; `None`: not known.
    pub active: Option<u32>,
    /// Open sockets of all processes.
    pub connections: Connections,
    /// What changed, ordered by process.
    pub changes: Changes,
    /// The highest ticks in it, where it stands for several.
    pub heights: Heights,
}

impl Tick {
    /// When it began; `None`: its length is not known.
    pub fn start(&self) -> Option<Timestamp> {
        self.time.checked_sub(self.length?).ok()
    }

    /// Memory it takes, in entries of about 40 bytes.
    pub fn weight(&self) -> usize {
        self.changes.weight() + self.heights.weight()
    }
}

/// What changed in a tick, process by process.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Changes {
    rows: Box<[RowChange]>,
    cells: Box<[CellChange]>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct RowChange {
    id: ProcessId,
    connections_before: Connections,
    /// End of its cells; they start where those of the row before end.
    cells_end: u32,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct CellChange {
    cell: u8,
    tick: Bytes,
    total_before: Bytes,
}

/// What changed for one process.
#[derive(Debug, Clone, Copy)]
pub struct Change<'a> {
    /// Which process.
    pub id: ProcessId,
    /// Its sockets before the tick.
    pub connections_before: Connections,
    cells: &'a [CellChange],
}

impl Change<'_> {
    /// Its bytes in the tick, as ticks of otherwise empty flows.
    pub fn flows(&self) -> Flows {
        let mut flows = Flows::default();
        for change in self.cells {
            cell_mut(&mut flows, change.cell).tick = change.tick;
        }
        flows
    }

    /// Sets the totals of `flows` back to what they were before the tick.
    pub fn undo(&self, flows: &mut Flows) {
        for change in self.cells {
            cell_mut(flows, change.cell).total = change.total_before;
        }
    }
}

impl Changes {
    /// In the order of the processes.
    pub fn iter(&self) -> impl Iterator<Item = Change<'_>> {
        (0..self.rows.len()).map(|index| self.at(index))
    }

    /// That of one process; `None`: nothing changed.
    pub fn of(&self, id: ProcessId) -> Option<Change<'_>> {
        let index = self.rows.binary_search_by_key(&id, |row| row.id).ok()?;
        Some(self.at(index))
    }

    /// The bytes of `other` with the sockets of this: the same tick, told by two that each know one
    /// half.
    pub fn with_bytes_of(&self, other: &Self) -> Self {
        let mut ids: Vec<_> = self
            .rows
            .iter()
            .chain(&other.rows)
            .map(|row| row.id)
            .collect();
        ids.sort_unstable();
        ids.dedup();
        let mut merged = Recorder::default();
        for id in ids {
            let cells = other.of(id).map_or(&[][..], |change| change.cells);
            merged.cells.extend_from_slice(cells);
            merged.row(
                id,
                self.of(id)
                    .map(|change| change.connections_before)
                    .unwrap_or_default(),
            );
        }
        merged.finish()
    }

    /// Memory it takes, in entries of about 40 bytes.
    pub fn weight(&self) -> usize {
        self.rows.len() + self.cells.len()
    }

    fn at(&self, index: usize) -> Change<'_> {
        let row = self.rows[index];
        let start = index
            .checked_sub(1)
            .map_or(0, |before| self.rows[before].cells_end);
        Change {
            id: row.id,
            connections_before: row.connections_before,
            cells: &self.cells[start as usize..row.cells_end as usize],
        }
    }
}

/// Collects [`Changes`].
#[derive(Debug, Default)]
pub struct Recorder {
    rows: Vec<RowChange>,
    cells: Vec<CellChange>,
}

impl Recorder {
    /// Notes what changed for a process between two ticks. Processes come in ascending order.
    pub fn note(
        &mut self,
        id: ProcessId,
        before: (&Flows, Connections),
        after: (&Flows, Connections),
    ) {
        let had = self.cells.len();
        for cell in 0..CELLS {
            let total_before = read_cell(before.0, cell).total;
            let Counter { tick, total } = read_cell(after.0, cell);
            if tick != Bytes::default() || total != total_before {
                self.cells.push(CellChange {
                    cell,
                    tick,
                    total_before,
                });
            }
        }
        if self.cells.len() > had || before.1 != after.1 {
            self.row(id, before.1);
        }
    }

    fn row(&mut self, id: ProcessId, connections_before: Connections) {
        // 8 cells per process: four thousand million entries are out of reach.
        let cells_end = u32::try_from(self.cells.len()).unwrap_or(u32::MAX);
        self.rows.push(RowChange {
            id,
            connections_before,
            cells_end,
        });
    }

    /// What was noted.
    pub fn finish(self) -> Changes {
        Changes {
            rows: self.rows.into(),
            cells: self.cells.into(),
        }
    }
}

const CELLS: u8 = 8;

fn read_cell(flows: &Flows, cell: u8) -> Counter {
    let [local, transport, family] = indices(cell);
    [&flows.external, &flows.loopback][local][transport][family]
}

fn cell_mut(flows: &mut Flows, cell: u8) -> &mut Counter {
    let [local, transport, family] = indices(cell);
    &mut [&mut flows.external, &mut flows.loopback][local][transport][family]
}

fn indices(cell: u8) -> [usize; 3] {
    [2, 1, 0].map(|bit| usize::from(cell >> bit & 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flows(external: u64, loopback: u64) -> Flows {
        let counter = |n| Counter {
            tick: Bytes { rx: n, tx: 0 },
            total: Bytes { rx: n * 10, tx: n },
        };
        let mut flows = Flows::default();
        flows.external[1][0] = counter(external);
        flows.loopback[0][1] = counter(loopback);
        flows
    }

    fn id(pid: u32) -> ProcessId {
        ProcessId { pid, start_ns: 7 }
    }

    #[test]
    fn two_halves_make_one_change() {
        let sockets = Connections {
            tcp: Some(2),
            udp: None,
        };
        let (mut watched, mut stored) = (Recorder::default(), Recorder::default());
        let none = Connections::default();
        watched.note(id(1), (&Flows::default(), none), (&flows(9, 9), sockets));
        watched.note(id(3), (&flows(0, 0), sockets), (&flows(0, 0), none));
        stored.note(id(1), (&flows(2, 2), none), (&flows(3, 4), none));
        stored.note(id(2), (&flows(2, 2), none), (&flows(3, 4), none));
        let merged = watched.finish().with_bytes_of(&stored.finish());
        let pids: Vec<_> = merged.iter().map(|change| change.id.pid).collect();
        assert_eq!(pids, [1, 2, 3]);
        assert_eq!(merged.of(id(1)).unwrap().flows().external[1][0].tick.rx, 3);
        assert_eq!(merged.of(id(3)).unwrap().connections_before, sockets);
        let mut total = flows(3, 4);
        merged.of(id(2)).unwrap().undo(&mut total);
        assert_eq!(total.external[1][0].total.rx, 20);
    }

    #[test]
    fn a_change_tells_its_bytes_and_can_be_undone() {
        let (none, quiet) = (
            Connections::default(),
            Connections {
                tcp: Some(1),
                udp: None,
            },
        );
        let mut recorder = Recorder::default();
        recorder.note(id(1), (&Flows::default(), none), (&flows(3, 4), none));
        recorder.note(id(2), (&flows(0, 0), none), (&flows(0, 0), none));
        recorder.note(id(3), (&flows(0, 0), none), (&flows(0, 0), quiet));
        let changes = recorder.finish();

        let change = changes.of(id(1)).unwrap();
        assert_eq!(change.flows().external[1][0].tick.rx, 3);
        assert_eq!(change.flows().loopback[0][1].tick.rx, 4);
        let mut total = flows(3, 4);
        change.undo(&mut total);
        total.rest();
        assert_eq!(total, Flows::default());
        assert!(changes.of(id(2)).is_none());
        assert_eq!(changes.of(id(3)).unwrap().connections_before, none);
        assert_eq!(changes.weight(), 4);
        assert_eq!(
            changes
                .iter()
                .map(|change| change.id.pid)
                .collect::<Vec<_>>(),
            [1, 3]
        );
    }
}
