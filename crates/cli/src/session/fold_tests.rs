use proptest::prelude::*;

use super::*;

fn id(pid: u32) -> Option<v1::ProcessId> {
    Some(v1::ProcessId { pid, start_ns: 1 })
}

fn process(pid: u32) -> v1::Process {
    v1::Process {
        id: id(pid),
        state: v1::ProcessState::Live.into(),
        name: format!("p{pid}"),
        ..Default::default()
    }
}

fn flow(tick: u64, total: u64) -> v1::Flow {
    v1::Flow {
        transport: v1::Transport::Tcp.into(),
        family: v1::Family::Ipv4.into(),
        rx_bytes: tick,
        rx_bytes_total: total,
        ..Default::default()
    }
}

fn row(pid: u32, tick: u64, total: u64) -> v1::Row {
    v1::Row {
        id: id(pid),
        flows: vec![flow(tick, total)],
        ..Default::default()
    }
}

fn snapshot(rows: &[(u32, u64)], last: bool) -> v1::Snapshot {
    v1::Snapshot {
        tick: Some(v1::Tick::default()),
        processes: rows.iter().map(|(pid, _)| process(*pid)).collect(),
        rows: rows
            .iter()
            .map(|(pid, total)| row(*pid, 0, *total))
            .collect(),
        last,
        connections: Vec::new(),
    }
}

fn rx(sample: &Sample, pid: u32) -> Option<Counter> {
    let row = sample.rows.iter().find(|row| row.facts.id.pid == pid)?;
    Some(row.flows.external[0][0])
}

#[test]
fn a_snapshot_in_parts_is_one_sample() {
    let mut fold = Fold::default();
    assert_eq!(fold.snapshot(snapshot(&[(1, 10)], false)), None);
    let sample = fold.snapshot(snapshot(&[(2, 20)], true)).unwrap();
    assert_eq!(sample.rows.len(), 2);
}

#[test]
fn a_second_snapshot_replaces_the_first() {
    let mut fold = Fold::default();
    fold.snapshot(snapshot(&[(1, 10), (2, 20)], true));
    let sample = fold.snapshot(snapshot(&[(2, 25)], true)).unwrap();
    assert_eq!(rx(&sample, 1), None);
    assert_eq!(rx(&sample, 2).unwrap().total.rx, 25);
}

#[test]
fn a_snapshot_that_broke_off_leaves_nothing_behind() {
    let mut fold = Fold::default();
    fold.snapshot(snapshot(&[(1, 10)], false));
    fold.restart();
    let sample = fold.snapshot(snapshot(&[(2, 20)], true)).unwrap();
    assert_eq!(rx(&sample, 1), None);
}

#[test]
fn a_process_that_moved_nothing_keeps_its_total() {
    let mut fold = Fold::default();
    fold.snapshot(snapshot(&[(1, 10)], true));
    fold.update(v1::Update {
        rows: vec![row(1, 5, 15)],
        ..Default::default()
    });
    let sample = fold.update(v1::Update::default());
    let counter = rx(&sample, 1).unwrap();
    assert_eq!((counter.tick.rx, counter.total.rx), (0, 15));
}

#[test]
fn peaks_stay_when_an_update_has_none() {
    let mut fold = Fold::default();
    let mut first = snapshot(&[(1, 10)], true);
    first.rows[0].peaks = Some(v1::Peaks {
        bytes_per_s: 7,
        ..Default::default()
    });
    fold.snapshot(first);
    let sample = fold.update(v1::Update {
        rows: vec![row(1, 5, 15)],
        ..Default::default()
    });
    assert_eq!(sample.rows[0].peaks.sum_per_s, 7);
    assert_eq!(sample.rows[0].peaks_with_loopback.sum_per_s, 7);
}

#[test]
fn a_peak_with_loopback_is_never_below_one_without() {
    let mut fold = Fold::default();
    let mut first = snapshot(&[(1, 10)], true);
    let peaks = |rx, tx, sum| v1::Peaks {
        rx_bytes_per_s: rx,
        tx_bytes_per_s: tx,
        bytes_per_s: sum,
        ..Default::default()
    };
    first.rows[0].peaks = Some(peaks(5, 5, 10));
    fold.snapshot(first);
    let mut moved = row(1, 8, 18);
    moved.peaks = Some(peaks(8, 5, 10));
    let sample = fold.update(v1::Update {
        rows: vec![moved],
        ..Default::default()
    });
    assert_eq!(sample.rows[0].peaks_with_loopback, sample.rows[0].peaks);
}

#[test]
fn an_end_keeps_the_numbers() {
    let mut fold = Fold::default();
    fold.snapshot(snapshot(&[(1, 10)], true));
    let ended = v1::Process {
        exit: Some(v1::Exit {
            code: Some(0),
            ..Default::default()
        }),
        state: v1::ProcessState::Exited.into(),
        ..process(1)
    };
    let sample = fold.update(v1::Update {
        processes: vec![ended],
        ..Default::default()
    });
    assert_eq!(sample.rows[0].facts.state, crate::row::State::Exited);
    assert_eq!(rx(&sample, 1).unwrap().total.rx, 10);
}

// What may happen in a tick: bytes for some processes, then some are dropped.
type Happening = (Vec<(u32, u64)>, Vec<u32>);

fn ticks() -> impl Strategy<Value = Vec<Happening>> {
    let moved = prop::collection::vec((0_u32..6, 0_u64..1000), 0..6);
    prop::collection::vec((moved, prop::collection::vec(0_u32..6, 0..2)), 0..20)
}

proptest! {
    #[test]
    fn totals_are_the_snapshot_plus_every_tick(first in prop::collection::vec(0_u64..1000, 6),
                                               ticks in ticks()) {
        let start: Vec<(u32, u64)> = (0..).zip(first.iter().copied()).collect();
        let mut totals: HashMap<u32, u64> = start.iter().copied().collect();
        let mut sums = totals.clone();
        let mut fold = Fold::default();
        fold.snapshot(snapshot(&start, true));
        for (moved, forgotten) in ticks {
            let mut update = v1::Update::default();
            let deltas: HashMap<u32, u64> = moved.into_iter().collect();
            for (pid, delta) in &deltas {
                if let Some(total) = totals.get_mut(pid) {
                    *total += delta;
                    update.rows.push(row(*pid, *delta, *total));
                }
            }
            for pid in forgotten {
                totals.remove(&pid);
                update.forgotten.extend(id(pid));
            }
            let sample = fold.update(update);
            prop_assert_eq!(sample.rows.len(), totals.len());
            for (pid, total) in &totals {
                let counter = rx(&sample, *pid).unwrap();
                let sum = sums.get_mut(pid).unwrap();
                *sum += counter.tick.rx;
                prop_assert_eq!(counter.total.rx, *total);
                prop_assert_eq!(*sum, *total);
            }
        }
    }
}

fn connection(id: u64, tick: u64, total: u64) -> v1::Connection {
    v1::Connection {
        id,
        process: self::id(1),
        transport: v1::Transport::Tcp.into(),
        family: v1::Family::Ipv4.into(),
        rx_bytes: tick,
        rx_bytes_total: total,
        folded: (id == 0).then_some(1),
        ..v1::Connection::default()
    }
}

#[test]
fn a_connection_that_was_folded_is_told_for_the_last_time_with_its_bytes() {
    let mut fold = Fold::default();
    fold.snapshot(v1::Snapshot {
        connections: vec![connection(7, 0, 50), connection(8, 0, 60)],
        ..snapshot(&[(1, 110)], true)
    });
    let ids = |sample: &Sample| {
        let mut ids: Vec<u64> = sample.connections.iter().map(|c| c.id).collect();
        ids.sort_unstable();
        ids
    };
    let gone = |id| v1::ConnectionId {
        id,
        process: self::id(1),
    };
    let sample = fold.update(v1::Update {
        connections: vec![connection(7, 5, 55), connection(0, 0, 115)],
        connections_forgotten: vec![gone(7), gone(8), gone(9)],
        ..v1::Update::default()
    });
    assert_eq!(ids(&sample), [0, 7]);
    assert_eq!(ids(&fold.update(v1::Update::default())), [0]);
}
