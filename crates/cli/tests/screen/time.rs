//! Pausing, and going back in time: scenarios 12 to 16.

use super::stage::Stage;

#[test]
fn scenario_12_a_pause_holds_the_screen_and_loses_nothing() {
    let Some(stage) = Stage::set() else { return };
    let terminal = stage.open(80, 24, &[]);
    terminal.keys(&["Space"]);
    let before = terminal.shows("‖ PAUSED 17:56:05");
    stage.agent.tick(12);
    let paused = terminal.shows("‖ PAUSED 17:56:05 (12s behind)");
    assert_eq!(paused.pids(), before.pids());
    assert_eq!(paused.process(21934), before.process(21934));
    terminal.keys(&["Space"]);
    let live = terminal.shows("● LIVE 17:56:17");
    assert!(
        !live.lines[1..6].iter().any(|line| line.contains('?')),
        "{live}"
    );
}

#[test]
fn scenario_13_one_key_goes_to_the_peak() {
    let Some(stage) = Stage::set() else { return };
    let terminal = stage.open(100, 30, &[]);
    terminal.shows("48.1MiB 17:55:33");
    terminal.keys(&["P"]);
    let screen = terminal.shows("◀ HISTORY 17:55:33 (32s ago)");
    assert!(screen.header().contains("RX 48.1MiB/s"), "{screen}");
    assert!(screen.process(21934).contains("46.0MiB"), "{screen}");
    let cursor = |line: &str| line.matches('┊').count();
    assert!(
        screen.lines.iter().any(|line| cursor(line) >= 1),
        "{screen}"
    );
    let axis = screen.line("now┘");
    assert!(axis.contains("17:55:33"), "{screen}");
}

#[test]
fn longer_steps_are_as_high_as_their_highest_tick() {
    let Some(stage) = Stage::set() else { return };
    let terminal = stage.shell(80, 24, &stage.top(&["--interval", "5s"]));
    terminal.shows("waiting for the first tick");
    stage.agent.tick(5);
    // The history has every tick of before, and each comes one by one from here on.
    terminal.shows("▲48.1MiB 17:55:3");
    terminal.keys(&["P"]);
    let mean = terminal.shows("◀ HISTORY 17:55:3");
    assert!(!mean.header().contains("48.1MiB"), "{mean}");
}

#[test]
fn scenario_14_arrows_and_brackets_move_in_time() {
    let Some(stage) = Stage::set() else { return };
    let terminal = stage.open(80, 24, &[]);
    terminal.shows("17:55:33");
    terminal.keys(&["Left", "Left", "Left"]);
    terminal.shows("◀ HISTORY 17:56:02");
    terminal.keys(&["["]);
    terminal.shows("◀ HISTORY 17:55:52");
    terminal.keys(&["}"]);
    terminal.shows("● LIVE 17:56:05");
}

#[test]
fn scenario_15_a_time_is_typed() {
    let Some(stage) = Stage::set() else { return };
    let terminal = stage.open(80, 24, &[]);
    terminal.keys(&["@"]);
    terminal.types("-5m");
    terminal.keys(&["Enter"]);
    terminal.shows("◀ HISTORY 17:51:05");
    terminal.keys(&["@"]);
    terminal.types("nonsense");
    terminal.keys(&["Enter"]);
    let prompt = terminal.shows("cannot read time 'nonsense'");
    assert!(prompt.footer().contains("nonsense"), "{prompt}");
    terminal.keys(&["C-u"]);
    terminal.types("3d");
    terminal.keys(&["Enter"]);
    terminal.shows_all(&["history starts 17:46:05", "◀ HISTORY 17:46:05"]);
}

#[test]
fn scenario_16_the_past_stands_still_while_time_goes_on() {
    let Some(stage) = Stage::set() else { return };
    let terminal = stage.open(80, 24, &[]);
    terminal.shows("17:55:33");
    terminal.keys(&["Left", "Left", "Left"]);
    // The footer is drawn last.
    let before = terminal.shows_all(&["◀ HISTORY 17:56:02", "L live"]);
    stage.agent.tick(30);
    let after = terminal.shows("+30s");
    assert!(after.header().contains("◀ HISTORY 17:56:02"), "{after}");
    let table =
        |screen: &super::screen::Screen| screen.rows().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(table(&after), table(&before));
    terminal.keys(&["L"]);
    terminal.shows("● LIVE 17:56:35");
}
