//! The objects of the history's JSON, field by field. Keys are always present; unknown is null.

use serde::Serialize;

use super::block::Block;
use super::block::Entry;
use crate::args::query::GroupChoice;
use crate::output::numbers::Numbers;
use crate::output::record::clean;
use crate::output::record::row::past_process;
use crate::output::record::row::RowRecord;
use crate::output::record::seconds;
use crate::output::CommandLines;
use crate::row::past::Unattended;
use crate::row::past::Who;
use crate::row::past::Window;
use crate::row::Peaks;
use crate::row::Scope;
use crate::units::time::iso;

/// What the objects hold.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// What rows are about.
    pub group: GroupChoice,
    /// Which part of the traffic the numbers are about.
    pub scope: Scope,
    /// Whether rows have `cmdline`.
    pub command_lines: CommandLines,
    /// Whether steps have `aggregated`.
    pub aggregate: bool,
}

/// What the answer covers.
#[derive(Debug, Serialize)]
pub struct Query {
    since: Option<String>,
    until: Option<String>,
    step_s: Option<f64>,
    kept_s: Option<f64>,
    group_by: &'static str,
    loopback: &'static str,
    ticks: u64,
    ticks_missing: u64,
    gaps: Vec<Gap>,
    oldest: Option<String>,
    frames_damaged: u64,
    lower_bound: bool,
}

/// The whole answer.
#[derive(Debug, Serialize)]
pub struct Document {
    /// What it covers.
    #[serde(flatten)]
    pub query: Query,
    /// One for the window, or one for each step.
    pub steps: Vec<StepRecord>,
}

/// One step, or the whole window.
#[derive(Debug, Serialize)]
pub struct StepRecord {
    #[serde(flatten)]
    when: When,
    ticks: u64,
    ticks_missing: u64,
    gap: bool,
    totals: Totals,
    rows: Vec<Row>,
    aggregated: Option<Totals>,
    lower_bound: bool,
}

/// One row as a line of its own.
#[derive(Debug, Serialize)]
pub struct FlatRow {
    #[serde(flatten)]
    when: When,
    group_by: &'static str,
    #[serde(flatten)]
    row: Row,
}

#[derive(Debug, Serialize)]
struct When {
    seq: u64,
    time: String,
    window_start: Option<String>,
    window_end: Option<String>,
    length_s: Option<f64>,
}

#[derive(Debug, Serialize)]
struct Gap {
    from: Option<String>,
    to: Option<String>,
    counters_kept: bool,
}

#[derive(Debug, Serialize)]
struct Totals {
    rx_bytes: Option<u64>,
    tx_bytes: Option<u64>,
    rx_bytes_per_s: Option<u64>,
    tx_bytes_per_s: Option<u64>,
    #[serde(flatten)]
    peak: Peak,
    rows_active: u32,
    unattributed_rx_bytes: Option<u64>,
    unattributed_tx_bytes: Option<u64>,
}

#[derive(Debug, Serialize)]
struct Peak {
    rx_peak_bytes_per_s: Option<u64>,
    tx_peak_bytes_per_s: Option<u64>,
    peak_time: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Row {
    Process(Box<ProcessRow>),
    Group(Group),
}

#[derive(Debug, Serialize)]
struct ProcessRow {
    #[serde(flatten)]
    row: RowRecord,
    active_s: Option<f64>,
}

#[derive(Debug, Serialize)]
struct Group {
    group: Option<String>,
    processes: u32,
    rx_bytes: Option<u64>,
    tx_bytes: Option<u64>,
    rx_bytes_per_s: Option<u64>,
    tx_bytes_per_s: Option<u64>,
    #[serde(flatten)]
    peak: Peak,
    active_s: Option<f64>,
    lower_bound: bool,
}

impl Shape {
    /// What the answer covers.
    pub fn query(&self, window: &Window) -> Query {
        let length = |length: std::time::Duration| seconds(length.as_secs_f64());
        Query {
            since: window.since.map(iso),
            until: window.until.map(iso),
            step_s: window.step.map(length),
            kept_s: window.kept.map(length),
            group_by: self.group.name(),
            loopback: self.scope.loopback.name(),
            ticks: window.ticks,
            ticks_missing: window.ticks_missing,
            gaps: window.gaps.iter().map(gap).collect(),
            oldest: window.oldest.map(iso),
            frames_damaged: window.frames_damaged,
            lower_bound: window.lower_bound,
        }
    }

    /// One step.
    pub fn step(&self, block: &Block<'_>) -> StepRecord {
        StepRecord {
            when: when(block.step, block.window),
            ticks: block.step.ticks,
            ticks_missing: block.step.ticks_missing,
            gap: block.step.gap,
            totals: Totals {
                unattributed_rx_bytes: block.unattributed.and_then(|numbers| numbers.rx),
                unattributed_tx_bytes: block.unattributed.and_then(|numbers| numbers.tx),
                ..totals(block, &block.total, block.peaks)
            },
            rows: block.entries.iter().map(|entry| self.row(entry)).collect(),
            aggregated: self
                .aggregate
                .then(|| totals(block, &block.selected, block.selected_peaks)),
            lower_bound: block.step.lower_bound,
        }
    }

    /// One row as a line of its own.
    pub fn flat_row(&self, entry: &Entry<'_>) -> FlatRow {
        FlatRow {
            when: when(entry.step, entry.window),
            group_by: self.group.name(),
            row: self.row(entry),
        }
    }

    fn row(&self, entry: &Entry<'_>) -> Row {
        let active_s = entry.row.active.map(|active| seconds(active.as_secs_f64()));
        match &entry.row.who {
            Who::Process(facts) => Row::Process(Box::new(ProcessRow {
                row: past_process(entry, facts, self.command_lines),
                active_s,
            })),
            Who::Group { name, processes } => Row::Group(Group {
                group: name.as_deref().map(clean),
                processes: *processes,
                rx_bytes: entry.numbers.rx,
                tx_bytes: entry.numbers.tx,
                rx_bytes_per_s: entry.numbers.rx_rate,
                tx_bytes_per_s: entry.numbers.tx_rate,
                peak: peak(entry.peaks()),
                active_s,
                lower_bound: entry.step.lower_bound,
            }),
        }
    }
}

fn when(step: &crate::row::past::Step, window: &Window) -> When {
    When {
        seq: step.seq,
        time: iso(step.end),
        window_start: window.since.map(iso),
        window_end: window.until.map(iso),
        length_s: step.length.map(|length| seconds(length.as_secs_f64())),
    }
}

fn gap(gap: &Unattended) -> Gap {
    Gap {
        from: gap.from.map(iso),
        to: gap.to.map(iso),
        counters_kept: gap.counters_kept,
    }
}

fn totals(block: &Block<'_>, numbers: &Numbers, peaks: Option<Peaks>) -> Totals {
    let Numbers {
        rx,
        tx,
        rx_rate,
        tx_rate,
        ..
    } = *numbers;
    Totals {
        rx_bytes: rx,
        tx_bytes: tx,
        rx_bytes_per_s: rx_rate,
        tx_bytes_per_s: tx_rate,
        peak: peak(peaks),
        rows_active: block.step.groups,
        unattributed_rx_bytes: None,
        unattributed_tx_bytes: None,
    }
}

fn peak(peaks: Option<Peaks>) -> Peak {
    Peak {
        rx_peak_bytes_per_s: peaks.map(|peaks| peaks.rx_per_s),
        tx_peak_bytes_per_s: peaks.map(|peaks| peaks.tx_per_s),
        peak_time: peaks.and_then(|peaks| peaks.time).map(iso),
    }
}
