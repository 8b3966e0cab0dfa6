//! The truth of a process against what the agent counted for it.

use std::collections::BTreeSet;
use std::fmt;

use super::truth::Account;
use super::truth::Bytes;
use super::truth::Cell;
use super::truth::Cells;

/// What the agent says about one process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    /// Thread-group id.
    pub pid: u32,
    /// Start, boot clock, ns.
    pub start_ns: u64,
    /// Name it is listed under.
    pub name: String,
    /// All kinds of traffic it has.
    pub cells: Cells,
}

/// One kind of traffic of one process, both ways of counting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    /// Its part in the case.
    pub process: String,
    /// Thread-group id.
    pub pid: u32,
    /// The kind; `None`: the process had no traffic, truly and by the agent.
    pub cell: Option<Cell>,
    /// What its system calls returned.
    pub truth: Bytes,
    /// What the agent has; `None`: it does not know the process.
    pub counted: Option<Bytes>,
    /// Whether they agree.
    pub verdict: Verdict,
}

/// How truth and count relate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// To the byte, in the right kind.
    Exact,
    /// The agent does not know the process.
    Missing,
    /// Counted minus true bytes.
    Off {
        /// Received.
        rx: i128,
        /// Sent.
        tx: i128,
    },
    /// The bytes are right, but the row has this name.
    Name(String),
}

impl fmt::Display for Verdict {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::Exact => write!(out, "ok"),
            Verdict::Missing => write!(out, "missing"),
            Verdict::Off { rx, tx: 0 } => write!(out, "rx{rx:+}"),
            Verdict::Off { rx: 0, tx } => write!(out, "tx{tx:+}"),
            Verdict::Off { rx, tx } => write!(out, "tx{tx:+} rx{rx:+}"),
            Verdict::Name(name) => write!(out, "name {}", crate::text::sanitize(name)),
        }
    }
}

/// Compares one process with the agent's list: a line per kind of traffic that either side has,
/// at least one. `ticks_per_second` is the unit of [`Account::start_ticks`].
pub fn compare(account: &Account, counted: &[Counted], ticks_per_second: u64) -> Vec<Comparison> {
    let row = counted
        .iter()
        .find(|row| is_same(account, row, ticks_per_second));
    let truth: Cells = account
        .cells
        .iter()
        .map(|entry| (entry.cell, entry.bytes))
        .collect();
    let mut kinds: BTreeSet<Cell> = truth.keys().copied().collect();
    if let Some(row) = row {
        let moved = row
            .cells
            .iter()
            .filter(|(_, bytes)| **bytes != Bytes::default());
        kinds.extend(moved.map(|(cell, _)| *cell));
    }
    let line = |cell: Option<Cell>| {
        let of = |cells: &Cells| cell.and_then(|cell| cells.get(&cell)).copied();
        let truth = of(&truth).unwrap_or_default();
        let counted = row.map(|row| of(&row.cells).unwrap_or_default());
        let verdict = judge(account, truth, row, counted);
        let process = account.process.clone();
        // Not listed and no traffic is right: the agent knows no process without traffic.
        let counted = if cell.is_none() {
            Some(Bytes::default())
        } else {
            counted
        };
        Comparison {
            process,
            pid: account.pid,
            cell,
            truth,
            counted,
            verdict,
        }
    };
    if kinds.is_empty() {
        return vec![line(None)];
    }
    kinds.into_iter().map(|cell| line(Some(cell))).collect()
}

/// The truth alone, where no agent is asked: every kind counts as agreed.
pub fn unasked(account: &Account) -> Vec<Comparison> {
    let line = |cell, truth| Comparison {
        process: account.process.clone(),
        pid: account.pid,
        cell,
        truth,
        counted: None,
        verdict: Verdict::Exact,
    };
    if account.cells.is_empty() {
        return vec![line(None, Bytes::default())];
    }
    account
        .cells
        .iter()
        .map(|entry| line(Some(entry.cell), entry.bytes))
        .collect()
}

/// Whether a row of the agent is this process: same pid, and started in the same clock tick.
fn is_same(account: &Account, row: &Counted, ticks_per_second: u64) -> bool {
    const SECOND_NS: u128 = 1_000_000_000;
    // The cheap half first: under load thousands of rows are looked through for each process.
    if row.pid != account.pid {
        return false;
    }
    let ticks = u128::from(row.start_ns) * u128::from(ticks_per_second) / SECOND_NS;
    ticks == u128::from(account.start_ticks)
}

fn judge(
    account: &Account,
    truth: Bytes,
    row: Option<&Counted>,
    counted: Option<Bytes>,
) -> Verdict {
    let (Some(row), Some(counted)) = (row, counted) else {
        let silent = truth == Bytes::default();
        return if silent {
            Verdict::Exact
        } else {
            Verdict::Missing
        };
    };
    let rx = i128::from(counted.rx) - i128::from(truth.rx);
    let tx = i128::from(counted.tx) - i128::from(truth.tx);
    match (rx, tx) {
        (0, 0) if truth == Bytes::default() || row.name == account.name => Verdict::Exact,
        (0, 0) => Verdict::Name(row.name.clone()),
        (rx, tx) => Verdict::Off { rx, tx },
    }
}
