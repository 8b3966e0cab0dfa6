//! The README's commands do what it says.

use std::process::Command;
use std::time::Duration;

use crate::stage::binary;
use crate::stage::ready;
use crate::stage::Stage;

const README: &str = include_str!("../../../../README.md");

/// The commands of the README's shell blocks that begin with a word.
fn commands(first: &str) -> Vec<Vec<&'static str>> {
    let blocks = README
        .split("```sh\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next());
    blocks
        .flat_map(str::lines)
        .map(|line| line.split(" # ").next().unwrap_or_default())
        .map(|line| {
            line.split_whitespace()
                .map(|word| word.trim_matches('\''))
                .collect::<Vec<_>>()
        })
        .filter(|words| words.first() == Some(&first))
        .collect()
}

#[test]
fn every_netmon_command_runs() {
    if !ready() {
        return;
    }
    let stage = Stage::with_agent("readme");
    let commands = commands("netmon");
    assert!(commands.len() >= 5, "{commands:?}");
    for words in commands {
        if words[1] == "top" {
            screen(&stage);
            continue;
        }
        let output = stage.run(&words[1..]);
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{words:?}: {text}");
        assert!(!output.stdout.is_empty(), "{words:?} prints nothing");
    }
}

#[test]
fn every_script_it_names_exists() {
    let scripts: Vec<_> = README
        .split_whitespace()
        .filter(|w| w.starts_with("scripts/"))
        .collect();
    assert!(scripts.len() >= 2);
    for script in scripts {
        let path = format!("{}/../../{script}", env!("CARGO_MANIFEST_DIR"));
        assert!(std::path::Path::new(&path).exists(), "{script}");
    }
}

/// `netmon top` in a real terminal: draws, and leaves when told to.
fn screen(stage: &Stage) {
    let server = format!("netmon-live-{}", std::process::id());
    let tmux = |arguments: &[&str]| {
        let output = Command::new("tmux")
            .args(["-L", &server])
            .args(arguments)
            .output();
        String::from_utf8_lossy(&output.expect("tmux").stdout).into_owned()
    };
    let wait_for = |word: &str| {
        for _ in 0..100 {
            let screen = tmux(&["capture-pane", "-p", "-t", "top"]);
            if screen.contains(word) {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!(
            "no '{word}' on the screen:\n{}",
            tmux(&["capture-pane", "-p", "-t", "top"])
        );
    };
    let command = format!(
        "env LC_ALL=C.UTF-8 {} --socket {} top; echo ended=$?; sleep 20",
        binary("netmon").display(),
        stage.socket().display()
    );
    tmux(&[
        "new-session",
        "-d",
        "-s",
        "top",
        "-x",
        "100",
        "-y",
        "30",
        &command,
    ]);
    wait_for("● LIVE");
    tmux(&["send-keys", "-t", "top", "q"]);
    wait_for("ended=0");
    tmux(&["kill-server"]);
}
