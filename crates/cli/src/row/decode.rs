//! From messages of the agent to the client's own types.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use netmon_api::filter::SocketState;
use netmon_api::v1;
use nix::unistd::Uid;
use nix::unistd::User;

use super::connection::Connection;
use super::connection::Endpoint;
use super::connection::Health;
use super::Bytes;
use super::Container;
use super::Counter;
use super::Exit;
use super::Facts;
use super::Flows;
use super::Peaks;
use super::ProcessId;
use super::State;
use super::TcpHealth;

/// Names of user ids, each looked up once. A lookup may ask the network (LDAP).
#[derive(Debug, Clone, Default)]
pub struct Users {
    names: HashMap<u32, Option<String>>,
}

impl Users {
    /// `None`: the id has no name on this machine.
    pub fn name(&mut self, uid: u32) -> Option<String> {
        self.names
            .entry(uid)
            .or_insert_with(|| {
                User::from_uid(Uid::from_raw(uid))
                    .ok()
                    .flatten()
                    .map(|u| u.name)
            })
            .clone()
    }
}

/// `None`: absent or out of the range of clock times.
pub fn timestamp(time: Option<&prost_types::Timestamp>) -> Option<Timestamp> {
    let time = time?;
    Timestamp::new(time.seconds, time.nanos).ok()
}

/// For the wire.
pub fn wire_time(time: Timestamp) -> prost_types::Timestamp {
    let nanos = time.as_nanosecond();
    // The nanoseconds count forwards also before 1970. A Timestamp is far inside of both ranges.
    prost_types::Timestamp {
        seconds: i64::try_from(nanos.div_euclid(1_000_000_000)).unwrap_or_default(),
        nanos: i32::try_from(nanos.rem_euclid(1_000_000_000)).unwrap_or_default(),
    }
}

/// `None`: zero, which means that the length is not known.
pub fn length(ns: u64) -> Option<Duration> {
    (ns > 0).then(|| Duration::from_nanos(ns))
}

/// Identity; `None`: the message has none.
pub fn id(id: Option<&v1::ProcessId>) -> Option<ProcessId> {
    id.map(|id| ProcessId {
        pid: id.pid,
        start_ns: id.start_ns,
    })
}

/// What a process is; `None`: the message names no process.
pub fn facts(process: v1::Process, users: &mut Users) -> Option<Facts> {
    let exited = process.state == i32::from(v1::ProcessState::Exited) || process.exit.is_some();
    Some(Facts {
        id: id(process.id.as_ref())?,
        state: if exited { State::Exited } else { State::Live },
        start_time: timestamp(process.start_time.as_ref()).unwrap_or_default(),
        first_seen: timestamp(process.first_seen_time.as_ref()).unwrap_or_default(),
        parent_pid: process.parent_pid,
        parent_name: process.parent_name,
        uid: process.uid,
        user: users.name(process.uid),
        name: process.name,
        exe: process.exe,
        args: process.args,
        cgroup: process.cgroup,
        unit: process.unit.filter(|unit| !unit.is_empty()),
        container: process.container.map(|container| Container {
            id: container.id,
            name: container.name.filter(|name| !name.is_empty()),
        }),
        exit: process.exit.map(|exit| Exit {
            time: timestamp(exit.time.as_ref()).unwrap_or_default(),
            code: exit.code,
            signal: exit.signal,
        }),
    })
}

/// Puts `flows` into their cells of `into`. The bytes within the tick of all other cells become 0,
/// their totals stay. Kinds this client does not know are left out.
pub fn apply_flows(into: &mut Flows, flows: &[v1::Flow]) {
    into.rest();
    for flow in flows {
        if let Some(cell) = cell(into, flow) {
            // Added, not assigned, so that a cell sent in two pieces is not cut in half.
            cell.tick.rx = cell.tick.rx.saturating_add(flow.rx_bytes);
            cell.tick.tx = cell.tick.tx.saturating_add(flow.tx_bytes);
            cell.total = Bytes {
                rx: flow.rx_bytes_total,
                tx: flow.tx_bytes_total,
            };
        }
    }
}

/// A connection; `None`: the message names no process, or a kind that this client does not know.
pub fn connection(connection: v1::Connection) -> Option<Connection> {
    let process = id(connection.process.as_ref())?;
    let transport = transport(connection.transport())?;
    let family = family(connection.family())?;
    let state = state(connection.state());
    let remote_port = connection.remote_port.unwrap_or_default();
    let remote = connection
        .remote_address
        .as_deref()
        .and_then(|address| endpoint(address, remote_port));
    Some(Connection {
        id: connection.id,
        process,
        transport,
        family,
        loopback: connection.loopback,
        state,
        local: endpoint(&connection.local_address, connection.local_port),
        remote,
        interface: connection.interface.filter(|name| !name.is_empty()),
        opened: timestamp(connection.open_time.as_ref()),
        closed: timestamp(connection.close_time.as_ref()),
        counter: Counter {
            tick: Bytes {
                rx: connection.rx_bytes,
                tx: connection.tx_bytes,
            },
            total: Bytes {
                rx: connection.rx_bytes_total,
                tx: connection.tx_bytes_total,
            },
        },
        health: connection.tcp.map(health),
        folded: connection.folded,
    })
}

/// How the TCP connections of a process fared.
pub fn tcp_health(row: &v1::Row) -> TcpHealth {
    TcpHealth {
        retransmits: row.tcp_retransmits,
        resets: row.tcp_resets,
        connects_failed: row.tcp_connects_failed,
    }
}

fn health(health: v1::TcpHealth) -> Health {
    let us = |time: Option<u64>| time.map(Duration::from_micros);
    Health {
        rtt: us(health.rtt_us.map(u64::from)),
        rtt_variation: us(health.rtt_variation_us.map(u64::from)),
        retransmits: health.retransmits,
        failed: health.failed,
        reset: health.reset,
        busy: us(health.busy_us),
        limited_by_window: us(health.limited_by_window_us),
        limited_by_buffer: us(health.limited_by_buffer_us),
    }
}

// `None`: not 4 or 16 bytes.
fn endpoint(bytes: &[u8], port: u32) -> Option<Endpoint> {
    Some(Endpoint {
        address: address(bytes)?,
        port: u16::try_from(port).unwrap_or_default(),
    })
}

/// 4 or 16 bytes in network order; mapped IPv4 is IPv4. `None`: another number of bytes.
pub fn address(bytes: &[u8]) -> Option<IpAddr> {
    let address = match bytes.len() {
        4 => IpAddr::from(<[u8; 4]>::try_from(bytes).ok()?),
        16 => IpAddr::from(<[u8; 16]>::try_from(bytes).ok()?),
        _ => return None,
    };
    Some(address.to_canonical())
}

fn state(state: v1::ConnectionState) -> Option<SocketState> {
    use v1::ConnectionState as Wire;
    Some(match state {
        Wire::Unspecified | Wire::Unconnected => return None,
        Wire::Established => SocketState::Established,
        Wire::SynSent => SocketState::SynSent,
        Wire::SynRecv => SocketState::SynReceived,
        Wire::FinWait1 => SocketState::FinWait1,
        Wire::FinWait2 => SocketState::FinWait2,
        Wire::TimeWait => SocketState::TimeWait,
        Wire::Closed => SocketState::Close,
        Wire::CloseWait => SocketState::CloseWait,
        Wire::LastAck => SocketState::LastAck,
        Wire::Listen => SocketState::Listen,
        Wire::Closing => SocketState::Closing,
    })
}

fn transport(transport: v1::Transport) -> Option<super::Transport> {
    match transport {
        v1::Transport::Tcp => Some(super::Transport::Tcp),
        v1::Transport::Udp => Some(super::Transport::Udp),
        v1::Transport::Unspecified => None,
    }
}

fn family(family: v1::Family) -> Option<super::Family> {
    match family {
        v1::Family::Ipv4 => Some(super::Family::V4),
        v1::Family::Ipv6 => Some(super::Family::V6),
        v1::Family::Unspecified => None,
    }
}

fn cell<'a>(flows: &'a mut Flows, flow: &v1::Flow) -> Option<&'a mut Counter> {
    let transport = transport(flow.transport())?;
    let family = family(flow.family())?;
    let side = if flow.loopback {
        &mut flows.loopback
    } else {
        &mut flows.external
    };
    Some(&mut side[transport as usize][family as usize])
}

/// A transport for the wire.
pub fn wire_transport(transport: super::Transport) -> v1::Transport {
    match transport {
        super::Transport::Tcp => v1::Transport::Tcp,
        super::Transport::Udp => v1::Transport::Udp,
    }
}

/// A family for the wire.
pub fn wire_family(family: super::Family) -> v1::Family {
    match family {
        super::Family::V4 => v1::Family::Ipv4,
        super::Family::V6 => v1::Family::Ipv6,
    }
}

/// Highest single ticks.
pub fn peaks(peaks: &v1::Peaks) -> Peaks {
    Peaks {
        rx_per_s: peaks.rx_bytes_per_s,
        tx_per_s: peaks.tx_bytes_per_s,
        sum_per_s: peaks.bytes_per_s,
        time: timestamp(peaks.time.as_ref()),
    }
}
