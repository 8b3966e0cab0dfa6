//! A segment as it is worked with: decoded, by process. What was in rows is turned here; what is
//! sealed comes in this form, some processes at a time.

use std::collections::BTreeMap;

use netmon_bpf::abi::ProcessId;

use super::piece::add_sums;
use super::piece::Extra;
use super::piece::Head;
use super::piece::Piece;
use super::piece::PieceRow;
use super::totals::Totals;
use super::BootId;
use super::Known;
use super::Sum;
use crate::frame::LOOPBACK;

/// What is the same for a whole segment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Nature {
    /// The boot that its clocks and processes belong to.
    pub boot: BootId,
    /// Length that is kept as one, ns.
    pub step: u64,
    /// A stretch may be more than one tick.
    pub folded: bool,
}

/// The bytes of one kind in one stretch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cell {
    /// Index of the stretch.
    pub at: u32,
    /// As in [`Sum::kind`].
    pub kind: u8,
    /// Received.
    pub rx: u64,
    /// Sent.
    pub tx: u64,
}

impl Cell {
    /// Its bytes.
    pub fn sum(&self) -> Sum {
        Sum {
            kind: self.kind,
            rx: self.rx,
            tx: self.tx,
        }
    }
}

/// What is known of a process, from some stretch on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// So many stretches of the segment are in its totals.
    pub after: u32,
    /// Facts and totals.
    pub known: Known,
}

/// One process in a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Who.
    pub id: ProcessId,
    /// Oldest first. Empty: damaged.
    pub versions: Vec<Version>,
    /// In the order of stretches within a kind.
    pub cells: Vec<Cell>,
    /// Only of folded stretches.
    pub extras: Vec<(u32, Extra)>,
}

/// A segment.
#[derive(Debug, Clone, Default)]
pub struct Columns {
    /// What it is.
    pub nature: Nature,
    /// The sums of the machine before its first stretch. `None`: not told.
    pub before: Option<Totals>,
    /// Its stretches.
    pub heads: Vec<Head>,
    /// Its processes.
    pub processes: Vec<Column>,
    /// Damaged parts that were skipped.
    pub damaged: u64,
}

/// One process over a whole segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Who.
    pub id: ProcessId,
    /// The part of the segment that has its column.
    pub part: u32,
    /// Bytes in the segment.
    pub sums: Vec<Sum>,
    /// Cumulative at its end.
    pub totals: Vec<Sum>,
    /// Peaks and active times over the segment.
    pub extra: Extra,
}

impl Column {
    /// Of nobody yet.
    pub fn new(id: ProcessId) -> Self {
        Column {
            id,
            versions: Vec::new(),
            cells: Vec::new(),
            extras: Vec::new(),
        }
    }

    /// What was known after so many stretches. Before the first version: the first.
    pub fn version(&self, stretches: u32) -> Option<&Version> {
        let later = self.versions.partition_point(|v| v.after <= stretches);
        self.versions
            .get(later.saturating_sub(1))
            .filter(|v| v.after <= stretches || later == 0)
    }

    /// Cumulative bytes after so many stretches.
    pub fn totals(&self, stretches: u32) -> Vec<Sum> {
        self.totals_at(&[stretches]).pop().unwrap_or_default()
    }

    /// Cumulative bytes after these numbers of stretches, which do not fall.
    pub fn totals_at(&self, ends: &[u32]) -> Vec<Vec<Sum>> {
        let by_kind = self.cells.chunk_by(|a, b| a.kind == b.kind);
        let by_kind: Vec<&[Cell]> = by_kind.collect();
        let mut next = vec![0; by_kind.len()];
        let (mut totals, mut counted_from) = (Vec::new(), None);
        let mut all = Vec::with_capacity(ends.len());
        for end in ends {
            let Some(version) = self.version(*end) else {
                all.push(Vec::new());
                continue;
            };
            if counted_from != Some(version.after) {
                // What is told there is exact, whatever was lost before it.
                counted_from = Some(version.after);
                totals.clone_from(&version.known.totals);
                for (next, cells) in next.iter_mut().zip(&by_kind) {
                    *next = cells.partition_point(|cell| cell.at < version.after);
                }
            }
            for (next, cells) in next.iter_mut().zip(&by_kind) {
                while let Some(cell) = cells.get(*next).filter(|cell| cell.at < *end) {
                    add_sums(&mut totals, &[cell.sum()]);
                    *next += 1;
                }
            }
            all.push(totals.clone());
        }
        all
    }

    /// What is known after so many stretches. `None`: its description is damaged.
    pub fn known(&self, stretches: u32) -> Option<Known> {
        let version = self.version(stretches)?;
        Some(Known {
            totals: self.totals(stretches),
            ..version.known.clone()
        })
    }

    /// Adds its rows to stretches that begin at an index.
    fn fill(&self, first: u32, pieces: &mut [Piece]) {
        let within = first..first + pieces.len() as u32;
        let mut sums: BTreeMap<u32, Vec<Sum>> = BTreeMap::new();
        for cells in self.cells.chunk_by(|a, b| a.kind == b.kind) {
            let cells = &cells[cells.partition_point(|cell| cell.at < within.start)..];
            for cell in cells.iter().take_while(|cell| cell.at < within.end) {
                sums.entry(cell.at).or_default().push(cell.sum());
            }
        }
        // Told without bytes.
        for version in self.versions.iter().filter(|v| v.after > 0) {
            if within.contains(&(version.after - 1)) {
                sums.entry(version.after - 1).or_default();
            }
        }
        let ends: Vec<u32> = sums.keys().map(|at| at + 1).collect();
        for ((at, sums), totals) in sums.into_iter().zip(self.totals_at(&ends)) {
            let Some(version) = self.version(at + 1) else {
                continue;
            };
            let extra = self.extras.iter().find(|(a, _)| *a == at);
            pieces[(at - first) as usize].rows.push(PieceRow {
                told: version.after == at + 1,
                known: Known {
                    totals,
                    ..version.known.clone()
                },
                sums,
                extra: extra.map(|(_, extra)| *extra),
            });
        }
    }

    /// Of the whole segment.
    pub fn listed(&self, part: u32, heads: &[Head], folded: bool, spread: &mut Spread) -> Listed {
        let mut sums = Vec::new();
        for cell in &self.cells {
            add_sums(&mut sums, &[cell.sum()]);
        }
        let extra = if folded {
            self.extras
                .iter()
                .fold(Extra::default(), |mut all, (_, extra)| {
                    all.merge(extra);
                    all
                })
        } else {
            self.extra_of_ticks(heads, spread)
        };
        Listed {
            id: self.id,
            part,
            sums,
            totals: self.totals(heads.len() as u32),
            extra,
        }
    }

    fn extra_of_ticks(&self, heads: &[Head], spread: &mut Spread) -> Extra {
        let mut extra = Extra::default();
        let local = self.cells.iter().any(|cell| cell.kind >= LOOPBACK);
        for side in 0..2 {
            if side == 1 && !local {
                extra.peaks[1] = extra.peaks[0];
                extra.active[1] = extra.active[0];
                break;
            }
            spread.begin(heads.len());
            for cell in &self.cells {
                if side == 1 || cell.kind < LOOPBACK {
                    spread.add(cell);
                }
            }
            for (at, moved) in spread.moved() {
                let head = &heads[at];
                if head.has_rates() {
                    extra.peaks[side].observe(moved, head.length, head.end);
                    extra.active[side] = extra.active[side].saturating_add(head.length);
                }
            }
        }
        extra
    }
}

/// Bytes by stretch, for sums over kinds or processes. Used again and again.
#[derive(Debug, Default)]
pub struct Spread {
    moved: Vec<(u64, u64)>,
}

impl Spread {
    /// Empty, of so many stretches.
    pub fn begin(&mut self, stretches: usize) {
        self.moved.clear();
        self.moved.resize(stretches, (0, 0));
    }

    /// Adds a cell; one beyond the end is none.
    pub fn add(&mut self, cell: &Cell) {
        if let Some(moved) = self.moved.get_mut(cell.at as usize) {
            moved.0 = moved.0.saturating_add(cell.rx);
            moved.1 = moved.1.saturating_add(cell.tx);
        }
    }

    /// Stretches with bytes, in order.
    pub fn moved(&self) -> impl Iterator<Item = (usize, (u64, u64))> + '_ {
        let all = self.moved.iter().copied().enumerate();
        all.filter(|(_, moved)| *moved != (0, 0))
    }
}

impl Columns {
    /// The same, stretch by stretch: those of a range of indexes.
    pub fn pieces(&self, range: std::ops::Range<usize>) -> Vec<Piece> {
        let first = range.start;
        let heads = self.heads.get(range).unwrap_or_default();
        let mut pieces: Vec<Piece> = heads
            .iter()
            .map(|head| Piece {
                head: head.clone(),
                rows: Vec::new(),
            })
            .collect();
        for column in &self.processes {
            column.fill(first as u32, &mut pieces);
        }
        pieces
    }
}
