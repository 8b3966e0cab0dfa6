//! Many at once, slow ones, and the end of the agent under them.

use std::time::Duration;
use std::time::Instant;

use serde_json::Value;

use crate::stage::piped;
use crate::stage::ready;
use crate::stage::signal_process;
use crate::stage::Lines;
use crate::stage::Stage;

fn program_ids(stage: &Stage) -> Vec<Value> {
    let status = stage.json(&["status", "--json"]);
    let hooks = status["hooks"].as_array().unwrap();
    let ids: Vec<Value> = hooks
        .iter()
        .map(|hook| hook["program_id"].clone())
        .collect();
    assert!(ids.iter().any(Value::is_u64), "{status}");
    ids
}

#[test]
fn ten_viewers_change_no_program_and_a_stopped_one_delays_nobody() {
    if !ready() {
        return;
    }
    let mut stage = Stage::with_agent("viewers");
    // The hooks are explored after the first tick.
    std::thread::sleep(Duration::from_secs(2));
    let before = program_ids(&stage);
    let mut viewers = Vec::new();
    for _ in 0..10 {
        let mut viewer = piped(stage.client().args(["watch", "-j"]));
        let lines = Lines::of(&mut viewer);
        viewers.push((stage.keep(viewer), lines));
    }
    let (stopped, late_lines) = &viewers[0];
    late_lines.next("sample");
    signal_process(*stopped, "-STOP");
    let begin = Instant::now();
    let mut seen: Vec<u64> = Vec::new();
    while begin.elapsed() < Duration::from_secs(20) {
        for (_, lines) in &viewers[1..] {
            let seq = lines.next("sample")["seq"].as_u64().unwrap();
            seen.push(seq);
        }
    }
    for lane in 0..9 {
        let mine: Vec<u64> = seen.iter().skip(lane).step_by(9).copied().collect();
        assert!(
            mine.windows(2).all(|pair| pair[1] == pair[0] + 1),
            "viewer {lane} missed: {mine:?}"
        );
        assert!(
            mine.len() >= 19,
            "viewer {lane}: {} ticks in 20 s",
            mine.len()
        );
    }
    signal_process(*stopped, "-CONT");
    late_lines.next("sample");
    assert_eq!(program_ids(&stage), before);
}

#[test]
fn the_agent_ends_within_two_seconds_with_viewers_attached_and_goes_on_counting() {
    if !ready() {
        return;
    }
    let mut stage = Stage::with_agent("term");
    let mut viewer = piped(stage.client().args(["watch", "-j", "--no-reconnect"]));
    let lines = Lines::of(&mut viewer);
    lines.next("sample");
    let frozen = piped(stage.client().args(["watch", "-j"]));
    let frozen = stage.keep(frozen);
    signal_process(frozen, "-STOP");
    let begin = Instant::now();
    stage.signal("-TERM");
    assert_eq!(stage.wait(), Some(0));
    assert!(
        begin.elapsed() < Duration::from_secs(2),
        "took {:?}",
        begin.elapsed()
    );
    let kept = format!("v{}/link_1", netmon_bpf::abi::ABI_VERSION);
    lines.next("bye");
    assert_eq!(viewer.wait().unwrap().code(), Some(8));
    assert!(
        ["tcp_rx", "tcp_rx_btf"]
            .iter()
            .any(|program| stage.pins.join(format!("{kept}_{program}")).exists()),
        "the pins are kept"
    );
    assert!(!stage.socket().exists());
    signal_process(frozen, "-CONT");
}
