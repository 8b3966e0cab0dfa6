//! The sample machine: six running processes and two that have ended, at 17:56:05.

use netmon_api::v1;
use netmon_api::v1::watch_traffic_response::Event;

use super::agent::Step;

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;
const GIB: u64 = 1024 * MIB;
// 2026-11-20T17:56:05Z
const NOW: i64 = 1_795_197_365;

/// Seconds after 17:56:05.
pub fn at(seconds: i64) -> Option<prost_types::Timestamp> {
    Some(prost_types::Timestamp {
        seconds: NOW + seconds,
        nanos: 0,
    })
}

/// Kind of a flow.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    Tcp4,
    Tcp6,
    Udp4,
    Local,
}

/// Bytes of a flow: within the tick and in all, received and sent.
pub fn flow(kind: Kind, tick: (u64, u64), total: (u64, u64)) -> v1::Flow {
    let (transport, family) = match kind {
        Kind::Tcp4 | Kind::Local => (v1::Transport::Tcp, v1::Family::Ipv4),
        Kind::Tcp6 => (v1::Transport::Tcp, v1::Family::Ipv6),
        Kind::Udp4 => (v1::Transport::Udp, v1::Family::Ipv4),
    };
    v1::Flow {
        transport: transport.into(),
        family: family.into(),
        loopback: matches!(kind, Kind::Local),
        rx_bytes: tick.0,
        tx_bytes: tick.1,
        rx_bytes_total: total.0,
        tx_bytes_total: total.1,
        rx_calls_total: 1,
        tx_calls_total: 1,
    }
}

/// Identity of a sample process.
pub fn id(pid: u32) -> v1::ProcessId {
    v1::ProcessId {
        pid,
        start_ns: u64::from(pid) * 1_000_000,
    }
}

/// A running sample process.
pub fn process(pid: u32, name: &str, age: i64) -> v1::Process {
    v1::Process {
        id: Some(id(pid)),
        state: v1::ProcessState::Live.into(),
        start_time: at(-age),
        first_seen_time: at(-age),
        parent_pid: Some(1),
        parent_name: Some("systemd".to_owned()),
        uid: if pid < 2000 { 0 } else { 64001 },
        name: name.to_owned(),
        exe: Some(format!("/usr/bin/{name}")),
        args: vec![name.to_owned(), "-x".to_owned(), "a b".to_owned()],
        args_cut: false,
        cgroup: Some(format!("/system.slice/{name}.service")),
        unit: Some(format!("{name}.service")),
        exit: None,
        ..v1::Process::default()
    }
}

fn row(pid: u32, conns: u32, peak: u64, flows: Vec<v1::Flow>) -> v1::Row {
    v1::Row {
        id: Some(id(pid)),
        flows,
        tcp_connections: Some(conns),
        udp_connections: Some(0),
        peaks: Some(v1::Peaks {
            rx_bytes_per_s: peak,
            rx_time: at(-32),
            tx_bytes_per_s: peak / 2,
            tx_time: at(-32),
            bytes_per_s: peak,
            time: at(-32),
        }),
        peaks_with_loopback: None,
        tcp_retransmits: Some(u64::from(conns) / 4),
        tcp_resets: Some(0),
        tcp_connects_failed: Some(0),
    }
}

fn ended(process: v1::Process, exit: v1::Exit) -> v1::Process {
    v1::Process {
        state: v1::ProcessState::Exited.into(),
        exit: Some(exit),
        ..process
    }
}

/// The end of a process by itself.
pub fn code(seconds: i64, code: i32) -> v1::Exit {
    v1::Exit {
        time: at(seconds),
        code: Some(code),
        signal: None,
    }
}

/// A process as it is after its end.
pub fn end(pid: u32, name: &str, age: i64, exit: v1::Exit) -> v1::Process {
    ended(process(pid, name, age), exit)
}

/// Everything the agent knows at 17:56:05.
pub fn snapshot() -> v1::Snapshot {
    let killed = v1::Exit {
        time: at(-44),
        code: None,
        signal: Some(9),
    };
    let known = [
        (
            process(21934, "curl", 187),
            row(
                21934,
                1,
                48 * MIB,
                vec![flow(
                    Kind::Tcp4,
                    (9_332_326, 62_464),
                    (2_418_018_304, 62_325_309),
                )],
            ),
        ),
        (
            process(1187, "nginx", 273_600),
            row(
                1187,
                64,
                9_856_614,
                vec![
                    flow(Kind::Tcp4, (1_000_000, 3_000_000), (4 * GIB, 12 * GIB)),
                    flow(Kind::Tcp6, (268_777, 795_845), (GIB, GIB)),
                    flow(Kind::Local, (70_000, 80_000), (7 * MIB, 8 * MIB)),
                ],
            ),
        ),
        (
            process(744, "systemd-resolve", 273_600),
            row(
                744,
                4,
                65_536,
                vec![flow(Kind::Udp4, (1556, 980), (10 * MIB, 8 * MIB))],
            ),
        ),
        (
            process(602, "chronyd", 273_600),
            row(
                602,
                2,
                140,
                vec![flow(Kind::Udp4, (0, 0), (50_000, 48_304))],
            ),
        ),
        (
            process(3003, "a\u{1b}[31mb\u{202e}c", 60),
            row(3003, 0, 100, vec![flow(Kind::Tcp4, (1, 2), (3, 4))]),
        ),
        (
            process(3004, "网络监控", 60),
            row(3004, 0, 100, vec![flow(Kind::Tcp4, (0, 1), (0, 1))]),
        ),
        (
            end(29881, "wget", 257, code(-127, 0)),
            row(
                29881,
                0,
                40 * MIB,
                vec![flow(Kind::Tcp4, (0, 0), (1_546_188_226, 9_542_041))],
            ),
        ),
        (
            ended(process(31702, "npm install", 79), killed),
            row(
                31702,
                0,
                20 * MIB,
                vec![flow(Kind::Tcp6, (0, 0), (212 * MIB, 3 * MIB))],
            ),
        ),
    ];
    let (processes, rows): (Vec<_>, Vec<v1::Row>) = known.into_iter().unzip();
    let mut tick = tick(600, 0);
    tick.flows = sums(&rows);
    v1::Snapshot {
        tick: Some(tick),
        processes,
        rows,
        last: true,
        ..v1::Snapshot::default()
    }
}

/// A tick of one second that ends `seconds` after 17:56:05.
pub fn tick(seq: u64, seconds: i64) -> v1::Tick {
    v1::Tick {
        seq,
        end_time: at(seconds),
        length_ns: 1_000_000_000,
        flows: Vec::new(),
        unattributed_rx_bytes: 0,
        unattributed_tx_bytes: 0,
        unattributed_rx_bytes_total: 0,
        unattributed_tx_bytes_total: 0,
        processes: 6,
        processes_active: 5,
        tcp_connections: Some(71),
        udp_connections: Some(0),
        lower_bound: false,
        merged: 1,
    }
}

/// `curl` alone moves `bytes` in a second.
pub fn update(seq: u64, seconds: i64, bytes: u64, total: u64) -> v1::Update {
    let flows = vec![flow(Kind::Tcp4, (bytes, 0), (total, 62_325_309))];
    let before = snapshot();
    let mut host = before.tick.map(|tick| tick.flows).unwrap_or_default();
    host.truncate(1);
    host[0].rx_bytes_total += total - before.rows[0].flows[0].rx_bytes_total;
    (host[0].rx_bytes, host[0].tx_bytes) = (bytes, 0);
    v1::Update {
        tick: Some(v1::Tick {
            flows: host,
            ..tick(seq, seconds)
        }),
        processes: Vec::new(),
        rows: vec![v1::Row {
            peaks: None,
            ..row(21934, 1, 0, flows)
        }],
        forgotten: Vec::new(),
        ..v1::Update::default()
    }
}

/// The snapshot, two ticks and then nothing.
pub fn three_ticks() -> Vec<Step> {
    vec![
        Step::event(Event::Snapshot(snapshot())),
        Step::event(Event::Update(update(601, 1, 1_000_000, 2_419_018_304))),
        Step::event(Event::Update(update(602, 2, 2_000_000, 2_421_018_304))),
        Step::Idle,
    ]
}

/// The part of `snapshot` that `filter` leaves.
pub fn select(snapshot: &v1::Snapshot, filter: &v1::Filter) -> v1::Snapshot {
    let held = |process: &v1::Process| {
        let pid = process.id.map(|id| id.pid).unwrap_or_default();
        (filter.pids.is_empty() || filter.pids.contains(&pid))
            && (filter.states.is_empty() || filter.states.contains(&process.state))
            && (filter.uids.is_empty() || filter.uids.contains(&process.uid))
            && (filter.names.is_empty() || filter.names.contains(&process.name))
    };
    let (processes, rows) = snapshot
        .processes
        .iter()
        .cloned()
        .zip(snapshot.rows.iter().cloned())
        .filter(|(process, _)| held(process))
        .unzip();
    v1::Snapshot {
        processes,
        rows,
        ..snapshot.clone()
    }
}

fn sums(rows: &[v1::Row]) -> Vec<v1::Flow> {
    let mut sums: Vec<v1::Flow> = Vec::new();
    for flow in rows.iter().flat_map(|row| &row.flows) {
        let same = |sum: &&mut v1::Flow| {
            (sum.transport, sum.family, sum.loopback)
                == (flow.transport, flow.family, flow.loopback)
        };
        match sums.iter_mut().find(same) {
            Some(sum) => {
                sum.rx_bytes += flow.rx_bytes;
                sum.tx_bytes += flow.tx_bytes;
                sum.rx_bytes_total += flow.rx_bytes_total;
                sum.tx_bytes_total += flow.tx_bytes_total;
            }
            None => sums.push(*flow),
        }
    }
    sums
}
