use netmon_bpf::abi::Flow;
use proptest::prelude::*;

use super::*;
use crate::process::Exit;

const SECOND: u64 = 1_000_000_000;

/// A process of no consequence; `ended`: the status it exited with.
pub(crate) fn facts(pid: u32, ended: Option<i32>) -> Facts {
    Facts {
        id: id(pid),
        first_seen: 1,
        parent: 1,
        parent_name: "init".to_owned(),
        uid: 0,
        name: format!("p{pid}"),
        exe: None,
        args: Vec::new(),
        args_cut: false,
        cgroup: None,
        exit: ended.map(|status| Exit {
            time: 5,
            status: Some(status),
        }),
    }
}

fn id(pid: u32) -> ProcessId {
    ProcessId { pid, start: 1 }
}

fn traffic(rx: u64, tx: u64) -> Traffic {
    let mut traffic = Traffic::default();
    traffic.flows[0] = Flow {
        bytes: rx,
        calls: 1,
    };
    traffic.flows[1] = Flow {
        bytes: tx,
        calls: 1,
    };
    traffic
}

fn reading(seq: u64, processes: Vec<(u32, Traffic)>) -> Reading {
    Reading {
        seq,
        time: seq * SECOND,
        processes: processes.into_iter().map(|(pid, t)| (id(pid), t)).collect(),
        ..Reading::default()
    }
}

fn with_news(mut reading: Reading, news: Vec<Facts>) -> Reading {
    reading.news = news;
    reading
}

#[test]
fn the_first_reading_has_totals_and_no_rates() {
    let mut ledger = Ledger::new(10);
    let frame = ledger.apply(with_news(
        reading(1, vec![(7, traffic(500, 20))]),
        vec![facts(7, None)],
    ));
    assert_eq!(frame.tick.length, 0);
    let row = ledger.roster().row(id(7), false).unwrap();
    assert_eq!((row.flows[0].rx, row.flows[0].rx_total.bytes), (0, 500));
    assert_eq!(row.peaks.sum.rate, 0);
    assert_eq!(frame.tick.flows[0].rx_total.bytes, 500);

    let frame = ledger.apply(reading(2, vec![(7, traffic(600, 20))]));
    assert_eq!(
        (frame.rows[0].flows[0].rx, frame.tick.length),
        (100, SECOND)
    );
    assert_eq!(frame.rows[0].peaks.rx.rate, 100);
    assert_eq!((frame.tick.active, frame.tick.processes), (1, 1));
}

#[test]
fn the_sums_of_the_machine_go_on_with_those_of_an_earlier_agent() {
    let known = |pid, rx| Known {
        facts: Arc::new(facts(pid, None)),
        totals: vec![crate::history::Sum { kind: 0, rx, tx: 0 }],
        peaks: Default::default(),
        peaks_with_loopback: Default::default(),
    };
    let mut ledger = Ledger::new(10);
    let mut totals = Totals::default();
    // 1000 are of processes that are long gone.
    totals.flows[0] = (1500, 70);
    totals.flows[3] = (9, 9);
    ledger.resume(&[known(7, 500)], Some(totals));
    // One is new, the other has moved on.
    let frame = ledger.apply(with_news(
        reading(1, vec![(7, traffic(530, 0)), (8, traffic(4, 0))]),
        vec![facts(8, None)],
    ));
    let of = |frame: &Frame, kind| {
        let flow = frame.tick.flows.iter().find(|flow| flow.kind == kind);
        flow.map(|flow| (flow.rx, flow.rx_total.bytes, flow.tx_total.bytes))
    };
    assert_eq!(of(&frame, 0), Some((34, 1534, 70)));
    assert_eq!(of(&frame, 3), Some((0, 9, 9)));
    let frame = ledger.apply(reading(2, vec![(7, traffic(531, 0)), (8, traffic(4, 0))]));
    assert_eq!(of(&frame, 0), Some((1, 1535, 70)));
}

#[test]
fn idle_processes_are_not_told_again() {
    let mut ledger = Ledger::new(10);
    let both = || vec![(7, traffic(5, 5)), (8, traffic(5, 5))];
    ledger.apply(with_news(
        reading(1, both()),
        vec![facts(7, None), facts(8, None)],
    ));
    let frame = ledger.apply(reading(2, vec![(7, traffic(6, 5)), (8, traffic(5, 5))]));
    assert_eq!(frame.rows.len(), 1);
    assert_eq!(frame.rows[0].facts.id, id(7));
}

#[test]
fn reused_pid_starts_a_new_row() {
    let mut ledger = Ledger::new(10);
    ledger.apply(with_news(
        reading(1, vec![(7, traffic(5, 5))]),
        vec![facts(7, Some(0))],
    ));
    let again = ProcessId { pid: 7, start: 99 };
    let mut second = reading(2, vec![]);
    second.processes.push((again, traffic(1, 1)));
    second.news.push(Facts {
        id: again,
        ..facts(7, None)
    });
    ledger.apply(second);
    assert_eq!(ledger.roster().rows().count(), 2);
    assert_eq!(
        ledger.roster().row(again, false).unwrap().flows[0]
            .rx_total
            .bytes,
        1
    );
}

#[test]
fn exited_processes_are_kept_up_to_the_capacity_oldest_dropped_first() {
    let mut ledger = Ledger::new(2);
    let news = (1..=3).map(|pid| facts(pid, Some(0))).collect();
    let all = (1..=3).map(|pid| (pid, traffic(10, 0))).collect();
    let frame = ledger.apply(with_news(reading(1, all), news));
    assert_eq!(frame.forgotten, [id(1)]);
    assert_eq!(ledger.roster().exited().0, 2);
    let frame = ledger.apply(reading(2, vec![]));
    assert_eq!(
        frame.tick.flows[0].rx_total.bytes, 30,
        "the machine's total does not shrink"
    );
}

#[test]
fn a_process_that_vanished_is_exited_with_an_unknown_status() {
    let mut ledger = Ledger::new(2);
    ledger.apply(with_news(
        reading(1, vec![(7, traffic(1, 1))]),
        vec![facts(7, None)],
    ));
    let mut second = reading(2, vec![(7, traffic(1, 1))]);
    second.vanished = vec![id(7), id(8)];
    let frame = ledger.apply(second);
    assert_eq!(
        frame.news.len(),
        1,
        "one that was never known stays unknown"
    );
    assert_eq!(frame.news[0].exit.unwrap().status, None);
    assert_eq!(ledger.roster().live_count(), 0);
}

#[test]
fn counters_that_run_backwards_claim_no_bytes() {
    let mut ledger = Ledger::new(2);
    ledger.apply(with_news(
        reading(1, vec![(7, traffic(100, 0))]),
        vec![facts(7, None)],
    ));
    let frame = ledger.apply(reading(2, vec![(7, traffic(40, 0))]));
    assert!(frame.rows.is_empty());
    let frame = ledger.apply(reading(3, vec![(7, traffic(41, 0))]));
    assert_eq!(frame.rows[0].flows[0].rx, 1);
}

#[test]
fn a_loss_marks_the_tick_it_was_noticed_in() {
    let mut ledger = Ledger::new(2);
    ledger.apply(reading(1, vec![]));
    let mut lossy = reading(2, vec![]);
    lossy.missed_events = 3;
    assert!(ledger.apply(lossy).tick.lower_bound);
    let mut same = reading(3, vec![]);
    same.missed_events = 3;
    assert!(!ledger.apply(same).tick.lower_bound);
}

proptest! {
    /// However a stretch of ticks is cut into frames and merged, its bytes are the same, and they
    /// are what the totals say.
    #[test]
    fn any_split_folds_to_the_whole(
        steps in prop::collection::vec((0u64..1000, 0u64..1000, 0u64..1000), 1..20),
        cut in 0usize..20,
    ) {
        let mut ledger = Ledger::new(10);
        ledger.apply(with_news(
            reading(1, vec![(7, traffic(0, 0)), (8, traffic(0, 0))]),
            vec![facts(7, None), facts(8, None)],
        ));
        let (mut a, mut b, mut c) = (0, 0, 0);
        let frames: Vec<_> = steps
            .iter()
            .zip(2..)
            .map(|((x, y, z), seq)| {
                (a, b, c) = (a + x, b + y, c + z);
                ledger.apply(reading(seq, vec![(7, traffic(a, b)), (8, traffic(c, 0))]))
            })
            .collect();
        let cut = cut.min(frames.len() - 1);
        let merge = |frames: &[Arc<Frame>]| {
            frames.iter().skip(1).fold((*frames[0]).clone(), |sum, frame| sum.merge(frame))
        };
        let whole = merge(&frames);
        let split = if cut == 0 { whole.clone() } else { merge(&frames[..cut]).merge(&merge(&frames[cut..])) };
        for merged in [&whole, &split] {
            let sum = |pid: u32| {
                let row = merged.rows.iter().find(|row| row.facts.id == id(pid));
                row.and_then(|row| row.flows.first()).map_or((0, 0), |flow| (flow.rx, flow.tx))
            };
            prop_assert_eq!(sum(7), (a, b));
            prop_assert_eq!(sum(8), (c, 0));
            let total = merged.tick.flows.first().map_or((0, 0), |flow| (flow.rx, flow.tx));
            prop_assert_eq!(total, (a + c, b));
            prop_assert_eq!(merged.tick.merged as usize, frames.len());
            prop_assert_eq!(merged.tick.length, frames.len() as u64 * SECOND);
        }
    }
}
