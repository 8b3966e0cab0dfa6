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
