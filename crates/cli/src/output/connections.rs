//! Connections as text. A printer of samples like the others, so that whoever has samples can print
//! their connections.

pub mod block;
pub mod columns;
pub mod layout;
pub mod record;
pub mod table;

use std::time::Duration;

use self::block::View;
use self::columns::Column;
use self::columns::COLUMNS;
use super::block::Block as ProcessBlock;
use super::columns::choose;
use super::columns::every;
use super::columns::find_in;
use super::csv;
use super::json;
use super::numbers::Known;
use super::record::object;
use super::record::Bye;
use super::record::Notice;
use super::record::Shape;
use super::value::Charset;
use super::value::Style;
use super::Aggregate;
use super::CommandLines;
use super::Header;
use super::Pace;
use super::Printer;
use crate::args::connections::ConnectionsArgs;
use crate::args::global::GlobalArgs;
use crate::args::shaping::FormatChoice;
use crate::args::shaping::Order;
use crate::failure::Failure;
use crate::filter::Selection;
use crate::resolve::Resolver;
use crate::row::Names;
use crate::session::agent::Agent;
use crate::session::watch::Gap;
use crate::units::time::TimeFormat;

/// Everything that decides about the printer.
#[derive(Debug, Clone, Copy)]
pub struct Wish<'a> {
    /// Options of every command.
    pub global: &'a GlobalArgs,
    /// Options of the command.
    pub args: &'a ConnectionsArgs,
    /// What was selected.
    pub selection: &'a Selection,
    /// One sample or many.
    pub pace: Pace,
}

/// Prints the connections of samples.
pub struct Connections {
    form: Form,
    view: View,
    pace: Pace,
    header: Header,
    shape: Shape,
    resolver: Option<Resolver>,
    names: Names,
}

enum Form {
    Table(table::Table),
    Csv {
        columns: Vec<&'static Column>,
        time: TimeFormat,
        cells: csv::Cells,
        aggregate: Aggregate,
    },
    Document,
    Lines(json::Grain),
}

impl Wish<'_> {
    /// The printer for these options.
    ///
    /// # Errors
    /// Options that do not go together, or a column that does not exist.
    pub fn printer(&self) -> Result<Connections, Failure> {
        let (output, shaping) = (&self.args.output, &self.args.shaping);
        let lines = if output.flatten {
            json::Grain::Row
        } else {
            json::Grain::Tick
        };
        let document = match self.pace {
            Pace::Once => Form::Document,
            Pace::Stream => Form::Lines(lines),
        };
        let form = match (output.format, output.json) {
            (Some(FormatChoice::Table | FormatChoice::Wide | FormatChoice::Csv), true) => {
                return Err(Failure::Usage(
                    "--json and this --format contradict each other".to_owned(),
                ));
            }
            (Some(FormatChoice::JsonLines), _) => Form::Lines(lines),
            (Some(FormatChoice::Json), _) | (None, true) => document,
            (Some(FormatChoice::Csv), false) => Form::Csv {
                columns: self.columns(layout::CSV)?,
                time: self.global.time.unwrap_or(TimeFormat::Iso),
                cells: if output.csv_spreadsheet {
                    csv::Cells::Guarded
                } else {
                    csv::Cells::Plain
                },
                aggregate: self.aggregate(),
            },
            (None | Some(FormatChoice::Table), false) => Form::Table(self.table()?),
            (Some(FormatChoice::Wide), false) => Form::Table(table::Table {
                columns: self.columns(layout::WIDE)?,
                totals: shaping.aggregate,
                limit: None,
                ..self.table()?
            }),
            (Some(_), _) => {
                return Err(Failure::Usage(
                    "connections prints table, wide, csv, json and jsonl".to_owned(),
                ));
            }
        };
        self.check(&form)?;
        let column = find_in(&every(COLUMNS), &shaping.sort.key)?;
        Ok(Connections {
            form,
            view: View {
                scope: self.selection.scope,
                states: self.selection.states,
                // A list is what the agent has chosen; it knows more of processes than it sends with it.
                words: match self.pace {
                    Pace::Once => None,
                    Pace::Stream => self.selection.words.clone(),
                },
                sort: (column, shaping.sort.order.unwrap_or(column.first)),
                top: shaping.top,
                known: None,
            },
            pace: self.pace,
            header: if output.no_header {
                Header::Hidden
            } else {
                Header::Shown
            },
            shape: Shape {
                scope: self.selection.scope,
                command_lines: CommandLines::Hidden,
                aggregate: self.aggregate(),
            },
            resolver: self.args.resolve.then(|| Resolver::new(RESOLVE_BUDGET)),
            names: Names::new(),
        })
    }

    fn check(&self, form: &Form) -> Result<(), Failure> {
        let (output, shaping) = (&self.args.output, &self.args.shaping);
        let refused = |what: &str, only: &str| {
            Err(Failure::Usage(format!(
                "{what} works with {only} output only"
            )))
        };
        if output.flatten && !matches!(form, Form::Lines(_)) {
            return refused("--flatten", "jsonl");
        }
        if output.csv_spreadsheet && !matches!(form, Form::Csv { .. }) {
            return refused("--csv-spreadsheet", "csv");
        }
        if !shaping.columns.is_empty() && matches!(form, Form::Document | Form::Lines(_)) {
            return refused("--columns", "table, wide and csv");
        }
        if shaping.cmdline {
            return Err(Failure::Usage(
                "--cmdline does not go with connections: a connection has no command line"
                    .to_owned(),
            ));
        }
        if self.args.closed && self.pace == Pace::Stream {
            return Err(Failure::Usage(
                "--closed does not go with --interval: what ends is shown in its last step"
                    .to_owned(),
            ));
        }
        if self.args.count > 0 && self.pace == Pace::Once {
            return Err(Failure::Usage("--count needs --interval".to_owned()));
        }
        Ok(())
    }

    fn columns(&self, usual: &[&str]) -> Result<Vec<&'static Column>, Failure> {
        choose(&every(COLUMNS), usual, &self.args.shaping.columns)
    }

    fn table(&self) -> Result<table::Table, Failure> {
        let width = super::terminal_width();
        let usual: Vec<_> = layout::fitting(width)
            .iter()
            .map(|column| column.id)
            .collect();
        Ok(table::Table {
            columns: self.columns(&usual)?,
            limit: self.args.shaping.columns.is_empty().then_some(width),
            totals: true,
            style: Style {
                units: self.global.units(),
                time: self.global.time.unwrap_or(TimeFormat::Local),
                charset: Charset::of_locale(),
            },
        })
    }

    fn aggregate(&self) -> Aggregate {
        if self.args.shaping.aggregate {
            Aggregate::Wanted
        } else {
            Aggregate::Usual
        }
    }
}

/// The fastest first.
pub fn by_rate() -> (&'static Column, Order) {
    let rate = COLUMNS.iter().find(|column| column.id == "rate");
    (rate.unwrap_or(&COLUMNS[0]), Order::Descending)
}

// All look-ups together may hold up the output for so long.
const RESOLVE_BUDGET: Duration = Duration::from_millis(200);

impl Printer for Connections {
    fn begin(&mut self, agent: &Agent, out: &mut String) {
        self.view.known = Some(Known::new(&agent.capabilities, self.view.scope));
        let lines = matches!(self.form, Form::Lines(_));
        if lines && self.pace == Pace::Stream && self.header == Header::Shown {
            json::line(&object("hello", self.shape.hello(agent)), out);
        }
    }

    fn sample(&mut self, block: &ProcessBlock<'_>, out: &mut String) {
        let sample = block.sample;
        if let Some(resolver) = &mut self.resolver {
            let shown = sample
                .connections
                .iter()
                .filter(|connection| connection.is_in(self.view.scope));
            let addresses = shown.filter_map(|connection| Some(connection.remote?.address));
            resolver.learn(addresses, &mut self.names);
        }
        let block = self.view.block(sample, Some(&self.names));
        match &self.form {
            Form::Table(table) => {
                if self.pace == Pace::Stream {
                    table.heading(&block, out);
                }
                table.print(&block, self.header, out);
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
                for line in &block.lines {
                    let row = columns.iter();
                    let row = row.map(|column| csv::cell(&(column.value)(line), *time, *cells));
                    csv::write_record(row, out);
                }
                if *aggregate == Aggregate::Wanted {
                    let row = columns.iter().map(|column| match column.id {
                        "time" => time.date_time(sample.time),
                        id => csv::cell(&table::of_sum(id, &block), *time, *cells),
                    });
                    csv::write_record(row, out);
                }
            }
            Form::Document => json::document(&object("connections", record::tick(&block)), out),
            Form::Lines(json::Grain::Tick) => {
                json::line(&object("connections", record::tick(&block)), out);
            }
            Form::Lines(json::Grain::Row) => {
                for line in &block.lines {
                    json::line(&object("connection", record::flat_row(line)), out);
                }
            }
        }
    }

    fn gap(&mut self, gap: &Gap, out: &mut String) {
        if matches!(self.form, Form::Lines(_)) {
            json::line(&object("gap", Shape::gap(gap)), out);
        }
    }

    fn notice(&mut self, text: &str, out: &mut String) {
        if matches!(self.form, Form::Lines(_)) {
            let level = "warning";
            json::line(&object("notice", Notice { level, text }), out);
        }
    }

    fn end(&mut self, reason: &str, out: &mut String) {
        if matches!(self.form, Form::Lines(_)) && self.pace == Pace::Stream {
            json::line(&object("bye", Bye { reason }), out);
        }
    }
}
