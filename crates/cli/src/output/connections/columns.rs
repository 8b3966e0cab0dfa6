//! The columns of connections, in tables and CSV, and the keys to sort by.

use netmon_api::filter::SocketState;

use super::block::Line;
use crate::output::cells;
use crate::output::columns;
use crate::output::columns::key;
use crate::output::columns::number;
use crate::output::columns::text;
use crate::output::columns::Kind;
use crate::output::value::Value;
use crate::row::connection::Endpoint;
use crate::row::connection::Health;
use crate::row::connection::Limit;
use crate::row::Facts;
use crate::row::Family;
use crate::row::Transport;

/// Rows of connections.
#[derive(Debug)]
pub struct Conns;

impl Kind for Conns {
    type Row<'a> = Line<'a>;
}

/// A column of connections.
pub type Column = columns::Column<Conns>;

/// Every column.
pub static COLUMNS: &[Column] = &[
    text("time", "TIME", "time", 24, |l| {
        Value::Time(l.sample.time, l.sample.time)
    }),
    number("interval", "STEP", "interval_s", 6, |l| {
        l.sample.length.map_or(Value::Unknown, Value::Span)
    }),
    text("id", "ID", "id", 24, |l| Value::Text(process_id(l))),
    key("pid", "PID", "pid", 7, |l| {
        Value::Count(l.connection.process.pid.into())
    }),
    text("name", "COMMAND", "name", 9, |l| {
        of_facts(l, |f| Value::Text(f.name.clone()))
    }),
    text("user", "USER", "user", 9, |l| {
        of_facts(l, |f| {
            Value::Text(f.user.clone().unwrap_or_else(|| f.uid.to_string()))
        })
    }),
    text("unit", "UNIT", "unit", 12, |l| of_facts(l, cells::unit)),
    text("container", "CONTAINER", "container", 12, |l| {
        of_facts(l, cells::container)
    }),
    text("proto", "PROT", "proto", 4, |l| {
        Value::Word(short_proto(l), proto(l.connection.transport))
    }),
    text("family", "FAM", "family", 4, |l| {
        Value::Text(family(l.connection.family).to_string())
    }),
    text("local", "LOCAL", "local", 21, |l| end(l, End::Local)),
    text("remote", "REMOTE", "remote", 21, |l| end(l, End::Remote)),
    text("local_addr", "LOCAL ADDR", "local_addr", 15, |l| {
        address(l.connection.local)
    }),
    key("lport", "LPORT", "local_port", 5, |l| {
        port(l.connection.local)
    }),
    text("remote_addr", "REMOTE ADDR", "remote_addr", 15, |l| {
        address(l.connection.remote)
    }),
    key("rport", "RPORT", "remote_port", 5, |l| {
        port(l.connection.remote)
    }),
    text("remote_name", "REMOTE NAME", "remote_name", 20, |l| {
        Value::text(l.remote_name)
    }),
    text("state", "STATE", "state", 10, |l| match state(l) {
        Some((short, long)) => Value::Word(short, long),
        None => Value::Word("-", ""),
    }),
    text("kind", "STATE", "kind", 10, |l| {
        match l.connection.transport {
            Transport::Udp => Value::Word(short_proto(l), proto(Transport::Udp)),
            Transport::Tcp => {
                state(l).map_or(Value::Absent, |(short, long)| Value::Word(short, long))
            }
        }
    }),
    number("age", "AGE", "age_s", 6, |l| {
        l.connection
            .age(l.sample.time)
            .map_or(Value::Unknown, Value::Span)
    }),
    text("opened", "OPENED", "open_time", 19, |l| {
        l.connection
            .opened
            .map_or(Value::Unknown, |t| Value::Time(t, l.sample.time))
    }),
    text("closed", "CLOSED", "close_time", 8, |l| {
        l.connection
            .closed
            .map_or(Value::Absent, |t| Value::Time(t, l.sample.time))
    }),
    number("rx", "RX/s", "rx_bytes_per_s", 8, |l| {
        Value::rate(l.numbers.rx_rate, l.sample.lower_bound)
    }),
    number("tx", "TX/s", "tx_bytes_per_s", 8, |l| {
        Value::rate(l.numbers.tx_rate, l.sample.lower_bound)
    }),
    number("rate", "RATE/s", "bytes_per_s", 8, |l| {
        Value::rate(l.numbers.rate(), l.sample.lower_bound)
    }),
    number("rx_tick", "RX-TICK", "rx_bytes", 8, |l| {
        Value::size(l.numbers.rx)
    }),
    number("tx_tick", "TX-TICK", "tx_bytes", 8, |l| {
        Value::size(l.numbers.tx)
    }),
    number("rx_total", "RX", "rx_bytes_total", 8, |l| {
        Value::size(l.numbers.rx_total)
    }),
    number("tx_total", "TX", "tx_bytes_total", 8, |l| {
        Value::size(l.numbers.tx_total)
    }),
    number("total", "TOTAL", "bytes_total", 8, |l| {
        Value::size(l.numbers.total())
    }),
    text("loopback", "LO", "loopback", 5, |l| {
        Value::Flag(l.connection.loopback)
    }),
    text("interface", "IFACE", "interface", 8, |l| {
        Value::text(l.connection.interface.as_deref())
    }),
    number("rtt", "RTT", "rtt_us", 7, |l| {
        of_health(l, |h| h.rtt.map(Value::Latency))
    }),
    number("rtt_variation", "RTTVAR", "rtt_variation_us", 7, |l| {
        of_health(l, |h| h.rtt_variation.map(Value::Latency))
    }),
    number("retransmits", "RETRANS", "retransmits", 7, |l| {
        of_health(l, |h| Some(Value::Count(h.retransmits.into())))
    }),
    text("limited_by", "LIMITED BY", "limited_by", 11, |l| {
        of_health(l, |h| h.limit().map(|l| Value::Text(limit(l).to_owned())))
    }),
    number("folded", "CONNS", "connections", 5, |l| {
        Value::Count(l.connections())
    }),
    text("lower_bound", "LOWER", "lower_bound", 5, |l| {
        Value::Flag(l.sample.lower_bound)
    }),
];

/// "21934-1763661113000000000".
pub fn process_id(line: &Line<'_>) -> String {
    let id = line.connection.process;
    format!("{}-{}", id.pid, id.start_ns)
}

/// "tcp" or "udp".
pub fn proto(transport: Transport) -> &'static str {
    match transport {
        Transport::Tcp => "tcp",
        Transport::Udp => "udp",
    }
}

/// 4 or 6.
pub fn family(family: Family) -> u8 {
    match family {
        Family::V4 => 4,
        Family::V6 => 6,
    }
}

/// What held a connection up.
pub fn limit(limit: Limit) -> &'static str {
    limit.name()
}

/// State of a connection: as tables have it, and as the filter language has it.
pub fn state(line: &Line<'_>) -> Option<(&'static str, &'static str)> {
    let (short, long) = match line.connection.state? {
        SocketState::Established => ("ESTAB", "established"),
        SocketState::SynSent => ("SYN-SENT", "syn-sent"),
        SocketState::SynReceived => ("SYN-RECV", "syn-recv"),
        SocketState::FinWait1 => ("FIN-WAIT-1", "fin-wait-1"),
        SocketState::FinWait2 => ("FIN-WAIT-2", "fin-wait-2"),
        SocketState::TimeWait => ("TIME-WAIT", "time-wait"),
        SocketState::Close => ("CLOSED", "close"),
        SocketState::CloseWait => ("CLOSE-WAIT", "close-wait"),
        SocketState::LastAck => ("LAST-ACK", "last-ack"),
        SocketState::Listen => ("LISTEN", "listen"),
        SocketState::Closing => ("CLOSING", "closing"),
    };
    // A connected UDP socket has no state worth a word to people.
    match line.connection.transport {
        Transport::Tcp => Some((short, long)),
        Transport::Udp => Some(("-", long)),
    }
}

/// `10.0.0.5:443`, `[2001:db8::5]:443`.
pub fn written(end: Endpoint) -> String {
    std::net::SocketAddr::from((end.address, end.port)).to_string()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Local,
    Remote,
}

fn end(line: &Line<'_>, which: End) -> Value {
    if let Some(count) = line.connection.folded {
        return match which {
            End::Local => Value::Absent,
            End::Remote => Value::Text(format!("({count} others)")),
        };
    }
    match which {
        End::Local => match line.connection.local {
            Some(end) if end.address.is_unspecified() => Value::Text(format!("*:{}", end.port)),
            Some(end) => Value::Text(written(end)),
            None => Value::Unknown,
        },
        End::Remote => match (line.remote_name, line.connection.remote) {
            (Some(name), Some(end)) => Value::Text(format!("{name}:{}", end.port)),
            (_, Some(end)) => Value::Text(written(end)),
            (_, None) => Value::Text("*".to_owned()),
        },
    }
}

fn address(end: Option<Endpoint>) -> Value {
    end.map_or(Value::Absent, |end| Value::Text(end.address.to_string()))
}

fn port(end: Option<Endpoint>) -> Value {
    end.map_or(Value::Absent, |end| Value::Count(end.port.into()))
}

fn short_proto(line: &Line<'_>) -> &'static str {
    match (line.connection.transport, line.connection.family) {
        (Transport::Tcp, Family::V4) => "TCP",
        (Transport::Tcp, Family::V6) => "TCP6",
        (Transport::Udp, Family::V4) => "UDP",
        (Transport::Udp, Family::V6) => "UDP6",
    }
}

fn of_facts(line: &Line<'_>, value: fn(&Facts) -> Value) -> Value {
    line.process
        .map_or(Value::Unknown, |process| value(&process.facts))
}

fn of_health(line: &Line<'_>, value: fn(&Health) -> Option<Value>) -> Value {
    match (line.connection.transport, &line.connection.health) {
        (Transport::Udp, _) => Value::Absent,
        (Transport::Tcp, Some(health)) => value(health).unwrap_or(Value::Unknown),
        (Transport::Tcp, None) => Value::Unknown,
    }
}
