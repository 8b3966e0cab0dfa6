//! Counts of a trace, over a second or from its start.

use std::time::Duration;

use jiff::Timestamp;

use crate::rate::per_second;
use crate::row::packet::Count;
use crate::row::packet::Counts;
use crate::row::packet::Point;

/// Counts over a stretch of time.
#[derive(Debug, Clone)]
pub struct Tally<'a> {
    /// Its end.
    pub time: Timestamp,
    /// How long it is; `None`: not known.
    pub length: Option<Duration>,
    /// Of each attached point.
    pub rows: Vec<Row<'a>>,
    /// Of all; `None`: not known.
    pub sum: Option<Count>,
    /// Events printed in it.
    pub printed: u64,
}

/// Counts of a point.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    /// The point.
    pub point: &'a Point,
    /// `None`: not known, because a counter went backwards.
    pub count: Option<Count>,
    /// Events a second; `None`: not known.
    pub events_per_s: Option<u64>,
}

/// Makes tallies out of counts that only grow.
#[derive(Debug, Default)]
pub struct Tallies {
    last: Option<Counts>,
    printed: u64,
}

impl Tallies {
    /// What came since the call before; `printed`: events printed so far.
    pub fn step<'a>(&mut self, points: &'a [Point], counts: Counts, printed: u64) -> Tally<'a> {
        let before = self.last.take().unwrap_or_default();
        let length = match (counts.elapsed, before.elapsed) {
            (Some(now), Some(before)) => now.checked_sub(before),
            // The first one begins with the trace.
            (Some(now), None) if before.points.is_empty() => Some(now),
            _ => None,
        };
        let count = |index| counts.of(index).since(before.of(index));
        let tally = Tally {
            time: Timestamp::now(),
            length,
            rows: rows(points, length, count),
            sum: counts.sum().since(before.sum()),
            printed: printed.saturating_sub(self.printed),
        };
        self.printed = printed;
        self.last = Some(counts);
        tally
    }

    /// Everything since the start; `None`: the agent has told nothing yet.
    pub fn total<'a>(&self, points: &'a [Point], printed: u64) -> Option<Tally<'a>> {
        let counts = self.last.as_ref()?;
        Some(Tally {
            time: Timestamp::now(),
            length: counts.elapsed,
            rows: rows(points, counts.elapsed, |index| Some(counts.of(index))),
            sum: Some(counts.sum()),
            printed,
        })
    }
}

fn rows(
    points: &[Point],
    length: Option<Duration>,
    count: impl Fn(usize) -> Option<Count>,
) -> Vec<Row<'_>> {
    let attached = points.iter().enumerate();
    attached
        .filter(|(_, point)| point.refused.is_none())
        .map(|(index, point)| {
            let count = count(index);
            Row {
                point,
                count,
                events_per_s: count.and_then(|count| per_second(count.events, length)),
            }
        })
        .collect()
}
