//! Without colours, without Unicode: scenarios 31 and 32.

use super::stage::Stage;

/// The SGR parameters of a line.
fn sgr(line: &str) -> Vec<String> {
    let sequences = line.split('\u{1b}').skip(1);
    let parameters = sequences.filter_map(|rest| rest.strip_prefix('[')?.split_once('m'));
    parameters
        .flat_map(|(codes, _)| codes.split(';').map(str::to_owned).collect::<Vec<_>>())
        .collect()
}

#[test]
fn scenario_31_no_color_means_none_and_selection_still_shows() {
    let Some(stage) = Stage::set() else { return };
    let command = format!("NO_COLOR=1 {}", stage.top(&[]));
    let terminal = stage.shell(80, 24, &command);
    terminal.shows("● LIVE 17:56:05");
    terminal.keys(&["Down"]);
    terminal.until("a selection", |screen| {
        screen.lines.iter().any(|line| line.starts_with("┃>"))
    });
    let lines = terminal.styled();
    for code in lines.iter().flat_map(|line| sgr(line)) {
        let number: u32 = code.parse().unwrap_or(0);
        let is_colour = (30..=38).contains(&number) || (40..=48).contains(&number) || number >= 90;
        assert!(!is_colour, "{code}: {lines:#?}");
    }
    assert!(sgr(&lines[0]).contains(&"7".to_owned()), "{lines:#?}");
    let selected = lines
        .iter()
        .find(|line| line.contains('>') && line.contains("curl"));
    let selected = selected.expect("a selected line");
    assert!(sgr(selected).contains(&"7".to_owned()), "{selected:?}");
}

#[test]
fn scenario_32_a_plain_locale_gets_plain_characters() {
    let Some(stage) = Stage::set() else { return };
    let command = format!("LC_ALL=C {}", stage.top_asking(&[]));
    let terminal = stage.shell(80, 24, &command);
    let screen = terminal.shows("* LIVE 17:56:05");
    assert!(screen.to_string().is_ascii(), "{screen}");
    for text in ["+= 1 Live - by RX+TX =", "%v", "|| ", " q quit"] {
        assert!(screen.has(text), "{text}\n{screen}");
    }
}

#[test]
fn a_terminal_that_answers_gets_the_characters_it_shows() {
    let Some(stage) = Stage::set() else { return };
    // It has 150 ms, which can be too short on a machine with too much to do.
    let asked = (0..10).any(|_| {
        let terminal = stage.shell(80, 24, &stage.top_asking(&[]));
        terminal.shows("17:56:05").has("┏━ 1 Live")
    });
    assert!(asked);
}
