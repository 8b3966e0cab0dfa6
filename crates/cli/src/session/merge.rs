//! Several ticks of the agent as one longer tick (`--interval`).

use std::collections::HashMap;
use std::time::Duration;

use crate::row::connection::Connection;
use crate::row::ByProcess;
use crate::row::Bytes;
use crate::row::Extent;
use crate::row::Flows;
use crate::row::ProcessId;
use crate::row::ProcessRow;
use crate::row::Sample;

/// Collects samples until they stand for enough ticks.
#[derive(Debug)]
pub struct Merge {
    ticks: u32,
    pending: Option<Pending>,
}

#[derive(Debug)]
struct Pending {
    ticks: u32,
    length: Option<Duration>,
    flows: Flows,
    unattributed: Bytes,
    lower_bound: bool,
    extent: Extent,
    rows: ByProcess<ProcessRow>,
    connections: HashMap<(u64, ProcessId), Connection>,
    last: Sample,
}

impl Merge {
    /// Gives one sample for every `ticks` ticks, at least 1.
    pub fn new(ticks: u32) -> Self {
        Self {
            ticks: ticks.max(1),
            pending: None,
        }
    }

    /// Takes the next sample; gives the merged one when it is complete. The numbers of a process
    /// that was dropped on the way are in it.
    pub fn push(&mut self, sample: Sample) -> Option<Sample> {
        if self.ticks == 1 {
            return Some(sample);
        }
        let pending = match self.pending.take() {
            None => Pending::begin(sample),
            Some(pending) => pending.extend(sample),
        };
        if pending.ticks >= self.ticks {
            return Some(pending.finish());
        }
        self.pending = Some(pending);
        None
    }

    /// What was collected so far, as a shorter sample.
    pub fn flush(&mut self) -> Option<Sample> {
        self.pending.take().map(Pending::finish)
    }
}

impl Pending {
    fn begin(mut sample: Sample) -> Self {
        Self {
            ticks: sample.merged,
            length: sample.length,
            flows: sample.flows,
            unattributed: sample.unattributed.tick,
            lower_bound: sample.lower_bound,
            extent: sample.extent,
            rows: index(std::mem::take(&mut sample.rows)),
            connections: std::mem::take(&mut sample.connections)
                .into_iter()
                .map(|connection| (connection.key(), connection))
                .collect(),
            last: sample,
        }
    }

    fn extend(mut self, mut sample: Sample) -> Self {
        self.ticks = self.ticks.saturating_add(sample.merged);
        self.length = self
            .length
            .zip(sample.length)
            .map(|(a, b)| a.saturating_add(b));
        self.lower_bound |= sample.lower_bound;
        self.extent = self.extent.max(sample.extent);
        self.unattributed = self.unattributed.plus(sample.unattributed.tick);
        self.flows = add(self.flows, sample.flows);
        for mut row in std::mem::take(&mut sample.rows) {
            if let Some(earlier) = self.rows.get(&row.facts.id) {
                row.flows.add_ticks(&earlier.flows);
            }
            self.rows.insert(row.facts.id, row);
        }
        for mut connection in std::mem::take(&mut sample.connections) {
            let key = connection.key();
            if let Some(earlier) = self.connections.get(&key) {
                let tick = &mut connection.counter.tick;
                *tick = tick.plus(earlier.counter.tick);
            }
            self.connections.insert(key, connection);
        }
        self.last = sample;
        self
    }

    fn finish(mut self) -> Sample {
        self.last.length = self.length;
        self.last.merged = self.ticks;
        self.last.flows = self.flows;
        self.last.unattributed.tick = self.unattributed;
        self.last.lower_bound = self.lower_bound;
        self.last.extent = self.extent;
        self.last.rows = self.rows.into_values().collect();
        self.last.connections = self.connections.into_values().collect();
        self.last
    }
}

fn index(rows: Vec<ProcessRow>) -> ByProcess<ProcessRow> {
    rows.into_iter().map(|row| (row.facts.id, row)).collect()
}

fn add(earlier: Flows, mut flows: Flows) -> Flows {
    flows.add_ticks(&earlier);
    flows
}

#[cfg(test)]
#[path = "merge_tests.rs"]
mod tests;
