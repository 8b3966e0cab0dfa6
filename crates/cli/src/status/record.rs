//! The status as JSON. Keys are always present; unknown is null.

use serde::Serialize;

use crate::row::packet::Point;
use crate::session::agent;
use crate::session::agent::Agent;
use crate::text::sanitize;
use crate::units::time::iso;

/// `netmon status --json`.
#[derive(Debug, Serialize)]
pub struct Status<'a> {
    healthy: bool,
    problems: &'a [String],
    agent: String,
    api: String,
    agent_instance: String,
    host: String,
    pid: u32,
    start_time: Option<String>,
    uptime_s: Option<f64>,
    tick_s: f64,
    kernel: String,
    machine: String,
    hook_set: String,
    hooks: Vec<Hook>,
    capabilities: Vec<Capability>,
    pin_directory: Option<String>,
    counting_since: Option<String>,
    restarts: u32,
    maps: Vec<Map>,
    losses: Vec<Loss>,
    skipped_events: u64,
    exited_kept: u32,
    exited_capacity: u32,
    exited_oldest: Option<String>,
    history: History,
    load: Load,
    trace_points: Vec<TracePoint>,
}

#[derive(Debug, Serialize)]
struct TracePoint {
    name: String,
    kind: String,
    purpose: String,
    direction: &'static str,
    available: bool,
    reason: Option<String>,
}

#[derive(Debug, Serialize)]
struct History {
    tiers: Vec<Tier>,
    directory: Option<String>,
    problem: Option<String>,
    damaged: u64,
}

#[derive(Debug, Serialize)]
struct Tier {
    step_s: f64,
    span_s: f64,
    bytes: u64,
    capacity_bytes: u64,
    oldest: Option<String>,
}

#[derive(Debug, Serialize)]
struct Hook {
    target: String,
    kind: String,
    purpose: String,
    attached: bool,
    reason: Option<String>,
    program_id: Option<u32>,
    missed_events: Option<u64>,
}

#[derive(Debug, Serialize)]
struct Capability {
    name: String,
    available: bool,
    reason: Option<String>,
}

#[derive(Debug, Serialize)]
struct Map {
    name: String,
    entries: u32,
    capacity: u32,
}

#[derive(Debug, Serialize)]
struct Loss {
    cause: String,
    events: u64,
}

#[derive(Debug, Serialize)]
struct Load {
    cpu_fraction: f64,
    rss_bytes: u64,
    viewers: u32,
    ticks: u64,
    ticks_late: u64,
    samples_merged: u64,
}

/// The status of `agent`.
pub fn status<'a>(agent: &Agent, problems: &'a [String]) -> Status<'a> {
    Status {
        healthy: problems.is_empty(),
        problems,
        agent: clean(&agent.version),
        api: clean(&agent.api),
        agent_instance: clean(&agent.instance),
        host: clean(&agent.host),
        pid: agent.pid,
        start_time: agent.started.map(iso),
        uptime_s: agent.uptime().map(|uptime| uptime.as_secs_f64()),
        tick_s: agent.tick.as_secs_f64(),
        kernel: clean(&agent.kernel),
        machine: clean(&agent.machine),
        hook_set: clean(&agent.hook_set),
        hooks: agent
            .hooks
            .iter()
            .map(|hook| Hook {
                target: clean(&hook.target),
                kind: clean(&hook.kind),
                purpose: clean(&hook.purpose),
                attached: hook.refused.is_none(),
                reason: hook.refused.as_deref().map(clean),
                program_id: hook.program_id,
                missed_events: hook.missed,
            })
            .collect(),
        capabilities: agent
            .capabilities
            .iter()
            .map(|capability| Capability {
                name: clean(&capability.name),
                available: capability.available,
                reason: capability.reason.as_deref().map(clean),
            })
            .collect(),
        pin_directory: agent.pin_directory.as_deref().map(clean),
        counting_since: agent.counting_since.map(iso),
        restarts: agent.restarts,
        maps: agent
            .maps
            .iter()
            .map(|map| Map {
                name: clean(&map.name),
                entries: map.entries,
                capacity: map.capacity,
            })
            .collect(),
        skipped_events: agent.skipped_events,
        losses: agent
            .losses
            .iter()
            .map(|(cause, events)| Loss {
                cause: clean(cause),
                events: *events,
            })
            .collect(),
        exited_kept: agent.exited.0,
        exited_capacity: agent.exited.1,
        exited_oldest: agent.exited_oldest.map(iso),
        history: history(&agent.history),
        load: Load {
            cpu_fraction: agent.load.cpu_fraction,
            rss_bytes: agent.load.rss_bytes,
            viewers: agent.load.viewers,
            ticks: agent.load.ticks,
            ticks_late: agent.load.ticks_late,
            samples_merged: agent.load.samples_merged,
        },
        trace_points: agent.trace_points.iter().map(trace_point).collect(),
    }
}

fn history(history: &agent::History) -> History {
    let tier = |tier: &agent::Tier| Tier {
        step_s: tier.step.as_secs_f64(),
        span_s: tier.span.as_secs_f64(),
        bytes: tier.bytes,
        capacity_bytes: tier.capacity,
        oldest: tier.oldest.map(iso),
    };
    History {
        tiers: history.tiers.iter().map(tier).collect(),
        directory: history.directory.as_deref().map(clean),
        problem: history.problem.as_deref().map(clean),
        damaged: history.damaged,
    }
}

fn trace_point(point: &Point) -> TracePoint {
    TracePoint {
        name: clean(&point.name),
        kind: clean(&point.kind),
        purpose: clean(&point.purpose),
        direction: point.direction.name(),
        available: point.refused.is_none(),
        reason: point.refused.as_deref().map(clean),
    }
}

fn clean(text: &str) -> String {
    sanitize(text).into_owned()
}
