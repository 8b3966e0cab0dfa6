//! The connections of one sample as they will be printed: which, in which order, with which sums.

use std::cmp::Ordering;
use std::collections::HashMap;

use netmon_api::filter::Filter;

use super::columns::Column;
use crate::args::shaping::Order;
use crate::filter::States;
use crate::matching;
use crate::output::numbers::Known;
use crate::output::numbers::Numbers;
use crate::output::value::by_order;
use crate::row::connection::Connection;
use crate::row::Counter;
use crate::row::Names;
use crate::row::ProcessId;
use crate::row::ProcessRow;
use crate::row::Sample;
use crate::row::Scope;

/// How to look at the connections of samples.
#[derive(Debug, Clone)]
pub struct View {
    /// Which part of the traffic.
    pub scope: Scope,
    /// Of running processes, ended ones, or both.
    pub states: States,
    /// Which connections; `None`: all.
    pub words: Option<Filter>,
    /// Column and end to begin with.
    pub sort: (&'static Column, Order),
    /// Rows at most.
    pub top: Option<usize>,
    /// What the agent counts; `None`: not known yet.
    pub known: Option<Known>,
}

/// The connections of one sample through a [`View`].
#[derive(Debug)]
pub struct Block<'a> {
    /// The sample.
    pub sample: &'a Sample,
    /// The rows to print, in order.
    pub lines: Vec<Line<'a>>,
    /// All that were selected, also those not printed.
    pub sum: Sum,
}

/// Several connections together.
#[derive(Debug, Clone, Copy)]
pub struct Sum {
    /// Their bytes.
    pub numbers: Numbers,
    /// How many, with those that are folded.
    pub connections: u64,
    /// Of how many processes.
    pub processes: usize,
}

/// One connection.
#[derive(Debug, Clone, Copy)]
pub struct Line<'a> {
    /// It.
    pub connection: &'a Connection,
    /// Whose; `None`: the agent has not said.
    pub process: Option<&'a ProcessRow>,
    /// In which sample.
    pub sample: &'a Sample,
    /// Its bytes.
    pub numbers: Numbers,
    /// Of the address at the other end; `None`: not known or not asked for.
    pub remote_name: Option<&'a str>,
}

impl Line<'_> {
    /// How many connections it stands for.
    pub fn connections(&self) -> u64 {
        self.connection.folded.map_or(1, u64::from)
    }
}

impl View {
    /// What to print of `sample`.
    pub fn block<'a>(&self, sample: &'a Sample, names: Option<&'a Names>) -> Block<'a> {
        let processes: HashMap<ProcessId, &ProcessRow> = sample
            .rows
            .iter()
            .map(|process| (process.facts.id, process))
            .collect();
        let mut lines: Vec<_> = sample
            .connections
            .iter()
            .map(|connection| {
                let process = processes.get(&connection.process).copied();
                self.line(connection, process, sample, names)
            })
            .filter(|line| self.holds(line))
            .collect();
        let sum = self.sum(&lines, sample);
        self.arrange(&mut lines);
        lines.truncate(self.top.unwrap_or(usize::MAX));
        Block { sample, lines, sum }
    }

    /// Puts `lines` into order.
    pub fn arrange(&self, lines: &mut [Line<'_>]) {
        lines.sort_by(|a, b| self.compare(a, b));
    }

    /// Whether it is selected.
    pub fn holds(&self, line: &Line<'_>) -> bool {
        let words =
            |filter: &Filter| matching::takes(filter, line.connection, line.process, line.sample);
        let state = line.process.map(|process| process.facts.state);
        line.connection.is_in(self.scope)
            && state.is_none_or(|state| self.states.holds(state))
            && self.words.as_ref().is_none_or(words)
    }

    /// One connection.
    pub fn line<'a>(
        &self,
        connection: &'a Connection,
        process: Option<&'a ProcessRow>,
        sample: &'a Sample,
        names: Option<&'a Names>,
    ) -> Line<'a> {
        let numbers = self.known.map_or(Numbers::UNKNOWN, |known| {
            let (rx, tx) = known.cells[connection.transport as usize][connection.family as usize];
            Numbers::new(connection.counter, sample.length, Known { rx, tx, ..known })
        });
        Line {
            connection,
            process,
            sample,
            numbers,
            remote_name: connection
                .remote
                .zip(names)
                .and_then(|(end, names)| names.get(&end.address))
                .map(String::as_str),
        }
    }

    fn sum(&self, lines: &[Line<'_>], sample: &Sample) -> Sum {
        let counter = lines.iter().fold(Counter::default(), |sum, line| {
            sum.plus(line.connection.counter)
        });
        let mut processes: Vec<_> = lines.iter().map(|line| line.connection.process).collect();
        processes.sort_unstable();
        processes.dedup();
        Sum {
            numbers: self.known.map_or(Numbers::UNKNOWN, |known| {
                Numbers::new(counter, sample.length, known)
            }),
            connections: lines
                .iter()
                .map(Line::connections)
                .fold(0, u64::saturating_add),
            processes: processes.len(),
        }
    }

    fn compare(&self, a: &Line<'_>, b: &Line<'_>) -> Ordering {
        let (column, order) = self.sort;
        by_order(&(column.value)(a), &(column.value)(b), order)
            .then_with(|| {
                let moved = |line: &Line<'_>| line.connection.counter.tick.sum();
                moved(b).cmp(&moved(a))
            })
            .then_with(|| a.connection.key().cmp(&b.connection.key()))
    }
}
