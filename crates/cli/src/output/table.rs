//! Tables for people: columns that fit the terminal, or all of them.

use std::fmt::Write as _;

use super::block::Block;
use super::block::Reach;
use super::block::Sum;
use super::cells;
use super::columns;
use super::columns::Column;
use super::connections;
use super::fit;
use super::fit::Layout;
use super::grid;
use super::line::Line;
use super::numbers::Numbers;
use super::value::Style;
use super::value::Value;
use super::Events;
use super::Header;
use super::Pace;
use super::Printer;

/// The columns of `wide`.
pub static WIDE: &[&str] = &[
    "pid",
    "ppid",
    "user",
    "name",
    "unit",
    "container",
    "conns_tcp",
    "conns_udp",
    "retransmits",
    "rx",
    "tx",
    "share",
    "peak_rx",
    "peak_tx",
    "rx_total",
    "tx_total",
    "total",
    "age",
    "state",
];

/// Prints tables.
#[derive(Debug)]
pub struct Table {
    /// Which columns.
    pub columns: Columns,
    /// Whether a row of totals follows.
    pub totals: Totals,
    /// How values are written.
    pub style: Style,
    /// Whether each table is headed by its time.
    pub pace: Pace,
    /// Whether the columns are named.
    pub header: Header,
    /// Whether ends of processes are printed.
    pub events: Events,
    /// What the COMMAND column holds.
    pub command: Command,
}

/// Which columns.
#[derive(Debug)]
pub enum Columns {
    /// As many of these as fit.
    Fitting {
        /// Names and priorities.
        usual: &'static Layout,
        /// Cells.
        width: usize,
    },
    /// Exactly these, as wide as they need to be.
    Chosen(Vec<&'static Column>),
}

/// Whether a row of totals follows the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Totals {
    /// Yes.
    Always,
    /// No.
    Never,
}

/// What the COMMAND column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// The name.
    Name,
    /// The command line, where it fits the table.
    Line,
}

impl Printer for Table {
    fn sample(&mut self, block: &Block<'_>, out: &mut String) {
        if self.pace == Pace::Stream {
            heading(block, &self.style, out);
        }
        let columns = match &self.columns {
            Columns::Fitting { usual, width } => fit::fitting(usual, *width),
            Columns::Chosen(columns) => columns.clone(),
        };
        let mut rows: Vec<Vec<String>> = Vec::with_capacity(block.lines.len() + 3);
        if self.header == Header::Shown {
            rows.push(
                columns
                    .iter()
                    .map(|column| column.header.to_owned())
                    .collect(),
            );
        }
        for line in &block.lines {
            rows.push(
                columns
                    .iter()
                    .map(|column| self.cell(column, line))
                    .collect(),
            );
        }
        if self.totals == Totals::Always {
            rows.extend(self.sums(block, &columns));
        }
        let limit = match &self.columns {
            Columns::Fitting { width, .. } => Some(*width),
            Columns::Chosen(_) => None,
        };
        let widths = grid::widths(&columns, &rows, limit);
        let header = usize::from(self.header == Header::Shown);
        for (index, row) in rows.iter().enumerate() {
            grid::write_row(&columns, &widths, row, self.style.charset, out);
            let line = index
                .checked_sub(header)
                .and_then(|index| block.lines.get(index));
            if let Some(details) = line.and_then(|line| block.details_of(line)) {
                connections::table::indented(details, limit, &self.style, out);
            }
        }
    }

    fn exit(&mut self, line: &Line<'_>, out: &mut String) {
        if self.events == Events::Usual {
            return;
        }
        let value = |id| match columns::find(id) {
            Ok(column) => (column.value)(line).human(&self.style),
            Err(_) => String::new(),
        };
        // Writing to a String cannot fail.
        let _ = writeln!(
            out,
            "-- {} {} ended at {} after {}, exit {}: RX {}, TX {} --",
            value("pid"),
            value("name"),
            value("ended"),
            value("ran"),
            value("exit"),
            value("rx_total"),
            value("tx_total"),
        );
    }
}

/// The line above a table in a stream.
pub fn heading(block: &Block<'_>, style: &Style, out: &mut String) {
    let time = style.time.date_time(block.sample.time);
    let length = match block.sample.length {
        Some(length) => format!("{:.3} s", length.as_secs_f64()),
        None => "n/a".to_owned(),
    };
    let _ = writeln!(out, "--- {time} ({length}) ---");
}

/// What moved without a process, where it is worth a row.
pub fn unattributed(block: &Block<'_>) -> Option<Numbers> {
    block.unattributed.filter(|numbers| {
        block.reach == Reach::Machine && numbers.total().is_some_and(|bytes| bytes > 0)
    })
}

/// What the row of that has in the column `id`.
pub fn of_unattributed(id: &str, numbers: &Numbers, block: &Block<'_>) -> Value {
    of_numbers(
        id,
        numbers,
        &block.machine.numbers,
        block.sample.lower_bound,
    )
}

/// What the row of totals has in the column `id`.
pub fn of_total(id: &str, block: &Block<'_>) -> Value {
    let whole = &block.machine.numbers;
    of_sum(id, block.total(), whole, block.sample.lower_bound)
}

/// The same of the selected processes alone.
pub fn of_selected(id: &str, block: &Block<'_>) -> Value {
    let whole = &block.machine.numbers;
    match id {
        "processes" => Value::count(block.selected.processes),
        "lower_bound" => Value::Flag(block.sample.lower_bound),
        id => of_sum(id, &block.selected, whole, block.sample.lower_bound),
    }
}

impl Table {
    fn cell(&self, column: &Column, line: &Line<'_>) -> String {
        let fitting = matches!(self.columns, Columns::Fitting { .. });
        if column.id == "name" && fitting && self.command == Command::Line {
            let command = cells::command_line(&line.row.facts.args);
            if command != Value::Unknown {
                return command.human(&self.style);
            }
        }
        (column.value)(line).human(&self.style)
    }

    fn sums(&self, block: &Block<'_>, columns: &[&Column]) -> Vec<Vec<String>> {
        let mut rows = Vec::new();
        if let Some(numbers) = unattributed(block) {
            rows.push(self.sum_row(columns, |column| match column.id {
                "name" => Value::Text("(unattributed)".to_owned()),
                id => of_unattributed(id, &numbers, block),
            }));
        }
        let has = |id| columns.iter().any(|column| column.id == id);
        let label = if has("user") { "user" } else { "pid" };
        rows.push(self.sum_row(columns, |column| match column.id {
            id if id == label => Value::Text("TOTAL".to_owned()),
            "name" if has(label) => Value::Text(extent(block)),
            "name" => Value::Text(format!("TOTAL {}", extent(block))),
            id => of_total(id, block),
        }));
        rows
    }

    fn sum_row(&self, columns: &[&Column], value: impl Fn(&Column) -> Value) -> Vec<String> {
        columns
            .iter()
            .map(|column| value(column).human(&self.style))
            .collect()
    }
}

// How many processes the totals are about.
fn extent(block: &Block<'_>) -> String {
    let all = |processes| match processes {
        1 => "1 process".to_owned(),
        _ => format!("{processes} processes"),
    };
    match block.reach {
        Reach::Machine => match (block.machine.processes, block.machine.active) {
            (Some(processes), _) => all(processes),
            (None, Some(active)) => format!("{active} active"),
            (None, None) => String::new(),
        },
        Reach::Selected => match (block.selected.processes, block.machine.processes) {
            (Some(part), Some(whole)) if part <= whole => format!("{part} of {whole}"),
            // Ended processes can be more than those that run.
            (Some(part), _) => all(part),
            (None, _) => String::new(),
        },
    }
}

fn of_sum(id: &str, sum: &Sum, whole: &Numbers, lower: bool) -> Value {
    match id {
        "conns" => Value::count(sum.connections),
        "conns_tcp" => Value::count(sum.tcp),
        "conns_udp" => Value::count(sum.udp),
        _ => of_numbers(id, &sum.numbers, whole, lower),
    }
}

fn of_numbers(id: &str, numbers: &Numbers, whole: &Numbers, lower: bool) -> Value {
    match id {
        "rx" => Value::rate(numbers.rx_rate, lower),
        "tx" => Value::rate(numbers.tx_rate, lower),
        "rate" => Value::rate(numbers.rate(), lower),
        "share" => match (numbers.rate(), whole.rate()) {
            (Some(part), Some(whole)) => Value::Share { part, whole },
            _ => Value::Unknown,
        },
        "rx_tick" => Value::size(numbers.rx),
        "tx_tick" => Value::size(numbers.tx),
        "rx_total" => Value::size(numbers.rx_total),
        "tx_total" => Value::size(numbers.tx_total),
        "total" => Value::size(numbers.total()),
        _ => Value::Absent,
    }
}
