//! Packet traces between proto and domain.

use std::net::IpAddr;
use std::time::Duration;

use netmon_api::v1;
use netmon_api::v1::watch_packets_response::Event as Message;
use netmon_bpf::trace::text;
use netmon_bpf::trace::Direction;
use netmon_bpf::trace::Facts;
use netmon_bpf::trace::Family;
use netmon_bpf::trace::Filter;
use netmon_bpf::trace::Outcome;
use netmon_bpf::trace::Prefix;
use netmon_bpf::trace::Symbols;
use netmon_bpf::trace::Transport;
use netmon_bpf::trace::Wish;
use netmon_bpf::trace::DEVICE_NAME_MOST;
use netmon_bpf::trace::TABLE;
use netmon_bpf::trace::VALUES_MOST;

use crate::clock::Anchor;
use crate::trace::Parcel;
use crate::trace::PointCount;
use crate::trace::Request;
use crate::trace::Told;
use crate::wire::process_id;
use crate::wire::timestamp;

/// Events a second of a client that does not say how many it wants.
const RATE: u32 = 10_000;

/// What a client asks for.
///
/// # Errors
/// What is wrong with it, and what to say instead.
pub fn request(asked: v1::WatchPacketsRequest) -> Result<Request, String> {
    let filter = asked.filter.map(filter).transpose()?.unwrap_or_default();
    Ok(Request {
        wish: Wish {
            filter,
            rate: match asked.rate {
                Some(0) => None,
                rate => Some(rate.unwrap_or(RATE)),
            },
            counts_only: asked.statistics_only,
            headers: asked.headers,
        },
        duration: asked.duration_ns.map(Duration::from_nanos),
    })
}

fn filter(asked: v1::PacketFilter) -> Result<Filter, String> {
    few("addresses", asked.addresses.len())?;
    few("ports", asked.ports.len())?;
    few("interfaces", asked.interfaces.len())?;
    few("pids", asked.pids.len())?;
    let transport = match asked.transport.map(v1::Transport::try_from) {
        None | Some(Ok(v1::Transport::Unspecified)) => None,
        Some(Ok(v1::Transport::Tcp)) => Some(Transport::Tcp),
        Some(Ok(v1::Transport::Udp)) => Some(Transport::Udp),
        Some(Err(unknown)) => {
            return Err(format!("transport {unknown} is not known; give TCP or UDP"))
        }
    };
    let family = match asked.family.map(v1::Family::try_from) {
        None | Some(Ok(v1::Family::Unspecified)) => None,
        Some(Ok(v1::Family::Ipv4)) => Some(Family::V4),
        Some(Ok(v1::Family::Ipv6)) => Some(Family::V6),
        Some(Err(unknown)) => {
            return Err(format!("family {unknown} is not known; give IPV4 or IPV6"))
        }
    };
    let port = |port: &u32| match u16::try_from(*port) {
        Ok(port) if port > 0 => Ok(port),
        _ => Err(format!("{port} is not a port; give one from 1 to 65535")),
    };
    for name in &asked.interfaces {
        if name.is_empty() || name.len() > DEVICE_NAME_MOST || name.contains(['/', ' ', '\0']) {
            return Err(format!(
                "{name:?} is not an interface; give a name such as eth0, of at most {DEVICE_NAME_MOST} bytes"
            ));
        }
    }
    if asked.pids.contains(&0) {
        return Err("0 is not a process; give the pid of one".to_owned());
    }
    Ok(Filter {
        prefixes: asked
            .addresses
            .iter()
            .map(prefix)
            .collect::<Result<_, _>>()?,
        ports: asked.ports.iter().map(port).collect::<Result<_, _>>()?,
        transport,
        family,
        devices: asked.interfaces,
        pids: asked.pids,
    })
}

fn few(what: &str, count: usize) -> Result<(), String> {
    match count > VALUES_MOST {
        true => Err(format!(
            "{count} {what} are too many; give at most {VALUES_MOST}"
        )),
        false => Ok(()),
    }
}

fn prefix(asked: &v1::AddressPrefix) -> Result<Prefix, String> {
    let bytes = asked.address.as_slice();
    let (address, most) = if let Ok(v4) = <[u8; 4]>::try_from(bytes) {
        (IpAddr::from(v4), 32)
    } else if let Ok(v6) = <[u8; 16]>::try_from(bytes) {
        (IpAddr::from(v6), 128)
    } else {
        return Err(format!(
            "an address of {} bytes; give one of 4 or 16",
            bytes.len()
        ));
    };
    // An IPv4 address mapped into IPv6 is IPv4, and so is a prefix of such.
    let (address, length) = match (address.to_canonical(), asked.length) {
        (v4 @ IpAddr::V4(_), length @ 96..=128) if most == 128 => (v4, length - 96),
        (_, length) => (address, length),
    };
    match u8::try_from(length) {
        Ok(length) if asked.length <= most => Ok(Prefix { address, length }),
        _ => Err(format!(
            "{address}/{} is not a prefix; give a length from 0 to {most}",
            asked.length
        )),
    }
}

/// The points, with what became of them.
pub fn points(outcome: &Outcome) -> Vec<v1::TracePoint> {
    let point =
        |(point, outcome): (&netmon_bpf::trace::Point, &Result<(), String>)| v1::TracePoint {
            name: point.name.to_owned(),
            kind: point.kind.to_string(),
            purpose: point.purpose.to_owned(),
            direction: match point.direction {
                Direction::Receive => v1::Direction::Receive,
                Direction::Send => v1::Direction::Send,
                Direction::Any => v1::Direction::Any,
            }
            .into(),
            available: outcome.is_ok(),
            reason: outcome.as_ref().err().cloned(),
        };
    TABLE.iter().zip(outcome).map(point).collect()
}

/// What begins a trace.
pub fn started(outcome: &Outcome) -> Message {
    Message::Started(v1::TraceStarted {
        points: points(outcome),
    })
}

/// What a viewer was handed.
pub fn message(parcel: Parcel, facts: &Facts, symbols: &Symbols, anchor: &Anchor) -> Message {
    match parcel {
        Parcel::Events(told) => Message::Events(v1::PacketEvents {
            events: told
                .into_iter()
                .map(|told| event(told, facts, symbols, anchor))
                .collect(),
        }),
        Parcel::Counts(counts, elapsed) => Message::Statistics(statistics(&counts, elapsed, false)),
        Parcel::LastCounts(counts, elapsed) => {
            Message::Statistics(statistics(&counts, elapsed, true))
        }
    }
}

fn statistics(counts: &[PointCount], elapsed: Duration, last: bool) -> v1::TraceStatistics {
    let point = |count: &PointCount| v1::PointStatistics {
        matched: count.matched,
        told: count.told,
        suppressed: count.suppressed,
        lost: count.lost,
        bytes: count.bytes,
    };
    v1::TraceStatistics {
        points: counts.iter().map(point).collect(),
        last,
        elapsed_ns: u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX),
    }
}

fn event(told: Told, facts: &Facts, symbols: &Symbols, anchor: &Anchor) -> v1::PacketEvent {
    let Told { event, packet } = told;
    let name = |bytes: &[u8]| String::from_utf8_lossy(text(bytes)).into_owned();
    v1::PacketEvent {
        time: Some(timestamp(anchor.wall(event.time))),
        point: event.point as u32,
        packet,
        source_address: address(event.source),
        destination_address: address(event.destination),
        source_port: event.ports.map(|(source, _)| source.into()),
        destination_port: event.ports.map(|(_, destination)| destination.into()),
        protocol: event.protocol.into(),
        sequence: event.segment.map(|segment| segment.sequence),
        acknowledgment: event.segment.map(|segment| segment.acknowledgment),
        flags: event.segment.map(|segment| segment.flags.into()),
        length: event.length,
        interface: event.device.map(|device| name(&device)),
        cpu: event.cpu,
        process: event.process.map(process_id),
        process_name: (event.name[0] != 0).then(|| name(&event.name)),
        drop_reason: event.reason.map(|reason| facts.drop_reason(reason)),
        header: (!event.header.is_empty()).then_some(event.header),
        symbol: symbols.name(event.symbol),
    }
}

fn address(address: Option<IpAddr>) -> Vec<u8> {
    match address {
        None => Vec::new(),
        Some(IpAddr::V4(v4)) => v4.octets().into(),
        Some(IpAddr::V6(v6)) => v6.octets().into(),
    }
}
