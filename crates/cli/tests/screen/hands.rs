//! What leaves the screen, and the mouse: scenarios 34 to 36.

use super::stage::Stage;
use super::terminal::Terminal;

/// A click with the left button on a cell, from 1.
fn click(terminal: &Terminal, column: usize, row: usize) {
    terminal.types(&format!("\u{1b}[<0;{column};{row}M"));
    terminal.types(&format!("\u{1b}[<0;{column};{row}m"));
}

/// Column and row of a text on the screen, from 1.
fn place(terminal: &Terminal, text: &str) -> (usize, usize) {
    let screen = terminal.shows(text);
    let row = screen
        .lines
        .iter()
        .position(|line| line.contains(text))
        .unwrap();
    let before = screen.lines[row].split(text).next().unwrap();
    (before.chars().count() + 1, row + 1)
}

#[test]
fn scenario_34_the_mouse_sorts_selects_scrolls_and_travels() {
    let Some(stage) = Stage::set() else { return };
    let terminal = stage.open(80, 24, &[]);
    terminal.shows("17:55:33");
    let (column, row) = place(&terminal, "TX/s");
    click(&terminal, column + 1, row);
    terminal.shows("TX/s▼");
    click(&terminal, 20, row + 3);
    let selected = terminal.until("a selection", |screen| {
        screen.lines[row + 2].starts_with("┃>")
    });
    // Wheel down over the list.
    terminal.types(&format!("\u{1b}[<65;20;{}M", row + 3));
    terminal.until("scrolled", |screen| screen.pids() != selected.pids());
    click(&terminal, 10, 4);
    terminal.shows("◀ HISTORY 17:55:3");
    let mouse = || terminal.tmux(&["display-message", "-p", "-t", "t", "#{mouse_any_flag}"]);
    assert_eq!(mouse().trim(), "1");
    terminal.keys(&["M"]);
    terminal.until("the terminal's mouse", |_| mouse().trim() == "0");
}

#[test]
fn scenario_35_a_pid_goes_to_the_clipboard() {
    let Some(stage) = Stage::set() else { return };
    let terminal = stage.open(80, 24, &[]);
    terminal.keys(&["Down"]);
    terminal.shows("┃>");
    terminal.keys(&["y"]);
    terminal.keys(&["p"]);
    terminal.shows("copied 21934");
    terminal.until("the clipboard", |_| {
        terminal.tmux(&["list-buffers"]).lines().count() == 1
            && terminal.tmux(&["show-buffer"]) == "21934"
    });
}

#[test]
fn scenario_36_rows_are_written_to_a_new_file() {
    let Some(stage) = Stage::set() else { return };
    let terminal = stage.open(80, 24, &[]);
    terminal.keys(&["W"]);
    terminal.shows("netmon-20261120-175605.csv");
    terminal.keys(&["Enter"]);
    let path = stage.path("netmon-20261120-175605.csv");
    terminal.until("the file", |_| path.exists());
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.starts_with("time,interval_s,id,pid,ppid,"), "{text}");
    assert_eq!(text.lines().count(), 1 + 42, "{text}");
    terminal.keys(&["W"]);
    terminal.shows("175605.csv");
    terminal.keys(&["Enter"]);
    terminal.shows("exists");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
}
