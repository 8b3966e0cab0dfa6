//! One process as a JSON object.

use serde::Serialize;

use super::clean;
use super::seconds;
use crate::output::cells;
use crate::output::connections::block::Line as ConnectionLine;
use crate::output::connections::record::connection;
use crate::output::connections::record::ConnectionRecord;
use crate::output::line::Line;
use crate::output::numbers::Known;
use crate::output::past::block::Entry;
use crate::output::value::Value;
use crate::output::CommandLines;
use crate::row::Counter;
use crate::row::Facts;
use crate::row::Family;
use crate::row::Loopback;
use crate::row::Scope;
use crate::row::Transport;
use crate::units::time::iso;

/// One process.
#[derive(Debug, Serialize)]
pub struct RowRecord {
    id: String,
    pid: u32,
    ppid: Option<u32>,
    start_time: String,
    state: &'static str,
    end_time: Option<String>,
    exit_code: Option<i32>,
    exit_signal: Option<i32>,
    name: String,
    exe: Option<String>,
    cmdline: Option<String>,
    uid: u32,
    user: Option<String>,
    unit: Option<String>,
    cgroup: Option<String>,
    container_id: Option<String>,
    container_name: Option<String>,
    runtime_s: f64,
    rx_bytes: Option<u64>,
    tx_bytes: Option<u64>,
    rx_bytes_per_s: Option<u64>,
    tx_bytes_per_s: Option<u64>,
    rx_bytes_total: Option<u64>,
    tx_bytes_total: Option<u64>,
    rx_peak_bytes_per_s: Option<u64>,
    tx_peak_bytes_per_s: Option<u64>,
    peak_time: Option<String>,
    conns_tcp: Option<u32>,
    conns_udp: Option<u32>,
    tcp_retransmits: Option<u64>,
    tcp_resets: Option<u64>,
    tcp_connects_failed: Option<u64>,
    by_proto: ByProto,
    loopback_rx_bytes_total: Option<u64>,
    loopback_tx_bytes_total: Option<u64>,
    lower_bound: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    connections: Option<Vec<ConnectionRecord>>,
}

#[derive(Debug, Serialize)]
struct ByProto {
    tcp4: Cell,
    tcp6: Cell,
    udp4: Cell,
    udp6: Cell,
}

#[derive(Debug, Default, Serialize)]
struct Cell {
    rx_bytes: Option<u64>,
    tx_bytes: Option<u64>,
    rx_bytes_total: Option<u64>,
    tx_bytes_total: Option<u64>,
}

/// The record of one process; `details`: its connections, if they are asked for.
pub fn row(
    line: &Line<'_>,
    command_lines: CommandLines,
    details: Option<&[ConnectionLine<'_>]>,
) -> RowRecord {
    let facts = &line.row.facts;
    let known = line.known;
    let exit = facts.exit.filter(|_| known.exit);
    let peaks = line.row.peaks(line.scope).filter(|_| known.rx && known.tx);
    let loopback = line.row.flows.sum(Scope {
        loopback: Loopback::Only,
        ..Scope::default()
    });
    let command_line = match cells::command_line(&facts.args) {
        Value::Text(text) if command_lines == CommandLines::Shown => Some(clean(&text)),
        _ => None,
    };
    RowRecord {
        id: cells::id(line),
        pid: facts.id.pid,
        ppid: facts.parent_pid,
        start_time: iso(facts.start_time),
        state: cells::state(line),
        end_time: facts.exit.map(|exit| iso(exit.time)),
        exit_code: exit.and_then(|exit| exit.code),
        exit_signal: exit.and_then(|exit| exit.signal),
        name: clean(&facts.name),
        exe: facts.exe.as_deref().map(clean),
        cmdline: command_line,
        uid: facts.uid,
        user: facts.user.as_deref().map(clean),
        unit: facts.unit.as_deref().map(clean),
        cgroup: facts.cgroup.as_deref().map(clean),
        container_id: facts.container.as_ref().map(|c| clean(&c.id)),
        container_name: facts
            .container
            .as_ref()
            .and_then(|c| c.name.as_deref())
            .map(clean),
        runtime_s: seconds(cells::runtime(line).as_secs_f64()),
        rx_bytes: line.numbers.rx,
        tx_bytes: line.numbers.tx,
        rx_bytes_per_s: line.numbers.rx_rate,
        tx_bytes_per_s: line.numbers.tx_rate,
        rx_bytes_total: line.numbers.rx_total,
        tx_bytes_total: line.numbers.tx_total,
        rx_peak_bytes_per_s: peaks.map(|peaks| peaks.rx_per_s),
        tx_peak_bytes_per_s: peaks.map(|peaks| peaks.tx_per_s),
        peak_time: peaks.and_then(|peaks| peaks.time).map(iso),
        conns_tcp: line.row.tcp_connections.filter(|_| known.connections),
        conns_udp: line.row.udp_connections.filter(|_| known.connections),
        tcp_retransmits: line.row.health.retransmits,
        tcp_resets: line.row.health.resets,
        tcp_connects_failed: line.row.health.connects_failed,
        by_proto: by_proto(line),
        loopback_rx_bytes_total: (known.loopback_rx && known.totals).then_some(loopback.total.rx),
        loopback_tx_bytes_total: (known.loopback_tx && known.totals).then_some(loopback.total.tx),
        lower_bound: line.sample.lower_bound,
        connections: details.map(|lines| lines.iter().map(connection).collect()),
    }
}

/// The record of one process in a step of the past.
pub fn past_process(entry: &Entry<'_>, facts: &Facts, command_lines: CommandLines) -> RowRecord {
    let exit = facts.exit.filter(|_| entry.known.exit);
    let peaks = entry.peaks();
    let flows = &entry.row.flows;
    // Loopback traffic that was not asked for is not in the answer.
    let loopback = (entry.scope.loopback != Loopback::Exclude
        && entry.scope.transport.is_none()
        && entry.scope.family.is_none())
    .then(|| {
        flows.sum(Scope {
            loopback: Loopback::Only,
            ..Scope::default()
        })
    });
    let command_line = match cells::command_line(&facts.args) {
        Value::Text(text) if command_lines == CommandLines::Shown => Some(clean(&text)),
        _ => None,
    };
    RowRecord {
        id: format!("{}-{}", facts.id.pid, facts.id.start_ns),
        pid: facts.id.pid,
        ppid: facts.parent_pid,
        start_time: iso(facts.start_time),
        state: facts.state.name(),
        end_time: facts.exit.map(|exit| iso(exit.time)),
        exit_code: exit.and_then(|exit| exit.code),
        exit_signal: exit.and_then(|exit| exit.signal),
        name: clean(&facts.name),
        exe: facts.exe.as_deref().map(clean),
        cmdline: command_line,
        uid: facts.uid,
        user: facts.user.as_deref().map(clean),
        unit: facts.unit.as_deref().map(clean),
        cgroup: facts.cgroup.as_deref().map(clean),
        container_id: facts.container.as_ref().map(|c| clean(&c.id)),
        container_name: facts
            .container
            .as_ref()
            .and_then(|c| c.name.as_deref())
            .map(clean),
        runtime_s: seconds(cells::runtime_of(facts, entry.step.end).as_secs_f64()),
        rx_bytes: entry.numbers.rx,
        tx_bytes: entry.numbers.tx,
        rx_bytes_per_s: entry.numbers.rx_rate,
        tx_bytes_per_s: entry.numbers.tx_rate,
        rx_bytes_total: entry.numbers.rx_total,
        tx_bytes_total: entry.numbers.tx_total,
        rx_peak_bytes_per_s: peaks.map(|peaks| peaks.rx_per_s),
        tx_peak_bytes_per_s: peaks.map(|peaks| peaks.tx_per_s),
        peak_time: peaks.and_then(|peaks| peaks.time).map(iso),
        conns_tcp: None,
        conns_udp: None,
        tcp_retransmits: None,
        tcp_resets: None,
        tcp_connects_failed: None,
        by_proto: past_by_proto(entry),
        loopback_rx_bytes_total: loopback
            .filter(|_| entry.known.loopback_rx)
            .map(|counter| counter.total.rx),
        loopback_tx_bytes_total: loopback
            .filter(|_| entry.known.loopback_tx)
            .map(|counter| counter.total.tx),
        lower_bound: entry.step.lower_bound,
        connections: None,
    }
}

// Kinds that were not asked for are not in the answer, which is not the same as zero.
fn past_by_proto(entry: &Entry<'_>) -> ByProto {
    let cell = |transport, family| {
        let asked = entry.scope.transports().contains(&transport)
            && entry.scope.families().contains(&family);
        let loopback = entry.scope.loopback;
        let counter = entry.row.flows.cell(transport, family, loopback);
        if asked {
            cell(counter, entry.known, transport, family)
        } else {
            Cell::default()
        }
    };
    ByProto {
        tcp4: cell(Transport::Tcp, Family::V4),
        tcp6: cell(Transport::Tcp, Family::V6),
        udp4: cell(Transport::Udp, Family::V4),
        udp6: cell(Transport::Udp, Family::V6),
    }
}

fn by_proto(line: &Line<'_>) -> ByProto {
    let cell = |transport, family| {
        let counter = line.row.flows.cell(transport, family, line.scope.loopback);
        cell(counter, line.known, transport, family)
    };
    ByProto {
        tcp4: cell(Transport::Tcp, Family::V4),
        tcp6: cell(Transport::Tcp, Family::V6),
        udp4: cell(Transport::Udp, Family::V4),
        udp6: cell(Transport::Udp, Family::V6),
    }
}

fn cell(counter: Counter, known: Known, transport: Transport, family: Family) -> Cell {
    let (rx, tx) = known.cells[transport as usize][family as usize];
    Cell {
        rx_bytes: rx.then_some(counter.tick.rx),
        tx_bytes: tx.then_some(counter.tick.tx),
        rx_bytes_total: (rx && known.totals).then_some(counter.total.rx),
        tx_bytes_total: (tx && known.totals).then_some(counter.total.tx),
    }
}
