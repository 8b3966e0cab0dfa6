//! The text of every cell of the lists.

use std::time::Duration;

use super::look::Role;
use crate::row::Facts;
use crate::row::ProcessRow;
use crate::row::State;
use crate::top::columns::Column;
use crate::top::model::charted::Lane;
use crate::top::model::line::Activity;
use crate::top::model::line::Line;
use crate::top::model::screen::Pane;
use crate::top::model::settings::Charset;
use crate::top::model::settings::Command;
use crate::top::model::settings::Numbers;
use crate::top::model::tick::Quality;
use crate::top::model::Model;
use crate::units;
use crate::units::span;

/// What unknown numbers read.
pub const UNKNOWN: &str = "n/a";

/// The sums that shares are taken of.
#[derive(Debug, Clone, Copy, Default)]
pub struct Whole {
    /// Received and sent per second, all rows.
    pub rate: u64,
}

/// The text of a cell. Not sanitised.
pub fn text(model: &Model, pane: Pane, line: &Line, column: Column, whole: Whole) -> String {
    let row = model.row(line.id);
    let exit = row.and_then(|row| row.facts.exit);
    let age = line
        .age_ms
        .map(|ms| span::format(Duration::from_millis(ms)));
    match column {
        Column::State => mark(line.activity).to_owned(),
        Column::Pid => line.id.pid.to_string(),
        Column::User => row.map(user).unwrap_or_default(),
        Column::Name => row.map(|row| command(model, row)).unwrap_or_default(),
        Column::Unit => row.map(unit).unwrap_or_default(),
        Column::Connections if line.activity == Activity::Exited => "-".to_owned(),
        Column::Connections => or_unknown(line.connections.map(|n| n.to_string())),
        Column::Rx => moved(model, pane, line.rx),
        Column::Tx => moved(model, pane, line.tx),
        Column::Share => share(line.rate, whole.rate),
        Column::Peak => rate(model, line.peak),
        Column::Total => size(model, line.total),
        Column::RxTotal => size(model, line.total.map(|_| line.totals.rx)),
        Column::TxTotal => size(model, line.total.map(|_| line.totals.tx)),
        Column::Udp => part(line.udp, line),
        Column::V6 => part(line.v6, line),
        Column::Average => rate(model, line.average),
        Column::Age | Column::Ran => or_unknown(age),
        Column::Ended => or_unknown(exit.map(|exit| {
            let time = model.clock_time(exit.time);
            // With a date there is no room for more than the date and the hour.
            time.split_once(' ')
                .map_or(time.clone(), |(date, _)| date[2..].to_owned())
        })),
        Column::Exit => or_unknown(exit.and_then(|exit| {
            exit.signal
                .map(signal)
                .or(exit.code.map(|code| code.to_string()))
        })),
        Column::Trend | Column::Processes => String::new(),
    }
}

/// How a cell looks.
pub fn role(line: &Line, column: Column) -> Role {
    match (line.activity, column) {
        (Activity::Idle, _) => Role::Faint,
        (Activity::Exited, Column::State) => Role::Plain,
        (_, Column::Rx | Column::RxTotal) => Role::Rx,
        (_, Column::Tx | Column::TxTotal) => Role::Tx,
        (Activity::Exited, _) => Role::Faint,
        (Activity::Active, _) => Role::Plain,
    }
}

/// A part of all traffic.
pub fn share(rate: Option<u64>, whole: u64) -> String {
    or_unknown(rate.map(|rate| units::percent(rate, whole)))
}

/// Bytes per second or bytes, as the RX and TX columns of a list hold them.
pub fn moved(model: &Model, pane: Pane, amount: Option<u64>) -> String {
    match (pane, model.settings.numbers) {
        (Pane::Live, Numbers::Rates) => rate(model, amount),
        _ => size(model, amount),
    }
}

/// A rate.
pub fn rate(model: &Model, amount: Option<u64>) -> String {
    or_unknown(amount.map(|amount| bounded(model, model.settings.units.rate(amount))))
}

/// An amount of data.
pub fn size(model: &Model, amount: Option<u64>) -> String {
    or_unknown(amount.map(|amount| bounded(model, model.settings.units.size(amount))))
}

/// The levels of a trend, one character each; unknown is `?`.
pub fn trend(model: &Model, line: &Line, width: u16) -> String {
    let width = usize::from(width);
    let ticks = model.lane(line.id, Lane::Sum);
    // Each character is the highest of its ticks; the newest ones are at the right edge.
    let per_cell = ticks.len().div_ceil(width.max(1)).max(1);
    let mut cells: Vec<_> = ticks
        .rchunks(per_cell)
        .map(|ticks| ticks.iter().copied().flatten().max())
        .collect();
    cells.reverse();
    let text = levels(&cells);
    format!("{text:>width$}")
}

/// Rates as levels of the highest of them, one character each; unknown is `?`. Empty: all are 0.
pub fn levels(cells: &[Option<u64>]) -> String {
    let top = cells.iter().copied().flatten().max().unwrap_or(0);
    if top == 0 {
        return String::new();
    }
    let level = |cell: &Option<u64>| cell.map_or('?', |rate| level(rate, top));
    cells.iter().map(level).collect()
}

/// A bar of one to eight eighths; nothing only for nothing.
pub fn level(amount: u64, top: u64) -> char {
    const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    if amount == 0 {
        return ' ';
    }
    let eighths = (u128::from(amount) * 8)
        .div_ceil(u128::from(top.max(1)))
        .clamp(1, 8);
    LEVELS[usize::try_from(eighths - 1).unwrap_or(7)]
}

fn bounded(model: &Model, number: String) -> String {
    let bound = model
        .tick()
        .is_some_and(|tick| tick.quality == Quality::LowerBound);
    match (bound, model.settings.charset) {
        (false, _) => number,
        (true, Charset::Unicode) => format!("≥{number}"),
        // Two characters for the sign leave room for two digits.
        (true, Charset::Ascii) => match number.find('.').filter(|_| number.len() > 6) {
            Some(point) => {
                let digits = number
                    .find(|c: char| c.is_ascii_alphabetic())
                    .unwrap_or(point + 1);
                let kept = if digits - point > 2 {
                    &number[..digits - 1]
                } else {
                    &number[..point]
                };
                format!(">={kept}{}", &number[digits..])
            }
            None => format!(">={number}"),
        },
    }
}

fn part(part: Option<u64>, line: &Line) -> String {
    or_unknown(
        part.zip(line.total)
            .map(|(part, total)| units::percent(part, total)),
    )
}

fn or_unknown(text: Option<String>) -> String {
    text.unwrap_or_else(|| UNKNOWN.to_owned())
}

fn mark(activity: Activity) -> &'static str {
    match activity {
        Activity::Active => "•",
        Activity::Idle => "",
        Activity::Exited => "×",
    }
}

// What it runs in: the container, if it is in one.
fn unit(row: &ProcessRow) -> String {
    let facts = &row.facts;
    let container = facts.container.as_ref().map(|container| {
        container
            .name
            .clone()
            .unwrap_or_else(|| container.id.chars().take(12).collect())
    });
    container.or_else(|| facts.unit.clone()).unwrap_or_default()
}

fn user(row: &ProcessRow) -> String {
    // Long names are cut without a mark: the first letters tell users apart.
    let name = row
        .facts
        .user
        .clone()
        .unwrap_or_else(|| row.facts.uid.to_string());
    let name = crate::text::sanitize(&name);
    crate::text::clip(&name, 9, "").into_owned()
}

fn command(model: &Model, row: &ProcessRow) -> String {
    let facts = &row.facts;
    let line = match model.settings.command {
        Command::Line => command_line(facts),
        Command::Name => facts.name.clone(),
    };
    match (facts.state, facts.exit) {
        (State::Exited, None) => format!("{line} (ended)"),
        _ => line,
    }
}

/// The command line of a process; its name where that is not known. Not sanitised.
pub fn command_line(facts: &Facts) -> String {
    match facts.args.is_empty() {
        true => facts.name.clone(),
        false => facts.args.join(" "),
    }
}

/// A signal by its name.
pub fn signal(number: i32) -> String {
    nix::sys::signal::Signal::try_from(number).map_or_else(
        |_| format!("sig {number}"),
        |signal| signal.as_str().to_owned(),
    )
}
