//! The objects of JSON output, field by field. Keys are always present; unknown is null.

pub mod row;

use serde::Serialize;

use super::block::Block;
use super::block::Sum;
use super::line::Line;
use super::Aggregate;
use super::CommandLines;
use crate::args::query::GroupChoice;
use crate::row::Extent;
use crate::row::Scope;
use crate::session::agent::Agent;
use crate::session::watch::Gap;
use crate::session::watch::GapReason;
use crate::text::sanitize;
use crate::units::time::iso;

/// Major version of the schema, in every object as `v`.
pub const SCHEMA: u32 = 1;

/// What the objects hold.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// Which part of the traffic the numbers are about.
    pub scope: Scope,
    /// Whether rows have `cmdline`.
    pub command_lines: CommandLines,
    /// Whether samples have `aggregated`.
    pub aggregate: Aggregate,
}

/// One line: `type` and `v`, then the rest.
#[derive(Debug, Serialize)]
pub struct Object<T> {
    r#type: &'static str,
    v: u32,
    #[serde(flatten)]
    rest: T,
}

/// Puts `type` and `v` before `rest`.
pub fn object<T>(kind: &'static str, rest: T) -> Object<T> {
    Object {
        r#type: kind,
        v: SCHEMA,
        rest,
    }
}

/// First line of every stream.
#[derive(Debug, Serialize)]
pub struct Hello {
    client: &'static str,
    agent: String,
    agent_instance: String,
    host: String,
    tick_s: f64,
    accounting: &'static str,
    loopback: &'static str,
    capabilities: Vec<String>,
}

/// One tick.
#[derive(Debug, Serialize)]
pub struct SampleRecord {
    seq: u64,
    time: String,
    interval_s: Option<f64>,
    group_by: &'static str,
    totals: Totals,
    rows: Vec<row::RowRecord>,
    aggregated: Option<Totals>,
    lower_bound: bool,
}

/// One tick in groups.
#[derive(Debug, Serialize)]
pub struct GroupsRecord {
    seq: u64,
    time: String,
    interval_s: Option<f64>,
    group_by: &'static str,
    totals: Totals,
    rows: Vec<GroupRecord>,
    aggregated: Option<Totals>,
    lower_bound: bool,
}

/// One group.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct GroupRecord {
    pub group: Option<String>,
    pub processes: usize,
    pub rx_bytes: Option<u64>,
    pub tx_bytes: Option<u64>,
    pub rx_bytes_per_s: Option<u64>,
    pub tx_bytes_per_s: Option<u64>,
    pub rx_bytes_total: Option<u64>,
    pub tx_bytes_total: Option<u64>,
    pub conns_tcp: Option<u32>,
    pub conns_udp: Option<u32>,
    pub lower_bound: bool,
}

/// One group as a line of its own.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct GroupRow {
    pub seq: u64,
    pub time: String,
    pub interval_s: Option<f64>,
    pub group_by: &'static str,
    #[serde(flatten)]
    pub row: GroupRecord,
}

/// One row as a line of its own.
#[derive(Debug, Serialize)]
pub struct FlatRow {
    seq: u64,
    time: String,
    interval_s: Option<f64>,
    #[serde(flatten)]
    row: row::RowRecord,
}

/// The end of a process.
#[derive(Debug, Serialize)]
pub struct ExitRecord {
    time: String,
    row: row::RowRecord,
}

/// Missing ticks.
#[derive(Debug, Serialize)]
pub struct GapRecord {
    from_seq: u64,
    to_seq: u64,
    from: Option<String>,
    to: Option<String>,
    reason: &'static str,
    counters_kept: bool,
}

/// Something the reader should know.
#[derive(Debug, Serialize)]
pub struct Notice<'a> {
    /// "warning".
    pub level: &'static str,
    /// One sentence.
    pub text: &'a str,
}

/// Last line of every stream that ends by itself.
#[derive(Debug, Serialize)]
pub struct Bye<'a> {
    /// Why.
    pub reason: &'a str,
}

#[derive(Debug, Serialize)]
struct Totals {
    rx_bytes: Option<u64>,
    tx_bytes: Option<u64>,
    rx_bytes_per_s: Option<u64>,
    tx_bytes_per_s: Option<u64>,
    rx_bytes_total: Option<u64>,
    tx_bytes_total: Option<u64>,
    processes: Option<u32>,
    processes_active: Option<u32>,
    conns_tcp: Option<u32>,
    conns_udp: Option<u32>,
    unattributed_rx_bytes: Option<u64>,
    unattributed_tx_bytes: Option<u64>,
}

impl Shape {
    /// What the stream is about.
    pub fn hello(&self, agent: &Agent) -> Hello {
        Hello {
            client: env!("CARGO_PKG_VERSION"),
            agent: clean(&agent.version),
            agent_instance: clean(&agent.instance),
            host: clean(&agent.host),
            tick_s: agent.tick.as_secs_f64(),
            accounting: "payload",
            loopback: self.scope.loopback.name(),
            capabilities: agent
                .capabilities
                .iter()
                .filter(|capability| capability.available)
                .map(|capability| clean(&capability.name))
                .collect(),
        }
    }

    /// One tick.
    pub fn sample(&self, block: &Block<'_>) -> SampleRecord {
        let unattributed =
            (block.sample.extent != Extent::Nothing).then_some(block.sample.unattributed.tick);
        SampleRecord {
            seq: block.sample.seq,
            time: iso(block.sample.time),
            interval_s: block
                .sample
                .length
                .map(|length| seconds(length.as_secs_f64())),
            group_by: "process",
            totals: Totals {
                unattributed_rx_bytes: unattributed.map(|bytes| bytes.rx),
                unattributed_tx_bytes: unattributed.map(|bytes| bytes.tx),
                ..totals(&block.machine)
            },
            rows: block
                .lines
                .iter()
                .map(|line| row::row(line, self.command_lines, block.details_of(line)))
                .collect(),
            aggregated: match self.aggregate {
                Aggregate::Wanted => Some(totals(&block.selected)),
                Aggregate::Usual => None,
            },
            lower_bound: block.sample.lower_bound,
        }
    }

    /// One tick in groups.
    pub fn groups(
        &self,
        block: &Block<'_>,
        by: GroupChoice,
        rows: Vec<GroupRecord>,
    ) -> GroupsRecord {
        let sample = self.sample(block);
        GroupsRecord {
            seq: sample.seq,
            time: sample.time,
            interval_s: sample.interval_s,
            group_by: by.name(),
            totals: sample.totals,
            rows,
            aggregated: sample.aggregated,
            lower_bound: sample.lower_bound,
        }
    }

    /// One row as a line of its own.
    pub fn flat_row(&self, line: &Line<'_>, block: &Block<'_>) -> FlatRow {
        FlatRow {
            seq: line.sample.seq,
            time: iso(line.sample.time),
            interval_s: line
                .sample
                .length
                .map(|length| seconds(length.as_secs_f64())),
            row: row::row(line, self.command_lines, block.details_of(line)),
        }
    }

    /// The end of a process.
    pub fn exit(&self, line: &Line<'_>) -> ExitRecord {
        let time = line
            .row
            .facts
            .exit
            .map_or(line.sample.time, |exit| exit.time);
        ExitRecord {
            time: iso(time),
            row: row::row(line, self.command_lines, None),
        }
    }

    /// Missing ticks.
    pub fn gap(gap: &Gap) -> GapRecord {
        GapRecord {
            from_seq: gap.from_seq,
            to_seq: gap.to_seq,
            from: gap.from.map(iso),
            to: gap.to.map(iso),
            reason: match gap.reason {
                GapReason::AgentRestart => "agent_restart",
                GapReason::Lag => "lag",
                GapReason::AgentLoss => "agent_loss",
            },
            counters_kept: gap.counters_kept,
        }
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
        processes: sum.processes,
        processes_active: sum.active,
        conns_tcp: sum.tcp,
        conns_udp: sum.udp,
        unattributed_rx_bytes: None,
        unattributed_tx_bytes: None,
    }
}

/// Safe to print.
pub fn clean(text: &str) -> String {
    sanitize(text).into_owned()
}

/// To the microsecond: what is below is noise of the conversion.
pub fn seconds(s: f64) -> f64 {
    (s * 1e6).round() / 1e6
}
