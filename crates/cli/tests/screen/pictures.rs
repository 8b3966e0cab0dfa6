//! The pictures of the README are what the screen shows. `scripts/screenshots` makes them anew.

use std::path::PathBuf;

use super::screen::Screen;
use super::stage::with_names;
use super::stage::Stage;
use super::svg::picture;
use super::terminal::Terminal;

/// Compares it with the one that is checked in, or writes it.
fn check(terminal: &Terminal, name: &str, title: &str) {
    let size = terminal.tmux(&["display-message", "-p", "-t", "t", "#{pane_width}"]);
    let made = picture(&terminal.styled(), size.trim().parse().unwrap(), title);
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../docs/images")
        .join(format!("{name}.svg"));
    if std::env::var_os("NETMON_WRITE_IMAGES").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, made).unwrap();
        return;
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == made,
        "docs/images/{name}.svg is not what the screen shows; run scripts/screenshots\n{}",
        terminal.screen()
    );
}

fn stage() -> Option<Stage> {
    if with_names().is_none() {
        eprintln!("SKIPPED: the pictures have names of users");
        return None;
    }
    Stage::set()
}

fn selected(screen: &Screen, text: &str) -> bool {
    let row = screen.lines.iter().find(|line| line.starts_with("┃>"));
    row.is_some_and(|row| row.contains(text))
}

#[test]
fn picture_of_the_present() {
    let Some(stage) = stage() else { return };
    let terminal = stage.open(160, 45, &[]);
    terminal.keys(&["Down"]);
    terminal.keys(&["Down"]);
    terminal.until("nginx and its connections", |screen| {
        selected(screen, " 1187 ") && screen.has("203.0.113.9:50122") && screen.has("17:55:33")
    });
    check(
        &terminal,
        "live",
        "netmon top: who uses the network, who has ended, and one process in detail",
    );
}

#[test]
fn picture_of_the_past() {
    let Some(stage) = stage() else { return };
    let terminal = stage.open(100, 30, &[]);
    terminal.shows("48.1MiB");
    terminal.keys(&["P"]);
    terminal.shows_all(&["◀ HISTORY 17:55:33", "L live"]);
    check(
        &terminal,
        "history",
        "netmon top: back in time, at the highest peak",
    );
}

#[test]
fn picture_of_connections() {
    let Some(stage) = stage() else { return };
    let terminal = stage.open(100, 30, &[]);
    terminal.shows("17:55:33");
    terminal.keys(&["3"]);
    terminal.shows_all(&["3 Connections", "203.0.113.200:443", "17:55:33"]);
    check(&terminal, "connections", "netmon top: connections");
}

#[test]
fn picture_of_groups() {
    let Some(stage) = stage() else { return };
    let terminal = stage.open(100, 30, &[]);
    terminal.shows("17:55:33");
    terminal.keys(&["b"]);
    terminal.keys(&["s"]);
    terminal.shows("18 groups");
    terminal.keys(&["Down"]);
    terminal.keys(&["Down"]);
    terminal.keys(&["e"]);
    terminal.until("nginx.service open", |screen| {
        selected(screen, "nginx.service") && screen.has("4 idle") && screen.has("17:55:33")
    });
    check(&terminal, "groups", "netmon top: grouped by systemd unit");
}
