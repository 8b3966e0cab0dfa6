//! Everything that can happen to the viewer.

use std::time::Duration;

use jiff::Timestamp;

use super::columns::sockets::Holder;
use super::layout::Size;
use super::model::export::Field;
use super::model::input::Edit;
use super::model::past::Towards;
use super::model::prompt::Purpose;
use super::model::screen::Pane;
use super::model::screen::Screen;
use super::model::screen::Step;
use super::model::sort::SortKey;
use super::model::stored::Stored;
use crate::args::query::GroupChoice;
use crate::failure::Failure;
use crate::row::Names;
use crate::session::agent::Agent;
use crate::session::watch::Event;

/// What time it is for the viewer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clock {
    /// For people.
    pub wall: Timestamp,
    /// Since the viewer was started; never goes back.
    pub running: Duration,
}

/// One thing that happens.
#[derive(Debug)]
pub enum Action {
    /// The subscription says something.
    Feed(Event),
    /// The agent's history has answered the last question.
    Past(Box<Result<Box<Stored>, Failure>>),
    /// Names of addresses have been found.
    Names(Names),
    /// The agent has said more about itself.
    Agent(Box<Agent>),
    /// Time has passed.
    Clock(Clock),
    /// The screen has another size.
    Resize(Size),
    /// Leave.
    Quit,
    /// Stop until the shell says go.
    Suspend,
    /// Draw everything anew.
    Redraw,
    /// One step back: popup, history or pause, selection.
    Back,
    /// All that was chosen since the start is taken back.
    Reset,
    /// Another view.
    Show(Screen),
    /// The next view in the order of Tab.
    ShowNeighbour(Step),
    /// The keys.
    Help,
    /// The columns to sort by.
    SortMenu,
    /// Past banners.
    Messages,
    /// Type something into the last row.
    Prompt(Purpose),
    /// A key in the prompt.
    Type(Edit),
    /// Another line in the prompt: an earlier one, or one after it.
    Recall(Step),
    /// Through a list, or what a popup shows.
    Move(Motion),
    /// The details of what is selected; in them, more of the same.
    Open,
    /// The details, or none.
    Details,
    /// Take what is marked in a menu.
    Accept,
    /// Sort by this, or the other way round.
    SortBy(SortKey),
    /// Sort by the column beside.
    SortNeighbour(Step),
    /// Sort the other way round.
    SortReverse,
    /// What to put processes together by.
    GroupMenu,
    /// Put processes together by this.
    GroupBy(GroupChoice),
    /// Put processes together by the next thing.
    GroupNext,
    /// Processes below their parents, or not.
    Tree,
    /// What belongs to the selected one, or not.
    Expand,
    /// What belongs to all, or not.
    ExpandAll,
    /// Hold the order of the list, or let it go.
    Freeze,
    /// Keep a process in the middle and in the waveform, or let it go.
    Follow,
    /// Choose columns.
    ColumnMenu,
    /// Choose what to copy.
    CopyMenu,
    /// Copy something.
    Copy(Field),
    /// What has become of a file: where it is, or why it is not.
    Written(Result<String, String>),
    /// Stop the numbers, or go on.
    Pause,
    /// To another moment.
    Travel(Travel),
    /// More or less time in the waveform.
    Zoom(Zooming),
    /// Something is shown another way.
    Switch(Switch),
    /// Totals count from here.
    SetZero,
    /// Try to reach the agent now, or ask it again.
    Retry,
    /// A list was clicked.
    ClickRow {
        /// Which.
        pane: Pane,
        /// Row below its header.
        row: usize,
    },
    /// A list of connections was clicked.
    ClickSocket {
        /// Which.
        holder: Holder,
        /// Row below its header.
        row: usize,
    },
    /// The wheel was turned over a list of connections.
    WheelSockets {
        /// Which.
        holder: Holder,
        /// Rows, down is positive.
        by: isize,
    },
    /// A column header of a list of connections was clicked.
    ClickSocketHeader {
        /// Which list.
        holder: Holder,
        /// The column.
        id: &'static str,
    },
    /// A column header was clicked.
    ClickHeader {
        /// Of which list.
        pane: Pane,
        /// What it sorts by.
        key: SortKey,
    },
    /// The wheel was turned over a list.
    Wheel {
        /// Which.
        pane: Pane,
        /// Rows, down is positive.
        by: isize,
    },
    /// The time cursor was set with the mouse.
    ClickChart {
        /// Column of the waveform.
        column: usize,
    },
}

/// A way through a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Motion {
    /// Lines, down is positive.
    Lines(isize),
    /// Screens full.
    Pages(isize),
    /// Half screens full.
    HalfPages(isize),
    /// To the top.
    First,
    /// To the end.
    Last,
}

/// A way through time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Travel {
    /// One tick.
    Tick(Towards),
    /// Seconds.
    Seconds(u64, Towards),
    /// To the highest burst, then the next highest.
    Peak,
    /// To the present.
    Live,
}

/// More or less time in the waveform.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Zooming {
    /// Less.
    Closer,
    /// More.
    Wider,
    /// As at the start.
    Reset,
}

/// Something that has two or more ways to be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Switch {
    /// Idle processes.
    Idle,
    /// Ended processes among the running ones.
    Mix,
    /// What the waveform is about.
    Subject,
    /// Names or addresses of other ends.
    Hosts,
    /// Traffic that stays on the machine.
    Loopback,
    /// Bits or bytes.
    Bits,
    /// Powers of 1000 or 1024.
    Base,
    /// Rates or totals.
    Numbers,
    /// The span of rates; for ended processes, how far back.
    Span,
    /// Name or command line.
    Command,
    /// One scale for both directions or two.
    Scaling,
    /// Colours.
    Theme,
    /// The mouse.
    Mouse,
}
