//! The tick's side: frames become stretches of every tier, encoded, with no disk in sight.

use std::collections::HashMap;
use std::collections::HashSet;
use std::collections::VecDeque;
use std::sync::Arc;

use netmon_bpf::abi::ProcessId;

use super::columns::Nature;
use super::fold::Fold;
use super::image::Encoder;
use super::image::Image;
use super::piece::Extra;
use super::piece::Head;
use super::piece::Piece;
use super::piece::PieceRow;
use super::totals::Totals;
use super::BootId;
use super::Known;
use super::Moment;
use super::Options;
use super::Past;
use super::Sum;
use crate::frame::Frame;
use crate::frame::Row;

/// A segment with more bytes of stretches than this is full.
const SEGMENT_BYTES: usize = 1 << 20;

/// So many ticks after its end the totals of a process are known still.
const REMEMBERED: u64 = 4;
/// And of so many processes at most.
const MOST_ENDED: usize = 4096;

/// What a tick adds to a tier.
#[derive(Debug)]
pub enum Addition {
    /// The growing segment is full: this one follows it.
    Open(Image),
    /// A stretch for the growing segment.
    Stretch(Head, Arc<[u8]>),
}

/// Makes stretches of frames.
#[derive(Debug)]
pub struct Appender {
    next: u64,
    live: HashMap<ProcessId, Known>,
    /// Ended lately, and when: last bytes may follow the end of a process by a tick.
    ended: VecDeque<(u64, ProcessId)>,
    /// The sums of the machine after the last tick.
    totals: Totals,
    /// `live` is from an earlier agent: what the first tick does not have is gone.
    inherited: bool,
    tiers: Vec<Growing>,
}

#[derive(Debug)]
struct Growing {
    nature: Nature,
    fold: Fold,
    encoder: Option<Encoder>,
    stretches: usize,
    bytes: usize,
    most_stretches: usize,
}

/// What the segments of a tier are.
pub fn nature(options: &Options, tier: usize, boot: BootId) -> Nature {
    let length = |d: std::time::Duration| u64::try_from(d.as_nanos()).unwrap_or(u64::MAX);
    let (step, tick) = (length(options.tiers[tier].step), length(options.tick));
    Nature {
        boot,
        step: step.max(tick),
        folded: step > tick,
    }
}

impl Appender {
    /// Goes on with this ordinal and after this past.
    pub fn new(options: &Options, next: u64, past: &Past) -> Self {
        let tiers = (0..options.tiers.len()).map(|tier| {
            let nature = nature(options, tier, options.boot);
            Growing {
                nature,
                fold: Fold::new(nature.step),
                encoder: None,
                stretches: 0,
                bytes: 0,
                most_stretches: options.segment_frames.max(1),
            }
        });
        let last = past.last.filter(|last| last.boot == options.boot);
        let live = past.processes.iter();
        let live = live.filter(|known| known.facts.exit.is_none());
        let live = live.map(|known| (known.facts.id, known.clone()));
        Appender {
            next,
            live: live.collect(),
            ended: VecDeque::new(),
            totals: last.and_then(|last| last.totals).unwrap_or_default(),
            inherited: true,
            tiers: tiers.collect(),
        }
    }

    /// What a tick adds, by tier, in order.
    pub fn append(&mut self, frame: &Frame, moment: Moment) -> Vec<(usize, Addition)> {
        let piece = self.piece(frame, moment);
        let mut additions = Vec::new();
        // Where a stretch of a coarse tier ends, those of all finer ones end: one can go on for the
        // other anywhere.
        let ends = self
            .tiers
            .iter()
            .rposition(|tier| !tier.fold.takes(&piece.head));
        for (index, tier) in self.tiers.iter_mut().enumerate() {
            if ends.is_some_and(|coarsest| index <= coarsest) {
                tier.close(index, &mut additions);
            }
            if tier.fold.is_empty() && tier.is_full() {
                // Totals before the first tick of it.
                let live = self.live.values().filter(|k| k.facts.exit.is_none());
                additions.push((index, Addition::Open(tier.open(self.totals, live))));
            }
            if tier.nature.folded {
                tier.fold.push(&piece);
            } else if let Some(stretch) = tier.stretch(&piece) {
                additions.push((index, stretch));
            }
        }
        self.totals = Totals::of(&frame.tick);
        self.learn(piece);
        additions
    }

    fn piece(&mut self, frame: &Frame, moment: Moment) -> Piece {
        let ordinal = self.next;
        self.next += 1;
        let tick = &frame.tick;
        let head = Head {
            first: ordinal,
            last: ordinal,
            ticks: 1,
            seqs: (tick.seq, tick.seq),
            begin: tick.time.saturating_sub(tick.length),
            end: tick.time,
            wall: moment.wall,
            length: tick.length,
            lower_bound: tick.lower_bound,
            gaps: moment.gap.into_iter().collect(),
            unattributed: (tick.unattributed.rx, tick.unattributed.tx),
        };
        let told: HashSet<ProcessId> = frame.news.iter().map(|facts| facts.id).collect();
        let rows = frame.rows.iter().filter_map(|row| {
            let told = told.contains(&row.facts.id);
            let mut row = piece_row(row, told);
            if let Some(before) = self.live.get(&row.known.facts.id) {
                complete(&mut row.known.totals, &before.totals);
            }
            (told || !row.sums.is_empty()).then_some(row)
        });
        let mut rows: Vec<PieceRow> = rows.collect();
        if self.tiers.iter().any(|tier| tier.nature.folded) {
            // Once for all coarse tiers.
            for row in &mut rows {
                row.extra = Some(Extra::of_tick(&row.sums, &head));
            }
        }
        Piece { head, rows }
    }

    fn learn(&mut self, piece: Piece) {
        if std::mem::take(&mut self.inherited) {
            let here: HashSet<ProcessId> = piece.rows.iter().map(|r| r.known.facts.id).collect();
            self.live.retain(|id, _| here.contains(id));
        }
        let now = piece.head.first;
        for row in piece.rows {
            let id = row.known.facts.id;
            if row.known.facts.exit.is_some() {
                self.ended.push_back((now, id));
            }
            self.live.insert(id, row.known);
        }
        while let Some((when, id)) = self.ended.front() {
            if self.ended.len() <= MOST_ENDED && *when + REMEMBERED > now {
                break;
            }
            if self
                .live
                .get(id)
                .is_some_and(|known| known.facts.exit.is_some())
            {
                self.live.remove(id);
            }
            self.ended.pop_front();
        }
    }
}

impl Growing {
    fn is_full(&self) -> bool {
        self.encoder.is_none()
            || self.stretches >= self.most_stretches
            || self.bytes >= SEGMENT_BYTES
    }

    fn open<'a>(&mut self, before: Totals, live: impl Iterator<Item = &'a Known>) -> Image {
        let (encoder, image) = Encoder::new(self.nature, before, live);
        self.encoder = Some(encoder);
        (self.stretches, self.bytes) = (0, 0);
        image
    }

    fn stretch(&mut self, piece: &Piece) -> Option<Addition> {
        let stretch = self.encoder.as_mut()?.stretch(piece);
        self.stretches += 1;
        self.bytes += stretch.len();
        Some(Addition::Stretch(piece.head.clone(), stretch))
    }

    fn close(&mut self, index: usize, additions: &mut Vec<(usize, Addition)>) {
        let stretch = self.fold.close().and_then(|piece| self.stretch(&piece));
        additions.extend(stretch.map(|stretch| (index, stretch)));
    }
}

/// A frame has only the kinds that moved.
fn complete(totals: &mut Vec<Sum>, before: &[Sum]) {
    for sum in before {
        if totals.iter().all(|total| total.kind != sum.kind) {
            totals.push(*sum);
        }
    }
    totals.sort_unstable_by_key(|total| total.kind);
}

fn piece_row(row: &Row, told: bool) -> PieceRow {
    let moved = row.flows.iter().filter(|flow| flow.rx > 0 || flow.tx > 0);
    let total = row
        .flows
        .iter()
        .filter(|flow| flow.rx_total.bytes > 0 || flow.tx_total.bytes > 0);
    PieceRow {
        known: Known {
            facts: Arc::clone(&row.facts),
            totals: total
                .map(|flow| Sum {
                    kind: flow.kind & 7,
                    rx: flow.rx_total.bytes,
                    tx: flow.tx_total.bytes,
                })
                .collect(),
            peaks: row.peaks,
            peaks_with_loopback: row.peaks_with_loopback,
        },
        told,
        sums: moved
            .map(|flow| Sum {
                kind: flow.kind & 7,
                rx: flow.rx,
                tx: flow.tx,
            })
            .collect(),
        extra: None,
    }
}
