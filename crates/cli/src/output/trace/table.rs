//! Packets and counts as tables for people. Lines are printed as they come, so columns only widen.

use std::fmt::Write as _;

use super::columns::Column;
use super::tally::Tally;
use super::Line;
use super::Printer;
use crate::output::columns::Align;
use crate::output::columns::Column as AnyColumn;
use crate::output::columns::Kind;
use crate::output::grid;
use crate::output::value::Style;
use crate::output::value::Value;
use crate::output::Header;
use crate::row::packet::Point;
use crate::session::agent::Agent;
use crate::text;

/// Prints a line per packet and point.
#[derive(Debug)]
pub struct Table {
    columns: Vec<&'static Column>,
    widths: Vec<usize>,
    style: Style,
    header: Header,
    // Whether the header has had its turn.
    begun: bool,
}

// Of the longest address of IPv6 that is usual, and of the longest one there is.
const ADDRESS6: [usize; 2] = [25, 39];

// What a cell may take of the terminal, whoever named it.
const LONGEST: usize = 45;

impl Table {
    /// These columns; `wide_addresses`: only long addresses can come.
    pub fn new(
        columns: Vec<&'static Column>,
        style: Style,
        header: Header,
        wide_addresses: bool,
    ) -> Self {
        let widths = columns.iter().map(|column| {
            let least = match column.id {
                "src" | "dst" if wide_addresses => ADDRESS6[0],
                _ => column.width,
            };
            least.max(text::width(column.header))
        });
        Self {
            widths: widths.collect(),
            columns,
            style,
            header,
            begun: false,
        }
    }

    // Makes room for `rows`. Gives whether a column became wider.
    fn widen(&mut self, rows: &[Vec<String>]) -> bool {
        let mut wider = false;
        let last = self.columns.len().saturating_sub(1);
        for (index, column) in self.columns.iter().enumerate() {
            let needed = rows.iter().map(|row| text::width(&row[index])).max();
            let needed = needed.unwrap_or(0).min(LONGEST);
            if needed <= self.widths[index] || (index == last && column.align == Align::Left) {
                continue;
            }
            // In steps, so that the header does not come again for every address.
            let step = ADDRESS6.into_iter().find(|step| needed <= *step);
            self.widths[index] = match column.id {
                "src" | "dst" => step.unwrap_or(needed),
                _ => needed,
            };
            wider = true;
        }
        wider
    }

    // The header waits for the first packets, which may widen it.
    fn begin_late(&mut self, out: &mut Vec<u8>) {
        if !self.begun {
            let mut text = String::new();
            self.write_header(&mut text);
            out.extend(text.into_bytes());
        }
    }

    fn write_header(&mut self, out: &mut String) {
        self.begun = true;
        if self.header == Header::Hidden {
            return;
        }
        let names: Vec<_> = self.columns.iter().map(|c| c.header.to_owned()).collect();
        self.write(&names, out);
    }

    fn write(&self, row: &[String], out: &mut String) {
        // The last text is followed by nothing, so it may be as long as it is.
        let mut widths = self.widths.clone();
        if let (Some(width), Some(cell)) = (widths.last_mut(), row.last()) {
            *width = (*width).max(text::width(cell));
        }
        grid::write_row(&self.columns, &widths, row, self.style.charset, out);
    }
}

impl Printer for Table {
    fn begin(&mut self, _agent: &Agent, points: &[Point], _out: &mut Vec<u8>) {
        let names = points.iter().filter(|point| point.refused.is_none());
        let longest = names.map(|point| text::width(&text::sanitize(&point.name)));
        let longest = longest.max().unwrap_or(0).min(LONGEST);
        if let Some(index) = self
            .columns
            .iter()
            .position(|column| column.id == "function")
        {
            self.widths[index] = self.widths[index].max(longest);
        }
    }

    fn packets(&mut self, lines: &[Line<'_>], out: &mut Vec<u8>) -> u64 {
        let cells = |line| {
            let columns = self.columns.iter();
            columns
                .map(|column| (column.value)(line).human(&self.style))
                .collect()
        };
        let rows: Vec<Vec<String>> = lines.iter().map(cells).collect();
        let mut text = String::new();
        if self.widen(&rows) || !self.begun {
            self.write_header(&mut text);
        }
        for row in &rows {
            self.write(row, &mut text);
        }
        out.extend(text.into_bytes());
        rows.len() as u64
    }

    // Without packets in the first second people should see what they wait for.
    fn step(&mut self, _tally: &Tally<'_>, out: &mut Vec<u8>) {
        self.begin_late(out);
    }

    fn end(&mut self, _total: Option<&Tally<'_>>, _reason: &str, out: &mut Vec<u8>) {
        self.begin_late(out);
    }
}

/// Prints counts of every point.
#[derive(Debug)]
pub struct Summary {
    /// How values are written.
    pub style: Style,
    /// Whether columns have names.
    pub header: Header,
}

struct Points;

impl Kind for Points {
    type Row<'a> = super::tally::Row<'a>;
}

static COLUMNS: &[AnyColumn<Points>] = &[
    crate::output::columns::text("function", "FUNCTION", "function", 17, |row| {
        Value::Text(row.point.name.clone())
    }),
    crate::output::columns::number("events", "EVENTS", "events", 9, |row| {
        row.count.map_or(Value::Unknown, |c| Value::Count(c.events))
    }),
    crate::output::columns::number("rate", "EVENTS/s", "events_per_s", 9, |row| {
        match (row.events_per_s, row.count) {
            (None, _) => Value::Unknown,
            // Few are not none.
            (Some(0), Some(count)) if count.events > 0 => Value::Text("<1".to_owned()),
            (Some(rate), _) => Value::Count(rate),
        }
    }),
    crate::output::columns::number("bytes", "BYTES", "bytes", 8, |row| {
        row.count.map_or(Value::Unknown, |c| Value::Size(c.bytes))
    }),
];

impl Summary {
    fn write(&self, heading: &str, tally: &Tally<'_>, out: &mut Vec<u8>) {
        let columns: Vec<_> = COLUMNS.iter().collect();
        let length = match tally.length {
            Some(length) => format!("{:.3} s", length.as_secs_f64()),
            None => "n/a".to_owned(),
        };
        let mut rows: Vec<Vec<String>> = Vec::with_capacity(tally.rows.len() + 1);
        if self.header == Header::Shown {
            rows.push(columns.iter().map(|c| c.header.to_owned()).collect());
        }
        rows.extend(tally.rows.iter().map(|row| {
            let cells = columns.iter();
            cells.map(|c| (c.value)(row).human(&self.style)).collect()
        }));
        let widths = grid::widths(&columns, &rows, None);
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = writeln!(text, "--- {heading} ({length}) ---");
        for row in &rows {
            grid::write_row(&columns, &widths, row, self.style.charset, &mut text);
        }
        let _ = match tally.sum {
            Some(sum) => writeln!(
                text,
                "printed {} / suppressed by rate limit {} / lost in the ring {}",
                tally.printed, sum.suppressed, sum.lost
            ),
            None => writeln!(
                text,
                "printed {} / suppressed by rate limit n/a / lost in the ring n/a",
                tally.printed
            ),
        };
        out.extend(text.into_bytes());
    }
}

impl Printer for Summary {
    fn packets(&mut self, _lines: &[Line<'_>], _out: &mut Vec<u8>) -> u64 {
        0
    }

    fn step(&mut self, tally: &Tally<'_>, out: &mut Vec<u8>) {
        self.write(&self.style.time.date_time(tally.time), tally, out);
    }

    fn end(&mut self, total: Option<&Tally<'_>>, _reason: &str, out: &mut Vec<u8>) {
        if let Some(total) = total {
            self.write("in all", total, out);
        }
    }
}
