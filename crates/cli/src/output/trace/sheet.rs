//! Packets and counts as CSV.

use super::columns::Column;
use super::tally::Tally;
use super::Line;
use super::Printer;
use crate::output::Header;
use crate::row::packet::Point;
use crate::session::agent::Agent;
use crate::text::sanitize;
use crate::units::time::TimeFormat;

/// Prints a record per packet and point.
#[derive(Debug)]
pub struct Sheet {
    /// Which columns.
    pub columns: Vec<&'static Column>,
    /// How times are written.
    pub time: TimeFormat,
    /// Whether columns have names.
    pub header: Header,
}

impl Printer for Sheet {
    fn begin(&mut self, _agent: &Agent, _points: &[Point], out: &mut Vec<u8>) {
        if self.header == Header::Shown {
            records(
                [self.columns.iter().map(|column| column.csv.to_owned())],
                out,
            );
        }
    }

    fn packets(&mut self, lines: &[Line<'_>], out: &mut Vec<u8>) -> u64 {
        let time = self.time;
        let cells = lines.iter().map(|line| {
            let columns = self.columns.iter();
            columns.map(move |column| (column.value)(line).raw(time))
        });
        records(cells, out);
        lines.len() as u64
    }
}

/// Prints a record per point and second.
#[derive(Debug)]
pub struct Summary {
    /// How times are written.
    pub time: TimeFormat,
    /// Whether columns have names.
    pub header: Header,
}

const NAMES: [&str; 9] = [
    "time",
    "interval_s",
    "function",
    "events",
    "events_per_s",
    "bytes",
    "printed",
    "suppressed",
    "lost",
];

impl Printer for Summary {
    fn begin(&mut self, _agent: &Agent, _points: &[Point], out: &mut Vec<u8>) {
        if self.header == Header::Shown {
            records([NAMES.iter().map(|name| (*name).to_owned())], out);
        }
    }

    fn packets(&mut self, _lines: &[Line<'_>], _out: &mut Vec<u8>) -> u64 {
        0
    }

    fn step(&mut self, tally: &Tally<'_>, out: &mut Vec<u8>) {
        let text = |number: Option<u64>| number.map(|n| n.to_string()).unwrap_or_default();
        let length = tally
            .length
            .map(|length| format!("{:.3}", length.as_secs_f64()));
        let rows = tally.rows.iter().map(|row| {
            let count = row.count;
            [
                self.time.date_time(tally.time),
                length.clone().unwrap_or_default(),
                sanitize(&row.point.name).into_owned(),
                text(count.map(|count| count.events)),
                text(row.events_per_s),
                text(count.map(|count| count.bytes)),
                text(count.map(|count| count.told)),
                text(count.map(|count| count.suppressed)),
                text(count.map(|count| count.lost)),
            ]
            .into_iter()
        });
        records(rows, out);
    }
}

// One writer for many records: each has a buffer of its own.
fn records<R: Iterator<Item = String>>(rows: impl IntoIterator<Item = R>, out: &mut Vec<u8>) {
    let mut writer = ::csv::WriterBuilder::new().from_writer(Vec::new());
    for row in rows {
        // Writing to memory cannot fail.
        let _ = writer.write_record(row);
    }
    out.extend(writer.into_inner().unwrap_or_default());
}
