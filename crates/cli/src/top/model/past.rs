//! A stretch of time, tick by tick: what the viewer has seen, and what the agent's history has
//! told it.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::Timestamp;

use super::tick::Tick;

/// Steps kept where nothing else is asked for: one hour at one second.
pub const MOST_TICKS: usize = 3600;
/// Changes kept over all ticks, about 40 bytes each: 24 MB.
pub const MOST_CHANGES: usize = 600_000;

/// Number of a tick, counted by this viewer without holes.
pub type TickNumber = u64;

/// What is known of one step of time.
#[derive(Debug, Clone, PartialEq)]
pub enum Slot {
    /// A tick.
    Seen(Box<Tick>),
    /// Part of a longer tick of the history, so many steps before its end.
    Part(u32),
    /// Nothing: the viewer did not get it.
    Missing,
    /// Nothing, and the agent was started here.
    Start,
}

/// A stretch of time.
#[derive(Debug)]
pub struct Past {
    slots: VecDeque<Slot>,
    first: TickNumber,
    weight: usize,
    most: usize,
}

impl Default for Past {
    fn default() -> Self {
        Self::new(0, MOST_TICKS)
    }
}

impl Past {
    /// Nothing yet. The first tick gets the number `first`; at most `most` steps are kept.
    pub fn new(first: TickNumber, most: usize) -> Self {
        Self {
            slots: VecDeque::new(),
            first,
            weight: 0,
            most: most.max(1),
        }
    }

    /// Puts older steps before all that is known, as many as there is room for; the newest first.
    pub fn put_before(&mut self, slots: impl IntoIterator<Item = Slot>) {
        for slot in slots {
            let weight = slot.weight();
            if self.first == 0
                || self.slots.len() >= self.most
                || self.weight + weight > MOST_CHANGES
            {
                break;
            }
            self.weight += weight;
            self.slots.push_front(slot);
            self.first -= 1;
        }
        // It begins with a tick.
        while matches!(self.slots.front(), Some(Slot::Missing | Slot::Start))
            && self.slots.len() > 1
        {
            self.slots.pop_front();
            self.first += 1;
        }
    }

    /// Puts another slot in the place of one that is there.
    pub fn replace(&mut self, number: TickNumber, slot: Slot) {
        let index = number
            .checked_sub(self.first)
            .and_then(|n| usize::try_from(n).ok());
        let Some(place) = index.and_then(|index| self.slots.get_mut(index)) else {
            return;
        };
        self.weight = self.weight - place.weight() + slot.weight();
        *place = slot;
    }

    /// Adds steps that were not received; `gap` is what the last of them is.
    pub fn push_missing(&mut self, missing: usize, gap: Slot) {
        for _ in 0..missing.min(self.most) {
            self.add(Slot::Missing);
        }
        if missing > 0 {
            if let Some(last) = self.slots.back_mut() {
                *last = gap;
            }
        }
    }

    /// Adds a tick that was so many steps longer than others.
    pub fn push_long(&mut self, more: usize, tick: Tick) {
        let more = more.min(self.most - 1);
        for ahead in (1..=more).rev() {
            self.add(Slot::Part(u32::try_from(ahead).unwrap_or(u32::MAX)));
        }
        self.add(Slot::Seen(Box::new(tick)));
    }

    /// Adds a tick behind `missing` others that were not received.
    #[cfg(test)]
    pub fn push(&mut self, missing: usize, gap: Slot, tick: Tick) {
        self.push_missing(missing, gap);
        self.push_long(0, tick);
    }

    fn add(&mut self, slot: Slot) {
        self.weight += slot.weight();
        self.slots.push_back(slot);
        while self.slots.len() > self.most || (self.weight > MOST_CHANGES && self.slots.len() > 1) {
            self.weight -= self.slots.pop_front().map_or(0, |slot| slot.weight());
            self.first += 1;
        }
    }

    /// How much is kept: steps, and changes over all of them.
    pub fn load(&self) -> (usize, usize) {
        (self.slots.len(), self.weight)
    }

    /// Steps kept at most.
    pub fn most(&self) -> usize {
        self.most
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
            Slot::Part(_) | Slot::Missing | Slot::Start => None,
        }
    }

    /// The tick that a step belongs to, which may end later; `None`: not known.
    pub fn covering(&self, number: TickNumber) -> Option<&Tick> {
        match self.slot(number)? {
            Slot::Part(ahead) => self.tick(number + u64::from(*ahead)),
            _ => self.tick(number),
        }
    }

    /// The number of the first tick that ends at `time` or later; `None`: there is none.
    pub fn holding(&self, time: Timestamp) -> Option<TickNumber> {
        let newest = self.newest()?;
        (self.first..=newest)
            .find(|number| self.tick(*number).is_some_and(|tick| tick.time >= time))
    }

    /// The number of the tick that a step is part of; its own, if it is part of none.
    pub fn whole(&self, number: TickNumber) -> TickNumber {
        match self.slot(number) {
            Some(Slot::Part(ahead)) => number + u64::from(*ahead),
            _ => number,
        }
    }

    /// The oldest tick.
    pub fn eldest(&self) -> Option<&Tick> {
        self.tick(self.nearest(self.first, Towards::Newer)?)
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
            let tick = match self.slot(n) {
                Some(Slot::Part(_)) => continue,
                Some(Slot::Seen(tick)) => tick.as_ref(),
                _ => break,
            };
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

impl Slot {
    fn weight(&self) -> usize {
        match self {
            Self::Seen(tick) => tick.weight(),
            Self::Part(_) | Self::Missing | Self::Start => 0,
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
