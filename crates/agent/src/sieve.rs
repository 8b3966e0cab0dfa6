//! What a viewer is shown whose choice may change from tick to tick, and the connections of those.

use std::collections::HashMap;
use std::collections::HashSet;
use std::sync::Arc;

use netmon_bpf::abi::ProcessId;

use crate::connection::ConnectionRow;
use crate::frame::ConnectionNews;
use crate::frame::Frame;
use crate::frame::Row;
use crate::frame::TickFacts;
use crate::selection::Selection;

/// Follows all processes by their frames, and tells of those that match. One that matches no more
/// is told as forgotten; when it matches again it comes with all its numbers, as if it were new.
#[derive(Debug)]
pub struct Sieve {
    rows: HashMap<ProcessId, Row>,
    shown: HashSet<ProcessId>,
}

/// Connections in the order of their processes.
#[derive(Debug, Default)]
pub struct ByProcess(Vec<Arc<ConnectionRow>>);

impl ByProcess {
    /// From any order.
    pub fn new(mut rows: Vec<Arc<ConnectionRow>>) -> Self {
        rows.sort_unstable_by_key(|row| row.key);
        ByProcess(rows)
    }

    /// Those of one process.
    pub fn of(&self, process: ProcessId) -> &[Arc<ConnectionRow>] {
        let begin = self.0.partition_point(|row| row.key.0 < process);
        let rest = &self.0[begin..];
        &rest[..rest.partition_point(|row| row.key.0 == process)]
    }
}

impl Sieve {
    /// Begins with the state at a tick. [`shows`](Self::shows) says who of them is to be told.
    pub fn new(
        selection: &Selection,
        rows: &[Row],
        tick: &TickFacts,
        connections: &ByProcess,
    ) -> Self {
        let wanted = rows
            .iter()
            .filter(|row| selection.takes(row, tick, connections.of(row.facts.id)));
        Sieve {
            shown: wanted.map(|row| row.facts.id).collect(),
            rows: rows.iter().map(|row| (row.facts.id, row.clone())).collect(),
        }
    }

    /// Whether the process is one of those told last.
    pub fn shows(&self, process: ProcessId) -> bool {
        self.shown.contains(&process)
    }

    /// What of a frame is to be told. `look`: the filter has to look at connections. `all` gives those
    /// that are known now, for the filter and for those who come in; they may be younger than the frame.
    pub fn pass(
        &mut self,
        frame: &Frame,
        selection: &Selection,
        look: bool,
        all: impl Fn() -> ByProcess,
    ) -> Frame {
        let mut connections = match look {
            true => all(),
            false => ByProcess::default(),
        };
        self.follow(frame);
        let mut told = Frame {
            tick: frame.tick.clone(),
            news: Vec::new(),
            rows: Vec::new(),
            forgotten: Vec::new(),
            connections: None,
        };
        let (mut come, mut gone) = (HashSet::new(), HashSet::new());
        for (id, row) in &self.rows {
            let wanted = selection.watches(row, &frame.tick, connections.of(*id));
            match (self.shown.contains(id), wanted) {
                (false, true) => _ = come.insert(*id),
                (true, false) => _ = gone.insert(*id),
                _ => {}
            }
        }
        for id in &come {
            if let Some(row) = self.rows.get(id) {
                told.news.push(Arc::clone(&row.facts));
                told.rows.push(row.clone());
            }
        }
        let stays = |id: &ProcessId| self.shown.contains(id) && !gone.contains(id);
        let news = frame.news.iter().filter(|facts| stays(&facts.id));
        told.news.extend(news.cloned());
        let rows = frame.rows.iter().filter(|row| stays(&row.facts.id));
        told.rows.extend(rows.cloned());
        if let Some(news) = &frame.connections {
            if !look && !come.is_empty() {
                connections = all();
            }
            let rows = news.rows.iter().filter(|row| stays(&row.key.0));
            let all = come.iter().flat_map(|id| connections.of(*id));
            let keys = news.gone.iter().filter(|key| stays(&key.0));
            told.connections = Some(ConnectionNews {
                rows: rows.chain(all).cloned().collect(),
                gone: keys.copied().collect(),
            });
        }
        for id in &frame.forgotten {
            self.rows.remove(id);
            if self.shown.contains(id) {
                gone.insert(*id);
            }
            come.remove(id);
        }
        self.shown.retain(|id| !gone.contains(id));
        self.shown.extend(come);
        told.forgotten = gone.into_iter().collect();
        told
    }

    fn follow(&mut self, frame: &Frame) {
        for row in self.rows.values_mut() {
            for flow in &mut row.flows {
                (flow.rx, flow.tx) = (0, 0);
            }
        }
        for row in &frame.rows {
            let Some(known) = self.rows.get_mut(&row.facts.id) else {
                self.rows.insert(row.facts.id, row.clone());
                continue;
            };
            let mut flows = std::mem::take(&mut known.flows);
            for flow in &row.flows {
                match flows.iter_mut().find(|old| old.kind == flow.kind) {
                    Some(old) => *old = *flow,
                    None => flows.push(*flow),
                }
            }
            *known = Row {
                flows,
                ..row.clone()
            };
        }
        for facts in &frame.news {
            if let Some(known) = self.rows.get_mut(&facts.id) {
                known.facts = Arc::clone(facts);
            }
        }
    }
}

#[cfg(test)]
#[path = "sieve_tests.rs"]
mod tests;
