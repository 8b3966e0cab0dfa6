//! The columns of the lists of connections, and which of them fit.

use crate::output::connections::columns::Column;
use crate::output::connections::columns::COLUMNS;

/// Which list it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    /// The view of all connections.
    View,
    /// The details of a process, beside something else.
    Beside,
    /// The details of a process, alone on the screen.
    Full,
}

/// A column and its cells.
#[derive(Debug, Clone, Copy)]
pub struct Placed {
    /// Which.
    pub column: &'static Column,
    /// Its first cell, counted from the first cell inside the border.
    pub x: u16,
    /// Its cells.
    pub width: u16,
}

struct Rule {
    id: &'static str,
    least: u16,
    /// Lower numbers are taken first.
    priority: u8,
    /// Shares of the cells that are left over.
    grows: u16,
}

const fn rule(id: &'static str, least: u16, priority: u8, grows: u16) -> Rule {
    Rule {
        id,
        least,
        priority,
        grows,
    }
}

const VIEW: &[Rule] = &[
    rule("proto", 4, 2, 0),
    rule("local", 21, 2, 1),
    rule("remote", 25, 1, 2),
    rule("state", 7, 2, 0),
    rule("pid", 7, 2, 0),
    rule("name", 9, 1, 1),
    rule("rx", 8, 1, 0),
    rule("tx", 8, 1, 0),
    rule("age", 6, 4, 0),
    rule("total", 8, 5, 0),
    rule("rtt", 7, 6, 0),
    rule("retransmits", 7, 7, 0),
    rule("interface", 8, 8, 0),
];

const VIEW_TIGHT: &[Rule] = &[
    rule("proto", 4, 2, 0),
    rule("local", 14, 2, 1),
    rule("remote", 21, 1, 2),
    rule("state", 6, 2, 0),
    rule("pid", 7, 3, 0),
    rule("name", 9, 1, 0),
    rule("rx", 8, 1, 0),
    rule("tx", 8, 1, 0),
];

const VIEW_NARROW: &[Rule] = &[
    rule("proto", 4, 2, 0),
    rule("lport", 6, 3, 0),
    rule("remote", 21, 1, 1),
    rule("state", 6, 4, 0),
    rule("pid", 7, 5, 0),
    rule("name", 9, 1, 0),
    rule("rx", 8, 1, 0),
    rule("tx", 8, 1, 0),
];

const VIEW_NARROWEST: &[Rule] = &[
    rule("remote", 14, 1, 1),
    rule("kind", 6, 3, 0),
    rule("name", 9, 2, 0),
    rule("rx", 8, 1, 0),
    rule("tx", 8, 1, 0),
];

const DETAILS: &[Rule] = &[
    rule("proto", 4, 1, 0),
    rule("local", 21, 1, 1),
    rule("remote", 21, 1, 2),
    rule("state", 7, 1, 0),
    rule("rx", 8, 1, 0),
    rule("tx", 8, 1, 0),
];

const DETAILS_NARROW: &[Rule] = &[
    rule("proto", 4, 2, 0),
    rule("lport", 6, 2, 0),
    rule("remote", 21, 1, 1),
    rule("state", 7, 1, 0),
    rule("rx", 8, 1, 0),
    rule("tx", 8, 1, 0),
];

const DETAILS_NARROWEST: &[Rule] = &[
    rule("remote", 14, 1, 1),
    rule("state", 5, 2, 0),
    rule("rx", 8, 1, 0),
    rule("tx", 8, 1, 0),
];

const FULL: &[Rule] = &[
    rule("proto", 4, 1, 0),
    rule("local", 21, 1, 1),
    rule("remote", 21, 1, 2),
    rule("state", 7, 1, 0),
    rule("rx", 8, 1, 0),
    rule("tx", 8, 1, 0),
    rule("rtt", 7, 2, 0),
    rule("retransmits", 7, 3, 0),
    rule("limited_by", 11, 4, 0),
    rule("age", 6, 5, 0),
    rule("total", 8, 6, 0),
    rule("interface", 8, 7, 0),
];

const FULL_NARROW: &[Rule] = &[
    rule("proto", 4, 2, 0),
    rule("lport", 6, 2, 0),
    rule("remote", 21, 1, 1),
    rule("state", 7, 1, 0),
    rule("rx", 8, 1, 0),
    rule("tx", 8, 1, 0),
    rule("rtt", 7, 3, 0),
    rule("retransmits", 7, 4, 0),
];

/// Cells left and right of the columns.
const MARGIN: u16 = 1;

/// The columns of a list that fit into so many cells, from left to right.
pub fn fit(holder: Holder, inner_width: u16) -> Vec<Placed> {
    let rules = match (holder, inner_width) {
        (Holder::View, 96..) => VIEW,
        (Holder::View, 76..) => VIEW_TIGHT,
        (Holder::View, 60..) => VIEW_NARROW,
        (Holder::View, _) => VIEW_NARROWEST,
        (Holder::Beside, 84..) => DETAILS,
        (Holder::Full, 84..) => FULL,
        (Holder::Beside, 60..) => DETAILS_NARROW,
        (Holder::Full, 60..) => FULL_NARROW,
        (Holder::Beside | Holder::Full, _) => DETAILS_NARROWEST,
    };
    let room = inner_width.saturating_sub(2 * MARGIN);
    let mut by_priority: Vec<_> = rules.iter().collect();
    by_priority.sort_by_key(|rule| rule.priority);
    let mut used = 0;
    let taken: Vec<_> = by_priority
        .into_iter()
        .map_while(|rule| {
            used += rule.least + u16::from(used > 0);
            (used <= room).then_some(rule.id)
        })
        .collect();
    let taken: Vec<_> = rules
        .iter()
        .filter(|rule| taken.contains(&rule.id))
        .collect();
    let gaps = u16::try_from(taken.len().saturating_sub(1)).unwrap_or(0);
    let least: u16 = taken.iter().map(|rule| rule.least).sum();
    let mut spare = room.saturating_sub(least + gaps);
    let mut shares: u16 = taken.iter().map(|rule| rule.grows).sum();
    let mut x = MARGIN;
    taken
        .into_iter()
        .filter_map(|rule| {
            let more = (spare * rule.grows).checked_div(shares).unwrap_or(0);
            spare -= more;
            shares -= rule.grows;
            let width = rule.least + more;
            let at = x;
            x += width + 1;
            let column = COLUMNS.iter().find(|column| column.id == rule.id)?;
            Some(Placed {
                column,
                x: at,
                width,
            })
        })
        .collect()
}

/// What a click on a cell of the header row sorts by.
pub fn id_at(holder: Holder, inner_width: u16, x: u16) -> Option<&'static str> {
    fit(holder, inner_width)
        .into_iter()
        .find(|placed| (placed.x..placed.x + placed.width).contains(&x))
        .map(|placed| placed.column.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_shrink_as_promised_and_never_leave_the_row() {
        let ids = |holder, width| {
            let ids: Vec<_> = fit(holder, width)
                .iter()
                .map(|placed| placed.column.id)
                .collect();
            ids.join(" ")
        };
        for (holder, width, expected) in [
            (Holder::View, 98, "proto local remote state pid name rx tx"),
            (
                Holder::View,
                105,
                "proto local remote state pid name rx tx age",
            ),
            (Holder::View, 78, "proto local remote state name rx tx"),
            (Holder::View, 75, "proto lport remote state name rx tx"),
            (Holder::View, 48, "remote name rx tx"),
            (Holder::View, 38, "remote rx tx"),
            (Holder::Beside, 98, "proto local remote state rx tx"),
            (Holder::Beside, 61, "proto lport remote state rx tx"),
            (Holder::Full, 48, "remote state rx tx"),
            (
                Holder::Full,
                78,
                "proto lport remote state rx tx rtt retransmits",
            ),
        ] {
            assert_eq!(ids(holder, width), expected, "{holder:?} {width}");
        }
        for holder in [Holder::View, Holder::Beside, Holder::Full] {
            for width in 38..220 {
                let last = *fit(holder, width).last().unwrap();
                assert_eq!(last.x + last.width + MARGIN, width, "{holder:?} {width}");
            }
        }
    }
}
