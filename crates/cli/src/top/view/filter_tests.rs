//! The filter on the screen.

use crossterm::event::KeyCode;
use netmon_api::filter::Filter;

use super::text;
use crate::session::watch::Details;
use crate::top::action::Action;
use crate::top::fixture;
use crate::top::fixture::hands;
use crate::top::fixture::NOW;
use crate::top::layout::Size;
use crate::top::model::position::Position;
use crate::top::model::screen::Pane;
use crate::top::model::Coverage;
use crate::top::model::Model;
use crate::top::model::Opening;

fn filtered(words: &str) -> Model {
    let mut model = fixture::model(80, 24);
    hands::press(&mut model, "/");
    hands::press(&mut model, words);
    model
}

fn row(screen: &str, at: usize) -> &str {
    screen.lines().nth(at).unwrap()
}

#[test]
fn scenario_09_a_filter_narrows_rows_sums_and_waveform_while_it_is_typed() {
    let mut model = filtered("unit:nginx,api tx>100K");
    insta::assert_snapshot!("filter_80x24", text(&model));
    hands::code(&mut model, KeyCode::Enter);
    let screen = text(&model);
    assert_eq!(hands::pids(&model), [1187, 30466]);
    assert!(
        row(&screen, 6).contains("FILTER") && row(&screen, 6).contains("2 of 12"),
        "{screen}"
    );
    let total = row(&screen, 21);
    assert!(
        total.contains("TOTAL") && total.contains("2 of 12"),
        "{screen}"
    );
    let rx = total.split_whitespace().nth(6).unwrap();
    assert!(
        row(&screen, 1).contains(&format!("RX {rx}/s")),
        "{rx}\n{screen}"
    );
    assert!(row(&screen, 0).contains("RX 11.3MiB/s"), "{screen}");
}

#[test]
fn scenario_10_a_mistake_keeps_the_last_valid_filter() {
    let mut model = filtered("rx>1M");
    assert_eq!(hands::pids(&model), [21934, 1187]);
    for (typed, problem) in [
        (" (", "expected"),
        ("rx>>5", "expected a size after 'rx>' at column 11"),
    ] {
        hands::press(&mut model, typed);
        let screen = text(&model);
        assert!(row(&screen, 23).contains(problem), "{screen}");
    }
    assert_eq!(hands::pids(&model), [21934, 1187]);
    // A mistake is not kept.
    hands::code(&mut model, KeyCode::Enter);
    assert!(model.types_filter());
    hands::code(&mut model, KeyCode::Esc);
    assert_eq!(hands::pids(&model).len(), 12);
    assert!(model.filter().is_none());
}

#[test]
fn scenario_11_an_empty_list_says_that_the_filter_did_it() {
    let mut model = filtered("nosuchthing");
    hands::code(&mut model, KeyCode::Enter);
    let screen = text(&model);
    let expected = "No rows match: nosuchthing  (12 hidden). Press Esc to clear the filter.";
    assert!(screen.contains(expected), "{screen}");
    hands::code(&mut model, KeyCode::Esc);
    assert_eq!(hands::pids(&model).len(), 12);
}

#[test]
fn esc_goes_back_to_the_filter_before() {
    let mut model = filtered("nginx");
    hands::code(&mut model, KeyCode::Enter);
    hands::press(&mut model, "\\");
    hands::code(&mut model, KeyCode::Backspace);
    hands::press(&mut model, "zzz");
    assert!(hands::pids(&model).is_empty());
    hands::code(&mut model, KeyCode::Esc);
    assert_eq!(hands::pids(&model), [1187]);
}

#[test]
fn earlier_filters_come_back_with_the_arrow() {
    let mut model = filtered("nginx");
    hands::code(&mut model, KeyCode::Enter);
    hands::press(&mut model, "/");
    hands::event(
        &mut model,
        crossterm::event::Event::Key(crossterm::event::KeyEvent::new(
            KeyCode::Char('u'),
            crossterm::event::KeyModifiers::CONTROL,
        )),
    );
    assert_eq!(hands::pids(&model).len(), 12);
    hands::press(&mut model, "curl");
    hands::code(&mut model, KeyCode::Enter);
    hands::press(&mut model, "/");
    hands::code(&mut model, KeyCode::Up);
    hands::code(&mut model, KeyCode::Up);
    assert_eq!(hands::pids(&model), [1187]);
    hands::code(&mut model, KeyCode::Down);
    assert_eq!(hands::pids(&model), [21934]);
    hands::code(&mut model, KeyCode::Down);
    assert_eq!(hands::pids(&model).len(), 12);
    assert_eq!(model.earlier_filters(), ["nginx", "curl"]);
}

#[test]
fn a_filter_speaks_of_the_moment_shown() {
    let mut model = filtered("rx>40M");
    hands::code(&mut model, KeyCode::Enter);
    assert!(hands::pids(&model).is_empty());
    hands::press(&mut model, "P");
    assert!(matches!(model.position, Position::History { .. }));
    assert_eq!(hands::shown(&model), 568);
    assert_eq!(hands::pids(&model), [21934]);
    fixture::feed(&mut model, fixture::web01(NOW + 1));
    assert_eq!(hands::pids(&model), [21934]);
}

#[test]
fn help_of_the_language_comes_and_goes_over_the_prompt() {
    let mut model = filtered("rx");
    hands::code(&mut model, KeyCode::F(1));
    insta::assert_snapshot!("syntax_80x24", text(&model));
    hands::code(&mut model, KeyCode::Esc);
    assert!(model.types_filter());
    hands::press(&mut model, ">1M");
    assert_eq!(hands::pids(&model), [21934, 1187]);
}

#[test]
fn options_about_connections_leave_only_their_bytes() {
    let mut model = Model::new(Opening {
        narrow: Some(Filter::parse("lport:443").unwrap()),
        coverage: Coverage::Selected,
        ..fixture::opening(NOW - 1)
    });
    model.apply(Action::Resize(Size {
        width: 80,
        height: 24,
    }));
    assert_eq!(model.wants(), Details::Connections);
    fixture::feed(&mut model, fixture::web01(NOW));
    let nginx = model.list(Pane::Live).lines()[0];
    assert_eq!(nginx.id.pid, 1187);
    // All but what nginx asks of the machine behind it.
    assert_eq!(nginx.rx, Some(1945 + 921 + 310));
    assert_eq!(nginx.connections, Some(5));
    assert_eq!(nginx.total, None);
    let screen = text(&model);
    assert!(row(&screen, 8).contains("n/a"), "{screen}");
    assert!(row(&screen, 1).contains("RX 3.10KiB/s"), "{screen}");
    // The history has no connections, so it is not asked.
    assert!(model.next_question().is_none());
}
