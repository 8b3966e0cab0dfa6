//! Questions about the past from the wire, answers to it.

use std::collections::hash_map::Entry;
use std::collections::HashMap;
use std::sync::Arc;

use netmon_api::v1;
use prost_types::Timestamp;

use super::flow;
use super::peaks;
use super::process;
use super::timestamp;
use super::PART;
use crate::cgroup::ContainerNames;
use crate::clock::from_ns;
use crate::clock::Anchor;
use crate::frame::FlowCount;
use crate::frame::LOOPBACK;
use crate::history::AnswerRow;
use crate::history::Gap;
use crate::history::Grouping;
use crate::history::Header;
use crate::history::Kinds;
use crate::history::Order;
use crate::history::Query;
use crate::history::Step;
use crate::history::Subject;
use crate::history::Sum;
use crate::history::Wanted;
use crate::selection::Selection;

/// A checked question. `names`: of containers, for words about them.
///
/// # Errors
/// A sentence for the client: what cannot be answered.
pub fn query(
    request: v1::QueryHistoryRequest,
    grouping: Grouping,
    names: &Arc<ContainerNames>,
) -> Result<Query, String> {
    let kinds = kinds(&request)?;
    let order = match request.order() {
        v1::HistoryOrder::Unspecified | v1::HistoryOrder::Bytes => Order::Bytes,
        v1::HistoryOrder::RxBytes => Order::Rx,
        v1::HistoryOrder::TxBytes => Order::Tx,
        v1::HistoryOrder::Peak => Order::Peak,
    };
    let selection = Selection::of_the_past(request.filter)?;
    let pids = selection.pids().to_vec();
    // Of everyone the sums are at hand.
    let wanted: Option<Arc<Wanted>> = match selection.is_everything() {
        true => None,
        false => {
            let names = Arc::clone(names);
            Some(Arc::new(move |facts| {
                selection.takes_ever(&facts.named_by(&names))
            }))
        }
    };
    Ok(Query {
        since: request.since.as_ref().map(ns).transpose()?,
        until: request.until.as_ref().map(ns).transpose()?,
        from_seq: request.from_seq,
        to_seq: request.to_seq,
        step: request.step_ns,
        group: grouping,
        kinds,
        wanted,
        pids,
        top: request.top as usize,
        order,
        ascending: request.ascending,
        idle: request.idle,
        peaks: true,
    })
}

fn kinds(request: &v1::QueryHistoryRequest) -> Result<Kinds, String> {
    let (mut tcp, mut udp) = (false, false);
    for transport in request.transports() {
        match transport {
            v1::Transport::Tcp => tcp = true,
            v1::Transport::Udp => udp = true,
            v1::Transport::Unspecified => return Err("unknown transport".to_owned()),
        }
    }
    let (mut v4, mut v6) = (false, false);
    for family in request.families() {
        match family {
            v1::Family::Ipv4 => v4 = true,
            v1::Family::Ipv6 => v6 = true,
            v1::Family::Unspecified => return Err("unknown family".to_owned()),
        }
    }
    let (local, external) = match request.loopback() {
        v1::LoopbackTraffic::Unspecified | v1::LoopbackTraffic::Include => (true, true),
        v1::LoopbackTraffic::Exclude => (false, true),
        v1::LoopbackTraffic::Only => (true, false),
    };
    // Neither named: both.
    let either = |first: bool, second: bool| (first || !second, second || !first);
    let ((tcp, udp), (v4, v6)) = (either(tcp, udp), either(v4, v6));
    let wanted = |kind: &u8| {
        let transport = if kind & 2 == 0 { tcp } else { udp };
        let family = if kind & 1 == 0 { v4 } else { v6 };
        let place = if kind & LOOPBACK == 0 {
            external
        } else {
            local
        };
        transport && family && place
    };
    Ok(Kinds(
        (0..8).filter(wanted).fold(0, |all, kind| all | 1 << kind),
    ))
}

fn ns(time: &Timestamp) -> Result<u64, String> {
    let seconds = u64::try_from(time.seconds).ok();
    let nanos = u64::try_from(time.nanos)
        .ok()
        .filter(|n| *n < 1_000_000_000);
    let total = seconds.and_then(|s| s.checked_mul(1_000_000_000)?.checked_add(nanos?));
    total.ok_or_else(|| "a time is before 1970 or far ahead".to_owned())
}

fn time(wall: u64) -> Timestamp {
    timestamp(from_ns(wall))
}

/// What an answer covers.
pub fn header(header: &Header) -> v1::QueryHistoryResponse {
    let gap = |gap: &Gap| v1::HistoryGap {
        from: Some(time(gap.from)),
        to: Some(time(gap.to)),
        counters_kept: gap.counters_kept,
    };
    event(v1::query_history_response::Event::Header(
        v1::HistoryHeader {
            since: header.covered.map(|(since, _)| time(since)),
            until: header.covered.map(|(_, until)| time(until)),
            step_ns: header.step,
            kept_ns: header.kept,
            ticks: header.ticks,
            ticks_missing: header.missing,
            gaps: header.gaps.iter().map(gap).collect(),
            oldest: header.oldest.map(time),
            frames_damaged: 0,
            lower_bound: header.lower_bound,
        },
    ))
}

/// What a client has been told.
#[derive(Debug)]
pub struct Described {
    /// The processes: their numbers in the answer, and in the parts.
    numbers: HashMap<u32, u32>,
    names: Arc<ContainerNames>,
}

impl Described {
    /// Nothing yet. Containers will be called by `names`.
    pub fn new(names: Arc<ContainerNames>) -> Self {
        Described {
            numbers: HashMap::new(),
            names,
        }
    }
}

/// The parts of one step.
pub fn parts(step: &Step, described: &mut Described) -> Vec<v1::QueryHistoryResponse> {
    let mut parts = Vec::new();
    let mut rows = step.rows.chunks(PART).peekable();
    loop {
        let chunk = rows.next().unwrap_or_default();
        let step_ends = rows.peek().is_none();
        let part = v1::HistoryPart {
            step: Some(about(step)),
            processes: chunk
                .iter()
                .filter_map(|row| news(row, described))
                .collect(),
            rows: chunk.iter().map(|one| row(one, described)).collect(),
            step_ends,
            last: false,
        };
        parts.push(event(v1::query_history_response::Event::Part(part)));
        if step_ends {
            return parts;
        }
    }
}

/// A part that says only that nothing follows.
pub fn end() -> v1::QueryHistoryResponse {
    event(v1::query_history_response::Event::Part(v1::HistoryPart {
        last: true,
        ..v1::HistoryPart::default()
    }))
}

fn event(event: v1::query_history_response::Event) -> v1::QueryHistoryResponse {
    v1::QueryHistoryResponse { event: Some(event) }
}

fn about(step: &Step) -> v1::HistoryStep {
    v1::HistoryStep {
        end_time: Some(time(step.end)),
        length_ns: step.length,
        ticks: step.ticks,
        ticks_missing: step.missing,
        seq: step.seq,
        gap: step.gap,
        lower_bound: step.lower_bound,
        flows: step.sums.iter().map(|sum| flow(&count(sum, &[]))).collect(),
        peaks: step.peaks.as_ref().map(wall_peaks),
        unattributed_rx_bytes: step.unattributed.0,
        unattributed_tx_bytes: step.unattributed.1,
        groups: step.groups,
    }
}

/// A process that the client has not been told of; it counts them as they come.
fn news(row: &AnswerRow, described: &mut Described) -> Option<v1::Process> {
    let Subject::Process(number, about) = &row.subject else {
        return None;
    };
    let next = described.numbers.len() as u32;
    if let Entry::Vacant(unknown) = described.numbers.entry(*number) {
        unknown.insert(next);
        let (boot, wall) = about.anchor;
        let facts = about.facts.named_by(&described.names);
        return Some(process(&facts, &Anchor::of(boot, wall)));
    }
    None
}

fn row(row: &AnswerRow, described: &Described) -> v1::HistoryRow {
    let (process, group) = match &row.subject {
        Subject::Process(number, _) => (described.numbers.get(number).copied(), String::new()),
        Subject::Group(name) => (None, name.as_ref().to_owned()),
    };
    let idle = row.totals.iter().filter(|total| {
        let moved = |sum: &&Sum| sum.kind == total.kind;
        !row.sums.iter().any(|sum| moved(&sum))
    });
    let idle = idle.map(|total| Sum {
        kind: total.kind,
        ..Sum::default()
    });
    let sums = row.sums.iter().copied().chain(idle);
    v1::HistoryRow {
        process,
        group,
        processes: row.processes,
        flows: sums.map(|sum| flow(&count(&sum, &row.totals))).collect(),
        peaks: row.peaks.as_ref().map(wall_peaks),
        active_ns: row.active,
    }
}

fn count(sum: &Sum, totals: &[Sum]) -> FlowCount {
    let total = totals.iter().find(|total| total.kind == sum.kind);
    let mut count = FlowCount {
        kind: sum.kind,
        rx: sum.rx,
        tx: sum.tx,
        ..FlowCount::default()
    };
    if let Some(total) = total {
        (count.rx_total.bytes, count.tx_total.bytes) = (total.rx, total.tx);
    }
    count
}

/// The times of these are wall-clock times already.
fn wall_peaks(found: &crate::rate::Peaks) -> v1::Peaks {
    peaks(found, &Anchor::of(0, 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(transports: &[i32], families: &[i32], loopback: i32) -> Result<u8, String> {
        let request = v1::QueryHistoryRequest {
            transports: transports.to_vec(),
            families: families.to_vec(),
            loopback,
            ..v1::QueryHistoryRequest::default()
        };
        kinds(&request).map(|kinds| kinds.0)
    }

    #[test]
    fn kinds_are_those_that_every_part_of_the_request_takes() {
        let (tcp, udp) = (v1::Transport::Tcp.into(), v1::Transport::Udp.into());
        let (v4, v6) = (v1::Family::Ipv4.into(), v1::Family::Ipv6.into());
        let exclude = v1::LoopbackTraffic::Exclude.into();
        let only = v1::LoopbackTraffic::Only.into();
        assert_eq!(asked(&[], &[], 0), Ok(0xff));
        assert_eq!(asked(&[tcp, udp], &[v4, v6], 0), Ok(0xff));
        assert_eq!(asked(&[tcp], &[], exclude), Ok(0b0000_0011));
        assert_eq!(asked(&[udp], &[v6], 0), Ok(0b1000_1000));
        assert_eq!(asked(&[], &[v4], only), Ok(0b0101_0000));
        assert!(asked(&[0], &[], 0).is_err());
    }

    #[test]
    fn times_before_1970_are_refused() {
        let at = |seconds, nanos| ns(&Timestamp { seconds, nanos });
        assert_eq!(at(1, 5), Ok(1_000_000_005));
        for (seconds, nanos) in [(-1, 0), (1, -1), (1, 1_000_000_000), (i64::MAX, 0)] {
            assert!(at(seconds, nanos).is_err(), "{seconds} {nanos}");
        }
    }
}
