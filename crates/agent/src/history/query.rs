//! Questions about the past, and the shape of their answers.

use std::fmt;
use std::sync::Arc;

use super::BootId;
use super::Gap;
use crate::frame::LOOPBACK;
use crate::process::Facts;
use crate::rate::Peaks;

/// A set of kinds of traffic (see [`crate::frame::FlowCount::kind`]), one bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kinds(pub u8);

impl Kinds {
    /// Everything.
    pub const ALL: Kinds = Kinds(0xff);
    /// Everything that leaves the machine.
    pub const EXTERNAL: Kinds = Kinds((1 << LOOPBACK) - 1);

    /// Whether the kind is one of them.
    pub fn has(self, kind: u8) -> bool {
        self.0.checked_shr(u32::from(kind)).unwrap_or(0) & 1 == 1
    }
}

/// Names the group of traffic of one kind of one process; empty: it has none.
pub type GroupName = dyn Fn(&Facts, u8) -> String + Send + Sync;
/// Whether a process is asked for, by its facts at the end of the window.
pub type Wanted = dyn Fn(&Facts) -> bool + Send + Sync;

/// What a row is about.
#[derive(Clone)]
pub enum Grouping {
    /// One process.
    Process,
    /// All traffic with the same name.
    Named(Arc<GroupName>),
}

impl fmt::Debug for Grouping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Grouping::Process => "Process",
            Grouping::Named(_) => "Named",
        })
    }
}

/// What rows are ordered by, highest first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Order {
    /// Received and sent.
    #[default]
    Bytes,
    /// Received.
    Rx,
    /// Sent.
    Tx,
    /// The highest tick, both directions.
    Peak,
}

/// A question. A tick belongs to the window that it ends in.
#[derive(Clone)]
pub struct Query {
    /// Ticks that end after this, wall clock, ns since 1970. `None`: from the oldest.
    pub since: Option<u64>,
    /// Ticks that end at this or before. `None`: to the newest.
    pub until: Option<u64>,
    /// First tick by its number. Numbers may start over when the machine does.
    pub from_seq: Option<u64>,
    /// Last tick by its number.
    pub to_seq: Option<u64>,
    /// Length of a step, ns; steps end at multiples of it. With the length of what is kept, each
    /// kept stretch is a step. 0: one step for all.
    pub step: u64,
    /// What rows are about.
    pub group: Grouping,
    /// Which traffic rows, sums and peaks are about.
    pub kinds: Kinds,
    /// `None`: all processes.
    pub wanted: Option<Arc<Wanted>>,
    /// Others are not even looked at; in order. Empty: all. `wanted` knows them too.
    pub pids: Vec<u32>,
    /// Only the groups that come first over the whole window. 0: all of them.
    pub top: usize,
    /// What rows are ordered by.
    pub order: Order,
    /// Lowest first.
    pub ascending: bool,
    /// The last step also has processes that are live at its end and moved no bytes. Only by process.
    pub idle: bool,
    /// Peaks and active times are needed. Without them sums of long windows come from summaries.
    pub peaks: bool,
}

impl Default for Query {
    fn default() -> Self {
        Query {
            since: None,
            until: None,
            from_seq: None,
            to_seq: None,
            step: 0,
            group: Grouping::Process,
            kinds: Kinds::ALL,
            wanted: None,
            pids: Vec::new(),
            top: 0,
            order: Order::Bytes,
            ascending: false,
            idle: false,
            peaks: true,
        }
    }
}

impl Query {
    /// Whether a process with this pid may be asked for.
    pub fn may_want(&self, pid: u32) -> bool {
        self.pids.is_empty() || self.pids.binary_search(&pid).is_ok()
    }
}

impl fmt::Debug for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Query")
            .field("since", &self.since)
            .field("until", &self.until)
            .field("seqs", &(self.from_seq, self.to_seq))
            .field("step", &self.step)
            .field("group", &self.group)
            .field("kinds", &self.kinds)
            .field("wanted", &self.wanted.is_some())
            .field("pids", &self.pids)
            .field("top", &self.top)
            .field("order", &(self.order, self.ascending))
            .field("idle", &self.idle)
            .field("peaks", &self.peaks)
            .finish()
    }
}

/// Bytes of one kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sum {
    /// As in [`crate::frame::FlowCount::kind`].
    pub kind: u8,
    /// Received.
    pub rx: u64,
    /// Sent.
    pub tx: u64,
}

/// What an answer covers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Header {
    /// Begin of the first tick and end of the last one, wall clock, ns since 1970. `None`: nothing
    /// in the window is kept.
    pub covered: Option<(u64, u64)>,
    /// Length of a step, ns, raised to a multiple of `kept`. 0: one step for all.
    pub step: u64,
    /// Length of what is kept as one in the coarsest part of the window, ns; 0: nothing is.
    pub kept: u64,
    /// Ticks in the window.
    pub ticks: u64,
    /// Ticks that were made and are not there.
    pub missing: u64,
    /// Intervals without an agent.
    pub gaps: Vec<Gap>,
    /// Begin of the oldest tick that is kept at all.
    pub oldest: Option<u64>,
    /// Damaged parts that were skipped so far; [`Step::damaged`] counts on.
    pub damaged: u64,
    /// Events were lost in the window.
    pub lower_bound: bool,
}

/// A stretch of the window.
#[derive(Debug, Clone, Default)]
pub struct Step {
    /// End of its last tick, wall clock, ns since 1970.
    pub end: u64,
    /// Sum of the true lengths of its ticks, ns.
    pub length: u64,
    /// Ticks in it.
    pub ticks: u64,
    /// Ticks that were made and are not there.
    pub missing: u64,
    /// Number of its last tick.
    pub seq: u64,
    /// Some of its bytes moved in an interval without an agent.
    pub gap: bool,
    /// Events were lost in it.
    pub lower_bound: bool,
    /// Over all processes that are asked for, whatever `top` leaves out.
    pub sums: Vec<Sum>,
    /// The highest tick of that sum, times in wall clock. `None`: not kept, not asked for, or all
    /// bytes moved in ticks that have no rate: intervals without an agent.
    pub peaks: Option<Peaks>,
    /// Bytes without a process, received and sent.
    pub unattributed: (u64, u64),
    /// Groups with bytes.
    pub groups: u32,
    /// Damaged parts that were skipped for the answer up to here.
    pub damaged: u64,
    /// Ordered as asked for.
    pub rows: Vec<AnswerRow>,
}

/// One group in one step.
#[derive(Debug, Clone)]
pub struct AnswerRow {
    /// What it is about.
    pub subject: Subject,
    /// Processes in it with bytes.
    pub processes: u32,
    /// Bytes in the step, only kinds that moved or have totals.
    pub sums: Vec<Sum>,
    /// Cumulative at the end of the step, of kinds that are not zero. Only by process.
    pub totals: Vec<Sum>,
    /// Highest single ticks in the step, times in wall clock (ns since 1970). `None`: not kept in
    /// this resolution, not asked for, or all its bytes moved in ticks that have no rate: intervals
    /// without an agent.
    pub peaks: Option<Peaks>,
    /// How long it had bytes, in whole ticks that have a rate, ns. `None`: as peaks.
    pub active: Option<u64>,
}

/// What a row is about.
#[derive(Debug, Clone)]
pub enum Subject {
    /// A process, with a number that is its own in this answer.
    Process(u32, Arc<Described>),
    /// A group.
    Group(Arc<str>),
}

/// A process at the end of the window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Described {
    /// The boot its times and its id belong to.
    pub boot: BootId,
    /// What it is.
    pub facts: Arc<Facts>,
    /// `false`: its description is damaged, and of the facts only the id is true.
    pub known: bool,
    /// An instant of that boot by both clocks: boot clock, and ns since 1970.
    pub anchor: (u64, u64),
}
