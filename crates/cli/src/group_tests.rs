use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;
use netmon_api::filter::Filter;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;

use super::*;
use crate::group::narrow::narrow;
use crate::row::connection::Endpoint;
use crate::row::Bytes;
use crate::row::Container;
use crate::row::Extent;
use crate::row::Facts;
use crate::row::Peaks;
use crate::row::Sample;
use crate::row::TcpHealth;

const WORDS: [GroupChoice; 12] = [
    GroupChoice::Process,
    GroupChoice::Name,
    GroupChoice::User,
    GroupChoice::Unit,
    GroupChoice::Cgroup,
    GroupChoice::Container,
    GroupChoice::Proto,
    GroupChoice::Family,
    GroupChoice::State,
    GroupChoice::Remote,
    GroupChoice::Port,
    GroupChoice::Interface,
];

fn counter() -> impl Strategy<Value = Counter> {
    let bytes = || (0_u64..1 << 40, 0_u64..1 << 40).prop_map(|(rx, tx)| Bytes { rx, tx });
    (bytes(), bytes()).prop_map(|(tick, total)| Counter { tick, total })
}

fn flows() -> impl Strategy<Value = Flows> {
    vec(counter(), 8).prop_map(|cells| {
        let side = |at: usize| [[cells[at], cells[at + 1]], [cells[at + 2], cells[at + 3]]];
        Flows {
            external: side(0),
            loopback: side(4),
        }
    })
}

fn row(pid: u32) -> impl Strategy<Value = ProcessRow> {
    let few = || option::of("[ab]");
    (
        flows(),
        "[ab]",
        0_u32..3,
        few(),
        few(),
        few(),
        any::<bool>(),
        0_u32..9,
    )
        .prop_map(
            move |(flows, name, uid, unit, cgroup, container, live, sockets)| ProcessRow {
                facts: Arc::new(Facts {
                    id: ProcessId { pid, start_ns: 1 },
                    state: if live { State::Live } else { State::Exited },
                    start_time: Timestamp::UNIX_EPOCH,
                    first_seen: Timestamp::UNIX_EPOCH,
                    parent_pid: None,
                    parent_name: None,
                    uid,
                    user: None,
                    name,
                    exe: None,
                    args: Vec::new(),
                    cgroup,
                    unit,
                    container: container.map(|id| Container { id, name: None }),
                    exit: None,
                }),
                flows,
                tcp_connections: Some(sockets),
                udp_connections: Some(0),
                peaks: Peaks::default(),
                peaks_with_loopback: Peaks::default(),
                health: TcpHealth::default(),
            },
        )
}

// A part of some process's bytes of one kind, with ends.
fn connection() -> impl Strategy<Value = (usize, u64, Connection)> {
    let end = || {
        option::of((0_u8..3, 1_u16..4).prop_map(|(host, port)| Endpoint {
            address: IpAddr::from([10, 0, 0, host]),
            port,
        }))
    };
    let kind = (any::<bool>(), any::<bool>(), any::<bool>());
    (
        0_usize..4,
        0_u64..4,
        kind,
        end(),
        end(),
        option::of("[ew]"),
        any::<u64>(),
    )
        .prop_map(
            |(process, part, (tcp, v4, loopback), local, remote, interface, id)| {
                let connection = Connection {
                    id,
                    process: ProcessId {
                        pid: 0,
                        start_ns: 1,
                    },
                    transport: if tcp { Transport::Tcp } else { Transport::Udp },
                    family: if v4 { Family::V4 } else { Family::V6 },
                    loopback,
                    state: None,
                    local,
                    remote,
                    interface,
                    opened: None,
                    closed: None,
                    counter: Counter::default(),
                    health: None,
                    folded: None,
                };
                (process, part, connection)
            },
        )
}

fn some() -> impl Strategy<Value = (Vec<ProcessRow>, Vec<Connection>)> {
    let rows = (row(1), row(2), row(3), row(4));
    (rows, vec(connection(), 0..12)).prop_map(|((a, b, c, d), parts)| {
        let rows = vec![a, b, c, d];
        let mut left: Vec<Flows> = rows.iter().map(|row| row.flows).collect();
        let mut connections = Vec::new();
        for (process, part, mut connection) in parts {
            let side = if connection.loopback {
                &mut left[process].loopback
            } else {
                &mut left[process].external
            };
            let cell = &mut side[connection.transport as usize][connection.family as usize];
            // Read a moment later, it may have more than the process; or be told of another kind.
            let piece = |bytes: Bytes| match part {
                0 => Bytes {
                    rx: bytes.rx + 1_000,
                    tx: bytes.tx * 2,
                },
                part => Bytes {
                    rx: bytes.rx / part,
                    tx: bytes.tx / part,
                },
            };
            connection.counter = Counter {
                tick: piece(cell.tick),
                total: piece(cell.total),
            };
            *cell = cell.less(connection.counter);
            connection.loopback ^= part == 3;
            connection.process = rows[process].facts.id;
            connections.push(connection);
        }
        (rows, connections)
    })
}

fn together<'a>(flows: impl Iterator<Item = &'a Flows>) -> Flows {
    let mut sum = Flows::default();
    flows.for_each(|flows| sum.plus(flows));
    sum
}

proptest! {
    #[test]
    fn groups_have_what_the_processes_have((rows, connections) in some()) {
        let whole = together(rows.iter().map(|row| &row.flows));
        for by in WORDS {
            let groups = group(by, rows.iter(), &connections);
            let sum = together(groups.iter().map(|group| &group.flows));
            prop_assert_eq!(sum, whole, "{:?}", by);
            let names: BTreeSet<_> = groups.iter().map(|group| &group.name).collect();
            prop_assert_eq!(names.len(), groups.len(), "{:?}", by);
        }
    }

    #[test]
    fn narrowed_numbers_are_those_of_the_connections((rows, connections) in some()) {
        let mut sample = Sample {
            seq: 1,
            time: Timestamp::UNIX_EPOCH,
            length: None,
            merged: 1,
            extent: Extent::All,
            flows: Flows::default(),
            unattributed: Counter::default(),
            processes: 4,
            processes_active: 4,
            tcp_connections: None,
            udp_connections: None,
            lower_bound: false,
            rows,
            connections,
        };
        let mut expected = Flows::default();
        for connection in &sample.connections {
            if connection.interface.as_deref() == Some("e") {
                connection.add_to(&mut expected);
            }
        }
        narrow(&mut sample, &Filter::parse("iface:e").unwrap());
        prop_assert_eq!(together(sample.rows.iter().map(|row| &row.flows)), expected);
        prop_assert!(sample.connections.iter().all(|c| c.interface.as_deref() == Some("e")));
        prop_assert!(!sample.lower_bound);
    }
}

fn groups_of(by: GroupChoice, parts: Vec<Connection>) -> Vec<Option<String>> {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let row = row(1).new_tree(&mut runner).unwrap().current();
    let row = ProcessRow {
        flows: Flows::default(),
        ..row
    };
    let groups = group(by, [&row].into_iter(), &parts);
    groups.into_iter().map(|group| group.name).collect()
}

#[test]
fn words_about_connections_name_their_ends() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (_, _, some) = connection().new_tree(&mut runner).unwrap().current();
    let end = |port| {
        Some(Endpoint {
            address: IpAddr::from([10, 0, 0, 1]),
            port,
        })
    };
    let one = Connection {
        process: ProcessId {
            pid: 1,
            start_ns: 1,
        },
        local: end(50_000),
        remote: end(443),
        interface: Some("eth0".to_owned()),
        ..some
    };
    let name = |text: &str| vec![Some(text.to_owned())];
    for (by, expected) in [
        (GroupChoice::Remote, name("10.0.0.1")),
        (GroupChoice::Port, name("443")),
        (GroupChoice::Interface, name("eth0")),
    ] {
        assert_eq!(groups_of(by, vec![one.clone()]), expected, "{by:?}");
    }
    let none = Connection {
        local: None,
        remote: None,
        interface: None,
        ..one
    };
    for by in [
        GroupChoice::Remote,
        GroupChoice::Port,
        GroupChoice::Interface,
    ] {
        assert_eq!(groups_of(by, vec![none.clone()]), [None], "{by:?}");
    }
}
