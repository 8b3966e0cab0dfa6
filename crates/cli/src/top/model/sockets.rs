//! The connections that were open at each tick, as long as some view wanted them.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::row::connection::Connection;
use crate::row::ProcessId;
use crate::row::Sample;

/// Connections kept over all ticks, about 250 bytes each: 25 MB.
const MOST: usize = 100_000;
/// Ticks kept with their connections at most.
const MOST_TICKS: usize = 3600;

/// The connections of ticks, by the end of the tick.
#[derive(Debug, Default)]
pub struct Sockets {
    ticks: BTreeMap<Timestamp, OfTick>,
    weight: usize,
}

/// The connections of one tick.
#[derive(Debug)]
pub struct OfTick {
    /// The tick: all but its rows.
    sample: Sample,
    /// Places in `sample.connections`, by process.
    by_process: Vec<(ProcessId, u32)>,
}

impl Sockets {
    /// Keeps the connections of a sample; its rows are not kept.
    pub fn remember(&mut self, sample: Sample) {
        let mut by_process: Vec<_> = (0u32..)
            .zip(&sample.connections)
            .map(|(at, connection)| (connection.process, at))
            .collect();
        by_process.sort_unstable();
        self.weight += sample.connections.len();
        let before = self
            .ticks
            .insert(sample.time, OfTick { sample, by_process });
        self.weight -= before.map_or(0, |tick| tick.sample.connections.len());
        while (self.weight > MOST || self.ticks.len() > MOST_TICKS) && self.ticks.len() > 1 {
            if let Some((_, tick)) = self.ticks.pop_first() {
                self.weight -= tick.sample.connections.len();
            }
        }
    }

    /// The end of the first tick that they are kept of.
    pub fn first(&self) -> Option<Timestamp> {
        self.ticks.keys().next().copied()
    }

    /// Those of the tick that ended at `time`; `None`: not kept.
    pub fn at(&self, time: Timestamp) -> Option<&OfTick> {
        self.ticks.get(&time)
    }
}

impl OfTick {
    /// The tick they are of, without rows.
    pub fn sample(&self) -> &Sample {
        &self.sample
    }

    /// All of them, in no order.
    pub fn all(&self) -> &[Connection] {
        &self.sample.connections
    }

    /// Those of one process.
    pub fn of(&self, process: ProcessId) -> impl Iterator<Item = &Connection> {
        let first = self.by_process.partition_point(|(id, _)| *id < process);
        self.by_process[first..]
            .iter()
            .take_while(move |(id, _)| *id == process)
            .filter_map(|(_, at)| self.sample.connections.get(*at as usize))
    }
}
