//! One sample as it will be printed: which rows, in which order, with which sums.

use std::cmp::Ordering;
use std::collections::HashMap;

use super::columns::Column;
use super::connections::block::Line as ConnectionLine;
use super::connections::block::View as ConnectionView;
use super::line::Line;
use super::numbers::Known;
use super::numbers::Numbers;
use super::value::by_order;
use crate::args::shaping::Order;
use crate::filter::States;
use crate::row::scope::connections;
use crate::row::Bytes;
use crate::row::Counter;
use crate::row::Extent;
use crate::row::ProcessId;
use crate::row::ProcessRow;
use crate::row::Sample;
use crate::row::Scope;
use crate::row::State;

/// How to look at samples.
#[derive(Debug, Clone)]
pub struct View {
    /// Which part of the traffic the numbers are about.
    pub scope: Scope,
    /// Running, ended, or both.
    pub states: States,
    /// What was asked of the agent.
    pub reach: Reach,
    /// Rows without traffic in the tick.
    pub idle: Idle,
    /// Order of the rows.
    pub sort: Sort,
    /// Rows at most.
    pub top: Option<usize>,
    /// What the agent counts.
    pub known: Known,
    /// How to look at the connections of each process; `None`: not at all.
    pub details: Option<ConnectionView>,
}

/// Which processes the agent was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// All.
    Machine,
    /// Those that a filter leaves.
    Selected,
}

/// What becomes of rows without traffic in the tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Idle {
    /// Printed.
    Shown,
    /// Left out.
    Hidden,
}

/// Order of the rows.
#[derive(Debug, Clone, Copy)]
pub struct Sort {
    /// By the value of this column.
    pub column: &'static Column,
    /// From which end.
    pub order: Order,
}

/// One sample through a [`View`].
#[derive(Debug)]
pub struct Block<'a> {
    /// The sample.
    pub sample: &'a Sample,
    /// The rows to print, in order.
    pub lines: Vec<Line<'a>>,
    /// Everything on the machine, also what could not be given to a process.
    pub machine: Sum,
    /// The selected processes, also those not printed.
    pub selected: Sum,
    /// What the row of totals is about.
    pub reach: Reach,
    /// Socket bytes without a process; `None`: the scope is narrower than they are known.
    pub unattributed: Option<Numbers>,
    /// The connections of each process, in order; `None`: not asked for.
    pub details: Option<HashMap<ProcessId, Vec<ConnectionLine<'a>>>>,
}

/// Several processes together.
#[derive(Debug, Clone, Copy)]
pub struct Sum {
    /// Their traffic inside the scope.
    pub numbers: Numbers,
    /// How many there are; `None`: unknown.
    pub processes: Option<u32>,
    /// Of those, with traffic in the tick; `None`: unknown.
    pub active: Option<u32>,
    /// Open TCP sockets with a peer; `None`: unknown.
    pub tcp: Option<u32>,
    /// Open UDP sockets with a peer; `None`: unknown.
    pub udp: Option<u32>,
    /// Of the transports in the scope; `None`: unknown.
    pub connections: Option<u32>,
}

impl View {
    /// What to print of `sample`.
    pub fn block<'a>(&self, sample: &'a Sample) -> Block<'a> {
        let unattributed = (self.scope.is_whole() && sample.extent != Extent::Nothing)
            .then_some(sample.unattributed);
        let whole = sample
            .flows
            .sum(self.scope)
            .plus(unattributed.unwrap_or_default());
        let mut lines: Vec<_> = sample
            .rows
            .iter()
            .filter(|row| self.holds(row))
            .map(|row| self.line(row, sample, whole.tick))
            .collect();
        let selected = self.sum(&lines);
        lines.retain(|line| self.idle == Idle::Shown || line.moved() > 0);
        lines.sort_by(|a, b| self.sort.compare(a, b));
        lines.truncate(self.top.unwrap_or(usize::MAX));
        let numbers = |counter| Numbers::new(counter, sample.length, self.known);
        let known = |count: Option<u32>| count.filter(|_| self.known.connections);
        let (tcp, udp) = (known(sample.tcp_connections), known(sample.udp_connections));
        Block {
            sample,
            lines,
            machine: Sum {
                numbers: machine(numbers(whole), sample.extent),
                processes: (sample.extent == Extent::All).then_some(sample.processes),
                active: (sample.extent != Extent::Nothing).then_some(sample.processes_active),
                tcp,
                udp,
                connections: connections(self.scope, tcp, udp),
            },
            selected,
            reach: match self.states {
                States::Live => self.reach,
                States::Exited | States::All => Reach::Selected,
            },
            unattributed: unattributed.map(|counter| machine(numbers(counter), sample.extent)),
            details: self.details.as_ref().map(|view| details(view, sample)),
        }
    }

    /// One process, outside of a block.
    pub fn line<'a>(&self, row: &'a ProcessRow, sample: &'a Sample, whole: Bytes) -> Line<'a> {
        let counter = row.flows.sum(self.scope);
        Line {
            row,
            sample,
            numbers: Numbers::new(counter, sample.length, self.known),
            whole: (sample.extent != Extent::Nothing).then(|| whole.sum()),
            scope: self.scope,
            known: self.known,
        }
    }

    // A process that ended in this tick still belongs to the living: its last bytes would be
    // missing from the list otherwise.
    fn holds(&self, row: &ProcessRow) -> bool {
        let ended_now = self.states == States::Live
            && row.facts.state == State::Exited
            && row.flows.sum(self.scope).tick.sum() > 0;
        self.states.holds(row.facts.state) || ended_now
    }

    fn sum(&self, lines: &[Line<'_>]) -> Sum {
        let first = lines.first().map(|line| line.sample);
        let mut counter = Counter::default();
        let (mut tcp, mut udp) = (Some(0), Some(0));
        for line in lines {
            counter = counter.plus(line.row.flows.sum(self.scope));
            if line.row.facts.state == State::Live {
                tcp = add(tcp, line.row.tcp_connections);
                udp = add(udp, line.row.udp_connections);
            }
        }
        let known = |count: Option<u32>| count.filter(|_| self.known.connections);
        Sum {
            numbers: Numbers::new(counter, first.and_then(|sample| sample.length), self.known),
            processes: Some(count(lines.len())),
            active: Some(count(lines.iter().filter(|line| line.moved() > 0).count())),
            tcp: known(tcp),
            udp: known(udp),
            connections: connections(self.scope, known(tcp), known(udp)),
        }
    }
}

impl<'a> Block<'a> {
    /// The connections of the process of `line`; `None`: not asked for.
    pub fn details_of(&self, line: &Line<'_>) -> Option<&[ConnectionLine<'a>]> {
        let details = self.details.as_ref()?;
        Some(
            details
                .get(&line.row.facts.id)
                .map_or(&[], |lines| lines.as_slice()),
        )
    }

    /// What the row of totals shows.
    pub fn total(&self) -> &Sum {
        match self.reach {
            Reach::Machine => &self.machine,
            Reach::Selected => &self.selected,
        }
    }
}

impl Sort {
    fn compare(&self, a: &Line<'_>, b: &Line<'_>) -> Ordering {
        let (value, other) = ((self.column.value)(a), (self.column.value)(b));
        by_order(&value, &other, self.order)
            .then_with(|| b.moved().cmp(&a.moved()))
            .then_with(|| a.row.facts.id.cmp(&b.row.facts.id))
    }
}

fn details<'a>(
    view: &ConnectionView,
    sample: &'a Sample,
) -> HashMap<ProcessId, Vec<ConnectionLine<'a>>> {
    let mut details: HashMap<_, Vec<_>> = HashMap::new();
    for line in view.block(sample, None).lines {
        details
            .entry(line.connection.process)
            .or_default()
            .push(line);
    }
    details
}

// What the history does not keep of the machine is unknown.
fn machine(numbers: Numbers, extent: Extent) -> Numbers {
    match extent {
        Extent::All => numbers,
        Extent::Bytes => numbers.without_totals(),
        Extent::Nothing => Numbers::UNKNOWN,
    }
}

fn add(sum: Option<u32>, more: Option<u32>) -> Option<u32> {
    Some(sum?.saturating_add(more?))
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
