//! What there is to say about the agent, as lines: what it counts, what it cannot, what it costs.

use super::Model;
use crate::session::agent::Tier;
use crate::text;
use crate::top::layout::Area;
use crate::units::span;
use crate::units::Units;

/// Cells of the words at the left.
pub const LABEL: u16 = 10;

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// As it should be.
    Plain,
    /// Worth a look.
    Warning,
    /// Numbers are missing because of it.
    Alarm,
}

/// One line of the report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What it is about; empty: the same as the line before.
    pub label: &'static str,
    /// Sanitised.
    pub text: String,
    /// How much it matters.
    pub weight: Weight,
}

struct Fact {
    label: &'static str,
    text: String,
    weight: Weight,
}

/// The report for an area with a border. All of it, also what does not fit.
pub fn lines(model: &Model, area: Area) -> Vec<Line> {
    let room = usize::from(area.inner().width.saturating_sub(LABEL + 2));
    facts(model)
        .iter()
        .flat_map(|fact| wrapped(fact, room))
        .collect()
}

/// How many places the report can be scrolled to.
pub fn scroll_steps(model: &Model) -> usize {
    let area = model.plan().body;
    let visible = usize::from(area.inner().height);
    lines(model, area).len().saturating_sub(visible) + 1
}

fn wrapped(fact: &Fact, room: usize) -> Vec<Line> {
    let mut texts = vec![String::new()];
    let mut add = |part: &str, joint: &str| {
        let Some(line) = texts.last_mut() else {
            return;
        };
        if line.is_empty() {
            line.push_str(part);
        } else if text::width(line) + joint.len() + text::width(part) <= room {
            line.push_str(joint);
            line.push_str(part);
        } else {
            texts.push(part.to_owned());
        }
    };
    let safe = text::sanitize(&fact.text);
    // Two blanks separate what may well be broken apart; single ones only where it must be.
    for part in safe.split("  ").filter(|part| !part.is_empty()) {
        if text::width(part) <= room {
            add(part, "  ");
            continue;
        }
        for (index, word) in part.split(' ').enumerate() {
            add(word, if index == 0 { "  " } else { " " });
        }
    }
    let labels = std::iter::once(fact.label).chain(std::iter::repeat(""));
    labels
        .zip(texts)
        .map(|(label, text)| Line {
            label,
            text,
            weight: fact.weight,
        })
        .collect()
}

fn facts(model: &Model) -> Vec<Fact> {
    let agent = &model.agent;
    let mut facts = Vec::new();
    let mut fact = |label, text: String, weight| {
        facts.push(Fact {
            label,
            text,
            weight,
        })
    };
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
        Weight::Plain,
    );
    fact("socket", model.socket.clone(), Weight::Plain);
    fact(
        "kernel",
        format!("{} {}", agent.kernel, agent.machine),
        Weight::Plain,
    );
    fact("programs", programs(model), Weight::Plain);
    let counted = agent.capabilities.iter().map(|capability| {
        let state = if capability.available { "ok" } else { "NO" };
        format!("{} {state}", capability.name.replace('_', " "))
    });
    fact(
        "counts",
        counted.collect::<Vec<_>>().join("  "),
        Weight::Plain,
    );
    fact(
        "",
        "payload bytes, headers not included;  loopback counted apart".to_owned(),
        Weight::Plain,
    );
    for capability in agent.capabilities.missing() {
        let reason = capability.reason.as_deref().unwrap_or("no reason given");
        fact(
            "missing",
            format!("{}:  {reason}", capability.name.replace('_', " ")),
            Weight::Alarm,
        );
    }
    fact("hooks", hooks(model), Weight::Plain);
    for hook in &agent.hooks {
        if let Some(reason) = &hook.refused {
            fact(
                "refused",
                format!("{}:  {reason}", hook.target),
                Weight::Warning,
            );
        }
    }
    let maps = agent.maps.iter().map(|map| {
        let share = crate::units::percent(u64::from(map.entries), u64::from(map.capacity));
        format!("{} {}/{} ({share}%)", map.name, map.entries, map.capacity)
    });
    fact("maps", maps.collect::<Vec<_>>().join("  "), Weight::Plain);
    fact("history", history(model), Weight::Plain);
    if let Some(problem) = &agent.history.problem {
        fact("", problem.clone(), Weight::Alarm);
    }
    let (kept, capacity) = agent.exited;
    let oldest = agent
        .exited_oldest
        .map(|time| format!(" (oldest {})", model.clock_time(time)));
    fact(
        "",
        format!(
            "exited kept {kept} of {capacity}{}",
            oldest.unwrap_or_default()
        ),
        Weight::Plain,
    );
    fact("loss", losses(model), Weight::Plain);
    let load = &agent.load;
    fact(
        "load",
        format!(
            "agent CPU {:.1}%, RSS {}  {} samples merged for slow viewers",
            load.cpu_fraction * 100.0,
            Units::Iec.size(load.rss_bytes),
            load.samples_merged
        ),
        Weight::Plain,
    );
    // Those that others stand in for are not counted.
    let points = &agent.trace_points;
    let missing = points.iter().filter(|point| point.missing().is_some());
    let possible = points.iter().filter(|point| point.refused.is_none());
    let (missing, possible) = (missing.count(), possible.count());
    if !points.is_empty() {
        fact(
            "trace",
            format!(
                "attached only while somebody traces;  {possible} of {} points can be had",
                possible + missing
            ),
            Weight::Plain,
        );
    }
    facts
}

fn history(model: &Model) -> String {
    let tier = |tier: &Tier| {
        let (step, span) = (span::exact(tier.step), span::exact(tier.span));
        let from = tier
            .oldest
            .map(|oldest| format!(" (from {})", model.clock_time(oldest)));
        format!("{step} steps for {span}{}", from.unwrap_or_default())
    };
    let tiers: Vec<_> = model.agent.history.tiers.iter().map(tier).collect();
    match tiers.is_empty() {
        true => "none is kept".to_owned(),
        false => tiers.join(",  "),
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::packet::Direction;
    use crate::row::packet::Point;
    use crate::top::fixture;
    use crate::top::fixture::history;
    use crate::top::model::Opening;

    #[test]
    fn the_history_is_told_tier_by_tier_and_the_trace_by_what_is_possible() {
        let mut agent = history::agent(0);
        agent.trace_points = [None, Some("no kprobes")]
            .map(|refused| Point {
                name: "tcp_v4_rcv".to_owned(),
                kind: "kprobe".to_owned(),
                purpose: "TCP takes it".to_owned(),
                direction: Direction::Receive,
                refused: refused.map(str::to_owned),
            })
            .into();
        let model = Model::new(Opening {
            agent,
            ..fixture::opening(fixture::NOW)
        });
        let text = |label: &str| {
            let facts = facts(&model).into_iter();
            facts
                .filter(|fact| fact.label == label)
                .map(|fact| fact.text)
                .next()
        };
        let history = text("history").unwrap();
        assert_eq!(history, "1s steps for 1d (from 17:46:05)");
        assert!(text("trace")
            .unwrap()
            .starts_with("attached only while somebody traces;  "));
    }
}
