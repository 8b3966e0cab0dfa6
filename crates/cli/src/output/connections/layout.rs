//! Which columns of connections are usual where.

use super::columns::Column;
use super::columns::COLUMNS;
use crate::output::columns::every;
use crate::output::fit::fitting_in;

/// Of CSV.
pub static CSV: &[&str] = &[
    "time",
    "id",
    "pid",
    "name",
    "proto",
    "family",
    "local_addr",
    "lport",
    "remote_addr",
    "rport",
    "remote_name",
    "state",
    "age",
    "rx_tick",
    "tx_tick",
    "rx",
    "tx",
    "rx_total",
    "tx_total",
    "loopback",
    "interface",
];

/// Of `wide`.
pub static WIDE: &[&str] = &[
    "proto",
    "local",
    "remote",
    "state",
    "pid",
    "user",
    "name",
    "unit",
    "interface",
    "rx",
    "tx",
    "rx_total",
    "tx_total",
    "rtt",
    "retransmits",
    "limited_by",
    "age",
    "closed",
];

/// Those that fit into `width` cells.
pub fn fitting(width: usize) -> Vec<&'static Column> {
    let layout = match width {
        95.. => FULL,
        70.. => NARROW,
        _ => NARROWEST,
    };
    fitting_in(&every(COLUMNS), layout, width)
}

/// Those of the connections below a process, in `width` cells; `None`: all of them.
pub fn details(width: Option<usize>) -> Vec<&'static Column> {
    fitting_in(&every(COLUMNS), DETAILS, width.unwrap_or(usize::MAX))
}

const DETAILS: &[(&str, u8)] = &[
    ("proto", 2),
    ("local", 4),
    ("remote", 1),
    ("state", 3),
    ("rx", 1),
    ("tx", 1),
    ("total", 5),
    ("rtt", 6),
    ("retransmits", 7),
    ("interface", 8),
    ("age", 9),
];

const FULL: &[(&str, u8)] = &[
    ("proto", 2),
    ("local", 2),
    ("remote", 1),
    ("state", 2),
    ("pid", 3),
    ("name", 1),
    ("rx", 1),
    ("tx", 1),
    ("age", 4),
    ("total", 5),
    ("rtt", 6),
    ("retransmits", 7),
    ("interface", 8),
];

const NARROW: &[(&str, u8)] = &[
    ("proto", 2),
    ("lport", 3),
    ("remote", 1),
    ("state", 4),
    ("pid", 5),
    ("name", 1),
    ("rx", 1),
    ("tx", 1),
    ("age", 6),
];

const NARROWEST: &[(&str, u8)] = &[
    ("remote", 1),
    ("kind", 3),
    ("name", 2),
    ("rx", 1),
    ("tx", 1),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::columns::find_in;

    #[test]
    fn narrow_terminals_keep_the_most_important_columns() {
        for (width, expected) in [
            (40, "remote rx tx"),
            (59, "remote name rx tx"),
            (69, "remote kind name rx tx"),
            (70, "proto lport remote name rx tx"),
            (80, "proto lport remote state pid name rx tx"),
            (98, "proto local remote state pid name rx tx"),
            (
                132,
                "proto local remote state pid name rx tx age total rtt retransmits",
            ),
        ] {
            let ids: Vec<_> = fitting(width).iter().map(|column| column.id).collect();
            assert_eq!(ids.join(" "), expected, "{width}");
        }
    }

    #[test]
    fn every_usual_name_is_a_column() {
        for id in CSV.iter().chain(WIDE) {
            assert!(find_in(&every(COLUMNS), id).is_ok(), "{id}");
        }
        assert_eq!(fitting(1000).len(), FULL.len());
        assert_eq!(details(None).len(), DETAILS.len());
    }
}
