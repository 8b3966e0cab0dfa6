//! How the cells of rows are made where that takes more than a field.

use std::time::Duration;

use jiff::Timestamp;

use super::line::Line;
use super::numbers::Known;
use super::value::Value;
use crate::row::Facts;
use crate::row::Family;
use crate::row::Peaks;
use crate::row::Transport;

/// Identity of a process as text: pid and start.
pub fn id(line: &Line<'_>) -> String {
    format!("{}-{}", line.row.facts.id.pid, line.row.facts.id.start_ns)
}

/// "live" or "exited".
pub fn state(line: &Line<'_>) -> &'static str {
    line.row.facts.state.name()
}

/// From the start of the process to its end, or to the sample.
pub fn runtime(line: &Line<'_>) -> Duration {
    runtime_of(&line.row.facts, line.sample.time)
}

/// From the start of the process to its end, or to `now`.
pub fn runtime_of(facts: &Facts, now: Timestamp) -> Duration {
    let end = facts.exit.map_or(now, |exit| exit.time);
    Duration::try_from(end.duration_since(facts.start_time)).unwrap_or_default()
}

/// Arguments as one line, those with spaces quoted; unknown when there are none.
pub fn command_line(args: &[String]) -> Value {
    if args.is_empty() {
        return Value::Unknown;
    }
    let quoted: Vec<_> = args
        .iter()
        .map(|arg| {
            let plain = !arg.is_empty() && !arg.contains([' ', '\'', '"']);
            if plain {
                arg.clone()
            } else {
                format!("'{}'", arg.replace('\'', r"'\''"))
            }
        })
        .collect();
    Value::Text(quoted.join(" "))
}

/// systemd unit of a process that is in one.
pub fn unit(facts: &Facts) -> Value {
    in_cgroup(facts, facts.unit.as_deref())
}

/// Name of the container, else its id.
pub fn container(facts: &Facts) -> Value {
    let container = facts.container.as_ref();
    let name = container.map(|c| c.name.as_deref().unwrap_or(&c.id));
    in_cgroup(facts, name)
}

// Where the cgroup is known, what it does not name is not there.
fn in_cgroup(facts: &Facts, name: Option<&str>) -> Value {
    match (name, &facts.cgroup) {
        (Some(name), _) => Value::Text(name.to_owned()),
        (None, Some(_)) => Value::Absent,
        (None, None) => Value::Unknown,
    }
}

/// Share of everything that moved in the tick; unknown without a rate.
pub fn share(line: &Line<'_>) -> Value {
    match (line.numbers.rate(), line.whole) {
        (Some(_), Some(whole)) => Value::Share {
            part: line.moved(),
            whole,
        },
        _ => Value::Unknown,
    }
}

/// One of the peaks; unknown for a part of the traffic that has none.
pub fn peak(line: &Line<'_>, which: fn(&Peaks) -> u64) -> Value {
    let known = line.known.rx && line.known.tx;
    let peaks = line.row.peaks(line.scope).filter(|_| known);
    Value::rate(peaks.map(which), false)
}

/// Part of the total that is of these kinds.
pub fn part(line: &Line<'_>, transports: &[Transport], families: &[Family]) -> Value {
    let Some(whole) = line.numbers.total() else {
        return Value::Unknown;
    };
    let cell = |transport: &Transport, family: &Family| {
        let counter = line
            .row
            .flows
            .cell(*transport, *family, line.scope.loopback);
        counter.total.sum()
    };
    let part = transports
        .iter()
        .filter(|transport| line.scope.transports().contains(transport))
        .flat_map(|transport| families.iter().map(move |family| (transport, family)))
        .filter(|(_, family)| line.scope.families().contains(family))
        .map(|(transport, family)| cell(transport, family))
        .fold(0, u64::saturating_add);
    Value::Share { part, whole }
}

/// Code or signal of the end.
pub fn exit(line: &Line<'_>) -> Value {
    exit_of(&line.row.facts, line.known)
}

/// Code or signal of the end.
pub fn exit_of(facts: &Facts, known: Known) -> Value {
    match facts.exit {
        None => Value::Absent,
        Some(_) if !known.exit => Value::Unknown,
        Some(exit) => match (exit.signal, exit.code) {
            (Some(signal), _) => Value::Text(signal_name(signal)),
            (None, Some(code)) => Value::Text(code.to_string()),
            (None, None) => Value::Unknown,
        },
    }
}

/// "SIGKILL" for 9.
pub fn signal_name(signal: i32) -> String {
    nix::sys::signal::Signal::try_from(signal).map_or_else(
        |_| format!("signal {signal}"),
        |signal| signal.as_str().to_owned(),
    )
}
