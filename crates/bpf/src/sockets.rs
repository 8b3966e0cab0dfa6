//! What the entries of sockets say: who has how many connections, and what each of them is.

use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;
use std::net::SocketAddr;

use crate::abi::flow;
use crate::abi::process_key;
use crate::abi::socket_state;
use crate::abi::Flow;
use crate::abi::ProcessId;
use crate::connection::ConnectionReading;
use crate::connection::ConnectionState;
use crate::connection::TcpHealth;
use crate::connection::Transport;
use crate::digest::ByNumber;

/// include/net/tcp_states.h
const TCP_ESTABLISHED: u8 = 1;
const TCP_CLOSE: u8 = 7;
/// The peer has finished, the process has not closed yet.
const TCP_CLOSE_WAIT: u8 = 8;
const TCP_LISTEN: u8 = 10;
/// enum socket_flags of abi.h.
const SOCKET_IGNORED: u8 = 1;
const SOCKET_USED: u8 = 8;
/// enum fate of abi.h.
const FATE_ESTABLISHED: u8 = 1;
const FATE_FAILED: u8 = 2;
const FATE_RESET: u8 = 4;
/// FLOW_LOOPBACK of abi.h.
const FLOW_LOOPBACK: u8 = 8;
/// The loopback device is the first of its namespace.
const LOOPBACK_INDEX: u32 = 1;
const UNTOLD: u32 = u32::MAX;
const AF_INET6: u16 = libc::AF_INET6 as u16;
const IPPROTO_TCP: u16 = 6;
const IPPROTO_UDP: u16 = 17;
const IPPROTO_UDPLITE: u16 = 136;

/// Open sockets with a peer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Connections {
    /// TCP, established and not closed by the process; MPTCP counts once.
    pub tcp: u32,
    /// UDP, connected or used since the counters look.
    pub udp: u32,
}

/// How many connections there are at one instant.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) by_process: ByNumber<ProcessId, Connections>,
    /// Established, and nobody has used them: accepted, or still to be. Also those that were taken
    /// over and not looked at since.
    pub(crate) ownerless: u32,
    /// Entries in the map.
    pub(crate) entries: u32,
}

impl Tally {
    pub(crate) fn add(&mut self, socket: &socket_state) {
        self.entries += 1;
        if socket.flags & SOCKET_IGNORED != 0 {
            return;
        }
        let counts = match socket.state {
            TCP_ESTABLISHED => true,
            TCP_CLOSE_WAIT => !is_udp(socket),
            _ => is_udp(socket) && socket.flags & SOCKET_USED != 0,
        };
        if !counts {
            return;
        }
        if socket.namespace == 0 || socket.owner.tgid == 0 {
            self.ownerless += 1;
        }
        if socket.owner.tgid == 0 {
            return;
        }
        let connections = self.by_process.entry(socket.owner.into()).or_default();
        if is_udp(socket) {
            connections.udp += 1;
        } else {
            connections.tcp += 1;
        }
    }
}

/// What the kernel's measurements are told with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Measured {
    /// A tick of the kernel, ns.
    pub(crate) tick: u64,
    /// Whether an open socket was asked. A closed one has told when it was closed.
    pub(crate) asked: bool,
}

/// The connection of whoever used a socket first, or opened it. `None`: it is nobody's, or none.
pub(crate) fn first_of(socket: &socket_state, measured: Measured) -> Option<ConnectionReading> {
    let used = socket.flags & SOCKET_USED != 0 || socket.user.tgid != 0;
    let open = match is_udp(socket) {
        true => socket.state == TCP_ESTABLISHED,
        false => socket.state != TCP_CLOSE || socket.fate & (FATE_ESTABLISHED | FATE_FAILED) != 0,
    };
    if socket.flags & SOCKET_IGNORED != 0 || socket.state == TCP_LISTEN || !(used || open) {
        return None;
    }
    let process: process_key = match socket.user.tgid {
        0 => socket.owner,
        _ => socket.user,
    };
    if process.tgid == 0 {
        return None;
    }
    let transport = match is_udp(socket) {
        true => Transport::Udp,
        false => Transport::Tcp,
    };
    let state = state(socket);
    let remote = address(socket, &socket.remote, u16::from_be(socket.remote_port));
    let alone = transport == Transport::Udp
        && (state == ConnectionState::Unconnected || socket.remote_port == 0);
    let loopback = socket.flow & FLOW_LOOPBACK != 0;
    Some(ConnectionReading {
        id: socket.id,
        process: process.into(),
        shared: false,
        transport,
        loopback,
        state,
        local: address(socket, &socket.local, socket.local_port),
        remote: (!alone).then_some(remote),
        namespace: socket.namespace,
        interface: match socket.interface {
            0 if loopback => LOOPBACK_INDEX,
            index => index,
        },
        opened: (socket.opened != 0).then_some(socket.opened),
        rx: flow_of(&socket.flows[0]),
        tx: flow_of(&socket.flows[1]),
        tcp: health(socket, measured),
    })
}

/// Adds what other processes moved over the same socket, or the same one before a takeover: the
/// connections of all of them, whoever used it first in front.
pub(crate) fn spread(
    first: ConnectionReading,
    moved: impl Iterator<Item = (ProcessId, [flow; 2])>,
) -> Vec<ConnectionReading> {
    let mut all = vec![first];
    for (process, flows) in moved {
        let told = match all.iter().position(|told| told.process == process) {
            Some(index) => &mut all[index],
            None => {
                all.push(ConnectionReading {
                    process,
                    shared: true,
                    rx: Flow::default(),
                    tx: Flow::default(),
                    ..all[0].clone()
                });
                let last = all.len() - 1;
                &mut all[last]
            }
        };
        for (sum, flow) in [&mut told.rx, &mut told.tx].into_iter().zip(&flows) {
            sum.bytes = sum.bytes.wrapping_add(flow.bytes);
            sum.calls = sum.calls.wrapping_add(flow.calls);
        }
    }
    all
}

fn flow_of(raw: &flow) -> Flow {
    Flow {
        bytes: raw.bytes,
        calls: raw.calls,
    }
}

fn is_udp(socket: &socket_state) -> bool {
    matches!(socket.protocol, IPPROTO_UDP | IPPROTO_UDPLITE)
}

fn state(socket: &socket_state) -> ConnectionState {
    use ConnectionState as State;
    match socket.state {
        TCP_ESTABLISHED => State::Established,
        _ if is_udp(socket) => State::Unconnected,
        2 => State::SynSent,
        // 12: a request that no socket of its own has yet.
        3 | 12 => State::SynRecv,
        4 => State::FinWait1,
        5 => State::FinWait2,
        6 => State::TimeWait,
        TCP_CLOSE_WAIT => State::CloseWait,
        9 => State::LastAck,
        TCP_LISTEN => State::Listen,
        11 => State::Closing,
        _ => State::Closed,
    }
}

fn address(socket: &socket_state, bytes: &[u8; 16], port: u16) -> SocketAddr {
    let address = match socket.family {
        AF_INET6 => IpAddr::V6(Ipv6Addr::from(*bytes)).to_canonical(),
        _ => IpAddr::V4(Ipv4Addr::new(bytes[0], bytes[1], bytes[2], bytes[3])),
    };
    SocketAddr::new(address, port)
}

fn health(socket: &socket_state, measured: Measured) -> Option<TcpHealth> {
    // struct tcp_sock has it, and MPTCP is another one.
    if socket.protocol != IPPROTO_TCP || !(measured.asked || socket.state == TCP_CLOSE) {
        return None;
    }
    let raw = &socket.health;
    let told = raw.busy != UNTOLD;
    let time = |ticks: u32| told.then(|| u64::from(ticks).saturating_mul(measured.tick) / 1_000);
    Some(TcpHealth {
        rtt_us: (raw.rtt != 0).then_some(raw.rtt / 8),
        rtt_variation_us: (raw.rtt != 0).then_some(raw.rtt_variation / 4),
        retransmits: raw.retransmits,
        failed: socket.fate & FATE_FAILED != 0,
        reset: socket.fate & FATE_RESET != 0,
        busy_us: time(raw.busy),
        limited_by_window_us: time(raw.by_window),
        limited_by_buffer_us: time(raw.by_buffer),
    })
}

#[cfg(test)]
#[path = "sockets_tests.rs"]
mod tests;
