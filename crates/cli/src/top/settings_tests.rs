//! Columns, remapped keys, units, and what a long run costs.

use std::sync::Arc;

use crossterm::event::KeyCode;
use crossterm::event::KeyEvent;
use crossterm::event::KeyModifiers;

use crate::top::bindings::Bindings;
use crate::top::columns::Column;
use crate::top::fixture;
use crate::top::fixture::feed;
use crate::top::fixture::hands::code;
use crate::top::fixture::hands::press;
use crate::top::fixture::hands::shown;
use crate::top::fixture::web01;
use crate::top::fixture::NOW;
use crate::top::model::column_menu::Place;
use crate::top::model::position::Position;
use crate::top::model::screen::Popup;
use crate::top::model::Model;
use crate::units::Units;

fn place(model: &Model, column: Column) -> Place {
    let choices = model.column_choices();
    choices
        .iter()
        .find(|line| line.column == column)
        .unwrap()
        .place
}

#[test]
fn the_menu_of_columns_shows_and_hides_them() {
    let mut model = fixture::model(80, 24);
    press(&mut model, "C");
    assert_eq!(model.popup, Popup::ColumnMenu { choice: 0 });
    assert_eq!(place(&model, Column::Pid), Place::Shown);
    assert_eq!(place(&model, Column::Age), Place::NoRoom);
    press(&mut model, "j ");
    assert_eq!(place(&model, Column::Pid), Place::Hidden);
    code(&mut model, KeyCode::Enter);
    assert_eq!(place(&model, Column::Pid), Place::Shown);
    press(&mut model, "G ");
    assert_eq!(place(&model, Column::V6), Place::Shown);
    code(&mut model, KeyCode::Esc);
    assert_eq!(model.popup, Popup::None);
    // Back to the start means the columns too.
    let reset = KeyEvent::new(KeyCode::Char('r'), KeyModifiers::CONTROL);
    fixture::hands::event(&mut model, crossterm::event::Event::Key(reset));
    press(&mut model, "C");
    assert_eq!(place(&model, Column::V6), Place::NoRoom);
}

#[test]
fn a_list_keeps_one_column() {
    let mut model = fixture::model(80, 24);
    press(&mut model, "C");
    for _ in 0..40 {
        press(&mut model, " j");
    }
    press(&mut model, "g");
    for _ in 0..40 {
        let at = model
            .column_choices()
            .iter()
            .position(|line| line.place == Place::Shown);
        model.popup = Popup::ColumnMenu {
            choice: at.unwrap(),
        };
        press(&mut model, " ");
    }
    let shown = model
        .column_choices()
        .into_iter()
        .filter(|line| line.place == Place::Shown);
    assert_eq!(shown.count(), 1);
}

#[test]
fn keys_of_the_config_file_take_the_place_of_the_usual_ones() {
    let mut opening = fixture::opening(NOW - 1);
    let mut bindings = Bindings::default();
    bindings.bind("pause", "p").unwrap();
    opening.bindings = bindings;
    opening.warnings = vec!["config.toml line 3: unknown key 'x' in [ui]".to_owned()];
    let mut model = Model::new(opening);
    assert!(model.notices.banner().unwrap().contains("line 3"));
    feed(&mut model, web01(NOW));
    press(&mut model, " ");
    assert_eq!(model.position, Position::Live);
    press(&mut model, "p");
    assert!(matches!(model.position, Position::Paused { .. }));
    // A line that is typed has all letters.
    press(&mut model, "/p ");
    assert_eq!(model.prompt.input.text(), "p ");
}

#[test]
fn scenario_12_a_pause_keeps_the_numbers_and_loses_no_tick() {
    let mut model = fixture::model(80, 24);
    press(&mut model, " ");
    let (lines, speed) = (
        model
            .list(crate::top::model::screen::Pane::Live)
            .lines()
            .to_vec(),
        model.speed(),
    );
    for seq in NOW + 1..=NOW + 12 {
        feed(&mut model, web01(seq));
    }
    assert_eq!((shown(&model), model.behind().as_secs()), (NOW, 12));
    assert_eq!(
        model.list(crate::top::model::screen::Pane::Live).lines(),
        lines
    );
    assert_eq!(model.speed(), speed);
    press(&mut model, " ");
    assert_eq!(shown(&model), NOW + 12);
    let chart = model.chart().unwrap();
    let known = |column| matches!(column, &crate::top::model::chart::Column::Rates(_));
    assert!(chart.columns.iter().all(known));
}

#[test]
fn scenario_22_units_change_all_rates_and_no_total() {
    let mut model = fixture::model(80, 24);
    let shown = |model: &Model| {
        (
            model.settings.units,
            crate::top::view::cells::rate(model, Some(9_332_326)),
            crate::top::view::cells::size(model, Some(9_332_326)),
        )
    };
    for (key, units, rate, size) in [
        ("u", Units::Bits, "74.7Mb", "8.90MiB"),
        ("u", Units::Iec, "8.90MiB", "8.90MiB"),
        ("U", Units::Si, "9.33MB", "9.33MB"),
        ("u", Units::Bits, "74.7Mb", "8.90MiB"),
    ] {
        press(&mut model, key);
        assert_eq!(
            shown(&model),
            (units, rate.to_owned(), size.to_owned()),
            "{key}"
        );
    }
}

#[test]
fn scenario_23_a_zero_is_where_totals_begin() {
    let mut model = fixture::model(80, 24);
    press(&mut model, "mz");
    assert_eq!(model.since(), model.tick().map(|tick| tick.time));
    let first = |model: &Model| model.list(crate::top::model::screen::Pane::Live).lines()[0];
    assert_eq!((first(&model).rx, first(&model).total), (Some(0), Some(0)));
    let mut next = web01(NOW + 1);
    for row in &mut next.rows {
        let cell = &mut row.flows.external[0][0];
        cell.total.rx += cell.tick.rx;
    }
    feed(&mut model, next);
    assert!(first(&model).rx > Some(0));
}

// What the viewer holds: slots, changes, processes, and the room for processes.
fn load(model: &Model) -> (usize, usize, usize, usize) {
    let (slots, changes) = model.past.load();
    let (rows, room) = model.roster.load();
    (slots, changes, rows, room)
}

#[test]
fn an_hour_more_holds_no_more() {
    let mut model = fixture::model(80, 24);
    let mut at = NOW;
    let mut hour = |model: &mut Model, ticks: u64| {
        for _ in 0..ticks {
            at += 1;
            let mut sample = web01(at);
            // Every second another process comes and, a minute later, is forgotten.
            for age in 0..60 {
                let process = fixture::Process(
                    40_000 + u32::try_from((at - age) % 20_000).unwrap(),
                    "ci",
                    "job",
                    1,
                    10,
                    10,
                    10,
                    100,
                );
                let mut row = fixture::row(&process);
                Arc::make_mut(&mut row.facts).id.start_ns = at - age;
                Arc::make_mut(&mut row.facts).first_seen = fixture::time(at - age);
                sample.rows.push(row);
            }
            feed(model, sample);
        }
    };
    hour(&mut model, 3700);
    let before = load(&model);
    hour(&mut model, 1200);
    let after = load(&model);
    assert_eq!(before.0, 3600);
    assert_eq!(after.0, before.0);
    let near = |a: usize, b: usize| b <= a + a / 20;
    assert!(
        near(before.1, after.1) && near(before.2, after.2),
        "{before:?} {after:?}"
    );
    // A map may double once when its contents move around.
    assert!(after.3 <= before.3 * 2, "{before:?} {after:?}");
}
