//! Sample data for tests: the host web-01 with its twelve running and seven ended processes.

pub mod facts;
pub mod hands;
pub mod history;
pub mod sockets;

use std::time::Duration;

use jiff::Timestamp;

use super::action::Action;
use super::action::Clock;
use super::bindings::Bindings;
use super::layout::Size;
use super::model::filtering::Filtering;
use super::model::heights::Heights;
use super::model::recall::Recall;
use super::model::screen::Pane;
use super::model::screen::Screen;
use super::model::settings::Settings;
use super::model::sort::Sort;
use super::model::tick::Changes;
use super::model::tick::Connections;
use super::model::tick::Origin;
use super::model::tick::Quality;
use super::model::tick::Tick;
use super::model::Coverage;
use super::model::Effect;
use super::model::Model;
use super::model::Opening;
use crate::row::Bytes;
use crate::row::Counter;
use crate::row::Exit;
use crate::row::Extent;
use crate::row::Facts;
use crate::row::Flows;
use crate::row::Peaks;
use crate::row::ProcessId;
use crate::row::ProcessRow;
use crate::row::Sample;
use crate::row::Scope;
use crate::row::State;
use crate::row::TcpHealth;
use crate::session::agent::Agent;
use crate::session::agent::History;
use crate::session::agent::Hook;
use crate::session::agent::Load;
use crate::session::agent::Map;
use crate::session::capabilities::Capability;
use crate::session::watch::Details;
use crate::session::watch::Event;
use crate::units::time::TimeFormat;

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

/// Number of the sample at 17:56:05.
pub const NOW: u64 = 600;

/// The end of a tick; tick [`NOW`] ends at 17:56:05.
pub fn time(seq: u64) -> Timestamp {
    let now: Timestamp = "2026-11-20T17:56:05Z".parse().unwrap();
    let seconds = i64::try_from(seq).unwrap() - i64::try_from(NOW).unwrap();
    Timestamp::from_second(now.as_second() + seconds).unwrap()
}

/// A tick without traffic.
pub fn tick(seq: usize) -> Tick {
    Tick {
        seq: seq as u64,
        time: time(seq as u64),
        length: Some(Duration::from_secs(1)),
        quality: Quality::Exact,
        origin: Origin::Watched,
        host: Some(Flows::default()),
        shown: Flows::default(),
        unattributed: Bytes::default(),
        unattributed_total: Some(Bytes::default()),
        processes: Some(0),
        active: Some(0),
        connections: Connections::default(),
        changes: Changes::default(),
        heights: Heights::default(),
    }
}

/// An agent that counts everything.
pub fn agent() -> Agent {
    let names = [
        "tcp_rx",
        "tcp_tx",
        "udp_rx",
        "udp_tx",
        "ipv6",
        "loopback",
        "exit",
        "connections",
        "connection_details",
    ];
    let capability = |name: &str| Capability {
        name: name.to_owned(),
        available: true,
        reason: None,
    };
    let hook = |target: &str, refused: Option<&str>| Hook {
        target: target.to_owned(),
        kind: "tracepoint".to_owned(),
        purpose: "counting".to_owned(),
        refused: refused.map(str::to_owned),
        missed: Some(0),
        program_id: Some(17),
    };
    Agent {
        trace_points: Vec::new(),
        version: "0.1.0".to_owned(),
        api: "1.0".to_owned(),
        instance: "a".to_owned(),
        host: "web-01".to_owned(),
        pid: 702,
        started: Some("2026-11-17T13:40:11Z".parse().unwrap()),
        now: Some(time(NOW)),
        tick: Duration::from_secs(1),
        kernel: "6.18.0".to_owned(),
        machine: "x86_64".to_owned(),
        hook_set: "tracepoint".to_owned(),
        hooks: vec![
            hook("sock:sock_send_length", None),
            hook("sock:sock_recv_length", None),
            hook("tcp:tcp_rcv_space_adjust", None),
        ],
        capabilities: names.into_iter().map(capability).collect(),
        pin_directory: Some("/sys/fs/bpf/netmon/1".to_owned()),
        counting_since: Some("2026-11-17T13:40:12Z".parse().unwrap()),
        restarts: 1,
        maps: vec![Map {
            name: "processes".to_owned(),
            entries: 412,
            capacity: 16384,
        }],
        losses: vec![("process_map_full".to_owned(), 0)],
        load: Load {
            cpu_fraction: 0.003,
            rss_bytes: 14 * MIB,
            viewers: 2,
            ticks: 1000,
            ticks_late: 0,
            samples_merged: 0,
        },
        exited: (7, 4096),
        exited_oldest: Some(time(NOW - 303)),
        history: History::default(),
    }
}

/// A process: pid, user, name, sockets, bytes of the tick, peak and total.
pub struct Process(
    pub u32,
    pub &'static str,
    pub &'static str,
    pub u32,
    pub u64,
    pub u64,
    pub u64,
    pub u64,
);

/// The running processes of the sample host.
pub const LIVE: [Process; 12] = [
    Process(
        21934,
        "alice",
        "curl",
        1,
        9_332_327,
        62_464,
        50_436_506,
        2_480_343_614,
    ),
    Process(
        1187,
        "www-data",
        "nginx",
        64,
        1_268_777,
        3_795_845,
        9_856_614,
        19_756_849_562,
    ),
    Process(
        2863,
        "postgres",
        "postgres",
        12,
        412 * KIB,
        1_184_891,
        6_501_171,
        10_597_832_000,
    ),
    Process(
        5120,
        "alice",
        "firefox",
        31,
        644 * KIB,
        38 * KIB,
        23_802_675,
        1_116_691_497,
    ),
    Process(
        30466,
        "deploy",
        "node",
        23,
        99_226,
        148 * KIB,
        1_992_294,
        804 * MIB,
    ),
    Process(
        1530,
        "root",
        "tailscaled",
        3,
        21_914,
        24_371,
        3_250_586,
        512 * MIB,
    ),
    Process(
        744,
        "systemd-resolve",
        "systemd-resolve",
        4,
        1556,
        980,
        64 * KIB,
        19_084_083,
    ),
    Process(911, "root", "sshd", 2, 620, 3492, 890 * KIB, 81_369_498),
    Process(31877, "alice", "git", 1, 310, 402, 5_767_168, 12_687_770),
    Process(602, "_chrony", "chronyd", 2, 0, 0, 140, 96 * KIB),
    Process(
        2210,
        "grafana",
        "grafana",
        5,
        0,
        0,
        2_306_867,
        2_061_584_302,
    ),
    Process(688, "root", "dockerd", 1, 0, 0, 31 * MIB, 3_543_348_019),
];

/// A row of a running process.
pub fn row(process: &Process) -> ProcessRow {
    let Process(pid, user, name, sockets, rx, tx, peak, total) = *process;
    let mut flows = Flows::default();
    flows.external[0][0] = Counter {
        tick: Bytes { rx, tx },
        total: Bytes {
            rx: total / 2,
            tx: total - total / 2,
        },
    };
    let peaks = Peaks {
        rx_per_s: peak / 2,
        tx_per_s: peak / 2,
        sum_per_s: peak,
        time: Some(time(NOW - 400)),
    };
    let mut row = ProcessRow {
        facts: Facts {
            id: ProcessId {
                pid,
                start_ns: u64::from(pid) * 1000,
            },
            state: State::Live,
            start_time: time(0),
            first_seen: time(0),
            parent_pid: Some(1),
            parent_name: None,
            uid: 1000,
            user: Some(user.to_owned()),
            name: name.to_owned(),
            exe: None,
            args: vec![name.to_owned(), "--serve".to_owned()],
            cgroup: None,
            unit: None,
            container: None,
            exit: None,
        },
        flows,
        tcp_connections: Some(sockets),
        udp_connections: Some(0),
        peaks,
        peaks_with_loopback: peaks,
        health: TcpHealth::default(),
    };
    facts::describe(&mut row.facts);
    row
}

/// The ended processes of the sample host: name, bytes, seconds before now, milliseconds of life.
pub fn exited() -> Vec<ProcessRow> {
    [
        (
            29881,
            "alice",
            "wget",
            1_546_188_227,
            9_542_042,
            127,
            130_000,
            Ok(0),
        ),
        (
            31702,
            "deploy",
            "npm install",
            212 * MIB,
            3_460_301,
            44,
            35_000,
            Ok(0),
        ),
        (
            31790,
            "root",
            "apt-get",
            88_185_242,
            1_258_291,
            25,
            11_000,
            Ok(100),
        ),
        (
            30901,
            "ci",
            "rsync",
            1_992_294,
            77 * MIB,
            303,
            15_000,
            Ok(0),
        ),
        (
            31455,
            "ci",
            "python3",
            6_501_171,
            402 * KIB,
            95,
            21_000,
            Err(9),
        ),
        (
            31868,
            "www-data",
            "php-fpm8.2",
            212 * KIB,
            3_250_586,
            14,
            3000,
            Ok(0),
        ),
        (31871, "alice", "curl", 41 * KIB, 2253, 13, 400, Ok(7)),
    ]
    .into_iter()
    .map(|(pid, user, name, rx, tx, ago, lived, end)| {
        let mut row = row(&Process(pid, user, name, 0, 0, 0, 2_936_012, 0));
        row.flows.external[0][0].total = Bytes { rx, tx };
        let time = time(NOW - ago);
        row.facts.start_time = time - jiff::SignedDuration::from_millis(lived);
        row.facts.first_seen = row.facts.start_time;
        row.facts.state = State::Exited;
        row.facts.exit = Some(Exit {
            time,
            code: end.ok(),
            signal: end.err(),
        });
        row
    })
    .collect()
}

/// A sample with these rows; the sums are theirs.
pub fn sample(seq: u64, rows: Vec<ProcessRow>) -> Sample {
    let mut flows = Flows::default();
    let live = rows.iter().filter(|row| row.facts.state == State::Live);
    for row in live.clone() {
        flows.add_ticks(&row.flows);
    }
    let active = live
        .clone()
        .filter(|row| row.flows.sum(Scope::default()).tick != Bytes::default());
    Sample {
        seq,
        time: time(seq),
        length: Some(Duration::from_secs(1)),
        merged: 1,
        extent: Extent::All,
        flows,
        unattributed: Counter::default(),
        processes: u32::try_from(live.clone().count()).unwrap(),
        processes_active: u32::try_from(active.count()).unwrap(),
        tcp_connections: Some(
            live.filter_map(|row| row.tcp_connections)
                .fold(0, u32::saturating_add),
        ),
        udp_connections: Some(0),
        lower_bound: false,
        rows,
        connections: Vec::new(),
    }
}

/// The sample of one second of the sample host. Before [`NOW`] the rates are other ones, with a
/// burst of curl at 17:55:33.
pub fn web01(seq: u64) -> Sample {
    let factor = match seq {
        NOW => 100,
        seq => 60 + seq * 37 % 47,
    };
    let mut rows: Vec<_> = LIVE.iter().map(row).collect();
    for (at, row) in rows.iter_mut().enumerate() {
        let cell = &mut row.flows.external[0][0];
        let wave = if at == 8 { factor / 3 } else { factor };
        cell.tick.rx = cell.tick.rx * wave / 100;
        cell.tick.tx = cell.tick.tx * (wave + seq % 7) / 100;
        // Totals go on for ever after the frame's second, and up to it before.
        let left = NOW.saturating_sub(seq);
        let later = |tick: u64| tick * left;
        cell.total.rx = cell
            .total
            .rx
            .saturating_sub(later(LIVE[at].4).min(cell.total.rx / 2));
        cell.total.tx = cell
            .total
            .tx
            .saturating_sub(later(LIVE[at].5).min(cell.total.tx / 2));
    }
    match seq {
        NOW => {
            for (row, process) in rows.iter_mut().zip(&LIVE) {
                row.flows.external[0][0].tick = Bytes {
                    rx: process.4,
                    tx: process.5,
                };
            }
        }
        568 => rows[0].flows.external[0][0].tick.rx = 46 * MIB,
        577 => rows[1].flows.external[0][0].tick.tx = 8 * MIB,
        _ => {}
    }
    sockets::sort_out(&mut rows);
    rows.extend(exited());
    let mut sample = sample(seq, rows);
    sample.connections = sockets::of(&sample.rows, sample.time);
    sample
}

/// A model of the given size that has seen the same ticks, the last forty with connections.
pub fn watched(width: u16, height: u16) -> Model {
    let mut model = empty(width, height);
    for seq in NOW - 120..=NOW {
        if seq == NOW - 40 {
            model.apply(Action::Feed(Event::Details {
                details: Details::Connections,
                again: None,
            }));
        }
        feed(&mut model, web01(seq));
    }
    model
}

/// A model of the given size that has seen the ticks of the sample host up to now.
pub fn model(width: u16, height: u16) -> Model {
    let mut model = empty(width, height);
    for seq in NOW - 120..=NOW {
        feed(&mut model, web01(seq));
    }
    model
}

/// A model of the given size that has seen nothing.
pub fn empty(width: u16, height: u16) -> Model {
    let mut model = Model::new(opening(NOW - 121));
    model.apply(Action::Resize(Size { width, height }));
    model
}

/// What a viewer starts with that is started at a tick.
pub fn opening(seq: u64) -> Opening {
    Opening {
        screen: Screen::List(Pane::Live),
        sort: Sort::default(),
        settings: Settings {
            time: TimeFormat::Utc,
            ..Settings::default()
        },
        coverage: Coverage::Everything,
        interval: Duration::from_secs(1),
        agent: agent(),
        clock: clock(seq),
        socket: "/run/netmon/agent.sock".to_owned(),
        recall: Recall::new(Duration::from_secs(600), None, None),
        bindings: Bindings::default(),
        warnings: Vec::new(),
        filtering: Filtering::default(),
        narrow: None,
        shape: crate::top::model::outline::Shape::Flat,
    }
}

/// The time of the viewer at the end of a tick.
pub fn clock(seq: u64) -> Clock {
    Clock {
        wall: time(seq),
        running: Duration::from_secs(seq),
    }
}

/// Lets a sample arrive in time.
pub fn feed(model: &mut Model, sample: Sample) -> Effect {
    model.apply(Action::Clock(clock(sample.seq)));
    model.apply(Action::Feed(Event::Sample(Box::new(sample))))
}
