//! Packets as a capture file (draft-ietf-opsawg-pcapng) for Wireshark and its kin.
//!
//! Written here, since the blocks that are needed are three and have fixed forms. Byte order is
//! little endian, times are nanoseconds, packets begin with the IP header (LINKTYPE_RAW). The device
//! of a packet is in its comment: libpcap (1.10.5) refuses a second interface of this link type, and
//! with it tcpdump the whole file.

use jiff::Timestamp;

use super::Line;
use super::Printer;
use crate::row::packet::Direction;
use crate::row::packet::Packet;
use crate::row::packet::Point;
use crate::session::agent::Agent;
use crate::text::sanitize;

const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const PACKET: u32 = 6;

const LINKTYPE_RAW: u16 = 101;

// Options.
const COMMENT: u16 = 1;
const SECTION_SYSTEM: u16 = 3;
const SECTION_APPLICATION: u16 = 4;
const INTERFACE_NAME: u16 = 2;
const INTERFACE_RESOLUTION: u16 = 9;
const PACKET_FLAGS: u16 = 2;
const PACKET_ID: u16 = 5;

/// Writes a capture file.
#[derive(Debug)]
pub struct Capture;

impl Printer for Capture {
    fn begin(&mut self, agent: &Agent, _points: &[Point], out: &mut Vec<u8>) {
        block(SECTION, out, |body| {
            body.extend(0x1a2b_3c4d_u32.to_le_bytes());
            body.extend(1_u16.to_le_bytes());
            body.extend(0_u16.to_le_bytes());
            // Its length is not known while it is written.
            body.extend(u64::MAX.to_le_bytes());
            let system = format!("Linux {}", sanitize(&agent.kernel));
            option(SECTION_SYSTEM, system.as_bytes(), body);
            let program = concat!("netmon ", env!("CARGO_PKG_VERSION"));
            option(SECTION_APPLICATION, program.as_bytes(), body);
            end_of_options(body);
        });
        block(INTERFACE, out, |body| {
            body.extend(LINKTYPE_RAW.to_le_bytes());
            body.extend(0_u16.to_le_bytes());
            // No limit on the length of packets.
            body.extend(0_u32.to_le_bytes());
            option(INTERFACE_NAME, b"netmon trace", body);
            option(INTERFACE_RESOLUTION, &[9], body);
            end_of_options(body);
        });
    }

    fn packets(&mut self, lines: &[Line<'_>], out: &mut Vec<u8>) -> u64 {
        let mut written = 0;
        for line in lines {
            let packet = line.packet;
            let header = packet.header.as_deref().filter(|header| is_ip(header));
            // Without a header there is nothing to show; without a time it has no place.
            let (Some(header), Some(time)) = (header, packet.time.and_then(nanoseconds)) else {
                continue;
            };
            write_packet(line, header, time, out);
            written += 1;
        }
        written
    }
}

fn write_packet(line: &Line<'_>, header: &[u8], time: u64, out: &mut Vec<u8>) {
    let [b0, b1, b2, b3, high @ ..] = time.to_le_bytes();
    let captured = u32::try_from(header.len()).unwrap_or(u32::MAX);
    block(PACKET, out, |body| {
        // Of the one interface.
        body.extend(0_u32.to_le_bytes());
        body.extend(high);
        body.extend([b0, b1, b2, b3]);
        body.extend(captured.to_le_bytes());
        body.extend(
            original_length(line.packet, header)
                .max(captured)
                .to_le_bytes(),
        );
        body.extend(header);
        pad(body);
        option(COMMENT, comment(line).as_bytes(), body);
        let direction: u32 = match line.point.map(|point| point.direction) {
            Some(Direction::Receive) => 1,
            Some(Direction::Send) => 2,
            Some(Direction::Any) | None => 0,
        };
        option(PACKET_FLAGS, &direction.to_le_bytes(), body);
        if let Some(id) = line.packet.id {
            option(PACKET_ID, &id.to_le_bytes(), body);
        }
        end_of_options(body);
    });
}

/// `point=kfree_skb iface=lo cpu=1 pid=7 comm=curl drop=NO_SOCKET`.
fn comment(line: &Line<'_>) -> String {
    let packet = line.packet;
    let mut words = vec![format!("point={}", word(&super::columns::function(line)))];
    if let Some(interface) = &packet.interface {
        words.push(format!("iface={}", word(interface)));
    }
    words.push(format!("cpu={}", packet.cpu));
    if let Some(process) = packet.process {
        words.push(format!("pid={}", process.pid));
    }
    if let Some(name) = &packet.name {
        words.push(format!("comm={}", word(name)));
    }
    if let Some(reason) = &packet.drop_reason {
        words.push(format!("drop={}", word(reason)));
    }
    words.join(" ")
}

// A text with spaces is quoted, so that whoever splits the comment finds its words.
fn word(text: &str) -> String {
    let safe = sanitize(text);
    let quoted = safe.is_empty() || safe.contains([' ', '"', '=']);
    if quoted {
        format!("\"{}\"", safe.replace('"', "'"))
    } else {
        safe.into_owned()
    }
}

fn is_ip(header: &[u8]) -> bool {
    matches!(header.first().map(|first| first >> 4), Some(4 | 6))
}

// What the whole packet takes: as its header says, or the header and the payload.
fn original_length(packet: &Packet, header: &[u8]) -> u32 {
    let number = |at: usize| {
        let bytes = header.get(at..at + 2)?;
        Some(u32::from(bytes[0]) << 8 | u32::from(bytes[1]))
    };
    let six = header.first().is_some_and(|first| first >> 4 == 6);
    let stated = if six {
        number(4)
            .filter(|length| *length > 0)
            .map(|length| length + 40)
    } else {
        number(2).filter(|length| *length > 0)
    };
    // Larger than 64 KiB, as a buffer of many segments may be: the header says 0.
    stated.unwrap_or_else(|| {
        let ip = if six {
            40
        } else {
            4 * usize::from(header.first().map_or(5, |first| first & 15))
        };
        let transport = match packet.protocol {
            6 => header
                .get(ip + 12)
                .map_or(20, |offset| u32::from(offset >> 4) * 4),
            _ => 8,
        };
        let headers = u32::try_from(ip).unwrap_or_default() + transport;
        headers.saturating_add(packet.length.unwrap_or_default())
    })
}

// Since 1970; `None`: before.
fn nanoseconds(time: Timestamp) -> Option<u64> {
    u64::try_from(time.as_nanosecond()).ok()
}

// A block has its length at both ends.
fn block(kind: u32, out: &mut Vec<u8>, body: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend(kind.to_le_bytes());
    out.extend([0; 4]);
    body(out);
    let length = u32::try_from(out.len() - start + 4).unwrap_or(u32::MAX);
    out[start + 4..start + 8].copy_from_slice(&length.to_le_bytes());
    out.extend(length.to_le_bytes());
}

fn option(code: u16, value: &[u8], body: &mut Vec<u8>) {
    let value = &value[..value.len().min(usize::from(u16::MAX))];
    body.extend(code.to_le_bytes());
    body.extend(u16::try_from(value.len()).unwrap_or(u16::MAX).to_le_bytes());
    body.extend(value);
    pad(body);
}

fn end_of_options(body: &mut Vec<u8>) {
    body.extend([0; 4]);
}

// Every block begins at a multiple of four, so the length so far tells what is missing.
fn pad(body: &mut Vec<u8>) {
    while !body.len().is_multiple_of(4) {
        body.push(0);
    }
}
