//! Which columns are usual for which question.

use super::Question;
use crate::args::query::GroupChoice;

/// Of a table, with priorities; 1 goes last.
pub fn table(group: GroupChoice, question: Question, peaks: bool) -> Vec<(&'static str, u8)> {
    let mut layout = match (group, question) {
        (GroupChoice::Process, Question::Tick) => TICK.to_vec(),
        (GroupChoice::Process, _) => PROCESSES.to_vec(),
        (_, _) => GROUPS.to_vec(),
    };
    if peaks {
        layout.push(("peak_at", 2));
        // When the highest tick was means nothing without how high it was.
        layout.retain(|(id, _)| *id != "peak");
        let at = layout.len() - 1;
        layout.insert(at, ("peak", 2));
    }
    layout
}

/// Of `wide`.
pub fn wide(group: GroupChoice) -> &'static [&'static str] {
    match group {
        GroupChoice::Process => &[
            "pid",
            "ppid",
            "user",
            "name",
            "unit",
            "container",
            "state",
            "rx_bytes",
            "tx_bytes",
            "rx",
            "tx",
            "share",
            "peak_rx",
            "peak_tx",
            "peak_at",
            "active",
            "rx_total",
            "tx_total",
            "total",
            "age",
            "ended",
            "exit",
        ],
        _ => &[
            "group",
            "processes",
            "rx_bytes",
            "tx_bytes",
            "rx",
            "tx",
            "share",
            "peak_rx",
            "peak_tx",
            "peak_at",
            "active",
        ],
    }
}

/// Of CSV.
pub fn csv(group: GroupChoice, question: Question, peaks: bool) -> Vec<&'static str> {
    let process = group == GroupChoice::Process;
    let mut ids: Vec<&str> = Vec::new();
    if question == Question::Steps {
        ids.extend(["time", "interval"]);
        if process {
            ids.extend(["id", "pid", "name"]);
        } else {
            ids.extend(["group_by", "group", "processes"]);
        }
        ids.extend(["rx_bytes", "tx_bytes", "max_rx", "max_tx"]);
        if peaks {
            ids.push("peak_at");
        }
        ids.push("missing");
        return ids;
    }
    ids.extend(["window_start", "window_end"]);
    if process {
        ids.extend(["id", "pid", "started", "ended", "state", "exit_code"]);
        ids.extend(["exit_signal", "user", "name", "unit", "container"]);
    } else {
        ids.extend(["group_by", "group", "processes"]);
    }
    ids.extend(["rx_bytes", "tx_bytes", "rx", "tx"]);
    ids.extend(["peak_rx", "peak_tx", "peak_at", "active"]);
    if process && question == Question::Tick {
        ids.extend(["rx_total", "tx_total"]);
    }
    ids
}

const PROCESSES: &[(&str, u8)] = &[
    ("pid", 2),
    ("user", 7),
    ("name", 1),
    ("state", 6),
    ("rx_bytes", 1),
    ("tx_bytes", 1),
    ("share", 3),
    ("rate", 4),
    ("peak", 5),
    ("active", 8),
    ("ended", 9),
    ("exit", 9),
    ("rx", 10),
    ("tx", 10),
];

// What a viewer of that tick saw.
const TICK: &[(&str, u8)] = &[
    ("pid", 2),
    ("user", 5),
    ("name", 1),
    ("state", 4),
    ("rx", 1),
    ("tx", 1),
    ("share", 2),
    ("total", 3),
    ("ended", 6),
    ("exit", 6),
    ("rx_total", 7),
    ("tx_total", 8),
];

const GROUPS: &[(&str, u8)] = &[
    ("group", 1),
    ("processes", 3),
    ("rx_bytes", 1),
    ("tx_bytes", 1),
    ("share", 2),
    ("rate", 4),
    ("peak", 5),
    ("active", 6),
    ("rx", 7),
    ("tx", 7),
];

#[cfg(test)]
mod tests {
    use super::super::columns;
    use super::*;
    use crate::output::columns::find_in;

    #[test]
    fn every_usual_name_is_a_column() {
        for group in [GroupChoice::Process, GroupChoice::User] {
            let all = columns::of(group);
            for question in [Question::Totals, Question::Steps, Question::Tick] {
                for peaks in [false, true] {
                    let table = table(group, question, peaks);
                    let table = table.iter().map(|(id, _)| *id);
                    for id in table.chain(csv(group, question, peaks)) {
                        assert!(find_in(&all, id).is_ok(), "{id}");
                    }
                }
            }
            for id in wide(group) {
                assert!(find_in(&all, id).is_ok(), "{id}");
            }
        }
    }
}
