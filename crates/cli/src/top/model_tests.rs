//! What keys do to the state.

use std::sync::Arc;
use std::time::Duration;

use crossterm::event::Event as Input;
use crossterm::event::KeyCode;
use crossterm::event::KeyEvent;
use crossterm::event::KeyModifiers;
use crossterm::event::MouseButton;
use crossterm::event::MouseEvent;
use crossterm::event::MouseEventKind;

use super::chart::Column;
use super::list::Entry;
use super::position::Position;
use super::screen::Pane;
use super::screen::Popup;
use super::screen::Screen;
use super::settings::Mouse;
use super::Effect;
use crate::row::Exit;
use crate::row::Sample;
use crate::row::State;
use crate::top::action::Action;
use crate::top::fixture;
use crate::top::fixture::feed;
use crate::top::fixture::hands::code;
use crate::top::fixture::hands::event;
use crate::top::fixture::hands::pids;
use crate::top::fixture::hands::press;
use crate::top::fixture::hands::selected;
use crate::top::fixture::hands::shown;
use crate::top::fixture::web01;
use crate::top::fixture::NOW;
use crate::top::layout::Size;
use crate::top::model::Model;
use crate::units::Units;

/// postgres falls to place five.
fn swapped(seq: u64) -> Sample {
    let mut sample = web01(seq);
    sample.rows[2].flows.external[0][0].tick.rx = 1000;
    sample.rows[2].flows.external[0][0].tick.tx = 1000;
    sample
}

#[test]
fn scenario_03_and_04_each_sort_key_orders_the_list_and_reverses_it() {
    for (keys, first, title) in [
        ("r", 21934, "RX"),
        ("s", 1187, "TX"),
        ("a", 1187, "TOTAL"),
        ("K", 21934, "PEAK"),
        ("n", 602, "COMMAND"),
        ("p", 602, "PID"),
        ("N", 1187, "CONN"),
        ("ss", 602, "TX"),
        ("pp", 31877, "PID"),
        ("c", 602, "RX+TX"),
        ("rc", 21934, "RX+TX"),
        ("I", 602, "RX+TX"),
    ] {
        let mut model = fixture::model(80, 24);
        press(&mut model, keys);
        assert_eq!(pids(&model)[0], first, "{keys}");
        assert_eq!(model.list(Pane::Live).sort.key.title(), title, "{keys}");
    }
}

#[test]
fn neighbour_columns_are_those_on_screen() {
    let mut model = fixture::model(80, 24);
    for (key, title) in [
        ('>', "TOTAL"),
        ('>', "TOTAL"),
        ('<', "RX+TX"),
        ('<', "TX"),
        ('<', "RX"),
    ] {
        press(&mut model, &key.to_string());
        assert_eq!(model.list(Pane::Live).sort.key.title(), title);
    }
}

#[test]
fn scenario_06_the_sort_menu_sorts_or_leaves_things_as_they_are() {
    let mut model = fixture::model(80, 24);
    press(&mut model, "S");
    assert_eq!(model.popup, Popup::SortMenu { choice: 0 });
    code(&mut model, KeyCode::Down);
    code(&mut model, KeyCode::Esc);
    assert_eq!(model.list(Pane::Live).sort.key.title(), "RX+TX");
    press(&mut model, "Sj");
    code(&mut model, KeyCode::Enter);
    assert_eq!(model.popup, Popup::None);
    assert_eq!(model.list(Pane::Live).sort.key.title(), "RX");
}

#[test]
fn scenario_07_the_selection_is_a_process_and_keeps_its_line() {
    let mut model = fixture::model(50, 11);
    press(&mut model, "jjj");
    assert_eq!(selected(&model), Some(2863));
    let line = |model: &Model| {
        let list = model.list(Pane::Live);
        list.lines()
            .iter()
            .position(|line| line.id.pid == 2863)
            .unwrap()
            - list.offset
    };
    let before = line(&model);
    feed(&mut model, swapped(NOW + 1));
    assert_eq!(selected(&model), Some(2863));
    assert_eq!(
        pids(&model)[4..7]
            .iter()
            .filter(|pid| **pid == 2863)
            .count(),
        1
    );
    assert_eq!(line(&model), before);
    code(&mut model, KeyCode::Esc);
    assert_eq!((selected(&model), model.list(Pane::Live).offset), (None, 0));
}

#[test]
fn scenario_08_a_frozen_order_takes_newcomers_at_the_end() {
    let mut model = fixture::model(80, 24);
    let before = pids(&model);
    press(&mut model, "f");
    let mut sample = swapped(NOW + 1);
    let mut newcomer = fixture::row(&fixture::Process(99, "u", "new", 1, 1 << 30, 0, 0, 1 << 30));
    Arc::make_mut(&mut newcomer.facts).first_seen = sample.time;
    sample.rows.push(newcomer);
    feed(&mut model, sample);
    assert_eq!(pids(&model)[..12], before);
    assert_eq!(pids(&model)[12], 99);
    let list = model.list(Pane::Live);
    assert_eq!(list.entry(12), Some(Entry::NewMark));
    assert!(matches!(list.entry(13), Some(Entry::Process(line)) if line.id.pid == 99));
    press(&mut model, "f");
    assert_eq!(pids(&model)[0], 99);
}

#[test]
fn pausing_loses_nothing() {
    let mut model = fixture::model(80, 24);
    let before = pids(&model);
    press(&mut model, " ");
    for seq in NOW + 1..=NOW + 12 {
        feed(&mut model, swapped(seq));
    }
    assert_eq!(model.behind(), Duration::from_secs(12));
    assert_eq!((pids(&model), shown(&model)), (before, NOW));
    press(&mut model, " ");
    assert_eq!((model.position, shown(&model)), (Position::Live, NOW + 12));
    let columns = model.chart().unwrap().columns;
    assert!(!columns.contains(&Column::Missing));
}

#[test]
fn keys_go_through_time_and_back() {
    let mut model = fixture::model(80, 24);
    for (key, expected) in [
        (KeyCode::Left, NOW - 1),
        (KeyCode::Left, NOW - 2),
        (KeyCode::Left, NOW - 3),
        (KeyCode::Char('['), NOW - 13),
        (KeyCode::Right, NOW - 12),
        (KeyCode::Char('}'), NOW),
        (KeyCode::Char('{'), NOW - 60),
        (KeyCode::Char('{'), NOW - 120),
        (KeyCode::Char('{'), NOW - 120),
        (KeyCode::Char('L'), NOW),
        (KeyCode::Char('P'), 568),
        (KeyCode::Char('P'), 597),
        (KeyCode::Esc, NOW),
    ] {
        code(&mut model, key);
        assert_eq!(shown(&model), expected, "{key:?}");
    }
    assert_eq!(model.position, Position::Live);
}

#[test]
fn the_past_shows_rates_totals_and_exits_of_then() {
    let mut model = fixture::model(80, 24);
    press(&mut model, "P");
    let curl = model.list(Pane::Live).lines()[0];
    let then = web01(568).rows[0].flows.external[0][0];
    assert_eq!((curl.id.pid, curl.rx), (21934, Some(then.tick.rx)));
    assert_eq!(curl.totals, then.total);
    assert_eq!(model.list(Pane::Exited).lines().len(), 4);
    let before = pids(&model);
    for seq in NOW + 1..NOW + 31 {
        feed(&mut model, swapped(seq));
    }
    assert_eq!((shown(&model), pids(&model)), (568, before));
}

#[test]
fn scenario_18_a_process_that_ends_lingers_and_then_is_history() {
    let mut model = fixture::model(80, 24);
    let ended = |seq| {
        let mut sample = web01(seq);
        Arc::make_mut(&mut sample.rows[8].facts).state = State::Exited;
        Arc::make_mut(&mut sample.rows[8].facts).exit = Some(Exit {
            time: fixture::time(NOW + 1),
            code: Some(0),
            signal: None,
        });
        sample
    };
    for seq in NOW + 1..=NOW + 6 {
        feed(&mut model, ended(seq));
        assert!(pids(&model).contains(&31877), "{seq}");
    }
    feed(&mut model, ended(NOW + 7));
    assert!(!pids(&model).contains(&31877));
    let exited = model.list(Pane::Exited).lines();
    assert!(exited.iter().any(|line| line.id.pid == 31877));
}

#[test]
fn a_zero_restarts_the_totals_of_this_viewer() {
    let mut model = fixture::model(80, 24);
    press(&mut model, "mz");
    assert!(model
        .list(Pane::Live)
        .lines()
        .iter()
        .all(|line| line.total == Some(0)));
    let mut sample = web01(NOW + 1);
    sample.rows[0].flows.external[0][0].total.rx += 77;
    feed(&mut model, sample);
    assert_eq!(model.list(Pane::Live).lines()[0].rx, Some(77));
    assert_eq!(model.since(), Some(fixture::time(NOW)));
}

#[test]
fn loopback_is_shown_on_request() {
    let mut model = fixture::empty(80, 24);
    let mut sample = web01(NOW);
    sample.rows[9].flows.loopback[0][0].tick.tx = 1 << 40;
    feed(&mut model, sample);
    assert_eq!(pids(&model)[0], 21934);
    press(&mut model, "o");
    assert_eq!(pids(&model)[0], 602);
    press(&mut model, "oi");
    assert_eq!(pids(&model).len(), 9);
}

#[test]
fn units_switch_between_bits_and_bytes_and_bases() {
    let mut model = fixture::model(80, 24);
    for (key, units) in [
        ("u", Units::Bits),
        ("u", Units::Iec),
        ("u", Units::Bits),
        ("U", Units::BitsIec),
        ("u", Units::Iec),
        ("U", Units::Si),
        ("u", Units::Bits),
        ("u", Units::Si),
    ] {
        press(&mut model, key);
        assert_eq!(model.settings.units, units);
    }
}

#[test]
fn views_popups_and_quitting_have_their_keys() {
    let mut model = fixture::model(80, 24);
    for (key, screen) in [
        (KeyCode::Char('2'), Screen::List(Pane::Exited)),
        (KeyCode::Tab, Screen::Connections),
        (KeyCode::Tab, Screen::Agent),
        (KeyCode::Tab, Screen::Chart),
        (KeyCode::Tab, Screen::List(Pane::Live)),
        (KeyCode::BackTab, Screen::Chart),
        (KeyCode::Char('3'), Screen::Connections),
        (KeyCode::Char('1'), Screen::List(Pane::Live)),
    ] {
        code(&mut model, key);
        assert_eq!(model.screen, screen, "{key:?}");
    }
    assert_eq!(press(&mut model, "4"), Effect::AskAgent);
    for (open, popup) in [
        ('?', Popup::Help { from: 0 }),
        ('!', Popup::Messages { from: 0 }),
    ] {
        press(&mut model, &open.to_string());
        assert_eq!(model.popup, popup);
        press(&mut model, &open.to_string());
        assert_eq!(model.popup, Popup::None);
    }
    press(&mut model, "?");
    assert_eq!(press(&mut model, "q"), Effect::Quit);
    for (c, effect) in [
        ('c', Effect::Quit),
        ('z', Effect::Suspend),
        ('l', Effect::Redraw),
    ] {
        let key = KeyEvent::new(KeyCode::Char(c), KeyModifiers::CONTROL);
        assert_eq!(event(&mut model, Input::Key(key)), effect);
    }
    assert_eq!(press(&mut model, "M"), Effect::Mouse(Mouse::Terminals));
}

#[test]
fn scenario_24_the_help_scrolls_to_its_end_and_no_further() {
    let mut model = fixture::model(50, 15);
    press(&mut model, "?");
    code(&mut model, KeyCode::End);
    assert_eq!(
        model.popup,
        Popup::Help {
            from: crate::top::help::scroll_steps(model.size) - 1
        }
    );
    code(&mut model, KeyCode::Home);
    assert_eq!(model.popup, Popup::Help { from: 0 });
}

#[test]
fn scenario_34_the_mouse_sorts_selects_scrolls_and_goes_back_in_time() {
    let mut model = fixture::model(80, 24);
    let mouse = |model: &mut Model, kind, column, row| {
        let modifiers = KeyModifiers::NONE;
        event(
            model,
            Input::Mouse(MouseEvent {
                kind,
                column,
                row,
                modifiers,
            }),
        )
    };
    let click = MouseEventKind::Down(MouseButton::Left);
    mouse(&mut model, click, 60, 7);
    assert_eq!(model.list(Pane::Live).sort.key.title(), "TX");
    mouse(&mut model, click, 20, 9);
    assert_eq!(selected(&model), Some(2863));
    mouse(&mut model, click, 38, 3);
    assert_eq!(shown(&model), NOW);
    mouse(&mut model, click, 28, 3);
    assert_eq!(shown(&model), NOW - 10);
    mouse(&mut model, MouseEventKind::ScrollDown, 28, 3);
    assert_eq!(model.settings.zoom.ticks(), 2);
    model.apply(Action::Resize(Size {
        width: 80,
        height: 12,
    }));
    mouse(&mut model, MouseEventKind::ScrollDown, 20, 5);
    assert_eq!(model.list(Pane::Live).offset, 3);
}

#[test]
fn a_reset_takes_all_choices_back() {
    let mut model = fixture::model(80, 24);
    press(&mut model, "umzwilorf+-jP");
    let key = KeyEvent::new(KeyCode::Char('r'), KeyModifiers::CONTROL);
    event(&mut model, Input::Key(key));
    let fresh = fixture::model(80, 24);
    assert_eq!(model.settings, fresh.settings);
    assert_eq!((model.position, model.since()), (Position::Live, None));
    assert_eq!(pids(&model), pids(&fresh));
}

#[test]
fn a_report_that_is_too_long_scrolls_to_its_end() {
    let mut model = fixture::model(50, 12);
    press(&mut model, "4G");
    let end = model.report_from;
    assert!(end > 0);
    press(&mut model, "jk");
    assert_eq!(model.report_from, end - 1);
    press(&mut model, "g");
    assert_eq!(model.report_from, 0);
}

#[test]
fn a_followed_process_stays_in_the_middle_and_in_the_waveform() {
    let mut model = fixture::model(80, 16);
    for key in ["G", "F"] {
        press(&mut model, key);
    }
    let id = model.list(Pane::Live).selected;
    assert_eq!(model.chart_process(), id);
    press(&mut model, "g");
    press(&mut model, "jjj");
    feed(&mut model, swapped(NOW + 1));
    let rows = model.rows(Pane::Live);
    let list = model.list(Pane::Live);
    let at = list
        .lines()
        .iter()
        .position(|line| Some(line.id) == list.selected);
    assert!(at.unwrap() < rows);
    press(&mut model, "F");
    assert_eq!(model.chart_process(), None);
    press(&mut model, "V");
    assert_eq!(model.chart_process(), model.list(Pane::Live).selected);
}

#[test]
fn the_waveform_of_one_process_is_its_traffic_alone() {
    let mut model = fixture::model(80, 24);
    code(&mut model, KeyCode::Down);
    let whole = model.chart_speed();
    press(&mut model, "V");
    let line = model.list(Pane::Live).lines()[0];
    assert_eq!(model.chart_speed(), [line.rx, line.tx]);
    assert_ne!(model.chart_speed(), whole);
    assert_eq!(model.speed(), whole);
}

#[test]
fn ended_processes_can_be_among_the_running_ones() {
    let mut model = fixture::model(100, 30);
    let before = pids(&model).len();
    press(&mut model, "x");
    let mixed = pids(&model);
    assert_eq!(mixed.len(), before + 7);
    assert!(mixed.contains(&29881));
    press(&mut model, "x");
    assert_eq!(pids(&model).len(), before);
}
