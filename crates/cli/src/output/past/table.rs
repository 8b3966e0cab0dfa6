//! The history for people: one table for the window, or one per step.

use std::fmt::Write as _;

use super::block::Block;
use super::block::Entry;
use super::columns::Column;
use super::Printer;
use crate::args::query::GroupChoice;
use crate::output::cells;
use crate::output::grid;
use crate::output::numbers::Numbers;
use crate::output::value::Style;
use crate::output::value::Value;
use crate::output::CommandLines;
use crate::output::Header;
use crate::row::past::Who;
use crate::row::Peaks;

/// Prints tables.
#[derive(Debug)]
pub struct Table {
    /// Which columns.
    pub columns: Columns,
    /// Whether a row of totals follows the rows.
    pub totals: Totals,
    /// How values are written.
    pub style: Style,
    /// Whether each step is headed by its time.
    pub headings: bool,
    /// Whether the columns are named.
    pub header: Header,
    /// Whether command lines stand for names where the table must fit.
    pub command_lines: CommandLines,
    /// Whether there was a step.
    pub begun: bool,
}

/// Which columns.
#[derive(Debug)]
pub enum Columns {
    /// These, cut to this many cells.
    Fitting {
        /// As many as fit.
        columns: Vec<&'static Column>,
        /// Cells.
        width: usize,
    },
    /// Exactly these, as wide as they need to be.
    Chosen(Vec<&'static Column>),
}

/// Whether a row of totals follows the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Totals {
    /// Yes, when anything moved.
    Always,
    /// No.
    Never,
}

impl Printer for Table {
    fn step(&mut self, block: &Block<'_>, out: &mut String) {
        self.begun = true;
        if self.headings {
            self.heading(block, out);
        }
        let (columns, limit) = self.columns();
        let mut rows: Vec<Vec<String>> = Vec::with_capacity(block.entries.len() + 3);
        if self.header == Header::Shown {
            rows.push(headers(columns));
        }
        for entry in &block.entries {
            rows.push(columns.iter().map(|c| self.cell(c, entry)).collect());
        }
        let anything = block.step.groups > 0 || !block.entries.is_empty();
        if self.totals == Totals::Always && (anything || has_bytes(block.unattributed)) {
            rows.extend(self.sums(block, columns));
        }
        let widths = grid::widths(columns, &rows, limit);
        for row in &rows {
            grid::write_row(columns, &widths, row, self.style.charset, out);
        }
    }

    // An answer about nothing has no step, but a header.
    fn end(&mut self, out: &mut String) {
        if self.begun || self.header == Header::Hidden {
            return;
        }
        let (columns, limit) = self.columns();
        let rows = [headers(columns)];
        let widths = grid::widths(columns, &rows, limit);
        grid::write_row(columns, &widths, &rows[0], self.style.charset, out);
    }
}

fn headers(columns: &[&'static Column]) -> Vec<String> {
    columns
        .iter()
        .map(|column| column.header.to_owned())
        .collect()
}

impl Table {
    fn columns(&self) -> (&[&'static Column], Option<usize>) {
        match &self.columns {
            Columns::Fitting { columns, width } => (columns, Some(*width)),
            Columns::Chosen(columns) => (columns, None),
        }
    }

    fn heading(&self, block: &Block<'_>, out: &mut String) {
        let time = self.style.time.date_time(block.step.end);
        let length = match block.step.length {
            Some(length) => format!("{:.3} s", length.as_secs_f64()),
            None => "n/a".to_owned(),
        };
        let missing = match block.step.ticks_missing {
            0 => String::new(),
            1 => ", 1 tick missing".to_owned(),
            ticks => format!(", {ticks} ticks missing"),
        };
        // Writing to a String cannot fail.
        let _ = writeln!(out, "--- {time} ({length}{missing}) ---");
    }

    fn cell(&self, column: &Column, entry: &Entry<'_>) -> String {
        let fitting = matches!(self.columns, Columns::Fitting { .. });
        if let (Who::Process(facts), "name", true, CommandLines::Shown) =
            (&entry.row.who, column.id, fitting, self.command_lines)
        {
            let command = cells::command_line(&facts.args);
            if command != Value::Unknown {
                return command.human(&self.style);
            }
        }
        if column.id == "group" {
            if let Who::Group { name: None, .. } = entry.row.who {
                return "(none)".to_owned();
            }
        }
        (column.value)(entry).human(&self.style)
    }

    fn sums(&self, block: &Block<'_>, columns: &[&Column]) -> Vec<Vec<String>> {
        let row = |value: &dyn Fn(&Column) -> Value| {
            columns
                .iter()
                .map(|column| value(column).human(&self.style))
                .collect()
        };
        let mut rows = Vec::new();
        let label = if block.group == GroupChoice::Process {
            "name"
        } else {
            "group"
        };
        if let Some(numbers) = block.unattributed.filter(|_| has_bytes(block.unattributed)) {
            rows.push(row(&|column| match column.id {
                id if id == label => Value::Text("(unattributed)".to_owned()),
                id => of_numbers(id, &numbers, block),
            }));
        }
        let has = |id| columns.iter().any(|column| column.id == id);
        let first = if has("user") { "user" } else { "pid" };
        rows.push(row(&|column| match column.id {
            id if id == first => Value::Text("TOTAL".to_owned()),
            "processes" => Value::Absent,
            id if id == label && has(first) => Value::Text(extent(block)),
            id if id == label => Value::Text(format!("TOTAL {}", extent(block))),
            id => of_peaks(id, block).unwrap_or_else(|| of_numbers(id, &block.total, block)),
        }));
        rows
    }
}

fn has_bytes(numbers: Option<Numbers>) -> bool {
    numbers
        .and_then(|numbers| numbers.sum())
        .is_some_and(|bytes| bytes > 0)
}

// How many rows the totals are about.
fn extent(block: &Block<'_>) -> String {
    let groups = block.step.groups;
    match block.group {
        GroupChoice::Process if block.idle => format!("{groups} active"),
        GroupChoice::Process if groups == 1 => "1 process".to_owned(),
        GroupChoice::Process => format!("{groups} processes"),
        _ if groups == 1 => "1 group".to_owned(),
        _ => format!("{groups} groups"),
    }
}

fn of_numbers(id: &str, numbers: &Numbers, block: &Block<'_>) -> Value {
    let lower = block.step.lower_bound;
    match id {
        "rx_bytes" => Value::size(numbers.rx),
        "tx_bytes" => Value::size(numbers.tx),
        "bytes" => Value::size(numbers.sum()),
        "rx" => Value::rate(numbers.rx_rate, lower),
        "tx" => Value::rate(numbers.tx_rate, lower),
        "rate" => Value::rate(numbers.rate(), lower),
        "share" => match (numbers.sum(), block.total.sum()) {
            (Some(part), Some(whole)) => Value::Share { part, whole },
            _ => Value::Unknown,
        },
        _ => Value::Absent,
    }
}

// `None`: not a column of peaks.
fn of_peaks(id: &str, block: &Block<'_>) -> Option<Value> {
    let rate = |which: fn(&Peaks) -> u64| {
        Some(Value::rate(
            block.peaks.as_ref().map(which),
            block.step.lower_bound,
        ))
    };
    match id {
        "peak_rx" | "max_rx" => rate(|p| p.rx_per_s),
        "peak_tx" | "max_tx" => rate(|p| p.tx_per_s),
        "peak" => rate(|p| p.sum_per_s),
        "peak_at" => Some(match block.peaks {
            None => Value::Unknown,
            Some(peaks) => peaks
                .time
                .map_or(Value::Absent, |t| Value::Time(t, block.step.end)),
        }),
        _ => None,
    }
}
