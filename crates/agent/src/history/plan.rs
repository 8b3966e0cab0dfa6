//! Which segments answer a window, each in the finest resolution that still reaches so far back.

use std::io;

use super::columns::Columns;
use super::columns::Nature;
use super::piece::Head;
use super::query::Query;
use super::sealed::Sealed;
use super::segment::Segment;
use super::store::TierStore;

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

/// A segment, open for reading.
pub enum Opened {
    /// In memory, decoded.
    Decoded(Columns),
    /// Sealed: read by parts.
    Sealed(Box<Sealed>),
}

impl Opened {
    /// Its stretches.
    pub fn heads(&self) -> &[Head] {
        match self {
            Opened::Decoded(columns) => &columns.heads,
            Opened::Sealed(sealed) => &sealed.heads,
        }
    }

    /// What it is.
    pub fn nature(&self) -> Nature {
        match self {
            Opened::Decoded(columns) => columns.nature,
            Opened::Sealed(sealed) => sealed.nature,
        }
    }

    /// Damaged parts met in it so far.
    pub fn damaged(&self) -> u64 {
        match self {
            Opened::Decoded(columns) => columns.damaged,
            Opened::Sealed(sealed) => sealed.damaged(),
        }
    }
}

impl Part {
    /// Opens it for what is known of processes; bytes may be left out.
    ///
    /// # Errors
    /// When its file cannot be read.
    pub fn open_known(&self) -> io::Result<Opened> {
        match self.sealed() {
            Err(_) if self.segment.image.is_some() => {
                let image = self.segment.image.as_ref();
                let known = image.map(|image| image.known());
                Ok(Opened::Decoded(known.unwrap_or_default()))
            }
            sealed => sealed,
        }
    }

    /// Sealed it is read by parts: quicker than the rows in memory.
    fn sealed(&self) -> io::Result<Opened> {
        let stored = self.segment.stored.as_ref();
        let stored = stored.ok_or(io::ErrorKind::NotFound)?;
        let sealed = Sealed::open(stored.source()?)?;
        Ok(Opened::Sealed(Box::new(sealed)))
    }

    /// Opens it.
    ///
    /// # Errors
    /// When its file cannot be read.
    pub fn open(&self) -> io::Result<Opened> {
        match (self.sealed(), &self.segment.image) {
            (Err(_), Some(image)) => Ok(Opened::Decoded(image.columns())),
            (sealed, _) => sealed,
        }
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
