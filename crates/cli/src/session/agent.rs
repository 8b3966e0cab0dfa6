//! What the agent says about itself, in the client's types.

use std::time::Duration;

use jiff::Timestamp;
use netmon_api::v1;

use super::capabilities::Capabilities;
use super::capabilities::Capability;
use crate::failure::Failure;
use crate::filter::Need;
use crate::row::decode::timestamp;
use crate::row::packet;
use crate::row::packet::Point;
use crate::text::sanitize;

/// The agent as of [`Agent::now`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Agent {
    /// Version of the program.
    pub version: String,
    /// `MAJOR.MINOR` of its API.
    pub api: String,
    /// New at every start of the agent.
    pub instance: String,
    /// Name of its machine. Not sanitised.
    pub host: String,
    /// Its process.
    pub pid: u32,
    /// When it started; `None`: not said.
    pub started: Option<Timestamp>,
    /// Its clock at the moment of the answer; `None`: not said.
    pub now: Option<Timestamp>,
    /// Its sampling step, never zero.
    pub tick: Duration,
    /// `uname -r`.
    pub kernel: String,
    /// `uname -m`.
    pub machine: String,
    /// "tracepoint", "kprobe" or "fexit".
    pub hook_set: String,
    /// Every hook it tried, attached or not.
    pub hooks: Vec<Hook>,
    /// What it can count here.
    pub capabilities: Capabilities,
    /// Directory of the pins; `None`: nothing is pinned and counting stops with the agent.
    pub pin_directory: Option<String>,
    /// When the counters were made; `None`: not said.
    pub counting_since: Option<Timestamp>,
    /// How many agents have taken the counters over.
    pub restarts: u32,
    /// How full its maps are.
    pub maps: Vec<Map>,
    /// Lost events by cause, cumulative, also causes with 0.
    pub losses: Vec<(String, u64)>,
    /// Skipped by the kernel and made up for by later events.
    pub skipped_events: u64,
    /// What it costs.
    pub load: Load,
    /// Exited processes kept, and how many may be.
    pub exited: (u32, u32),
    /// End of the oldest exited process; `None`: none is kept.
    pub exited_oldest: Option<Timestamp>,
    /// Its past.
    pub history: History,
    /// Where it can trace packets, and where not; empty: not said.
    pub trace_points: Vec<Point>,
}

/// How the history is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History {
    /// Finest first; empty: there is none.
    pub tiers: Vec<Tier>,
    /// On disk; `None`: in memory only.
    pub directory: Option<String>,
    /// What is wrong with it, as one sentence.
    pub problem: Option<String>,
    /// Parts that could not be read.
    pub damaged: u64,
}

/// History of one resolution.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tier {
    /// Length of what is kept as one.
    pub step: Duration,
    /// How far back it is meant to reach.
    pub span: Duration,
    /// Bytes it takes.
    pub bytes: u64,
    /// Bytes that all tiers together may take.
    pub capacity: u64,
    /// Begin of the oldest; `None`: there is nothing yet.
    pub oldest: Option<Timestamp>,
}

/// One hook of the agent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hook {
    /// Its name in the kernel.
    pub target: String,
    /// "tracepoint", "kprobe", ...
    pub kind: String,
    /// What it is for.
    pub purpose: String,
    /// `None`: attached. Otherwise why not.
    pub refused: Option<String>,
    /// Events the kernel skipped, cumulative; `None`: not counted.
    pub missed: Option<u64>,
    /// The kernel's number of the program; `None`: not attached.
    pub program_id: Option<u32>,
}

/// One kernel map.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Map {
    /// Its name.
    pub name: String,
    /// Entries in use.
    pub entries: u32,
    /// Entries at most.
    pub capacity: u32,
}

/// What the agent costs.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Load {
    /// Share of one CPU over the last minute, 0 to 1 per CPU.
    pub cpu_fraction: f64,
    /// Resident memory, bytes.
    pub rss_bytes: u64,
    /// Connected clients.
    pub viewers: u32,
    /// Ticks since its start.
    pub ticks: u64,
    /// Of those, more than half a step late.
    pub ticks_late: u64,
    /// Samples merged for slow viewers.
    pub samples_merged: u64,
}

impl Agent {
    /// Checks that it can do everything in `needs`.
    ///
    /// # Errors
    /// It cannot, with its reason.
    pub fn require(&self, needs: &[Need]) -> Result<(), Failure> {
        let lacking = |need: &&Need| !self.capabilities.has(need.capability);
        let Some(need) = needs.iter().find(lacking) else {
            return Ok(());
        };
        let told = self
            .capabilities
            .missing()
            .find(|capability| capability.name == need.capability);
        let reason = match told {
            Some(capability) => capability.reason.as_deref().unwrap_or("no reason given"),
            None => "this agent is older than this netmon and does not know it",
        };
        Err(Failure::Impossible {
            what: need.what.to_owned(),
            reason: sanitize(reason).into_owned(),
        })
    }

    /// How long it has been running; `None`: not said.
    pub fn uptime(&self) -> Option<Duration> {
        Duration::try_from(self.now?.duration_since(self.started?)).ok()
    }

    /// For how long its counters have been counting; `None`: not said.
    pub fn counting_for(&self) -> Option<Duration> {
        Duration::try_from(self.now?.duration_since(self.counting_since?)).ok()
    }

    /// Lost events of all causes, cumulative.
    pub fn lost_events(&self) -> u64 {
        self.losses
            .iter()
            .fold(0, |sum, (_, events)| sum.saturating_add(*events))
    }
}

/// From the wire.
pub fn decode(agent: v1::GetAgentResponse) -> Agent {
    let kernel = agent.kernel.unwrap_or_default();
    let pins = agent.pins.unwrap_or_default();
    let load = agent.load.unwrap_or_default();
    let retention = agent.retention.unwrap_or_default();
    Agent {
        version: agent.agent_version,
        api: agent.api_version,
        instance: agent.instance_id,
        host: agent.host_name,
        pid: agent.pid,
        started: timestamp(agent.start_time.as_ref()),
        now: timestamp(agent.now.as_ref()),
        // An agent that does not say its step has the default one.
        tick: Duration::from_nanos(match agent.tick_ns {
            0 => 1_000_000_000,
            ns => ns,
        }),
        kernel: kernel.release,
        machine: kernel.machine,
        hook_set: agent.hook_set,
        hooks: agent.hooks.into_iter().map(hook).collect(),
        capabilities: agent.capabilities.into_iter().map(capability).collect(),
        pin_directory: pins.directory,
        counting_since: timestamp(pins.since.as_ref()),
        restarts: pins.restarts,
        maps: agent
            .maps
            .into_iter()
            .map(|map| Map {
                name: map.name,
                entries: map.entries,
                capacity: map.capacity,
            })
            .collect(),
        skipped_events: agent.skipped_events,
        losses: agent
            .losses
            .into_iter()
            .map(|loss| (loss.cause, loss.events))
            .collect(),
        load: Load {
            cpu_fraction: load.cpu_fraction,
            rss_bytes: load.rss_bytes,
            viewers: load.viewers,
            ticks: load.ticks,
            ticks_late: load.ticks_late,
            samples_merged: load.samples_merged,
        },
        exited: (retention.exited_kept, retention.exited_capacity),
        exited_oldest: timestamp(retention.exited_oldest.as_ref()),
        history: History {
            tiers: retention.tiers.iter().map(tier).collect(),
            directory: retention.state_directory,
            problem: retention.problem,
            damaged: retention.frames_damaged,
        },
        trace_points: agent.trace_points.into_iter().map(packet::point).collect(),
    }
}

fn tier(tier: &v1::HistoryTier) -> Tier {
    Tier {
        step: Duration::from_nanos(tier.step_ns),
        span: Duration::from_nanos(tier.span_ns),
        bytes: tier.bytes,
        capacity: tier.capacity_bytes,
        oldest: timestamp(tier.oldest.as_ref()),
    }
}

fn hook(hook: v1::Hook) -> Hook {
    Hook {
        target: hook.target,
        kind: hook.kind,
        purpose: hook.purpose,
        refused: (!hook.attached)
            .then(|| hook.reason.unwrap_or_else(|| "no reason given".to_owned())),
        missed: hook.missed_events,
        program_id: hook.program_id,
    }
}

fn capability(capability: v1::Capability) -> Capability {
    Capability {
        name: capability.name,
        available: capability.available,
        reason: capability.reason,
    }
}
