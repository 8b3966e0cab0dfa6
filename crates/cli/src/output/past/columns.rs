//! The columns of the history. Names mean what they mean for samples; rates are averages here.

use std::sync::Arc;
use std::time::Duration;

use super::block::Entry;
use crate::args::query::GroupChoice;
use crate::output::cells;
use crate::output::columns;
use crate::output::columns::every;
use crate::output::columns::key;
use crate::output::columns::number;
use crate::output::columns::text;
use crate::output::columns::Kind;
use crate::output::value::Value;
use crate::row::past::Who;
use crate::row::Facts;
use crate::row::Peaks;

/// Rows of the history.
#[derive(Debug)]
pub struct Past;

impl Kind for Past {
    type Row<'a> = Entry<'a>;
}

/// A column of the history.
pub type Column = columns::Column<Past>;

/// The columns there are for rows of this kind.
pub fn of(group: GroupChoice) -> Vec<&'static Column> {
    let who = match group {
        GroupChoice::Process => PROCESS,
        _ => GROUP,
    };
    [WHEN, who, NUMBERS].into_iter().flat_map(every).collect()
}

static WHEN: &[Column] = &[
    text("time", "TIME", "time", 24, |e| {
        Value::Time(e.step.end, e.step.end)
    }),
    text("window_start", "FROM", "window_start", 24, |e| {
        e.window.since.map_or(Value::Unknown, |t| Value::Time(t, t))
    }),
    text("window_end", "TO", "window_end", 24, |e| {
        e.window.until.map_or(Value::Unknown, |t| Value::Time(t, t))
    }),
    number("interval", "STEP", "step_s", 6, |e| {
        e.step.length.map_or(Value::Unknown, Value::Span)
    }),
];

static PROCESS: &[Column] = &[
    text("id", "ID", "id", 24, |e| {
        of_facts(e, |f| {
            Value::Text(format!("{}-{}", f.id.pid, f.id.start_ns))
        })
    }),
    key("pid", "PID", "pid", 7, |e| {
        of_facts(e, |f| Value::Count(f.id.pid.into()))
    }),
    key("ppid", "PPID", "ppid", 7, |e| {
        of_facts(e, |f| Value::count(f.parent_pid))
    }),
    text("started", "STARTED", "start_time", 19, |e| {
        of_facts(e, |f| Value::Time(f.start_time, e.step.end))
    }),
    text("ended", "ENDED", "end_time", 8, |e| {
        of_facts(e, |f| {
            f.exit
                .map_or(Value::Absent, |exit| Value::Time(exit.time, e.step.end))
        })
    }),
    text("state", "STATE", "state", 7, |e| {
        of_facts(e, |f| Value::Text(f.state.name().to_owned()))
    }),
    key("exit_code", "CODE", "exit_code", 4, |e| {
        of_exit(e, |exit| exit.code)
    }),
    key("exit_signal", "SIGNAL", "exit_signal", 6, |e| {
        of_exit(e, |exit| exit.signal)
    }),
    text("exit", "EXIT", "exit", 8, |e| {
        of_facts(e, |f| cells::exit_of(f, e.known))
    }),
    key("uid", "UID", "uid", 6, |e| {
        of_facts(e, |f| Value::Count(f.uid.into()))
    }),
    text("user", "USER", "user", 9, |e| {
        of_facts(e, |f| {
            Value::Text(f.user.clone().unwrap_or_else(|| f.uid.to_string()))
        })
    }),
    text("name", "COMMAND", "name", 12, |e| {
        of_facts(e, |f| Value::Text(f.name.clone()))
    }),
    text("unit", "UNIT", "unit", 12, |e| {
        of_facts(e, |f| cells::unit(f))
    }),
    text("container", "CONTAINER", "container", 12, |e| {
        of_facts(e, |f| cells::container(f))
    }),
    number("rx_total", "RX TOTAL", "rx_bytes_total", 8, |e| {
        Value::size(e.numbers.rx_total)
    }),
    number("tx_total", "TX TOTAL", "tx_bytes_total", 8, |e| {
        Value::size(e.numbers.tx_total)
    }),
    number("total", "TOTAL", "bytes_total", 8, |e| {
        Value::size(e.numbers.total())
    }),
    number("age", "AGE", "runtime_s", 6, |e| {
        of_facts(e, |f| Value::Span(cells::runtime_of(f, e.step.end)))
    }),
    text("exe", "EXE", "exe", 20, |e| {
        of_facts(e, |f| Value::text(f.exe.as_deref()))
    }),
    text("cgroup", "CGROUP", "cgroup", 20, |e| {
        of_facts(e, |f| Value::text(f.cgroup.as_deref()))
    }),
    text("cmdline", "COMMAND LINE", "cmdline", 20, |e| {
        of_facts(e, |f| cells::command_line(&f.args))
    }),
];

static GROUP: &[Column] = &[
    text("group_by", "BY", "group_by", 7, |e| {
        Value::Text(e.group.name().to_owned())
    }),
    text("group", "GROUP", "group", 16, |e| match &e.row.who {
        Who::Group {
            name: Some(name), ..
        } => Value::Text(name.clone()),
        _ => Value::Absent,
    }),
    number("processes", "PROCS", "processes", 5, |e| match &e.row.who {
        Who::Group { processes, .. } => Value::Count((*processes).into()),
        Who::Process(_) => Value::Absent,
    }),
];

static NUMBERS: &[Column] = &[
    number("rx_bytes", "RX", "rx_bytes", 8, |e| {
        Value::size(e.numbers.rx)
    }),
    number("tx_bytes", "TX", "tx_bytes", 8, |e| {
        Value::size(e.numbers.tx)
    }),
    number("bytes", "RX+TX", "bytes", 8, |e| {
        Value::size(e.numbers.sum())
    }),
    number("rx", "AVG-RX/s", "rx_avg_bytes_per_s", 8, |e| {
        Value::rate(e.numbers.rx_rate, e.step.lower_bound)
    }),
    number("tx", "AVG-TX/s", "tx_avg_bytes_per_s", 8, |e| {
        Value::rate(e.numbers.tx_rate, e.step.lower_bound)
    }),
    number("rate", "AVG/s", "avg_bytes_per_s", 8, |e| {
        Value::rate(e.numbers.rate(), e.step.lower_bound)
    }),
    number("share", "%", "share_percent", 4, |e| {
        match e.numbers.sum() {
            None => Value::Unknown,
            Some(part) => Value::Share {
                part,
                whole: e.whole,
            },
        }
    }),
    number("peak_rx", "PEAK-RX/s", "rx_peak_bytes_per_s", 9, |e| {
        peak(e, |p| p.rx_per_s)
    }),
    number("peak_tx", "PEAK-TX/s", "tx_peak_bytes_per_s", 9, |e| {
        peak(e, |p| p.tx_per_s)
    }),
    number("peak", "PEAK/s", "peak_bytes_per_s", 8, |e| {
        peak(e, |p| p.sum_per_s)
    }),
    // The same under the names that a series has for them.
    number("max_rx", "MAX-RX/s", "rx_max_bytes_per_s", 8, |e| {
        peak(e, |p| p.rx_per_s)
    }),
    number("max_tx", "MAX-TX/s", "tx_max_bytes_per_s", 8, |e| {
        peak(e, |p| p.tx_per_s)
    }),
    text("peak_at", "PEAK AT", "peak_time", 8, |e| match e.peaks() {
        None => Value::Unknown,
        Some(peaks) => peaks
            .time
            .map_or(Value::Absent, |t| Value::Time(t, e.step.end)),
    }),
    number("active", "ACTIVE", "active_s", 6, |e| {
        e.row.active.map_or(Value::Unknown, span)
    }),
    number("missing", "MISSING", "missing_ticks", 7, |e| {
        Value::Count(e.step.ticks_missing)
    }),
    text("lower_bound", "LOWER", "lower_bound", 5, |e| {
        Value::Flag(e.step.lower_bound)
    }),
];

fn span(length: Duration) -> Value {
    Value::Span(length)
}

fn of_facts(entry: &Entry<'_>, value: impl FnOnce(&Arc<Facts>) -> Value) -> Value {
    match &entry.row.who {
        Who::Process(facts) => value(facts),
        Who::Group { .. } => Value::Absent,
    }
}

fn of_exit(entry: &Entry<'_>, number: fn(&crate::row::Exit) -> Option<i32>) -> Value {
    of_facts(entry, |facts| match &facts.exit {
        None => Value::Absent,
        Some(_) if !entry.known.exit => Value::Unknown,
        Some(exit) => number(exit).map_or(Value::Absent, |n| Value::Text(n.to_string())),
    })
}

fn peak(entry: &Entry<'_>, which: fn(&Peaks) -> u64) -> Value {
    let rate = entry.peaks().as_ref().map(which);
    Value::rate(rate, entry.step.lower_bound)
}
