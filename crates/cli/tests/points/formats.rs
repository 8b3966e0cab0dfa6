//! What `netmon trace` prints, in every format.

use netmon_api::v1;

use super::printed;
use super::trace;
use super::with;
use super::MISSING;
use crate::support::packets;
use crate::support::packets::Step;

#[test]
fn the_table_has_the_usual_columns() {
    let text = printed(&["-n", "3"]);
    let header = text.lines().next().unwrap();
    let words: Vec<_> = header
        .split("  ")
        .map(str::trim)
        .filter(|w| !w.is_empty())
        .collect();
    assert_eq!(
        words.join(" "),
        "KERNEL FUNCTION SRC IP DST IP SRC PORT DST PORT SEQ ACK SEQ TIMESTAMP"
    );
    insta::assert_snapshot!(text);
}

#[test]
fn wide_addresses_widen_their_columns() {
    insta::assert_snapshot!("table", printed(&["-n", "5"]));
    insta::assert_snapshot!("wide", printed(&["-n", "5", "-f", "wide"]));
    insta::assert_snapshot!("six", printed(&["-n", "5", "-6"]));
    insta::assert_snapshot!("debug", printed(&["-n", "3", "-d"]));
    let text = printed(&["-n", "5", "--no-header"]);
    assert_eq!(text.lines().count(), 5);
}

#[test]
fn csv_has_the_header_of_the_manual() {
    let text = printed(&["-n", "5", "-f", "csv"]);
    assert_eq!(
        text.lines().next(),
        Some(
            "time,function,src_ip,dst_ip,src_port,dst_port,seq,ack_seq,len,flags,interface,cpu,\
             pid,name,since_prev_us"
        )
    );
    insta::assert_snapshot!(text);
    insta::assert_snapshot!(
        "columns",
        printed(&[
            "-n",
            "5",
            "-f",
            "csv",
            "--columns",
            "+proto,+drop,+direction"
        ])
    );
    insta::assert_snapshot!("csv_debug", printed(&["-n", "3", "-f", "csv", "-d"]));
}

#[test]
fn json_lines_end_with_counts() {
    let text = printed(&["-n", "5", "-j"]);
    assert_eq!(text, printed(&["-n", "5", "-f", "jsonl"]));
    insta::assert_snapshot!(text);
    let with_counts = vec![
        packets::started(),
        packets::counts(1, 4, 1, false),
        packets::told(packets::events()),
        Step::Idle,
    ];
    let outcome = with(with_counts, &["-n", "5", "-j"]);
    let text = hide_times(&outcome.stdout);
    insta::assert_snapshot!("json_counts", text);
}

// Counts have the time of their arrival.
fn hide_times(text: &str) -> String {
    let lines = text
        .lines()
        .map(|line| match line.split_once("\"time\":\"") {
            Some((before, after)) if line.contains("\"trace_stats\"") => {
                let rest = after.split_once('"').unwrap().1;
                format!("{before}\"time\":\"…\"{rest}\n")
            }
            _ => format!("{line}\n"),
        });
    lines.collect()
}

fn without_times(text: &str) -> String {
    let lines = text.lines().map(|line| match line.split_once(" (") {
        Some((_, length)) if line.starts_with("--- 2") => format!("--- … ({length}\n"),
        _ => format!("{line}\n"),
    });
    lines.collect()
}

#[test]
fn summaries_come_every_second_and_in_all() {
    let outcome = trace(&["-s", "-n", "2"]);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, MISSING));
    insta::assert_snapshot!(without_times(&outcome.stdout));
    let csv = trace(&["-s", "-n", "2", "-f", "csv"]).stdout;
    let cells = csv.lines().map(|line| line.split_once(',').unwrap().1);
    insta::assert_snapshot!("stats_csv", cells.collect::<Vec<_>>().join("\n"));
    let json = trace(&["-s", "-n", "1", "-j"]).stdout;
    insta::assert_snapshot!("stats_json", hide_times(&json));
}

#[test]
fn hostile_texts_and_missing_fields_are_printed_safely() {
    let hostile = v1::PacketEvent {
        process_name: Some("a\x1b[31m\u{202e}\n,\"b".to_owned()),
        interface: Some("\x07eth\u{200b}0".to_owned()),
        drop_reason: Some("NO\r\nSOCKET".to_owned()),
        symbol: Some("\x1b]0;x".to_owned()),
        point: 99,
        flags: Some(u32::MAX),
        protocol: u32::MAX,
        source_port: Some(u32::MAX),
        ..packets::segment(0, 1, 1)
    };
    let odd = v1::PacketEvent {
        source_address: vec![1, 2, 3],
        header: Some(vec![0x45]),
        ..v1::PacketEvent::default()
    };
    let steps = vec![
        packets::started(),
        packets::told(vec![hostile, odd, v1::PacketEvent::default()]),
        Step::Idle,
    ];
    for format in ["table", "wide", "csv", "jsonl"] {
        for more in [&[][..], &["-d"]] {
            let mut args = vec!["-n", "3", "-f", format];
            args.extend(more);
            let outcome = with(steps.clone(), &args);
            assert_eq!(outcome.code, 0);
            let dangerous = |c: char| c.is_control() && c != '\n' || "\u{202e}\u{200b}".contains(c);
            assert!(!outcome.stdout.chars().any(dangerous), "{}", outcome.stdout);
            let lines = outcome.stdout.lines().count();
            assert!((4..=6).contains(&lines), "{format}: {}", outcome.stdout);
        }
    }
    insta::assert_snapshot!("hostile", with(steps, &["-n", "3", "-f", "wide"]).stdout);
}
