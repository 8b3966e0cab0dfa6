//! What an agent stands on: the counters it found or made, and the machine. Told once.

use std::path::PathBuf;

use netmon_bpf::plan::HookSet;
use netmon_bpf::preemption::Preemption;
use netmon_bpf::traffic::Entries;
use netmon_bpf::traffic::Handover;
use netmon_bpf::traffic::Probe;
use nix::sys::utsname::uname;
use nix::sys::utsname::UtsName;

/// Does not change while an agent lives.
#[derive(Debug, Clone)]
pub struct Ground {
    /// Which set counts.
    pub hook_set: HookSet,
    /// Whether programs may be preempted here, so that some miss events.
    pub preemption: Preemption,
    /// Where the maps and links are pinned.
    pub directory: PathBuf,
    /// When the counters were made, boot clock, ns.
    pub created: u64,
    /// How many entries the maps can hold.
    pub capacity: Entries,
    /// What the agent before left.
    pub handover: Handover,
    /// The machine.
    pub machine: Machine,
}

/// What the machine calls itself; empty where it does not say.
#[derive(Debug, Clone, Default)]
pub struct Machine {
    /// Host name.
    pub host: String,
    /// Release of the kernel.
    pub kernel: String,
    /// Architecture.
    pub architecture: String,
}

impl Ground {
    /// Of counters in the kernel.
    pub fn of(probe: &Probe) -> Self {
        Ground {
            hook_set: probe.hook_set(),
            preemption: Preemption::find_out(),
            directory: probe.directory(),
            created: probe.created(),
            capacity: probe.capacity(),
            handover: probe.handover(),
            machine: Machine::this(),
        }
    }
}

impl Machine {
    fn this() -> Self {
        let Ok(names) = uname() else {
            return Machine::default();
        };
        let text = |of: fn(&UtsName) -> &std::ffi::OsStr| of(&names).to_string_lossy().into_owned();
        Machine {
            host: text(UtsName::nodename),
            kernel: text(UtsName::release),
            architecture: text(UtsName::machine),
        }
    }
}
