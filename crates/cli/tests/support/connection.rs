//! The connections of the sample machine, at 17:56:05.

use std::borrow::Cow;
use std::net::IpAddr;
use std::time::Duration;

use netmon_api::filter;
use netmon_api::filter::Filter;
use netmon_api::filter::SocketState;
use netmon_api::v1;

use super::sample::at;
use super::sample::id;

/// An open TCP connection over eth0 without bytes.
pub fn tcp(key: u64, pid: u32, local: (&[u8], u16), remote: (&[u8], u16)) -> v1::Connection {
    let family = if local.0.len() == 4 {
        v1::Family::Ipv4
    } else {
        v1::Family::Ipv6
    };
    v1::Connection {
        id: key,
        process: Some(id(pid)),
        transport: v1::Transport::Tcp.into(),
        family: family.into(),
        loopback: false,
        state: v1::ConnectionState::Established.into(),
        local_address: local.0.to_vec(),
        local_port: local.1.into(),
        remote_address: Some(remote.0.to_vec()),
        remote_port: Some(remote.1.into()),
        interface: Some("eth0".to_owned()),
        open_time: at(-90),
        tcp: Some(v1::TcpHealth {
            rtt_us: Some(12_340),
            rtt_variation_us: Some(900),
            retransmits: 3,
            busy_us: Some(1_000_000),
            limited_by_window_us: Some(700_000),
            limited_by_buffer_us: Some(100_000),
            ..v1::TcpHealth::default()
        }),
        ..v1::Connection::default()
    }
}

/// The same with bytes within the tick and in all, received and sent.
pub fn moved(connection: v1::Connection, tick: (u64, u64), total: (u64, u64)) -> v1::Connection {
    v1::Connection {
        rx_bytes: tick.0,
        tx_bytes: tick.1,
        rx_bytes_total: total.0,
        tx_bytes_total: total.1,
        ..connection
    }
}

/// Everything the agent knows. Those of nginx and curl are all the bytes of these processes in the
/// tick.
pub fn connections() -> Vec<v1::Connection> {
    let own: &[u8] = &[10, 0, 0, 5];
    let own6 = &[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5];
    let far6 = &[0x20, 1, 0xd, 0xb8, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x19];
    let local: &[u8] = &[127, 0, 0, 1];
    let curl = tcp(1, 21934, (own, 51544), (&[203, 0, 113, 200], 443));
    let other = tcp(4, 1187, (local, 43102), (local, 3000));
    let udp = v1::Connection {
        transport: v1::Transport::Udp.into(),
        state: v1::ConnectionState::Unconnected.into(),
        remote_address: None,
        remote_port: None,
        open_time: None,
        tcp: None,
        ..tcp(6, 744, (&[127, 0, 0, 53], 53), (local, 1))
    };
    let folded = v1::Connection {
        local_address: Vec::new(),
        local_port: 0,
        remote_address: None,
        remote_port: None,
        state: v1::ConnectionState::Unspecified.into(),
        interface: None,
        open_time: None,
        tcp: None,
        folded: Some(61),
        ..tcp(7, 1187, (own, 0), (own, 0))
    };
    let closed = v1::Connection {
        close_time: at(-10),
        state: v1::ConnectionState::Closed.into(),
        ..tcp(8, 21934, (own, 51540), (&[203, 0, 113, 200], 80))
    };
    vec![
        moved(curl, (9_332_326, 62_464), (2_418_018_304, 62_325_309)),
        moved(
            v1::Connection {
                interface: Some("wg0".to_owned()),
                ..tcp(2, 1187, (own, 443), (&[203, 0, 113, 9], 50122))
            },
            (900_000, 2_000_000),
            (1 << 30, 3 << 30),
        ),
        moved(
            v1::Connection {
                state: v1::ConnectionState::FinWait2.into(),
                ..tcp(3, 1187, (own6, 443), (far6, 40112))
            },
            (268_777, 795_845),
            (1 << 30, 1 << 30),
        ),
        moved(
            v1::Connection {
                loopback: true,
                interface: Some("lo".to_owned()),
                ..other
            },
            (70_000, 80_000),
            (7 << 20, 8 << 20),
        ),
        moved(udp, (1556, 980), (10 << 20, 8 << 20)),
        moved(folded, (100_000, 1_000_000), (3 << 30, 9 << 30)),
        moved(closed, (0, 0), (5000, 600)),
    ]
}

/// The answer about these, in parts of two, to somebody who wants the processes of `snapshot`.
pub fn parts(
    snapshot: &v1::Snapshot,
    connections: &[v1::Connection],
    filter: &Filter,
    closed: bool,
) -> Vec<v1::ListConnectionsResponse> {
    let process = |id| {
        snapshot
            .processes
            .iter()
            .find(|process| process.id == id)
            .cloned()
    };
    let wanted: Vec<_> = connections
        .iter()
        .filter(|connection| closed || connection.close_time.is_none())
        .filter(|connection| process(connection.process).is_some())
        .filter(|connection| filter.matches_connection(&Nobody, &It(connection)))
        .cloned()
        .collect();
    let mut told = Vec::new();
    let mut parts: Vec<_> = wanted
        .chunks(2)
        .map(|connections| {
            let mut processes = Vec::new();
            for connection in connections {
                if !told.contains(&connection.process) {
                    told.push(connection.process);
                    processes.extend(process(connection.process));
                }
            }
            v1::ListConnectionsResponse {
                tick: snapshot.tick.clone(),
                connections: connections.to_vec(),
                processes,
                ..v1::ListConnectionsResponse::default()
            }
        })
        .collect();
    parts.push(v1::ListConnectionsResponse {
        tick: snapshot.tick.clone(),
        last: true,
        closed_kept_ns: Some(600_000_000_000),
        closed_kept: 1,
        ..v1::ListConnectionsResponse::default()
    });
    parts
}

// Words about processes are not played.
struct Nobody;

struct It<'a>(&'a v1::Connection);

impl filter::Subject for Nobody {
    fn pid(&self) -> Option<u32> {
        None
    }
    fn uid(&self) -> Option<u32> {
        None
    }
    fn text(&self, _field: filter::Field) -> Option<Cow<'_, str>> {
        None
    }
    fn measure(&self, _measure: filter::Measure) -> Option<u64> {
        None
    }
    fn connection_count(&self) -> Option<u64> {
        None
    }
    fn age(&self) -> Option<Duration> {
        None
    }
    fn exited(&self) -> Option<bool> {
        None
    }
    fn active(&self) -> Option<bool> {
        None
    }
    fn loopback(&self) -> Option<bool> {
        None
    }
    fn connections(&self) -> impl Iterator<Item = impl filter::Connection> {
        std::iter::empty::<It<'_>>()
    }
}

impl filter::Connection for It<'_> {
    fn remote_address(&self) -> Option<IpAddr> {
        let bytes = self.0.remote_address.as_deref()?;
        match bytes.len() {
            4 => Some(<[u8; 4]>::try_from(bytes).unwrap().into()),
            _ => Some(<[u8; 16]>::try_from(bytes).unwrap().into()),
        }
    }
    fn remote_name(&self) -> Option<&str> {
        None
    }
    fn local_port(&self) -> Option<u16> {
        u16::try_from(self.0.local_port).ok()
    }
    fn remote_port(&self) -> Option<u16> {
        u16::try_from(self.0.remote_port?).ok()
    }
    fn transport(&self) -> Option<filter::Transport> {
        match self.0.transport() {
            v1::Transport::Tcp => Some(filter::Transport::Tcp),
            _ => Some(filter::Transport::Udp),
        }
    }
    fn family(&self) -> Option<filter::Family> {
        None
    }
    fn state(&self) -> Option<SocketState> {
        match self.0.state() {
            v1::ConnectionState::Established => Some(SocketState::Established),
            v1::ConnectionState::FinWait2 => Some(SocketState::FinWait2),
            _ => None,
        }
    }
    fn interface(&self) -> Option<&str> {
        self.0.interface.as_deref()
    }
    fn loopback(&self) -> Option<bool> {
        Some(self.0.loopback)
    }
    fn active(&self) -> Option<bool> {
        None
    }
    fn measure(&self, _measure: filter::Measure) -> Option<u64> {
        None
    }
    fn age(&self) -> Option<Duration> {
        None
    }
}
