//! Ticks become longer stretches: sums, and the highest tick of each process.

use std::collections::HashMap;
use std::sync::Arc;

use netmon_bpf::abi::ProcessId;

use super::piece::add_sums;
use super::piece::Extra;
use super::piece::Head;
use super::piece::Piece;
use super::piece::PieceRow;

/// Processes in a stretch, at most: then it ends early. Bounds what a flood of short-lived
/// processes costs.
const MOST_ROWS: usize = 4096;

/// A stretch that grows.
#[derive(Debug)]
pub struct Fold {
    /// Length in ns; stretches end at multiples of it by the wall clock.
    step: u64,
    head: Option<Head>,
    rows: HashMap<ProcessId, PieceRow>,
}

impl Fold {
    /// Empty.
    pub fn new(step: u64) -> Self {
        Fold {
            step: step.max(1),
            head: None,
            rows: HashMap::new(),
        }
    }

    /// Nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.head.is_none()
    }

    /// Whether what follows belongs to the same stretch.
    pub fn takes(&self, next: &Head) -> bool {
        let Some(head) = &self.head else {
            return true;
        };
        // A clock that stands still or jumps ends a stretch too.
        let long = next.end.saturating_sub(head.begin) > self.step.saturating_mul(2);
        let same = next.wall.div_ceil(self.step) == head.wall.div_ceil(self.step);
        same && !long && self.rows.len() < MOST_ROWS
    }

    /// Adds what follows.
    pub fn push(&mut self, piece: &Piece) {
        match &mut self.head {
            Some(head) => head.merge(&piece.head),
            None => self.head = Some(piece.head.clone()),
        }
        for row in &piece.rows {
            let extra = row
                .extra
                .unwrap_or_else(|| Extra::of_tick(&row.sums, &piece.head));
            match self.rows.get_mut(&row.known.facts.id) {
                Some(sum) => {
                    let (known, now) = (&mut sum.known, &row.known);
                    known.facts = Arc::clone(&now.facts);
                    // A list of the same length: no new one every tick.
                    known.totals.clone_from(&now.totals);
                    known.peaks = now.peaks;
                    known.peaks_with_loopback = now.peaks_with_loopback;
                    sum.told |= row.told;
                    add_sums(&mut sum.sums, &row.sums);
                    sum.extra.get_or_insert_default().merge(&extra);
                }
                None => {
                    let extra = Some(extra);
                    let row = PieceRow {
                        extra,
                        ..row.clone()
                    };
                    self.rows.insert(row.known.facts.id, row);
                }
            }
        }
    }

    /// What is in it, if anything.
    pub fn close(&mut self) -> Option<Piece> {
        let head = self.head.take()?;
        let rows = self.rows.drain().map(|(_, row)| row).collect();
        // One burst must not be paid for ever after.
        self.rows.shrink_to(1024);
        Some(Piece { head, rows })
    }
}
