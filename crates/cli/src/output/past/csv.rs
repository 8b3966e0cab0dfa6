//! The history as CSV: one header, raw numbers, empty cells for what is unknown.

use super::block::Block;
use super::columns::Column;
use super::Printer;
use crate::output::csv::cell;
use crate::output::csv::write_record;
use crate::output::csv::Cells;
use crate::output::Header;
use crate::row::past::Window;
use crate::units::time::TimeFormat;

/// Prints CSV.
#[derive(Debug)]
pub struct Csv {
    /// Which columns.
    pub columns: Vec<&'static Column>,
    /// How times are written.
    pub time: TimeFormat,
    /// Whether the columns are named.
    pub header: Header,
    /// Whether a row of sums follows the rows of a step.
    pub aggregate: bool,
    /// For whom text is written.
    pub cells: Cells,
}

impl Printer for Csv {
    // Here, so that an answer about nothing has it too.
    fn begin(&mut self, _window: &Window, out: &mut String) {
        if self.header == Header::Shown {
            write_record(self.columns.iter().map(|column| column.csv.to_owned()), out);
        }
    }

    fn step(&mut self, block: &Block<'_>, out: &mut String) {
        for entry in &block.entries {
            let cells = self.columns.iter();
            let cells = cells.map(|column| cell(&(column.value)(entry), self.time, self.cells));
            write_record(cells, out);
        }
        if self.aggregate {
            let sums = self.columns.iter().map(|column| self.sum(column, block));
            write_record(sums, out);
        }
    }
}

impl Csv {
    // The row of sums has no id, which tells it from a process called TOTAL.
    fn sum(&self, column: &Column, block: &Block<'_>) -> String {
        let text = |number: Option<u64>| number.map(|n| n.to_string()).unwrap_or_default();
        let time = |time: Option<jiff::Timestamp>| {
            time.map(|time| self.time.date_time(time))
                .unwrap_or_default()
        };
        let (total, peaks, step) = (&block.selected, &block.selected_peaks, block.step);
        match column.id {
            "name" | "group" => "TOTAL".to_owned(),
            "time" => time(Some(step.end)),
            "window_start" => time(block.window.since),
            "window_end" => time(block.window.until),
            "interval" => step
                .length
                .map(|length| format!("{:.3}", length.as_secs_f64()))
                .unwrap_or_default(),
            "group_by" => block.group.name().to_owned(),
            "rx_bytes" => text(total.rx),
            "tx_bytes" => text(total.tx),
            "bytes" => text(total.sum()),
            "rx" => text(total.rx_rate),
            "tx" => text(total.tx_rate),
            "rate" => text(total.rate()),
            "peak_rx" | "max_rx" => text(peaks.map(|peaks| peaks.rx_per_s)),
            "peak_tx" | "max_tx" => text(peaks.map(|peaks| peaks.tx_per_s)),
            "peak" => text(peaks.map(|peaks| peaks.sum_per_s)),
            "peak_at" => time(peaks.and_then(|peaks| peaks.time)),
            "missing" => step.ticks_missing.to_string(),
            "lower_bound" => step.lower_bound.to_string(),
            _ => String::new(),
        }
    }
}
