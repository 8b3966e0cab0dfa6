//! Views, help and sizes: scenarios 17, 24 and 25.

use super::stage::Stage;

#[test]
fn scenario_17_the_exited_ranking_tells_how_they_ended() {
    let Some(stage) = Stage::set() else { return };
    let terminal = stage.open(80, 24, &[]);
    terminal.keys(&["2"]);
    let screen = terminal.shows_all(&["2 Exited", "29881"]);
    assert_eq!(screen.pids()[0], 29881, "{screen}");
    assert!(screen.process(29881).contains("1.44GiB"), "{screen}");
    for (pid, end) in [(31790, "100"), (31455, "SIGKILL"), (31871, "7")] {
        assert!(screen.process(pid).trim_end().ends_with(end), "{screen}");
    }
    assert_eq!(screen.pids().len(), 7, "{screen}");
}

#[test]
fn scenario_24_help_lists_the_keys_and_scrolls() {
    let Some(stage) = Stage::set() else { return };
    let terminal = stage.open(80, 24, &[]);
    terminal.keys(&["?"]);
    let help = terminal.shows("Help · Live");
    for text in ["MOVE", "SORT", "TIME", "Space", "pause, resume"] {
        assert!(help.has(text), "{text}\n{help}");
    }
    terminal.keys(&["?"]);
    terminal.until("the list", |screen| !screen.has("Help"));
    terminal.resize(50, 15);
    terminal.keys(&["?"]);
    let help = terminal.shows("Help · Live");
    let place = |screen: &super::screen::Screen| {
        let title = screen.line("Help · Live").to_owned();
        title
            .split_whitespace()
            .find(|word| word.contains('/'))
            .map(str::to_owned)
    };
    let first = place(&help);
    assert!(
        first.as_deref().is_some_and(|p| p.starts_with("1-")),
        "{help}"
    );
    terminal.keys(&["Down"]);
    terminal.until("the next line", |screen| {
        screen.has("Help · Live") && place(screen) != first
    });
    terminal.keys(&["?"]);
    terminal.until("the list", |screen| !screen.has("Help"));
}

#[test]
fn scenario_25_every_size_has_its_layout() {
    let Some(stage) = Stage::set() else { return };
    let terminal = stage.open(80, 24, &[]);
    terminal.shows_all(&["9/42 procs", "by RX+TX"]);
    terminal.resize(160, 45);
    terminal.shows_all(&["1 Live", "Exited", "TREND 60s"]);
    terminal.resize(100, 30);
    terminal.shows_all(&["1 Live", "┌─ Exited", "1s/col"]);
    terminal.resize(80, 24);
    terminal.until("one panel", |screen| {
        screen.lines.len() == 24 && !screen.has("Exited · last")
    });
    terminal.resize(50, 15);
    terminal.until("no waveform", |screen| {
        screen.lines.len() == 15 && !screen.has("┌─ RX")
    });
    terminal.resize(36, 8);
    terminal.shows("netmon needs 40x10, this is 36x8.");
    terminal.resize(1, 1);
    terminal.until("one cell", |screen| screen.lines.len() <= 1);
    terminal.resize(80, 24);
    // Like one that has always been that large.
    stage.agent.tick(1);
    terminal.shows("17:56:06");
    let other = stage.shell(80, 24, &stage.top(&[]));
    other.shows("17:56:06");
    terminal.until("the same screen", |screen| *screen == other.screen());
}

#[test]
fn scenario_18_who_ends_is_marked_and_moves_to_the_exited() {
    let Some(stage) = Stage::set() else { return };
    let terminal = stage.open(80, 24, &[]);
    let selecting = stage.open(80, 24, &[]);
    for _ in 0..9 {
        selecting.keys(&["Down"]);
    }
    let marked = |screen: &super::screen::Screen, pid: &str| {
        let row = screen.lines.iter().find(|line| line.starts_with("┃>"));
        row.is_some_and(|row| row.contains(pid))
    };
    selecting.until("git selected", |screen| marked(screen, " 31877 "));
    stage.agent.feed("exit 31877");
    let ended = terminal.shows("17:56:06");
    assert!(ended.process(31877).starts_with(" ×"), "{ended}");
    stage.agent.tick(6);
    let gone = terminal.shows("17:56:12");
    assert!(!gone.pids().contains(&31877), "{gone}");
    let kept = selecting.shows("17:56:12");
    assert!(marked(&kept, " 31877 "), "{kept}");
    selecting.keys(&["Enter"]);
    selecting.shows("exited 17:56:06, code 0");
    selecting.keys(&["Escape"]);
    selecting.until("details closed", |screen| marked(screen, " 31877 "));
    selecting.keys(&["Escape"]);
    selecting.until("it is gone", |screen| !screen.pids().contains(&31877));
    terminal.keys(&["2"]);
    let exited = terminal.shows("2 Exited");
    let git = exited.process(31877).trim_end();
    assert!(git.contains("17:56:06") && git.ends_with(" 0"), "{exited}");
}
