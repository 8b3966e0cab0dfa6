//! A list of connections on screen: its order, its selection, and which part of it is visible.

use std::collections::HashMap;

use netmon_api::filter::Filter;

use super::cursor::Cursor;
use super::sockets::OfTick;
use super::sort::SortKey;
use crate::args::shaping::Order;
use crate::filter::States;
use crate::output::connections::block::Line;
use crate::output::connections::block::View;
use crate::output::connections::columns::Column;
use crate::output::connections::columns::COLUMNS;
use crate::output::numbers::Known;
use crate::row::Names;
use crate::row::ProcessId;
use crate::row::ProcessRow;
use crate::row::Scope;

/// What tells a connection from all others.
pub type SocketKey = (u64, ProcessId);

/// The columns that connections can be put in order by, as the menu has them, with what they mean.
pub const SORTS: &[(&str, &str)] = &[
    ("rate", "received and sent together"),
    ("rx", "received"),
    ("tx", "sent"),
    ("total", "all since first seen"),
    ("pid", "process id"),
    ("name", "command"),
    ("remote", "the other end"),
    ("local", "this end"),
    ("state", "state of the socket"),
    ("age", "open for"),
    ("rtt", "round-trip time"),
    ("retransmits", "segments sent again"),
];

/// The order of a list of connections.
#[derive(Debug, Clone, Copy)]
pub struct SocketSort {
    /// By what.
    pub column: &'static Column,
    /// From which end.
    pub order: Order,
}

/// With what connections are looked at.
#[derive(Debug, Clone)]
pub struct Look<'a> {
    /// Which part of the traffic.
    pub scope: Scope,
    /// What the agent counts.
    pub known: Known,
    /// Which connections; `None`: all.
    pub filter: Option<&'a Filter>,
    /// Of this process alone.
    pub only: Option<ProcessId>,
    /// Names of the other ends; `None`: their addresses are shown.
    pub names: Option<&'a Names>,
}

/// A list of connections.
#[derive(Debug)]
pub struct SocketList {
    /// Its order.
    pub sort: SocketSort,
    /// What is selected.
    pub cursor: Cursor<SocketKey>,
    /// The places of those on screen, once the order was frozen.
    frozen: Option<HashMap<SocketKey, usize>>,
    keys: Vec<SocketKey>,
    /// Where they are among the connections of the tick.
    places: Vec<u32>,
    /// How many there are without the filter.
    all: usize,
}

impl SocketSort {
    /// The order that a column starts with; unknown ones give that of `rate`.
    pub fn by(id: &str) -> Self {
        let column = COLUMNS.iter().find(|column| column.id == id);
        let column = column.or_else(|| COLUMNS.iter().find(|column| column.id == "rate"));
        let column = column.unwrap_or(&COLUMNS[0]);
        Self {
            column,
            order: column.first,
        }
    }

    /// The order after its column was asked for once more, or another one was.
    pub fn then(self, id: &str) -> Self {
        match id == self.column.id {
            true => self.reversed(),
            false => Self::by(id),
        }
    }

    /// The other end first.
    pub fn reversed(self) -> Self {
        let order = match self.order {
            Order::Ascending => Order::Descending,
            Order::Descending => Order::Ascending,
        };
        Self { order, ..self }
    }

    /// Its word after "by" in titles.
    pub fn title(self) -> &'static str {
        match self.column.id {
            "rate" => "RX+TX",
            "rx" => "RX",
            "tx" => "TX",
            _ => self.column.header,
        }
    }

    /// The column of a key that lists of processes have too; `None`: connections have no such.
    pub fn id_of(key: SortKey) -> Option<&'static str> {
        Some(match key {
            SortKey::Rate => "rate",
            SortKey::Rx => "rx",
            SortKey::Tx => "tx",
            SortKey::Total => "total",
            SortKey::Name => "name",
            SortKey::Pid => "pid",
            SortKey::Age => "age",
            _ => return None,
        })
    }
}

impl SocketList {
    /// An empty list in the order of a column.
    pub fn new(id: &str) -> Self {
        Self {
            sort: SocketSort::by(id),
            cursor: Cursor {
                selected: None,
                offset: 0,
            },
            frozen: None,
            keys: Vec::new(),
            places: Vec::new(),
            all: 0,
        }
    }

    /// Takes the connections of a tick; `None`: not known. `rows` of them are visible.
    pub fn fill<'a>(
        &mut self,
        tick: Option<&'a OfTick>,
        look: &Look<'_>,
        process: impl Fn(ProcessId) -> Option<&'a ProcessRow>,
        rows: usize,
    ) {
        let before = self.cursor.place(&self.keys);
        self.keys.clear();
        self.places.clear();
        self.all = 0;
        if let Some(tick) = tick {
            let mut view = view(look, self.sort);
            let mut lines: Vec<_> = tick
                .all()
                .iter()
                .filter(|connection| look.only.is_none_or(|only| connection.process == only))
                .map(|connection| {
                    let process = process(connection.process);
                    view.line(connection, process, tick.sample(), None)
                })
                .filter(|line| view.holds(line))
                .collect();
            self.all = lines.len();
            view.words = look.filter.cloned();
            if view.words.is_some() {
                lines.retain(|line| view.holds(line));
            }
            view.arrange(&mut lines);
            if let Some(frozen) = &mut self.frozen {
                hold(frozen, &mut lines);
            }
            self.keys = lines.iter().map(|line| line.connection.key()).collect();
            let places: HashMap<_, _> = (0..)
                .zip(tick.all())
                .map(|(place, connection)| (connection.key(), place))
                .collect();
            let place = |key| places.get(key).copied().unwrap_or_default();
            self.places = self.keys.iter().map(place).collect();
        }
        self.cursor.settle(before, &self.keys, rows);
    }

    /// The line at a place of the list, as of the tick it was filled from.
    pub fn line<'a>(
        &self,
        at: usize,
        tick: &'a OfTick,
        look: &Look<'a>,
        process: impl Fn(ProcessId) -> Option<&'a ProcessRow>,
    ) -> Option<Line<'a>> {
        let connection = tick.all().get(*self.places.get(at)? as usize)?;
        let process = process(connection.process);
        Some(view(look, self.sort).line(connection, process, tick.sample(), look.names))
    }

    /// Puts it in another order, which ends a frozen one.
    pub fn sort_by(&mut self, sort: SocketSort) {
        self.sort = sort;
        self.frozen = None;
    }

    /// Freezes the order, or lets it go.
    pub fn toggle_freeze(&mut self) {
        self.frozen = match self.frozen {
            None => Some(self.keys.iter().copied().zip(0..).collect()),
            Some(_) => None,
        };
    }

    /// Whether the order is frozen.
    pub fn is_frozen(&self) -> bool {
        self.frozen.is_some()
    }

    /// How many there are, and how many without the filter.
    pub fn count(&self) -> (usize, usize) {
        (self.keys.len(), self.all)
    }

    /// Their keys, in order.
    pub fn keys(&self) -> &[SocketKey] {
        &self.keys
    }

    /// Where the selected one is among the connections of the tick.
    pub fn selected_place(&self) -> Option<usize> {
        let at = self.cursor.place(&self.keys)?;
        Some(*self.places.get(at)? as usize)
    }
}

// Puts lines that come in order where they were; what is new goes to the end and stays there.
fn hold(frozen: &mut HashMap<SocketKey, usize>, lines: &mut [Line<'_>]) {
    let mut places: HashMap<_, _> = HashMap::with_capacity(lines.len());
    let mut next = frozen.values().max().map_or(0, |last| last + 1);
    for line in lines.iter() {
        let key = line.connection.key();
        let place = frozen.get(&key).copied().unwrap_or(next);
        next += usize::from(place == next);
        places.insert(key, place);
    }
    lines.sort_by_key(|line| places.get(&line.connection.key()).copied());
    // Closed ones do not come back: numbers of sockets are not used again.
    *frozen = places;
}

fn view(look: &Look<'_>, sort: SocketSort) -> View {
    View {
        scope: look.scope,
        states: States::All,
        words: None,
        sort: (sort.column, sort.order),
        top: None,
        known: Some(look.known),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_choice_of_the_menu_is_a_column() {
        for (id, _) in SORTS {
            assert_eq!(SocketSort::by(id).column.id, *id);
        }
    }
}
