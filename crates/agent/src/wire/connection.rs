//! Connections to proto.

use std::net::IpAddr;

use netmon_api::v1;
use netmon_bpf::traffic::ConnectionState;
use netmon_bpf::traffic::TcpHealth;
use netmon_bpf::traffic::Transport;

use super::process_id;
use super::timestamp;
use crate::clock::Anchor;
use crate::connection::ConnectionRow;
use crate::connection::Key;
use crate::connection::Kind;

/// A row, with the bytes it moved within the tick `seq`.
pub fn connection(row: &ConnectionRow, seq: u64, anchor: &Anchor) -> v1::Connection {
    let (rx_bytes, tx_bytes) = row.moved_in(seq);
    let numbers = v1::Connection {
        id: row.key.1,
        process: Some(process_id(row.key.0)),
        rx_bytes,
        tx_bytes,
        rx_bytes_total: row.rx_total.bytes,
        tx_bytes_total: row.tx_total.bytes,
        rx_calls_total: row.rx_total.calls,
        tx_calls_total: row.tx_total.calls,
        ..v1::Connection::default()
    };
    let socket = match &row.kind {
        Kind::Socket(socket) => socket,
        Kind::Folded(count) => {
            return v1::Connection {
                folded: Some(*count),
                ..numbers
            }
        }
    };
    let reading = &socket.reading;
    let transport = match reading.transport {
        Transport::Tcp => v1::Transport::Tcp,
        Transport::Udp => v1::Transport::Udp,
    };
    let family = match reading.remote.unwrap_or(reading.local).is_ipv4() {
        true => v1::Family::Ipv4,
        false => v1::Family::Ipv6,
    };
    let time = |boot| timestamp(anchor.wall(boot));
    v1::Connection {
        transport: transport.into(),
        family: family.into(),
        loopback: reading.loopback,
        state: state(reading.state).into(),
        local_address: address(reading.local.ip()),
        local_port: reading.local.port().into(),
        remote_address: reading.remote.map(|remote| address(remote.ip())),
        remote_port: reading.remote.map(|remote| remote.port().into()),
        interface: socket.interface.as_deref().map(str::to_owned),
        open_time: reading.opened.map(time),
        close_time: socket.closed.map(time),
        tcp: reading.tcp.as_ref().map(health),
        folded: None,
        ..numbers
    }
}

/// A row that is no more.
pub fn gone(key: &Key) -> v1::ConnectionId {
    v1::ConnectionId {
        id: key.1,
        process: Some(process_id(key.0)),
    }
}

fn address(address: IpAddr) -> Vec<u8> {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    }
}

fn state(state: ConnectionState) -> v1::ConnectionState {
    match state {
        ConnectionState::Established => v1::ConnectionState::Established,
        ConnectionState::SynSent => v1::ConnectionState::SynSent,
        ConnectionState::SynRecv => v1::ConnectionState::SynRecv,
        ConnectionState::FinWait1 => v1::ConnectionState::FinWait1,
        ConnectionState::FinWait2 => v1::ConnectionState::FinWait2,
        ConnectionState::TimeWait => v1::ConnectionState::TimeWait,
        ConnectionState::Closed => v1::ConnectionState::Closed,
        ConnectionState::CloseWait => v1::ConnectionState::CloseWait,
        ConnectionState::LastAck => v1::ConnectionState::LastAck,
        ConnectionState::Listen => v1::ConnectionState::Listen,
        ConnectionState::Closing => v1::ConnectionState::Closing,
        ConnectionState::Unconnected => v1::ConnectionState::Unconnected,
    }
}

fn health(tcp: &TcpHealth) -> v1::TcpHealth {
    v1::TcpHealth {
        rtt_us: tcp.rtt_us,
        rtt_variation_us: tcp.rtt_variation_us,
        retransmits: tcp.retransmits,
        failed: tcp.failed,
        reset: tcp.reset,
        busy_us: tcp.busy_us,
        limited_by_window_us: tcp.limited_by_window_us,
        limited_by_buffer_us: tcp.limited_by_buffer_us,
    }
}
