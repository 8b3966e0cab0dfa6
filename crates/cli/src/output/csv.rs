//! CSV: RFC 4180, one header, raw numbers, empty cells for what is unknown.

use super::block::Block;
use super::columns::Column;
use super::value::Value;
use super::Aggregate;
use super::Header;
use super::Printer;
use crate::units::time::TimeFormat;

/// The usual columns.
pub static USUAL: &[&str] = &[
    "time",
    "interval",
    "id",
    "pid",
    "ppid",
    "started",
    "state",
    "uid",
    "user",
    "name",
    "unit",
    "container",
    "conns_tcp",
    "conns_udp",
    "rx_tick",
    "tx_tick",
    "rx",
    "tx",
    "rx_total",
    "tx_total",
    "peak_rx",
    "peak_tx",
    "lower_bound",
];

/// Prints CSV.
#[derive(Debug)]
pub struct Csv {
    columns: Vec<&'static Column>,
    time: TimeFormat,
    header: Header,
    aggregate: Aggregate,
    cells: Cells,
}

/// For whom text cells are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cells {
    /// Programs.
    Plain,
    /// Spreadsheets, which would run a text that looks like a formula.
    Guarded,
}

impl Csv {
    /// These columns, times in this form; the header is printed once.
    pub fn new(
        columns: Vec<&'static Column>,
        time: TimeFormat,
        header: Header,
        aggregate: Aggregate,
        cells: Cells,
    ) -> Self {
        Self {
            columns,
            time,
            header,
            aggregate,
            cells,
        }
    }
}

impl Printer for Csv {
    fn sample(&mut self, block: &Block<'_>, out: &mut String) {
        if self.header == Header::Shown {
            write_record(self.columns.iter().map(|column| column.csv.to_owned()), out);
            self.header = Header::Hidden;
        }
        for line in &block.lines {
            let cells = self.columns.iter();
            let cells = cells.map(|column| cell(&(column.value)(line), self.time, self.cells));
            write_record(cells, out);
        }
        if self.aggregate == Aggregate::Wanted {
            write_record(
                self.columns.iter().map(|column| self.sum(column, block)),
                out,
            );
        }
    }
}

impl Csv {
    // The row of sums has no id, which tells it from a process called TOTAL.
    fn sum(&self, column: &Column, block: &Block<'_>) -> String {
        let text = |number: Option<u64>| number.map(|n| n.to_string()).unwrap_or_default();
        let sum = &block.selected;
        match column.id {
            "name" => "TOTAL".to_owned(),
            "time" => self.time.date_time(block.sample.time),
            "interval" => match block.sample.length {
                Some(length) => format!("{:.3}", length.as_secs_f64()),
                None => String::new(),
            },
            "conns" => text(sum.connections.map(u64::from)),
            "conns_tcp" => text(sum.tcp.map(u64::from)),
            "conns_udp" => text(sum.udp.map(u64::from)),
            "rx_tick" => text(sum.numbers.rx),
            "tx_tick" => text(sum.numbers.tx),
            "rx" => text(sum.numbers.rx_rate),
            "tx" => text(sum.numbers.tx_rate),
            "rate" => text(sum.numbers.rate()),
            "rx_total" => text(sum.numbers.rx_total),
            "tx_total" => text(sum.numbers.tx_total),
            "total" => text(sum.numbers.total()),
            "lower_bound" => block.sample.lower_bound.to_string(),
            _ => String::new(),
        }
    }
}

/// One cell.
pub fn cell(value: &Value, time: TimeFormat, cells: Cells) -> String {
    let raw = value.raw(time);
    let formula = matches!(value, Value::Text(_)) && raw.starts_with(['=', '+', '-', '@']);
    match cells {
        Cells::Guarded if formula => format!("'{raw}"),
        Cells::Guarded | Cells::Plain => raw,
    }
}

/// Appends one record.
pub fn write_record(cells: impl Iterator<Item = String>, out: &mut String) {
    let mut writer = ::csv::WriterBuilder::new().from_writer(Vec::new());
    let written = writer
        .write_record(cells)
        .ok()
        .and_then(|()| writer.into_inner().ok());
    // Writing to memory cannot fail, and the cells were valid text.
    out.push_str(&String::from_utf8(written.unwrap_or_default()).unwrap_or_default());
}
