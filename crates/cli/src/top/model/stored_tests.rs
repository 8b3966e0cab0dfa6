//! Where ticks of the history come to lie.

use std::time::Duration;

use super::lay;
use super::StoredTick;
use crate::top::fixture;
use crate::top::model::past::Slot;

const SECOND: Duration = Duration::from_secs(1);

fn stored(end: usize, seconds: u64) -> StoredTick {
    let mut tick = fixture::tick(end);
    tick.length = Some(Duration::from_secs(seconds));
    StoredTick { tick, away: None }
}

// Newest first: T a tick, p part of one, ? missing, S started.
fn drawn(ticks: Vec<StoredTick>, anchor: u64, most: usize) -> String {
    let slots = lay(ticks, fixture::time(anchor), SECOND, most);
    let letter = |slot: &Slot| match slot {
        Slot::Seen(_) => 'T',
        Slot::Part(_) => 'p',
        Slot::Missing => '?',
        Slot::Start => 'S',
    };
    slots.iter().map(letter).collect()
}

#[test]
fn ticks_lie_one_beside_the_other_and_holes_stay_open() {
    let mut away = stored(20, 1);
    away.tick.length = None;
    away.away = Some(Duration::from_secs(5));
    for (ticks, expected) in [
        (vec![stored(19, 1), stored(20, 1)], "TT"),
        (vec![stored(17, 1), stored(20, 1)], "T??T"),
        (vec![stored(18, 1)], "??T"),
        // Kept in pieces of four seconds.
        (vec![stored(16, 4), stored(20, 4)], "TpppTppp"),
        // The agent was not there for five seconds and was started in the last of them.
        (vec![stored(15, 1), away], "TS???T"),
    ] {
        assert_eq!(drawn(ticks, 20, 100), expected);
    }
    assert_eq!(drawn(vec![stored(1, 1), stored(20, 1)], 20, 4), "T???");
}

#[test]
fn ticks_that_are_a_little_long_leave_no_holes() {
    let mut ticks = Vec::new();
    let mut end = fixture::time(0);
    for _ in 0..500 {
        end += jiff::SignedDuration::from_micros(1_003_700);
        let mut tick = fixture::tick(0);
        tick.time = end;
        tick.length = Some(Duration::from_micros(1_003_700));
        ticks.push(StoredTick { tick, away: None });
    }
    let slots = lay(ticks, end, SECOND, 1000);
    assert!(slots.iter().all(|slot| matches!(slot, Slot::Seen(_))));
    assert_eq!(slots.len(), 500);
}
