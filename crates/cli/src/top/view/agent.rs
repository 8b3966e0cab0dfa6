//! What the agent says about itself: what it counts, what it cannot, what it costs.

use super::look::Role;
use super::pen::Border;
use super::pen::Pen;
use super::pen::Span;
use crate::text;
use crate::top::layout::Area;
use crate::top::model::Model;
use crate::units::span;
use crate::units::Units;

const LABEL: u16 = 10;

struct Fact {
    label: &'static str,
    text: String,
    role: Role,
}

/// Draws the agent view.
pub fn render(model: &Model, area: Area, pen: &mut Pen) {
    let agent = &model.agent;
    let viewers = match agent.load.viewers {
        1 => "1 viewer".to_owned(),
        count => format!("{count} viewers"),
    };
    let up = agent
        .uptime()
        .map(|up| format!("up {} · ", span::format(up)))
        .unwrap_or_default();
    pen.frame(
        area,
        Border::Focused,
        ["4 Agent", &format!("{up}{viewers}")],
    );
    let inner = area.inner();
    let room = usize::from(inner.width.saturating_sub(LABEL + 2));
    // The blank line at the top is a luxury.
    let facts = facts(model);
    let lines: Vec<_> = facts.iter().flat_map(|fact| wrapped(fact, room)).collect();
    let roomy = lines.len() < usize::from(inner.height);
    let first = inner.y + u16::from(roomy);
    for (y, (label, text, role)) in (first..inner.y + inner.height).zip(&lines) {
        let span = Span {
            x: inner.x + 1,
            y,
            width: inner.width.saturating_sub(2),
        };
        pen.put(span, label, Role::Strong);
        let width = span.width.saturating_sub(LABEL);
        pen.put(
            Span {
                x: span.x + LABEL,
                width,
                ..span
            },
            text,
            *role,
        );
    }
}

fn wrapped(fact: &Fact, room: usize) -> Vec<(&'static str, String, Role)> {
    let mut lines = Vec::new();
    let mut line = String::new();
    let safe = text::sanitize(&fact.text);
    // Two blanks separate what may be broken apart.
    for part in safe.split("  ").filter(|part| !part.is_empty()) {
        if !line.is_empty() && text::width(&line) + 2 + text::width(part) > room {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push_str("  ");
        }
        line.push_str(part);
    }
    lines.push(line);
    let labels = std::iter::once(fact.label).chain(std::iter::repeat(""));
    labels
        .zip(lines)
        .map(|(label, line)| (label, line, fact.role))
        .collect()
}

fn facts(model: &Model) -> Vec<Fact> {
    let agent = &model.agent;
    let mut facts = Vec::new();
    let mut fact = |label, text: String, role| facts.push(Fact { label, text, role });
    let started = agent
        .started
        .map(|time| format!(",  started {}", model.clock_time(time)));
    fact(
        "agent",
        format!(
            "netmon-agent {}, API {}, pid {}{}",
            agent.version,
            agent.api,
            agent.pid,
            started.unwrap_or_default()
        ),
        Role::Plain,
    );
    fact("socket", model.socket.clone(), Role::Plain);
    fact(
        "kernel",
        format!("{} {}", agent.kernel, agent.machine),
        Role::Plain,
    );
    fact("programs", programs(model), Role::Plain);
    let counted = agent.capabilities.iter().map(|capability| {
        let state = if capability.available { "ok" } else { "NO" };
        format!("{} {state}", capability.name.replace('_', " "))
    });
    fact(
        "counts",
        counted.collect::<Vec<_>>().join("  "),
        Role::Plain,
    );
    fact(
        "",
        "payload bytes, headers not included;  loopback counted apart".to_owned(),
        Role::Plain,
    );
    for capability in agent.capabilities.missing() {
        let reason = capability.reason.as_deref().unwrap_or("no reason given");
        fact(
            "missing",
            format!("{}:  {reason}", capability.name.replace('_', " ")),
            Role::Alarm,
        );
    }
    fact("hooks", hooks(model), Role::Plain);
    for hook in &agent.hooks {
        if let Some(reason) = &hook.refused {
            fact("refused", format!("{}:  {reason}", hook.target), Role::Mode);
        }
    }
    let maps = agent.maps.iter().map(|map| {
        let share = crate::units::percent(u64::from(map.entries), u64::from(map.capacity));
        format!("{} {}/{} ({share}%)", map.name, map.entries, map.capacity)
    });
    fact("maps", maps.collect::<Vec<_>>().join("  "), Role::Plain);
    let (kept, capacity) = agent.exited;
    let oldest = agent
        .exited_oldest
        .map(|time| format!(" (oldest {})", model.clock_time(time)));
    fact(
        "history",
        format!(
            "exited kept {kept} of {capacity}{}",
            oldest.unwrap_or_default()
        ),
        Role::Plain,
    );
    fact("loss", losses(model), Role::Plain);
    let load = &agent.load;
    fact(
        "load",
        format!(
            "agent CPU {:.1}%, RSS {}  {} samples merged for slow viewers",
            load.cpu_fraction * 100.0,
            Units::Iec.size(load.rss_bytes),
            load.samples_merged
        ),
        Role::Plain,
    );
    facts
}

fn programs(model: &Model) -> String {
    let agent = &model.agent;
    let attached = agent
        .hooks
        .iter()
        .filter(|hook| hook.refused.is_none())
        .count();
    let since = agent
        .counting_since
        .map(|time| format!(" since {}", model.clock_time(time)));
    let pinned = match &agent.pin_directory {
        Some(directory) => format!("pinned in {directory}{}", since.unwrap_or_default()),
        None => "not pinned: counting stops with the agent".to_owned(),
    };
    let survived = match agent.restarts {
        0 => String::new(),
        1 => "  survived 1 agent restart".to_owned(),
        count => format!("  survived {count} agent restarts"),
    };
    format!("{attached} attached,  {pinned}{survived}")
}

fn hooks(model: &Model) -> String {
    let attached = model
        .agent
        .hooks
        .iter()
        .filter(|hook| hook.refused.is_none());
    let names: Vec<_> = attached.map(|hook| hook.target.as_str()).collect();
    format!("{} set:  {}", model.agent.hook_set, names.join(",  "))
}

fn losses(model: &Model) -> String {
    let agent = &model.agent;
    let mut text = format!(
        "{} events lost,  {} of {} ticks late",
        agent.lost_events(),
        agent.load.ticks_late,
        agent.load.ticks
    );
    for (cause, events) in agent.losses.iter().filter(|(_, events)| *events > 0) {
        text.push_str(&format!("  {}: {events}", cause.replace('_', " ")));
    }
    let missed = agent
        .hooks
        .iter()
        .filter_map(|hook| hook.missed)
        .fold(0, u64::saturating_add);
    if missed > 0 {
        text.push_str(&format!("  skipped by the kernel: {missed}"));
    }
    text
}
