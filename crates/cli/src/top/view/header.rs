//! The first row: what moment it is, how much moves, on which machine.

use super::cells::UNKNOWN;
use super::look::Role;
use super::pen::Pen;
use super::pen::Span;
use crate::row::Loopback;
use crate::row::ProcessRow;
use crate::text;
use crate::top::columns::Side;
use crate::top::model::details::Stage;
use crate::top::model::position::Position;
use crate::top::model::screen::Screen;
use crate::top::model::Coverage;
use crate::top::model::Model;
use crate::units::span;
use crate::units::Units;

/// How much room there is for words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Detail {
    Compact,
    Normal,
    Wide,
    Full,
}

struct Segment {
    side: Side,
    text: String,
    role: Role,
}

/// Draws the header.
pub fn render(model: &Model, pen: &mut Pen) {
    let width = usize::from(model.size.width);
    let row = Span {
        x: 0,
        y: 0,
        width: model.size.width,
    };
    pen.put(row, &" ".repeat(width), Role::Bar);
    let detail = match width {
        0..64 => Detail::Compact,
        64..100 => Detail::Normal,
        100..140 => Detail::Wide,
        _ => Detail::Full,
    };
    let (mut left, mut right) = (Vec::new(), Vec::new());
    let gap = if detail == Detail::Compact { 1 } else { 2 };
    // One cell at each end of the row.
    let mut used = 2 - gap;
    for segment in segments(model, detail) {
        let joint = if segment.side == Side::Right && !right.is_empty() {
            3
        } else {
            gap
        };
        let cells = joint + text::width(&text::sanitize(&segment.text));
        // The first one says what the numbers mean; it is cut rather than left out.
        if used + cells <= width || left.is_empty() {
            used += cells;
            match segment.side {
                Side::Left => left.push(segment),
                Side::Right => right.push(segment.text),
            }
        }
    }
    let mut at = Span {
        x: 1,
        y: 0,
        width: row.width.saturating_sub(2),
    };
    for segment in left {
        let drawn = pen.put(at, &segment.text, segment.role);
        pen.mark(
            Span { width: drawn, ..at },
            ratatui::style::Modifier::REVERSED,
        );
        let step = drawn.saturating_add(u16::try_from(gap).unwrap_or(1));
        at = Span {
            x: at.x + step,
            width: at.width.saturating_sub(step),
            ..at
        };
    }
    pen.put_on(at, Side::Right, &right.join(" · "), Role::Bar);
}

// Most important first.
fn segments(model: &Model, detail: Detail) -> Vec<Segment> {
    if let (Detail::Compact, Stage::Full, Some(row)) = (detail, model.stage(), model.inspected()) {
        return inspected(model, row);
    }
    let mut segments = Vec::new();
    let mut left = |text: String, role| {
        segments.push(Segment {
            side: Side::Left,
            text,
            role,
        })
    };
    let bar = if detail == Detail::Full { "│ " } else { "" };
    let (moment, role) = moment(model, detail);
    left(moment, role);
    let [rx, tx] = speeds(model);
    left(format!("{bar}RX {rx}"), Role::Bar);
    left(format!("TX {tx}"), Role::Bar);
    let mut badges = badges(model);
    if model.link.offline().is_none() || model.position != Position::Live {
        let count = |count: Option<usize>| count.map_or("?".to_owned(), |count| count.to_string());
        let (all, active) = match model.tick() {
            None => ("0".to_owned(), "0".to_owned()),
            Some(tick) => (
                count(model.processes()),
                count(tick.active.and_then(|active| usize::try_from(active).ok())),
            ),
        };
        let processes = match detail {
            Detail::Compact => String::new(),
            Detail::Normal => format!("{active}/{all} procs"),
            Detail::Wide => format!("{active} active/{all} procs"),
            Detail::Full => format!("│ {active} active of {all} procs"),
        };
        match detail {
            Detail::Compact => {}
            _ => left(processes, Role::Bar),
        }
        for badge in badges.drain(..) {
            left(badge, Role::Mode);
        }
        match detail {
            Detail::Compact => segments.push(Segment {
                side: Side::Right,
                text: format!("{active}/{all}"),
                role: Role::Bar,
            }),
            _ => {
                let connections = model
                    .tick()
                    .map(|tick| tick.connections.within(model.settings.scope));
                let connections = match connections {
                    None => "0".to_owned(),
                    Some(count) => count.map_or(UNKNOWN.to_owned(), |count| count.to_string()),
                };
                left(format!("{connections} conns"), Role::Bar);
            }
        }
    }
    for badge in badges {
        segments.push(Segment {
            side: Side::Left,
            text: badge,
            role: Role::Mode,
        });
    }
    if detail != Detail::Compact {
        let texts = background(model, detail);
        segments.extend(texts.into_iter().map(|text| Segment {
            side: Side::Right,
            text,
            role: Role::Bar,
        }));
    }
    if let Some(words) = model.filter() {
        segments.push(Segment {
            side: Side::Left,
            text: format!("filter {}", words.text),
            role: Role::Mode,
        });
    }
    segments
}

// Whose details fill a small screen.
fn inspected(model: &Model, row: &ProcessRow) -> Vec<Segment> {
    let (moment, role) = moment(model, Detail::Compact);
    let who = format!("{} {}", row.facts.id.pid, row.facts.name);
    [
        (Side::Left, moment, role),
        (Side::Left, who, Role::Bar),
        (Side::Right, "Esc back".to_owned(), Role::Bar),
    ]
    .map(|(side, text, role)| Segment { side, text, role })
    .into()
}

fn moment(model: &Model, detail: Detail) -> (String, Role) {
    let compact = detail == Detail::Compact;
    let name = if detail == Detail::Full {
        "netmon  "
    } else {
        ""
    };
    let time = model.tick().map(|tick| model.clock_time(tick.time));
    let behind = span::format(model.behind());
    let ago = format!("{}s", model.behind().as_secs());
    let ago = if model.behind().as_secs() < 100 {
        ago
    } else {
        behind
    };
    match (model.position, time) {
        (Position::Paused { .. }, Some(time)) if compact => {
            (format!("‖ {time} -{ago}"), Role::Mode)
        }
        (Position::Paused { .. }, Some(time)) => {
            (format!("{name}‖ PAUSED {time} ({ago} behind)"), Role::Mode)
        }
        (Position::History { .. }, Some(time)) if compact => {
            (format!("◀ {time} -{ago}"), Role::Mode)
        }
        (Position::History { .. }, Some(time)) => {
            (format!("{name}◀ HISTORY {time} ({ago} ago)"), Role::Mode)
        }
        (_, time) => now(model, detail, time.as_deref()),
    }
}

fn now(model: &Model, detail: Detail, time: Option<&str>) -> (String, Role) {
    let compact = detail == Detail::Compact;
    let name = if detail == Detail::Full {
        "netmon  "
    } else {
        ""
    };
    if let Some(offline) = model.link.offline() {
        let since = model.clock_time(offline.since);
        let text = match time {
            _ if compact => format!("○ OFFLINE {since}"),
            Some(last) => format!("{name}○ OFFLINE since {since} (last data {last})"),
            None => format!("{name}○ OFFLINE since {since}"),
        };
        return (text, Role::Alarm);
    }
    if let Some(silence) = model.no_data_for() {
        return (
            format!("{name}! no data for {}", span::format(silence)),
            Role::Alarm,
        );
    }
    let text = match time {
        Some(time) if compact => format!("● {time}"),
        Some(time) => format!("{name}● LIVE {time}"),
        None => "waiting for the first tick".to_owned(),
    };
    (text, Role::Bar)
}

fn speeds(model: &Model) -> [String; 2] {
    let stale = model.link.offline().is_some() && model.position == Position::Live;
    if stale || model.tick().is_none() {
        return ["--".to_owned(), "--".to_owned()];
    }
    model.speed().map(|speed| match speed {
        Some(_) => format!("{}/s", super::cells::rate(model, speed)),
        None => UNKNOWN.to_owned(),
    })
}

// Every state that changes what the numbers mean is a word.
fn badges(model: &Model) -> Vec<String> {
    let mut badges = Vec::new();
    if model.link.offline().is_some() && model.position != Position::Live {
        badges.push("OFFLINE".to_owned());
    }
    // Lists say it in their titles.
    let listed = !matches!(model.screen, Screen::Agent | Screen::Chart);
    if model.coverage() == Coverage::Selected || model.filter().is_some() && !listed {
        badges.push("FILTER".to_owned());
    }
    badges.extend(model.settings.average.badge());
    if let Some(step) = model.coarse_step() {
        badges.push(format!("{} steps", span::format(step)));
    }
    if model.travelling() {
        badges.push("reading history".to_owned());
    }
    let tick = model.tick().filter(|_| model.coarse_step().is_none());
    let tick = tick.and_then(|tick| tick.length);
    if let Some(length) = tick.filter(|length| *length * 2 > model.step() * 3) {
        badges.push(format!("({:.1}s tick)", length.as_secs_f64()));
    }
    match model.settings.units {
        Units::Iec | Units::Si => {}
        Units::Bits | Units::BitsIec => badges.push("bits".to_owned()),
    }
    match model.settings.scope.loopback {
        Loopback::Exclude => {}
        Loopback::Include => badges.push("lo".to_owned()),
        Loopback::Only => badges.push("lo only".to_owned()),
    }
    let scope = model.settings.scope;
    if let [transport] = scope.transports() {
        badges.push(format!("{transport:?}").to_lowercase());
    }
    if let [family] = scope.families() {
        badges.push(format!("IP{family:?}").replace('V', "v"));
    }
    badges.extend(
        model
            .since()
            .map(|since| format!("since {}", model.clock_time(since))),
    );
    badges
}

fn background(model: &Model, detail: Detail) -> Vec<String> {
    let mut texts = vec![model.agent.host.clone()];
    if model.position != Position::Live {
        texts.push("L back to live".to_owned());
        return texts;
    }
    if detail >= Detail::Wide {
        texts.push(span::exact(model.step()));
        texts.push(
            match model.settings.units {
                Units::Iec => "B/s IEC",
                Units::Si => "B/s SI",
                Units::Bits => "b/s SI",
                Units::BitsIec => "b/s IEC",
            }
            .to_owned(),
        );
    }
    if let (Detail::Full, Some(up)) = (detail, model.agent.uptime()) {
        texts.push(format!("agent up {}", span::format(up)));
    }
    texts
}
