//! What `netmon query` prints of a minute of history.

// Helpers of tests may panic as tests may.
#![allow(clippy::unwrap_used)]

mod support;

use support::agent::FakeAgent;
use support::past::Past;
use support::program::printed;

fn agent() -> FakeAgent {
    FakeAgent::with_past(Past::default())
}

// The whole minute that is kept.
fn minute(args: &[&str]) -> String {
    let mut all = vec!["query", "--since", "60s"];
    all.extend(args);
    printed(&agent(), &all)
}

#[test]
fn a_window_is_a_table_of_processes() {
    insta::assert_snapshot!(minute(&[]));
}

#[test]
fn peaks_have_a_time_when_asked_for() {
    insta::assert_snapshot!(minute(&["--peaks", "--top", "2"]));
}

#[test]
fn wide_prints_all_columns() {
    insta::assert_snapshot!(minute(&["-f", "wide", "-a"]));
}

#[test]
fn steps_are_tables_with_their_times() {
    insta::assert_snapshot!(minute(&["--step", "30s"]));
}

#[test]
fn csv_of_a_window() {
    insta::assert_snapshot!(minute(&["-f", "csv", "-a"]));
}

#[test]
fn csv_of_steps() {
    insta::assert_snapshot!(minute(&["-f", "csv", "--step", "30s", "-a"]));
    insta::assert_snapshot!(minute(&[
        "-f", "csv", "--step", "30s", "--peaks", "--top", "1"
    ]));
}

#[test]
fn csv_of_groups() {
    insta::assert_snapshot!(minute(&["-f", "csv", "-g", "user", "-a"]));
    insta::assert_snapshot!(minute(&["-f", "csv", "-g", "proto", "--step", "30s"]));
}

#[test]
fn json_is_one_document() {
    let text = minute(&["-j", "--top", "1", "-a", "--cmdline"]);
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    insta::assert_snapshot!(serde_json::to_string_pretty(&document).unwrap());
}

#[test]
fn json_lines_are_steps() {
    insta::assert_snapshot!(minute(&["-f", "jsonl", "--step", "30s", "-g", "unit"]));
}

#[test]
fn flat_lines_are_rows() {
    insta::assert_snapshot!(minute(&["-f", "jsonl", "--flatten", "-g", "state"]));
}

#[test]
fn one_tick_is_what_a_viewer_saw() {
    insta::assert_snapshot!(printed(&agent(), &["query", "--at", "17:55:36"]));
    insta::assert_snapshot!(printed(
        &agent(),
        &["query", "--at", "17:55:36", "-f", "csv"]
    ));
}

#[test]
fn groups_are_named_for_people() {
    let table = minute(&["-g", "user"]);
    assert!(table.contains("\nroot "), "{table}");
    assert!(table.contains("\n64001 "), "{table}");
    insta::assert_snapshot!(minute(&["-g", "unit"]));
}
