//! Packets and counts as JSON lines. Keys are always present; unknown is null.

use serde::Serialize;

use super::columns;
use super::tally::Tally;
use super::Line;
use super::Printer;
use crate::output::json;
use crate::output::record::clean;
use crate::output::record::object;
use crate::output::record::seconds;
use crate::output::record::Bye;
use crate::output::record::Notice;
use crate::output::record::Shape;
use crate::output::value::micros;
use crate::output::Aggregate;
use crate::output::CommandLines;
use crate::output::Header;
use crate::rate::per_second;
use crate::row::packet::Point;
use crate::row::Loopback;
use crate::row::Scope;
use crate::session::agent::Agent;
use crate::units::time::iso;
use crate::units::time::TimeFormat;

/// Prints one object per line.
#[derive(Debug)]
pub struct Lines {
    /// Whether the stream begins with hello.
    pub header: Header,
    /// Whether counts come every second.
    pub steps: bool,
}

/// A packet at a point.
#[derive(Debug, Serialize)]
struct TraceRecord {
    time: Option<String>,
    function: String,
    hook: Option<String>,
    direction: Option<&'static str>,
    packet: Option<u64>,
    proto: String,
    src_ip: Option<String>,
    dst_ip: Option<String>,
    src_port: Option<u16>,
    dst_port: Option<u16>,
    seq: Option<u32>,
    ack_seq: Option<u32>,
    len: Option<u32>,
    flags: Option<String>,
    interface: Option<String>,
    cpu: u32,
    pid: Option<u32>,
    name: Option<String>,
    since_prev_us: Option<f64>,
    drop_reason: Option<String>,
    symbol: Option<String>,
}

/// Counts.
#[derive(Debug, Serialize)]
struct StatisticsRecord {
    time: String,
    interval_s: Option<f64>,
    total: bool,
    events: Option<u64>,
    events_per_s: Option<u64>,
    bytes: Option<u64>,
    printed: u64,
    suppressed: Option<u64>,
    lost: Option<u64>,
    by_function: Vec<FunctionRecord>,
}

/// Counts of a point.
#[derive(Debug, Serialize)]
struct FunctionRecord {
    function: String,
    hook: String,
    direction: &'static str,
    events: Option<u64>,
    events_per_s: Option<u64>,
    bytes: Option<u64>,
    suppressed: Option<u64>,
    lost: Option<u64>,
}

impl Printer for Lines {
    fn begin(&mut self, agent: &Agent, _points: &[Point], out: &mut Vec<u8>) {
        if self.header == Header::Shown {
            let shape = Shape {
                // The way of packets does not leave out any.
                scope: Scope {
                    loopback: Loopback::Include,
                    ..Scope::default()
                },
                command_lines: CommandLines::Hidden,
                aggregate: Aggregate::Usual,
            };
            line(&object("hello", shape.hello(agent)), out);
        }
    }

    fn packets(&mut self, lines: &[Line<'_>], out: &mut Vec<u8>) -> u64 {
        if self.steps {
            return 0;
        }
        for packet in lines {
            line(&object("trace", record(packet)), out);
        }
        lines.len() as u64
    }

    fn step(&mut self, tally: &Tally<'_>, out: &mut Vec<u8>) {
        if self.steps {
            line(&object("trace_stats", statistics(tally, false)), out);
        }
    }

    fn notice(&mut self, text: &str, out: &mut Vec<u8>) {
        let level = "warning";
        line(&object("notice", Notice { level, text }), out);
    }

    fn end(&mut self, total: Option<&Tally<'_>>, reason: &str, out: &mut Vec<u8>) {
        if let Some(total) = total {
            line(&object("trace_stats", statistics(total, true)), out);
        }
        line(&object("bye", Bye { reason }), out);
    }
}

fn line(value: &impl Serialize, out: &mut Vec<u8>) {
    let mut text = String::new();
    json::line(value, &mut text);
    out.extend(text.into_bytes());
}

fn record(line: &Line<'_>) -> TraceRecord {
    let packet = line.packet;
    let text = |text: &Option<String>| text.as_deref().map(clean);
    TraceRecord {
        time: packet.time.map(|time| TimeFormat::Iso.precise(time)),
        function: clean(&columns::function(line)),
        hook: line.point.map(|point| clean(&point.kind)),
        direction: line.point.map(|point| point.direction.name()),
        packet: packet.id,
        proto: columns::proto(packet.protocol),
        src_ip: packet.source.map(|ip| ip.to_string()),
        dst_ip: packet.destination.map(|ip| ip.to_string()),
        src_port: packet.source_port,
        dst_port: packet.destination_port,
        seq: packet.sequence,
        ack_seq: packet.acknowledgment,
        len: packet.length,
        flags: packet.flags.map(columns::flags),
        interface: text(&packet.interface),
        cpu: packet.cpu,
        pid: columns::pid(packet),
        name: text(&packet.name),
        since_prev_us: line.since.map(|since| thousandths(micros(since))),
        drop_reason: text(&packet.drop_reason),
        symbol: text(&packet.symbol),
    }
}

fn statistics(tally: &Tally<'_>, total: bool) -> StatisticsRecord {
    let sum = tally.sum;
    StatisticsRecord {
        time: iso(tally.time),
        interval_s: tally.length.map(|length| seconds(length.as_secs_f64())),
        total,
        events: sum.map(|sum| sum.events),
        events_per_s: sum.and_then(|sum| per_second(sum.events, tally.length)),
        bytes: sum.map(|sum| sum.bytes),
        printed: tally.printed,
        suppressed: sum.map(|sum| sum.suppressed),
        lost: sum.map(|sum| sum.lost),
        by_function: tally
            .rows
            .iter()
            .map(|row| FunctionRecord {
                function: clean(&row.point.name),
                hook: clean(&row.point.kind),
                direction: row.point.direction.name(),
                events: row.count.map(|count| count.events),
                events_per_s: row.events_per_s,
                bytes: row.count.map(|count| count.bytes),
                suppressed: row.count.map(|count| count.suppressed),
                lost: row.count.map(|count| count.lost),
            })
            .collect(),
    }
}

// Nanoseconds: what is below is noise of the conversion.
fn thousandths(micros: f64) -> f64 {
    (micros * 1e3).round() / 1e3
}
