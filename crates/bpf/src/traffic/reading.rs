//! What is asked of the counters, and what they tell.

use std::path::PathBuf;

use crate::abi::Losses;
use crate::abi::Process;
use crate::abi::ProcessId;
use crate::abi::Traffic;
use crate::connection::ClosedConnection;
use crate::connection::ConnectionReading;
use crate::object::Limits;
use crate::plan::HookSet;
use crate::sockets::Connections;

/// What the agent asks for.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where pins go, on a BPF file system.
    pub directory: PathBuf,
    /// `None`: the first set that this kernel takes.
    pub hooks: Option<HookSet>,
    /// Used when maps are made; maps that are taken over keep theirs.
    pub limits: Limits,
    /// Drop what is pinned and start at zero.
    pub fresh: bool,
}

/// All numbers at one instant, cumulative.
#[derive(Debug, Default)]
pub struct Reading {
    /// Boot clock, ns.
    pub time: u64,
    /// Every process with counters, in no order.
    pub processes: Vec<(ProcessId, Traffic)>,
    /// Processes seen for the first time, renamed or ended since the reading before. The
    /// counters of an ended one in this reading are final.
    pub news: Vec<(ProcessId, Process)>,
    /// Bytes for which no process entry could be had.
    pub unattributed: Traffic,
    /// Cumulative.
    pub losses: Losses,
    /// Events the kernel skipped whose bytes no later event brings back; cumulative.
    pub missed_events: u64,
    /// How many connections each process has; `None`: not asked for.
    pub socket_counts: Option<Vec<(ProcessId, Connections)>>,
    /// Each of them, in no order, and those that have not been used yet; `None`: not asked for.
    pub connections: Option<Vec<ConnectionReading>>,
    /// Of changes: sockets that readings had and have not any more, although their end was not told.
    /// `None`: `connections` has all there are.
    pub vanished: Option<Vec<u64>>,
    /// Those that were closed since the reading before, oldest first. They are told by every
    /// reading, whatever was asked for.
    pub closed: Vec<ClosedConnection>,
    /// Entries in the process and socket maps; the latter is of the last time it was read.
    pub entries: Entries,
}

/// How full the maps are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Entries {
    /// In `processes`.
    pub processes: u32,
    /// In `traffic`: one per process and CPU it used.
    pub counters: u32,
    /// In `sockets`.
    pub sockets: u32,
}

/// What one agent leaves for the next.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Handover {
    /// Number of the last tick; 0: none yet.
    pub seq: u64,
    /// Its end, boot clock, ns.
    pub time: u64,
    /// Agents that took over since the counters were made.
    pub restarts: u32,
}
