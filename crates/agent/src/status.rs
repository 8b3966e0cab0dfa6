//! What the agent says of itself: identity, hooks, capabilities, losses, its own cost.

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use netmon_api::v1;
use netmon_api::version::API_VERSION;
use netmon_bpf::abi::LOSS_CAUSES;
use netmon_bpf::traffic::Handover;
use netmon_bpf::traffic::HookState;
use nix::sys::resource::getrusage;
use nix::sys::resource::UsageWho;

use crate::capabilities::capabilities;
use crate::clock::boot_now;
use crate::clock::from_ns;
use crate::clock::Anchor;
use crate::ground::Ground;
use crate::history::Status as History;
use crate::history::TierStatus;
use crate::hub::Condition;
use crate::wire::timestamp;

/// What does not change while the agent runs.
#[derive(Debug)]
pub struct About {
    instance_id: String,
    started: u64,
    tick: Duration,
    ground: Ground,
    max_exited: usize,
    state_directory: Option<PathBuf>,
    problem: Option<String>,
}

impl About {
    /// Of an agent that starts now.
    pub fn new(ground: Ground, tick: Duration, max_exited: usize) -> Self {
        About {
            instance_id: instance_id(),
            started: boot_now(),
            tick,
            ground,
            max_exited,
            state_directory: None,
            problem: None,
        }
    }

    /// Where history is kept, and what is wrong with that place since the start.
    pub fn keeping(self, directory: Option<&Path>, problem: Option<String>) -> Self {
        About {
            state_directory: directory.map(Path::to_owned),
            problem,
            ..self
        }
    }

    /// New at every start.
    pub fn instance_id(&self) -> &str {
        &self.instance_id
    }

    /// What the agent before left.
    pub fn handover(&self) -> Handover {
        self.ground.handover
    }

    /// The answer to GetAgent.
    pub fn response(
        &self,
        condition: &Condition,
        history: &History,
        trace_points: Vec<v1::TracePoint>,
    ) -> v1::GetAgentResponse {
        let anchor = Anchor::now();
        let ground = &self.ground;
        let time = |boot| Some(timestamp(anchor.wall(boot)));
        v1::GetAgentResponse {
            agent_version: env!("CARGO_PKG_VERSION").to_owned(),
            api_version: API_VERSION.to_owned(),
            instance_id: self.instance_id.clone(),
            host_name: ground.machine.host.clone(),
            pid: std::process::id(),
            start_time: time(self.started),
            now: time(boot_now()),
            tick_ns: u64::try_from(self.tick.as_nanos()).unwrap_or(u64::MAX),
            kernel: Some(v1::Kernel {
                release: ground.machine.kernel.clone(),
                machine: ground.machine.architecture.clone(),
            }),
            hook_set: ground.hook_set.to_string(),
            hooks: condition.hooks.iter().map(hook).collect(),
            capabilities: capabilities(
                ground.hook_set,
                &condition.hooks,
                ground.preemption,
                condition.health,
            ),
            pins: Some(v1::Pins {
                directory: Some(ground.directory.display().to_string()),
                since: time(ground.created),
                restarts: ground.handover.restarts,
            }),
            maps: self.maps(condition),
            losses: losses(condition),
            load: Some(self.load(condition)),
            retention: Some(self.retention(condition, history, &anchor)),
            trace_points,
            skipped_events: skipped(condition),
        }
    }

    fn retention(&self, about: &Condition, history: &History, anchor: &Anchor) -> v1::Retention {
        let tier = |tier: &TierStatus| v1::HistoryTier {
            step_ns: tier.step,
            span_ns: tier.span,
            bytes: tier.bytes,
            capacity_bytes: tier.capacity,
            oldest: tier.oldest.map(|wall| timestamp(from_ns(wall))),
        };
        v1::Retention {
            exited_kept: about.exited.0 as u32,
            exited_capacity: self.max_exited as u32,
            exited_oldest: about.exited.1.map(|boot| timestamp(anchor.wall(boot))),
            tiers: history.tiers.iter().map(tier).collect(),
            state_directory: self
                .state_directory
                .as_ref()
                .map(|d| d.display().to_string()),
            problem: self.problem.clone().or_else(|| history.problem.clone()),
            frames_damaged: history.damaged,
        }
    }

    fn maps(&self, condition: &Condition) -> Vec<v1::Map> {
        let map = |name: &str, entries, capacity| v1::Map {
            name: name.to_owned(),
            entries,
            capacity,
        };
        let (entries, capacity) = (condition.entries, self.ground.capacity);
        vec![
            map("process", entries.processes, capacity.processes),
            map("counter", entries.counters, capacity.counters),
            map("connection", entries.sockets, capacity.sockets),
        ]
    }

    fn load(&self, condition: &Condition) -> v1::Load {
        let cpu = cpu_time();
        let age = boot_now().saturating_sub(self.started).max(1);
        v1::Load {
            cpu_ns: u64::try_from(cpu.as_nanos()).unwrap_or(u64::MAX),
            cpu_fraction: cpu.as_nanos() as f64 / age as f64,
            rss_bytes: resident(),
            viewers: condition.viewers,
            ticks: condition.ticks,
            ticks_late: condition.late,
            samples_merged: condition.merged,
        }
    }
}

fn hook(state: &HookState) -> v1::Hook {
    v1::Hook {
        target: state.hook.target.to_owned(),
        kind: state.hook.kind.to_string(),
        purpose: state.hook.purpose.to_owned(),
        attached: state.program_id.is_some(),
        reason: state.reason.clone(),
        program_id: state.program_id,
        missed_events: state.missed_events,
    }
}

fn losses(condition: &Condition) -> Vec<v1::Loss> {
    let loss = |cause: &str, events| v1::Loss {
        cause: cause.to_owned(),
        events,
    };
    let counted = LOSS_CAUSES.iter().zip(condition.losses.counts);
    let mut losses: Vec<_> = counted.map(|(cause, events)| loss(cause, events)).collect();
    losses.push(loss("missed_events", condition.missed_events));
    losses
}

fn skipped(condition: &Condition) -> u64 {
    let heal = condition.hooks.iter().filter(|state| state.hook.heals());
    let skipped = heal.filter_map(|state| state.missed_events);
    skipped.fold(0, u64::saturating_add)
}

/// 128 random bits as hex. The boot clock stands in where /dev/urandom is missing.
fn instance_id() -> String {
    use std::io::Read;
    let mut bytes = [0; 16];
    let read = fs::File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes));
    if read.is_err() {
        bytes[..8].copy_from_slice(&boot_now().to_ne_bytes());
    }
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn cpu_time() -> Duration {
    let Ok(usage) = getrusage(UsageWho::RUSAGE_SELF) else {
        return Duration::ZERO;
    };
    [usage.user_time(), usage.system_time()]
        .iter()
        .map(|time| {
            Duration::from_secs(time.tv_sec().unsigned_abs())
                + Duration::from_micros(time.tv_usec().unsigned_abs())
        })
        .sum()
}

fn resident() -> u64 {
    let statm = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm
        .split(' ')
        .nth(1)
        .and_then(|pages| pages.parse::<u64>().ok());
    let size = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE)
        .ok()
        .flatten();
    pages.unwrap_or(0) * size.map_or(4096, |size| size.unsigned_abs())
}
