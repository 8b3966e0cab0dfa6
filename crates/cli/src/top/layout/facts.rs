//! The lines of the details above their connections, as many as there is room for.

use super::Area;

/// One line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fact {
    /// Command line.
    Command,
    /// Executable.
    Executable,
    /// Owner, parent, how long it has been running or how it ended.
    Owner,
    /// systemd unit, cgroup, container.
    Unit,
    /// Owner, unit and age in few cells.
    Brief,
    /// Process id, start, first traffic.
    Identity,
    /// Received.
    Rx,
    /// Sent.
    Tx,
    /// By transport and family.
    Parts,
    /// How its TCP connections fared.
    Health,
    /// The last minute, received.
    RxLane,
    /// The last minute, sent.
    TxLane,
}

/// Where there is room for labels and whole addresses.
pub const WIDE: u16 = 60;

const BESIDE: &[Fact] = &[
    Fact::Command,
    Fact::Owner,
    Fact::Unit,
    Fact::Rx,
    Fact::Tx,
    Fact::Parts,
];

const FULL: &[Fact] = &[
    Fact::Command,
    Fact::Executable,
    Fact::Owner,
    Fact::Unit,
    Fact::Identity,
    Fact::Rx,
    Fact::Tx,
    Fact::Parts,
    Fact::Health,
    Fact::RxLane,
    Fact::TxLane,
];

const NARROW: &[Fact] = &[
    Fact::Brief,
    Fact::Rx,
    Fact::Tx,
    Fact::Parts,
    Fact::RxLane,
    Fact::TxLane,
];

/// What goes first where there is no room.
const DISPENSABLE: &[Fact] = &[
    Fact::Health,
    Fact::Identity,
    Fact::Executable,
    Fact::TxLane,
    Fact::RxLane,
    Fact::Unit,
    Fact::Parts,
    Fact::Owner,
    Fact::Brief,
    Fact::Command,
];

/// The lines in an area with a border; `full`: with all that there is to say.
pub fn facts(area: Area, full: bool) -> Vec<Fact> {
    // The header of the connections and some of them.
    const TABLE: usize = 3;
    let inner = area.inner();
    let all = match (full, inner.width) {
        (_, ..WIDE) => NARROW,
        (true, _) => FULL,
        (false, _) => BESIDE,
    };
    let room = usize::from(inner.height).saturating_sub(TABLE);
    let mut facts = all.to_vec();
    for fact in DISPENSABLE {
        if facts.len() > room {
            facts.retain(|kept| kept != fact);
        }
    }
    facts.truncate(usize::from(inner.height));
    facts
}

/// Connections that are visible below the lines and their own header.
pub fn table_rows(area: Area, full: bool) -> usize {
    let inner = usize::from(area.inner().height);
    inner.saturating_sub(facts(area, full).len() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_are_seen_before_the_last_fact() {
        for (width, height, full, lines, rows) in [
            (63, 18, false, 6, 9),
            (100, 11, false, 6, 2),
            (100, 7, false, 2, 2),
            (50, 13, true, 6, 4),
            (80, 22, true, 11, 8),
            (40, 8, true, 3, 2),
            (40, 2, true, 0, 0),
        ] {
            let area = Area {
                x: 0,
                y: 0,
                width,
                height,
            };
            assert_eq!(
                (facts(area, full).len(), table_rows(area, full)),
                (lines, rows),
                "{width}x{height}"
            );
        }
    }
}
