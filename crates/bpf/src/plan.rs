//! From facts to hooks: which programs make a complete set, in which order sets are tried.
//! Pure: nothing here asks the kernel.

use std::fmt;

use crate::support::Support;
use hooks::hook;

pub use crate::hook_set::HookSet;

mod hooks;

/// How a program is attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Classic tracepoint.
    Tracepoint,
    /// BTF tracepoint.
    RawTracepoint,
    /// Kprobe on a function's entry.
    Kprobe,
    /// BTF trampoline on a function's entry.
    Fentry,
    /// BTF trampoline on a function's return.
    Fexit,
    /// cgroup program at the root of the v2 tree.
    Cgroup,
    /// Run by the agent over what exists.
    Iterator,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Kind::Tracepoint => "tracepoint",
            Kind::RawTracepoint => "raw tracepoint",
            Kind::Kprobe => "kprobe",
            Kind::Fentry => "fentry",
            Kind::Fexit => "fexit",
            Kind::Cgroup => "cgroup",
            Kind::Iterator => "iterator",
        })
    }
}

/// What a kernel that preempts may put a task aside in.
const TRAMPOLINES: [Kind; 3] = [Kind::Fentry, Kind::Fexit, Kind::RawTracepoint];

/// One program and where it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hook {
    /// Its name in `traffic.bpf.c`.
    pub program: &'static str,
    /// What the kernel calls the place.
    pub target: &'static str,
    /// How it is attached.
    pub kind: Kind,
    /// What it is for, in a few words.
    pub purpose: &'static str,
}

impl Hook {
    /// Whether bytes of an event that the kernel skips here are counted by a later one: streams
    /// are counted by sequence numbers, at the latest when the connection is closed, and what is
    /// not a count is looked up again.
    pub fn heals(&self) -> bool {
        let lost_for_good = ["call_", "udp_skb_", "inet_", "no_page_", "tls_", "mptcp_"];
        !lost_for_good
            .iter()
            .any(|prefix| self.program.starts_with(prefix))
    }

    /// Whether bytes are lost for good where the kernel puts a task aside inside the program.
    pub fn loses_when_preempted(&self) -> bool {
        TRAMPOLINES.contains(&self.kind) && !self.heals()
    }
}

/// Whether a kernel may put a task aside inside this program, which is said of those it does not
/// know. Names after prctl do not matter here.
pub(crate) fn preemptible(program: &str) -> bool {
    let known = known();
    let hook = known.iter().find(|hook| hook.program == program);
    program != "process_rename_btf" && hook.is_none_or(|hook| TRAMPOLINES.contains(&hook.kind))
}

/// What to load for one set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Which set.
    pub set: HookSet,
    /// Without any one of these the set does not count.
    pub required: Vec<Hook>,
    /// Without these it counts, with a gap that is reported.
    pub optional: Vec<Hook>,
    /// `counts_written` of `tcp.h`.
    pub counts_written: bool,
    /// `only_upper_protocols` of `calls.h`.
    pub only_upper_protocols: bool,
    /// `counts_consumed` of `mptcp.h`.
    pub counts_consumed: bool,
}

/// The plans to try, best first. With `asked`, only of that one. A set may have two: the first of
/// them needs kprobes for splice from MPTCP, the second does without.
///
/// A set that lacks what it needs is left out; [`missing`] says what that is.
pub fn plans(support: &Support, asked: Option<HookSet>) -> Vec<Plan> {
    HookSet::ALL
        .into_iter()
        .filter(|set| asked.is_none_or(|asked| asked == *set))
        .filter(|set| missing(support, *set).is_none())
        .flat_map(|set| ways(support, set))
        .collect()
}

/// What this kernel lacks for a set, without trying it.
pub fn missing(support: &Support, set: HookSet) -> Option<&'static str> {
    match set {
        HookSet::Tracepoint if !support.call_tracepoints => {
            Some("tracepoint sock:sock_send_length does not exist (Linux 6.3)")
        }
        HookSet::Tracepoint if support.sendpage => {
            Some("sendfile goes past sock_send_length here (until Linux 6.5)")
        }
        HookSet::Kprobe if support.kprobes_off && support.perf_links => {
            Some("kprobes are switched off here (echo 1 > /sys/kernel/debug/kprobes/enabled)")
        }
        HookSet::Fexit if !support.trampoline_images => {
            Some("fexit on functions that sleep is not safe here (fixed in Linux 5.12)")
        }
        _ => None,
    }
}

fn ways(support: &Support, set: HookSet) -> Vec<Plan> {
    let plain = plan(support, set, false);
    let possible = support.mptcp_release && support.perf_links && !support.kprobes_off;
    if set == HookSet::Fexit || !possible {
        return vec![plain];
    }
    vec![plan(support, set, true), plain]
}

fn plan(support: &Support, set: HookSet, consumed: bool) -> Plan {
    let mut required = hooks::life_cycle(support);
    let mut optional = vec![hooks::rename(support)];
    if consumed {
        required.push(hooks::CONSUMED);
    }
    match set {
        HookSet::Tracepoint => {
            required.extend(hooks::CALLS);
            optional.extend(hooks::UDP_PEERS);
            optional.extend(hooks::splices(support, consumed));
        }
        HookSet::Kprobe => {
            required.extend(if support.perf_links {
                hooks::ENTRIES
            } else {
                hooks::ENTRIES_BTF
            });
            optional.push(hooks::SOCKET_RELEASE);
            // What is above plain TCP has only its calls. Where tracepoints tell their results, no
            // preemption loses them; and sendfile goes past no tracepoint of MPTCP and kTLS.
            if support.call_tracepoints && !support.sendpage {
                optional.extend(hooks::CALLS);
            } else {
                optional.extend(hooks::inet_calls(support));
            }
            optional.extend(hooks::splices(support, consumed));
        }
        HookSet::Fexit => {
            required.extend(hooks::inet_calls(support));
            optional.extend(hooks::UDP_PEERS);
            optional.extend(hooks::splices(support, consumed));
        }
    }
    Plan {
        set,
        required,
        optional,
        counts_written: set == HookSet::Kprobe,
        only_upper_protocols: set == HookSet::Kprobe,
        counts_consumed: consumed,
    }
}

/// Every hook that some kernel has, to give names to what is pinned.
pub(crate) fn known() -> Vec<Hook> {
    let mut hooks = Vec::new();
    for perf_links in [true, false] {
        let support = Support {
            call_tracepoints: true,
            sendpage: true,
            perf_links,
            rename_names_thread: true,
            tls_splice: true,
            mptcp_splice: true,
            ipv6_calls: true,
            ..Support::default()
        };
        for set in HookSet::ALL {
            for plan in [false, true].map(|consumed| plan(&support, set, consumed)) {
                hooks.extend(plan.required);
                hooks.extend(plan.optional);
            }
        }
    }
    hooks
}

/// What each kind of kernel needs of a set: with perf links, and without.
pub(crate) fn known_sets(set: HookSet) -> Vec<Vec<Hook>> {
    let kernel = |perf_links| Support {
        perf_links,
        ..Support::default()
    };
    [true, false]
        .map(|perf_links| plan(&kernel(perf_links), set, false).required)
        .into()
}

/// One hook of a set that stands for it when only finding out what the kernel allows.
pub(crate) fn sample(set: HookSet) -> Option<Hook> {
    match set {
        HookSet::Tracepoint => hooks::CALLS.first().copied(),
        HookSet::Kprobe => hooks::ENTRIES.first().copied(),
        HookSet::Fexit => Some(hook("inet_tx4", "inet_sendmsg", Kind::Fexit, "send calls")),
    }
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
