//! The one list of columns: names, headers, CSV names, widths, order and content.

use super::cells;
use super::line::Line;
use super::value::Value;
use crate::args::shaping::Order;
use crate::failure::Failure;
use crate::row::Family;
use crate::row::Transport;

/// What a list of columns is about.
pub trait Kind: 'static {
    /// One row.
    type Row<'a>;
}

/// Processes in a sample.
#[derive(Debug)]
pub struct Live;

impl Kind for Live {
    type Row<'a> = Line<'a>;
}

/// A column of tables and CSV, and a key to sort by.
#[derive(Debug)]
pub struct Column<K: Kind = Live> {
    /// Name in options.
    pub id: &'static str,
    /// Header in tables.
    pub header: &'static str,
    /// Name in CSV.
    pub csv: &'static str,
    /// Cells at least.
    pub width: usize,
    /// Text is at the left, numbers at the right.
    pub align: Align,
    /// Which end usually comes first.
    pub first: Order,
    /// Its content.
    pub value: for<'a> fn(&K::Row<'a>) -> Value,
}

/// Side of the cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// Left.
    Left,
    /// Right.
    Right,
}

/// Every column.
pub static COLUMNS: &[Column] = &[
    text("time", "TIME", "time", 24, |l| {
        Value::Time(l.sample.time, l.sample.time)
    }),
    number("interval", "STEP", "interval_s", 6, |l| {
        l.sample.length.map_or(Value::Unknown, Value::Span)
    }),
    text("id", "ID", "id", 24, |l| Value::Text(cells::id(l))),
    key("pid", "PID", "pid", 7, |l| {
        Value::Count(l.row.facts.id.pid.into())
    }),
    key("ppid", "PPID", "ppid", 7, |l| {
        Value::count(l.row.facts.parent_pid)
    }),
    text("started", "STARTED", "start_time", 19, |l| {
        Value::Time(l.row.facts.start_time, l.sample.time)
    }),
    text("state", "STATE", "state", 7, |l| {
        Value::Text(cells::state(l).to_owned())
    }),
    key("uid", "UID", "uid", 6, |l| {
        Value::Count(l.row.facts.uid.into())
    }),
    text("user", "USER", "user", 9, |l| {
        let facts = &l.row.facts;
        Value::Text(facts.user.clone().unwrap_or_else(|| facts.uid.to_string()))
    }),
    text("name", "COMMAND", "name", 12, |l| {
        Value::Text(l.row.facts.name.clone())
    }),
    text("unit", "UNIT", "unit", 12, |l| cells::unit(&l.row.facts)),
    text("container", "CONTAINER", "container", 12, |l| {
        cells::container(&l.row.facts)
    }),
    number("conns", "CONN", "conns", 5, |l| {
        Value::count(l.row.connections(l.scope).filter(|_| l.known.connections))
    }),
    number("conns_tcp", "TCP", "conns_tcp", 5, |l| {
        Value::count(l.row.tcp_connections.filter(|_| l.known.connections))
    }),
    number("conns_udp", "UDP", "conns_udp", 5, |l| {
        Value::count(l.row.udp_connections.filter(|_| l.known.connections))
    }),
    number("rx", "RX/s", "rx_bytes_per_s", 8, |l| {
        Value::rate(l.numbers.rx_rate, l.sample.lower_bound)
    }),
    number("tx", "TX/s", "tx_bytes_per_s", 8, |l| {
        Value::rate(l.numbers.tx_rate, l.sample.lower_bound)
    }),
    number("rate", "RATE/s", "bytes_per_s", 8, |l| {
        Value::rate(l.numbers.rate(), l.sample.lower_bound)
    }),
    number("share", "%", "share_percent", 4, |l| cells::share(l)),
    number("peak_rx", "PEAK-RX/s", "rx_peak_bytes_per_s", 9, |l| {
        cells::peak(l, |p| p.rx_per_s)
    }),
    number("peak_tx", "PEAK-TX/s", "tx_peak_bytes_per_s", 9, |l| {
        cells::peak(l, |p| p.tx_per_s)
    }),
    number("peak", "PEAK/s", "peak_bytes_per_s", 8, |l| {
        cells::peak(l, |p| p.sum_per_s)
    }),
    text("peak_at", "PEAK AT", "peak_time", 19, |l| {
        match l.row.peaks(l.scope) {
            None => Value::Unknown,
            Some(peaks) => peaks
                .time
                .map_or(Value::Absent, |t| Value::Time(t, l.sample.time)),
        }
    }),
    number("rx_tick", "RX-TICK", "rx_bytes", 8, |l| {
        Value::size(l.numbers.rx)
    }),
    number("tx_tick", "TX-TICK", "tx_bytes", 8, |l| {
        Value::size(l.numbers.tx)
    }),
    number("rx_total", "RX", "rx_bytes_total", 8, |l| {
        Value::size(l.numbers.rx_total)
    }),
    number("tx_total", "TX", "tx_bytes_total", 8, |l| {
        Value::size(l.numbers.tx_total)
    }),
    number("total", "TOTAL", "bytes_total", 8, |l| {
        Value::size(l.numbers.total())
    }),
    number("age", "AGE", "runtime_s", 6, |l| {
        Value::Span(cells::runtime(l))
    }),
    number("udp", "UDP%", "udp_percent", 4, |l| {
        cells::part(l, &[Transport::Udp], BOTH_FAMILIES)
    }),
    number("v6", "V6%", "v6_percent", 4, |l| {
        cells::part(l, BOTH_TRANSPORTS, &[Family::V6])
    }),
    text("ended", "ENDED", "end_time", 8, |l| {
        match l.row.facts.exit {
            None => Value::Absent,
            Some(exit) => Value::Time(exit.time, l.sample.time),
        }
    }),
    number("ran", "RAN", "ran_s", 6, |l| match l.row.facts.exit {
        None => Value::Absent,
        Some(_) => Value::Span(cells::runtime(l)),
    }),
    text("exit", "EXIT", "exit", 8, |l| cells::exit(l)),
    number("avg", "AVG/s", "avg_bytes_per_s", 8, |l| {
        let rate = |total| crate::rate::per_second(total, Some(cells::runtime(l)));
        Value::rate(l.numbers.total().and_then(rate), false)
    }),
    number("retransmits", "RETRANS", "tcp_retransmits", 7, |l| {
        l.row
            .health
            .retransmits
            .map_or(Value::Unknown, Value::Count)
    }),
    number("resets", "RESETS", "tcp_resets", 6, |l| {
        l.row.health.resets.map_or(Value::Unknown, Value::Count)
    }),
    number("failed", "FAILED", "tcp_connects_failed", 6, |l| {
        l.row
            .health
            .connects_failed
            .map_or(Value::Unknown, Value::Count)
    }),
    text("exe", "EXE", "exe", 20, |l| {
        Value::text(l.row.facts.exe.as_deref())
    }),
    text("cgroup", "CGROUP", "cgroup", 20, |l| {
        Value::text(l.row.facts.cgroup.as_deref())
    }),
    text("cmdline", "COMMAND LINE", "cmdline", 20, |l| {
        cells::command_line(&l.row.facts.args)
    }),
    text("lower_bound", "LOWER", "lower_bound", 5, |l| {
        Value::Flag(l.sample.lower_bound)
    }),
];

const BOTH_FAMILIES: &[Family] = &[Family::V4, Family::V6];
const BOTH_TRANSPORTS: &[Transport] = &[Transport::Tcp, Transport::Udp];

/// Text: at the left, the smallest first.
pub const fn text<K: Kind>(
    id: &'static str,
    header: &'static str,
    csv: &'static str,
    width: usize,
    value: for<'a> fn(&K::Row<'a>) -> Value,
) -> Column<K> {
    Column {
        id,
        header,
        csv,
        width,
        align: Align::Left,
        first: Order::Ascending,
        value,
    }
}

/// A number: at the right, the largest first.
pub const fn number<K: Kind>(
    id: &'static str,
    header: &'static str,
    csv: &'static str,
    width: usize,
    value: for<'a> fn(&K::Row<'a>) -> Value,
) -> Column<K> {
    Column {
        id,
        header,
        csv,
        width,
        align: Align::Right,
        first: Order::Descending,
        value,
    }
}

/// A number that is a name: at the right, the smallest first.
pub const fn key<K: Kind>(
    id: &'static str,
    header: &'static str,
    csv: &'static str,
    width: usize,
    value: for<'a> fn(&K::Row<'a>) -> Value,
) -> Column<K> {
    Column {
        id,
        header,
        csv,
        width,
        align: Align::Right,
        first: Order::Ascending,
        value,
    }
}

/// The live column called `id`.
///
/// # Errors
/// There is none; the message lists those that exist.
pub fn find(id: &str) -> Result<&'static Column, Failure> {
    find_in(&every(COLUMNS), id)
}

/// Of `all` the column called `id`.
///
/// # Errors
/// There is none; the message lists those that exist.
pub fn find_in<K: Kind>(
    all: &[&'static Column<K>],
    id: &str,
) -> Result<&'static Column<K>, Failure> {
    all.iter()
        .find(|column| column.id == id)
        .copied()
        .ok_or_else(|| {
            let all: Vec<_> = all.iter().map(|column| column.id).collect();
            Failure::Usage(format!(
                "no column '{}'\n  There are: {}",
                crate::text::sanitize(id),
                all.join(" ")
            ))
        })
}

/// A list of columns as [`find_in`] and its kin take it.
pub fn every<K: Kind>(columns: &'static [Column<K>]) -> Vec<&'static Column<K>> {
    columns.iter().collect()
}

/// The live columns called `ids`.
pub fn list(ids: &[&'static str]) -> Vec<&'static Column> {
    list_in(&every(COLUMNS), ids)
}

/// Of `all` the columns called `ids`.
pub fn list_in<K: Kind>(all: &[&'static Column<K>], ids: &[&str]) -> Vec<&'static Column<K>> {
    ids.iter()
        .filter_map(|id| all.iter().find(|column| column.id == *id))
        .copied()
        .collect()
}

/// `usual` as changed by `--columns`: a list replaces it, `+x` adds and `-x` removes.
///
/// # Errors
/// A column that is not in `all`, or a mix of plain and signed names.
pub fn choose<K: Kind>(
    all: &[&'static Column<K>],
    usual: &[&str],
    wanted: &[String],
) -> Result<Vec<&'static Column<K>>, Failure> {
    let signed = wanted
        .iter()
        .filter(|name| name.starts_with(['+', '-']))
        .count();
    if signed == 0 && !wanted.is_empty() {
        return wanted.iter().map(|name| find_in(all, name)).collect();
    }
    if signed < wanted.len() {
        return Err(Failure::Usage(
            "--columns takes either plain names or names with + and -".to_owned(),
        ));
    }
    let mut columns = list_in(all, usual);
    for name in wanted {
        let column = find_in(all, &name[1..])?;
        columns.retain(|other| other.id != column.id);
        if name.starts_with('+') {
            columns.push(column);
        }
    }
    Ok(columns)
}
