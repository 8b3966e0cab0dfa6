//! One line of a list: the numbers of one process at one moment.

use std::cmp::Ordering;
use std::cmp::Reverse;

use super::settings::Numbers;
use super::sort::Direction;
use super::sort::Sort;
use super::sort::SortKey;
use crate::row::Bytes;
use crate::row::ProcessId;
use crate::row::ProcessRow;

/// What a process is doing at the moment shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activity {
    /// It had traffic in the last tick.
    Active,
    /// It had none.
    Idle,
    /// It has ended.
    Exited,
}

/// The numbers of a process; `None` anywhere: not known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Line {
    /// Which process.
    pub id: ProcessId,
    /// What it is doing.
    pub activity: Activity,
    /// What the RX column holds: bytes per second, or bytes.
    pub rx: Option<u64>,
    /// What the TX column holds.
    pub tx: Option<u64>,
    /// Received and sent per second; in the list of ended processes the bytes of both.
    pub rate: Option<u64>,
    /// Open sockets with a peer.
    pub connections: Option<u32>,
    /// Highest tick up to then, bytes per second.
    pub peak: Option<u64>,
    /// Bytes since first seen, or since the user set a zero.
    pub total: Option<u64>,
    /// The same by direction, as far as it is counted.
    pub totals: Bytes,
    /// Of those, over UDP.
    pub udp: Option<u64>,
    /// Of those, over IPv6.
    pub v6: Option<u64>,
    /// Milliseconds since its start; for ended ones its whole life.
    pub age_ms: Option<u64>,
    /// Mean bytes per second over its life, once it has ended.
    pub average: Option<u64>,
}

impl Line {
    /// Leaves only what is of the tick.
    pub fn forget_totals(&mut self, numbers: Numbers) {
        if numbers == Numbers::Totals || self.activity == Activity::Exited {
            (self.rx, self.tx) = (None, None);
        }
        self.total = None;
        self.peak = None;
        self.udp = None;
        self.v6 = None;
        self.average = None;
    }
}

/// Puts lines in order. `row` finds the process of a line.
pub fn sort<'a>(lines: &mut [Line], sort: Sort, row: impl Fn(ProcessId) -> Option<&'a ProcessRow>) {
    let rank = |line: &Line| match sort.key {
        SortKey::Name => Rank::Text(row(line.id).map(|row| row.facts.name.as_str())),
        SortKey::User => Rank::Text(row(line.id).and_then(|row| row.facts.user.as_deref())),
        key => Rank::Number(number(line, key, row(line.id))),
    };
    // Equal lines: the busier first, then by pid, so that the order never depends on chance.
    let tie = |line: &Line| (Reverse(line.rate), line.id);
    // Finding a process is dearer than comparing two numbers: once per line, not per comparison.
    let mut ranked: Vec<_> = lines.iter().map(|line| (rank(line), *line)).collect();
    ranked.sort_by(|(a_rank, a), (b_rank, b)| {
        let order = a_rank.compare(*b_rank, sort.direction);
        order.then_with(|| tie(a).cmp(&tie(b)))
    });
    for (place, (_, line)) in lines.iter_mut().zip(ranked) {
        *place = line;
    }
}

#[derive(Clone, Copy)]
enum Rank<'a> {
    Number(Option<u64>),
    Text(Option<&'a str>),
}

impl Rank<'_> {
    fn compare(self, other: Self, direction: Direction) -> Ordering {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => compare(a, b, direction),
            (Self::Text(a), Self::Text(b)) => compare(a, b, direction),
            _ => Ordering::Equal,
        }
    }
}

// What is not known comes last from either end.
fn compare<T: Ord>(a: Option<T>, b: Option<T>, direction: Direction) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) => match direction {
            Direction::Ascending => a.cmp(&b),
            Direction::Descending => b.cmp(&a),
        },
        (a, b) => b.is_some().cmp(&a.is_some()),
    }
}

fn number(line: &Line, key: SortKey, row: Option<&ProcessRow>) -> Option<u64> {
    let exit = row.and_then(|row| row.facts.exit);
    match key {
        SortKey::Rate => line.rate,
        SortKey::Rx => line.rx,
        SortKey::Tx => line.tx,
        SortKey::Total => line.total,
        SortKey::Peak => line.peak,
        SortKey::Pid => Some(u64::from(line.id.pid)),
        SortKey::Connections => line.connections.map(u64::from),
        SortKey::Age | SortKey::Ran => line.age_ms,
        SortKey::Average => line.average,
        SortKey::Ended => u64::try_from(exit?.time.as_millisecond()).ok(),
        SortKey::Exit => {
            let exit = exit?;
            let code = |code: i32| u64::from(code.unsigned_abs());
            // Signals after all codes.
            exit.code
                .map(code)
                .or(exit.signal.map(|signal| 256 + code(signal)))
        }
        SortKey::Name | SortKey::User => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(pid: u32, rate: Option<u64>) -> Line {
        Line {
            id: ProcessId { pid, start_ns: 0 },
            activity: Activity::Active,
            rx: rate,
            tx: Some(0),
            rate,
            connections: None,
            peak: None,
            total: Some(0),
            totals: Bytes::default(),
            udp: None,
            v6: None,
            age_ms: None,
            average: None,
        }
    }

    #[test]
    fn unknown_numbers_come_last_from_either_end() {
        let unsorted = [
            line(1, None),
            line(2, Some(5)),
            line(4, Some(9)),
            line(3, Some(5)),
        ];
        for (sorted_by, expected) in [
            (Sort::by(SortKey::Rate), [4, 2, 3, 1]),
            (Sort::by(SortKey::Rate).reversed(), [2, 3, 4, 1]),
            (Sort::by(SortKey::Peak), [4, 2, 3, 1]),
            (Sort::by(SortKey::Pid), [1, 2, 3, 4]),
        ] {
            let mut lines = unsorted;
            sort(&mut lines, sorted_by, |_| None);
            assert_eq!(lines.map(|line| line.id.pid), expected, "{sorted_by:?}");
        }
    }
}
