//! Samples as text: one printer per format, all fed by the same blocks.

pub mod block;
pub mod cells;
pub mod columns;
pub mod compat;
pub mod connections;
pub mod csv;
pub mod fit;
pub mod grid;
pub mod groups;
pub mod json;
pub mod line;
pub mod numbers;
pub mod past;
pub mod record;
pub mod sink;
pub mod table;
pub mod trace;
pub mod value;

use std::io::IsTerminal as _;

use self::block::Block;
use self::block::Idle;
use self::columns::Column;
use self::line::Line;
use self::value::Charset;
use self::value::Style;
use crate::args::global::GlobalArgs;
use crate::args::query::GroupChoice;
use crate::args::shaping::FormatChoice;
use crate::args::shaping::OutputArgs;
use crate::args::shaping::ShapingArgs;
use crate::failure::Failure;
use crate::filter::Selection;
use crate::filter::States;
use crate::session::agent::Agent;
use crate::session::watch::Gap;
use crate::units::time::TimeFormat;

/// Turns what happens into text. Whatever is not worth a word in a format is left out.
pub trait Printer: Send {
    /// Before everything else.
    fn begin(&mut self, _agent: &Agent, _out: &mut String) {}
    /// One tick.
    fn sample(&mut self, block: &Block<'_>, out: &mut String);
    /// A process has ended.
    fn exit(&mut self, _line: &Line<'_>, _out: &mut String) {}
    /// Ticks are missing.
    fn gap(&mut self, _gap: &Gap, _out: &mut String) {}
    /// Something the reader should know.
    fn notice(&mut self, _text: &str, _out: &mut String) {}
    /// After everything else.
    fn end(&mut self, _reason: &str, _out: &mut String) {}
}

/// Whether samples follow one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// One sample, then the end.
    Once,
    /// One after another.
    Stream,
}

/// Whether ends of processes are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Events {
    /// Only where the format always has them.
    Usual,
    /// Asked for.
    Wanted,
}

/// Everything that decides about the printer.
#[derive(Debug, Clone, Copy)]
pub struct Wish<'a> {
    /// Options of every command.
    pub global: &'a GlobalArgs,
    /// Options of the order and columns.
    pub shaping: &'a ShapingArgs,
    /// Options of the form.
    pub output: &'a OutputArgs,
    /// What was selected.
    pub selection: &'a Selection,
    /// One sample or many.
    pub pace: Pace,
    /// Ends of processes.
    pub events: Events,
    /// What rows are about.
    pub group: GroupChoice,
    /// Connections below each process.
    pub details: bool,
    /// Groups without traffic.
    pub idle: Idle,
}

/// A header line of column names or of the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Header {
    /// Printed.
    Shown,
    /// Left out.
    Hidden,
}

/// Sums over the selected processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aggregate {
    /// Only where the format always has them.
    Usual,
    /// Asked for.
    Wanted,
}

/// Whether rows have the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommandLines {
    /// Yes.
    Shown,
    /// No: unknown.
    Hidden,
}

impl Wish<'_> {
    /// The printer for these options.
    ///
    /// # Errors
    /// Options that do not go together, or a column that does not exist.
    pub fn printer(&self) -> Result<Box<dyn Printer>, Failure> {
        let form = self.form()?;
        self.check(form)?;
        if self.group != GroupChoice::Process {
            return groups::Wish { wish: self, form }.printer();
        }
        Ok(match form {
            FormatChoice::Table => Box::new(self.table()?),
            FormatChoice::Wide => Box::new(self.wide()?),
            FormatChoice::Csv => Box::new(csv::Csv::new(
                self.columns(csv::USUAL)?,
                self.time(TimeFormat::Iso),
                self.header(),
                self.aggregate(),
                if self.output.csv_spreadsheet {
                    csv::Cells::Guarded
                } else {
                    csv::Cells::Plain
                },
            )),
            FormatChoice::Json => Box::new(json::Document::new(self.record())),
            FormatChoice::JsonLines => Box::new(json::Lines::new(
                self.record(),
                self.pace,
                self.header(),
                if self.output.flatten {
                    json::Grain::Row
                } else {
                    json::Grain::Tick
                },
            )),
            FormatChoice::Procnetmon2 => Box::new(compat::procnetmon2::Procnetmon2 {
                form: self.compat_form(),
            }),
            FormatChoice::NetProcWatch => Box::new(compat::net_proc_watch::NetProcWatch {
                form: self.compat_form(),
                header: self.header(),
            }),
            FormatChoice::Nethogs => Box::new(compat::nethogs::Nethogs),
        })
    }

    fn form(&self) -> Result<FormatChoice, Failure> {
        let json = match self.pace {
            Pace::Once => FormatChoice::Json,
            Pace::Stream => FormatChoice::JsonLines,
        };
        match (self.output.format, self.output.json) {
            (None, true) => Ok(json),
            (None, false) => Ok(FormatChoice::Table),
            // A stream has no single document.
            (Some(FormatChoice::Json), _) => Ok(json),
            (Some(FormatChoice::Table | FormatChoice::Wide | FormatChoice::Csv), true) => Err(
                Failure::Usage("--json and this --format contradict each other".to_owned()),
            ),
            (Some(FormatChoice::Nethogs), true) => {
                Err(Failure::Usage("compat:nethogs has no JSON form".to_owned()))
            }
            (Some(form), _) => Ok(form),
        }
    }

    fn check(&self, form: FormatChoice) -> Result<(), Failure> {
        let columns = matches!(
            form,
            FormatChoice::Table | FormatChoice::Wide | FormatChoice::Csv
        );
        let text = matches!(form, FormatChoice::Table | FormatChoice::Wide);
        let refused = |what: &str, only: &str| {
            Err(Failure::Usage(format!(
                "{what} works with {only} output only"
            )))
        };
        if self.output.flatten && form != FormatChoice::JsonLines {
            return refused("--flatten", "jsonl");
        }
        if self.output.csv_spreadsheet && form != FormatChoice::Csv {
            return refused("--csv-spreadsheet", "csv");
        }
        if !self.shaping.columns.is_empty() && !columns {
            return refused("--columns", "table, wide and csv");
        }
        let json = matches!(form, FormatChoice::Json | FormatChoice::JsonLines);
        if self.details && !text && !json {
            return Err(Failure::Usage(
                "--details works with table, wide and json output; for CSV: netmon connections"
                    .to_owned(),
            ));
        }
        if self.details && self.group != GroupChoice::Process {
            return Err(Failure::Usage(
                "--details does not go with --group: it lists the connections of each process"
                    .to_owned(),
            ));
        }
        if self.events == Events::Wanted && !text && form != FormatChoice::JsonLines {
            return refused("--events", "table, wide and jsonl");
        }
        Ok(())
    }

    fn columns(&self, usual: &[&'static str]) -> Result<Vec<&'static Column>, Failure> {
        let mut columns = columns::choose(
            &columns::every(columns::COLUMNS),
            usual,
            &self.shaping.columns,
        )?;
        if self.shaping.cmdline && !columns.iter().any(|column| column.id == "cmdline") {
            columns.extend(columns::list(&["cmdline"]));
        }
        Ok(columns)
    }

    fn table(&self) -> Result<table::Table, Failure> {
        let usual = match self.selection.states {
            States::Live => fit::LIVE,
            States::Exited => fit::EXITED,
            States::All => fit::ALL,
        };
        let columns = if self.shaping.columns.is_empty() {
            table::Columns::Fitting {
                usual,
                width: terminal_width(),
            }
        } else {
            let ids: Vec<_> = fit::fitting(usual, terminal_width())
                .iter()
                .map(|column| column.id)
                .collect();
            table::Columns::Chosen(self.columns(&ids)?)
        };
        Ok(table::Table {
            columns,
            totals: table::Totals::Always,
            ..self.any_table()
        })
    }

    fn wide(&self) -> Result<table::Table, Failure> {
        let mut usual = table::WIDE.to_vec();
        if self.selection.states != States::Live {
            usual.push("exit");
        }
        let totals = match self.aggregate() {
            Aggregate::Usual => table::Totals::Never,
            Aggregate::Wanted => table::Totals::Always,
        };
        let columns = table::Columns::Chosen(self.columns(&usual)?);
        Ok(table::Table {
            columns,
            totals,
            ..self.any_table()
        })
    }

    fn any_table(&self) -> table::Table {
        table::Table {
            columns: table::Columns::Chosen(Vec::new()),
            totals: table::Totals::Never,
            style: Style {
                units: self.global.units(),
                time: self.time(TimeFormat::Local),
                charset: Charset::of_locale(),
            },
            pace: self.pace,
            header: self.header(),
            events: self.events,
            command: if self.shaping.cmdline {
                table::Command::Line
            } else {
                table::Command::Name
            },
        }
    }

    fn record(&self) -> record::Shape {
        record::Shape {
            scope: self.selection.scope,
            command_lines: if self.shaping.cmdline {
                CommandLines::Shown
            } else {
                CommandLines::Hidden
            },
            aggregate: self.aggregate(),
        }
    }

    fn header(&self) -> Header {
        if self.output.no_header {
            Header::Hidden
        } else {
            Header::Shown
        }
    }

    fn aggregate(&self) -> Aggregate {
        if self.shaping.aggregate {
            Aggregate::Wanted
        } else {
            Aggregate::Usual
        }
    }

    fn compat_form(&self) -> compat::Form {
        if self.output.json {
            compat::Form::Json
        } else {
            compat::Form::Text
        }
    }

    fn time(&self, usual: TimeFormat) -> TimeFormat {
        self.global.time.unwrap_or(usual)
    }
}

// Of the terminal on stdout; elsewhere of COLUMNS, or 132.
fn terminal_width() -> usize {
    if std::io::stdout().is_terminal() {
        if let Ok((width, _)) = crossterm::terminal::size() {
            if width > 0 {
                return width.into();
            }
        }
    }
    let columns = std::env::var("COLUMNS")
        .ok()
        .and_then(|columns| columns.parse().ok());
    columns.filter(|columns| *columns > 0).unwrap_or(132)
}
