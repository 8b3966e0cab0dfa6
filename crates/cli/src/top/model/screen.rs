//! What is on screen: one view, and at most one popup over it.

use super::prompt::Purpose;

/// A list of processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pane {
    /// Running processes.
    Live,
    /// Ended processes.
    Exited,
}

/// What fills the screen, and what keys act on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Screen {
    /// A list, with the waveform above it where there is room.
    List(Pane),
    /// Single connections, with the waveform above them where there is room.
    Connections,
    /// What the agent says of itself.
    Agent,
    /// Nothing but the waveform.
    Chart,
}

impl Screen {
    /// In the order of Tab.
    pub const ALL: [Self; 5] = [
        Self::List(Pane::Live),
        Self::List(Pane::Exited),
        Self::Connections,
        Self::Agent,
        Self::Chart,
    ];

    /// The list that keys act on, if any.
    pub fn pane(self) -> Option<Pane> {
        match self {
            Self::List(pane) => Some(pane),
            Self::Connections | Self::Agent | Self::Chart => None,
        }
    }

    /// The digit that leads here.
    pub fn digit(self) -> char {
        match self {
            Self::List(Pane::Live) => '1',
            Self::List(Pane::Exited) => '2',
            Self::Connections => '3',
            Self::Agent => '4',
            Self::Chart => '5',
        }
    }

    /// The screen of a digit.
    pub fn of_digit(digit: char) -> Option<Self> {
        Self::ALL.into_iter().find(|screen| screen.digit() == digit)
    }

    /// Its title.
    pub fn name(self) -> &'static str {
        match self {
            Self::List(Pane::Live) => "Live",
            Self::List(Pane::Exited) => "Exited",
            Self::Connections => "Connections",
            Self::Agent => "Agent",
            Self::Chart => "Chart",
        }
    }

    /// The neighbour in the order of Tab.
    pub fn step(self, direction: Step) -> Self {
        let count = Self::ALL.len();
        let at = Self::ALL
            .iter()
            .position(|&screen| screen == self)
            .unwrap_or(0);
        Self::ALL[match direction {
            Step::Forward => (at + 1) % count,
            Step::Back => (at + count - 1) % count,
        }]
    }
}

/// A direction along a list of choices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// To the next.
    Forward,
    /// To the one before.
    Back,
}

/// What lies over the view. Takes the keys while it is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Popup {
    /// Nothing.
    None,
    /// The keys, from this line on.
    Help {
        /// First line shown.
        from: usize,
    },
    /// The columns to sort by.
    SortMenu {
        /// Index of the marked one.
        choice: usize,
    },
    /// The filter language, over the prompt of the filter, from this line on.
    Syntax {
        /// First line shown.
        from: usize,
    },
    /// The columns of the list.
    ColumnMenu {
        /// Index of the marked one.
        choice: usize,
    },
    /// What can be copied; one more key says what.
    Copy,
    /// A line that is being typed, in the last row.
    Prompt(Purpose),
    /// What to put processes together by.
    GroupMenu {
        /// Index of the marked one.
        choice: usize,
    },
    /// Past banners, newest first, from this line on.
    Messages {
        /// First line shown.
        from: usize,
    },
}
