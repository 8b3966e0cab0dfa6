//! Packets and their counts as text or as a capture file: one printer per format.

pub mod columns;
pub mod pcapng;
pub mod record;
pub mod sheet;
pub mod table;
pub mod tally;
pub mod way;

#[cfg(test)]
mod printers_tests;

use std::time::Duration;

use self::columns::COLUMNS;
use self::tally::Tally;
use super::columns::choose;
use super::columns::every;
use super::value::Charset;
use super::value::Style;
use super::Header;
use crate::args::global::GlobalArgs;
use crate::args::trace::TraceArgs;
use crate::args::trace::TraceFormat;
use crate::failure::Failure;
use crate::row::packet::Packet;
use crate::row::packet::Point;
use crate::session::agent::Agent;
use crate::units::time::TimeFormat;

/// A packet with what is known beside it.
#[derive(Debug, Clone, Copy)]
pub struct Line<'a> {
    /// The packet.
    pub packet: &'a Packet,
    /// Where; `None`: the agent has told of no such point.
    pub point: Option<&'a Point>,
    /// Since the same packet's point before; `None`: there was none, or it is forgotten.
    pub since: Option<Duration>,
}

/// Turns what happens into bytes. Whatever is not worth a word in a format is left out.
pub trait Printer: Send {
    /// Before everything else.
    fn begin(&mut self, _agent: &Agent, _points: &[Point], _out: &mut Vec<u8>) {}
    /// Packets. Gives how many of them were printed.
    fn packets(&mut self, lines: &[Line<'_>], out: &mut Vec<u8>) -> u64;
    /// Counts of a second.
    fn step(&mut self, _tally: &Tally<'_>, _out: &mut Vec<u8>) {}
    /// Something the reader should know.
    fn notice(&mut self, _text: &str, _out: &mut Vec<u8>) {}
    /// After everything else; `total`: of the whole trace, as far as the agent has told.
    fn end(&mut self, _total: Option<&Tally<'_>>, _reason: &str, _out: &mut Vec<u8>) {}
}

/// The printer for these options; `wide_addresses`: only long addresses can come.
///
/// # Errors
/// Options that do not go together, or a column that does not exist.
pub fn printer(
    args: &TraceArgs,
    global: &GlobalArgs,
    wide_addresses: bool,
) -> Result<Box<dyn Printer>, Failure> {
    if args.pcapng.is_some() {
        return Ok(Box::new(pcapng::Capture));
    }
    let header = if args.no_header {
        Header::Hidden
    } else {
        Header::Shown
    };
    let style = Style {
        units: global.units(),
        time: global.time.unwrap_or(TimeFormat::Local),
        charset: Charset::of_locale(),
    };
    let time = global.time.unwrap_or(TimeFormat::Iso);
    let usual = |usual: &[&'static str], debug: &[&'static str]| {
        let mut ids = usual.to_vec();
        if args.debug_points {
            let at = ids.iter().position(|id| *id == "function");
            let at = if usual == columns::CSV {
                ids.len()
            } else {
                at.map_or(0, |at| at + 1)
            };
            ids.splice(at..at, debug.iter().copied());
        }
        choose(&every(COLUMNS), &ids, &args.columns)
    };
    let format = match (args.json, args.format) {
        (true, _) => TraceFormat::Jsonl,
        (false, format) => format.unwrap_or(TraceFormat::Table),
    };
    Ok(match (format, args.stats) {
        (TraceFormat::Table | TraceFormat::Wide, true) => {
            Box::new(table::Summary { style, header })
        }
        (TraceFormat::Csv, true) => Box::new(sheet::Summary { time, header }),
        (TraceFormat::Table, false) => Box::new(table::Table::new(
            usual(columns::TABLE, columns::DEBUG)?,
            style,
            header,
            wide_addresses,
        )),
        (TraceFormat::Wide, false) => Box::new(table::Table::new(
            usual(columns::WIDE, columns::DEBUG)?,
            style,
            header,
            wide_addresses,
        )),
        (TraceFormat::Csv, false) => Box::new(sheet::Sheet {
            columns: usual(columns::CSV, columns::DEBUG)?,
            time,
            header,
        }),
        (TraceFormat::Jsonl, _) if !args.columns.is_empty() => {
            return Err(Failure::Usage(
                "--columns works with table, wide and csv output only".to_owned(),
            ));
        }
        (TraceFormat::Jsonl, stats) => Box::new(record::Lines {
            header,
            steps: stats,
        }),
    })
}
