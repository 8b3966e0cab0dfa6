//! What is told of one connection: who moved how much over which socket, and why it is slow.

use std::net::SocketAddr;

use crate::abi::Flow;
use crate::abi::ProcessId;

/// How much a reading tells of sockets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Census {
    /// Nothing. Connections that were closed are told all the same.
    #[default]
    None,
    /// How many connections each process has.
    Counts,
    /// That, and each connection.
    Details,
    /// That, and each connection that has changed since the reading before. The first of them has all.
    Changes,
}

/// What carries the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    /// TCP; also MPTCP, and kTLS.
    Tcp,
    /// UDP; also UDP-Lite.
    Udp,
}

/// As the kernel has it (include/net/tcp_states.h), with the same numbers; RFC 9293 for TCP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
#[allow(missing_docs, reason = "RFC 9293 has them")]
pub enum ConnectionState {
    /// Also UDP with a peer of its own.
    Established = 1,
    SynSent = 2,
    SynRecv = 3,
    FinWait1 = 4,
    FinWait2 = 5,
    TimeWait = 6,
    Closed = 7,
    CloseWait = 8,
    LastAck = 9,
    Listen = 10,
    Closing = 11,
    /// UDP without a peer of its own.
    Unconnected = 12,
}

/// What one process moved over one socket.
///
/// A socket that several processes use is one connection for each of them, with the same `id`. The
/// bytes of all connections of a process, open and closed, are the bytes of the process since the
/// counters look at connections, except for what a loss says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionReading {
    /// Of the socket: its own for as long as the machine is up.
    pub id: u64,
    /// Who moves the bytes. It may have no counters: then it has moved none.
    pub process: ProcessId,
    /// Another process has used the socket before this one did, and tells of it too.
    pub shared: bool,
    /// TCP or UDP.
    pub transport: Transport,
    /// Over the loopback device, or to a loopback address, when it was last used.
    pub loopback: bool,
    /// When it was read; of a closed one the last that was seen.
    pub state: ConnectionState,
    /// An IPv4 address mapped into IPv6 is IPv4.
    pub local: SocketAddr,
    /// `None`: no peer of its own.
    pub remote: Option<SocketAddr>,
    /// Inode number of its network namespace, as in `/proc/PID/ns/net`; 0: unknown.
    pub namespace: u32,
    /// Index of the device in that namespace that it was last used over; 0: unknown, as it is for
    /// UDP without a peer where only calls are seen.
    pub interface: u32,
    /// Boot clock, ns; UDP: its first use. `None`: before the counters looked.
    pub opened: Option<u64>,
    /// Cumulative, since it was opened or the counters look.
    pub rx: Flow,
    /// As `rx`.
    pub tx: Flow,
    /// `None`: not TCP, or the kernel does not tell.
    pub tcp: Option<TcpHealth>,
}

/// Why a TCP connection is slow, as the kernel measures it. It is of the socket: connections that
/// share it have the same.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TcpHealth {
    /// Smoothed round-trip time, microseconds. `None`: not measured yet.
    pub rtt_us: Option<u32>,
    /// Its variation, microseconds.
    pub rtt_variation_us: Option<u32>,
    /// Segments sent again, cumulative.
    pub retransmits: u32,
    /// Its connect() failed: it was refused (then `reset` is set too), or nobody answered.
    pub failed: bool,
    /// The peer has reset it.
    pub reset: bool,
    /// How long it had data to send, microseconds, as coarse as the kernel's tick. `None`: the
    /// kernel does not tell.
    pub busy_us: Option<u64>,
    /// How long of that the peer's window held it up.
    pub limited_by_window_us: Option<u64>,
    /// How long of that the send buffer held it up.
    pub limited_by_buffer_us: Option<u64>,
}

/// A connection whose socket is gone, with its final numbers. Told once.
///
/// Only those that had moved bytes, were established or failed to be. A socket that several
/// processes used is told once for each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClosedConnection {
    /// As of its end.
    pub connection: ConnectionReading,
    /// Boot clock, ns.
    pub closed: u64,
}
