//! Which processes have ended since the sample before.

use std::collections::HashSet;

use crate::row::ProcessId;
use crate::row::ProcessRow;
use crate::row::Sample;
use crate::row::State;

/// Remembers who had ended already.
#[derive(Debug, Default)]
pub struct Endings {
    seen: Option<HashSet<ProcessId>>,
}

impl Endings {
    /// The rows of `sample` that ended since the last call, by time of the end. The first sample
    /// has none: what ended before is the past.
    pub fn of<'a>(&mut self, sample: &'a Sample) -> Vec<&'a ProcessRow> {
        let ended = || {
            sample
                .rows
                .iter()
                .filter(|row| row.facts.state == State::Exited)
        };
        let now = ended().map(|row| row.facts.id).collect();
        let Some(before) = self.seen.replace(now) else {
            return Vec::new();
        };
        let mut fresh: Vec<_> = ended()
            .filter(|row| !before.contains(&row.facts.id))
            .collect();
        fresh.sort_by_key(|row| (row.facts.exit.map(|exit| exit.time), row.facts.id));
        fresh
    }
}
