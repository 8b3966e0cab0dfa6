//! Which segments answer a window, each in the finest resolution that still reaches so far back.

use std::cell::Cell as Counter;
use std::io;
use std::sync::Arc;

use super::columns::Cell;
use super::columns::Column;
use super::columns::Columns;
use super::columns::Nature;
use super::decode::ranges;
use super::decode::Decoded;
use super::decode::Wanted;
use super::decode::AT_ONCE;
use super::image::Image;
use super::piece::Head;
use super::query::Query;
use super::sealed::Sealed;
use super::sealed::TOGETHER;
use super::segment::Segment;
use super::store::TierStore;
use super::totals::Totals;
use super::Known;
use super::Sum;

/// A segment, or as much of it as no finer one tells.
#[derive(Debug, Clone)]
pub struct Part {
    /// Which segment.
    pub segment: Segment,
    /// Stretches from this ordinal on.
    pub from: u64,
    /// Stretches that begin before this ordinal.
    pub to: u64,
    /// Length that is kept as one, ns.
    pub step: u64,
    /// Some of it may be in the window.
    pub inside: bool,
}

/// A segment, open for reading: by parts, a few processes at a time.
#[derive(Debug)]
pub enum Opened {
    /// In memory, in rows.
    Rows(Box<Rows>),
    /// Sealed.
    Sealed(Box<Sealed>),
}

/// Bytes that a row of a tick hardly takes less than: the index of its process, its kinds, and two
/// numbers.
const SMALL_ROW: usize = 4;

/// Rows in memory, looked through once.
#[derive(Debug)]
pub struct Rows {
    image: Arc<Image>,
    /// All of its processes with what is known of them.
    pub columns: Columns,
    /// With their bytes too: there are not many.
    all: bool,
    /// Damaged parts, also of its bytes once these were read.
    damaged: Counter<u64>,
}

impl Rows {
    /// Looks through it.
    pub fn open(image: &Arc<Image>) -> Rows {
        // What is kept beside folded sums is much larger than its bytes.
        let cells = image.bytes / SMALL_ROW * size_of::<Cell>();
        let all = cells <= AT_ONCE && !image.is_folded();
        let wanted = if all { &Wanted::ALL } else { &Wanted::KNOWN };
        let columns = image.decode(wanted).columns;
        Rows {
            image: Arc::clone(image),
            damaged: Counter::new(columns.damaged),
            columns,
            all,
        }
    }

    /// Its processes, with their bytes.
    pub fn each(&self, mut take: impl FnMut(&Column)) {
        if self.all {
            return self.columns.processes.iter().for_each(take);
        }
        let room = self.decode(&Wanted::COUNTED).room;
        for range in ranges(&room, TOGETHER, AT_ONCE) {
            let wanted = Wanted {
                known: range.clone(),
                bytes: range,
                counted: false,
                room: &room,
            };
            self.image.part(&wanted).iter().for_each(&mut take);
        }
    }

    fn decode(&self, wanted: &Wanted) -> Decoded {
        let decoded = self.image.decode(wanted);
        let damaged = self.damaged.get().max(decoded.columns.damaged);
        self.damaged.set(damaged);
        decoded
    }

    /// All of it at once.
    pub fn all(self) -> Columns {
        self.image.columns()
    }

    /// What is known of its processes.
    pub fn known(&self) -> &[Column] {
        &self.columns.processes
    }

    /// By stretch, over all processes.
    fn sums(&self) -> Vec<Vec<Sum>> {
        self.decode(&Wanted::COUNTED).sums
    }
}

impl Opened {
    /// Its stretches.
    pub fn heads(&self) -> &[Head] {
        match self {
            Opened::Rows(rows) => &rows.columns.heads,
            Opened::Sealed(sealed) => &sealed.heads,
        }
    }

    /// What it is.
    pub fn nature(&self) -> Nature {
        match self {
            Opened::Rows(rows) => rows.columns.nature,
            Opened::Sealed(sealed) => sealed.nature,
        }
    }

    /// The sums of the machine after this ordinal. `None`: not told.
    pub fn totals(&self, ordinal: u64) -> Option<Totals> {
        let (before, sums) = match self {
            Opened::Rows(rows) => (rows.columns.before, rows.sums()),
            Opened::Sealed(sealed) => (sealed.before, sealed.sums()),
        };
        let mut totals = before?;
        let until = self.heads().iter().take_while(|head| head.last <= ordinal);
        for (head, sums) in until.zip(&sums) {
            totals.add(head, sums);
        }
        Some(totals)
    }

    /// What is known at the end of everyone: who lives, and who has ended meanwhile.
    pub fn everyone(&self, mut take: impl FnMut(Known)) {
        let end = self.heads().len() as u32;
        let mut one = |column: &Column| column.known(end).into_iter().for_each(&mut take);
        match self {
            Opened::Rows(rows) => rows.each(one),
            Opened::Sealed(sealed) => {
                for part in sealed.parts() {
                    sealed.part(part).iter().for_each(&mut one);
                }
            }
        }
    }

    /// Damaged parts met in it so far.
    pub fn damaged(&self) -> u64 {
        match self {
            Opened::Rows(rows) => rows.damaged.get(),
            Opened::Sealed(sealed) => sealed.damaged(),
        }
    }
}

impl Segment {
    /// Opens it. Sealed it is read by parts: quicker than the rows in memory.
    ///
    /// # Errors
    /// When its file cannot be read.
    pub fn open(&self) -> io::Result<Opened> {
        let stored = self.stored.as_ref();
        let sealed = stored.map(|stored| Sealed::open(stored.source()?));
        match (sealed, &self.image) {
            (Some(Ok(sealed)), _) => Ok(Opened::Sealed(Box::new(sealed))),
            (_, Some(image)) => Ok(Opened::Rows(Box::new(Rows::open(image)))),
            (Some(Err(error)), None) => Err(error),
            (None, None) => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

impl Part {
    /// Opens it.
    ///
    /// # Errors
    /// When its file cannot be read.
    pub fn open(&self) -> io::Result<Opened> {
        self.segment.open()
    }

    /// Its stretches, and the damage met on the way.
    pub fn heads(&self) -> (Vec<Head>, u64) {
        let (heads, damaged) = match &self.segment.image {
            Some(image) => (image.heads(), 0),
            None => match self.open() {
                Ok(opened) => (opened.heads().to_vec(), opened.damaged()),
                Err(_) => (Vec::new(), 1),
            },
        };
        let mut heads = heads;
        heads.retain(|head| self.has(head));
        (heads, damaged)
    }

    /// Whether the stretch is told by this part and no other.
    pub fn has(&self, head: &Head) -> bool {
        self.from <= head.first && head.first < self.to
    }
}

/// Whether a stretch is in the window.
pub fn is_inside(query: &Query, head: &Head) -> bool {
    query.since.is_none_or(|since| head.wall > since)
        && query.until.is_none_or(|until| head.wall <= until)
        && query.from_seq.is_none_or(|seq| head.seqs.0 >= seq)
        && query.to_seq.is_none_or(|seq| head.seqs.1 <= seq)
}

/// The parts of all that is kept, oldest first.
pub fn plan(tiers: &[TierStore], query: &Query) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    // Everything from here on is told by finer tiers.
    let mut told_from = u64::MAX;
    for (index, tier) in tiers.iter().enumerate() {
        let first = tier.segments.iter().find(|s| s.span.ticks > 0);
        let Some(first) = first.map(|s| s.span.ordinals.0).filter(|f| *f < told_from) else {
            continue;
        };
        let from = seam(&tiers[index + 1..], first);
        for segment in tier.segments.iter().rev().filter(|s| s.span.ticks > 0) {
            let (begin, end) = segment.span.ordinals;
            if begin >= told_from || end < from {
                continue;
            }
            parts.push(Part {
                segment: segment.clone(),
                from,
                to: told_from,
                step: tier.step,
                inside: may_be_inside(query, segment),
            });
        }
        told_from = from.min(told_from);
    }
    parts.reverse();
    parts
}

fn may_be_inside(query: &Query, segment: &Segment) -> bool {
    let (earliest, latest) = segment.span.walls;
    query.since.is_none_or(|since| latest > since)
        && query.until.is_none_or(|until| earliest <= until)
}

/// A coarser stretch that reaches over the oldest of a finer tier is told by the coarser one: where
/// the finer one begins then.
fn seam(coarser: &[TierStore], first: u64) -> u64 {
    for tier in coarser {
        let over = |s: &&Segment| s.span.ordinals.0 < first && first <= s.span.ordinals.1;
        let Some(segment) = tier.segments.iter().find(over) else {
            continue;
        };
        let whole = Part {
            segment: segment.clone(),
            from: 0,
            to: u64::MAX,
            step: tier.step,
            inside: true,
        };
        let (heads, _) = whole.heads();
        let over = heads.iter().find(|h| h.first < first && first <= h.last);
        return over.map_or(first, |head| head.last.saturating_add(1));
    }
    first
}
