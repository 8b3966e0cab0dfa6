//! Which processes have ended since the sample before.

use std::collections::HashSet;

use jiff::Timestamp;

use crate::row::Extent;
use crate::row::ProcessId;
use crate::row::ProcessRow;
use crate::row::Sample;
use crate::row::State;

/// Remembers who had ended already.
#[derive(Debug, Default)]
pub struct Endings {
    seen: Option<HashSet<ProcessId>>,
    begin: Option<Timestamp>,
}

impl Endings {
    /// Ends after `time` are news, also in the first sample.
    pub fn begin(&mut self, time: Timestamp) {
        self.seen = Some(HashSet::new());
        self.begin = Some(time);
    }

    /// The rows of `sample` that ended since the last call, by time of the end. The first sample
    /// has none: what ended before is the past.
    pub fn of<'a>(&mut self, sample: &'a Sample) -> Vec<&'a ProcessRow> {
        let ended = || {
            sample
                .rows
                .iter()
                .filter(|row| row.facts.state == State::Exited)
        };
        let mut now: HashSet<_> = ended().map(|row| row.facts.id).collect();
        let Some(before) = self.seen.take() else {
            self.seen = Some(now);
            return Vec::new();
        };
        let begin = self.begin;
        let mut fresh: Vec<_> = ended()
            .filter(|row| !before.contains(&row.facts.id))
            .filter(|row| {
                row.facts
                    .exit
                    .is_none_or(|exit| begin.is_none_or(|b| exit.time > b))
            })
            .collect();
        fresh.sort_by_key(|row| (row.facts.exit.map(|exit| exit.time), row.facts.id));
        // A sample of the past holds only who moved bytes in it.
        if sample.extent != Extent::All {
            now.extend(before);
        }
        self.seen = Some(now);
        fresh
    }
}
