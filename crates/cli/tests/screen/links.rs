//! The agent goes, comes back, or says nothing: scenarios 26 to 28.

use nix::sys::signal::Signal;

use super::stage::Stage;

#[test]
fn scenario_26_without_the_agent_the_data_stay_and_keys_work() {
    let Some(mut stage) = Stage::set() else {
        return;
    };
    let terminal = stage.open(80, 24, &[]);
    stage.agent.tick(3);
    terminal.shows("LIVE 17:56:08");
    stage.agent.stop();
    let lost = terminal.shows_all(&["○ OFFLINE since", "Retry", "STALE"]);
    assert!(lost.has("21934"), "{lost}");
    terminal.keys(&["Left"]);
    terminal.shows("HISTORY 17:56:07");
    terminal.keys(&["L", "r"]);
    terminal.shows("RX/s▼");
}

#[test]
fn scenario_27_the_next_agent_is_told_from_the_last() {
    for (args, banner) in [
        (&[][..], "counters kept, "),
        (&["--fresh"][..], "counters start at zero"),
    ] {
        let Some(mut stage) = Stage::set() else {
            return;
        };
        let terminal = stage.open(80, 24, &[]);
        stage.agent.tick(3);
        terminal.shows("LIVE 17:56:08");
        terminal.keys(&["s", "Down"]);
        terminal.shows("TX/s▼");
        stage.agent.stop();
        terminal.shows("○ OFFLINE since");
        stage.agent.again(args);
        terminal.keys(&["R"]);
        terminal.shows_all(&["agent restarted", banner]);
        stage.agent.tick(1);
        let live = terminal.shows("● LIVE 17:56:18");
        assert!(live.has("TX/s▼"), "{live}");
        terminal.until("the selection and the gap", |screen| {
            screen.lines.iter().any(|line| line.starts_with("┃>"))
                && screen.lines[2..5].iter().any(|line| line.contains('?'))
        });
    }
}

#[test]
fn scenario_28_silence_is_said_after_three_ticks_and_then_filled() {
    let Some(stage) = Stage::set() else { return };
    let terminal = stage.open(80, 24, &[]);
    terminal.shows("● LIVE 17:56:05");
    stage.agent.signal(Signal::SIGSTOP);
    // A machine with too much to do may draw a second later.
    terminal.until("no data for 3s", |screen| {
        (3..6).any(|seconds| screen.has(&format!("! no data for {seconds}s")))
    });
    // The kernel went on counting: the first reading after the sleep has all of it, and is as long.
    stage.agent.order("skip 3");
    stage.agent.order("tick 1");
    stage.agent.signal(Signal::SIGCONT);
    terminal.shows("● LIVE 17:56:09");
    terminal.until("four columns as high as what moved in them", |screen| {
        screen.lines[4]
            .split('│')
            .filter(|half| half.len() > 1)
            .all(|half| {
                let bars: Vec<char> = half.chars().rev().take(4).collect();
                !half.contains('?') && bars[0] != ' ' && bars.iter().all(|bar| *bar == bars[0])
            })
    });
}

#[test]
fn scenario_29_a_viewer_that_was_stopped_catches_up() {
    let Some(stage) = Stage::set() else { return };
    let mark = stage.path("pid");
    let top = stage.top(&[]);
    let command = format!(
        "sh -c 'echo $$ >{}; exec \"$0\" \"$@\"' {top}",
        mark.display()
    );
    let terminal = stage.shell(80, 24, &command);
    terminal.shows("17:55:33");
    let viewer: i32 = std::fs::read_to_string(&mark)
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    let viewer = nix::unistd::Pid::from_raw(viewer);
    let before = stage.agent.resident();
    nix::sys::signal::kill(viewer, Signal::SIGSTOP).unwrap();
    // More than the connection holds.
    stage.agent.order("rush 900");
    stage.agent.reaches("2026-11-20T18:11:05");
    assert!(stage.agent.resident() < before + (16 << 20));
    nix::sys::signal::kill(viewer, Signal::SIGCONT).unwrap();
    terminal.shows("18:11:05");
    terminal.keys(&["!"]);
    terminal.shows("viewer is slow: ");
    terminal.keys(&["!"]);
    terminal.until("no holes", |screen| {
        screen.has("18:11:05") && !screen.lines[2..5].iter().any(|line| line.contains('?'))
    });
}

#[test]
fn scenario_37_viewers_do_not_disturb_each_other() {
    let Some(stage) = Stage::set() else { return };
    let (pausing, sorting) = (stage.open(80, 24, &[]), stage.open(80, 24, &[]));
    let third = stage.open(80, 24, &[]);
    pausing.keys(&["Space"]);
    pausing.shows("‖ PAUSED");
    sorting.keys(&["p", "m", "z", "o"]);
    sorting.shows("PID▲");
    stage.agent.tick(2);
    pausing.shows("PAUSED 17:56:05 (2s behind)");
    sorting.shows("LIVE 17:56:07");
    let other = third.shows("LIVE 17:56:07");
    assert!(other.has("by RX+TX"), "{other}");
    assert_eq!(other.pids()[0], 21934, "{other}");
}
