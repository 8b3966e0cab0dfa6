//! The ticks the viewer has seen since it was started, at most an hour of them.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::Timestamp;

use super::tick::Tick;

/// Ticks kept: one hour at one second.
pub const MOST_TICKS: usize = 3600;
/// Changes kept over all ticks, about 40 bytes each: 24 MB.
pub const MOST_CHANGES: usize = 600_000;

/// Number of a tick, counted by this viewer without holes.
pub type TickNumber = u64;

/// What is known of one step of time.
#[derive(Debug, Clone, PartialEq)]
pub enum Slot {
    /// A tick that was received.
    Seen(Box<Tick>),
    /// Nothing: the viewer did not get it.
    Missing,
    /// Nothing, and the agent was started here.
    Start,
}

/// The past of this viewer.
#[derive(Debug, Default)]
pub struct Past {
    slots: VecDeque<Slot>,
    first: TickNumber,
    weight: usize,
}

impl Past {
    /// Adds a tick behind `missing` others that were not received.
    pub fn push(&mut self, missing: usize, gap: Slot, tick: Tick) {
        for _ in 0..missing.min(MOST_TICKS) {
            self.add(Slot::Missing);
        }
        if missing > 0 {
            if let Some(last) = self.slots.back_mut() {
                *last = gap;
            }
        }
        self.weight += tick.changes.weight();
        self.add(Slot::Seen(Box::new(tick)));
    }

    fn add(&mut self, slot: Slot) {
        self.slots.push_back(slot);
        while self.slots.len() > MOST_TICKS || (self.weight > MOST_CHANGES && self.slots.len() > 1)
        {
            if let Some(Slot::Seen(tick)) = self.slots.pop_front() {
                self.weight -= tick.changes.weight();
            }
            self.first += 1;
        }
    }

    /// Number of the oldest slot.
    pub fn oldest(&self) -> TickNumber {
        self.first
    }

    /// Number of the newest slot, which is always a seen tick; `None`: nothing seen yet.
    pub fn newest(&self) -> Option<TickNumber> {
        Some(self.first + self.slots.len().checked_sub(1)? as u64)
    }

    /// What is known of a step; `None`: it is before the oldest or after the newest.
    pub fn slot(&self, number: TickNumber) -> Option<&Slot> {
        self.slots
            .get(usize::try_from(number.checked_sub(self.first)?).ok()?)
    }

    /// A tick; `None`: not known.
    pub fn tick(&self, number: TickNumber) -> Option<&Tick> {
        match self.slot(number)? {
            Slot::Seen(tick) => Some(tick),
            Slot::Missing | Slot::Start => None,
        }
    }

    /// The newest tick.
    pub fn last(&self) -> Option<&Tick> {
        self.tick(self.newest()?)
    }

    /// Known ticks after `number`, newest first.
    pub fn after(&self, number: TickNumber) -> impl Iterator<Item = &Tick> {
        let newest = self.newest().map_or(0, |newest| newest + 1);
        (number + 1..newest).rev().filter_map(|n| self.tick(n))
    }

    /// The known tick that is nearest to `number`, looking first in the direction of `towards`.
    pub fn nearest(&self, number: TickNumber, towards: Towards) -> Option<TickNumber> {
        let newest = self.newest()?;
        let number = number.clamp(self.first, newest);
        let known = |n: &TickNumber| self.tick(*n).is_some();
        let older = (self.first..=number).rev().find(known);
        let newer = (number..=newest).find(known);
        match towards {
            Towards::Older => older.or(newer),
            Towards::Newer => newer.or(older),
        }
    }

    /// The ticks that the last `span` up to `number` consists of, newest first. Unknown ones end
    /// it: a mean over a hole would be a guess.
    pub fn window(&self, number: TickNumber, span: Duration) -> Vec<&Tick> {
        let mut ticks = Vec::new();
        let mut covered = Duration::ZERO;
        for n in (self.first..=number).rev() {
            let Some(tick) = self.tick(n) else { break };
            let Some(length) = tick.length else { break };
            // A tick that is a little longer than its step must not push the last one out.
            if !ticks.is_empty() && covered + length / 2 >= span {
                break;
            }
            covered += length;
            ticks.push(tick);
        }
        ticks
    }

    /// The time of a step, estimated for those that were not received.
    pub fn time(&self, number: TickNumber, step: Duration) -> Option<Timestamp> {
        if let Some(tick) = self.tick(number) {
            return Some(tick.time);
        }
        let known = self.nearest(number, Towards::Newer)?;
        let time = self.tick(known)?.time;
        let steps = |n: u64| step.saturating_mul(u32::try_from(n).unwrap_or(u32::MAX));
        if known >= number {
            time.checked_sub(steps(known - number)).ok()
        } else {
            time.checked_add(steps(number - known)).ok()
        }
    }
}

/// A direction in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Towards {
    /// Into the past.
    Older,
    /// To the present.
    Newer,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::top::fixture::tick;

    #[test]
    fn the_past_is_an_hour_long_at_most() {
        let mut past = Past::default();
        for n in 0..MOST_TICKS + 10 {
            past.push(0, Slot::Missing, tick(n));
        }
        assert_eq!(
            (past.oldest(), past.newest()),
            (10, Some(MOST_TICKS as u64 + 9))
        );
        past.push(1_000_000_000, Slot::Missing, tick(0));
        assert_eq!(
            past.newest().map(|newest| newest - past.oldest()),
            Some(3599)
        );
        assert!(past.last().is_some());
    }

    #[test]
    fn missing_ticks_take_their_place() {
        let mut past = Past::default();
        past.push(0, Slot::Missing, tick(0));
        past.push(3, Slot::Start, tick(4));
        assert_eq!(past.slot(2), Some(&Slot::Missing));
        assert_eq!(past.slot(3), Some(&Slot::Start));
        assert_eq!(past.nearest(2, Towards::Older), Some(0));
        assert_eq!(past.nearest(2, Towards::Newer), Some(4));
        assert_eq!(past.nearest(99, Towards::Newer), Some(4));
        assert_eq!(past.time(3, Duration::from_secs(1)), Some(tick(3).time));
    }

    #[test]
    fn a_window_ends_at_a_hole() {
        let mut past = Past::default();
        for n in 0..3 {
            past.push(0, Slot::Missing, tick(n));
        }
        past.push(1, Slot::Missing, tick(4));
        past.push(0, Slot::Missing, tick(5));
        let ticks = |number, seconds| past.window(number, Duration::from_secs(seconds)).len();
        assert_eq!(ticks(5, 5), 2);
        assert_eq!(ticks(2, 5), 3);
        assert_eq!(ticks(5, 1), 1);
    }
}
