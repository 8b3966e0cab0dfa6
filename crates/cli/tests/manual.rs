//! Versions, completions and manual pages, with and without an agent.

mod support;

use std::path::Path;

use support::agent::FakeAgent;
use support::program::run;

#[test]
fn the_version_of_this_program_needs_no_agent() {
    let outcome = run(Path::new("/nonexistent/agent.sock"), &["version"]);
    assert_eq!(
        (outcome.code, outcome.stdout.as_str()),
        (0, "netmon 0.1.0 (API 1.0)\n")
    );
    let agent = FakeAgent::usual();
    let outcome = run(&agent.socket(), &["version"]);
    assert_eq!(
        outcome.stdout,
        "netmon 0.1.0 (API 1.0)\nnetmon-agent 0.1.0 (API 1.0)\n"
    );
}

#[test]
fn completions_and_manual_pages_need_no_agent() {
    let nowhere = Path::new("/nonexistent/agent.sock");
    for shell in ["bash", "zsh", "fish"] {
        let outcome = run(nowhere, &["completions", shell]);
        assert_eq!(outcome.code, 0);
        assert!(outcome.stdout.contains("processes"), "{shell}");
        assert!(outcome.stdout.contains("debug-points"), "{shell}");
    }
    let directory = tempfile::tempdir().unwrap();
    assert_eq!(
        run(nowhere, &["man", directory.path().to_str().unwrap()]).code,
        0
    );
    for page in [
        "netmon.1",
        "netmon-watch.1",
        "netmon-processes.1",
        "netmon-query.1",
        "netmon-trace.1",
    ] {
        assert!(directory.path().join(page).exists(), "{page}");
    }
}

#[test]
fn every_command_about_traffic_has_three_examples() {
    let nowhere = Path::new("/nonexistent/agent.sock");
    for command in ["top", "watch", "query", "processes", "connections", "trace"] {
        let help = run(nowhere, &[command, "-h"]).stdout;
        let examples = help.split("Examples:").nth(1).unwrap_or_default();
        let lines = examples.lines();
        let lines = lines.filter(|line| line.starts_with("  netmon "));
        assert_eq!(lines.count(), 3, "{command}");
    }
    let help = run(nowhere, &["query", "--help"]).stdout;
    assert!(help.contains("over the length that is covered: averages"));
}
