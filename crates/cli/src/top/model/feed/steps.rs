//! How many steps of the waveform a sample takes, and how many before it are not known.

use std::time::Duration;

use crate::row::Sample;
use crate::top::model::Model;

impl Model {
    /// Steps between the last tick and this one that were not received one by one.
    pub(super) fn missing_before(&self, sample: &Sample) -> usize {
        let Some((last_seq, last)) = self.feed.last_seq.zip(self.past.last()) else {
            return 0;
        };
        let step = self.step().as_nanos().max(1);
        let ticks = self.ticks_per_step();
        let numbers = u128::from(sample.seq.saturating_sub(last_seq));
        let by_number = numbers
            .saturating_sub(self.numbers_covered(sample))
            .div_ceil(ticks);
        // The numbers of another agent's ticks may not tell how long there was none.
        let passed = u128::try_from(sample.time.duration_since(last.time).as_nanos()).unwrap_or(0);
        let by_time = match sample.length {
            Some(_) => 0,
            None => (passed / step).saturating_sub(1),
        };
        usize::try_from(by_number.max(by_time)).unwrap_or(usize::MAX)
    }

    /// How many steps longer than one a tick was, because the agent was held up: the kernel went on
    /// counting, and all of it is in this tick.
    pub(super) fn steps_held_up(&self, sample: &Sample, missing: usize) -> usize {
        match self.is_merged(sample) && missing > 0 {
            true => 0,
            false => self.steps_more(sample.length).min(self.past.most() - 1),
        }
    }

    // Numbers of ticks whose time a sample stands for. An agent that sleeps through ticks skips their
    // numbers, and its next reading is as long as all of them.
    fn numbers_covered(&self, sample: &Sample) -> u128 {
        let ticks = self.ticks_per_step();
        let tick = self.agent.tick.as_nanos().max(1);
        match sample.length {
            Some(length) if !self.is_merged(sample) => {
                ((length.as_nanos() + tick / 2) / tick).max(ticks)
            }
            _ => ticks,
        }
    }

    // The viewer was too slow: the history has one by one what came as one.
    fn is_merged(&self, sample: &Sample) -> bool {
        u128::from(sample.merged) > self.ticks_per_step()
    }

    fn ticks_per_step(&self) -> u128 {
        (self.step().as_nanos() / self.agent.tick.as_nanos().max(1)).max(1)
    }

    fn steps_more(&self, length: Option<Duration>) -> usize {
        let (length, step) = (
            length.unwrap_or_default().as_nanos(),
            self.step().as_nanos().max(1),
        );
        usize::try_from(((length + step / 2) / step).saturating_sub(1)).unwrap_or(0)
    }
}
