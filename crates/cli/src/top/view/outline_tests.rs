//! Groups and trees on the screen.

use std::sync::Arc;

use crossterm::event::KeyCode;

use super::text;
use crate::args::query::GroupChoice;
use crate::session::watch::Details;
use crate::top::fixture;
use crate::top::fixture::hands;
use crate::top::fixture::NOW;
use crate::top::model::arrange::CHOICES;
use crate::top::model::outline::Key;
use crate::top::model::outline::Kind;
use crate::top::model::outline::Shape;
use crate::top::model::screen::Pane;
use crate::top::model::Model;

// Three workers of nginx more, of which only one has traffic.
fn grouped(width: u16, height: u16, keys: &str) -> Model {
    let mut model = fixture::watched(width, height);
    let mut sample = fixture::web01(NOW + 1);
    for (pid, busy) in [(1188, true), (1189, false), (1190, false)] {
        let mut row = sample.rows[1].clone();
        Arc::make_mut(&mut row.facts).id.pid = pid;
        Arc::make_mut(&mut row.facts).id.start_ns += u64::from(pid);
        row.flows.rest();
        if busy {
            row.flows.external[0][0].tick.rx = 4321;
        }
        sample.rows.push(row);
    }
    fixture::feed(&mut model, sample);
    hands::press(&mut model, keys);
    model
}

#[test]
fn scenario_21_groups_open_and_add_up() {
    let mut model = grouped(80, 24, "bs");
    hands::code(&mut model, KeyCode::Down);
    hands::code(&mut model, KeyCode::Down);
    hands::press(&mut model, "e");
    let screen = text(&model);
    insta::assert_snapshot!("groups_80x24", screen);
    assert!(screen.contains("grouped by unit · by RX+TX"), "{screen}");
    assert!(screen.contains("▾ nginx.service"), "{screen}");
    let entries = model.entries();
    let at = entries
        .iter()
        .position(|entry| matches!(entry.kind, Kind::Group { open: true, .. }))
        .unwrap();
    let children = &entries[at + 1..at + 4];
    let sum = |get: fn(&crate::top::model::line::Line) -> Option<u64>| {
        children.iter().map(|entry| get(&entry.line).unwrap()).sum()
    };
    let group = &entries[at].line;
    assert_eq!(group.rx, Some(sum(|line| line.rx)));
    assert_eq!(group.tx, Some(sum(|line| line.tx)));
    assert_eq!(group.total, Some(sum(|line| line.total)));
    assert_eq!(
        group.connections.unwrap(),
        children
            .iter()
            .map(|entry| entry.line.connections.unwrap())
            .sum::<u32>()
    );
}

#[test]
fn whatever_the_word_groups_add_up_to_all_processes() {
    let mut model = grouped(80, 24, "");
    let plain: u64 = model
        .list(Pane::Live)
        .lines()
        .iter()
        .filter_map(|line| line.rate)
        .sum();
    for (by, letter, _) in CHOICES.iter().skip(1) {
        hands::press(&mut model, "b");
        hands::press(&mut model, &letter.to_string());
        assert_eq!(model.shape(), Shape::Groups(*by));
        hands::press(&mut model, "E");
        let (mut groups, mut members) = (0, 0);
        for entry in model.entries() {
            let rate = entry.line.rate.unwrap();
            match entry.kind {
                Kind::Group { .. } => groups += rate,
                Kind::Member { .. } | Kind::Idle { .. } => members += rate,
            }
        }
        assert_eq!((groups, members), (plain, plain), "{by:?}");
        assert!(text(&model).contains(&format!("grouped by {}", by.name())));
    }
    hands::press(&mut model, "bp");
    assert_eq!(model.shape(), Shape::Flat);
}

#[test]
fn the_menu_and_the_next_key_go_through_all_words() {
    let mut model = grouped(80, 24, "b");
    insta::assert_snapshot!("group_menu_80x24", text(&model));
    hands::code(&mut model, KeyCode::Down);
    hands::code(&mut model, KeyCode::Enter);
    assert_eq!(model.shape(), Shape::Groups(GroupChoice::Name));
    for _ in 1..CHOICES.len() {
        hands::press(&mut model, "B");
    }
    assert_eq!(model.shape(), Shape::Flat);
}

#[test]
fn groups_by_connections_ask_for_them() {
    let mut model = fixture::model(80, 24);
    hands::press(&mut model, "br");
    assert_eq!(model.wants(), Details::Connections);
    assert!(text(&model).contains("Asking the agent for connections."));
    let mut model = grouped(80, 24, "br");
    assert!(text(&model).contains("203.0.113.200"), "{}", text(&model));
    hands::press(&mut model, "{{");
    assert!(text(&model).contains("are not kept."), "{}", text(&model));
}

#[test]
fn details_of_a_group_list_its_processes() {
    let mut model = grouped(100, 30, "bs");
    hands::code(&mut model, KeyCode::Down);
    hands::code(&mut model, KeyCode::Down);
    hands::code(&mut model, KeyCode::Enter);
    let screen = text(&model);
    insta::assert_snapshot!("group_details_100x30", screen);
    assert!(screen.contains("Group nginx.service"), "{screen}");
    assert!(screen.contains("4 processes"), "{screen}");
    hands::code(&mut model, KeyCode::Esc);
    hands::press(&mut model, "e");
    hands::code(&mut model, KeyCode::Down);
    hands::code(&mut model, KeyCode::Enter);
    assert!(text(&model).contains("Process 1187 nginx"));
}

#[test]
fn a_filter_and_the_past_work_with_groups() {
    let mut model = grouped(80, 24, "bs/unit:nginx");
    hands::code(&mut model, KeyCode::Enter);
    let screen = text(&model);
    assert!(
        screen.contains("1 group") && screen.contains("FILTER"),
        "{screen}"
    );
    hands::press(&mut model, "P");
    assert!(text(&model).contains("nginx.service"));
    hands::code(&mut model, KeyCode::Esc);
    hands::press(&mut model, "/");
    hands::press(&mut model, "zzz");
    assert!(text(&model).contains("No rows match"), "{}", text(&model));
}

#[test]
fn a_tree_puts_processes_below_their_parents() {
    let mut model = fixture::empty(80, 24);
    let mut sample = fixture::web01(NOW);
    for row in &mut sample.rows {
        Arc::make_mut(&mut row.facts).parent_pid = match row.facts.id.pid {
            1187 => Some(602),
            2863 | 5120 => Some(1187),
            // Nobody is its own ancestor.
            602 => Some(2863),
            _ => Some(1),
        };
    }
    fixture::feed(&mut model, sample);
    hands::press(&mut model, "t");
    insta::assert_snapshot!("tree_80x24", text(&model));
    assert_eq!(model.entries().len(), 12);
    hands::press(&mut model, "E");
    assert!(model.entries().len() < 12);
    hands::press(&mut model, "E");
    assert_eq!(model.entries().len(), 12);
    hands::code(&mut model, KeyCode::F(5));
    assert_eq!(model.shape(), Shape::Flat);
}

// The names of groups and the pids below them, from the top.
fn order(model: &Model) -> Vec<String> {
    let name = |entry: &crate::top::model::outline::Entry| match &entry.key {
        Key::Group(name) => format!("{name:?}"),
        Key::Member(id, _) => id.pid.to_string(),
        Key::Idle(name) => format!("idle of {name:?}"),
    };
    model.entries().iter().map(name).collect()
}

#[test]
fn scenario_8_a_frozen_order_holds_groups_and_trees_too() {
    for keys in ["bsE", "t"] {
        let mut model = grouped(100, 45, keys);
        hands::press(&mut model, "f");
        let before = order(&model);
        assert!(text(&model).contains("ORDER FROZEN"), "{}", text(&model));
        // The first falls silent, the last becomes the busiest, and one more comes.
        let mut sample = fixture::web01(NOW + 2);
        sample.rows[0].flows.rest();
        sample.rows[11].flows.external[0][0].tick.rx = 90 << 20;
        let mut new = sample.rows[0].clone();
        Arc::make_mut(&mut new.facts).id.pid = 40_000;
        Arc::make_mut(&mut new.facts).id.start_ns = u64::MAX - 1;
        Arc::make_mut(&mut new.facts).unit = Some("new.service".to_owned());
        new.flows.external[0][0].tick.rx = 50 << 20;
        sample.rows.push(new);
        let silent = sample.rows[0].facts.id;
        fixture::feed(&mut model, sample);
        let mut after = order(&model);
        let known: Vec<String> = before.clone();
        after.retain(|entry| known.contains(entry));
        // The processes that were added for this test have ended.
        let still: Vec<String> = before
            .into_iter()
            .filter(|entry| after.contains(entry))
            .collect();
        assert_eq!(after, still, "{keys}");
        let line = |model: &Model| {
            let entries = model.entries().iter();
            entries
                .filter(|entry| entry.line.id == silent)
                .map(|entry| entry.line.rate)
                .next()
        };
        assert_eq!(line(&model), Some(Some(0)), "values move");
        if keys == "bsE" {
            assert_eq!(
                model.entries().last().map(|entry| &entry.key),
                Some(&Key::Group(Some("new.service".to_owned())))
            );
        }
        hands::press(&mut model, "f");
        assert_ne!(order(&model)[..3], still[..3]);
        assert!(!text(&model).contains("ORDER FROZEN"));
    }
}

#[test]
fn what_changes_the_meaning_of_numbers_is_never_cut_for_a_count() {
    let mut model = grouped(80, 24, "xtf");
    assert!(
        text(&model).contains("WITH EXITED · ORDER FROZEN ━"),
        "{}",
        text(&model)
    );
    hands::press(&mut model, "bs");
    assert!(text(&model).contains(" groups ┓"), "{}", text(&model));
}
