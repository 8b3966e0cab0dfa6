//! One stretch of the past - a tick, or several folded - and its bytes.

use super::known::put_known;
use super::known::put_peaks;
use super::known::put_sums;
use super::known::read_known;
use super::known::read_peaks;
use super::known::skip_peaks;
use super::varint::put;
use super::varint::put_difference;
use super::varint::Malformed;
use super::varint::Read;
use super::varint::Reader;
use super::Gap;
use super::Known;
use super::Sum;
use crate::frame::LOOPBACK;
use crate::rate::Peaks;

/// About a stretch as a whole.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Head {
    /// Ordinals of its first and last tick: they count what was appended, over restarts and
    /// reboots. A hole between two heads is a loss; a hole in `seq` need not be.
    pub first: u64,
    /// See `first`.
    pub last: u64,
    /// Ticks in it; fewer than the ordinals say when some were lost.
    pub ticks: u64,
    /// Numbers of its first and last tick, as the agent gave them.
    pub seqs: (u64, u64),
    /// Begin of the first tick, boot clock, ns.
    pub begin: u64,
    /// End of the last tick, boot clock, ns.
    pub end: u64,
    /// The same by the wall clock, ns since 1970.
    pub wall: u64,
    /// Sum of the true lengths, ns.
    pub length: u64,
    /// Events were lost.
    pub lower_bound: bool,
    /// Intervals without an agent, whose bytes are in it.
    pub gaps: Vec<Gap>,
    /// Bytes without a process.
    pub unattributed: (u64, u64),
}

/// What a sum does not tell: the highest ticks, and how long there were bytes (ns). Without
/// loopback and with it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Extra {
    /// Times in boot clock.
    pub peaks: [Peaks; 2],
    /// In whole ticks.
    pub active: [u64; 2],
}

/// One process in a stretch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PieceRow {
    /// At the end of the stretch.
    pub known: Known,
    /// New, renamed or ended in it.
    pub told: bool,
    /// Its bytes; empty: only told.
    pub sums: Vec<Sum>,
    /// Only in a folded stretch; a single tick tells it by itself.
    pub extra: Option<Extra>,
}

/// A stretch of the past.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Piece {
    /// As a whole.
    pub head: Head,
    /// By process, in no order.
    pub rows: Vec<PieceRow>,
}

impl Head {
    /// Whether rates can be told: an interval without an agent is no tick, and a tick of unknown
    /// length has no rate.
    pub fn has_rates(&self) -> bool {
        self.gaps.is_empty() && self.length > 0
    }

    /// Wall clock at an instant of the boot clock in it or near it.
    pub fn wall_at(&self, boot: u64) -> u64 {
        if boot >= self.end {
            self.wall.saturating_add(boot - self.end)
        } else {
            self.wall.saturating_sub(self.end - boot)
        }
    }

    /// Takes the stretch that follows into this one.
    pub fn merge(&mut self, later: &Head) {
        self.last = later.last;
        self.ticks = self.ticks.saturating_add(later.ticks);
        self.seqs.1 = later.seqs.1;
        (self.end, self.wall) = (later.end, later.wall);
        self.length = self.length.saturating_add(later.length);
        self.lower_bound |= later.lower_bound;
        self.gaps.extend_from_slice(&later.gaps);
        self.unattributed.0 = self.unattributed.0.saturating_add(later.unattributed.0);
        self.unattributed.1 = self.unattributed.1.saturating_add(later.unattributed.1);
    }
}

impl Extra {
    /// Of a single tick.
    pub fn of_tick(sums: &[Sum], head: &Head) -> Extra {
        let mut extra = Extra::default();
        if !head.has_rates() {
            return extra;
        }
        for (side, limit) in [(0, LOOPBACK), (1, u8::MAX)] {
            let moved = sums.iter().filter(|sum| sum.kind < limit);
            let (rx, tx) = moved.fold((0u64, 0u64), |(rx, tx), sum| {
                (rx.saturating_add(sum.rx), tx.saturating_add(sum.tx))
            });
            extra.peaks[side].observe((rx, tx), head.length, head.end);
            extra.active[side] = if (rx, tx) == (0, 0) { 0 } else { head.length };
        }
        extra
    }

    /// Takes the extra of a later stretch in.
    pub fn merge(&mut self, later: &Extra) {
        for side in 0..2 {
            self.peaks[side].merge(&later.peaks[side]);
            self.active[side] = self.active[side].saturating_add(later.active[side]);
        }
    }
}

/// Adds the bytes of the same kind.
pub fn add_sums(sums: &mut Vec<Sum>, more: &[Sum]) {
    for one in more {
        match sums.iter_mut().find(|sum| sum.kind == one.kind) {
            Some(sum) => {
                sum.rx = sum.rx.saturating_add(one.rx);
                sum.tx = sum.tx.saturating_add(one.tx);
            }
            None => {
                // Most have one kind, and there are many.
                sums.reserve_exact(1);
                sums.push(*one);
            }
        }
    }
}

const LOWER_BOUND: u8 = 1;

/// Appends a head; close to `base` it is short.
pub fn put_head(out: &mut Vec<u8>, head: &Head, base: &Head) {
    put_difference(out, head.first, base.last);
    put_difference(out, head.last, head.first);
    put(out, head.ticks);
    put_difference(out, head.seqs.0, base.seqs.1);
    put_difference(out, head.seqs.1, head.seqs.0);
    put_difference(out, head.begin, base.end);
    put_difference(out, head.end, head.begin);
    // The clocks go side by side.
    let moved = head.end.wrapping_sub(base.end);
    put_difference(out, head.wall, base.wall.wrapping_add(moved));
    put_difference(out, head.length, head.end.wrapping_sub(head.begin));
    out.push(u8::from(head.lower_bound) * LOWER_BOUND);
    put(out, head.gaps.len() as u64);
    for gap in &head.gaps {
        put(out, gap.from);
        put_difference(out, gap.to, gap.from);
        out.push(u8::from(gap.counters_kept));
    }
    put(out, head.unattributed.0);
    put(out, head.unattributed.1);
}

/// Reads what [`put_head`] wrote.
pub fn read_head(reader: &mut Reader, base: &Head) -> Read<Head> {
    let first = reader.difference(base.last)?;
    let last = reader.difference(first)?;
    let ticks = reader.number()?;
    let seq = reader.difference(base.seqs.1)?;
    let seqs = (seq, reader.difference(seq)?);
    let begin = reader.difference(base.end)?;
    let end = reader.difference(begin)?;
    let moved = end.wrapping_sub(base.end);
    let wall = reader.difference(base.wall.wrapping_add(moved))?;
    let length = reader.difference(end.wrapping_sub(begin))?;
    let lower_bound = reader.byte()? & LOWER_BOUND != 0;
    let mut gaps = Vec::new();
    for _ in 0..reader.count()? {
        let from = reader.number()?;
        gaps.push(Gap {
            from,
            to: reader.difference(from)?,
            counters_kept: reader.byte()? != 0,
        });
    }
    if last < first {
        return Err(Malformed);
    }
    Ok(Head {
        first,
        last,
        ticks,
        seqs,
        begin,
        end,
        wall,
        length,
        lower_bound,
        gaps,
        unattributed: (reader.number()?, reader.number()?),
    })
}

/// Appends the bytes of processes, ordered by their index.
pub fn put_rows(out: &mut Vec<u8>, head: &Head, rows: &[(u32, &PieceRow)], folded: bool) {
    put(out, rows.len() as u64);
    let mut next = 0;
    for (index, row) in rows {
        put(out, u64::from(index - next));
        next = index + 1;
        put_sums(out, &row.sums);
        if folded {
            put_extra(out, &row.extra.unwrap_or_default(), head);
        }
    }
}

/// Reads what [`put_rows`] wrote; each row goes to `take`.
pub fn read_rows(
    reader: &mut Reader,
    head: &Head,
    folded: bool,
    mut take: impl FnMut(u32, Sum),
    mut take_extra: impl FnMut(u32, Extra),
) -> Read<()> {
    let mut next = 0u32;
    for _ in 0..reader.count()? {
        let index = next.checked_add(reader.small()?).ok_or(Malformed)?;
        next = index.checked_add(1).ok_or(Malformed)?;
        let mask = reader.byte()?;
        for kind in (0..8).filter(|kind| mask >> kind & 1 == 1) {
            let (rx, tx) = (reader.number()?, reader.number()?);
            take(index, Sum { kind, rx, tx });
        }
        if folded {
            take_extra(index, read_extra(reader, head)?);
        }
    }
    Ok(())
}

/// Appends the extra of a stretch.
pub fn put_extra(out: &mut Vec<u8>, extra: &Extra, head: &Head) {
    put_peaks(out, &extra.peaks, head.end);
    put(out, extra.active[0]);
    put_difference(out, extra.active[1], extra.active[0]);
}

/// Reads what [`put_extra`] wrote.
pub fn read_extra(reader: &mut Reader, head: &Head) -> Read<Extra> {
    let peaks = read_peaks(reader, head.end)?;
    let external = reader.number()?;
    Ok(Extra {
        peaks,
        active: [external, reader.difference(external)?],
    })
}

/// Leaves out what [`put_extra`] wrote.
pub fn skip_extra(reader: &mut Reader) -> Read<()> {
    skip_peaks(reader)?;
    reader.skip(2)
}

/// Appends what is told of a process: its index, how many stretches ago, and what is known.
pub fn put_definition(out: &mut Vec<u8>, index: u32, back: u8, known: &Known) {
    put(out, u64::from(index));
    out.push(back);
    put_known(out, known);
}

/// Reads what [`put_definition`] wrote.
pub fn read_definition(reader: &mut Reader) -> Read<(u32, u8, Known)> {
    Ok((reader.small()?, reader.byte()?, read_known(reader)?))
}
