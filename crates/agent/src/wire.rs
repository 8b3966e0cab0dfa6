//! Domain to proto. The only file that knows both.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::SystemTime;

use netmon_api::v1;
use netmon_bpf::abi::ProcessId;

use crate::cgroup::Cgroup;
use crate::clock::Anchor;
use crate::connection::ConnectionRow;
use crate::frame::ConnectionNews;
use crate::frame::FlowCount;
use crate::frame::Frame;
use crate::frame::Row;
use crate::frame::TickFacts;
use crate::frame::LOOPBACK;
use crate::names::Runtime;
use crate::process::Exit;
use crate::process::Facts;
use crate::rate::Peak;
use crate::rate::Peaks;

pub mod connection;
pub mod history;
pub mod packet;

/// Rows in one part of a snapshot: stays far below the 4 MiB that clients accept.
pub const PART: usize = 512;

/// A wall-clock time.
pub fn timestamp(time: SystemTime) -> prost_types::Timestamp {
    prost_types::Timestamp::from(time)
}

/// An update with the rows and news that `wanted` lets through. A process with news that is not
/// wanted is forgotten: under its earlier name it may have been.
pub fn update(frame: &Frame, anchor: &Anchor, wanted: impl Fn(&Facts) -> bool) -> v1::Update {
    let rows = frame.rows.iter().filter(|row| wanted(&row.facts));
    let news = frame.news.iter().filter(|facts| wanted(facts));
    let unwanted = frame
        .news
        .iter()
        .filter(|facts| !wanted(facts))
        .map(|facts| facts.id);
    let connections = frame.connections.as_ref();
    let told = |news: &ConnectionNews| -> Vec<v1::Connection> {
        let rows = news.rows.iter();
        rows.map(|row| connection::connection(row, frame.tick.seq, anchor))
            .collect()
    };
    let gone = |news: &ConnectionNews| news.gone.iter().map(connection::gone).collect::<Vec<_>>();
    v1::Update {
        tick: Some(tick(&frame.tick, anchor)),
        processes: news.map(|facts| process(facts, anchor)).collect(),
        rows: rows.map(|row| self::row(row, anchor)).collect(),
        forgotten: unwanted
            .chain(frame.forgotten.iter().copied())
            .map(process_id)
            .collect(),
        connections: connections.map(told).unwrap_or_default(),
        connections_forgotten: connections.map(gone).unwrap_or_default(),
    }
}

/// The parts of a snapshot, at least one. Connections come after the processes. A part is made when it
/// is taken: all of them together would be many times what they are made from.
pub fn snapshot(
    about: TickFacts,
    rows: Vec<Row>,
    connections: Vec<Arc<ConnectionRow>>,
    anchor: Anchor,
) -> impl Iterator<Item = v1::Snapshot> + Send {
    let of_rows = rows.len().div_ceil(PART);
    let count = (of_rows + connections.len().div_ceil(PART)).max(1);
    (0..count).map(move |number| {
        let rows = rows.chunks(PART).nth(number).unwrap_or_default();
        let told = number.checked_sub(of_rows);
        let told = told.and_then(|number| connections.chunks(PART).nth(number));
        v1::Snapshot {
            tick: Some(tick(&about, &anchor)),
            processes: rows
                .iter()
                .map(|row| process(&row.facts, &anchor))
                .collect(),
            rows: rows.iter().map(|row| self::row(row, &anchor)).collect(),
            last: number + 1 == count,
            connections: told
                .unwrap_or_default()
                .iter()
                .map(|row| connection::connection(row, about.seq, &anchor))
                .collect(),
        }
    })
}

fn process_id(id: ProcessId) -> v1::ProcessId {
    v1::ProcessId {
        pid: id.pid,
        start_ns: id.start,
    }
}

fn tick(tick: &TickFacts, anchor: &Anchor) -> v1::Tick {
    v1::Tick {
        seq: tick.seq,
        end_time: Some(timestamp(anchor.wall(tick.time))),
        length_ns: tick.length,
        flows: tick.flows.iter().map(flow).collect(),
        unattributed_rx_bytes: tick.unattributed.rx,
        unattributed_tx_bytes: tick.unattributed.tx,
        unattributed_rx_bytes_total: tick.unattributed.rx_total.bytes,
        unattributed_tx_bytes_total: tick.unattributed.tx_total.bytes,
        processes: tick.processes,
        processes_active: tick.active,
        tcp_connections: tick.connections.map(|c| c.tcp),
        udp_connections: tick.connections.map(|c| c.udp),
        lower_bound: tick.lower_bound,
        merged: tick.merged,
    }
}

fn flow(flow: &FlowCount) -> v1::Flow {
    let transport = if flow.kind & 2 == 0 {
        v1::Transport::Tcp
    } else {
        v1::Transport::Udp
    };
    let family = if flow.kind & 1 == 0 {
        v1::Family::Ipv4
    } else {
        v1::Family::Ipv6
    };
    v1::Flow {
        transport: transport.into(),
        family: family.into(),
        loopback: flow.kind & LOOPBACK != 0,
        rx_bytes: flow.rx,
        tx_bytes: flow.tx,
        rx_bytes_total: flow.rx_total.bytes,
        tx_bytes_total: flow.tx_total.bytes,
        rx_calls_total: flow.rx_total.calls,
        tx_calls_total: flow.tx_total.calls,
    }
}

fn row(row: &Row, anchor: &Anchor) -> v1::Row {
    v1::Row {
        id: Some(process_id(row.facts.id)),
        flows: row.flows.iter().map(flow).collect(),
        tcp_connections: row.connections.map(|c| c.tcp),
        udp_connections: row.connections.map(|c| c.udp),
        peaks: Some(peaks(&row.peaks, anchor)),
        peaks_with_loopback: (row.peaks != row.peaks_with_loopback)
            .then(|| peaks(&row.peaks_with_loopback, anchor)),
        tcp_retransmits: row.trouble.map(|t| t.retransmits),
        tcp_resets: row.trouble.map(|t| t.resets),
        tcp_connects_failed: row.trouble.map(|t| t.failed),
    }
}

fn peaks(peaks: &Peaks, anchor: &Anchor) -> v1::Peaks {
    let time = |peak: &Peak| (peak.rate > 0).then(|| timestamp(anchor.wall(peak.time)));
    v1::Peaks {
        rx_bytes_per_s: peaks.rx.rate,
        rx_time: time(&peaks.rx),
        tx_bytes_per_s: peaks.tx.rate,
        tx_time: time(&peaks.tx),
        bytes_per_s: peaks.sum.rate,
        time: time(&peaks.sum),
    }
}

/// The parts of a list of connections, at least one, each made when it is taken. `owner`: the process
/// of a row, if it is known.
pub fn connections(
    about: TickFacts,
    rows: Vec<Arc<ConnectionRow>>,
    owner: impl Fn(ProcessId) -> Option<Arc<Facts>> + Send,
    closed_kept: (Option<u64>, usize),
    anchor: Anchor,
) -> impl Iterator<Item = v1::ListConnectionsResponse> + Send {
    let mut described = HashSet::new();
    let count = rows.len().div_ceil(PART).max(1);
    (0..count).map(move |number| {
        let rows = rows.chunks(PART).nth(number).unwrap_or_default();
        let news = rows.iter().filter(|row| described.insert(row.key.0));
        v1::ListConnectionsResponse {
            tick: Some(tick(&about, &anchor)),
            processes: news
                .filter_map(|row| Some(process(&*owner(row.key.0)?, &anchor)))
                .collect(),
            connections: rows
                .iter()
                .map(|row| connection::connection(row, about.seq, &anchor))
                .collect(),
            last: number + 1 == count,
            closed_kept_ns: closed_kept.0,
            closed_kept: closed_kept.1 as u32,
        }
    })
}

fn process(facts: &Facts, anchor: &Anchor) -> v1::Process {
    let state = match facts.exit {
        None => v1::ProcessState::Live,
        Some(_) => v1::ProcessState::Exited,
    };
    v1::Process {
        id: Some(process_id(facts.id)),
        state: state.into(),
        start_time: Some(timestamp(anchor.wall(facts.id.start))),
        first_seen_time: Some(timestamp(anchor.wall(facts.first_seen))),
        parent_pid: Some(facts.parent),
        parent_name: Some(facts.parent_name.clone()),
        uid: facts.uid,
        name: facts.name.clone(),
        exe: facts.exe.clone(),
        args: facts.args.clone(),
        args_cut: facts.args_cut,
        cgroup: facts.cgroup.as_deref().map(str::to_owned),
        exit: facts.exit.map(|end| exit(end, anchor)),
        unit: facts
            .cgroup
            .as_ref()
            .and_then(|c| c.unit())
            .map(str::to_owned),
        container: facts.cgroup.as_ref().and_then(container),
    }
}

fn container(cgroup: &Cgroup) -> Option<v1::Container> {
    let container = cgroup.container()?;
    let runtime = match container.runtime {
        Runtime::Docker => "docker",
        Runtime::BuildKit => "buildkit",
        Runtime::Podman => "podman",
        Runtime::Containerd => "containerd",
        Runtime::CriO => "cri-o",
        Runtime::Lxc => "lxc",
        Runtime::Nspawn => "nspawn",
        Runtime::Qemu => "libvirt",
        Runtime::Unknown => "",
    };
    Some(v1::Container {
        id: container.id.clone(),
        runtime: runtime.to_owned(),
        name: cgroup.container_name(),
        pod: cgroup.place().pod.as_ref().map(|pod| pod.uid.clone()),
    })
}

/// wait(2): the low seven bits are the signal, 0 when it ended by itself; the second byte is the
/// exit code.
fn exit(exit: Exit, anchor: &Anchor) -> v1::Exit {
    let signal = exit.status.map(|status| status & 0x7f);
    v1::Exit {
        time: Some(timestamp(anchor.wall(exit.time))),
        code: exit
            .status
            .filter(|_| signal == Some(0))
            .map(|status| (status >> 8) & 0xff),
        signal: signal.filter(|signal| *signal != 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_and_signals_are_told_apart() {
        let anchor = Anchor::now();
        let cases = [
            (Some(0), (Some(0), None)),
            (Some(7 << 8), (Some(7), None)),
            (Some(9), (None, Some(9))),
            (Some(11 | 0x80), (None, Some(11))),
            (None, (None, None)),
        ];
        for (status, expected) in cases {
            let exit = exit(Exit { time: 1, status }, &anchor);
            assert_eq!((exit.code, exit.signal), expected, "{status:?}");
        }
    }

    #[test]
    fn a_snapshot_of_nobody_has_one_part_and_it_is_the_last() {
        let parts = snapshot(TickFacts::default(), Vec::new(), Vec::new(), Anchor::now());
        let parts: Vec<_> = parts.collect();
        assert_eq!(parts.len(), 1);
        assert!(parts[0].last);
    }
}
