//! Details, groups and connections: scenarios 20 and 21, and the view of connections.

use super::screen::Screen;
use super::stage::Stage;

/// The selected row.
fn selected(screen: &Screen) -> Option<&str> {
    let found = screen.lines.iter().find(|line| line.starts_with("┃>"));
    found.map(String::as_str)
}

#[test]
fn scenario_20_details_open_grow_and_close() {
    let Some(stage) = Stage::set() else { return };
    let terminal = stage.open(100, 30, &[]);
    terminal.keys(&["Down"]);
    terminal.keys(&["Down"]);
    terminal.until("nginx", |screen| {
        selected(screen).is_some_and(|row| row.contains(" 1187 "))
    });
    terminal.keys(&["Enter"]);
    let pane = terminal.shows_all(&["1187 nginx", "nginx: worker process", "203.0.113.9:50122"]);
    for text in [
        "www-data (33)",
        "parent 1180 nginx",
        "nginx.service",
        "TCP 97%",
        "IPv6 19%",
        "2.20MiB",
    ] {
        assert!(pane.has(text), "{text}\n{pane}");
    }
    assert!(pane.has("1 Live"), "{pane}");
    terminal.keys(&["Enter"]);
    terminal.until("full screen", |screen| {
        screen.has("REMOTE")
            && screen.has("LOCAL")
            && screen.has("CLOSE_W")
            && !screen.has("1 Live")
    });
    terminal.keys(&["Escape"]);
    terminal.shows_all(&["1 Live", "203.0.113.9:50122"]);
    terminal.keys(&["Escape"]);
    let closed = terminal.until("the list alone", |screen| {
        screen.has("1 Live") && !screen.has("203.0.113.9:50122")
    });
    assert!(
        selected(&closed).is_some_and(|row| row.contains(" 1187 ")),
        "{closed}"
    );
}

#[test]
fn scenario_21_groups_add_up_and_open() {
    let Some(stage) = Stage::set() else { return };
    let terminal = stage.open(80, 24, &[]);
    terminal.keys(&["b"]);
    terminal.keys(&["s"]);
    let groups = terminal.shows_all(&["grouped by unit", "18 groups"]);
    let nginx = groups.line("nginx.service").to_owned();
    assert!(nginx.contains('▸'), "{groups}");
    assert!(
        nginx.contains("1.21MiB") && nginx.contains("3.62MiB"),
        "{groups}"
    );
    terminal.keys(&["Down"]);
    terminal.keys(&["Down"]);
    terminal.until("nginx.service selected", |screen| {
        selected(screen).is_some_and(|row| row.contains("nginx.service"))
    });
    terminal.keys(&["e"]);
    let open = terminal.shows_all(&["▾ nginx.service", "└ "]);
    assert!(open.line(" 1187 nginx").contains("3.62MiB"), "{open}");
    assert!(open.line("└ ").contains("4 idle"), "{open}");
}

#[test]
fn connections_are_listed_with_both_ends() {
    let Some(stage) = Stage::set() else { return };
    let terminal = stage.open(100, 30, &[]);
    terminal.keys(&["3"]);
    let screen = terminal.shows_all(&["3 Connections · 148", "10.0.0.5:51544"]);
    let first = screen.line("10.0.0.5:51544");
    for text in [
        "TCP ",
        "203.0.113.200:443",
        "ESTAB",
        "21934",
        "curl",
        "8.90MiB",
    ] {
        assert!(first.contains(text), "{text}\n{screen}");
    }
    assert!(
        screen.line("[2001:db8::5]:443").contains("212KiB"),
        "{screen}"
    );
}
