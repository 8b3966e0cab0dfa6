//! The past before the viewer, holes that are filled, and journeys.

use std::sync::Arc;
use std::time::Duration;

use crossterm::event::KeyCode;
use proptest::prelude::*;

use super::Recall;
use crate::row::Bytes;
use crate::row::Exit;
use crate::row::ProcessRow;
use crate::row::Sample;
use crate::row::State;
use crate::session::agent::Agent;
use crate::session::watch::Event;
use crate::top::action::Action;
use crate::top::fixture;
use crate::top::fixture::feed;
use crate::top::fixture::hands::code;
use crate::top::fixture::hands::press;
use crate::top::fixture::hands::shown;
use crate::top::fixture::history::agent;
use crate::top::fixture::history::serve;
use crate::top::fixture::web01;
use crate::top::fixture::NOW;
use crate::top::model::chart::Column;
use crate::top::model::charted::Lane;
use crate::top::model::position::Position;
use crate::top::model::screen::Pane;
use crate::top::model::screen::Popup;
use crate::top::model::Model;
use crate::top::model::Opening;

fn model_of(agent: Agent, now: u64) -> Model {
    opened(fixture::opening(now), agent)
}

fn opened(mut opening: Opening, agent: Agent) -> Model {
    opening.agent = agent;
    let mut model = Model::new(opening);
    model.apply(Action::Resize(crate::top::layout::Size {
        width: 100,
        height: 30,
    }));
    model
}

fn samples(seqs: std::ops::RangeInclusive<u64>) -> Vec<Sample> {
    seqs.map(web01).collect()
}

// A viewer that was started at NOW, and has the ten minutes before from the agent.
fn started() -> (Model, Vec<Sample>) {
    let mut model = model_of(agent(0), NOW);
    let kept = samples(1..=NOW + 60);
    feed(&mut model, web01(NOW));
    assert_eq!(serve(&mut model, &kept), 1);
    (model, kept)
}

fn unknown_columns(model: &Model) -> usize {
    let chart = model.chart().unwrap();
    let unknown = |column: &&Column| matches!(column, Column::Missing | Column::Start);
    chart.columns.iter().filter(unknown).count()
}

#[test]
fn the_past_begins_before_the_viewer() {
    let (model, _) = started();
    let chart = model.chart().unwrap();
    assert!(
        chart
            .columns
            .iter()
            .all(|column| matches!(column, Column::Rates(_))),
        "{chart:?}"
    );
    let curl = model.list(Pane::Live).lines()[0].id;
    assert_eq!(model.lane(curl, Lane::Sum).len(), 60);
    assert_eq!(
        chart.rx_peak.map(|peak| peak.tick + NOW - super::FIRST),
        Some(568)
    );
}

#[test]
fn scenario_13_the_peak_before_the_viewer_is_shown_as_it_was() {
    let (mut model, _) = started();
    press(&mut model, "P");
    assert_eq!(shown(&model), 568);
    let first = model.list(Pane::Live).lines()[0];
    assert_eq!((first.id.pid, first.rx), (21934, Some(46 << 20)));
    // The history has no sockets: never a number that was not counted.
    assert_eq!(first.connections, None);
    // apt-get was running then.
    assert_eq!(model.processes(), Some(13));
}

#[test]
fn scenario_14_steps_are_ticks_and_seconds_and_end_in_the_present() {
    let (mut model, _) = started();
    for (key, expected) in [(KeyCode::Left, 1), (KeyCode::Left, 2), (KeyCode::Left, 3)] {
        code(&mut model, key);
        assert_eq!(shown(&model), NOW - expected);
    }
    press(&mut model, "[");
    assert_eq!(shown(&model), NOW - 13);
    press(&mut model, "}");
    assert_eq!(model.position, Position::Live);
}

#[test]
fn scenario_15_times_are_typed_and_mistakes_keep_the_prompt() {
    let (mut model, kept) = started();
    press(&mut model, "@-5m");
    code(&mut model, KeyCode::Enter);
    assert_eq!((shown(&model), model.popup), (NOW - 300, Popup::None));
    press(&mut model, "@nonsense");
    code(&mut model, KeyCode::Enter);
    assert_eq!(
        model.prompt.problem.as_deref(),
        Some("cannot read time 'nonsense'")
    );
    assert!(matches!(model.popup, Popup::Prompt(_)));
    code(&mut model, KeyCode::Esc);
    assert_eq!(shown(&model), NOW - 300);
    press(&mut model, "@3d");
    code(&mut model, KeyCode::Enter);
    serve(&mut model, &kept);
    assert_eq!(shown(&model), 1);
    let told = model.notices.banner().unwrap();
    assert!(told.starts_with("history starts "), "{told}");
}

#[test]
fn scenario_16_new_ticks_do_not_move_what_was_gone_to() {
    let (mut model, _) = started();
    press(&mut model, "{");
    let (before, chart) = (shown(&model), model.chart());
    for seq in NOW + 1..=NOW + 30 {
        feed(&mut model, web01(seq));
    }
    assert_eq!((shown(&model), model.chart()), (before, chart));
    assert_eq!(model.behind(), Duration::from_secs(90));
    press(&mut model, "L");
    assert_eq!(shown(&model), NOW + 30);
}

#[test]
fn every_form_of_a_time_leads_somewhere() {
    for (text, expected) in [
        ("10m", NOW - 599),
        ("-5m", NOW - 300),
        ("90s ago", NOW - 90),
        ("17:55", NOW - 65),
        ("17:55:33", NOW - 32),
        ("today 17:55:33", NOW - 32),
        ("2026-11-20 17:55", NOW - 65),
        ("2026-11-20T17:55:33Z", NOW - 32),
        ("start", 1),
        ("now", NOW),
    ] {
        let (mut model, kept) = started();
        press(&mut model, &format!("@{text}"));
        code(&mut model, KeyCode::Enter);
        serve(&mut model, &kept);
        assert_eq!(shown(&model), expected, "{text}");
    }
}

#[test]
fn a_viewer_can_be_opened_in_the_past() {
    let mut opening = fixture::opening(NOW);
    opening.recall = Recall::new(Duration::from_secs(60), Some("5m".parse().unwrap()), None);
    let mut model = opened(opening, agent(0));
    feed(&mut model, web01(NOW));
    // The last minute, and then the time around the moment.
    assert_eq!(serve(&mut model, &samples(1..=NOW)), 2);
    assert_eq!(shown(&model), NOW - 300);
    assert!(model.is_away());
}

#[test]
fn journeys_go_on_beyond_what_is_held_and_back() {
    let mut opening = fixture::opening(NOW);
    opening.recall = Recall::new(Duration::from_secs(60), None, None);
    let mut model = opened(opening, agent(0));
    let kept = samples(1..=NOW + 5);
    feed(&mut model, web01(NOW));
    serve(&mut model, &kept);
    // Typing faster than the agent answers adds up.
    press(&mut model, "{{{");
    assert!(model.travelling());
    assert_eq!(shown(&model), NOW - 60);
    serve(&mut model, &kept);
    assert!(model.is_away() && !model.travelling());
    assert_eq!(shown(&model), NOW - 180);
    feed(&mut model, web01(NOW + 1));
    assert_eq!(shown(&model), NOW - 180);
    assert_eq!(
        model.newest().map(|tick| tick.time),
        Some(fixture::time(NOW + 1))
    );
    press(&mut model, "}}");
    serve(&mut model, &kept);
    assert_eq!(shown(&model), NOW - 60);
    press(&mut model, "L");
    assert!(!model.is_away());
    assert_eq!(shown(&model), NOW + 1);
    assert_eq!(unknown_columns(&model), 0);
}

#[test]
fn scenario_27_what_was_missed_is_filled_when_the_agent_is_back() {
    let (mut model, kept) = started();
    model.apply(Action::Feed(Event::Lost {
        why: crate::failure::Failure::Lost {
            socket: "/s".into(),
            reason: "gone".to_owned(),
        },
        retry_in: Some(Duration::from_secs(1)),
    }));
    model.apply(Action::Feed(Event::Back(Box::new(agent(0)))));
    feed(&mut model, web01(NOW + 10));
    assert_eq!(unknown_columns(&model), 9);
    assert_eq!(serve(&mut model, &kept), 1);
    assert_eq!(unknown_columns(&model), 0);
    assert_eq!(
        model.notices.banner(),
        Some("reconnected; 9s filled from the agent's history")
    );
}

#[test]
fn what_the_agent_slept_through_while_nobody_was_connected_is_one_long_tick() {
    let (mut model, mut kept) = started();
    model.apply(Action::Feed(Event::Lost {
        why: crate::failure::Failure::Lost {
            socket: "/s".into(),
            reason: "gone".to_owned(),
        },
        retry_in: Some(Duration::from_secs(1)),
    }));
    model.apply(Action::Feed(Event::Back(Box::new(agent(0)))));
    kept.retain(|sample| !(NOW + 7..NOW + 10).contains(&sample.seq));
    let late = kept.iter_mut().find(|sample| sample.seq == NOW + 10);
    late.unwrap().length = Some(Duration::from_secs(4));
    feed(&mut model, web01(NOW + 10));
    serve(&mut model, &kept);
    assert_eq!(unknown_columns(&model), 0);
    code(&mut model, KeyCode::Left);
    assert_eq!(shown(&model), NOW + 6);
}

#[test]
fn scenario_29_a_slow_viewer_gets_the_merged_ticks_one_by_one() {
    let (mut model, mut kept) = started();
    let mut merged = web01(NOW + 10);
    merged.merged = 10;
    merged.length = Some(Duration::from_secs(10));
    merged.flows.external[0][0].tick = Bytes {
        rx: 10 << 30,
        tx: 0,
    };
    feed(&mut model, merged);
    // The history may be a tick behind: then it is asked once more.
    let ahead = kept.split_off(usize::try_from(NOW).unwrap());
    assert_eq!(serve(&mut model, &kept), 1);
    assert_eq!(unknown_columns(&model), 9);
    kept.extend(ahead);
    feed(&mut model, web01(NOW + 11));
    assert_eq!(serve(&mut model, &kept), 1);
    assert_eq!(unknown_columns(&model), 0);
    code(&mut model, KeyCode::Left);
    assert_eq!(shown(&model), NOW + 10);
    assert_eq!(model.tick().unwrap().length, Some(Duration::from_secs(1)));
}

#[test]
fn no_history_is_said_once_and_nothing_waits_for_it() {
    let mut model = model_of(agent(0), NOW);
    feed(&mut model, web01(NOW));
    let question = model.next_question().unwrap();
    assert_eq!(model.next_question(), None);
    assert!(question.since < question.until);
    let failure = crate::failure::Failure::Impossible {
        what: "the past".to_owned(),
        reason: "off".to_owned(),
    };
    model.apply(Action::Past(Box::new(Err(failure))));
    assert!(model
        .notices
        .banner()
        .unwrap()
        .starts_with("no history from the agent"));
    feed(&mut model, web01(NOW + 1));
    code(&mut model, KeyCode::Left);
    assert_eq!(shown(&model), NOW);
}

// A host whose totals are the sums of its ticks: (pid, first and last tick, bytes per tick).
fn exact(seq: u64, plan: &[(u32, u64, u64, u64)]) -> Sample {
    let rows = plan.iter().filter(|(_, first, ..)| *first <= seq);
    let rows = rows.map(|&(pid, first, last, bytes)| {
        let process = fixture::Process(pid, "alice", "curl", 1, 0, 0, 0, 0);
        let mut row: ProcessRow = fixture::row(&process);
        Arc::make_mut(&mut row.facts).start_time = fixture::time(first);
        Arc::make_mut(&mut row.facts).first_seen = fixture::time(first);
        let ticks = seq.min(last) - first + 1;
        let cell = &mut row.flows.external[0][0];
        cell.total = Bytes {
            rx: bytes * ticks,
            tx: ticks,
        };
        if seq <= last {
            cell.tick = Bytes { rx: bytes, tx: 1 };
        } else {
            Arc::make_mut(&mut row.facts).state = State::Exited;
            Arc::make_mut(&mut row.facts).exit = Some(Exit {
                time: fixture::time(last) + jiff::SignedDuration::from_millis(500),
                code: Some(0),
                signal: None,
            });
        }
        row
    });
    fixture::sample(seq, rows.collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn every_past_moment_is_what_it_was_when_it_was_the_present(
        plan in proptest::collection::vec((1_u64..90, 1_u64..60, 0_u64..5000), 1..6),
        lost in 50_u64..70,
        at in 2_u64..100,
    ) {
        let plan: Vec<_> = plan
            .into_iter()
            .zip(100..)
            .map(|((first, life, bytes), pid)| (pid, first, first + life, bytes))
            .collect();
        let all: Vec<_> = (1..=100).map(|seq| exact(seq, &plan)).collect();
        // Started at 40, away from `lost` to 80.
        let mut model = model_of(agent(0), 40);
        for seq in (40..=lost).chain(80..=100) {
            feed(&mut model, all[usize::try_from(seq).unwrap() - 1].clone());
            serve(&mut model, &all);
        }
        model.apply(Action::Travel(crate::top::action::Travel::Seconds(
            100 - at,
            crate::top::model::past::Towards::Older,
        )));
        let mut then = model_of(fixture::agent(), at);
        feed(&mut then, all[usize::try_from(at).unwrap() - 1].clone());
        if at < 100 {
            prop_assert_eq!(shown(&model), at);
        }
        for pane in [Pane::Live, Pane::Exited] {
            let numbers = |model: &Model| {
                let lines = model.list(pane).lines().iter();
                lines
                    .map(|line| (line.id.pid, line.rate, line.total, line.activity))
                    .collect::<Vec<_>>()
            };
            prop_assert_eq!(numbers(&model), numbers(&then), "{:?} at {}", pane, at);
        }
    }
}
