//! The JSON objects of connections, field by field. Keys are always present; unknown is null.

use std::time::Duration;

use serde::Serialize;

use super::block::Block;
use super::block::Line;
use super::block::Sum;
use super::columns;
use crate::output::record::clean;
use crate::output::record::seconds;
use crate::units::time::iso;

/// One connection.
#[derive(Debug, Serialize)]
pub struct ConnectionRecord {
    id: String,
    pid: u32,
    name: Option<String>,
    proto: &'static str,
    family: u8,
    local_addr: Option<String>,
    local_port: Option<u16>,
    remote_addr: Option<String>,
    remote_port: Option<u16>,
    remote_name: Option<String>,
    state: Option<&'static str>,
    open_time: Option<String>,
    close_time: Option<String>,
    age_s: Option<f64>,
    rx_bytes: Option<u64>,
    tx_bytes: Option<u64>,
    rx_bytes_per_s: Option<u64>,
    tx_bytes_per_s: Option<u64>,
    rx_bytes_total: Option<u64>,
    tx_bytes_total: Option<u64>,
    loopback: bool,
    interface: Option<String>,
    tcp: Option<TcpRecord>,
    connections: u64,
}

/// Why a TCP connection is slow.
#[derive(Debug, Serialize)]
pub struct TcpRecord {
    rtt_us: Option<u128>,
    rtt_variation_us: Option<u128>,
    retransmits: u32,
    failed: bool,
    reset: bool,
    busy_s: Option<f64>,
    limited_by_window_s: Option<f64>,
    limited_by_buffer_s: Option<f64>,
    limited_by: Option<&'static str>,
}

/// The connections of one tick.
#[derive(Debug, Serialize)]
pub struct ConnectionsRecord {
    seq: u64,
    time: String,
    interval_s: Option<f64>,
    totals: Totals,
    rows: Vec<ConnectionRecord>,
    lower_bound: bool,
}

/// One connection as a line of its own.
#[derive(Debug, Serialize)]
pub struct FlatRow {
    seq: u64,
    time: String,
    interval_s: Option<f64>,
    #[serde(flatten)]
    row: ConnectionRecord,
}

#[derive(Debug, Serialize)]
struct Totals {
    rx_bytes: Option<u64>,
    tx_bytes: Option<u64>,
    rx_bytes_per_s: Option<u64>,
    tx_bytes_per_s: Option<u64>,
    rx_bytes_total: Option<u64>,
    tx_bytes_total: Option<u64>,
    connections: u64,
    processes: usize,
}

/// One tick.
pub fn tick(block: &Block<'_>) -> ConnectionsRecord {
    ConnectionsRecord {
        seq: block.sample.seq,
        time: iso(block.sample.time),
        interval_s: block.sample.length.map(length),
        totals: totals(&block.sum),
        rows: block.lines.iter().map(connection).collect(),
        lower_bound: block.sample.lower_bound,
    }
}

/// One connection as a line of its own.
pub fn flat_row(line: &Line<'_>) -> FlatRow {
    FlatRow {
        seq: line.sample.seq,
        time: iso(line.sample.time),
        interval_s: line.sample.length.map(length),
        row: connection(line),
    }
}

/// One connection.
pub fn connection(line: &Line<'_>) -> ConnectionRecord {
    let it = line.connection;
    let state = columns::state(line).map(|(_, long)| long);
    ConnectionRecord {
        id: columns::process_id(line),
        pid: it.process.pid,
        name: line.process.map(|process| clean(&process.facts.name)),
        proto: columns::proto(it.transport),
        family: columns::family(it.family),
        local_addr: it.local.map(|end| end.address.to_string()),
        local_port: it.local.map(|end| end.port),
        remote_addr: it.remote.map(|end| end.address.to_string()),
        remote_port: it.remote.map(|end| end.port),
        remote_name: line.remote_name.map(clean),
        state,
        open_time: it.opened.map(iso),
        close_time: it.closed.map(iso),
        age_s: it.age(line.sample.time).map(length),
        rx_bytes: line.numbers.rx,
        tx_bytes: line.numbers.tx,
        rx_bytes_per_s: line.numbers.rx_rate,
        tx_bytes_per_s: line.numbers.tx_rate,
        rx_bytes_total: line.numbers.rx_total,
        tx_bytes_total: line.numbers.tx_total,
        loopback: it.loopback,
        interface: it.interface.as_deref().map(clean),
        tcp: it.health.map(|health| TcpRecord {
            rtt_us: health.rtt.map(|rtt| rtt.as_micros()),
            rtt_variation_us: health.rtt_variation.map(|rtt| rtt.as_micros()),
            retransmits: health.retransmits,
            failed: health.failed,
            reset: health.reset,
            busy_s: health.busy.map(length),
            limited_by_window_s: health.limited_by_window.map(length),
            limited_by_buffer_s: health.limited_by_buffer.map(length),
            limited_by: health.limit().map(columns::limit),
        }),
        connections: line.connections(),
    }
}

fn totals(sum: &Sum) -> Totals {
    Totals {
        rx_bytes: sum.numbers.rx,
        tx_bytes: sum.numbers.tx,
        rx_bytes_per_s: sum.numbers.rx_rate,
        tx_bytes_per_s: sum.numbers.tx_rate,
        rx_bytes_total: sum.numbers.rx_total,
        tx_bytes_total: sum.numbers.tx_total,
        connections: sum.connections,
        processes: sum.processes,
    }
}

fn length(length: Duration) -> f64 {
    seconds(length.as_secs_f64())
}
