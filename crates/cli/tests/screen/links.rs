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
fn scenario_28_silence_is_said_after_three_ticks() {
    let Some(stage) = Stage::set() else { return };
    let terminal = stage.open(80, 24, &[]);
    terminal.shows("● LIVE 17:56:05");
    stage.agent.signal(Signal::SIGSTOP);
    terminal.shows("! no data for 3s");
    stage.agent.signal(Signal::SIGCONT);
    stage.agent.tick(1);
    terminal.shows("● LIVE 17:56:06");
}
