//! Details and connections on the screen.

use crossterm::event::KeyCode;

use super::text;
use crate::session::watch::Details;
use crate::session::watch::Event;
use crate::top::action::Action;
use crate::top::columns::sockets::Holder;
use crate::top::fixture;
use crate::top::fixture::hands;
use crate::top::fixture::NOW;
use crate::top::model::details::Stage;
use crate::top::model::position::Position;
use crate::top::model::screen::Screen;
use crate::top::model::Model;

fn keys(model: &mut Model, codes: &[KeyCode]) {
    for code in codes {
        hands::code(model, *code);
    }
}

fn nginx(width: u16, height: u16) -> Model {
    let mut model = fixture::watched(width, height);
    keys(&mut model, &[KeyCode::Down, KeyCode::Down]);
    assert_eq!(hands::selected(&model), Some(1187));
    model
}

#[test]
fn details_look_as_promised() {
    insta::assert_snapshot!("details_160x45", text(&nginx(160, 45)));
    let mut model = fixture::watched(100, 30);
    keys(
        &mut model,
        &[KeyCode::Down, KeyCode::Char('P'), KeyCode::Enter],
    );
    insta::assert_snapshot!("details_100x30", text(&model));
    for (width, height) in [(50, 15), (80, 24), (100, 30), (40, 10)] {
        let mut model = nginx(width, height);
        keys(&mut model, &[KeyCode::Enter, KeyCode::Enter]);
        assert_eq!(model.stage(), Stage::Full);
        insta::assert_snapshot!(format!("details_full_{width}x{height}"), text(&model));
    }
}

#[test]
fn connections_look_as_promised() {
    for (width, height) in [(100, 30), (160, 45), (80, 24), (70, 24), (50, 15), (40, 10)] {
        let mut model = fixture::watched(width, height);
        hands::press(&mut model, "3");
        insta::assert_snapshot!(format!("connections_{width}x{height}"), text(&model));
    }
}

#[test]
fn scenario_20_enter_opens_details_step_by_step_and_esc_closes_them() {
    let mut model = nginx(100, 30);
    hands::code(&mut model, KeyCode::Enter);
    let screen = text(&model);
    assert!(screen.contains("Process 1187 nginx"), "{screen}");
    assert!(screen.contains("cmd    nginx: worker process"), "{screen}");
    assert!(screen.contains("1 Live"), "{screen}");
    hands::code(&mut model, KeyCode::Enter);
    let screen = text(&model);
    for word in [
        "LOCAL",
        "REMOTE",
        "203.0.113.9:50122",
        "RTT",
        "RX 60s",
        "/usr/bin/nginx",
    ] {
        assert!(screen.contains(word), "{word} in\n{screen}");
    }
    assert!(!screen.contains("1 Live"), "{screen}");
    hands::code(&mut model, KeyCode::Esc);
    assert_eq!(model.stage(), Stage::Beside);
    hands::code(&mut model, KeyCode::Esc);
    assert_eq!(model.stage(), Stage::Closed);
    assert_eq!(hands::selected(&model), Some(1187));
    assert!(text(&model).contains("Exited"));
}

#[test]
fn connections_are_wanted_only_while_a_view_needs_them() {
    let mut model = fixture::model(100, 30);
    assert_eq!(model.wants(), Details::None);
    hands::press(&mut model, "3");
    assert_eq!(model.wants(), Details::Connections);
    assert!(text(&model).contains("Asking the agent for connections."));
    model.apply(Action::Feed(Event::Details {
        details: Details::Connections,
        again: Some(Box::new(fixture::web01(NOW))),
    }));
    assert!(text(&model).contains("203.0.113.200:443"));
    // For some seconds more, so that going to and fro costs nothing.
    hands::press(&mut model, "1");
    assert_eq!(model.wants(), Details::Connections);
    model.apply(Action::Clock(fixture::clock(NOW + 30)));
    assert_eq!(model.wants(), Details::None);
    hands::press(&mut model, "/port:443");
    assert_eq!(model.wants(), Details::Connections);
    keys(&mut model, &[KeyCode::Esc, KeyCode::Down, KeyCode::Enter]);
    assert_eq!(model.wants(), Details::Connections);
    // A large screen always shows the details of somebody.
    assert_eq!(fixture::model(160, 45).wants(), Details::Connections);
    assert_eq!(fixture::model(139, 45).wants(), Details::None);
}

#[test]
fn an_agent_that_cannot_tell_connections_is_not_asked() {
    let mut model = fixture::model(100, 30);
    model.agent.capabilities = std::iter::empty().collect();
    hands::press(&mut model, "3");
    assert_eq!(model.wants(), Details::None);
    assert!(text(&model).contains("Connections cannot be told apart here:"));
}

#[test]
fn the_past_says_which_connections_are_not_kept() {
    let mut model = fixture::watched(100, 30);
    hands::press(&mut model, "3[");
    assert!(text(&model).contains("203.0.113.200:443"));
    hands::press(&mut model, "{");
    assert!(matches!(model.position, Position::History { .. }));
    let screen = text(&model);
    assert!(
        screen.contains("The connections of 17:54:55 are not kept."),
        "{screen}"
    );
    assert!(screen.contains("since 17:55:25"), "{screen}");
}

#[test]
fn connections_are_sorted_and_selected_by_themselves() {
    let mut model = nginx(100, 30);
    keys(&mut model, &[KeyCode::Enter, KeyCode::Tab, KeyCode::Down]);
    let screen = text(&model);
    assert!(screen.contains("┃>TCP  10.0.0.5:443"), "{screen}");
    hands::press(&mut model, "r");
    assert_eq!(hands::pids(&model)[0], 21934);
    let order: Vec<_> = model.own_sockets().keys().iter().map(|key| key.0).collect();
    assert_eq!(order[..4], [5, 2, 3, 4]);
    // The same connection is still selected, and leads to all with its remote end.
    hands::code(&mut model, KeyCode::Enter);
    assert_eq!(model.screen, Screen::Connections);
    assert_eq!(model.filter().unwrap().text, "host:203.0.113.9");
    let screen = text(&model);
    assert!(screen.contains("1 of 10"), "{screen}");
    hands::code(&mut model, KeyCode::Enter);
    assert_eq!(hands::selected(&model), Some(1187));
    assert_eq!(model.stage(), Stage::Beside);
}

#[test]
fn a_frozen_order_of_connections_takes_newcomers_at_the_end() {
    let order = |model: &Model| -> Vec<u64> {
        let list = model.socket_list(Holder::View);
        list.keys().iter().map(|key| key.0).collect()
    };
    let mut model = fixture::watched(100, 30);
    hands::press(&mut model, "3");
    let before = order(&model);
    hands::press(&mut model, "f");
    assert!(text(&model).contains("by RX+TX · ORDER FROZEN"));
    // The busiest ones rest, the first one ends, and a new one is busier than all.
    let mut sample = fixture::web01(NOW + 1);
    sample.connections.retain(|socket| socket.id != before[0]);
    for socket in &mut sample.connections {
        socket.counter.tick.rx /= 1 + 1_000_000 * u64::from(socket.id == before[1]);
    }
    let mut new = sample.connections[0].clone();
    (new.id, new.counter.tick.rx) = (99, 1 << 40);
    sample.connections.push(new);
    fixture::feed(&mut model, sample);
    let mut expected = before[1..].to_vec();
    expected.push(99);
    assert_eq!(order(&model), expected);
    hands::press(&mut model, "f");
    assert_eq!(order(&model)[0], 99);
    assert!(!text(&model).contains("FROZEN"));
    // Asking for another order ends it too.
    hands::press(&mut model, "fr");
    assert!(!text(&model).contains("FROZEN"));
}

#[test]
fn a_filter_narrows_connections_and_processes_by_their_connections() {
    let mut model = fixture::watched(100, 30);
    hands::press(&mut model, "3/port:443");
    hands::code(&mut model, KeyCode::Enter);
    assert!(text(&model).contains("6 of 10"), "{}", text(&model));
    hands::press(&mut model, "1");
    assert_eq!(hands::pids(&model), [21934, 1187]);
    // What is not known of a moment is drawn as unknown.
    hands::press(&mut model, "{");
    let screen = text(&model);
    assert!(
        screen.contains("The connections of this moment are not known."),
        "{screen}"
    );
    assert!(screen.contains("????"), "{screen}");
}

#[test]
fn an_ended_process_keeps_its_details() {
    let mut model = fixture::watched(100, 30);
    keys(
        &mut model,
        &[
            KeyCode::Char('2'),
            KeyCode::Char('p'),
            KeyCode::Home,
            KeyCode::Enter,
        ],
    );
    let screen = text(&model);
    assert!(screen.contains("Process 29881 wget"), "{screen}");
    assert!(
        screen.contains("exited 17:53:58, code 0, ran 2m10s"),
        "{screen}"
    );
    assert!(
        screen.contains("It has no connections any more."),
        "{screen}"
    );
}

#[test]
fn every_column_of_connections_sorts() {
    let mut model = fixture::watched(160, 45);
    hands::press(&mut model, "3");
    for key in ['c', 'r', 's', 'a', 'n', 'p', 'I', '<', '>', '>'] {
        hands::press(&mut model, &key.to_string());
        assert_eq!(model.filter_count(), (10, 10), "{key}");
    }
    hands::press(&mut model, "S");
    keys(&mut model, &[KeyCode::Home, KeyCode::Down, KeyCode::Enter]);
    assert!(text(&model).contains("by RX "), "{}", text(&model));
}
