//! What news and the passing of time do to the state.

use std::time::Duration;

use crossterm::event::KeyCode;

use crate::failure::Failure;
use crate::row::Bytes;
use crate::session::watch::Event;
use crate::session::watch::Gap;
use crate::session::watch::GapReason;
use crate::top::action::Action;
use crate::top::fixture;
use crate::top::fixture::feed;
use crate::top::fixture::hands::code;
use crate::top::fixture::hands::press;
use crate::top::fixture::hands::shown;
use crate::top::fixture::web01;
use crate::top::fixture::NOW;
use crate::top::layout::Size;
use crate::top::model::chart::Column;
use crate::top::model::link::Link;
use crate::top::model::recall::FIRST;
use crate::top::model::screen::Pane;
use crate::top::model::Coverage;
use crate::top::model::Effect;
use crate::top::model::Model;
use crate::top::model::Opening;

#[test]
fn scenario_26_a_lost_agent_leaves_everything_usable() {
    let mut model = fixture::model(80, 24);
    model.apply(Action::Clock(fixture::clock(NOW + 1)));
    let lost = || Event::Lost {
        why: Failure::Lost {
            socket: "/s".into(),
            reason: "socket closed".to_owned(),
        },
        retry_in: Some(Duration::from_secs(2)),
    };
    assert_eq!(model.apply(Action::Feed(lost())), Effect::Draw);
    assert_eq!(model.apply(Action::Feed(lost())), Effect::Draw);
    assert_eq!(model.link.offline().map(|offline| offline.attempt), Some(2));
    assert_eq!(press(&mut model, "R"), Effect::Retry);
    code(&mut model, KeyCode::Left);
    assert_eq!(shown(&model), NOW - 1);
    press(&mut model, "L");
    model.apply(Action::Clock(fixture::clock(NOW + 9)));
    let columns = model.chart().unwrap().columns;
    let missing = columns.iter().rev().take_while(|c| **c == Column::Missing);
    assert_eq!(missing.count(), 9);
}

#[test]
fn scenario_27_a_restarted_agent_leaves_a_hole_and_a_message() {
    for (kept, message) in [(true, "counters kept"), (false, "counters start at zero")] {
        let mut model = fixture::model(80, 24);
        let mut agent = fixture::agent();
        agent.instance = "b".to_owned();
        agent.started = Some(fixture::time(NOW + 8));
        model.apply(Action::Feed(Event::Lost {
            why: Failure::Lost {
                socket: "/s".into(),
                reason: "gone".to_owned(),
            },
            retry_in: None,
        }));
        model.apply(Action::Feed(Event::Back(Box::new(agent))));
        model.apply(Action::Feed(Event::Gap(Gap {
            from_seq: NOW + 1,
            to_seq: NOW + 9,
            from: Some(fixture::time(NOW)),
            to: Some(fixture::time(NOW + 9)),
            reason: GapReason::AgentRestart,
            counters_kept: kept,
        })));
        let mut sample = web01(NOW + 10);
        sample.length = None;
        feed(&mut model, sample);
        assert!(matches!(model.link, Link::Online));
        let banner = model.notices.banner().unwrap();
        assert!(
            banner.contains(message) && banner.contains("17:56:13"),
            "{banner}"
        );
        assert_eq!(model.since().is_some(), !kept);
        assert_eq!(model.list(Pane::Live).lines()[0].rate, None);
        let columns = model.chart().unwrap().columns;
        assert_eq!(columns[columns.len() - 2], Column::Start);
        assert_eq!(columns[columns.len() - 10], Column::Missing);
        assert!(matches!(columns[columns.len() - 11], Column::Rates(_)));
    }
}

#[test]
fn a_slow_viewer_is_told_what_was_merged() {
    let mut model = fixture::model(80, 24);
    model.apply(Action::Feed(Event::Gap(Gap {
        from_seq: NOW + 1,
        to_seq: NOW + 2,
        from: None,
        to: None,
        reason: GapReason::Lag,
        counters_kept: true,
    })));
    let mut sample = web01(NOW + 3);
    (sample.merged, sample.length) = (3, Some(Duration::from_secs(3)));
    feed(&mut model, sample);
    assert_eq!(
        model.notices.banner(),
        Some("viewer is slow: 3 samples merged")
    );
}

#[test]
fn scenario_28_silence_is_noticed_after_three_ticks() {
    let mut model = fixture::model(80, 24);
    model.apply(Action::Clock(fixture::clock(NOW + 2)));
    assert_eq!(model.no_data_for(), None);
    assert_eq!(
        model.apply(Action::Clock(fixture::clock(NOW + 3))),
        Effect::Draw
    );
    assert_eq!(model.no_data_for(), Some(Duration::from_secs(3)));
    feed(&mut model, web01(NOW + 4));
    assert_eq!(model.no_data_for(), None);
}

#[test]
fn time_alone_draws_nothing() {
    let mut model = fixture::model(80, 24);
    assert_eq!(
        model.apply(Action::Clock(fixture::clock(NOW + 1))),
        Effect::Nothing
    );
}

#[test]
fn rows_add_up_to_the_total_with_what_belongs_to_nobody() {
    let mut model = fixture::model(80, 24);
    let mut sample = web01(NOW + 1);
    sample.unattributed.tick.rx = 5000;
    sample.unattributed.total.rx = 9000;
    feed(&mut model, sample);
    let rows: u64 = model
        .list(Pane::Live)
        .lines()
        .iter()
        .filter_map(|line| line.rx)
        .sum();
    assert_eq!(model.speed()[0], Some(rows + 5000));
    assert_eq!(model.coverage(), Coverage::Everything);
}

#[test]
fn a_longer_interval_makes_longer_steps() {
    let mut model = Model::new(Opening {
        interval: Duration::from_secs(5),
        ..fixture::opening(0)
    });
    model.apply(Action::Resize(Size {
        width: 80,
        height: 24,
    }));
    for seq in 1..=10 {
        feed(&mut model, web01(seq));
    }
    assert_eq!(model.step(), Duration::from_secs(5));
    assert_eq!(model.past.newest(), Some(FIRST + 1));
    assert_eq!(model.tick().unwrap().length, Some(Duration::from_secs(5)));
}

#[test]
fn an_average_is_taken_over_its_whole_span() {
    let mut model = fixture::empty(80, 24);
    for (seq, rx) in [(1, 0), (2, 1000), (3, 0), (4, 0), (5, 4000)] {
        let mut sample = web01(seq);
        sample.rows[0].flows.external[0][0].tick = Bytes { rx, tx: 0 };
        feed(&mut model, sample);
    }
    let curl = |model: &Model| {
        let lines = model.list(Pane::Live).lines();
        lines
            .iter()
            .find(|line| line.id.pid == 21934)
            .and_then(|line| line.rx)
    };
    assert_eq!(curl(&model), Some(4000));
    press(&mut model, "w");
    assert_eq!(curl(&model), Some(1000));
}

#[test]
fn scenario_28_a_tick_that_was_held_up_takes_its_time_in_the_waveform() {
    // An agent that is merely slow goes on counting; one that slept has skipped the numbers.
    for seq in [NOW + 1, NOW + 5] {
        let mut model = fixture::model(80, 24);
        let mut late = web01(NOW + 5);
        late.seq = seq;
        late.length = Some(Duration::from_secs(5));
        model.apply(Action::Clock(fixture::clock(NOW + 5)));
        model.apply(Action::Feed(Event::Sample(Box::new(late))));
        let chart = model.chart().unwrap();
        let last = chart.columns.last().copied();
        assert!(matches!(last, Some(Column::Rates(_))));
        let same = chart
            .columns
            .iter()
            .rev()
            .take_while(|column| Some(**column) == last);
        assert_eq!(same.count(), 5);
        // One step back is the tick before, not a part of this one.
        code(&mut model, KeyCode::Left);
        assert_eq!(shown(&model), NOW);
    }
}

#[test]
fn a_hole_before_a_tick_that_was_held_up_stays_one() {
    let mut model = fixture::model(80, 24);
    let mut late = web01(NOW + 9);
    late.length = Some(Duration::from_secs(5));
    feed(&mut model, late);
    let columns = model.chart().unwrap().columns;
    let (before, long) = columns.split_at(columns.len() - 5);
    assert!(long.iter().all(|column| matches!(column, Column::Rates(_))));
    let missing = before.iter().rev().take_while(|c| **c == Column::Missing);
    assert_eq!(missing.count(), 4);
}
