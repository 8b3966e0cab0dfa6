//! The keys a list can be sorted by.

use super::screen::Pane;

/// What decides the order of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SortKey {
    /// Received and sent together.
    Rate,
    /// Received.
    Rx,
    /// Sent.
    Tx,
    /// Everything since first seen.
    Total,
    /// Highest tick.
    Peak,
    /// Command.
    Name,
    /// Process id.
    Pid,
    /// Open connections.
    Connections,
    /// Owner.
    User,
    /// How long it has been running.
    Age,
    /// When it ended.
    Ended,
    /// How long it ran.
    Ran,
    /// How it ended.
    Exit,
    /// Mean rate over its life.
    Average,
}

/// Which end comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Smallest first.
    Ascending,
    /// Largest first.
    Descending,
}

/// The order of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sort {
    /// By what.
    pub key: SortKey,
    /// From which end.
    pub direction: Direction,
}

impl Default for Sort {
    fn default() -> Self {
        Self::by(SortKey::Rate)
    }
}

impl Sort {
    /// The order a key starts with: names and ids ascending, numbers descending.
    pub fn by(key: SortKey) -> Self {
        let direction = match key {
            SortKey::Name | SortKey::Pid | SortKey::User => Direction::Ascending,
            _ => Direction::Descending,
        };
        Self { key, direction }
    }

    /// The order after its key was asked for once more, or another one was.
    pub fn then(self, key: SortKey) -> Self {
        if key == self.key {
            self.reversed()
        } else {
            Self::by(key)
        }
    }

    /// The other end first.
    pub fn reversed(self) -> Self {
        let direction = match self.direction {
            Direction::Ascending => Direction::Descending,
            Direction::Descending => Direction::Ascending,
        };
        Self { direction, ..self }
    }
}

impl SortKey {
    /// The keys of a list, in the order of its menu.
    pub fn of(pane: Pane) -> &'static [Self] {
        match pane {
            Pane::Live => &[
                Self::Rate,
                Self::Rx,
                Self::Tx,
                Self::Total,
                Self::Peak,
                Self::Name,
                Self::Pid,
                Self::Connections,
                Self::User,
                Self::Age,
            ],
            Pane::Exited => &[
                Self::Rate,
                Self::Rx,
                Self::Tx,
                Self::Peak,
                Self::Average,
                Self::Name,
                Self::Pid,
                Self::User,
                Self::Ended,
                Self::Ran,
                Self::Exit,
            ],
        }
    }

    /// Its word after "by" in titles.
    pub fn title(self) -> &'static str {
        match self {
            Self::Rate => "RX+TX",
            Self::Rx => "RX",
            Self::Tx => "TX",
            Self::Total => "TOTAL",
            Self::Peak => "PEAK",
            Self::Name => "COMMAND",
            Self::Pid => "PID",
            Self::Connections => "CONN",
            Self::User => "USER",
            Self::Age => "AGE",
            Self::Ended => "ENDED",
            Self::Ran => "RAN",
            Self::Exit => "EXIT",
            Self::Average => "AVG",
        }
    }

    /// What it means, for the menu.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Rate => "received and sent together",
            Self::Rx => "received",
            Self::Tx => "sent",
            Self::Total => "all since first seen",
            Self::Peak => "highest rate",
            Self::Name => "command",
            Self::Pid => "process id",
            Self::Connections => "open connections",
            Self::User => "owner",
            Self::Age => "running for",
            Self::Ended => "when it ended",
            Self::Ran => "how long it ran",
            Self::Exit => "exit code",
            Self::Average => "mean rate",
        }
    }

    /// The key for a column id of `--sort`; `None`: there is no such key here.
    pub fn of_id(id: &str) -> Option<Self> {
        Some(match id {
            "rate" => Self::Rate,
            "rx" => Self::Rx,
            "tx" => Self::Tx,
            "total" => Self::Total,
            "peak" => Self::Peak,
            "name" => Self::Name,
            "pid" => Self::Pid,
            "conns" => Self::Connections,
            "user" => Self::User,
            "age" => Self::Age,
            "end" => Self::Ended,
            "dur" => Self::Ran,
            "code" => Self::Exit,
            "avg" => Self::Average,
            _ => return None,
        })
    }
}
