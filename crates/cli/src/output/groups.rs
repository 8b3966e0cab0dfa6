//! Groups of processes as text. A printer of samples like the others: it takes the selected rows of
//! a block and prints them together.

use std::cmp::Ordering;

use serde::Serialize;

use super::block::Block;
use super::block::Idle;
use super::block::Reach;
use super::columns::choose;
use super::columns::every;
use super::columns::find_in;
use super::columns::number;
use super::columns::text;
use super::columns::Column as AnyColumn;
use super::columns::Kind;
use super::csv;
use super::grid;
use super::json;
use super::line::Line as Process;
use super::numbers::Known;
use super::numbers::Numbers;
use super::record;
use super::record::object;
use super::table;
use super::value::by_order;
use super::value::Style;
use super::value::Value;
use super::Header;
use super::Pace;
use super::Printer;
use crate::args::query::GroupChoice;
use crate::args::shaping::FormatChoice;
use crate::args::shaping::Order;
use crate::failure::Failure;
use crate::group::group;
use crate::group::Group;
use crate::row::scope::connections;
use crate::row::Extent;
use crate::row::Sample;
use crate::session::agent::Agent;
use crate::session::watch::Gap;
use crate::units::time::TimeFormat;

/// Rows of groups.
#[derive(Debug)]
pub struct Groups;

impl Kind for Groups {
    type Row<'a> = Line<'a>;
}

/// A column of groups.
pub type Column = AnyColumn<Groups>;

/// One group.
#[derive(Debug, Clone, Copy)]
pub struct Line<'a> {
    by: GroupChoice,
    group: &'a Group,
    sample: &'a Sample,
    numbers: Numbers,
    moved: u64,
    whole: Option<u64>,
    tcp: Option<u32>,
    udp: Option<u32>,
    connections: Option<u32>,
}

/// Every column.
pub static COLUMNS: &[Column] = &[
    text("time", "TIME", "time", 24, |l| {
        Value::Time(l.sample.time, l.sample.time)
    }),
    number("interval", "STEP", "interval_s", 6, |l| {
        l.sample.length.map_or(Value::Unknown, Value::Span)
    }),
    text("group_by", "BY", "group_by", 7, |l| {
        Value::Text(l.by.name().to_owned())
    }),
    text("group", "GROUP", "group", 16, |l| match &l.group.name {
        Some(name) => Value::Text(name.clone()),
        None => Value::Absent,
    }),
    number("processes", "PROCS", "processes", 5, |l| {
        Value::Count(u64::try_from(l.group.processes.len()).unwrap_or(u64::MAX))
    }),
    number("conns", "CONN", "conns", 5, |l| Value::count(l.connections)),
    number("conns_tcp", "TCP", "conns_tcp", 5, |l| Value::count(l.tcp)),
    number("conns_udp", "UDP", "conns_udp", 5, |l| Value::count(l.udp)),
    number("rx", "RX/s", "rx_bytes_per_s", 8, |l| {
        Value::rate(l.numbers.rx_rate, l.sample.lower_bound)
    }),
    number("tx", "TX/s", "tx_bytes_per_s", 8, |l| {
        Value::rate(l.numbers.tx_rate, l.sample.lower_bound)
    }),
    number("rate", "RATE/s", "bytes_per_s", 8, |l| {
        Value::rate(l.numbers.rate(), l.sample.lower_bound)
    }),
    number("share", "%", "share_percent", 4, |l| {
        match (l.numbers.rate(), l.whole) {
            (Some(_), Some(whole)) => Value::Share {
                part: l.moved,
                whole,
            },
            _ => Value::Unknown,
        }
    }),
    number("rx_tick", "RX-TICK", "rx_bytes", 8, |l| {
        Value::size(l.numbers.rx)
    }),
    number("tx_tick", "TX-TICK", "tx_bytes", 8, |l| {
        Value::size(l.numbers.tx)
    }),
    number("rx_total", "RX", "rx_bytes_total", 8, |l| {
        Value::size(l.numbers.rx_total)
    }),
    number("tx_total", "TX", "tx_bytes_total", 8, |l| {
        Value::size(l.numbers.tx_total)
    }),
    number("total", "TOTAL", "bytes_total", 8, |l| {
        Value::size(l.numbers.total())
    }),
    text("lower_bound", "LOWER", "lower_bound", 5, |l| {
        Value::Flag(l.sample.lower_bound)
    }),
];

const TABLE: &[(&str, u8)] = &[
    ("group", 1),
    ("processes", 3),
    ("conns", 4),
    ("rx", 1),
    ("tx", 1),
    ("share", 2),
    ("total", 5),
    ("rx_total", 6),
    ("tx_total", 6),
];

const WIDE: &[&str] = &[
    "group",
    "processes",
    "conns_tcp",
    "conns_udp",
    "rx",
    "tx",
    "share",
    "rx_total",
    "tx_total",
    "total",
];

const CSV: &[&str] = &[
    "time",
    "interval",
    "group_by",
    "group",
    "processes",
    "conns_tcp",
    "conns_udp",
    "rx_tick",
    "tx_tick",
    "rx",
    "tx",
    "rx_total",
    "tx_total",
    "lower_bound",
];

/// Everything that decides about the printer.
#[derive(Debug, Clone, Copy)]
pub struct Wish<'a> {
    /// What was wished of processes.
    pub wish: &'a super::Wish<'a>,
    /// The form of it.
    pub form: FormatChoice,
}

struct GroupPrinter {
    form: Form,
    by: GroupChoice,
    idle: Idle,
    sort: (&'static Column, Order),
    top: Option<usize>,
    pace: Pace,
    header: Header,
    shape: record::Shape,
}

enum Form {
    Table {
        columns: Vec<&'static Column>,
        limit: Option<usize>,
        totals: bool,
        style: Style,
    },
    Csv {
        columns: Vec<&'static Column>,
        time: TimeFormat,
        cells: csv::Cells,
        aggregate: bool,
    },
    Document,
    Lines(json::Grain),
}

impl Wish<'_> {
    /// The printer for these options.
    ///
    /// # Errors
    /// Options that do not go together, or a column that does not exist.
    pub fn printer(&self) -> Result<Box<dyn Printer>, Failure> {
        let wish = self.wish;
        if wish.shaping.cmdline {
            return Err(Failure::Usage(
                "--cmdline does not go with --group: a group has no command line".to_owned(),
            ));
        }
        let columns = |usual: &[&str]| choose(&every(COLUMNS), usual, &wish.shaping.columns);
        let aggregate = wish.shaping.aggregate;
        let style = wish.any_table().style;
        let form = match self.form {
            FormatChoice::Table => {
                let width = super::terminal_width();
                let usual = super::fit::fitting_in(&every(COLUMNS), TABLE, width);
                let usual: Vec<_> = usual.iter().map(|column| column.id).collect();
                Form::Table {
                    columns: columns(&usual)?,
                    limit: wish.shaping.columns.is_empty().then_some(width),
                    totals: true,
                    style,
                }
            }
            FormatChoice::Wide => Form::Table {
                columns: columns(WIDE)?,
                limit: None,
                totals: aggregate,
                style,
            },
            FormatChoice::Csv => Form::Csv {
                columns: columns(CSV)?,
                time: wish.time(TimeFormat::Iso),
                cells: if wish.output.csv_spreadsheet {
                    csv::Cells::Guarded
                } else {
                    csv::Cells::Plain
                },
                aggregate,
            },
            FormatChoice::Json => Form::Document,
            FormatChoice::JsonLines if wish.output.flatten => Form::Lines(json::Grain::Row),
            FormatChoice::JsonLines => Form::Lines(json::Grain::Tick),
            FormatChoice::Procnetmon2 | FormatChoice::NetProcWatch | FormatChoice::Nethogs => {
                return Err(Failure::Usage(
                    "--group works with table, wide, csv, json and jsonl output only".to_owned(),
                ));
            }
        };
        let column = find_in(&every(COLUMNS), &wish.shaping.sort.key)?;
        Ok(Box::new(GroupPrinter {
            form,
            by: wish.group,
            idle: wish.idle,
            sort: (column, wish.shaping.sort.order.unwrap_or(column.first)),
            top: wish.shaping.top,
            pace: wish.pace,
            header: wish.header(),
            shape: wish.record(),
        }))
    }
}

impl GroupPrinter {
    fn lines<'a>(&self, block: &Block<'a>, groups: &'a [Group]) -> Vec<Line<'a>> {
        let Some(first) = block.lines.first() else {
            return Vec::new();
        };
        let known = Known {
            // The past tells of those alone that moved something.
            totals: first.known.totals
                && !self.by.needs_connections()
                && block.sample.extent == Extent::All,
            ..first.known
        };
        let mut lines: Vec<_> = groups
            .iter()
            .map(|group| line(self.by, group, first, known))
            .filter(|line| self.idle == Idle::Shown || line.moved > 0)
            .collect();
        let (column, order) = self.sort;
        lines.sort_by(|a, b| compare(a, b, column, order));
        lines.truncate(self.top.unwrap_or(usize::MAX));
        lines
    }
}

fn line<'a>(by: GroupChoice, group: &'a Group, of: &Process<'a>, known: Known) -> Line<'a> {
    let counter = group.flows.sum(of.scope);
    let (tcp, udp) = if known.connections {
        (group.tcp, group.udp)
    } else {
        (None, None)
    };
    Line {
        by,
        group,
        sample: of.sample,
        numbers: Numbers::new(counter, of.sample.length, known),
        moved: counter.tick.sum(),
        whole: of.whole,
        tcp,
        udp,
        connections: connections(of.scope, tcp, udp),
    }
}

fn compare(a: &Line<'_>, b: &Line<'_>, column: &Column, order: Order) -> Ordering {
    by_order(&(column.value)(a), &(column.value)(b), order)
        .then_with(|| b.moved.cmp(&a.moved))
        .then_with(|| a.group.name.cmp(&b.group.name))
}

impl Printer for GroupPrinter {
    fn begin(&mut self, agent: &Agent, out: &mut String) {
        let lines = matches!(self.form, Form::Lines(_));
        if lines && self.pace == Pace::Stream && self.header == Header::Shown {
            json::line(&object("hello", self.shape.hello(agent)), out);
        }
    }

    fn sample(&mut self, block: &Block<'_>, out: &mut String) {
        let rows = block.lines.iter().map(|line| line.row);
        let groups = group(self.by, rows, &block.sample.connections);
        let lines = self.lines(block, &groups);
        match &self.form {
            Form::Table {
                columns,
                limit,
                totals,
                style,
            } => {
                if self.pace == Pace::Stream {
                    table::heading(block, style, out);
                }
                let mut rows: Vec<Vec<String>> = Vec::new();
                if self.header == Header::Shown {
                    let names = columns.iter();
                    rows.push(names.map(|column| column.header.to_owned()).collect());
                }
                let cells = |value: &dyn Fn(&Column) -> Value| {
                    let values = columns.iter();
                    values.map(|column| value(column).human(style)).collect()
                };
                rows.extend(lines.iter().map(|line| cells(&|c| (c.value)(line))));
                if *totals {
                    if let Some(numbers) = table::unattributed(block) {
                        rows.push(cells(&|column| match column.id {
                            "group" => Value::Text("(unattributed)".to_owned()),
                            id => table::of_unattributed(id, &numbers, block),
                        }));
                    }
                    rows.push(cells(&|column| match column.id {
                        "group" => Value::Text("TOTAL".to_owned()),
                        "processes" => processes(block),
                        id => table::of_total(id, block),
                    }));
                }
                let widths = grid::widths(columns, &rows, *limit);
                for row in &rows {
                    grid::write_row(columns, &widths, row, style.charset, out);
                }
            }
            Form::Csv {
                columns,
                time,
                cells,
                aggregate,
            } => {
                if self.header == Header::Shown {
                    csv::write_record(columns.iter().map(|column| column.csv.to_owned()), out);
                    self.header = Header::Hidden;
                }
                let rows = lines.iter().map(|line| {
                    let row = columns.iter();
                    row.map(move |column| csv::cell(&(column.value)(line), *time, *cells))
                });
                rows.for_each(|row| csv::write_record(row, out));
                if *aggregate {
                    let row = columns.iter().map(|column| match column.id {
                        "group" => "TOTAL".to_owned(),
                        "time" => time.date_time(block.sample.time),
                        id => csv::cell(&table::of_selected(id, block), *time, *cells),
                    });
                    csv::write_record(row, out);
                }
            }
            Form::Document => json::document(&object("sample", self.record(block, &lines)), out),
            Form::Lines(json::Grain::Tick) => {
                json::line(&object("sample", self.record(block, &lines)), out);
            }
            Form::Lines(json::Grain::Row) => {
                for line in &lines {
                    let row = record::GroupRow {
                        seq: block.sample.seq,
                        time: crate::units::time::iso(block.sample.time),
                        interval_s: block
                            .sample
                            .length
                            .map(|length| record::seconds(length.as_secs_f64())),
                        group_by: self.by.name(),
                        row: group_record(line),
                    };
                    json::line(&object("group", row), out);
                }
            }
        }
    }

    fn gap(&mut self, gap: &Gap, out: &mut String) {
        if matches!(self.form, Form::Lines(_)) {
            json::line(&object("gap", record::Shape::gap(gap)), out);
        }
    }

    fn exit(&mut self, line: &Process<'_>, out: &mut String) {
        if matches!(self.form, Form::Lines(_)) {
            json::line(&object("exit", self.shape.exit(line)), out);
        }
    }

    fn notice(&mut self, text: &str, out: &mut String) {
        if matches!(self.form, Form::Lines(_)) {
            let level = "warning";
            json::line(&object("notice", record::Notice { level, text }), out);
        }
    }

    fn end(&mut self, reason: &str, out: &mut String) {
        if matches!(self.form, Form::Lines(_)) && self.pace == Pace::Stream {
            json::line(&object("bye", record::Bye { reason }), out);
        }
    }
}

impl GroupPrinter {
    fn record(&self, block: &Block<'_>, lines: &[Line<'_>]) -> impl Serialize {
        let rows = lines.iter().map(group_record).collect();
        self.shape.groups(block, self.by, rows)
    }
}

fn processes(block: &Block<'_>) -> Value {
    Value::count(match block.reach {
        Reach::Machine => block.machine.processes.or(block.machine.active),
        Reach::Selected => block.selected.processes,
    })
}

fn group_record(line: &Line<'_>) -> record::GroupRecord {
    record::GroupRecord {
        group: line.group.name.as_deref().map(record::clean),
        processes: line.group.processes.len(),
        rx_bytes: line.numbers.rx,
        tx_bytes: line.numbers.tx,
        rx_bytes_per_s: line.numbers.rx_rate,
        tx_bytes_per_s: line.numbers.tx_rate,
        rx_bytes_total: line.numbers.rx_total,
        tx_bytes_total: line.numbers.tx_total,
        conns_tcp: line.tcp,
        conns_udp: line.udp,
        lower_bound: line.sample.lower_bound,
    }
}
