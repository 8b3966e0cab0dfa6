//! Order and selection of the list: scenarios 2 to 8.

use super::stage::with_names;
use super::stage::Stage;

#[test]
fn scenario_02_the_first_screen_says_who_uses_the_network() {
    let Some(stage) = Stage::set() else { return };
    let screen = stage.open(80, 24, &[]).shows("9/42 procs");
    for text in ["● LIVE 17:56:05", "RX 11.3MiB/s", "9/42 procs"] {
        assert!(screen.header().contains(text), "{text}\n{screen}");
    }
    let first = screen.rows().next().unwrap();
    let user = with_names().map_or("1000", |_| "alice");
    let words: Vec<&str> = first.split_whitespace().collect();
    assert_eq!(words[..4], ["•", "21934", user, "curl"], "{screen}");
    assert!(screen.lines[23].starts_with(" q quit"), "{screen}");
    assert!(screen.lines.iter().all(|line| line.chars().count() <= 80));
}

#[test]
fn scenario_03_one_key_sorts_by_one_column() {
    let Some(stage) = Stage::set() else { return };
    let terminal = stage.open(80, 24, &[]);
    for (key, arrow, title, first) in [
        ("r", "RX/s▼", "by RX ", 21934),
        ("s", "TX/s▼", "by TX ", 1187),
        ("a", "TOTAL▼", "by TOTAL ", 1187),
        ("n", "COMMAND▲", "by COMMAND ", 602),
        ("p", "PID▲", "by PID ", 602),
    ] {
        terminal.keys(&[key]);
        let screen = terminal.shows_all(&[arrow, title]);
        assert_eq!(screen.pids()[0], first, "{key}\n{screen}");
    }
}

#[test]
fn scenario_04_the_same_key_again_reverses() {
    let Some(stage) = Stage::set() else { return };
    let terminal = stage.open(80, 24, &[]);
    terminal.keys(&["s", "s"]);
    let screen = terminal.shows("TX/s▲");
    let first = screen.rows().next().unwrap();
    assert!(first.contains("0B"), "{screen}");
}

#[test]
fn scenario_06_the_menu_sorts_and_escape_leaves_it() {
    let Some(stage) = Stage::set() else { return };
    let terminal = stage.open(80, 24, &[]);
    terminal.keys(&["S"]);
    let menu = terminal.until("the menu", |screen| {
        screen
            .lines
            .iter()
            .any(|line| line.contains("RX+TX") && line.contains('▼'))
    });
    for name in ["PID", "USER", "COMMAND", "CONN", "PEAK", "TOTAL"] {
        assert!(menu.has(name), "{name}\n{menu}");
    }
    terminal.keys(&["Escape"]);
    let before = terminal.shows("by RX+TX ");
    assert_eq!(before.pids()[0], 21934);
    terminal.keys(&["S", "Down", "Enter"]);
    terminal.until("another order", |screen| {
        screen.has("1 Live · by ") && !screen.has("by RX+TX ")
    });
}

#[test]
fn scenario_07_the_selection_is_a_process_and_stays_where_it_is() {
    let Some(stage) = Stage::set() else { return };
    let terminal = stage.open(80, 24, &[]);
    terminal.keys(&["Down", "Down", "Down"]);
    let marked = |screen: &super::screen::Screen| {
        let found = screen.lines.iter().position(|line| line.starts_with("┃>"));
        found.map(|row| (row, screen.lines[row].contains("postgres")))
    };
    let before = terminal.until("postgres selected", |s| marked(s).is_some_and(|m| m.1));
    stage.agent.feed("swap");
    let after = terminal.shows("17:56:06");
    assert_eq!(marked(&after), marked(&before), "{before}\n{after}");
    // The list is longer than the window, so the others move past it.
    assert_eq!(
        after.pids().iter().position(|pid| *pid == 2863),
        Some(2),
        "{after}"
    );
    assert!(after.pids().contains(&30466), "{after}");
    terminal.keys(&["Escape"]);
    terminal.until("no selection", |screen| marked(screen).is_none());
    terminal.keys(&["g"]);
    terminal.until("place 5", |screen| screen.pids().get(4) == Some(&2863));
}

#[test]
fn scenario_08_a_frozen_order_holds_while_numbers_move() {
    let Some(stage) = Stage::set() else { return };
    let terminal = stage.open(80, 24, &[]);
    terminal.keys(&["f"]);
    let before = terminal.shows("ORDER FROZEN");
    stage.agent.feed("swap");
    let after = terminal.shows("17:56:06");
    assert_eq!(after.pids(), before.pids());
    assert_ne!(after.process(2863), before.process(2863));
    terminal.keys(&["f"]);
    let sorted = terminal.until("no ORDER FROZEN", |screen| !screen.has("ORDER FROZEN"));
    assert_eq!(sorted.pids()[4], 2863, "{sorted}");
}

#[test]
fn scenario_09_a_filter_narrows_list_total_and_waveform() {
    let Some(stage) = Stage::set() else { return };
    let terminal = stage.open(80, 24, &[]);
    terminal.keys(&["/"]);
    terminal.types("unit:nginx,api tx>100K");
    terminal.shows("2 of 42");
    terminal.keys(&["Enter"]);
    let screen = terminal.until("the filter", |screen| {
        screen.has("FILTER") && screen.line("TOTAL  ").contains("2 of 42")
    });
    assert_eq!(screen.pids(), [1187, 30466], "{screen}");
    let total = screen.line("2 of 42      ").split_whitespace();
    let received = total.clone().find(|word| word.ends_with("MiB")).unwrap();
    let chart = screen.lines[1].to_owned();
    assert!(
        chart.contains(&format!("RX {received}/s")),
        "{received}\n{screen}"
    );
}

#[test]
fn scenario_10_a_wrong_filter_says_where_and_changes_nothing() {
    let Some(stage) = Stage::set() else { return };
    let terminal = stage.open(80, 24, &[]);
    terminal.keys(&["/"]);
    terminal.types("curl rx>5M");
    let valid = terminal.shows("1 of 42");
    assert_eq!(valid.pids(), [21934]);
    terminal.types(" (");
    let wrong = terminal.shows("column 13");
    assert_eq!(wrong.pids(), [21934], "{wrong}");
    // The name `rx` was the last that could be looked for.
    terminal.keys(&["C-u"]);
    terminal.types("rx>>5");
    let wrong = terminal.shows("expected a size after 'rx>' at column 4");
    assert!(wrong.has("No rows match: rx "), "{wrong}");
    terminal.keys(&["Escape"]);
    terminal.until("all 42", |screen| {
        !screen.has("expected a size") && screen.has("42 processes")
    });
}

#[test]
fn scenario_11_a_filter_that_nothing_matches_says_so() {
    let Some(stage) = Stage::set() else { return };
    let terminal = stage.open(80, 24, &[]);
    terminal.keys(&["/"]);
    terminal.types("nosuchthing");
    terminal.keys(&["Enter"]);
    terminal.shows_all(&[
        "No rows match: nosuchthing  (42 hidden).",
        "Press Esc to clear the filter.",
    ]);
    terminal.keys(&["Escape"]);
    terminal.until("all 42", |screen| screen.has("42 processes"));
}

#[test]
fn scenario_22_units_change_rates_and_leave_totals() {
    let Some(stage) = Stage::set() else { return };
    let terminal = stage.open(80, 24, &[]);
    terminal.keys(&["u"]);
    let bits = terminal.shows("RX 94.4Mb/s");
    assert!(bits.process(21934).contains("74.7Mb"), "{bits}");
    assert!(bits.process(21934).contains("2.32GiB"), "{bits}");
    terminal.keys(&["u"]);
    terminal.shows("RX 11.3MiB/s");
    terminal.keys(&["U"]);
    let decimal = terminal.shows("RX 11.8MB/s");
    assert!(decimal.process(21934).contains("2.49GB"), "{decimal}");
    // The badge has room on a wide screen.
    terminal.keys(&["U", "u"]);
    terminal.resize(160, 45);
    terminal.until("the badge", |screen| screen.header().contains("bits"));
}

#[test]
fn scenario_23_columns_hold_totals_and_totals_can_start_here() {
    let Some(stage) = Stage::set() else { return };
    let terminal = stage.open(100, 30, &[]);
    terminal.keys(&["m"]);
    let totals = terminal.until("totals", |screen| {
        screen.has("  RX ") && screen.process(21934).contains("9.20MiB")
    });
    assert!(totals.process(21934).contains("2.31GiB"), "{totals}");
    terminal.keys(&["z"]);
    terminal.until("zero", |screen| {
        screen.header().contains("since 17:56:05") && screen.process(21934).contains(" 0B ")
    });
    stage.agent.tick(1);
    let moved = terminal.until("one tick", |screen| screen.header().contains("17:56:06"));
    let curl = moved.process(21934).split_whitespace().collect::<Vec<_>>();
    let received = curl.iter().find(|word| word.ends_with("MiB")).unwrap();
    let number: f64 = received.trim_end_matches("MiB").parse().unwrap();
    assert!((5.0..10.0).contains(&number), "{moved}");
}
