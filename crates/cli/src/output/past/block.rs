//! One step as it will be printed: which rows, in which order, with which sums.

use std::cmp::Ordering;

use super::columns::Column;
use crate::args::query::GroupChoice;
use crate::args::shaping::Order;
use crate::output::block::Reach;
use crate::output::numbers::Known;
use crate::output::numbers::Numbers;
use crate::output::value::by_order;
use crate::row::past::PastRow;
use crate::row::past::Step;
use crate::row::past::Who;
use crate::row::past::Window;
use crate::row::Bytes;
use crate::row::Counter;
use crate::row::Peaks;
use crate::row::Scope;

/// How to look at steps.
#[derive(Debug, Clone)]
pub struct View {
    /// What rows are about.
    pub group: GroupChoice,
    /// Which part of the traffic the numbers are about.
    pub scope: Scope,
    /// What was asked of the agent.
    pub reach: Reach,
    /// Whether rows without bytes are among them.
    pub idle: bool,
    /// Order of the rows; `None`: as the agent sent them.
    pub sort: Option<(&'static Column, Order)>,
    /// Rows at most.
    pub top: Option<usize>,
    /// What the agent counts.
    pub known: Known,
}

/// One step through a [`View`].
#[derive(Debug)]
pub struct Block<'a> {
    /// The step.
    pub step: &'a Step,
    /// The answer it belongs to.
    pub window: &'a Window,
    /// The rows to print, in order.
    pub entries: Vec<Entry<'a>>,
    /// Everything the selection takes, also rows not printed.
    pub selected: Numbers,
    /// The highest tick of that; `None`: unknown.
    pub selected_peaks: Option<Peaks>,
    /// The same with what could not be given to a process, where nothing is selected.
    pub total: Numbers,
    /// The highest tick of that; `None`: unknown.
    pub peaks: Option<Peaks>,
    /// Bytes without a process; `None`: the selection or the scope leaves them out.
    pub unattributed: Option<Numbers>,
    /// Whether rows without bytes may be among the rows.
    pub idle: bool,
    /// What rows are about.
    pub group: GroupChoice,
}

/// One row.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// Who moved what.
    pub row: &'a PastRow,
    /// In which step.
    pub step: &'a Step,
    /// In which answer.
    pub window: &'a Window,
    /// Its traffic inside the scope.
    pub numbers: Numbers,
    /// Bytes that 100 % stands for.
    pub whole: u64,
    /// What rows are about.
    pub group: GroupChoice,
    /// Which part of the traffic.
    pub scope: Scope,
    /// What the agent counts.
    pub known: Known,
}

impl View {
    /// What to print of `step`.
    pub fn block<'a>(&self, step: &'a Step, window: &'a Window) -> Block<'a> {
        let unattributed =
            (self.reach == Reach::Machine && self.scope.is_whole()).then_some(step.unattributed);
        let selected = step.flows.sum(self.scope).tick;
        let whole = selected.plus(unattributed.unwrap_or_default());
        let mut entries: Vec<_> = step
            .rows
            .iter()
            .map(|row| self.entry(row, step, window, whole))
            .collect();
        if let Some((column, order)) = self.sort {
            entries.sort_by(|a, b| compare(a, b, column, order));
        }
        entries.truncate(self.top.unwrap_or(usize::MAX));
        let peaks = step.peaks.filter(|_| self.known.rx && self.known.tx);
        Block {
            step,
            window,
            entries,
            selected: self.numbers(selected, step),
            selected_peaks: peaks,
            total: self.numbers(whole, step),
            // In which tick the rest moved is not known.
            peaks: peaks.filter(|_| whole == selected),
            unattributed: unattributed.map(|bytes| self.numbers(bytes, step)),
            idle: self.idle,
            group: self.group,
        }
    }

    fn entry<'a>(
        &self,
        row: &'a PastRow,
        step: &'a Step,
        window: &'a Window,
        whole: Bytes,
    ) -> Entry<'a> {
        let numbers = Numbers::new(row.flows.sum(self.scope), step.length, self.known);
        let numbers = match row.who {
            Who::Process(_) => numbers,
            Who::Group { .. } => numbers.without_totals(),
        };
        Entry {
            row,
            step,
            window,
            numbers,
            whole: whole.sum(),
            group: self.group,
            scope: self.scope,
            known: self.known,
        }
    }

    // Sums have no totals: nobody knows those of processes that are gone.
    fn numbers(&self, tick: Bytes, step: &Step) -> Numbers {
        let counter = Counter {
            tick,
            total: Bytes::default(),
        };
        Numbers::new(counter, step.length, self.known).without_totals()
    }
}

impl Entry<'_> {
    /// Bytes in the step inside the scope, as far as they were counted.
    pub fn moved(&self) -> u64 {
        self.row.flows.sum(self.scope).tick.sum()
    }

    /// The highest tick in the step; `None`: unknown.
    pub fn peaks(&self) -> Option<Peaks> {
        self.row.peaks.filter(|_| self.known.rx && self.known.tx)
    }
}

fn compare(a: &Entry<'_>, b: &Entry<'_>, column: &Column, order: Order) -> Ordering {
    by_order(&(column.value)(a), &(column.value)(b), order)
        .then_with(|| b.moved().cmp(&a.moved()))
        .then_with(|| name(a).cmp(&name(b)))
}

fn name<'a>(entry: &Entry<'a>) -> (Option<crate::row::ProcessId>, Option<&'a str>) {
    match &entry.row.who {
        Who::Process(facts) => (Some(facts.id), None),
        Who::Group { name, .. } => (None, name.as_deref()),
    }
}
