//! The highest single ticks of a step that stands for several of them: what its column shows, so that
//! a burst is not averaged away.

use std::collections::BTreeMap;

use super::tick::Rate;
use super::Coverage;
use crate::rate;
use crate::row::past::Step;
use crate::row::past::Who;
use crate::row::Bytes;
use crate::row::Flows;
use crate::row::Loopback;
use crate::row::Peaks;
use crate::row::ProcessId;
use crate::row::Sample;
use crate::row::Scope;

/// The highest tick in each direction and of both together, bytes per second.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Height {
    /// Received.
    pub rx: u64,
    /// Sent.
    pub tx: u64,
    /// Of both in one tick.
    pub sum: u64,
}

/// Without and with the machine's own traffic; `None`: not known.
type Sides = [Option<Height>; 2];

/// The heights of one step, of the transports and families that the viewer is about. Empty where the
/// step is a single tick: its rates are its heights.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Heights {
    all: Sides,
    /// By process.
    each: Box<[(ProcessId, Sides)]>,
}

/// Collects the heights of ticks that become one step.
#[derive(Debug, Default)]
pub struct Climb {
    all: Sides,
    each: BTreeMap<ProcessId, Sides>,
}

impl Height {
    fn of(bytes: Bytes, length: Option<std::time::Duration>) -> Option<Self> {
        Some(Self {
            rx: rate::per_second(bytes.rx, length)?,
            tx: rate::per_second(bytes.tx, length)?,
            sum: rate::per_second(bytes.sum(), length)?,
        })
    }

    fn above(self, other: Option<Self>) -> Self {
        let other = other.unwrap_or_default();
        Self {
            rx: self.rx.max(other.rx),
            tx: self.tx.max(other.tx),
            sum: self.sum.max(other.sum),
        }
    }

    /// The two directions.
    pub fn rate(self) -> Rate {
        Rate {
            rx: self.rx,
            tx: self.tx,
        }
    }
}

impl From<Peaks> for Height {
    fn from(peaks: Peaks) -> Self {
        Self {
            rx: peaks.rx_per_s,
            tx: peaks.tx_per_s,
            sum: peaks.sum_per_s,
        }
    }
}

impl Heights {
    /// Those of a step of the history, asked for without and with the machine's own traffic; `None`:
    /// it was not asked, or does not know.
    pub fn stored(steps: [Option<&Step>; 2]) -> Self {
        let mut climb = Climb::default();
        for (side, step) in steps.into_iter().enumerate() {
            let Some(step) = step else { continue };
            // Old steps have no height of the sum. It is at least that of each of its processes.
            climb.all[side] = step.peaks.map(Height::from);
            for row in &step.rows {
                let (Who::Process(facts), Some(peaks)) = (&row.who, row.peaks) else {
                    continue;
                };
                let height = Height::from(peaks);
                climb.each.entry(facts.id).or_default()[side] = Some(height);
                if step.peaks.is_none() {
                    climb.all[side] = Some(height.above(climb.all[side]));
                }
            }
        }
        climb.finish()
    }

    /// Of all that the step is the sum of; `None`: not known.
    pub fn all(&self, loopback: Loopback) -> Option<Height> {
        self.all[side(loopback)?]
    }

    /// Of one process; `None`: not known.
    pub fn of(&self, id: ProcessId, loopback: Loopback) -> Option<Height> {
        let index = self.each.binary_search_by_key(&id, |(id, _)| *id).ok()?;
        self.each[index].1[side(loopback)?]
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Memory it takes, in entries of about 40 bytes.
    pub fn weight(&self) -> usize {
        self.each.len() * 2
    }
}

impl Climb {
    /// Takes a tick. `scope`: whose transports and families the viewer is about.
    pub fn note(&mut self, sample: &Sample, scope: Scope, coverage: Coverage) {
        let both = |flows: &Flows| {
            [Loopback::Exclude, Loopback::Include].map(|loopback| {
                let scope = Scope { loopback, ..scope };
                Height::of(flows.sum(scope).tick, sample.length)
            })
        };
        let mut shown = Flows::default();
        for row in &sample.rows {
            shown.add_ticks(&row.flows);
            let heights = both(&row.flows);
            if heights[1].is_some_and(|height| height != Height::default()) {
                raise(self.each.entry(row.facts.id).or_default(), heights);
            }
        }
        let all = match coverage {
            Coverage::Everything => both(&sample.flows),
            Coverage::Selected => both(&shown),
        };
        raise(&mut self.all, all);
    }

    /// The heights since the last time.
    pub fn take(&mut self) -> Heights {
        std::mem::take(self).finish()
    }

    fn finish(self) -> Heights {
        Heights {
            all: self.all,
            each: self.each.into_iter().collect(),
        }
    }
}

fn raise(sides: &mut Sides, higher: Sides) {
    for (known, height) in sides.iter_mut().zip(higher) {
        if let Some(height) = height {
            *known = Some(height.above(*known));
        }
    }
}

fn side(loopback: Loopback) -> Option<usize> {
    match loopback {
        Loopback::Exclude => Some(0),
        Loopback::Include => Some(1),
        // No agent keeps them.
        Loopback::Only => None,
    }
}

#[cfg(test)]
#[path = "heights_tests.rs"]
mod tests;
