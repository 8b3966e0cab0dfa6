//! One row of output: a process, its numbers, and what they are parts of.

use super::numbers::Known;
use super::numbers::Numbers;
use crate::row::ProcessRow;
use crate::row::Sample;
use crate::row::Scope;

/// One row.
#[derive(Debug, Clone, Copy)]
pub struct Line<'a> {
    /// The process.
    pub row: &'a ProcessRow,
    /// Its sample.
    pub sample: &'a Sample,
    /// Its traffic inside the scope.
    pub numbers: Numbers,
    /// Bytes of the tick that 100 % stands for; `None`: unknown.
    pub whole: Option<u64>,
    /// Which part of the traffic.
    pub scope: Scope,
    /// What the agent counts.
    pub known: Known,
}

impl Line<'_> {
    /// Bytes of the tick inside the scope, as far as they were counted.
    pub fn moved(&self) -> u64 {
        self.row.flows.sum(self.scope).tick.sum()
    }
}
