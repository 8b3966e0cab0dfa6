//! To a moment that the viewer does not hold: asking for the time around it, and being there.

use jiff::Timestamp;

use super::count_back;
use super::Aim;
use super::Question;
use super::Stretch;
use super::AROUND;
use super::FIRST;
use crate::top::model::past::Past;
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
