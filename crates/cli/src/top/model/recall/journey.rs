//! To a moment that the viewer does not hold: asking for the time around it, and being there.

use std::time::Duration;

use jiff::Timestamp;

use super::count_back;
use super::Aim;
use super::Question;
use super::Stretch;
use super::AROUND;
use super::FIRST;
use crate::top::model::past::Past;
use crate::top::model::past::TickNumber;
use crate::top::model::past::Towards;
use crate::top::model::past::MOST_CHANGES;
use crate::top::model::past::MOST_TICKS;
use crate::top::model::position::Position;
use crate::top::model::roster::Roster;
use crate::top::model::stored::lay;
use crate::top::model::stored::steps_more;
use crate::top::model::stored::Stored;
use crate::top::model::Model;

impl Model {
    // `--at`.
    pub(super) fn begin_journey(&mut self) {
        if let Some(moment) = self.recall.start.take() {
            if let Err(problem) = self.go_to_moment(&moment) {
                self.tell(problem);
            }
        }
    }

    /// Goes to a moment, as far back as anything is kept.
    pub(in crate::top::model) fn go_to_time(&mut self, target: Timestamp) {
        let begin = self.history_begin();
        let target = match begin {
            Some(begin) if target < begin => {
                let text = format!("history starts {}", self.clock_time(begin));
                self.tell(text);
                begin
            }
            _ => target,
        };
        let in_present = self
            .present()
            .eldest()
            .is_none_or(|eldest| target >= eldest.start().unwrap_or(eldest.time));
        if in_present || !self.has_history() {
            if self.is_away() {
                self.return_to_present();
                self.position = Position::Live;
            }
            self.recall
                .waiting
                .retain(|question| !matches!(question.aim, Aim::Journey(_)));
            let at = self.past.holding(target);
            self.position = match at {
                Some(at) => self.position_at(at),
                None => Position::Live,
            };
            return;
        }
        let here = self.aside.is_some()
            && self
                .past
                .eldest()
                .zip(self.past.last())
                .is_some_and(|(first, last)| {
                    (first.start().unwrap_or(first.time)..=last.time).contains(&target)
                });
        match self.past.holding(target).filter(|_| here) {
            Some(at) => self.position = self.position_at(at),
            None => self.ask_for_journey(target),
        }
    }

    // The end of the waveform stays where it is, unless the journey leaves it.
    fn position_at(&self, at: TickNumber) -> Position {
        let newest = self.past.newest().unwrap_or(at);
        let edge = match self.position.edge(&self.past) {
            Some(edge) if (at..=newest).contains(&edge) => edge,
            _ => newest,
        };
        Position::History { at, edge }
    }

    /// Where a step by `span` from the tick shown ends, if what is held here does not reach it.
    pub(in crate::top::model) fn beyond(
        &self,
        span: Duration,
        towards: Towards,
    ) -> Option<Timestamp> {
        let from = self
            .recall
            .journey()
            .or(self.tick().map(|tick| tick.time))?;
        let travelling = self.travelling();
        match towards {
            Towards::Older => {
                let target = from.checked_sub(span).ok()?;
                let first = self.past.eldest()?;
                (travelling || target < first.start().unwrap_or(first.time)).then_some(target)
            }
            Towards::Newer => {
                let target = from.checked_add(span).ok()?;
                let past_end = self.is_away() && self.past.last()?.time < target;
                (travelling || past_end).then_some(target)
            }
        }
    }

    /// The oldest moment that anything is kept of; `None`: nothing seen yet.
    pub fn history_begin(&self) -> Option<Timestamp> {
        let held = self
            .present()
            .eldest()
            .map(|tick| tick.start().unwrap_or(tick.time));
        let kept = self
            .agent
            .history
            .tiers
            .iter()
            .filter_map(|tier| tier.oldest);
        kept.chain(held).min()
    }

    pub(super) fn ask_for_journey(&mut self, target: Timestamp) {
        // As fine as it is kept for all of the time around the target, and no more than fits.
        let tiers = &self.agent.history.tiers;
        let kept = tiers
            .iter()
            .find(|tier| tier.oldest.is_some_and(|oldest| oldest <= target))
            .or(tiers.last())
            .map_or(self.step(), |tier| tier.step.max(self.step()));
        let (steps, changes) = self.present().load();
        let per_step = (changes / steps.max(1)).max(1);
        let fit = u32::try_from(MOST_CHANGES / per_step / 2)
            .unwrap_or(AROUND)
            .max(30);
        let around = kept.saturating_mul(AROUND.min(fit));
        let question = Question {
            since: target.checked_sub(around).unwrap_or(Timestamp::MIN),
            until: target.checked_add(around).unwrap_or(Timestamp::MAX),
            step: self.step(),
            scope: self.settings.scope,
            aim: Aim::Journey(target),
        };
        self.recall
            .waiting
            .retain(|question| !matches!(question.aim, Aim::Journey(_)));
        self.recall.waiting.push_front(question);
    }

    pub(super) fn arrive(&mut self, target: Timestamp, mut stored: Stored) {
        // The user has gone on meanwhile.
        if self.travelling() {
            return;
        }
        let step = self.step();
        count_back(&mut stored, None);
        let Some(last) = stored.ticks.pop() else {
            let text = format!("nothing is kept of {}", self.clock_time(target));
            return self.tell(text);
        };
        let anchor = last.tick.start().unwrap_or(last.tick.time);
        let room = usize::try_from(2 * AROUND).unwrap_or(MOST_TICKS) * 120;
        let mut past = Past::new(FIRST, room);
        past.push_long(steps_more(&last.tick, step), last.tick);
        past.put_before(lay(stored.ticks, anchor, step, room));
        let roster = Roster::of(stored.rows);
        let at = past.holding(target).or(past.newest());
        let edge = past.newest();
        let left = Stretch {
            past: std::mem::replace(&mut self.past, past),
            roster: std::mem::replace(&mut self.roster, roster),
        };
        self.aside.get_or_insert(left);
        if let Some((at, edge)) = at.zip(edge) {
            self.position = Position::History { at, edge };
        }
    }
}
