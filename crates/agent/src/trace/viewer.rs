//! One viewer: what waits for it, what was told, what was lost.

use std::collections::VecDeque;
use std::time::Duration;
use std::time::Instant;

use netmon_bpf::trace::Event;
use netmon_bpf::trace::Lives;
use netmon_bpf::trace::Tally;
use netmon_bpf::trace::POINTS;
use tokio::sync::mpsc::Sender;

use super::Parcel;
use super::PointCount;
use super::Told;
use super::PART;

/// Events that wait for a viewer that reads slowly; the newest go. Under a flood all that the default
/// rate allows in a second, 10,000, comes within milliseconds, and nobody reads as fast.
const WAITING: usize = 12_288;
/// Programs that run when a slot is closed have ended after this long.
const SETTLED: Duration = Duration::from_millis(200);
/// A viewer that does not read its end is left after this long.
const PATIENCE: Duration = Duration::from_secs(5);

/// How far a viewer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Watching,
    /// Its slot is closed since then; what is in the ring is still its.
    Ending(Instant),
}

#[derive(Debug)]
pub(super) struct Viewer {
    pub(super) stage: Stage,
    parcels: Sender<Parcel>,
    waiting: VecDeque<Told>,
    lives: Lives,
    told: [u64; POINTS],
    /// The viewer was too slow.
    dropped: [u64; POINTS],
    began: Instant,
    counts_due: Instant,
    end: Option<Instant>,
}

impl Viewer {
    pub(super) fn new(parcels: Sender<Parcel>, duration: Option<Duration>, now: Instant) -> Self {
        Viewer {
            stage: Stage::Watching,
            parcels,
            waiting: VecDeque::new(),
            lives: Lives::default(),
            told: [0; POINTS],
            dropped: [0; POINTS],
            began: now,
            counts_due: now + Duration::from_secs(1),
            end: duration.and_then(|duration| now.checked_add(duration)),
        }
    }

    /// It has gone away.
    pub(super) fn is_gone(&self) -> bool {
        self.parcels.is_closed()
    }

    /// It has had what it asked for.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.stage == Stage::Watching && self.end.is_some_and(|end| now >= end)
    }

    /// Nothing comes any more and everything is told, or nobody reads it.
    pub(super) fn is_done(&self, now: Instant) -> bool {
        match self.stage {
            Stage::Watching => false,
            Stage::Ending(since) => {
                let all_read = self.waiting.is_empty() && self.parcels.capacity() > 0;
                let settled = now.duration_since(since) >= SETTLED && all_read;
                settled || now.duration_since(since) >= PATIENCE
            }
        }
    }

    pub(super) fn take(&mut self, event: Event, slot: usize) {
        let packet = self.lives.number(&event, slot);
        if self.waiting.len() >= WAITING {
            self.dropped[event.point] += 1;
        } else {
            self.waiting.push_back(Told { event, packet });
        }
    }

    /// Hands on what waits, as far as the viewer reads.
    pub(super) fn flush(&mut self) {
        while !self.waiting.is_empty() {
            let Ok(permit) = self.parcels.try_reserve() else {
                return;
            };
            let part: Vec<Told> = self.waiting.drain(..self.waiting.len().min(PART)).collect();
            for told in &part {
                self.told[told.event.point] += 1;
            }
            permit.send(Parcel::Events(part));
        }
        // A burst does not keep its memory.
        if self.waiting.capacity() > PART {
            self.waiting.shrink_to(PART);
        }
    }

    /// Once a second.
    pub(super) fn counts_are_due(&self, now: Instant) -> bool {
        self.stage == Stage::Watching && now >= self.counts_due
    }

    pub(super) fn tell_counts(&mut self, tallies: &[Tally], now: Instant) {
        // One that does not read gets the next ones.
        if let Ok(permit) = self.parcels.try_reserve() {
            let counted = self.began.elapsed();
            permit.send(Parcel::Counts(self.counts(tallies), counted));
        }
        self.counts_due = now + Duration::from_secs(1);
    }

    /// What still waits nobody reads.
    pub(super) fn tell_last(mut self, tallies: &[Tally]) {
        for told in self.waiting.drain(..) {
            self.dropped[told.event.point] += 1;
        }
        let counts = self.counts(tallies);
        // Nothing was counted after its slot was closed.
        let counted = match self.stage {
            Stage::Watching => self.began.elapsed(),
            Stage::Ending(since) => since.duration_since(self.began),
        };
        if let Ok(permit) = self.parcels.try_reserve() {
            permit.send(Parcel::LastCounts(counts, counted));
        }
    }

    fn counts(&self, tallies: &[Tally]) -> Vec<PointCount> {
        let counted = tallies.iter().zip(self.told.iter().zip(&self.dropped));
        counted
            .map(|(tally, (told, dropped))| PointCount {
                matched: tally.matched,
                told: *told,
                suppressed: tally.suppressed,
                lost: tally.lost + dropped,
                bytes: tally.bytes,
            })
            .collect()
    }
}
