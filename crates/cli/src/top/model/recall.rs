//! What the viewer asks the agent's history, and what it does with the answers: the past begins
//! before the viewer was started, holes are filled, and journeys go as far back as anything is kept.

mod journey;

use std::collections::VecDeque;
use std::time::Duration;

use jiff::Timestamp;

use super::past::Past;
use super::past::Slot;
use super::past::TickNumber;
use super::past::MOST_TICKS;
use super::roster::Roster;
use super::stored::lay;
use super::stored::steps_more;
use super::stored::Stored;
use super::tick::Tick;
use super::Change;
use super::Model;
use crate::failure::Failure;
use crate::row::Bytes;
use crate::row::Scope;
use crate::units::moment::Moment;

/// Number of the first tick the viewer sees: there is room for older ones.
pub const FIRST: TickNumber = 1 << 40;
/// Holes that wait to be filled at most.
const MOST_HOLES: usize = 16;
/// How often a hole is asked for: the history may be a tick behind.
const ATTEMPTS: u8 = 3;
/// Steps on each side of the moment that a journey goes to.
const AROUND: u32 = 600;

/// A question to the agent's history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Question {
    /// Ticks that end after this.
    pub since: Timestamp,
    /// Ticks that end at this or before.
    pub until: Timestamp,
    /// Length of a step.
    pub step: Duration,
    /// The traffic whose highest ticks are wanted, with and without the machine's own.
    pub scope: Scope,
    aim: Aim,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Aim {
    /// What was before the viewer was started.
    Beginning,
    /// What was missed between two ticks.
    Hole(Hole),
    /// What is not held here.
    Journey(Timestamp),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Hole {
    /// The tick before it.
    after: TickNumber,
    /// The tick behind it.
    at: TickNumber,
    attempts: u8,
    /// It was a lost connection.
    reconnected: bool,
}

/// A stretch of time and its processes.
#[derive(Debug)]
pub struct Stretch {
    past: Past,
    roster: Roster,
}

/// What is to be asked, and what is being asked.
#[derive(Debug)]
pub struct Recall {
    /// How much of the past is wanted at the start.
    span: Duration,
    /// Where to go as soon as the past is there.
    start: Option<Moment>,
    /// When the machine was started; `None`: not known.
    pub boot: Option<Timestamp>,
    waiting: VecDeque<Question>,
    open: Option<Question>,
    again: Option<Hole>,
}

impl Recall {
    /// Wants so much of the past at the start, then goes to `start`. `boot`: when the machine was
    /// started.
    pub fn new(span: Duration, start: Option<Moment>, boot: Option<Timestamp>) -> Self {
        Self {
            span,
            start,
            boot,
            waiting: VecDeque::new(),
            open: None,
            again: None,
        }
    }

    /// Steps that the viewer has to be able to hold.
    pub fn room(&self, step: Duration) -> usize {
        let steps = self.span.as_nanos() / step.as_nanos().max(1);
        usize::try_from(steps)
            .unwrap_or(usize::MAX)
            .clamp(MOST_TICKS, 24 * MOST_TICKS)
    }

    fn journey(&self) -> Option<Timestamp> {
        let asked = self.waiting.iter().rev().chain(&self.open);
        asked
            .filter_map(|question| match question.aim {
                Aim::Journey(target) => Some(target),
                _ => None,
            })
            .next()
    }
}

impl Model {
    /// The next question for the agent's history; its answer goes to
    /// [`Action::Past`](crate::top::action::Action::Past). `None`: nothing to ask now.
    pub fn next_question(&mut self) -> Option<Question> {
        if self.recall.open.is_some() || self.link.offline().is_some() {
            return None;
        }
        // It keeps processes, and the numbers are to be of some of their connections.
        if self.narrow.is_some() {
            if self.travelling() {
                self.tell("the history has no connections: only what was seen here".to_owned());
            }
            self.recall.waiting.clear();
            return None;
        }
        self.recall.open = self.recall.waiting.pop_front();
        self.recall.open
    }

    /// A journey is under way.
    pub fn travelling(&self) -> bool {
        self.recall.journey().is_some()
    }

    /// The screen shows a stretch of time that ends before the present.
    pub fn is_away(&self) -> bool {
        self.aside.is_some()
    }

    /// The stretch of time that goes on growing.
    pub(super) fn present(&self) -> &Past {
        self.aside.as_ref().map_or(&self.past, |aside| &aside.past)
    }

    /// Does something with the stretch of time that goes on growing, whatever is on screen.
    pub(super) fn in_the_present<T>(&mut self, act: impl FnOnce(&mut Self) -> T) -> T {
        let Some(mut aside) = self.aside.take() else {
            return act(self);
        };
        std::mem::swap(&mut self.past, &mut aside.past);
        std::mem::swap(&mut self.roster, &mut aside.roster);
        let result = act(self);
        std::mem::swap(&mut self.past, &mut aside.past);
        std::mem::swap(&mut self.roster, &mut aside.roster);
        self.aside = Some(aside);
        result
    }

    /// Puts the growing stretch of time back on screen.
    pub(super) fn return_to_present(&mut self) {
        if let Some(aside) = self.aside.take() {
            self.past = aside.past;
            self.roster = aside.roster;
        }
    }

    pub(super) fn ask_for_the_beginning(&mut self) {
        let Some(first) = self.past.eldest() else {
            return;
        };
        let until = first.start().unwrap_or(first.time);
        let since = until.checked_sub(self.recall.span);
        let (Ok(since), true) = (since, self.has_history() && !self.recall.span.is_zero()) else {
            return self.begin_journey();
        };
        let question = Question {
            since,
            // The tick before ends about there, and not always to the nanosecond.
            until: until.checked_add(self.step() / 4).unwrap_or(until),
            step: self.step(),
            scope: self.settings.scope,
            aim: Aim::Beginning,
        };
        self.recall.waiting.push_back(question);
    }

    /// Asks for what is missing between `after` and the newest tick. False: there is no history.
    pub(super) fn ask_for_the_hole(&mut self, after: TickNumber, reconnected: bool) -> bool {
        let (Some(at), true) = (self.past.newest(), self.has_history()) else {
            return false;
        };
        self.queue_hole(Hole {
            after,
            at,
            attempts: 0,
            reconnected,
        });
        true
    }

    /// Asks once more for what the history did not have yet.
    pub(super) fn ask_again(&mut self) {
        if let Some(hole) = self.recall.again.take() {
            self.queue_hole(hole);
        }
    }

    fn queue_hole(&mut self, hole: Hole) {
        let (Some(before), Some(behind)) = (self.past.tick(hole.after), self.past.tick(hole.at))
        else {
            return;
        };
        let question = Question {
            since: before.time,
            until: behind.time,
            step: self.step(),
            scope: self.settings.scope,
            aim: Aim::Hole(hole),
        };
        if self.recall.waiting.len() >= MOST_HOLES {
            self.recall.waiting.pop_front();
        }
        self.recall.waiting.push_back(question);
    }

    fn has_history(&self) -> bool {
        // The history does not tell connections apart, so it cannot leave any out.
        self.narrow.is_none() && !self.agent.history.tiers.is_empty()
    }

    /// Takes what the history has answered.
    pub(super) fn recalled(&mut self, answer: Result<Box<Stored>, Failure>) -> Change {
        let Some(question) = self.recall.open.take() else {
            return Change::None;
        };
        self.forget_sums();
        match (question.aim, answer) {
            (Aim::Beginning, Ok(stored)) => {
                self.in_the_present(|model| model.put_before(*stored));
                self.begin_journey();
            }
            (Aim::Beginning, Err(failure)) => {
                self.tell(format!("no history from the agent: {}", failure.headline()));
                self.begin_journey();
            }
            (Aim::Hole(hole), Ok(stored)) => {
                self.in_the_present(|model| model.fill(hole, *stored));
            }
            // The connection is gone again; what was missed stays missing.
            (Aim::Hole(_), Err(_)) => return Change::None,
            (Aim::Journey(target), Ok(stored)) => self.arrive(target, *stored),
            (Aim::Journey(_), Err(failure)) => {
                self.tell(format!("cannot read the history: {}", failure.headline()));
            }
        }
        Change::View
    }

    fn put_before(&mut self, mut stored: Stored) {
        let Some((anchor, first)) = self
            .past
            .eldest()
            .map(|first| (first.start().unwrap_or(first.time), first))
        else {
            return;
        };
        let total = first
            .unattributed_total
            .map(|total| minus(total, first.unattributed));
        count_back(&mut stored, total);
        let number = self.past.oldest();
        let slots = lay(stored.ticks, anchor, self.step(), self.past.most());
        self.past.put_before(slots);
        for row in stored.rows {
            self.roster.recall(number, row);
        }
    }

    fn fill(&mut self, hole: Hole, mut stored: Stored) {
        let step = self.step();
        let (Some(before), Some(behind)) = (self.past.tick(hole.after), self.past.tick(hole.at))
        else {
            return;
        };
        let (from, known) = (before.time, behind);
        let near = |tick: &Tick| (tick.time.duration_since(known.time)).unsigned_abs() < step / 2;
        let Some(own) = stored.ticks.pop_if(|last| near(&last.tick)) else {
            if hole.attempts < ATTEMPTS {
                self.recall.again = Some(Hole {
                    attempts: hole.attempts + 1,
                    ..hole
                });
            }
            return;
        };
        let same = known.length == own.tick.length;
        let whole = Tick {
            seq: known.seq,
            origin: known.origin,
            time: known.time,
            host: own.tick.host.or(known.host.filter(|_| same)),
            unattributed_total: known.unattributed_total,
            processes: known.processes,
            active: own.tick.active.or(known.active.filter(|_| same)),
            connections: known.connections,
            changes: known.changes.with_bytes_of(&own.tick.changes),
            heights: match own.tick.heights.is_empty() && same {
                true => known.heights.clone(),
                false => own.tick.heights,
            },
            ..own.tick
        };
        let total = whole
            .unattributed_total
            .map(|total| minus(total, whole.unattributed));
        count_back(&mut stored, total);
        stored.ticks.retain(|stored| stored.tick.time > from);
        let filled: Duration = stored
            .ticks
            .iter()
            .filter_map(|stored| stored.tick.length)
            .sum();
        let anchor = whole.start().unwrap_or(whole.time);
        let room = usize::try_from(hole.at - hole.after - 1).unwrap_or(0);
        // The agent may have been held up: then the last tick takes more than its own place.
        let more = steps_more(&whole, step).min(room);
        self.past.replace(hole.at, Slot::Seen(Box::new(whole)));
        let parts = (1..=more).map(|ahead| Slot::Part(u32::try_from(ahead).unwrap_or(u32::MAX)));
        let before = lay(stored.ticks, anchor, step, room - more);
        for (back, slot) in (1..).zip(parts.chain(before)) {
            // Where the agent was started stays marked.
            if slot != Slot::Missing {
                self.past.replace(hole.at - back, slot);
            }
        }
        for row in stored.rows {
            self.roster.recall(hole.at, row);
        }
        if hole.reconnected && !filled.is_zero() {
            self.tell(format!(
                "reconnected; {} filled from the agent's history",
                crate::units::span::format(filled)
            ));
        }
    }
}

// What belonged to no process since the beginning, from the newest to the oldest.
fn count_back(stored: &mut Stored, end: Option<Bytes>) {
    let mut total = end;
    for stored in stored.ticks.iter_mut().rev() {
        stored.tick.unattributed_total = total;
        total = total.map(|total| minus(total, stored.tick.unattributed));
    }
}

fn minus(a: Bytes, b: Bytes) -> Bytes {
    Bytes {
        rx: a.rx.saturating_sub(b.rx),
        tx: a.tx.saturating_sub(b.tx),
    }
}

#[cfg(test)]
#[path = "recall_tests.rs"]
mod tests;
