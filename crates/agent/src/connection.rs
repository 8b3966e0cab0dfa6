//! One row of connections: a socket of a process, or those that were folded into one row.

use std::sync::Arc;

use netmon_bpf::abi::Flow;
use netmon_bpf::abi::ProcessId;
use netmon_bpf::traffic::ConnectionReading;

/// What a row is about: who moves the bytes, and the socket's own number; 0: `(other connections)`.
pub type Key = (ProcessId, u64);

/// The number of the row that others are folded into: no socket has it.
pub const FOLDED: u64 = 0;

/// One row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionRow {
    /// What it is about.
    pub key: Key,
    /// One socket, or several.
    pub kind: Kind,
    /// Number of the last tick in which it moved bytes, opened, closed or changed.
    pub seq: u64,
    /// Bytes within that tick.
    pub rx: u64,
    /// As `rx`.
    pub tx: u64,
    /// Cumulative, since it was opened or the counters look.
    pub rx_total: Flow,
    /// As `rx_total`.
    pub tx_total: Flow,
}

/// What stands behind a row.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(
    clippy::large_enum_variant,
    reason = "nearly all rows are about one socket"
)]
pub enum Kind {
    /// One socket.
    Socket(Socket),
    /// So many, folded.
    Folded(u32),
}

/// A socket as it was read last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Socket {
    /// As the kernel told.
    pub reading: ConnectionReading,
    /// Name of the device. `None`: not known.
    pub interface: Option<Arc<str>>,
    /// Boot clock, ns, once it is closed.
    pub closed: Option<u64>,
}

impl ConnectionRow {
    /// The socket; `None`: several are folded into it.
    pub fn socket(&self) -> Option<&Socket> {
        match &self.kind {
            Kind::Socket(socket) => Some(socket),
            Kind::Folded(_) => None,
        }
    }

    /// Bytes within the tick `seq`, received and sent.
    pub fn moved_in(&self, seq: u64) -> (u64, u64) {
        match self.seq == seq {
            true => (self.rx, self.tx),
            false => (0, 0),
        }
    }

    /// Bytes since it was opened or the counters look.
    pub fn total(&self) -> u64 {
        self.rx_total.bytes.saturating_add(self.tx_total.bytes)
    }
}

/// What went wrong with the TCP connections of a process, open and closed; cumulative. A socket that
/// several processes share is told for the first of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Trouble {
    /// Segments sent again.
    pub retransmits: u64,
    /// Connections that the peer has reset.
    pub resets: u64,
    /// Calls of connect() that failed.
    pub failed: u64,
}

impl Trouble {
    /// With that of others.
    pub fn plus(&mut self, other: Trouble) {
        self.retransmits += other.retransmits;
        self.resets += other.resets;
        self.failed += other.failed;
    }

    /// With that of one more connection.
    pub fn add(&mut self, reading: &ConnectionReading) {
        let Some(tcp) = reading.tcp.filter(|_| !reading.shared) else {
            return;
        };
        self.retransmits += u64::from(tcp.retransmits);
        self.resets += u64::from(tcp.reset);
        self.failed += u64::from(tcp.failed);
    }
}
