//! Rows as the filter language asks them.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use netmon_api::filter::Connection;
use netmon_api::filter::Family;
use netmon_api::filter::Field;
use netmon_api::filter::Measure;
use netmon_api::filter::SocketState;
use netmon_api::filter::Subject;
use netmon_api::filter::Transport;
use netmon_bpf::traffic::ConnectionReading;
use netmon_bpf::traffic::ConnectionState;
use netmon_bpf::traffic::Transport as Carrier;

use crate::connection::ConnectionRow;
use crate::frame::Row;
use crate::frame::TickFacts;
use crate::frame::LOOPBACK;
use crate::process::Facts;
use crate::rate::per_second;

/// A process. Rates, totals and peaks are of all its traffic, loopback included.
#[derive(Debug, Clone, Copy)]
pub struct ProcessSubject<'a> {
    /// What it is.
    pub facts: &'a Facts,
    /// Its numbers and the tick they are of. `None`: not known, they match nothing.
    pub numbers: Option<(&'a Row, &'a TickFacts)>,
    /// Its connections. Empty where the filter does not ask for them.
    pub connections: &'a [Arc<ConnectionRow>],
}

/// A connection, in a tick.
#[derive(Debug, Clone, Copy)]
pub struct ConnectionSubject<'a>(pub &'a ConnectionRow, pub &'a TickFacts);

impl Subject for ProcessSubject<'_> {
    fn pid(&self) -> Option<u32> {
        Some(self.facts.id.pid)
    }

    fn uid(&self) -> Option<u32> {
        Some(self.facts.uid)
    }

    fn text(&self, field: Field) -> Option<Cow<'_, str>> {
        let cgroup = self.facts.cgroup.as_ref();
        let text = match field {
            Field::Name => self.facts.name.as_str(),
            Field::Executable => self.facts.exe.as_deref()?.rsplit('/').next()?,
            Field::CommandLine => return Some(Cow::Owned(self.facts.args.join(" "))),
            // Users have names where the viewer is.
            Field::User => return None,
            Field::Unit => cgroup?.unit()?,
            Field::Cgroup => cgroup?,
            Field::Container => return cgroup?.container_name().map(Cow::Owned),
            Field::ContainerId => &cgroup?.container()?.id,
        };
        Some(Cow::Borrowed(text))
    }

    fn measure(&self, measure: Measure) -> Option<u64> {
        let (row, tick) = self.numbers?;
        let sum = |of: fn(&crate::frame::FlowCount) -> u64| {
            let each = row.flows.iter().map(of);
            each.fold(0u64, u64::saturating_add)
        };
        let rate = |bytes| per_second(bytes, tick.length);
        match measure {
            Measure::Rx => rate(sum(|flow| flow.rx)),
            Measure::Tx => rate(sum(|flow| flow.tx)),
            Measure::Rate => rate(sum(|flow| flow.rx.saturating_add(flow.tx))),
            Measure::Total => Some(sum(|flow| {
                flow.rx_total.bytes.saturating_add(flow.tx_total.bytes)
            })),
            Measure::Peak => Some(row.peaks_with_loopback.sum.rate),
        }
    }

    fn connection_count(&self) -> Option<u64> {
        let open = self.numbers?.0.connections?;
        Some(u64::from(open.tcp) + u64::from(open.udp))
    }

    fn age(&self) -> Option<Duration> {
        let end = match self.facts.exit {
            Some(exit) => exit.time,
            None => self.numbers?.1.time,
        };
        Some(Duration::from_nanos(
            end.saturating_sub(self.facts.id.start),
        ))
    }

    fn exited(&self) -> Option<bool> {
        Some(self.facts.exit.is_some())
    }

    fn active(&self) -> Option<bool> {
        let (row, _) = self.numbers?;
        Some(row.flows.iter().any(|flow| flow.rx > 0 || flow.tx > 0))
    }

    fn loopback(&self) -> Option<bool> {
        let (row, _) = self.numbers?;
        Some(row.flows.iter().any(|flow| flow.kind & LOOPBACK != 0))
    }

    fn connections(&self) -> impl Iterator<Item = impl Connection> {
        let tick = self.numbers.map(|(_, tick)| tick);
        let rows = self.connections.iter();
        rows.filter_map(move |row| Some(ConnectionSubject(row, tick?)))
    }
}

impl ConnectionSubject<'_> {
    fn reading(&self) -> Option<&ConnectionReading> {
        Some(&self.0.socket()?.reading)
    }
}

impl Connection for ConnectionSubject<'_> {
    fn remote_address(&self) -> Option<IpAddr> {
        Some(self.reading()?.remote?.ip())
    }

    fn remote_name(&self) -> Option<&str> {
        None
    }

    fn local_port(&self) -> Option<u16> {
        Some(self.reading()?.local.port())
    }

    fn remote_port(&self) -> Option<u16> {
        Some(self.reading()?.remote?.port())
    }

    fn transport(&self) -> Option<Transport> {
        Some(match self.reading()?.transport {
            Carrier::Tcp => Transport::Tcp,
            Carrier::Udp => Transport::Udp,
        })
    }

    fn family(&self) -> Option<Family> {
        let reading = self.reading()?;
        Some(match reading.remote.unwrap_or(reading.local).is_ipv4() {
            true => Family::V4,
            false => Family::V6,
        })
    }

    fn state(&self) -> Option<SocketState> {
        Some(match self.reading()?.state {
            ConnectionState::Established => SocketState::Established,
            ConnectionState::SynSent => SocketState::SynSent,
            ConnectionState::SynRecv => SocketState::SynReceived,
            ConnectionState::FinWait1 => SocketState::FinWait1,
            ConnectionState::FinWait2 => SocketState::FinWait2,
            ConnectionState::TimeWait => SocketState::TimeWait,
            ConnectionState::Closed => SocketState::Close,
            ConnectionState::CloseWait => SocketState::CloseWait,
            ConnectionState::LastAck => SocketState::LastAck,
            ConnectionState::Listen => SocketState::Listen,
            ConnectionState::Closing => SocketState::Closing,
            ConnectionState::Unconnected => return None,
        })
    }

    fn interface(&self) -> Option<&str> {
        self.0.socket()?.interface.as_deref()
    }

    fn loopback(&self) -> Option<bool> {
        Some(self.reading()?.loopback)
    }

    fn active(&self) -> Option<bool> {
        Some(self.0.moved_in(self.1.seq) != (0, 0))
    }

    fn measure(&self, measure: Measure) -> Option<u64> {
        let (rx, tx) = self.0.moved_in(self.1.seq);
        let rate = |bytes| per_second(bytes, self.1.length);
        match measure {
            Measure::Rx => rate(rx),
            Measure::Tx => rate(tx),
            Measure::Rate => rate(rx.saturating_add(tx)),
            Measure::Total => Some(self.0.total()),
            Measure::Peak => None,
        }
    }

    fn age(&self) -> Option<Duration> {
        let socket = self.0.socket()?;
        let end = socket.closed.unwrap_or(self.1.time);
        let age = end.saturating_sub(socket.reading.opened?);
        Some(Duration::from_nanos(age))
    }
}
