//! The output of procnetmon2: a boxed table, or one JSON document per tick. Here "Mbps" is megabit.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::or_na;
use super::Form;
use crate::output::block::Block;
use crate::output::block::Sum;
use crate::output::cells::runtime;
use crate::output::json;
use crate::output::line::Line;
use crate::output::Printer;
use crate::text;
use crate::text::sanitize;
use crate::units::time::iso;

/// Prints what procnetmon2 prints.
#[derive(Debug)]
pub struct Procnetmon2 {
    /// Text or JSON.
    pub form: Form,
}

#[derive(Serialize)]
struct Document {
    timestamp: String,
    processes: BTreeMap<String, Process>,
    aggregated: Stats,
}

#[derive(Serialize)]
struct Process {
    pid: u32,
    name: String,
    runtime: String,
    current: Stats,
    peak: Stats,
    total: Stats,
}

#[derive(Default, Serialize)]
struct Stats {
    bytes_in: Option<u64>,
    bytes_out: Option<u64>,
    rate_in: Option<u64>,
    rate_out: Option<u64>,
    tcp_connections: Option<u32>,
    udp_connections: Option<u32>,
}

const HEADER: [&str; 9] = [
    "PID",
    "NAME",
    "RUNTIME",
    "RATE IN",
    "RATE OUT",
    "TOTAL IN",
    "TOTAL OUT",
    "TCP",
    "UDP",
];
const NUMERIC: [usize; 3] = [0, 7, 8];

impl Printer for Procnetmon2 {
    fn sample(&mut self, block: &Block<'_>, out: &mut String) {
        match self.form {
            Form::Json => json::line(&document(block), out),
            Form::Text => table(block, out),
        }
    }
}

fn document(block: &Block<'_>) -> Document {
    let sum = &block.selected;
    Document {
        timestamp: iso(block.sample.time),
        processes: block
            .lines
            .iter()
            .map(|line| (line.row.facts.id.pid.to_string(), process(line)))
            .collect(),
        aggregated: Stats {
            bytes_in: sum.numbers.rx,
            bytes_out: sum.numbers.tx,
            rate_in: sum.numbers.rx_rate,
            rate_out: sum.numbers.tx_rate,
            tcp_connections: sum.tcp,
            udp_connections: sum.udp,
        },
    }
}

fn process(line: &Line<'_>) -> Process {
    let peaks = line
        .row
        .peaks(line.scope)
        .filter(|_| line.known.rx && line.known.tx);
    let (tcp, udp) = sockets(line);
    Process {
        pid: line.row.facts.id.pid,
        name: sanitize(&line.row.facts.name).into_owned(),
        runtime: spelled(runtime(line)),
        current: Stats {
            bytes_in: line.numbers.rx,
            bytes_out: line.numbers.tx,
            rate_in: line.numbers.rx_rate,
            rate_out: line.numbers.tx_rate,
            tcp_connections: tcp,
            udp_connections: udp,
        },
        peak: Stats {
            rate_in: peaks.map(|peaks| peaks.rx_per_s),
            rate_out: peaks.map(|peaks| peaks.tx_per_s),
            ..Stats::default()
        },
        total: Stats {
            bytes_in: line.numbers.rx_total,
            bytes_out: line.numbers.tx_total,
            ..Stats::default()
        },
    }
}

fn sockets(line: &Line<'_>) -> (Option<u32>, Option<u32>) {
    let known = |count: Option<u32>| count.filter(|_| line.known.connections);
    (
        known(line.row.tcp_connections),
        known(line.row.udp_connections),
    )
}

fn table(block: &Block<'_>, out: &mut String) {
    let mut rows = vec![HEADER.map(str::to_owned)];
    for line in &block.lines {
        let (tcp, udp) = sockets(line);
        rows.push([
            line.row.facts.id.pid.to_string(),
            sanitize(&line.row.facts.name).into_owned(),
            spelled(runtime(line)),
            bits(line.numbers.rx_rate),
            bits(line.numbers.tx_rate),
            bytes(line.numbers.rx_total),
            bytes(line.numbers.tx_total),
            or_na(tcp),
            or_na(udp),
        ]);
    }
    rows.push(total(&block.selected));
    let widths: Vec<_> = (0..HEADER.len())
        .map(|column| {
            rows.iter()
                .map(|row| text::width(&row[column]))
                .max()
                .unwrap_or(0)
        })
        .collect();
    let rule: String = widths
        .iter()
        .map(|width| format!("+{}", "-".repeat(width + 2)))
        .collect::<String>()
        + "+\n";
    out.push_str(&rule);
    for row in &rows {
        for (column, cell) in row.iter().enumerate() {
            let padding = " ".repeat(widths[column] - text::width(cell));
            if NUMERIC.contains(&column) {
                out.push_str(&format!("| {padding}{cell} "));
            } else {
                out.push_str(&format!("| {cell}{padding} "));
            }
        }
        out.push_str("|\n");
        out.push_str(&rule);
    }
}

fn total(sum: &Sum) -> [String; 9] {
    [
        String::new(),
        "TOTAL".to_owned(),
        String::new(),
        bits(sum.numbers.rx_rate),
        bits(sum.numbers.tx_rate),
        bytes(sum.numbers.rx_total),
        bytes(sum.numbers.tx_total),
        or_na(sum.tcp),
        or_na(sum.udp),
    ]
}

fn bits(rate: Option<u64>) -> String {
    or_na(rate.map(|rate| scaled(rate as f64 * 8.0, ["bps", "Kbps", "Mbps", "Gbps"])))
}

fn bytes(bytes: Option<u64>) -> String {
    or_na(bytes.map(|bytes| scaled(bytes as f64, ["B", "KB", "MB", "GB"])))
}

fn scaled(mut value: f64, units: [&str; 4]) -> String {
    let mut unit = units[0];
    for next in &units[1..] {
        if value < 1000.0 {
            break;
        }
        value /= 1000.0;
        unit = next;
    }
    format!("{value:.2} {unit}")
}

// 1h2m3s, 2m0s, 3s
fn spelled(length: Duration) -> String {
    let seconds = length.as_secs() + u64::from(length.subsec_millis() >= 500);
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes) {
        (0, 0) => format!("{rest}s"),
        (0, _) => format!("{minutes}m{rest}s"),
        _ => format!("{hours}h{minutes}m{rest}s"),
    }
}
