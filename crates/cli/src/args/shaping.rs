//! Order, amount and form of what is printed.

use std::path::PathBuf;
use std::str::FromStr;

use clap::builder::PossibleValue;
use clap::Args;
use clap::ValueEnum;

/// Order and amount of rows and columns.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Shaping")]
pub struct ShapingArgs {
    /// Order of the rows: any column, with :asc or :desc
    #[arg(long, value_name = "KEY", default_value = "rate")]
    pub sort: SortArg,
    /// Print at most this many rows
    #[arg(long, value_name = "N")]
    pub top: Option<usize>,
    /// Columns, in order; or +NAME and -NAME to change the usual ones
    #[arg(
        long,
        value_name = "LIST",
        value_delimiter = ',',
        allow_hyphen_values = true
    )]
    pub columns: Vec<String>,
    /// Add command lines
    #[arg(long)]
    pub cmdline: bool,
    /// Add the totals of the selected processes
    #[arg(short, long)]
    pub aggregate: bool,
}

/// A sort key as typed, not yet looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SortArg {
    /// Name of a column.
    pub key: String,
    /// `None`: as is usual for that column.
    pub order: Option<Order>,
}

/// Which end comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Smallest first.
    Ascending,
    /// Largest first.
    Descending,
}

impl Default for SortArg {
    fn default() -> Self {
        Self {
            key: "rate".to_owned(),
            order: None,
        }
    }
}

impl FromStr for SortArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (key, order) = match text.split_once(':') {
            None => (text, None),
            Some((key, "asc")) => (key, Some(Order::Ascending)),
            Some((key, "desc")) => (key, Some(Order::Descending)),
            Some(_) => return Err("the order is asc or desc".to_owned()),
        };
        Ok(Self {
            key: key.to_owned(),
            order,
        })
    }
}

/// Form and place of what is printed.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Output")]
pub struct OutputArgs {
    /// Form of the output [default: table]
    #[arg(short, long, value_name = "FORMAT")]
    pub format: Option<FormatChoice>,
    /// JSON: with a compat format its JSON form, else one object per line when streaming
    #[arg(short, long)]
    pub json: bool,
    /// Write to this file instead of stdout
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// No line of column names
    #[arg(long)]
    pub no_header: bool,
    /// CSV: put ' before texts that a spreadsheet would take for a formula
    #[arg(long)]
    pub csv_spreadsheet: bool,
    /// JSON lines: one line per row instead of one per tick
    #[arg(long)]
    pub flatten: bool,
}

/// Form of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FormatChoice {
    /// Columns that fit the terminal.
    Table,
    /// All columns.
    Wide,
    /// RFC 4180.
    Csv,
    /// One document.
    Json,
    /// One object per line.
    JsonLines,
    /// As procnetmon2 prints.
    Procnetmon2,
    /// As net-proc-watch prints.
    NetProcWatch,
    /// As `nethogs -t` prints.
    Nethogs,
}

impl ValueEnum for FormatChoice {
    fn value_variants<'a>() -> &'a [Self] {
        &[
            Self::Table,
            Self::Wide,
            Self::Csv,
            Self::Json,
            Self::JsonLines,
            Self::Procnetmon2,
            Self::NetProcWatch,
            Self::Nethogs,
        ]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(match self {
            Self::Table => "table",
            Self::Wide => "wide",
            Self::Csv => "csv",
            Self::Json => "json",
            Self::JsonLines => "jsonl",
            Self::Procnetmon2 => "compat:procnetmon2",
            Self::NetProcWatch => "compat:net-proc-watch",
            Self::Nethogs => "compat:nethogs",
        }))
    }
}
