//! What the user chose about how things are shown.

use std::time::Duration;

use crate::row::Loopback;
use crate::row::Scope;
use crate::top::columns::Chosen;
use crate::units::time::TimeFormat;
use crate::units::Units;

/// Everything that can be switched while looking.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// How sizes and rates are written.
    pub units: Units,
    /// The bytes that `u` goes back to from bits.
    pub bytes: Units,
    /// How times are written.
    pub time: TimeFormat,
    /// Which part of the traffic the numbers are about.
    pub scope: Scope,
    /// Processes without traffic in the tick.
    pub idle: Idle,
    /// Ended processes in the list of the running ones.
    pub mix: Mix,
    /// What the waveform is about.
    pub subject: Subject,
    /// Columns of the running processes.
    pub live_columns: Chosen,
    /// Columns of the ended ones.
    pub exited_columns: Chosen,
    /// What the RX and TX columns of running processes hold.
    pub numbers: Numbers,
    /// What the COMMAND column holds.
    pub command: Command,
    /// How the other ends of connections are written.
    pub hosts: Hosts,
    /// Over how long rates are taken.
    pub average: Average,
    /// How long ended processes stay in their list.
    pub window: Window,
    /// How the two halves of the waveform are scaled.
    pub scaling: Scaling,
    /// Ticks per column of the waveform.
    pub zoom: Zoom,
    /// Colours.
    pub theme: Theme,
    /// Colours that were chosen one by one.
    pub palette: Palette,
    /// Characters.
    pub charset: Charset,
    /// Who gets the mouse.
    pub mouse: Mouse,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            units: Units::Iec,
            bytes: Units::Iec,
            time: TimeFormat::Local,
            scope: Scope::default(),
            idle: Idle::Shown,
            mix: Mix::Apart,
            subject: Subject::Rows,
            live_columns: Chosen::default(),
            exited_columns: Chosen::default(),
            numbers: Numbers::Rates,
            command: Command::Name,
            hosts: Hosts::Addresses,
            average: Average::Tick,
            window: Window::Minutes10,
            scaling: Scaling::Shared,
            zoom: Zoom::default(),
            theme: Theme::Dark,
            palette: Palette::default(),
            charset: Charset::Unicode,
            mouse: Mouse::Ours,
        }
    }
}

/// Processes without traffic in the tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Idle {
    /// In the list.
    Shown,
    /// Left out.
    Hidden,
}

/// How the other ends of connections are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hosts {
    /// As addresses: nobody is asked.
    Addresses,
    /// With the names that this machine's resolver has.
    Names,
}

/// Where ended processes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mix {
    /// In their own list.
    Apart,
    /// Among the running ones too.
    Together,
}

/// What the waveform is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// All that is shown.
    Rows,
    /// The selected process.
    Selected,
}

/// What the RX and TX columns of running processes hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Numbers {
    /// Bytes per second.
    Rates,
    /// Bytes since first seen.
    Totals,
}

/// What the COMMAND column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// The name of the process.
    Name,
    /// Its command line.
    Line,
}

/// Over how long rates are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Average {
    /// The last tick.
    Tick,
    /// Five seconds.
    Seconds5,
    /// Fifteen seconds.
    Seconds15,
}

impl Average {
    /// How long; `None`: one tick, whatever its length.
    pub fn span(self) -> Option<Duration> {
        match self {
            Self::Tick => None,
            Self::Seconds5 => Some(Duration::from_secs(5)),
            Self::Seconds15 => Some(Duration::from_secs(15)),
        }
    }

    /// The next choice.
    pub fn next(self) -> Self {
        match self {
            Self::Tick => Self::Seconds5,
            Self::Seconds5 => Self::Seconds15,
            Self::Seconds15 => Self::Tick,
        }
    }
}

/// How long ended processes stay in their list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// Five minutes.
    Minutes5,
    /// Ten minutes.
    Minutes10,
    /// One hour.
    Hour,
    /// As long as the agent keeps them.
    All,
}

impl Window {
    /// How long; `None`: for ever.
    pub fn span(self) -> Option<Duration> {
        match self {
            Self::Minutes5 => Some(Duration::from_secs(300)),
            Self::Minutes10 => Some(Duration::from_secs(600)),
            Self::Hour => Some(Duration::from_secs(3600)),
            Self::All => None,
        }
    }

    /// For titles.
    pub fn title(self) -> &'static str {
        match self {
            Self::Minutes5 => "last 5m",
            Self::Minutes10 => "last 10m",
            Self::Hour => "last 1h",
            Self::All => "all kept",
        }
    }

    /// The next choice.
    pub fn next(self) -> Self {
        match self {
            Self::Minutes5 => Self::Minutes10,
            Self::Minutes10 => Self::Hour,
            Self::Hour => Self::All,
            Self::All => Self::Minutes5,
        }
    }
}

/// How the two halves of the waveform are scaled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scaling {
    /// Both the same.
    Shared,
    /// Each by itself.
    Own,
}

/// Ticks per column of the waveform.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Zoom(usize);

impl Zoom {
    const TICKS: [u32; 6] = [1, 2, 5, 10, 30, 60];

    /// How many.
    pub fn ticks(self) -> u32 {
        Self::TICKS[self.0]
    }

    /// So many ticks; `None`: there is no such zoom.
    pub fn of(ticks: u64) -> Option<Self> {
        let at = Self::TICKS
            .iter()
            .position(|known| u64::from(*known) == ticks);
        at.map(Self)
    }

    /// Fewer ticks per column.
    pub fn closer(self) -> Self {
        Self(self.0.saturating_sub(1))
    }

    /// More ticks per column.
    pub fn wider(self) -> Self {
        Self((self.0 + 1).min(Self::TICKS.len() - 1))
    }
}

/// Colours, from the sixteen of the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Theme {
    /// For dark backgrounds.
    Dark,
    /// For light backgrounds.
    Light,
    /// No colours.
    Mono,
    /// Bold, nothing dim.
    Contrast,
}

impl Theme {
    /// The next choice.
    pub fn next(self) -> Self {
        match self {
            Self::Dark => Self::Light,
            Self::Light => Self::Mono,
            Self::Mono => Self::Contrast,
            Self::Contrast => Self::Dark,
        }
    }

    /// For messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Dark => "dark",
            Self::Light => "light",
            Self::Mono => "mono",
            Self::Contrast => "contrast",
        }
    }
}

/// One of the sixteen colours of a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ink(pub u8);

impl Ink {
    /// In the order of the terminal.
    pub const NAMES: [&'static str; 16] = [
        "black",
        "red",
        "green",
        "yellow",
        "blue",
        "magenta",
        "cyan",
        "gray",
        "darkgray",
        "lightred",
        "lightgreen",
        "lightyellow",
        "lightblue",
        "lightmagenta",
        "lightcyan",
        "white",
    ];

    /// The colour of a name.
    pub fn of_name(name: &str) -> Option<Self> {
        let at = Self::NAMES.iter().position(|known| *known == name)?;
        u8::try_from(at).ok().map(Self)
    }
}

/// Colours that were chosen one by one; `None`: those of the theme.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Palette {
    /// Received.
    pub rx: Option<Ink>,
    /// Sent.
    pub tx: Option<Ink>,
    /// Words that change what numbers mean.
    pub mode: Option<Ink>,
    /// Words that say something is wrong.
    pub alarm: Option<Ink>,
}

/// The characters that lines, bars and marks are drawn with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Charset {
    /// Lines and blocks.
    Unicode,
    /// Nothing outside ASCII.
    Ascii,
}

/// Who gets the mouse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mouse {
    /// netmon: clicks and wheel act on the screen.
    Ours,
    /// The terminal: text can be selected.
    Terminals,
}

/// Loopback shown if it was hidden, and the other way round.
pub fn toggled(loopback: Loopback) -> Loopback {
    match loopback {
        Loopback::Exclude => Loopback::Include,
        Loopback::Include | Loopback::Only => Loopback::Exclude,
    }
}

/// Bits as people count them, in powers of 1000, and back to the bytes that were there before.
pub fn toggle_bits(settings: &mut Settings) {
    settings.units = match settings.units {
        bytes @ (Units::Iec | Units::Si) => {
            settings.bytes = bytes;
            Units::Bits
        }
        Units::Bits | Units::BitsIec => settings.bytes,
    };
}

/// Powers of 1000 for powers of 1024 and back.
pub fn other_base(units: Units) -> Units {
    match units {
        Units::Iec => Units::Si,
        Units::Si => Units::Iec,
        Units::Bits => Units::BitsIec,
        Units::BitsIec => Units::Bits,
    }
}
