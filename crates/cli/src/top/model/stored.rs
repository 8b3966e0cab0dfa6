//! From steps of the agent's history to ticks as the viewer keeps them. Pure, and done before the
//! model is reached, so that a long answer does not hold up keys.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::heights::Heights;
use super::past::Slot;
use super::past::MOST_CHANGES;
use super::roster;
use super::tick::Connections;
use super::tick::Origin;
use super::tick::Quality;
use super::tick::Recorder;
use super::tick::Tick;
use crate::row::past::PastRow;
use crate::row::past::Step;
use crate::row::past::Who;
use crate::row::ByProcess;
use crate::row::Facts;
use crate::row::Peaks;
use crate::row::ProcessRow;
use crate::row::TcpHealth;

/// Ticks of the history, oldest first, and the processes they tell of.
#[derive(Debug, Default)]
pub struct Stored {
    /// The ticks.
    pub ticks: Vec<StoredTick>,
    /// The processes, as they were at the end of the window.
    pub rows: Vec<ProcessRow>,
}

/// One tick, or several that are kept as one.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredTick {
    /// What is known of it.
    pub tick: Tick,
    /// How long the agent was away in it; `None`: it was there.
    pub away: Option<Duration>,
}

/// Whose bytes the sums of an answer are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sums {
    /// Everybody's.
    Machine,
    /// Those of the processes that were asked for.
    Selected,
}

/// Collects an answer step by step.
#[derive(Debug)]
pub struct Builder {
    sums: Sums,
    ticks: std::collections::VecDeque<StoredTick>,
    weight: usize,
    rows: ByProcess<ProcessRow>,
}

impl Builder {
    /// Nothing yet.
    pub fn new(sums: Sums) -> Self {
        Self {
            sums,
            ticks: std::collections::VecDeque::new(),
            weight: 0,
            rows: ByProcess::default(),
        }
    }

    /// Takes the next step with its highest ticks. Of more than can be kept the oldest are dropped.
    pub fn add(&mut self, step: Step, heights: Heights) {
        let mut rows: Vec<_> = step.rows.into_iter().filter_map(process).collect();
        rows.sort_unstable_by_key(|row| row.facts.id);
        let mut recorder = Recorder::default();
        for row in &rows {
            let before = roster::before_tick(&row.flows);
            let sockets = Connections::default();
            recorder.note(row.facts.id, (&before, sockets), (&row.flows, sockets));
        }
        let known = rows.into_iter().map(|mut row| {
            row.flows.rest();
            (row.facts.id, row)
        });
        for (id, row) in known {
            // A step has the totals of what moved in it only.
            match self.rows.get_mut(&id) {
                Some(known) => {
                    known.flows.take_totals(&row.flows);
                    known.facts = row.facts;
                }
                None => {
                    self.rows.insert(id, row);
                }
            }
        }
        if step.ticks == 0 {
            return;
        }
        let tick = Tick {
            seq: step.seq,
            time: step.end,
            length: step.length.filter(|_| !step.gap),
            origin: Origin::Stored,
            quality: if step.lower_bound {
                Quality::LowerBound
            } else {
                Quality::Exact
            },
            host: (self.sums == Sums::Machine).then_some(step.flows),
            shown: step.flows,
            unattributed: step.unattributed,
            unattributed_total: None,
            processes: None,
            active: (self.sums == Sums::Machine).then_some(step.groups),
            connections: Connections::default(),
            changes: recorder.finish(),
            heights,
        };
        self.weight += tick.weight();
        self.ticks.push_back(StoredTick {
            tick,
            away: step.length.filter(|_| step.gap),
        });
        while self.weight > MOST_CHANGES && self.ticks.len() > 1 {
            let dropped = self.ticks.pop_front();
            self.weight -= dropped.map_or(0, |tick| tick.tick.weight());
        }
    }

    /// What was collected. `described`: the processes as they were at the end of the window.
    pub fn finish<'a>(mut self, described: impl Iterator<Item = &'a Facts>) -> Stored {
        for facts in described {
            if let Some(row) = self.rows.get_mut(&facts.id) {
                row.facts = Arc::new(facts.clone());
            }
        }
        Stored {
            ticks: self.ticks.into(),
            rows: self.rows.into_values().collect(),
        }
    }
}

/// The steps that lie before a tick which begins at `anchor`, newest first: `ticks` with what is
/// missing between them. At most `most` of them.
pub fn lay(ticks: Vec<StoredTick>, anchor: Timestamp, step: Duration, most: usize) -> Vec<Slot> {
    let mut slots = Vec::new();
    let mut begin = anchor;
    let mut missing = Slot::Missing;
    for StoredTick { tick, away } in ticks.into_iter().rev() {
        let unknown = Duration::try_from(begin.duration_since(tick.time)).unwrap_or_default();
        for index in 0..steps(unknown, step).min(most) {
            // Where the agent was away it was started at the end of that.
            slots.push(match index {
                0 => std::mem::replace(&mut missing, Slot::Missing),
                _ => Slot::Missing,
            });
        }
        missing = if away.is_some() {
            Slot::Start
        } else {
            Slot::Missing
        };
        let parts = steps_more(&tick, step);
        begin = match tick.length.or(away) {
            Some(_) if away.is_some() => tick.time.checked_sub(step).unwrap_or(tick.time),
            Some(length) => tick.time.checked_sub(length).unwrap_or(tick.time),
            None => tick.time,
        };
        slots.push(Slot::Seen(Box::new(tick)));
        slots.extend(
            (1..=parts.min(most)).map(|ahead| Slot::Part(u32::try_from(ahead).unwrap_or(u32::MAX))),
        );
        if slots.len() >= most {
            break;
        }
    }
    slots.truncate(most);
    slots
}

/// How many steps longer than one a tick is.
pub fn steps_more(tick: &Tick, step: Duration) -> usize {
    steps(tick.length.unwrap_or_default(), step).saturating_sub(1)
}

// Half a step is as much as clocks and timers may be off.
fn steps(span: Duration, step: Duration) -> usize {
    let step = step.as_nanos().max(1);
    usize::try_from((span.as_nanos() + step / 2) / step).unwrap_or(usize::MAX)
}

fn process(row: PastRow) -> Option<ProcessRow> {
    let Who::Process(facts) = row.who else {
        return None;
    };
    // Peaks of single ticks are not those since the process was first seen.
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

#[cfg(test)]
#[path = "stored_tests.rs"]
mod tests;
