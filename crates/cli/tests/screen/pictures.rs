//! The pictures of the README are what the screen shows. `scripts/screenshots` makes them anew.

use std::path::PathBuf;

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

#[test]
fn picture_of_the_present() {
    let Some(stage) = stage() else { return };
    let terminal = stage.open(160, 45, &[]);
    terminal.shows("48.1MiB");
    terminal.keys(&["Down"]);
    terminal.until("nginx", |screen| {
        screen.lines.iter().any(|l| l.starts_with("┃>"))
    });
    check(
        &terminal,
        "live",
        "netmon top: processes, who has ended, and the waveform",
    );
}

#[test]
fn picture_of_the_past() {
    let Some(stage) = stage() else { return };
    let terminal = stage.open(100, 30, &[]);
    terminal.shows("48.1MiB");
    terminal.keys(&["P"]);
    terminal.shows("◀ HISTORY 17:55:33");
    check(
        &terminal,
        "history",
        "netmon top: back in time, at the highest peak",
    );
}
