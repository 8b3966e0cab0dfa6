//! Whatever is asked, the parts make the whole.

use netmon_agent::grouping::GroupBy;
use netmon_agent::history::tiers;
use netmon_agent::history::Kinds;
use netmon_agent::history::Options;
use netmon_agent::history::Query;
use netmon_agent::rate::Peaks;
use proptest::prelude::*;

use crate::world::answered;
use crate::world::expected;
use crate::world::open;
use crate::world::options;
use crate::world::steps;
use crate::world::whole;
use crate::world::Move;
use crate::world::World;
use crate::world::SECOND;

/// Every word that the past can be grouped by.
const WORDS: [GroupBy; 9] = [
    GroupBy::Process,
    GroupBy::Name,
    GroupBy::User,
    GroupBy::Unit,
    GroupBy::Cgroup,
    GroupBy::Container,
    GroupBy::Proto,
    GroupBy::Family,
    GroupBy::State,
];

/// What happens in one tick.
#[derive(Debug, Clone)]
enum Event {
    Tick(Vec<Move>, Vec<u32>),
    /// Nothing moves.
    Quiet,
    /// The wall clock is set: by so many seconds.
    Clock(i64),
    /// Another agent, after so many seconds.
    Restart(u64),
    Reboot,
}

fn bytes() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0), 1..2000u64, 1..(1u64 << 50)]
}

fn event() -> impl Strategy<Value = Event> {
    let moved = (1..9u32, 0..8u8, bytes(), bytes());
    let moves = proptest::collection::vec(moved, 0..6);
    let ends = proptest::collection::vec(1..9u32, 0..2);
    prop_oneof![
        20 => (moves, ends).prop_map(|(moves, ends)| Event::Tick(moves, ends)),
        4 => Just(Event::Quiet),
        1 => (-100..100i64).prop_map(Event::Clock),
        1 => (1..50u64).prop_map(Event::Restart),
        1 => Just(Event::Reboot),
    ]
}

/// Lets it happen, with an agent on this directory.
fn live(
    events: &[Event],
    options: impl Fn(u128) -> Options,
    check: impl Fn(&World, &netmon_agent::history::History),
) {
    let mut world = World::new(1);
    let (mut history, _) = open(&options(world.boot));
    for event in events {
        match event {
            Event::Tick(moves, ends) => {
                let (frame, moment) = world.tick(moves, ends);
                history.append(&frame, moment);
            }
            Event::Quiet => {
                let (frame, moment) = world.tick(&[], &[]);
                history.append(&frame, moment);
            }
            Event::Clock(by) => world.wall = world.wall.saturating_add_signed(by * 1_000_000_000),
            Event::Restart(away) => {
                drop(history);
                let past;
                (history, past) = open(&options(world.boot));
                let last = past.last.map(|last| last.seq);
                assert_eq!(last, world.told.last().map(|told| told.seq));
                if !world.told.is_empty() {
                    let (frame, moment) = world.first_tick(away * SECOND, &[(3, 0, *away, 1)]);
                    history.append(&frame, moment);
                }
            }
            Event::Reboot => {
                drop(history);
                world.reboot();
                history = open(&options(world.boot)).0;
            }
        }
    }
    check(&world, &history);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_split_makes_the_whole(
        events in proptest::collection::vec(event(), 1..120),
        cut in 0..130u64,
        step in prop_oneof![Just(0u64), 1..40u64],
    ) {
        let directory = tempfile::tempdir().unwrap();
        live(&events, |boot| options(Some(directory.path()), boot), |world, history| {
            let all = expected(&world.told);
            assert_eq!(whole(history), all);
            let cut = world.told.get(cut as usize).map_or(world.wall, |told| told.wall);
            let before = Query { until: Some(cut), step: step * SECOND, ..Query::default() };
            let after = Query { since: Some(cut), step: step * SECOND, ..Query::default() };
            let (before, after) = (steps(history, before), steps(history, after));
            assert_eq!(answered(&before), expected(world.told.iter().filter(|t| t.wall <= cut)));
            assert_eq!(answered(&after), expected(world.told.iter().filter(|t| t.wall > cut)));
            assert_eq!(answered(before.iter().chain(&after)), all);
            let ticks: u64 = before.iter().chain(&after).map(|step| step.ticks).sum();
            assert_eq!(ticks, world.told.len() as u64);
            assert!(before.iter().chain(&after).all(|step| step.missing == 0));
        });
    }

    #[test]
    fn coarser_tiers_make_the_same_whole(
        events in proptest::collection::vec(event(), 1..150),
        memory: bool,
    ) {
        let directory = tempfile::tempdir().unwrap();
        let memory = memory && events.iter().all(|e| !matches!(e, Event::Restart(_) | Event::Reboot));
        let options = |boot| Options {
            // The finest tier keeps a segment or two: the rest comes from the others.
            tiers: tiers("8s@1s,40s@5s,1d@20s").unwrap(),
            segment_frames: 4,
            ..options((!memory).then(|| directory.path()), boot)
        };
        live(&events, options, |world, history| {
            // Now and then only: let the writer seal and delete.
            std::thread::sleep(std::time::Duration::from_millis(20));
            assert_eq!(whole(history), expected(&world.told));
        });
    }

    #[test]
    fn rows_groups_and_sums_agree(events in proptest::collection::vec(event(), 1..60), mask: u8) {
        let directory = tempfile::tempdir().unwrap();
        live(&events, |boot| options(Some(directory.path()), boot), |world, history| {
            for step in [0, SECOND, 10 * SECOND] {
                let query = Query { kinds: Kinds(mask), step, ..Query::default() };
                let rows = steps(history, query.clone());
                for by in WORDS {
                let groups = steps(history, Query { group: by.grouping(), ..query.clone() });
                assert_eq!(rows.len(), groups.len(), "{by:?}");
                for (row, group) in rows.iter().zip(&groups) {
                    assert_eq!(row.sums, group.sums, "{by:?}");
                    assert_eq!(row.peaks, group.peaks);
                    let sum = |step: &netmon_agent::history::Step| -> u64 {
                        step.rows.iter().flat_map(|r| &r.sums).map(|s| s.rx + s.tx).sum()
                    };
                    let all: u64 = row.sums.iter().map(|s| s.rx + s.tx).sum();
                    assert_eq!((sum(row), sum(group)), (all, all), "{by:?}");
                    // By what moves a process may be in several.
                    if !matches!(by, GroupBy::Proto | GroupBy::Family | GroupBy::Process) {
                        let processes: u32 = group.rows.iter().map(|g| g.processes).sum();
                        assert_eq!(processes, row.groups, "{by:?}");
                    }
                }
                }
            }
            let wanted = expected(&world.told);
            let wanted: crate::world::Sums = wanted
                .into_iter()
                .filter(|((_, _, kind), _)| Kinds(mask).has(*kind))
                .collect();
            let query = Query { kinds: Kinds(mask), ..Query::default() };
            assert_eq!(answered(&steps(history, query)), wanted);
        });
    }

    #[test]
    fn peaks_and_totals_are_those_of_single_ticks(events in proptest::collection::vec(event(), 1..80)) {
        let directory = tempfile::tempdir().unwrap();
        let calm: Vec<Event> = events
            .into_iter()
            .filter(|e| matches!(e, Event::Tick(..) | Event::Quiet))
            .collect();
        let tiered = |text: &str, boot| Options {
            tiers: tiers(text).unwrap(),
            segment_frames: 4,
            ..options(Some(&directory.path().join(text)), boot)
        };
        for text in ["1d@1s", "1d@7s"] {
            live(&calm, |boot| tiered(text, boot), |world, history| {
                // The last stretch of a coarse tier grows still.
                let (frame, moment) = World::new(9).tick(&[], &[]);
                let late = netmon_agent::history::Moment { wall: world.wall + 100 * SECOND, ..moment };
                let mut frame = frame;
                (frame.tick.seq, frame.tick.time) = (world.seq + 1, world.time + 100 * SECOND);
                history.append(&frame, late);
                for step in steps(history, Query::default()) {
                    for row in &step.rows {
                        let netmon_agent::history::Subject::Process(_, process) = &row.subject else {
                            panic!("by process");
                        };
                        let pid = process.facts.id.pid;
                        let mut peaks = Peaks::default();
                        let mut active = 0;
                        for told in &world.told {
                            let moved = told.moves.iter().filter(|m| m.0 == pid);
                            let (rx, tx) = moved.fold((0, 0), |s, m| (s.0 + m.2, s.1 + m.3));
                            peaks.observe((rx, tx), SECOND, told.wall);
                            active += if (rx, tx) == (0, 0) { 0 } else { SECOND };
                        }
                        assert_eq!(row.peaks, Some(peaks), "{text}");
                        assert_eq!(row.active, Some(active), "{text}");
                        for total in &row.totals {
                            assert_eq!(world.totals()[&(pid, total.kind)], (total.rx, total.tx), "{text}");
                        }
                        assert!(!row.totals.is_empty());
                    }
                }
            });
        }
    }
}
