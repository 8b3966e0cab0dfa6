//! Tables of connections for people.

use std::fmt::Write as _;

use super::block::Block;
use super::block::Line;
use super::columns::Column;
use super::layout;
use crate::output::grid;
use crate::output::value::Style;
use crate::output::value::Value;
use crate::output::Header;

/// Prints tables.
#[derive(Debug)]
pub struct Table {
    /// Which columns.
    pub columns: Vec<&'static Column>,
    /// Cells of the terminal; `None`: as wide as needed.
    pub limit: Option<usize>,
    /// Whether a row of totals follows.
    pub totals: bool,
    /// How values are written.
    pub style: Style,
}

impl Table {
    /// The line above a table in a stream.
    pub fn heading(&self, block: &Block<'_>, out: &mut String) {
        let time = self.style.time.date_time(block.sample.time);
        let length = match block.sample.length {
            Some(length) => format!("{:.3} s", length.as_secs_f64()),
            None => "n/a".to_owned(),
        };
        // Writing to a String cannot fail.
        let _ = writeln!(out, "--- {time} ({length}) ---");
    }

    /// The table.
    pub fn print(&self, block: &Block<'_>, header: Header, out: &mut String) {
        let mut rows: Vec<Vec<String>> = Vec::with_capacity(block.lines.len() + 2);
        if header == Header::Shown {
            let names = self.columns.iter();
            rows.push(names.map(|column| column.header.to_owned()).collect());
        }
        for line in &block.lines {
            let cells = self.columns.iter();
            let cells = cells.map(|column| (column.value)(line).human(&self.style));
            rows.push(cells.collect());
        }
        if self.totals {
            let cells = self.columns.iter();
            let cells = cells.map(|column| of_sum(column.id, block).human(&self.style));
            rows.push(cells.collect());
        }
        let widths = grid::widths(&self.columns, &rows, self.limit);
        for row in &rows {
            grid::write_row(&self.columns, &widths, row, self.style.charset, out);
        }
    }
}

/// The connections of one process, below its row.
pub fn indented(lines: &[Line<'_>], limit: Option<usize>, style: &Style, out: &mut String) {
    let limit = limit.map(|limit| limit.saturating_sub(INDENT.len()));
    let columns = layout::details(limit);
    let rows: Vec<Vec<String>> = lines
        .iter()
        .map(|line| {
            let cells = columns.iter();
            cells
                .map(|column| (column.value)(line).human(style))
                .collect()
        })
        .collect();
    let widths = grid::widths(&columns, &rows, limit);
    for row in &rows {
        out.push_str(INDENT);
        grid::write_row(&columns, &widths, row, style.charset, out);
    }
}

const INDENT: &str = "        ";

/// What the row of totals has in the column `id`.
pub fn of_sum(id: &str, block: &Block<'_>) -> Value {
    let (sum, lower) = (&block.sum, block.sample.lower_bound);
    match id {
        "remote" => Value::Text(format!("TOTAL {} connections", sum.connections)),
        "remote_addr" => Value::Text("TOTAL".to_owned()),
        "folded" => Value::Count(sum.connections),
        "rx" => Value::rate(sum.numbers.rx_rate, lower),
        "tx" => Value::rate(sum.numbers.tx_rate, lower),
        "rate" => Value::rate(sum.numbers.rate(), lower),
        "rx_tick" => Value::size(sum.numbers.rx),
        "tx_tick" => Value::size(sum.numbers.tx),
        "rx_total" => Value::size(sum.numbers.rx_total),
        "tx_total" => Value::size(sum.numbers.tx_total),
        "total" => Value::size(sum.numbers.total()),
        _ => Value::Absent,
    }
}
