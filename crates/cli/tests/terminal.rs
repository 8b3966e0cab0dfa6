//! What a terminal gets, by its width.

mod support;

use std::fs::File;
use std::io::Read as _;
use std::process::Command;

use nix::pty::openpty;
use nix::pty::Winsize;
use support::agent::FakeAgent;
use support::past::Past;

// What the program prints on a terminal this wide, without carriage returns.
fn on_terminal(agent: &FakeAgent, columns: u16, args: &[&str]) -> String {
    let size = Winsize {
        ws_row: 24,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    let terminal = openpty(Some(&size), None).expect("a pseudo terminal");
    let stream = || terminal.slave.try_clone().expect("a descriptor");
    // The program asks its controlling terminal, so it gets a session of its own.
    let mut child = Command::new("setsid")
        .args(["--ctty", "--wait", env!("CARGO_BIN_EXE_netmon"), "--socket"])
        .arg(agent.socket())
        .args(args)
        .env("TZ", "UTC")
        .env("LC_ALL", "C.UTF-8")
        .env("TERM", "xterm")
        .stdin(stream())
        .stdout(stream())
        .stderr(stream())
        .spawn()
        .expect("setsid of util-linux");
    drop(terminal.slave);
    let mut text = Vec::new();
    // Reading fails once the other end is closed; what came before is there.
    let _ = File::from(terminal.master).read_to_end(&mut text);
    let _ = child.wait();
    String::from_utf8_lossy(&text).replace('\r', "")
}

#[test]
fn tables_fit_the_terminal_and_hold_no_escapes() {
    let agent = FakeAgent::usual();
    for columns in [36, 60, 80, 100, 160] {
        let text = on_terminal(&agent, columns, &["ps"]);
        assert!(text.contains("TOTAL"), "{text}");
        assert!(!text.contains('\u{1b}'), "{text}");
        for line in text.lines() {
            let width = unicode_width::UnicodeWidthStr::width(line);
            assert!(width <= columns.into(), "{width} of {columns}: {line}");
        }
    }
}

#[test]
fn command_lines_take_what_is_left() {
    let agent = FakeAgent::usual();
    let text = on_terminal(&agent, 60, &["ps", "--cmdline", "--top", "1"]);
    assert!(text.contains(" curl -x 'a b' "), "{text}");
}

#[test]
fn json_is_indented_for_people() {
    let text = on_terminal(&FakeAgent::usual(), 80, &["ps", "-j"]);
    assert!(text.starts_with("{\n  \"type\": \"sample\",\n"), "{text}");
}

#[test]
fn an_answer_says_what_it_covers() {
    let agent = FakeAgent::with_past(Past::default());
    let args = ["query", "--since", "30s", "--columns", "pid"];
    let text = on_terminal(&agent, 80, &args);
    let footer =
        "window 17:55:35-17:56:05 (30s, 30 ticks, 0 missing); history goes back to 17:55:05\n";
    assert!(text.ends_with(footer), "{text}");
    let mut utc = vec!["--time", "iso"];
    utc.extend(args);
    let text = on_terminal(&agent, 80, &utc);
    assert!(
        text.contains("window 2026-11-20T17:55:35.000Z-2026"),
        "{text}"
    );
    let mut quiet = args.to_vec();
    quiet.push("-q");
    assert!(!on_terminal(&agent, 80, &quiet).contains("window"));
}

#[test]
fn tables_of_the_history_fit_the_terminal() {
    let agent = FakeAgent::with_past(Past::default());
    for columns in [40, 60, 80, 100, 160] {
        for more in [&["--peaks"][..], &["-g", "unit"], &["--at", "17:55:36"]] {
            let mut args = vec!["query", "-q"];
            args.extend(more);
            let text = on_terminal(&agent, columns, &args);
            assert!(text.contains("TOTAL"), "{text}");
            for line in text.lines() {
                let width = unicode_width::UnicodeWidthStr::width(line);
                assert!(width <= columns.into(), "{width} of {columns}: {line}");
            }
        }
    }
}
