//! One packet at one point, as a program told it.

use std::net::IpAddr;
use std::net::Ipv6Addr;

use super::abi;
use super::abi::known;
use super::abi::SLOTS;
use super::filter::bytes;
use super::point::POINTS;
use crate::abi::decode;
use crate::abi::ProcessId;

/// What TCP says of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// Of its first byte.
    pub sequence: u32,
    /// The next one that its sender waits for.
    pub acknowledgment: u32,
    /// FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32, ECE 64, CWR 128.
    pub flags: u8,
}

/// A packet at a point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Boot clock, ns.
    pub time: u64,
    /// Index into the table of points.
    pub point: usize,
    /// Address of the buffer in the kernel; 0: the point knows none.
    pub buffer: u64,
    /// Bit mask of the slots that take it.
    pub slots: u8,
    /// How often events of each of these slots were left out before.
    pub breaks: [u16; SLOTS],
    /// `None`: the point knows none.
    pub source: Option<IpAddr>,
    /// `None`: the point knows none.
    pub destination: Option<IpAddr>,
    /// Source and destination; `None`: there are none, or they are not known.
    pub ports: Option<(u16, u16)>,
    /// IP protocol number.
    pub protocol: u8,
    /// `None`: not TCP, or not known there.
    pub segment: Option<Segment>,
    /// Payload, bytes; `None`: not known there.
    pub length: Option<u32>,
    /// Name of the device; `None`: the point knows none.
    pub device: Option<[u8; 16]>,
    /// On which it was seen.
    pub cpu: u32,
    /// Who runs there for itself, or used the socket last; `None`: not known.
    pub process: Option<ProcessId>,
    /// comm of its leader; all zero: not known.
    pub name: [u8; 16],
    /// Number of the reason of a drop; `None`: no drop, or the kernel tells none.
    pub reason: Option<u32>,
    /// Address of the code that dropped it; 0: no drop.
    pub symbol: u64,
    /// From the IP header on, without payload; empty: not asked for, or there is none.
    pub header: Vec<u8>,
}

impl Event {
    /// `None`: no record of this build.
    pub(super) fn decode(record: &[u8]) -> Option<Event> {
        let raw: abi::event = decode(record)?;
        if usize::from(raw.point) >= POINTS {
            return None;
        }
        let knows = |bit: u8| raw.known & bit != 0;
        let header = record.get(size_of::<abi::event>()..).unwrap_or_default();
        let process = ProcessId {
            pid: raw.tgid,
            start: raw.start,
        };
        Some(Event {
            time: raw.time,
            point: raw.point.into(),
            buffer: raw.skb,
            slots: raw.slots,
            breaks: raw.breaks,
            source: address(raw.source),
            destination: address(raw.destination),
            ports: knows(known::PORTS).then_some((raw.source_port, raw.destination_port)),
            protocol: raw.protocol,
            segment: knows(known::SEQUENCE | known::ACKNOWLEDGMENT | known::FLAGS).then_some(
                Segment {
                    sequence: raw.sequence,
                    acknowledgment: raw.acknowledgment,
                    flags: raw.flags,
                },
            ),
            length: knows(known::LENGTH).then_some(raw.length),
            device: (raw.interface != 0).then(|| bytes(raw.device)),
            cpu: raw.cpu,
            process: (raw.tgid != 0).then_some(process),
            name: raw.comm.map(i8::cast_unsigned),
            reason: knows(known::REASON).then_some(raw.reason),
            symbol: raw.symbol,
            header: header
                .iter()
                .take(raw.header_length.into())
                .copied()
                .collect(),
        })
    }
}

/// An address that is not specified is none.
fn address(words: [u64; 2]) -> Option<IpAddr> {
    let address = Ipv6Addr::from(bytes(words)).to_canonical();
    (!address.is_unspecified()).then_some(address)
}

/// Text of a fixed length, up to the first NUL.
pub fn text(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or_default()
}
