//! What the history holds: windows, steps and their rows.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::Bytes;
use super::Counter;
use super::Extent;
use super::Facts;
use super::Flows;
use super::Peaks;
use super::ProcessRow;
use super::Sample;
use super::State;
use super::TcpHealth;

/// What an answer really covers.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Window {
    /// Begin of its first tick; `None`: nothing in it is kept.
    pub since: Option<Timestamp>,
    /// End of its last tick; `None`: as `since`.
    pub until: Option<Timestamp>,
    /// Length of a step; `None`: one step for all.
    pub step: Option<Duration>,
    /// The finest length its numbers are kept in; `None`: not said.
    pub kept: Option<Duration>,
    /// Ticks of the agent in it.
    pub ticks: u64,
    /// Ticks that were made and are not there any more.
    pub ticks_missing: u64,
    /// Intervals in it without an agent.
    pub gaps: Vec<Unattended>,
    /// Begin of the oldest tick that is kept; `None`: none is.
    pub oldest: Option<Timestamp>,
    /// Damaged parts of the history that were skipped.
    pub frames_damaged: u64,
    /// Events were lost in it: its numbers are lower bounds.
    pub lower_bound: bool,
}

impl Window {
    /// From its first tick to its last; `None`: nothing in it is kept.
    pub fn length(&self) -> Option<Duration> {
        Duration::try_from(self.until?.duration_since(self.since?)).ok()
    }
}

/// An interval without an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unattended {
    /// Begin; `None`: not known.
    pub from: Option<Timestamp>,
    /// End; `None`: not known.
    pub to: Option<Timestamp>,
    /// The kernel went on counting. Otherwise what moved then is not known.
    pub counters_kept: bool,
}

/// Ticks that were put together, and who moved what in them.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// End of its last tick.
    pub end: Timestamp,
    /// True length of its ticks together; `None`: not known, or no ticks.
    pub length: Option<Duration>,
    /// Ticks in it.
    pub ticks: u64,
    /// Ticks of it that are not there any more.
    pub ticks_missing: u64,
    /// Number of its last tick.
    pub seq: u64,
    /// Some of its bytes moved in an interval without an agent.
    pub gap: bool,
    /// Events were lost in it.
    pub lower_bound: bool,
    /// Over everything the filter takes, also rows that are not sent. The totals mean nothing.
    pub flows: Flows,
    /// The highest tick of that sum; `None`: not known.
    pub peaks: Option<Peaks>,
    /// Bytes no process could be found for.
    pub unattributed: Bytes,
    /// Rows with bytes, also those that are not sent.
    pub groups: u32,
    /// In the order asked for.
    pub rows: Vec<PastRow>,
}

/// Who moved what in a step.
#[derive(Debug, Clone, PartialEq)]
pub struct PastRow {
    /// Who.
    pub who: Who,
    /// Bytes in the step; totals at its end, of processes only.
    pub flows: Flows,
    /// The highest tick of the traffic asked for; `None`: not known.
    pub peaks: Option<Peaks>,
    /// How long it had bytes, in whole ticks; `None`: not known.
    pub active: Option<Duration>,
}

/// Whose numbers they are.
#[derive(Debug, Clone, PartialEq)]
pub enum Who {
    /// A process, as it was at the end of the step.
    Process(Arc<Facts>),
    /// Several of them.
    Group {
        /// What they have in common; `None`: that they have none. Not sanitised.
        name: Option<String>,
        /// How many had bytes.
        processes: u32,
    },
}

impl Step {
    /// Number of its first tick; `None`: it has no ticks.
    pub fn first_seq(&self) -> Option<u64> {
        let all = self.ticks.saturating_add(self.ticks_missing);
        (self.ticks > 0).then(|| self.seq.saturating_sub(all.saturating_sub(1)))
    }

    /// The step as a tick that a viewer saw. `extent`: whether its sums are those of the machine.
    pub fn into_sample(self, extent: Extent) -> Sample {
        let rows = self.rows.into_iter().filter_map(process_row).collect();
        Sample {
            seq: self.seq,
            time: self.end,
            length: self.length,
            merged: u32::try_from(self.ticks).unwrap_or(u32::MAX).max(1),
            extent,
            flows: self.flows,
            unattributed: Counter {
                tick: self.unattributed,
                total: Bytes::default(),
            },
            processes: 0,
            processes_active: self.groups,
            tcp_connections: None,
            udp_connections: None,
            lower_bound: self.lower_bound,
            rows,
            connections: Vec::new(),
        }
    }
}

impl Facts {
    /// The process as it was at `time`: one that ended later still ran.
    pub fn at(self: &Arc<Self>, time: Timestamp) -> Arc<Self> {
        match self.exit {
            Some(exit) if exit.time > time => Arc::new(Self {
                state: State::Live,
                exit: None,
                ..Self::clone(self)
            }),
            _ => Arc::clone(self),
        }
    }
}

fn process_row(row: PastRow) -> Option<ProcessRow> {
    let Who::Process(facts) = row.who else {
        return None;
    };
    // The peaks of a single tick are not those since the process was first seen.
    Some(ProcessRow {
        facts,
        flows: row.flows,
        tcp_connections: None,
        udp_connections: None,
        peaks: Peaks::default(),
        peaks_with_loopback: Peaks::default(),
        health: TcpHealth::default(),
    })
}
