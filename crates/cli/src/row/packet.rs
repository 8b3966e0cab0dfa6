//! A packet at a point of the kernel, as the agent tells it.

use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use netmon_api::v1;

use super::decode::address;
use super::decode::timestamp;
use super::ProcessId;

/// A place in the kernel's way of a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Point {
    /// What is hooked there: a function or a tracepoint. Not sanitised.
    pub name: String,
    /// "tracepoint", "kprobe", "fentry" or "netfilter".
    pub kind: String,
    /// What happens there.
    pub purpose: String,
    /// Whose packets pass it.
    pub direction: Direction,
    /// `None`: it can be had. Otherwise why not.
    pub refused: Option<String>,
}

/// Whose packets pass a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Received ones.
    Receive,
    /// Sent ones.
    Send,
    /// Both.
    Any,
}

impl Point {
    /// Why it is missed; `None`: it is there, or others tell the same.
    pub fn missing(&self) -> Option<&str> {
        let reason = self.refused.as_deref()?;
        (!reason.starts_with("not needed")).then_some(reason)
    }
}

impl Direction {
    /// For programs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Receive => "receive",
            Self::Send => "send",
            Self::Any => "any",
        }
    }
}

/// A packet at a point. Texts are not sanitised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    /// When; `None`: not said.
    pub time: Option<Timestamp>,
    /// Index of the point.
    pub point: usize,
    /// The same as long as the kernel's buffer lives; `None`: the point knows no buffer.
    pub id: Option<u64>,
    /// `None`: not said.
    pub source: Option<IpAddr>,
    /// `None`: not said.
    pub destination: Option<IpAddr>,
    /// `None`: a protocol without ports, or a later fragment.
    pub source_port: Option<u16>,
    /// Like the source's.
    pub destination_port: Option<u16>,
    /// IP protocol number.
    pub protocol: u32,
    /// `None`: not TCP, or the point does not know it.
    pub sequence: Option<u32>,
    /// Like the sequence.
    pub acknowledgment: Option<u32>,
    /// Bits of the TCP header; `None` as of the sequence.
    pub flags: Option<u32>,
    /// Payload of the transport, bytes; `None`: unknown.
    pub length: Option<u32>,
    /// `None`: the point knows no device.
    pub interface: Option<String>,
    /// Where it was seen.
    pub cpu: u32,
    /// Who runs there, or owns the socket; `None`: unknown.
    pub process: Option<ProcessId>,
    /// Its name; `None`: unknown.
    pub name: Option<String>,
    /// `None`: not a drop, or the kernel does not tell.
    pub drop_reason: Option<String>,
    /// First bytes from the IP header on; `None`: not asked for, or there are none yet.
    pub header: Option<Vec<u8>>,
    /// Address or raw id of the hook; `None`: not said.
    pub symbol: Option<String>,
}

impl Packet {
    /// Whether it is TCP, so that it has sequence numbers and flags, known or not.
    pub fn is_tcp(&self) -> bool {
        self.protocol == 6
    }
}

/// Counts of a trace since its start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// For how long; `None`: not said.
    pub elapsed: Option<Duration>,
    /// One for each point.
    pub points: Vec<Count>,
    /// Nothing follows.
    pub last: bool,
}

/// Counts of a point, or of several.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    /// Packets that the filter takes.
    pub events: u64,
    /// Of those, sent to this client.
    pub told: u64,
    /// Over the rate.
    pub suppressed: u64,
    /// No room in the ring, or this client was too slow.
    pub lost: u64,
    /// Payload of all events.
    pub bytes: u64,
}

impl Count {
    /// Both.
    pub fn plus(self, other: Self) -> Self {
        Self {
            events: self.events.saturating_add(other.events),
            told: self.told.saturating_add(other.told),
            suppressed: self.suppressed.saturating_add(other.suppressed),
            lost: self.lost.saturating_add(other.lost),
            bytes: self.bytes.saturating_add(other.bytes),
        }
    }

    /// What came after `earlier`; `None`: a counter went backwards.
    pub fn since(self, earlier: Self) -> Option<Self> {
        Some(Self {
            events: self.events.checked_sub(earlier.events)?,
            told: self.told.checked_sub(earlier.told)?,
            suppressed: self.suppressed.checked_sub(earlier.suppressed)?,
            lost: self.lost.checked_sub(earlier.lost)?,
            bytes: self.bytes.checked_sub(earlier.bytes)?,
        })
    }
}

impl Counts {
    /// Of all points together.
    pub fn sum(&self) -> Count {
        self.points
            .iter()
            .fold(Count::default(), |sum, count| sum.plus(*count))
    }

    /// Of one point; nothing was said about it: zero.
    pub fn of(&self, point: usize) -> Count {
        self.points.get(point).copied().unwrap_or_default()
    }
}

/// From the wire.
pub fn point(point: v1::TracePoint) -> Point {
    Point {
        direction: match point.direction() {
            v1::Direction::Receive => Direction::Receive,
            v1::Direction::Send => Direction::Send,
            v1::Direction::Any | v1::Direction::Unspecified => Direction::Any,
        },
        refused: (!point.available).then(|| {
            let reason = point.reason.filter(|reason| !reason.is_empty());
            reason.unwrap_or_else(|| "no reason given".to_owned())
        }),
        name: point.name,
        kind: point.kind,
        purpose: point.purpose,
    }
}

/// From the wire. What cannot be, such as a port above 65535, is unknown.
pub fn packet(event: v1::PacketEvent) -> Packet {
    let port = |port: Option<u32>| port.and_then(|port| u16::try_from(port).ok());
    Packet {
        time: timestamp(event.time.as_ref()),
        point: usize::try_from(event.point).unwrap_or(usize::MAX),
        id: (event.packet != 0).then_some(event.packet),
        source: address(&event.source_address),
        destination: address(&event.destination_address),
        source_port: port(event.source_port),
        destination_port: port(event.destination_port),
        protocol: event.protocol,
        sequence: event.sequence,
        acknowledgment: event.acknowledgment,
        flags: event.flags,
        length: event.length,
        interface: event.interface.filter(|name| !name.is_empty()),
        cpu: event.cpu,
        process: event.process.map(|id| ProcessId {
            pid: id.pid,
            start_ns: id.start_ns,
        }),
        name: event.process_name.filter(|name| !name.is_empty()),
        drop_reason: event.drop_reason.filter(|reason| !reason.is_empty()),
        header: event.header,
        symbol: event.symbol.filter(|symbol| !symbol.is_empty()),
    }
}

/// From the wire.
pub fn counts(statistics: v1::TraceStatistics) -> Counts {
    let count = |point: v1::PointStatistics| Count {
        events: point.matched,
        told: point.told,
        suppressed: point.suppressed,
        lost: point.lost,
        bytes: point.bytes,
    };
    Counts {
        elapsed: (statistics.elapsed_ns > 0).then(|| Duration::from_nanos(statistics.elapsed_ns)),
        points: statistics.points.into_iter().map(count).collect(),
        last: statistics.last,
    }
}
