use std::collections::BTreeMap;

use netmon_bpf::traffic::ConnectionState;
use netmon_bpf::traffic::TcpHealth;
use netmon_bpf::traffic::Transport;
use proptest::prelude::*;

use super::*;
use crate::connection::FOLDED;

const SECOND: u64 = 1_000_000_000;

fn process(pid: u32) -> ProcessId {
    ProcessId { pid, start: 1 }
}

/// A connection of a process that was opened at second `opened`; 0: before the counters looked.
pub(crate) fn reading(pid: u32, id: u64, (rx, tx): (u64, u64), opened: u64) -> ConnectionReading {
    ConnectionReading {
        id,
        process: process(pid),
        shared: false,
        transport: Transport::Tcp,
        loopback: false,
        state: ConnectionState::Established,
        local: "10.0.0.1:80".parse().unwrap(),
        remote: Some("10.0.0.2:4711".parse().unwrap()),
        namespace: 1,
        interface: 2,
        opened: (opened > 0).then_some(opened * SECOND),
        rx: Flow {
            bytes: rx,
            calls: 1,
        },
        tx: Flow {
            bytes: tx,
            calls: 1,
        },
        tcp: Some(TcpHealth::default()),
    }
}

fn closed(reading: ConnectionReading, second: u64) -> ClosedConnection {
    ClosedConnection {
        connection: reading,
        closed: second * SECOND,
    }
}

fn tick(seq: u64) -> Tick {
    Tick {
        seq,
        time: seq * SECOND,
        before: (seq > 1).then(|| (seq - 1) * SECOND),
    }
}

fn told(open: Vec<ConnectionReading>, closed: Vec<ClosedConnection>) -> Told {
    Told {
        open: Some(open),
        vanished: None,
        closed,
        interfaces: [((1, 2), "eth0".into())].into(),
    }
}

/// Every process is kept, and nobody says what it has moved.
struct Known;

impl Processes for Known {
    fn has(&self, _: ProcessId) -> bool {
        true
    }

    fn moved(&self, _: ProcessId) -> Option<Moved> {
        None
    }
}

fn table(open: usize, closed: usize) -> Connections {
    Connections::new(Limits {
        open,
        closed,
        closed_for: Duration::from_secs(10),
    })
}

/// The ids and bytes within the tick of what is news.
fn moved(news: &ConnectionNews) -> Vec<(u64, u64, u64)> {
    let mut rows: Vec<_> = news
        .rows
        .iter()
        .map(|row| (row.key.1, row.rx, row.tx))
        .collect();
    rows.sort_unstable();
    rows
}

#[test]
fn an_older_connection_has_totals_first_and_bytes_from_then_on() {
    let mut table = table(10, 10);
    let first = table.apply(
        told(vec![reading(7, 5, (100, 50), 0)], vec![]),
        tick(1),
        &Known,
    );
    assert_eq!(moved(&first.unwrap()), [(5, 0, 0)]);
    let open = vec![reading(7, 5, (130, 50), 0), reading(7, 6, (1, 2), 2)];
    let second = table.apply(told(open, vec![]), tick(2), &Known).unwrap();
    assert_eq!(moved(&second), [(5, 30, 0), (6, 1, 2)]);
    let socket = second.rows[0].socket().unwrap();
    assert_eq!(socket.interface.as_deref(), Some("eth0"));
    let same = vec![reading(7, 5, (130, 50), 0), reading(7, 6, (1, 2), 2)];
    let third = table.apply(told(same, vec![]), tick(3), &Known).unwrap();
    assert!(third.rows.is_empty(), "idle ones are not told again");
}

#[test]
fn one_that_opened_while_nobody_looked_claims_no_bytes_of_this_tick() {
    let mut table = table(10, 10);
    table.apply(told(vec![], vec![]), tick(1), &Known);
    let unasked = || Told {
        open: None,
        ..Told::default()
    };
    for seq in 2..5 {
        assert!(table.apply(unasked(), tick(seq), &Known).is_none());
    }
    let open = vec![reading(7, 5, (100, 0), 3), reading(7, 6, (9, 0), 5)];
    let news = table.apply(told(open, vec![]), tick(5), &Known).unwrap();
    assert_eq!(moved(&news), [(5, 0, 0), (6, 9, 0)]);
}

#[test]
fn a_closed_one_is_kept_with_its_last_bytes_and_then_folded() {
    let mut table = table(10, 10);
    table.apply(
        told(vec![reading(7, 5, (10, 0), 0)], vec![]),
        tick(1),
        &Known,
    );
    let end = closed(reading(7, 5, (15, 3), 0), 2);
    let news = table
        .apply(told(vec![], vec![end]), tick(2), &Known)
        .unwrap();
    assert_eq!(moved(&news), [(5, 5, 3)]);
    assert_eq!(news.rows[0].socket().unwrap().closed, Some(2 * SECOND));
    assert_eq!((table.open().count(), table.closed().count()), (0, 1));
    let news = table.apply(told(vec![], vec![]), tick(13), &Known).unwrap();
    assert_eq!(news.gone, [(process(7), 5)]);
    let folded = &news.rows[0];
    assert_eq!((folded.key.1, &folded.kind), (FOLDED, &Kind::Folded(1)));
    assert_eq!(
        (folded.rx, folded.rx_total.bytes, folded.tx_total.bytes),
        (0, 15, 3)
    );
    table.forget(&[process(7)]);
    assert_eq!(table.open().count(), 0);
}

#[test]
fn the_smallest_idle_ones_are_folded() {
    let mut table = table(2, 10);
    let open = |last| {
        vec![
            reading(7, 5, (1, 0), 0),
            reading(7, 6, (900, 0), 0),
            reading(7, 7, (800, 0), 0),
            reading(7, 8, (last, 0), 0),
        ]
    };
    table.apply(told(open(2), vec![]), tick(1), &Known);
    let ids = |table: &Connections| {
        let mut ids: Vec<_> = table.open().map(|row| row.key.1).collect();
        ids.sort_unstable();
        ids
    };
    assert_eq!(ids(&table), [FOLDED, 6, 7]);
    let news = table.apply(told(open(3), vec![]), tick(2), &Known).unwrap();
    assert_eq!(ids(&table), [FOLDED, 6, 8], "small, but it moves");
    assert_eq!(moved(&news), [(FOLDED, 0, 0), (8, 1, 0)]);
    assert_eq!(news.gone, [(process(7), 7)]);
}

#[test]
fn one_that_a_walk_skips_is_not_gone_and_one_whose_end_was_lost_is_folded() {
    let mut table = table(10, 10);
    let open = || vec![reading(7, 5, (10, 0), 0)];
    table.apply(told(open(), vec![]), tick(1), &Known);
    table.apply(told(vec![], vec![]), tick(2), &Known);
    let twice = [open(), vec![reading(7, 5, (11, 0), 0)]].concat();
    let news = table.apply(told(twice, vec![]), tick(3), &Known).unwrap();
    assert!(news.rows.is_empty() && news.gone.is_empty(), "{news:?}");
    for seq in 4..4 + u64::from(MISSES) {
        table.apply(told(vec![], vec![]), tick(seq), &Known);
    }
    let kinds: Vec<_> = table.open().map(|row| row.kind.clone()).collect();
    assert_eq!(kinds, [Kind::Folded(1)]);
}

#[test]
fn trouble_outlasts_connections_and_is_told_once_for_a_shared_socket() {
    let mut table = table(10, 0);
    let bad = |pid, shared| ConnectionReading {
        shared,
        tcp: Some(TcpHealth {
            retransmits: 3,
            reset: true,
            ..TcpHealth::default()
        }),
        ..reading(pid, 5, (1, 1), 0)
    };
    let both = || vec![bad(7, false), bad(8, true)];
    table.apply(told(both(), vec![]), tick(1), &Known);
    let of = |table: &Connections, pid| table.trouble().unwrap().get(&process(pid)).copied();
    let expected = Trouble {
        retransmits: 3,
        resets: 1,
        failed: 0,
    };
    assert_eq!(of(&table, 7), Some(expected));
    assert_eq!(of(&table, 8).unwrap_or_default(), Trouble::default());
    let ends = both()
        .into_iter()
        .map(|reading| closed(reading, 2))
        .collect();
    table.apply(told(vec![], ends), tick(2), &Known);
    assert_eq!(of(&table, 7), Some(expected));
    assert_eq!(table.closed_kept(0), (None, 0));
}

/// Process 7 has moved so much by TCP in this tick.
struct Has(u64, u64);

impl Processes for Has {
    fn has(&self, _: ProcessId) -> bool {
        true
    }

    fn moved(&self, process: ProcessId) -> Option<Moved> {
        Some(match process.pid {
            7 => [(self.0, self.1), (0, 0)],
            _ => Moved::default(),
        })
    }
}

#[test]
fn connections_are_not_told_ahead_of_their_process() {
    let mut table = table(10, 10);
    let open = |a, b| vec![reading(7, 5, (a, 0), 0), reading(7, 6, (b, 0), 0)];
    let mut apply = |open, closed, seq, has| {
        let news = table.apply(told(open, closed), tick(seq), &has).unwrap();
        let totals: u64 = table.open().map(|row| row.rx_total.bytes).sum();
        (moved(&news), totals)
    };
    apply(open(10, 10), vec![], 1, Has(0, 0));
    // 30 have moved since the process was read.
    let second = apply(open(110, 60), vec![], 2, Has(120, 0));
    assert_eq!(second, (vec![(5, 70, 0), (6, 50, 0)], 140));
    // They are told with the process, though nothing moves any more.
    let third = apply(open(110, 60), vec![], 3, Has(30, 0));
    assert_eq!(third, (vec![(5, 30, 0)], 170));
    // An end waits for its bytes, and no longer than to the next tick.
    let end = || vec![closed(reading(7, 5, (200, 0), 0), 4)];
    let fourth = apply(open(0, 60).split_off(1), end(), 4, Has(50, 0));
    assert_eq!(fourth, (vec![], 170));
    let fifth = apply(open(0, 61).split_off(1), vec![], 5, Has(41, 0));
    assert_eq!(fifth, (vec![(5, 90, 0), (6, 0, 0)], 60));
    let sixth = apply(open(0, 61).split_off(1), vec![], 6, Has(0, 0));
    assert_eq!(sixth, (vec![(6, 1, 0)], 61), "whatever the process says");
}

#[test]
fn changes_are_enough_to_know_all() {
    let mut table = table(10, 10);
    let open = vec![reading(7, 5, (10, 0), 0), reading(7, 6, (20, 0), 0)];
    table.apply(told(open, vec![]), tick(1), &Known);
    let changes = |open, vanished: &[u64]| Told {
        vanished: Some(vanished.to_vec()),
        ..told(open, vec![])
    };
    let news = table.apply(
        changes(vec![reading(7, 6, (25, 0), 0)], &[]),
        tick(2),
        &Known,
    );
    assert_eq!(moved(&news.unwrap()), [(6, 5, 0)]);
    for seq in 3..20 {
        let news = table
            .apply(changes(vec![], &[]), tick(seq), &Known)
            .unwrap();
        assert!(news.rows.is_empty() && news.gone.is_empty());
    }
    assert_eq!(table.open().count(), 2);
    let news = table
        .apply(changes(vec![], &[5]), tick(20), &Known)
        .unwrap();
    assert_eq!(news.gone, [(process(7), 5)]);
    let kinds = table.open().filter(|row| row.kind == Kind::Folded(1));
    assert_eq!(kinds.map(|row| row.rx_total.bytes).sum::<u64>(), 10);
}

/// What may happen to connections between two readings.
#[derive(Debug, Clone)]
enum Step {
    Open(u32),
    Move(usize, u64, u64),
    Close(usize),
    /// The kernel's walk skips one.
    Skip(usize),
    Read,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => (1u32..4).prop_map(Step::Open),
        6 => (any::<usize>(), 0u64..1000, 0u64..1000).prop_map(|(n, rx, tx)| Step::Move(n, rx, tx)),
        2 => any::<usize>().prop_map(Step::Close),
        1 => any::<usize>().prop_map(Step::Skip),
        4 => Just(Step::Read),
    ]
}

proptest! {
    /// Whatever happens, and however much has to be folded, the rows of a process add up to what its
    /// connections have moved, within each tick and in all.
    #[test]
    fn rows_add_up_to_the_process(
        steps in prop::collection::vec(step(), 1..200),
        open_limit in 0usize..6,
        closed_limit in 0usize..4,
        changes: bool,
    ) {
        let mut table = table(open_limit, closed_limit);
        let mut open: Vec<ConnectionReading> = Vec::new();
        let (mut ended, mut skipped) = (Vec::new(), None);
        let mut totals: BTreeMap<u32, (u64, u64)> = BTreeMap::new();
        let (mut id, mut seq) = (1, 1);
        let mut before: Vec<ConnectionReading> = Vec::new();
        table.apply(told(vec![], vec![]), tick(1), &Known);
        let mut seen: BTreeMap<u32, (u64, u64)> = BTreeMap::new();
        for step in steps.into_iter().chain([Step::Read, Step::Read]) {
            let last = matches!(step, Step::Read);
            match step {
                Step::Open(pid) => {
                    open.push(reading(pid, id, (0, 0), seq));
                    id += 1;
                }
                Step::Move(n, rx, tx) if !open.is_empty() => {
                    let count = open.len();
                    let one = &mut open[n % count];
                    // What is skipped stands still, or its bytes belong to the next reading.
                    if skipped != Some(one.id) {
                        one.rx.bytes += rx;
                        one.tx.bytes += tx;
                        let sum = totals.entry(one.process.pid).or_default();
                        *sum = (sum.0 + rx, sum.1 + tx);
                    }
                }
                Step::Close(n) if !open.is_empty() => {
                    let one = open.swap_remove(n % open.len());
                    ended.push(closed(one, seq));
                }
                Step::Skip(n) if !open.is_empty() => {
                    let one = &open[n % open.len()];
                    // It has been read before, with all its bytes.
                    let known = table.open.get(&(one.process, one.id)).is_some_and(|open| {
                        (open.row.rx_total, open.row.tx_total) == (one.rx, one.tx)
                    });
                    skipped = known.then_some(one.id);
                }
                _ => {}
            }
            if !last {
                continue;
            }
            seq += 1;
            let listed = open.iter().filter(|one| skipped != Some(one.id));
            // Some of what has not changed may be told all the same.
            let same = |one: &&ConnectionReading| !changes || !before.contains(*one) || one.id.is_multiple_of(5);
            let listed: Vec<_> = listed.filter(same).cloned().collect();
            before = open.clone();
            let told = Told {
                vanished: changes.then(Vec::new),
                ..told(listed, std::mem::take(&mut ended))
            };
            skipped = None;
            let news = table.apply(told, tick(seq), &Known).unwrap();
            let mut deltas: BTreeMap<u32, (u64, u64)> = BTreeMap::new();
            for row in &news.rows {
                let sum = deltas.entry(row.key.0.pid).or_default();
                *sum = (sum.0 + row.rx, sum.1 + row.tx);
            }
            let mut sums: BTreeMap<u32, (u64, u64)> = BTreeMap::new();
            for row in table.open().chain(table.closed()) {
                let sum = sums.entry(row.key.0.pid).or_default();
                *sum = (sum.0 + row.rx_total.bytes, sum.1 + row.tx_total.bytes);
            }
            for (pid, total) in &totals {
                let before = seen.get(pid).copied().unwrap_or_default();
                let delta = deltas.get(pid).copied().unwrap_or_default();
                prop_assert_eq!((before.0 + delta.0, before.1 + delta.1), *total, "in tick {}", seq);
                prop_assert_eq!(sums.get(pid).copied().unwrap_or_default(), *total);
            }
            seen = totals.clone();
            prop_assert!(table.open.len() <= open_limit + 1 && table.closed.len() <= closed_limit);
        }
    }
}
