//! What is copied and written.

use std::sync::Arc;

use crossterm::event::KeyCode;

use super::Outgoing;
use crate::top::action::Action;
use crate::top::fixture;
use crate::top::fixture::hands::code;
use crate::top::fixture::hands::press;
use crate::top::fixture::NOW;
use crate::top::model::screen::Popup;
use crate::top::model::Model;

fn copied(model: &mut Model) -> String {
    match model.take_outgoing() {
        Some(Outgoing::Copy(text)) => text,
        other => panic!("{other:?}"),
    }
}

fn written(model: &mut Model) -> (String, String, usize) {
    match model.take_outgoing() {
        Some(Outgoing::File { path, text, rows }) => (path, text, rows),
        other => panic!("{other:?}"),
    }
}

#[test]
fn scenario_35_fields_of_the_selected_process_are_copied() {
    let mut model = fixture::model(80, 24);
    press(&mut model, "yp");
    assert_eq!(copied(&mut model), "21934");
    assert_eq!(model.notices.banner(), Some("copied 21934"));
    code(&mut model, KeyCode::Down);
    code(&mut model, KeyCode::Down);
    press(&mut model, "yr");
    let row = copied(&mut model);
    assert!(row.starts_with("1187\twww-data\tnginx\t"), "{row:?}");
    assert_eq!(row.split('\t').count(), 9);
    press(&mut model, "yj");
    let row: serde_json::Value = serde_json::from_str(&copied(&mut model)).unwrap();
    assert_eq!((&row["pid"], &row["name"]), (&1187.into(), &"nginx".into()));
    assert!(row["rx_bytes_per_s"].as_u64() > Some(0));
    // Not known is said, and nothing is copied.
    press(&mut model, "ya");
    assert_eq!(model.take_outgoing(), None);
    assert!(model
        .notices
        .banner()
        .unwrap()
        .starts_with("nothing to copy"));
    press(&mut model, "yx");
    assert_eq!((model.popup, model.take_outgoing()), (Popup::None, None));
}

#[test]
fn scenario_36_the_shown_rows_become_a_file_that_replaces_none() {
    let mut model = fixture::model(80, 24);
    press(&mut model, "r");
    press(&mut model, "W");
    code(&mut model, KeyCode::Enter);
    let (path, text, rows) = written(&mut model);
    assert_eq!((path.as_str(), rows), ("netmon-20261120-175605.csv", 12));
    let mut lines = text.lines();
    assert_eq!(
        lines.next(),
        Some(
            "time,interval_s,id,pid,ppid,start_time,state,uid,user,name,unit,container,conns_tcp,\
             conns_udp,rx_bytes,tx_bytes,rx_bytes_per_s,tx_bytes_per_s,rx_bytes_total,\
             tx_bytes_total,rx_peak_bytes_per_s,tx_peak_bytes_per_s,lower_bound"
        )
    );
    let pids: Vec<_> = lines.map(|line| line.split(',').nth(3).unwrap()).collect();
    assert_eq!(pids[..3], ["21934", "1187", "5120"]);
    assert_eq!(pids.len(), 12);
    model.apply(Action::Written(Err(format!("{path} exists"))));
    assert!(matches!(model.popup, Popup::Prompt(_)));
    for _ in 0..4 {
        code(&mut model, KeyCode::Backspace);
    }
    press(&mut model, ".json");
    code(&mut model, KeyCode::Enter);
    let (path, text, _) = written(&mut model);
    assert_eq!(path, "netmon-20261120-175605.json");
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(document["type"], "sample");
    assert_eq!(document["rows"].as_array().map(Vec::len), Some(12));
    model.apply(Action::Written(Ok("wrote 12 rows".to_owned())));
    assert_eq!(model.popup, Popup::None);
}

#[test]
fn what_is_written_is_what_was_on_screen_then() {
    let mut model = fixture::model(80, 24);
    press(&mut model, "P");
    assert_eq!(fixture::hands::shown(&model), NOW - 32);
    press(&mut model, "W");
    code(&mut model, KeyCode::Enter);
    let (path, text, _) = written(&mut model);
    assert_eq!(path, "netmon-20261120-175533.csv");
    let first = text.lines().nth(1).unwrap();
    assert!(
        first.starts_with("2026-11-20T17:55:33.000Z,1.000,"),
        "{first}"
    );
    assert!(first.contains(&format!(",{},", 46 << 20)), "{first}");
}

#[test]
fn control_characters_do_not_reach_the_clipboard() {
    let mut model = fixture::empty(80, 24);
    let mut sample = fixture::web01(NOW);
    Arc::make_mut(&mut sample.rows[0].facts).args = vec!["a\u{1b}[31m\nrm -rf".to_owned()];
    fixture::feed(&mut model, sample);
    press(&mut model, "yc");
    let text = copied(&mut model);
    assert!(!text.chars().any(char::is_control), "{text:?}");
}
