//! The columns of packets: names, headers, CSV names, widths and content.

use super::Line;
use crate::output::columns::key;
use crate::output::columns::number;
use crate::output::columns::text;
use crate::output::columns::Kind;
use crate::output::value::Value;
use crate::row::packet::Packet;

/// Packets at points.
#[derive(Debug)]
pub struct Packets;

impl Kind for Packets {
    type Row<'a> = Line<'a>;
}

/// A column of packets.
pub type Column = crate::output::columns::Column<Packets>;

/// Of `table`.
pub static TABLE: &[&str] = &[
    "function", "src", "dst", "sport", "dport", "seq", "ack", "time", "note",
];

/// Of `wide`.
pub static WIDE: &[&str] = &[
    "function",
    "src",
    "dst",
    "sport",
    "dport",
    "seq",
    "ack",
    "time",
    "len",
    "flags",
    "interface",
    "cpu",
    "pid",
    "name",
    "since",
    "note",
];

/// Of CSV.
pub static CSV: &[&str] = &[
    "time",
    "function",
    "src",
    "dst",
    "sport",
    "dport",
    "seq",
    "ack",
    "len",
    "flags",
    "interface",
    "cpu",
    "pid",
    "name",
    "since",
];

/// More for those who debug hooks.
pub static DEBUG: &[&str] = &["kind", "symbol", "packet"];

/// Every column.
pub static COLUMNS: &[Column] = &[
    text("function", "KERNEL FUNCTION", "function", 17, |l| {
        Value::Text(function(l))
    }),
    text("kind", "HOOK", "hook", 10, |l| {
        Value::text(l.point.map(|point| point.kind.as_str()))
    }),
    text("symbol", "SYMBOL", "symbol", 16, |l| {
        Value::text(l.packet.symbol.as_deref())
    }),
    key("packet", "PACKET", "packet", 8, |l| count(l.packet.id)),
    text("src", "SRC IP", "src_ip", 15, |l| {
        Value::text(l.packet.source.map(|ip| ip.to_string()).as_deref())
    }),
    text("dst", "DST IP", "dst_ip", 15, |l| {
        Value::text(l.packet.destination.map(|ip| ip.to_string()).as_deref())
    }),
    text("sport", "SRC PORT", "src_port", 8, |l| {
        count(l.packet.source_port.map(u64::from))
    }),
    text("dport", "DST PORT", "dst_port", 8, |l| {
        count(l.packet.destination_port.map(u64::from))
    }),
    text("seq", "SEQ", "seq", 10, |l| of_tcp(l, l.packet.sequence)),
    text("ack", "ACK SEQ", "ack_seq", 10, |l| {
        of_tcp(l, l.packet.acknowledgment)
    }),
    text("time", "TIMESTAMP", "time", 15, |l| {
        l.packet.time.map_or(Value::Unknown, Value::Instant)
    }),
    number("len", "LEN", "len", 5, |l| Value::count(l.packet.length)),
    text("flags", "FLAGS", "flags", 11, |l| match l.packet.flags {
        Some(bits) => Value::Text(flags(bits)),
        None if l.packet.is_tcp() => Value::Unknown,
        None => NOT_THERE,
    }),
    text("interface", "IFACE", "interface", 8, |l| {
        Value::text(l.packet.interface.as_deref())
    }),
    key("cpu", "CPU", "cpu", 3, |l| {
        Value::Count(l.packet.cpu.into())
    }),
    key("pid", "PID", "pid", 7, |l| {
        Value::count(l.packet.process.map(|id| id.pid))
    }),
    text("name", "COMMAND", "name", 15, |l| {
        Value::text(l.packet.name.as_deref())
    }),
    number("since", "+us", "since_prev_us", 7, |l| {
        l.since.map_or(NOT_THERE, Value::Micros)
    }),
    // What makes a line remarkable. Without a header, since most lines have none.
    text("note", "", "note", 0, |l| match &l.packet.drop_reason {
        Some(reason) => Value::Text(format!("dropped: {reason}")),
        None => Value::Absent,
    }),
    text("drop", "DROPPED", "drop_reason", 12, |l| {
        match &l.packet.drop_reason {
            Some(reason) => Value::Text(reason.clone()),
            None => NOT_THERE,
        }
    }),
    text("proto", "PROTO", "proto", 5, |l| {
        Value::Text(proto(l.packet.protocol))
    }),
    text("direction", "WAY", "direction", 7, |l| match l.point {
        Some(point) => Value::Text(point.direction.name().to_owned()),
        None => Value::Unknown,
    }),
];

// A cell that is empty in a table would move the ones after it for whoever counts words.
const NOT_THERE: Value = Value::Word("-", "");

fn count(number: Option<u64>) -> Value {
    number.map_or(NOT_THERE, Value::Count)
}

fn of_tcp(line: &Line<'_>, number: Option<u32>) -> Value {
    match number {
        Some(number) => Value::Count(number.into()),
        None if line.packet.is_tcp() => Value::Unknown,
        None => NOT_THERE,
    }
}

/// What was hooked where the packet was seen.
pub fn function(line: &Line<'_>) -> String {
    match line.point {
        Some(point) => point.name.clone(),
        None => format!("point {}", line.packet.point),
    }
}

/// "SYN+ACK".
pub fn flags(bits: u32) -> String {
    const NAMES: [(u32, &str); 8] = [
        (2, "SYN"),
        (1, "FIN"),
        (4, "RST"),
        (8, "PSH"),
        (16, "ACK"),
        (32, "URG"),
        (64, "ECE"),
        (128, "CWR"),
    ];
    let set = NAMES.iter().filter(|(bit, _)| bits & bit != 0);
    let names: Vec<_> = set.map(|(_, name)| *name).collect();
    if names.is_empty() {
        return "none".to_owned();
    }
    names.join("+")
}

/// "tcp", or the number of the protocol.
pub fn proto(protocol: u32) -> String {
    match protocol {
        1 => "icmp".to_owned(),
        6 => "tcp".to_owned(),
        17 => "udp".to_owned(),
        58 => "icmpv6".to_owned(),
        132 => "sctp".to_owned(),
        136 => "udplite".to_owned(),
        number => number.to_string(),
    }
}

/// The process of a packet; `None`: unknown.
pub fn pid(packet: &Packet) -> Option<u32> {
    packet.process.map(|id| id.pid)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::columns::every;
    use crate::output::columns::find_in;

    #[test]
    fn every_usual_name_is_a_column() {
        for id in TABLE.iter().chain(WIDE).chain(CSV).chain(DEBUG) {
            assert!(find_in(&every(COLUMNS), id).is_ok(), "{id}");
        }
    }

    #[test]
    fn flags_are_words() {
        for (bits, expected) in [
            (0, "none"),
            (2, "SYN"),
            (18, "SYN+ACK"),
            (17, "FIN+ACK"),
            (25, "FIN+PSH+ACK"),
            (4, "RST"),
            (0x100, "none"),
            (u32::MAX, "SYN+FIN+RST+PSH+ACK+URG+ECE+CWR"),
        ] {
            assert_eq!(flags(bits), expected);
        }
    }
}
