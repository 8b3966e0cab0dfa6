//! One connection of one process.

use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use netmon_api::filter::SocketState;

use super::Counter;
use super::Family;
use super::Flows;
use super::Loopback;
use super::ProcessId;
use super::Scope;
use super::Transport;

/// What one process moved over one socket, or over several that are told as one.
#[derive(Debug, Clone, PartialEq)]
pub struct Connection {
    /// Its own for as long as the machine is up; shared by the processes that share the socket.
    pub id: u64,
    /// Whose.
    pub process: ProcessId,
    /// TCP or UDP.
    pub transport: Transport,
    /// Of its addresses.
    pub family: Family,
    /// Whether it stays on the machine.
    pub loopback: bool,
    /// As the kernel has it; `None`: UDP without a peer, or not told.
    pub state: Option<SocketState>,
    /// This end; `None`: not told.
    pub local: Option<Endpoint>,
    /// The other end; `None`: no peer of its own.
    pub remote: Option<Endpoint>,
    /// The device it was last used over; `None`: unknown. Not sanitised.
    pub interface: Option<String>,
    /// `None`: it was open before the counters looked.
    pub opened: Option<Timestamp>,
    /// `None`: it is open.
    pub closed: Option<Timestamp>,
    /// Its bytes.
    pub counter: Counter,
    /// `None`: not TCP, or the kernel does not tell.
    pub health: Option<Health>,
    /// `None`: one connection. Otherwise so many, without addresses.
    pub folded: Option<u32>,
}

/// Address and port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint {
    /// Address; mapped IPv4 is IPv4.
    pub address: IpAddr,
    /// Port; 0: none.
    pub port: u16,
}

/// Why a TCP connection is slow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Health {
    /// Smoothed round-trip time; `None`: not measured yet.
    pub rtt: Option<Duration>,
    /// Its variation.
    pub rtt_variation: Option<Duration>,
    /// Segments sent again.
    pub retransmits: u32,
    /// connect() failed.
    pub failed: bool,
    /// It was reset.
    pub reset: bool,
    /// How long it had data to send; `None`: the kernel does not tell.
    pub busy: Option<Duration>,
    /// How long of that the peer's window held it up.
    pub limited_by_window: Option<Duration>,
    /// How long of that the send buffer held it up.
    pub limited_by_buffer: Option<Duration>,
}

impl Connection {
    /// What tells it from all others.
    pub fn key(&self) -> (u64, ProcessId) {
        (self.id, self.process)
    }

    /// Whether its traffic is inside `scope`.
    pub fn is_in(&self, scope: Scope) -> bool {
        let loopback = match scope.loopback {
            Loopback::Exclude => !self.loopback,
            Loopback::Include => true,
            Loopback::Only => self.loopback,
        };
        loopback
            && scope.transports().contains(&self.transport)
            && scope.families().contains(&self.family)
    }

    /// Adds its bytes to their kind in `flows`.
    pub fn add_to(&self, flows: &mut Flows) {
        let side = if self.loopback {
            &mut flows.loopback
        } else {
            &mut flows.external
        };
        let cell = &mut side[self.transport as usize][self.family as usize];
        *cell = cell.plus(self.counter);
    }

    /// From its opening to its end or to `now`; `None`: it was open before the counters looked.
    pub fn age(&self, now: Timestamp) -> Option<Duration> {
        let end = self.closed.unwrap_or(now);
        Some(Duration::try_from(end.duration_since(self.opened?)).unwrap_or_default())
    }
}

impl Health {
    /// What held it up for most of the time it had data to send; `None`: not known.
    pub fn limit(&self) -> Option<Limit> {
        let (window, buffer) = (self.limited_by_window?, self.limited_by_buffer?);
        let busy = self.busy?;
        let rest = busy.saturating_sub(window).saturating_sub(buffer);
        if busy.is_zero() {
            return Some(Limit::Application);
        }
        Some(if window >= buffer && window >= rest {
            Limit::Window
        } else if buffer >= rest {
            Limit::Buffer
        } else {
            Limit::Network
        })
    }
}

/// What holds a connection up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// It has nothing to send.
    Application,
    /// The window of the peer.
    Window,
    /// The send buffer of this end.
    Buffer,
    /// The way between them.
    Network,
}

impl Limit {
    /// As printed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Application => "application",
            Self::Window => "window",
            Self::Buffer => "buffer",
            Self::Network => "network",
        }
    }
}
