//! What can be asked: order, top, idle, windows, gaps, states, clocks that are set.

use std::sync::Arc;

use netmon_agent::history::tiers;
use netmon_agent::history::AnswerRow;
use netmon_agent::history::Grouping;
use netmon_agent::history::Kinds;
use netmon_agent::history::Options;
use netmon_agent::history::Order;
use netmon_agent::history::Query;
use netmon_agent::history::Step;
use netmon_agent::history::Subject;
use netmon_agent::process::Facts;

use crate::world::open;
use crate::world::options;
use crate::world::steps;
use crate::world::World;
use crate::world::NEW_YEAR;
use crate::world::SECOND;

fn pids(step: &Step) -> Vec<u32> {
    let pid = |subject: &Subject| match subject {
        Subject::Process(_, process) => process.facts.id.pid,
        Subject::Group(name) => panic!("{name}"),
    };
    step.rows.iter().map(|row| pid(&row.subject)).collect()
}

#[test]
fn rows_come_in_order_and_only_the_first_of_the_window() {
    let (history, _) = open(&options(None, 1));
    let mut world = World::new(1);
    let moves = [
        vec![(1, 0, 100, 0), (2, 0, 0, 90), (3, 0, 30, 30)],
        vec![(1, 0, 0, 1), (4, 4, 500, 0), (3, 1, 30, 30)],
        vec![(2, 2, 5, 0)],
    ];
    for moves in moves.iter().chain([&Vec::new(); 9]) {
        let (frame, moment) = world.tick(moves, &[]);
        history.append(&frame, moment);
    }
    let ask = |order, ascending, top, kinds| {
        let query = Query {
            order,
            ascending,
            top,
            kinds,
            ..Query::default()
        };
        pids(&steps(&history, query)[0])
    };
    assert_eq!(ask(Order::Bytes, false, 0, Kinds::ALL), [4, 3, 1, 2]);
    assert_eq!(ask(Order::Bytes, true, 0, Kinds::ALL), [2, 1, 3, 4]);
    assert_eq!(ask(Order::Rx, false, 2, Kinds::EXTERNAL), [1, 3]);
    assert_eq!(ask(Order::Tx, false, 0, Kinds::EXTERNAL), [2, 3, 1]);
    assert_eq!(ask(Order::Peak, false, 0, Kinds::EXTERNAL), [1, 2, 3]);
    // The first over the window, step by step; sums are of all.
    let query = Query {
        step: SECOND,
        top: 2,
        ..Query::default()
    };
    let steps = steps(&history, query);
    let rows: Vec<Vec<u32>> = steps.iter().map(pids).collect();
    assert_eq!(rows[..3], [vec![3], vec![4, 3], vec![]]);
    assert_eq!(steps.len(), 12, "quiet ticks are ticks");
    assert_eq!(steps[0].sums[0].rx, 130);
    assert_eq!(
        (steps[0].groups, steps[2].groups, steps[3].groups),
        (3, 1, 0)
    );
    assert_eq!(steps[4].peaks.map(|peaks| peaks.sum.rate), Some(0));
}

#[test]
fn groups_count_their_processes_and_have_peaks_of_their_own() {
    let (history, _) = open(&options(None, 1));
    let mut world = World::new(1);
    // 1 and 6 have the same name.
    for moves in [
        [(1, 0, 70, 0), (6, 2, 20, 0)],
        [(1, 2, 60, 0), (6, 0, 50, 5)],
    ] {
        let (frame, moment) = world.tick(&moves, &[]);
        history.append(&frame, moment);
    }
    let name = |facts: &Facts, _| facts.name.clone();
    let query = Query {
        group: Grouping::Named(Arc::new(name)),
        ..Query::default()
    };
    let row = &steps(&history, query)[0].rows[0];
    assert!(matches!(&row.subject, Subject::Group(name) if **name == *"name1"));
    assert_eq!((row.processes, row.active), (2, Some(2 * SECOND)));
    let peaks = row.peaks.unwrap();
    assert_eq!((peaks.sum.rate, peaks.sum.time), (115, world.wall));
    assert_eq!((peaks.tx.rate, peaks.rx.rate), (5, 110));
    // By transport a process is one in each group.
    let transport = |_: &Facts, kind: u8| if kind & 2 == 0 { "tcp" } else { "udp" }.to_owned();
    let query = Query {
        group: Grouping::Named(Arc::new(transport)),
        ..Query::default()
    };
    let step = &steps(&history, query)[0];
    let counted: Vec<u32> = step.rows.iter().map(|row| row.processes).collect();
    assert_eq!(counted, [2, 2]);
}

#[test]
fn the_idle_are_those_alive_at_the_end_of_the_window() {
    let directory = tempfile::tempdir().unwrap();
    let (history, _) = open(&options(Some(directory.path()), 1));
    let mut world = World::new(1);
    let (frame, moment) = world.tick(&[(1, 0, 7, 0), (2, 0, 1, 1), (3, 0, 1, 1)], &[]);
    history.append(&frame, moment);
    for n in 0..40 {
        let ends: &[u32] = if n == 30 { &[2] } else { &[] };
        let (frame, moment) = world.tick(&[(3, 0, 1, 1)], ends);
        history.append(&frame, moment);
    }
    let ask = |since: u64, until: u64| {
        let query = Query {
            since: Some(NEW_YEAR + since * SECOND),
            until: Some(NEW_YEAR + until * SECOND),
            idle: true,
            ..Query::default()
        };
        let step = steps(&history, query).remove(0);
        let totals = step.rows.iter().map(|row| row.totals[0].rx).collect();
        let pids = pids(&step);
        pids.into_iter().zip::<Vec<u64>>(totals).collect::<Vec<_>>()
    };
    assert_eq!(ask(10, 20), [(3, 20), (1, 7), (2, 1)]);
    assert_eq!(ask(35, 41), [(3, 41), (1, 7)]);
}

#[test]
fn a_restart_is_a_gap_and_no_tick_is_missing() {
    let directory = tempfile::tempdir().unwrap();
    let mut world = World::new(1);
    let (history, _) = open(&options(Some(directory.path()), 1));
    for _ in 0..5 {
        let (frame, moment) = world.tick(&[(1, 0, 10, 0)], &[]);
        history.append(&frame, moment);
    }
    drop(history);
    let (history, _) = open(&options(Some(directory.path()), 1));
    world.seq += 99;
    let (frame, moment) = world.first_tick(100 * SECOND, &[(1, 0, 100_000, 0)]);
    history.append(&frame, moment);
    let answer = history.snapshot().answer(Query::default());
    let header = answer.header.clone();
    assert_eq!(header.gaps, [moment.gap.unwrap()]);
    assert_eq!((header.ticks, header.missing), (6, 0));
    let (since, until) = header.covered.unwrap();
    assert_eq!((since, until), (NEW_YEAR, world.wall));
    let step = answer.last().unwrap();
    assert!(step.gap);
    assert_eq!(step.sums[0].rx, 100_050);
    // An average over an interval nobody looked at is no peak.
    assert_eq!(step.rows[0].peaks.unwrap().rx.rate, 10);
    drop(history);
    // After a reboot its processes have ended, whether anybody saw it or not.
    world.reboot();
    let (history, past) = open(&options(Some(directory.path()), 2));
    assert!(past.processes.is_empty());
    let (frame, moment) = world.tick(&[(1, 0, 1, 0)], &[]);
    history.append(&frame, moment);
    let query = Query {
        wanted: Some(Arc::new(|facts: &Facts| facts.exit.is_some())),
        ..Query::default()
    };
    let exited = &steps(&history, query)[0];
    assert_eq!((exited.rows.len(), exited.sums[0].rx), (1, 100_050));
}

#[test]
fn what_moved_only_without_an_agent_has_no_peak() {
    for (step, text) in [(1, "1d@1s"), (10, "1d@10s")] {
        let directory = tempfile::tempdir().unwrap();
        let options = Options {
            tiers: tiers(text).unwrap(),
            ..options(Some(directory.path()), 1)
        };
        let mut world = World::new(1);
        let (history, _) = open(&options);
        let (frame, moment) = world.tick(&[(1, 0, 10, 0), (2, 0, 1, 0)], &[]);
        history.append(&frame, moment);
        drop(history);
        let (history, _) = open(&options);
        // 2 moves bytes in the gap only, 3 is seen for the first time.
        let (frame, moment) = world.first_tick(100 * SECOND, &[(2, 0, 7, 7), (3, 0, 5, 0)]);
        history.append(&frame, moment);
        let gap = moment.wall;
        for _ in 0..25 {
            let (frame, moment) = world.tick(&[(1, 0, 10, 0)], &[]);
            history.append(&frame, moment);
        }
        let from = |since| Query {
            since: Some(since),
            idle: true,
            ..Query::default()
        };
        // The stretch of the gap in a coarse tier has ticks after it, too.
        let whole = &steps(&history, from(gap - SECOND))[0];
        let row = |pid: u32| whole.rows.iter().zip(pids(whole)).find(|(_, p)| *p == pid);
        for pid in [2, 3] {
            let (row, _) = row(pid).unwrap();
            assert_eq!((row.peaks, row.active), (None, None), "{pid} by {step} s");
        }
        assert!(whole.peaks.is_none() == (step > 1), "of all, by {step} s");
        let only = Query {
            until: Some(gap),
            ..from(gap - SECOND)
        };
        if step == 1 {
            let (one, _) = row(1).unwrap();
            assert_eq!(one.peaks.unwrap().rx.rate, 10);
            assert!(one.active.is_some());
            assert!(steps(&history, only)[0].peaks.is_none());
            // Who moved nothing has no peak above 0, and that is known.
            let later = &steps(&history, from(gap))[0];
            let idle = later.rows.iter().find(|row| row.sums.is_empty()).unwrap();
            assert_eq!(idle.active, Some(0));
        }
    }
}

#[test]
fn the_first_of_many_that_came_and_went() {
    let directory = tempfile::tempdir().unwrap();
    let (history, _) = open(&options(Some(directory.path()), 1));
    let mut world = World::new(1);
    // 6000 processes, 100 a tick, each for one tick; one that stays.
    for n in 0..60u32 {
        let pids = 10 + n * 100..110 + n * 100;
        let moves = pids
            .clone()
            .map(|pid| (pid, 0, u64::from(pid * 7919 % 6007), 1));
        let moves: Vec<_> = moves.chain([(1, 0, 300, 0)]).collect();
        let (frame, moment) = world.tick(&moves, &pids.collect::<Vec<_>>());
        history.append(&frame, moment);
        crate::world::wait_for("written", || history.acknowledged() >= Some(u64::from(n)));
    }
    for order in [Order::Bytes, Order::Rx, Order::Tx, Order::Peak] {
        for ascending in [false, true] {
            let all = Query {
                order,
                ascending,
                ..Query::default()
            };
            let few = Query {
                top: 7,
                ..all.clone()
            };
            let (all, few) = (&steps(&history, all)[0], &steps(&history, few)[0]);
            assert_eq!(pids(few)[..], pids(all)[..7], "{order:?} {ascending}");
            assert_eq!((few.groups, all.groups), (6001, 6001));
            assert_eq!(few.sums, all.sums);
            for (few, all) in few.rows.iter().zip(&all.rows) {
                assert_eq!((&few.sums, &few.totals), (&all.sums, &all.totals));
                assert_eq!((few.peaks, few.active), (all.peaks, all.active));
            }
        }
    }
}

/// Who is asked for alone gets the same row, whichever way its segments are read.
#[test]
fn one_of_many_is_told_as_among_all() {
    let directory = tempfile::tempdir().unwrap();
    let (history, _) = open(&options(Some(directory.path()), 1));
    let mut world = World::new(1);
    // 1 all the time, 2 now and then, 3 once, and others come and go.
    for n in 0..70u32 {
        let all = [
            (1, 0, u64::from(n) + 1, 2),
            (2, 4, 90, u64::from(n)),
            (3, 2, 5, 0),
        ];
        let there = [true, n % 5 == 0, n == 33];
        let moves = all.iter().zip(there).filter(|(_, there)| *there);
        let moves: Vec<_> = moves
            .map(|(moved, _)| *moved)
            .chain([(100 + n, 0, 1, 1)])
            .collect();
        let (frame, moment) = world.tick(&moves, &[100 + n]);
        history.append(&frame, moment);
        crate::world::wait_for("written", || history.acknowledged() >= Some(u64::from(n)));
    }
    for kinds in [Kinds::ALL, Kinds::EXTERNAL, Kinds(1)] {
        for (since, step) in [
            (None, 0),
            (Some(NEW_YEAR + 13 * SECOND), 0),
            (None, 10 * SECOND),
        ] {
            let all = Query {
                kinds,
                since,
                step,
                ..Query::default()
            };
            let whole = steps(&history, all.clone());
            for pid in [1, 2, 3, 110, 4711] {
                for pids in [vec![], vec![pid]] {
                    let alone = Query {
                        wanted: Some(Arc::new(move |facts: &Facts| facts.id.pid == pid)),
                        pids,
                        ..all.clone()
                    };
                    let alone = steps(&history, alone);
                    assert_eq!(alone.len(), whole.len());
                    for (alone, whole) in alone.iter().zip(&whole) {
                        let row = whole.rows.iter().zip(crate::asking::pids(whole));
                        let row = row.filter(|(_, p)| *p == pid).map(|(row, _)| row).next();
                        let of = |row: &AnswerRow| {
                            let sums = (row.sums.clone(), row.totals.clone());
                            (sums, row.peaks, row.active, row.processes)
                        };
                        assert_eq!(alone.rows.first().map(of), row.map(of), "{pid} {kinds:?}");
                        assert_eq!(
                            (alone.end, alone.length, alone.ticks, alone.missing),
                            (whole.end, whole.length, whole.ticks, whole.missing)
                        );
                        if let Some(row) = row.filter(|row| row.peaks.is_some()) {
                            assert_eq!(alone.peaks, row.peaks, "one is its own sum");
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn a_clock_that_is_set_back_tells_a_time_twice_and_no_byte() {
    let directory = tempfile::tempdir().unwrap();
    let (history, _) = open(&options(Some(directory.path()), 1));
    let mut world = World::new(1);
    for n in 0..60 {
        if n == 30 {
            world.wall -= 20 * SECOND;
        }
        let (frame, moment) = world.tick(&[(1, 0, 1, 0)], &[]);
        history.append(&frame, moment);
    }
    let window = Query {
        since: Some(NEW_YEAR + 10 * SECOND),
        until: Some(NEW_YEAR + 30 * SECOND),
        ..Query::default()
    };
    assert_eq!(steps(&history, window.clone())[0].sums[0].rx, 40);
    let by_ten = Query {
        step: 10 * SECOND,
        ..window
    };
    let rx: Vec<u64> = steps(&history, by_ten)
        .iter()
        .map(|s| s.sums[0].rx)
        .collect();
    assert_eq!(rx, [10, 10, 10, 10]);
}

#[test]
fn a_window_in_coarse_tiers_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let coarse = Options {
        tiers: tiers("20s@1s,1h@10s").unwrap(),
        ..options(Some(directory.path()), 1)
    };
    let (history, _) = open(&coarse);
    let mut world = World::new(1);
    for n in 0..300 {
        let (frame, moment) = world.tick(&[(1, 0, 1, 0), (6, 0, n, 0)], &[]);
        history.append(&frame, moment);
        crate::world::wait_for("written", || history.acknowledged() >= Some(n));
    }
    let ask = |since: u64, step: u64, named: bool| {
        let query = Query {
            since: Some(NEW_YEAR + since * SECOND),
            step: step * SECOND,
            group: match named {
                true => Grouping::Named(Arc::new(|facts: &Facts, _| facts.name.clone())),
                false => Grouping::Process,
            },
            ..Query::default()
        };
        let answer = history.snapshot().answer(query);
        (answer.header.clone(), answer.collect::<Vec<_>>())
    };
    crate::world::wait_for("deleted", || ask(100, 0, false).0.kept == 10 * SECOND);
    let (header, steps) = ask(100, 15, false);
    assert_eq!((header.kept, header.step), (10 * SECOND, 20 * SECOND));
    assert_eq!(steps.iter().map(|step| step.ticks).sum::<u64>(), 200);
    let (header, steps) = ask(295, 1, true);
    assert_eq!((header.kept, header.step), (SECOND, SECOND));
    assert!(steps
        .iter()
        .all(|step| step.peaks.is_some() && step.rows[0].peaks.is_some()));
    let (_, steps) = ask(100, 0, false);
    assert!(
        steps[0].peaks.is_none(),
        "the highest tick of a sum is not kept"
    );
    assert_eq!(
        steps[0].rows[0].peaks.unwrap().rx.rate,
        299,
        "that of a process is"
    );
    let (_, steps) = ask(100, 0, true);
    assert!(steps[0].rows[0].peaks.is_none());
}
