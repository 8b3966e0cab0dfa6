//! The history as text: steps instead of samples, groups besides processes.

pub mod block;
pub mod columns;
pub mod csv;
pub mod json;
pub mod layout;
pub mod record;
pub mod table;

use self::block::Block;
use super::columns::choose;
use super::columns::find_in;
use super::csv::Cells;
use super::value::Charset;
use super::value::Style;
use super::CommandLines;
use super::Header;
use crate::args::global::GlobalArgs;
use crate::args::query::GroupChoice;
use crate::args::query::QueryArgs;
use crate::args::shaping::FormatChoice;
use crate::failure::Failure;
use crate::filter::Selection;
use crate::row::past::Window;
use crate::units::time::TimeFormat;

/// Turns an answer into text.
pub trait Printer: Send {
    /// Before everything else.
    fn begin(&mut self, _window: &Window, _out: &mut String) {}
    /// One step.
    fn step(&mut self, block: &Block<'_>, out: &mut String);
    /// After everything else.
    fn end(&mut self, _out: &mut String) {}
}

/// What is asked of the history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    /// The whole window as one.
    Totals,
    /// Step by step.
    Steps,
    /// One tick.
    Tick,
}

/// Everything that decides about the printer.
#[derive(Debug, Clone, Copy)]
pub struct Wish<'a> {
    /// Options of every command.
    pub global: &'a GlobalArgs,
    /// Options of the command.
    pub args: &'a QueryArgs,
    /// What was selected.
    pub selection: &'a Selection,
    /// What is asked.
    pub question: Question,
}

impl Wish<'_> {
    /// The printer for these options.
    ///
    /// # Errors
    /// Options that do not go together, or a column that does not exist.
    pub fn printer(&self) -> Result<Box<dyn Printer>, Failure> {
        let form = self.form()?;
        self.check(form)?;
        let chosen = |usual: &[&str]| self.columns(usual);
        Ok(match form {
            FormatChoice::Table => Box::new(table::Table {
                columns: self.table_columns()?,
                totals: table::Totals::Always,
                ..self.any_table()
            }),
            FormatChoice::Wide => Box::new(table::Table {
                columns: table::Columns::Chosen(chosen(layout::wide(self.group()))?),
                totals: if self.args.shaping.aggregate {
                    table::Totals::Always
                } else {
                    table::Totals::Never
                },
                ..self.any_table()
            }),
            FormatChoice::Csv => Box::new(csv::Csv {
                columns: chosen(&layout::csv(self.group(), self.question, self.args.peaks))?,
                time: self.global.time.unwrap_or(TimeFormat::Iso),
                header: self.header(),
                aggregate: self.args.shaping.aggregate,
                cells: if self.args.output.csv_spreadsheet {
                    Cells::Guarded
                } else {
                    Cells::Plain
                },
            }),
            FormatChoice::Json => Box::new(json::Document::new(self.shape())),
            FormatChoice::JsonLines => Box::new(json::Lines::new(
                self.shape(),
                self.header(),
                self.args.output.flatten,
            )),
            FormatChoice::Procnetmon2 | FormatChoice::NetProcWatch | FormatChoice::Nethogs => {
                return Err(Failure::Usage(
                    "query prints table, wide, csv, json and jsonl".to_owned(),
                ));
            }
        })
    }

    fn form(&self) -> Result<FormatChoice, Failure> {
        match (self.args.output.format, self.args.output.json) {
            (None, true) => Ok(FormatChoice::Json),
            (None, false) => Ok(FormatChoice::Table),
            (Some(FormatChoice::Table | FormatChoice::Wide | FormatChoice::Csv), true) => Err(
                Failure::Usage("--json and this --format contradict each other".to_owned()),
            ),
            (Some(form), _) => Ok(form),
        }
    }

    fn check(&self, form: FormatChoice) -> Result<(), Failure> {
        let refused = |what: &str, only: &str| {
            Err(Failure::Usage(format!(
                "{what} works with {only} output only"
            )))
        };
        let output = &self.args.output;
        let columns = matches!(
            form,
            FormatChoice::Table | FormatChoice::Wide | FormatChoice::Csv
        );
        if output.flatten && form != FormatChoice::JsonLines {
            return refused("--flatten", "jsonl");
        }
        if output.csv_spreadsheet && form != FormatChoice::Csv {
            return refused("--csv-spreadsheet", "csv");
        }
        if !self.args.shaping.columns.is_empty() && !columns {
            return refused("--columns", "table, wide and csv");
        }
        if self.args.shaping.cmdline && self.group() != GroupChoice::Process {
            return Err(Failure::Usage(
                "--cmdline does not go with --group: a group has no command line".to_owned(),
            ));
        }
        Ok(())
    }

    fn group(&self) -> GroupChoice {
        self.args.group
    }

    fn columns(&self, usual: &[&str]) -> Result<Vec<&'static columns::Column>, Failure> {
        let all = columns::of(self.group());
        let mut columns = choose(&all, usual, &self.args.shaping.columns)?;
        if self.args.shaping.cmdline && !columns.iter().any(|column| column.id == "cmdline") {
            columns.push(find_in(&all, "cmdline")?);
        }
        Ok(columns)
    }

    fn table_columns(&self) -> Result<table::Columns, Failure> {
        let usual = layout::table(self.group(), self.question, self.args.peaks);
        let width = super::terminal_width();
        let all = columns::of(self.group());
        let fitting = super::fit::fitting_in(&all, &usual, width);
        if self.args.shaping.columns.is_empty() {
            return Ok(table::Columns::Fitting {
                columns: fitting,
                width,
            });
        }
        let ids: Vec<_> = fitting.iter().map(|column| column.id).collect();
        Ok(table::Columns::Chosen(self.columns(&ids)?))
    }

    fn any_table(&self) -> table::Table {
        table::Table {
            columns: table::Columns::Chosen(Vec::new()),
            totals: table::Totals::Never,
            style: Style {
                units: self.global.units(),
                time: self.global.time.unwrap_or(TimeFormat::Local),
                charset: Charset::of_locale(),
            },
            headings: self.question != Question::Totals,
            header: self.header(),
            command_lines: self.command_lines(),
            begun: false,
        }
    }

    fn shape(&self) -> record::Shape {
        record::Shape {
            group: self.group(),
            scope: self.selection.scope,
            command_lines: self.command_lines(),
            aggregate: self.args.shaping.aggregate,
        }
    }

    fn command_lines(&self) -> CommandLines {
        if self.args.shaping.cmdline {
            CommandLines::Shown
        } else {
            CommandLines::Hidden
        }
    }

    fn header(&self) -> Header {
        if self.args.output.no_header {
            Header::Hidden
        } else {
            Header::Shown
        }
    }
}
