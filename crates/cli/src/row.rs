//! What the client knows about processes and their traffic, in its own types.
//!
//! `session` turns messages of the agent into these; `output` and `top` only read them. Rates are
//! not stored: [`rate`](crate::rate) divides a tick's bytes by its true length where they are
//! shown.

pub mod connection;
pub mod decode;
pub mod packet;
pub mod past;
pub mod scope;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use self::connection::Connection;

/// One process for as long as the machine is up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProcessId {
    /// Thread-group id in the initial pid namespace.
    pub pid: u32,
    /// Start, boot clock, ns.
    pub start_ns: u64,
}

/// By process. A screen that goes back in time looks up some hundred thousand.
pub type ByProcess<T> = HashMap<ProcessId, T, foldhash::fast::RandomState>;

/// Received and sent payload bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bytes {
    /// Received by the process.
    pub rx: u64,
    /// Sent by the process.
    pub tx: u64,
}

/// One kind of traffic: bytes of the last tick, and since first seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counter {
    /// Within the tick.
    pub tick: Bytes,
    /// Since first seen.
    pub total: Bytes,
}

/// Index of a transport in [`Flows`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// TCP, also under kTLS and MPTCP.
    Tcp,
    /// UDP and UDP-Lite.
    Udp,
}

/// Index of a family in [`Flows`]. By address: mapped IPv4 is IPv4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// Traffic by transport, family and whether it stayed on the machine.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Flows {
    /// `[transport][family]`, loopback left out.
    pub external: [[Counter; 2]; 2],
    /// `[transport][family]`, loopback only.
    pub loopback: [[Counter; 2]; 2],
}

/// What to do with traffic that stays on the machine.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Loopback {
    /// Leave it out.
    #[default]
    Exclude,
    /// Count it with the rest.
    Include,
    /// Show nothing else.
    Only,
}

impl Loopback {
    /// As typed and printed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Exclude => "exclude",
            Self::Include => "include",
            Self::Only => "only",
        }
    }
}

/// Which part of the traffic the numbers are about (`--proto`, `-4`, `-6`, `--loopback`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Scope {
    /// `None`: both.
    pub transport: Option<Transport>,
    /// `None`: both.
    pub family: Option<Family>,
    /// What of the machine's own traffic.
    pub loopback: Loopback,
}

/// Whether a process runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Running.
    Live,
    /// Ended.
    Exited,
}

impl State {
    /// As printed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Exited => "exited",
        }
    }
}

/// Names of addresses, as a resolver has them. Not sanitised.
pub type Names = HashMap<IpAddr, String>;

/// How a process ended. Both `None`: not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exit {
    /// When.
    pub time: Timestamp,
    /// Set when it ended by itself.
    pub code: Option<i32>,
    /// Set when a signal ended it.
    pub signal: Option<i32>,
}

/// What a process is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Identity.
    pub id: ProcessId,
    /// Live or exited.
    pub state: State,
    /// When it was started.
    pub start_time: Timestamp,
    /// When its first traffic was seen.
    pub first_seen: Timestamp,
    /// `None`: unknown.
    pub parent_pid: Option<u32>,
    /// `None`: unknown.
    pub parent_name: Option<String>,
    /// Real user id.
    pub uid: u32,
    /// Name of that user; `None`: the id has no name here.
    pub user: Option<String>,
    /// comm of the thread-group leader. Not sanitised: may hold any character.
    pub name: String,
    /// `None`: unknown.
    pub exe: Option<String>,
    /// Command line; empty: unknown. Not sanitised.
    pub args: Vec<String>,
    /// Path in the cgroup v2 tree; `None`: unknown.
    pub cgroup: Option<String>,
    /// systemd unit; `None`: it is in none, or unknown.
    pub unit: Option<String>,
    /// `None`: it is in none that a runtime is known for.
    pub container: Option<Container>,
    /// Set once it has ended.
    pub exit: Option<Exit>,
}

/// What a container is called. Not sanitised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    /// As long as the cgroup path has it.
    pub id: String,
    /// As its runtime calls it; `None`: not known (yet).
    pub name: Option<String>,
}

/// Highest single ticks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Peaks {
    /// Highest rate received, bytes per second.
    pub rx_per_s: u64,
    /// Highest rate sent.
    pub tx_per_s: u64,
    /// Highest rate of both in one tick.
    pub sum_per_s: u64,
    /// End of the tick of `sum_per_s`; `None`: no traffic yet.
    pub time: Option<Timestamp>,
}

/// One process and its numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessRow {
    /// What it is.
    pub facts: Arc<Facts>,
    /// Its traffic.
    pub flows: Flows,
    /// Open TCP sockets with a peer; `None`: cannot be told here.
    pub tcp_connections: Option<u32>,
    /// Open UDP sockets with a peer or recent traffic; `None`: cannot be told here.
    pub udp_connections: Option<u32>,
    /// Without loopback.
    pub peaks: Peaks,
    /// With loopback.
    pub peaks_with_loopback: Peaks,
    /// How its TCP connections fared.
    pub health: TcpHealth,
}

/// How the TCP connections of a process fared, open and closed, cumulative. `None`: cannot be told
/// here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TcpHealth {
    /// Segments sent again.
    pub retransmits: Option<u64>,
    /// Connections that were reset.
    pub resets: Option<u64>,
    /// Connections that could not be made.
    pub connects_failed: Option<u64>,
}

/// What is known about the whole machine in a tick.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Extent {
    /// All of it.
    #[default]
    All,
    /// Bytes within the tick and how many processes moved some; no totals, no number of processes.
    /// So it is in the history.
    Bytes,
    /// Nothing: the history was asked about some processes only.
    Nothing,
}

/// Everything the client knows at the end of one tick.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Tick number of the agent.
    pub seq: u64,
    /// End of the tick.
    pub time: Timestamp,
    /// True length; `None`: rates are not known in this tick.
    pub length: Option<Duration>,
    /// How many ticks of the agent this stands for.
    pub merged: u32,
    /// Which sums over the machine there are.
    pub extent: Extent,
    /// Over all processes, also those not selected.
    pub flows: Flows,
    /// Bytes no process could be found for.
    pub unattributed: Counter,
    /// Live processes the agent knows.
    pub processes: u32,
    /// Of those, with traffic in this tick.
    pub processes_active: u32,
    /// `None`: cannot be told here.
    pub tcp_connections: Option<u32>,
    /// `None`: cannot be told here.
    pub udp_connections: Option<u32>,
    /// Events were lost: the numbers are lower bounds.
    pub lower_bound: bool,
    /// The selected processes, unordered, live and exited.
    pub rows: Vec<ProcessRow>,
    /// Their connections where they were asked for, unordered: the open ones, and those that ended
    /// within the tick.
    pub connections: Vec<Connection>,
}
