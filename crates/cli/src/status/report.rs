//! What the agent says about itself, as labelled lines.

use crate::failure::access::Access;
use crate::failure::access::Membership;
use crate::output::value::Style;
use crate::session::agent::Agent;
use crate::session::agent::History;
use crate::session::agent::Hook;
use crate::session::agent::Tier;
use crate::text::sanitize;
use crate::trace::points;
use crate::units::percent;
use crate::units::span;

/// One labelled line; a continuation of the line before has no label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// At most 9 characters.
    pub label: &'static str,
    /// Safe to print.
    pub text: String,
}

/// The whole report with its labels, one line per entry.
pub fn text(agent: &Agent, access: &Access, style: &Style) -> String {
    let mut lines = entries(agent, style);
    lines.insert(1, socket(access));
    lines
        .iter()
        .map(|entry| format!("{:<9} {}\n", entry.label, entry.text))
        .collect()
}

/// The report without the part about this user.
pub fn entries(agent: &Agent, style: &Style) -> Vec<Entry> {
    let mut lines = Vec::new();
    lines.push(entry("agent", identity(agent, style)));
    lines.push(entry(
        "kernel",
        clean(&format!("{} {}", agent.kernel, agent.machine)),
    ));
    lines.extend(hooks(agent));
    lines.push(entry("pins", pins(agent, style)));
    lines.extend(counts(agent));
    lines.extend(maps(agent));
    lines.extend(history(&agent.history, style));
    lines.push(entry("exited", exited(agent, style)));
    lines.extend(trace(agent));
    lines.extend(losses(agent));
    lines.push(entry("load", load(agent, style)));
    lines
}

/// The socket, and how this user stands to it.
pub fn socket(access: &Access) -> Entry {
    let group = access
        .rights
        .as_ref()
        .map_or("n/a", |rights| rights.group.as_str());
    let standing = match access.membership {
        Membership::Inside => " (member)",
        Membership::NotYet => " (member, but not in this login)",
        Membership::Outside => "",
    };
    let path = clean(&access.path.display().to_string());
    entry(
        "socket",
        format!("{path}   group {group}   you: {}{standing}", access.user),
    )
}

fn identity(agent: &Agent, style: &Style) -> String {
    let started = agent
        .started
        .map_or_else(|| "n/a".to_owned(), |t| style.time.date_time(t));
    let uptime = agent
        .uptime()
        .map(|up| format!(", up {}", span::format(up)))
        .unwrap_or_default();
    clean(&format!(
        "netmon-agent {}, API {}, pid {}, started {started}{uptime}, tick {}",
        agent.version,
        agent.api,
        agent.pid,
        span::exact(agent.tick)
    ))
}

fn hooks(agent: &Agent) -> Vec<Entry> {
    let attached: Vec<_> = agent
        .hooks
        .iter()
        .filter(|hook| hook.refused.is_none())
        .collect();
    let names: Vec<_> = attached.iter().map(|hook| hook.target.as_str()).collect();
    let mut lines = vec![entry(
        "hooks",
        clean(&format!(
            "{}, {} attached: {}",
            agent.hook_set,
            attached.len(),
            names.join(", ")
        )),
    )];
    let refused = agent
        .hooks
        .iter()
        .filter_map(|hook| Some((hook, hook.refused.as_deref()?)));
    lines.extend(labelled(
        "refused",
        refused.map(|(hook, reason)| refusal(hook, reason)),
    ));
    let missed = attached
        .iter()
        .filter(|hook| hook.missed.is_some_and(|missed| missed > 0));
    lines.extend(labelled(
        "missed",
        missed.map(|hook| format!("{}: {} events", hook.target, hook.missed.unwrap_or(0))),
    ));
    lines
}

fn refusal(hook: &Hook, reason: &str) -> String {
    // The label says it already.
    let reason = reason.strip_prefix("refused: ").unwrap_or(reason);
    format!(
        "{} ({}, {}): {reason}",
        hook.target, hook.kind, hook.purpose
    )
}

fn pins(agent: &Agent, style: &Style) -> String {
    let since = agent
        .counting_since
        .map_or_else(|| "n/a".to_owned(), |t| style.time.date_time(t));
    match &agent.pin_directory {
        None => format!("none: counting stops with the agent; counting since {since}"),
        Some(directory) => {
            let times = if agent.restarts == 1 {
                "restart"
            } else {
                "restarts"
            };
            format!(
                "{}, counting since {since}, survived {} agent {times}",
                clean(directory),
                agent.restarts
            )
        }
    }
}

fn counts(agent: &Agent) -> Vec<Entry> {
    let ok: Vec<_> = agent
        .capabilities
        .iter()
        .filter(|capability| capability.available)
        .map(|capability| clean(&capability.name))
        .collect();
    let mut lines = vec![
        entry(
            "counts",
            if ok.is_empty() {
                "nothing".to_owned()
            } else {
                ok.join("  ")
            },
        ),
        entry(
            "",
            "payload bytes, headers not included; loopback counted apart".to_owned(),
        ),
    ];
    let reason = |reason: &Option<String>| reason.clone().unwrap_or_else(|| "n/a".to_owned());
    lines.extend(labelled(
        "missing",
        agent
            .capabilities
            .missing()
            .map(|c| format!("{}: {}", c.name, reason(&c.reason))),
    ));
    let limited = agent
        .capabilities
        .iter()
        .filter(|c| c.available && c.reason.is_some());
    lines.extend(labelled(
        "limits",
        limited.map(|c| format!("{}: {}", c.name, reason(&c.reason))),
    ));
    lines
}

fn maps(agent: &Agent) -> Option<Entry> {
    let maps: Vec<_> = agent
        .maps
        .iter()
        .map(|map| {
            let share = percent(map.entries.into(), map.capacity.into());
            clean(&format!(
                "{} {}/{} ({share}%)",
                map.name, map.entries, map.capacity
            ))
        })
        .collect();
    (!maps.is_empty()).then(|| entry("maps", maps.join("   ")))
}

fn history(history: &History, style: &Style) -> Vec<Entry> {
    let tier = |tier: &Tier| {
        let reach = tier.oldest.map_or_else(
            || "nothing yet".to_owned(),
            |oldest| format!("from {}", style.time.date_time(oldest)),
        );
        format!(
            "{} at {} ({reach})",
            span::exact(tier.span),
            span::exact(tier.step)
        )
    };
    let Some(first) = history.tiers.first() else {
        return vec![entry("history", "none".to_owned())];
    };
    let tiers: Vec<_> = history.tiers.iter().map(tier).collect();
    let bytes = history.tiers.iter().map(|tier| tier.bytes).sum();
    let place = match &history.directory {
        Some(directory) => format!("in {directory}"),
        None => "in memory".to_owned(),
    };
    let mut lines = vec![
        tiers.join(", "),
        format!(
            "{} of {} {place}",
            style.units.size(bytes),
            style.units.size(first.capacity)
        ),
    ];
    lines.extend(history.problem.clone());
    if history.damaged > 0 {
        lines.push(format!("{} damaged parts were skipped", history.damaged));
    }
    labelled("history", lines.into_iter())
}

fn exited(agent: &Agent, style: &Style) -> String {
    let (kept, capacity) = agent.exited;
    match agent.exited_oldest {
        Some(oldest) => {
            format!(
                "kept {kept} of {capacity} (oldest {})",
                style.time.date_time(oldest)
            )
        }
        None => format!("kept {kept} of {capacity}"),
    }
}

// Where packets can be traced, and why not elsewhere.
fn trace(agent: &Agent) -> Vec<Entry> {
    if agent.trace_points.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![format!(
        "attached only while somebody traces; {}",
        points::allowed(&agent.trace_points)
    )];
    let missing = points::missing(&agent.trace_points);
    lines.extend(missing.iter().map(|group| format!("not {}", group.text())));
    labelled("trace", lines.into_iter())
}

fn losses(agent: &Agent) -> Vec<Entry> {
    let load = &agent.load;
    let mut lines = vec![entry(
        "loss",
        format!(
            "{} events lost, {} of {} ticks late, {} samples merged for slow viewers",
            agent.lost_events(),
            load.ticks_late,
            load.ticks,
            load.samples_merged
        ),
    )];
    let causes = agent.losses.iter().filter(|(_, events)| *events > 0);
    lines.extend(labelled(
        "",
        causes.map(|(cause, events)| format!("{cause}: {events}")),
    ));
    let skipped = Some(agent.skipped_events).filter(|events| *events > 0);
    lines.extend(labelled(
        "",
        skipped.into_iter().map(|events| {
            format!("{events} events skipped by the kernel and made up for by later ones")
        }),
    ));
    lines
}

fn load(agent: &Agent, style: &Style) -> String {
    let load = &agent.load;
    let viewers = if load.viewers == 1 {
        "viewer"
    } else {
        "viewers"
    };
    format!(
        "CPU {:.1}%, RSS {}, {} {viewers}",
        load.cpu_fraction * 100.0,
        style.units.size(load.rss_bytes),
        load.viewers
    )
}

// The label stands before the first line only.
fn labelled(label: &'static str, texts: impl Iterator<Item = String>) -> Vec<Entry> {
    texts
        .enumerate()
        .map(|(index, text)| entry(if index == 0 { label } else { "" }, clean(&text)))
        .collect()
}

fn entry(label: &'static str, text: String) -> Entry {
    Entry { label, text }
}

fn clean(text: &str) -> String {
    sanitize(text).into_owned()
}
