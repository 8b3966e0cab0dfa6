//! The details of one process: what it is, what it moved, and its connections.

use std::time::Duration;

use jiff::Timestamp;

use super::cells;
use super::empty;
use super::group_details;
use super::look::Role;
use super::pen::Border;
use super::pen::Pen;
use super::pen::Span;
use super::sockets;
use crate::row::Bytes;
use crate::row::Facts;
use crate::row::Family;
use crate::row::Flows;
use crate::row::ProcessRow;
use crate::row::Transport;
use crate::session::capabilities::Direction;
use crate::text;
use crate::top::columns::sockets::Holder;
use crate::top::layout::facts;
use crate::top::layout::facts::Fact;
use crate::top::layout::Area;
use crate::top::model::charted::Lane;
use crate::top::model::details::Stage;
use crate::top::model::details::Standing;
use crate::top::model::position::Position;
use crate::top::model::Model;
use crate::units;
use crate::units::span;

/// Draws the details into an area.
pub fn render(model: &Model, area: Area, pen: &mut Pen) {
    let stage = model.stage();
    let full = stage == Stage::Full;
    let border = match model.on_own_sockets() {
        true => Border::Focused,
        false => Border::Plain,
    };
    if let Some(group) = model.inspected_group() {
        group_details::render(model, group, area, pen);
        return;
    }
    let Some(row) = model.inspected() else {
        pen.frame(area, border, ["Details", ""]);
        let text = "Nothing to show yet: no process is in the list.".to_owned();
        empty::put(&[text], area.inner(), pen);
        return;
    };
    let narrow = area.inner().width < facts::WIDE;
    pen.frame(
        area,
        border,
        [&title(model, row, narrow), hint(stage, area)],
    );
    let inner = area.inner();
    let lines = facts::facts(area, full);
    for (y, fact) in (inner.y..).zip(&lines) {
        let span = Span {
            x: inner.x + 1,
            y,
            width: inner.width.saturating_sub(2),
        };
        if narrow {
            brief(model, row, *fact, span, pen);
        } else {
            labelled(model, row, *fact, span, pen);
        }
    }
    let used = u16::try_from(lines.len()).unwrap_or(u16::MAX);
    let rest = Area {
        y: inner.y + used,
        height: inner.height.saturating_sub(used),
        ..inner
    };
    connections(model, row, rest, pen);
    position(model, area, pen);
}

fn connections(model: &Model, row: &ProcessRow, area: Area, pen: &mut Pen) {
    let holder = match model.stage() {
        Stage::Full => Holder::Full,
        Stage::Closed | Stage::Beside => Holder::Beside,
    };
    let ended = ended(model, &row.facts);
    let lines = match model.standing() {
        Standing::Known if model.own_sockets().count().0 > 0 => {
            sockets::table(model, holder, area, pen);
            return;
        }
        Standing::Known if ended => vec!["It has no connections any more.".to_owned()],
        Standing::Known => vec!["No connection of it is open.".to_owned()],
        standing => sockets::why(model, &standing),
    };
    empty::put(&lines, area, pen);
}

// Which part of the connections is visible, at the lower edge.
fn position(model: &Model, area: Area, pen: &mut Pen) {
    let rows = model.own_socket_rows();
    let list = model.own_sockets();
    let (count, _) = list.count();
    if count <= rows {
        return;
    }
    let (first, last) = list.cursor.visible(count, rows);
    let tab = match model.on_own_sockets() {
        true => "",
        false => " · Tab focus",
    };
    let text = format!(" {first}-{last} of {count}{tab} ");
    let width = u16::try_from(text::width(&text)).unwrap_or(u16::MAX);
    let room = area.width.saturating_sub(2);
    pen.put(
        Span {
            x: area.x + 1 + room.saturating_sub(width),
            y: area.y + area.height.saturating_sub(1),
            width: room.min(width),
        },
        &text,
        Role::Plain,
    );
}

fn title(model: &Model, row: &ProcessRow, narrow: bool) -> String {
    let facts = &row.facts;
    if narrow {
        return cells::command_line(facts);
    }
    let mut title = format!("Process {} {}", facts.id.pid, facts.name);
    if let (Position::History { .. }, Some(tick)) = (model.position, model.tick()) {
        title.push_str(&format!(" · at {}", model.clock_time(tick.time)));
    }
    title
}

fn hint(stage: Stage, area: Area) -> &'static str {
    match (stage, area.width) {
        (Stage::Full, ..64) => "",
        (Stage::Full, _) => "Enter remote · Esc back",
        (_, 80..) => "Enter full screen · d close",
        (Stage::Beside, _) => "d close",
        (Stage::Closed, _) => "Enter full screen",
    }
}

/// Cells of the words at the left.
const LABEL: u16 = 7;

fn labelled(model: &Model, row: &ProcessRow, fact: Fact, span: Span, pen: &mut Pen) {
    let facts = &row.facts;
    let (label, text, role) = match fact {
        Fact::Command | Fact::Brief => ("cmd", cells::command_line(facts), Role::Plain),
        Fact::Executable => (
            "exe",
            facts.exe.clone().unwrap_or_else(unknown),
            Role::Plain,
        ),
        Fact::Owner => ("user", owner(model, facts), Role::Plain),
        Fact::Unit => ("unit", unit(facts), Role::Plain),
        Fact::Identity => ("start", identity(model, facts), Role::Plain),
        Fact::Rx => ("RX", moved(model, row, Direction::Rx), Role::Rx),
        Fact::Tx => ("TX", moved(model, row, Direction::Tx), Role::Tx),
        Fact::Parts => ("proto", parts(model, row, span.width), Role::Plain),
        Fact::Health => ("tcp", health(row), Role::Plain),
        Fact::RxLane => ("RX 60s", lane(model, row, Lane::Rx, 60), Role::Rx),
        Fact::TxLane => ("TX 60s", lane(model, row, Lane::Tx, 60), Role::Tx),
    };
    pen.put(span, label, Role::Strong);
    let room = Span {
        x: span.x + LABEL,
        width: span.width.saturating_sub(LABEL),
        ..span
    };
    pen.put(room, &text, role);
}

fn brief(model: &Model, row: &ProcessRow, fact: Fact, span: Span, pen: &mut Pen) {
    let facts = &row.facts;
    let width = usize::from(span.width.saturating_sub(4));
    let (text, role) = match fact {
        Fact::Rx => (brief_moved(model, row, Direction::Rx), Role::Rx),
        Fact::Tx => (brief_moved(model, row, Direction::Tx), Role::Tx),
        Fact::Parts => (brief_parts(model, row), Role::Plain),
        Fact::RxLane => (
            format!("RX {}", lane(model, row, Lane::Rx, width)),
            Role::Rx,
        ),
        Fact::TxLane => (
            format!("TX {}", lane(model, row, Lane::Tx, width)),
            Role::Tx,
        ),
        _ => {
            let user = facts.user.clone().unwrap_or_else(|| facts.uid.to_string());
            let unit = facts.unit.clone().unwrap_or_else(|| "no unit".to_owned());
            (
                format!("{user}  {unit}  {}", standing(model, facts)),
                Role::Plain,
            )
        }
    };
    pen.put(span, &text, role);
}

fn unknown() -> String {
    cells::UNKNOWN.to_owned()
}

fn owner(model: &Model, facts: &Facts) -> String {
    let user = match &facts.user {
        Some(user) => format!("{user} ({})", facts.uid),
        None => facts.uid.to_string(),
    };
    let parent = match (facts.parent_pid, &facts.parent_name) {
        (Some(pid), Some(name)) => format!("parent {pid} {name}"),
        (Some(pid), None) => format!("parent {pid}"),
        (None, _) => format!("parent {}", unknown()),
    };
    format!("{user}    {parent}    {}", standing(model, facts))
}

// How long it has been running, or how it ended.
fn standing(model: &Model, facts: &Facts) -> String {
    let Some(now) = model.tick().map(|tick| tick.time) else {
        return String::new();
    };
    match facts.exit {
        Some(exit) if exit.time <= now => {
            let time = model.clock_time(exit.time);
            let how = match (exit.code, exit.signal) {
                (_, Some(signal)) => cells::signal(signal),
                (Some(code), None) => format!("code {code}"),
                (None, None) => "how is not known".to_owned(),
            };
            let ran = span::format(between(facts.start_time, exit.time));
            format!("exited {time}, {how}, ran {ran}")
        }
        None if ended(model, facts) => "exited, when is not known".to_owned(),
        _ => format!("up {}", span::format(between(facts.start_time, now))),
    }
}

fn ended(model: &Model, facts: &Facts) -> bool {
    let now = model.tick().map(|tick| tick.time);
    match facts.exit {
        Some(exit) => now.is_some_and(|now| exit.time <= now),
        None => facts.state == crate::row::State::Exited,
    }
}

fn between(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or_default()
}

fn unit(facts: &Facts) -> String {
    let unit = facts.unit.as_deref().unwrap_or("none");
    let cgroup = facts.cgroup.as_deref().unwrap_or(cells::UNKNOWN);
    let container = facts.container.as_ref().map(|container| {
        let id: String = container.id.chars().take(12).collect();
        match &container.name {
            Some(name) => format!("    container {name} ({id})"),
            None => format!("    container {id}"),
        }
    });
    format!("{unit}    cgroup {cgroup}{}", container.unwrap_or_default())
}

fn identity(model: &Model, facts: &Facts) -> String {
    format!(
        "{}    first traffic {}    id {}-{}",
        model.clock_time(facts.start_time),
        model.clock_time(facts.first_seen),
        facts.id.pid,
        facts.id.start_ns
    )
}

struct Moved {
    rate: String,
    peak: String,
    time: String,
    total: String,
}

fn amounts(model: &Model, row: &ProcessRow, direction: Direction) -> Moved {
    let moment = model.moment_of(row.facts.id);
    let counts = model.counts(direction);
    let pick = |bytes: Bytes| match direction {
        Direction::Rx => bytes.rx,
        Direction::Tx => bytes.tx,
    };
    let [rx, tx] = model.peaks_at();
    let at = match direction {
        Direction::Rx => rx,
        Direction::Tx => tx,
    };
    let now = model.tick().map(|tick| tick.time);
    let seen = at.filter(|at| now.is_some_and(|now| *at <= now));
    let peak = row
        .peaks(model.settings.scope)
        .map(|peaks| match direction {
            Direction::Rx => peaks.rx_per_s,
            Direction::Tx => peaks.tx_per_s,
        });
    // A peak that nobody here saw may have been after the moment shown.
    let past = model.newest().map(|tick| tick.time) != now;
    let peak = peak.filter(|_| counts && (!past || seen.is_some()));
    let rate = moment.and_then(|moment| {
        let bytes = pick(moment.tick);
        crate::rate::per_second(bytes, moment.length).filter(|_| counts)
    });
    let total = moment.filter(|_| counts && !model.is_narrowed());
    Moved {
        rate: per_second(cells::rate(model, rate)),
        peak: per_second(cells::rate(model, peak)),
        time: seen.map(|time| model.clock_time(time)).unwrap_or_default(),
        total: cells::size(model, total.map(|moment| pick(moment.total))),
    }
}

fn per_second(text: String) -> String {
    match text == cells::UNKNOWN {
        true => text,
        false => format!("{text}/s"),
    }
}

fn moved(model: &Model, row: &ProcessRow, direction: Direction) -> String {
    let Moved {
        rate,
        peak,
        time,
        total,
    } = amounts(model, row, direction);
    let time = match time.is_empty() {
        true => String::new(),
        false => format!(" {time}"),
    };
    format!("{rate:>10}  peak {peak:>10}{time}  total {total}")
}

fn brief_moved(model: &Model, row: &ProcessRow, direction: Direction) -> String {
    let Moved {
        rate, peak, total, ..
    } = amounts(model, row, direction);
    let word = match direction {
        Direction::Rx => "RX",
        Direction::Tx => "TX",
    };
    let peak = peak.trim_end_matches("/s");
    format!("{word} {rate}  peak {peak}  total {total}")
}

// Shares of what it moved so far: TCP, UDP, IPv4, IPv6, in percent. `None`: nothing moved.
fn shares(model: &Model, row: &ProcessRow) -> Option<[(u64, u64); 4]> {
    let flows: Flows = model.moment_of(row.facts.id)?.flows;
    let loopback = model.settings.scope.loopback;
    let sum = |transports: &[Transport], families: &[Family]| {
        let mut sum = 0u64;
        for transport in transports {
            for family in families {
                let cell = flows.cell(*transport, *family, loopback);
                sum = sum.saturating_add(cell.total.sum());
            }
        }
        sum
    };
    let (both, any) = ([Transport::Tcp, Transport::Udp], [Family::V4, Family::V6]);
    let whole = sum(&both, &any);
    (whole > 0).then(|| {
        [
            sum(&[Transport::Tcp], &any),
            sum(&[Transport::Udp], &any),
            sum(&both, &[Family::V4]),
            sum(&both, &[Family::V6]),
        ]
        .map(|part| (part, whole))
    })
}

fn parts(model: &Model, row: &ProcessRow, width: u16) -> String {
    const BAR: u64 = 15;
    let Some(shares) = shares(model, row) else {
        return "nothing moved so far".to_owned();
    };
    let [tcp, udp, v4, v6] = shares.map(|(part, whole)| units::percent(part, whole));
    if width < 90 {
        return format!("TCP {tcp}%  UDP {udp}%    IPv4 {v4}%  IPv6 {v6}%");
    }
    let bar = |(part, whole): (u64, u64)| {
        let cells = u128::from(part) * u128::from(BAR);
        let cells = cells.div_ceil(u128::from(whole.max(1)));
        let bar = "█".repeat(usize::try_from(cells).unwrap_or(0));
        if bar.is_empty() {
            bar
        } else {
            format!(" {bar}")
        }
    };
    format!(
        "TCP {tcp}%{}  UDP {udp}%{}      IPv4 {v4}%{}  IPv6 {v6}%{}",
        bar(shares[0]),
        bar(shares[1]),
        bar_if(bar(shares[2]), width),
        bar_if(bar(shares[3]), width)
    )
}

// Families have bars on the widest screens only.
fn bar_if(bar: String, width: u16) -> String {
    if width >= 130 {
        bar
    } else {
        String::new()
    }
}

fn brief_parts(model: &Model, row: &ProcessRow) -> String {
    match shares(model, row) {
        None => "nothing moved so far".to_owned(),
        Some(shares) => {
            let [tcp, udp, v4, v6] = shares.map(|(part, whole)| units::percent(part, whole));
            format!("TCP {tcp}% UDP {udp}%   v4 {v4}% v6 {v6}%")
        }
    }
}

fn health(row: &ProcessRow) -> String {
    let count = |count: Option<u64>| count.map_or_else(unknown, |count| count.to_string());
    format!(
        "{} segments sent again  {} resets  {} failed connects",
        count(row.health.retransmits),
        count(row.health.resets),
        count(row.health.connects_failed)
    )
}

fn lane(model: &Model, row: &ProcessRow, lane: Lane, width: usize) -> String {
    let ticks = model.lane(row.facts.id, lane);
    let from = ticks.len().saturating_sub(width);
    cells::levels(&ticks[from..])
}
