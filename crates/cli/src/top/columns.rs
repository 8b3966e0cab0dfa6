//! The columns of the lists, and which of them fit.

pub mod chosen;
pub mod grouped;
pub mod sockets;

pub use self::chosen::Chosen;
use super::layout::Area;
use super::model::screen::Pane;
use super::model::settings::Numbers;
use super::model::sort::SortKey;

/// A column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    /// A mark.
    State,
    /// Process id.
    Pid,
    /// Owner.
    User,
    /// Command.
    Name,
    /// Container, or systemd unit.
    Unit,
    /// Open connections.
    Connections,
    /// Received.
    Rx,
    /// Sent.
    Tx,
    /// Share of the traffic.
    Share,
    /// Highest tick.
    Peak,
    /// Bytes since first seen.
    Total,
    /// The last minute.
    Trend,
    /// Time since its start.
    Age,
    /// Bytes received since first seen.
    RxTotal,
    /// Bytes sent since first seen.
    TxTotal,
    /// Share of UDP.
    Udp,
    /// Share of IPv6.
    V6,
    /// Mean rate over its life.
    Average,
    /// When it ended.
    Ended,
    /// How long it ran.
    Ran,
    /// How it ended.
    Exit,
    /// Processes in a group.
    Processes,
}

/// On which side of its cells a text stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// A column and its cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placed {
    /// Which.
    pub column: Column,
    /// Its first cell, counted from the first cell inside the border.
    pub x: u16,
    /// Its cells.
    pub width: u16,
}

struct Rule {
    column: Column,
    least: u16,
    /// Lower numbers are taken first.
    priority: u8,
}

const fn rule(column: Column, least: u16, priority: u8) -> Rule {
    Rule {
        column,
        least,
        priority,
    }
}

const LIVE: &[Rule] = &[
    rule(Column::State, 1, 1),
    rule(Column::Pid, 7, 2),
    rule(Column::User, 9, 5),
    rule(Column::Name, 12, 1),
    rule(Column::Unit, 12, 9),
    rule(Column::Connections, 5, 4),
    rule(Column::Rx, 8, 1),
    rule(Column::Tx, 8, 1),
    rule(Column::Share, 4, 2),
    rule(Column::Peak, 8, 8),
    rule(Column::Total, 8, 3),
    rule(Column::Trend, 10, 6),
    rule(Column::Age, 6, 10),
    rule(Column::RxTotal, 8, 11),
    rule(Column::TxTotal, 8, 12),
    rule(Column::Udp, 4, 13),
    rule(Column::V6, 4, 14),
];

const EXITED: &[Rule] = &[
    rule(Column::State, 1, 1),
    rule(Column::Pid, 7, 3),
    rule(Column::User, 9, 8),
    rule(Column::Name, 12, 1),
    rule(Column::Rx, 8, 1),
    rule(Column::Tx, 8, 1),
    rule(Column::Peak, 8, 6),
    rule(Column::Average, 8, 7),
    rule(Column::Ended, 8, 2),
    rule(Column::Ran, 6, 4),
    rule(Column::Exit, 7, 5),
];

/// Cells left of the first column, for the mark of the selected row.
const MARGIN: u16 = 1;
const NAME_ENOUGH: u16 = 30;
const TREND_ENOUGH: u16 = 24;

const UNIT_ENOUGH: u16 = 26;

fn rules(pane: Pane) -> &'static [Rule] {
    match pane {
        Pane::Live => LIVE,
        Pane::Exited => EXITED,
    }
}

/// All columns of a list, from left to right.
pub fn all(pane: Pane) -> Vec<Column> {
    rules(pane).iter().map(|rule| rule.column).collect()
}

/// The columns of a list that fit into so many cells, from left to right.
pub fn fit(pane: Pane, chosen: Chosen, inner_width: u16) -> Vec<Placed> {
    let rules = rules(pane);
    let room = inner_width.saturating_sub(2 * MARGIN);
    let allowed = rules.iter().filter(|rule| chosen.allows(rule.column));
    let mut by_priority: Vec<_> = allowed.collect();
    by_priority.sort_by_key(|rule| match chosen.wants(rule.column) {
        true => 1,
        false => rule.priority,
    });
    let mut used = 0;
    let taken: Vec<_> = by_priority
        .into_iter()
        .map_while(|rule| {
            let gap = u16::from(used > 0);
            used += rule.least + gap;
            (used <= room).then_some((rule.column, rule.least + gap))
        })
        .collect();
    let mut spare = room.saturating_sub(taken.iter().map(|(_, cells)| cells).sum());
    let shown = |column| taken.iter().any(|(taken, _)| *taken == column);
    let mut name = match shown(Column::Name) {
        true => spare.min(NAME_ENOUGH - 12),
        false => 0,
    };
    spare -= name;
    let trend = if shown(Column::Trend) {
        spare.min(TREND_ENOUGH - 10)
    } else {
        0
    };
    spare -= trend;
    let unit = if shown(Column::Unit) {
        spare.min(UNIT_ENOUGH - 12)
    } else {
        0
    };
    name += spare - unit;
    let mut x = MARGIN;
    rules
        .iter()
        .filter(|rule| shown(rule.column))
        .map(|rule| {
            let width = rule.least
                + match rule.column {
                    Column::Name => name,
                    Column::Trend => trend,
                    Column::Unit => unit,
                    _ => 0,
                };
            let placed = Placed {
                column: rule.column,
                x,
                width,
            };
            x += width + 1;
            placed
        })
        .collect()
}

/// What a click on a cell of the header row sorts by.
pub fn key_at(pane: Pane, chosen: Chosen, area: Area, x: u16) -> Option<SortKey> {
    let at = x.checked_sub(area.inner().x)?;
    fit(pane, chosen, area.inner().width)
        .into_iter()
        .find(|placed| (placed.x..placed.x + placed.width).contains(&at))
        .and_then(|placed| placed.column.sort_key(pane))
}

/// The keys that the visible columns sort by, from left to right.
pub fn sort_keys(pane: Pane, chosen: Chosen, inner_width: u16) -> Vec<SortKey> {
    let columns = fit(pane, chosen, inner_width);
    columns
        .into_iter()
        .filter_map(|placed| placed.column.sort_key(pane))
        .collect()
}

impl Column {
    /// Its header.
    pub fn header(self, pane: Pane, numbers: Numbers) -> &'static str {
        let totals = pane == Pane::Exited || numbers == Numbers::Totals;
        match self {
            Self::State => "",
            Self::Pid => "PID",
            Self::User => "USER",
            Self::Name => "COMMAND",
            Self::Unit => "UNIT",
            Self::Connections => "CONN",
            Self::Rx if totals => "RX",
            Self::Tx if totals => "TX",
            Self::Rx => "RX/s",
            Self::Tx => "TX/s",
            Self::RxTotal => "RX",
            Self::TxTotal => "TX",
            Self::Share => "%",
            Self::Peak => "PEAK/s",
            Self::Total => "TOTAL",
            Self::Trend => "TREND 60s",
            Self::Age => "AGE",
            Self::Udp => "UDP%",
            Self::V6 => "V6%",
            Self::Average => "AVG/s",
            Self::Ended => "ENDED",
            Self::Ran => "RAN",
            Self::Exit => "EXIT",
            Self::Processes => "PROC",
        }
    }

    /// Where its text stands.
    pub fn side(self) -> Side {
        match self {
            Self::State | Self::User | Self::Name | Self::Unit | Self::Trend => Side::Left,
            _ => Side::Right,
        }
    }

    /// What it sorts by; `None`: nothing.
    pub fn sort_key(self, pane: Pane) -> Option<SortKey> {
        Some(match self {
            Self::Pid => SortKey::Pid,
            Self::User => SortKey::User,
            Self::Name => SortKey::Name,
            Self::Connections => SortKey::Connections,
            Self::Rx => SortKey::Rx,
            Self::Tx => SortKey::Tx,
            Self::Share if pane == Pane::Live => SortKey::Rate,
            Self::Peak => SortKey::Peak,
            Self::Total => SortKey::Total,
            Self::Age => SortKey::Age,
            Self::Average => SortKey::Average,
            Self::Ended => SortKey::Ended,
            Self::Ran => SortKey::Ran,
            Self::Exit => SortKey::Exit,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pane: Pane, width: u16) -> String {
        let columns = fit(pane, Chosen::default(), width);
        let headers = columns
            .iter()
            .map(|placed| placed.column.header(pane, Numbers::Rates));
        headers
            .filter(|header| !header.is_empty())
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn columns_appear_by_priority() {
        for (pane, width, expected) in [
            (Pane::Live, 38, "COMMAND RX/s TX/s"),
            (Pane::Live, 48, "PID COMMAND RX/s TX/s %"),
            (Pane::Live, 78, "PID USER COMMAND CONN RX/s TX/s % TOTAL"),
            (
                Pane::Live,
                98,
                "PID USER COMMAND CONN RX/s TX/s % PEAK/s TOTAL TREND 60s",
            ),
            (Pane::Exited, 48, "COMMAND RX TX ENDED"),
            (Pane::Exited, 61, "PID COMMAND RX TX ENDED RAN"),
            (Pane::Exited, 78, "PID COMMAND RX TX PEAK/s ENDED RAN EXIT"),
            (
                Pane::Exited,
                98,
                "PID USER COMMAND RX TX PEAK/s AVG/s ENDED RAN EXIT",
            ),
        ] {
            assert_eq!(headers(pane, width), expected, "{pane:?} {width}");
        }
    }

    #[test]
    fn columns_fill_the_row_and_never_more() {
        for pane in [Pane::Live, Pane::Exited] {
            for width in 38..220 {
                let last = fit(pane, Chosen::default(), width).last().copied().unwrap();
                assert_eq!(last.x + last.width + MARGIN, width, "{pane:?} {width}");
            }
        }
    }
}
