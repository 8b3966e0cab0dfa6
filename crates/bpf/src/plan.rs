//! From facts to hooks: which programs make a complete set, in which order sets are tried.
//! Pure: nothing here asks the kernel.

use std::fmt;

use crate::support::Support;

pub use crate::hook_set::HookSet;

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
    /// are counted by sequence numbers, and what is not a count is looked up again.
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
}

/// The plans to try, best first. With `asked`, only that one.
///
/// A set that lacks what it needs is left out; [`missing`] says what that is.
pub fn plans(support: &Support, asked: Option<HookSet>) -> Vec<Plan> {
    HookSet::ALL
        .into_iter()
        .filter(|set| asked.is_none_or(|asked| asked == *set))
        .filter(|set| missing(support, *set).is_none())
        .map(|set| plan(support, set))
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
        HookSet::Fexit if !support.trampoline_images => {
            Some("fexit on functions that sleep is not safe here (fixed in Linux 5.12)")
        }
        _ => None,
    }
}

fn plan(support: &Support, set: HookSet) -> Plan {
    let mut required = life_cycle(support);
    let mut optional = vec![rename(support)];
    match set {
        HookSet::Tracepoint => {
            required.extend(CALLS);
            optional.extend(UDP_PEERS);
            optional.extend(splices(support));
        }
        HookSet::Kprobe => {
            required.extend(if support.perf_links {
                ENTRIES
            } else {
                ENTRIES_BTF
            });
            optional.push(SOCKET_RELEASE);
            // What is above plain TCP has only its calls. Where tracepoints tell their results, no
            // preemption loses them; and sendfile goes past no tracepoint of MPTCP and kTLS.
            if support.call_tracepoints && !support.sendpage {
                optional.extend(CALLS);
            } else {
                optional.extend(inet_calls(support));
            }
            optional.extend(splices(support));
        }
        HookSet::Fexit => {
            required.extend(inet_calls(support));
            optional.extend(UDP_PEERS);
            optional.extend(splices(support));
        }
    }
    Plan {
        set,
        required,
        optional,
        counts_written: set == HookSet::Kprobe,
        only_upper_protocols: set == HookSet::Kprobe,
    }
}

const fn hook(
    program: &'static str,
    target: &'static str,
    kind: Kind,
    purpose: &'static str,
) -> Hook {
    Hook {
        program,
        target,
        kind,
        purpose,
    }
}

fn life_cycle(support: &Support) -> Vec<Hook> {
    // Before 5.15 only BTF attachments can be pinned, and what cannot stops with the agent.
    let (kind, names) = if support.perf_links {
        (
            Kind::Tracepoint,
            [
                "process_exit",
                "process_exec",
                "tcp_state",
                "tcp_destroy",
                "tcp_rx",
            ],
        )
    } else {
        (
            Kind::RawTracepoint,
            [
                "process_exit_btf",
                "process_exec_btf",
                "tcp_state_btf",
                "tcp_destroy_btf",
                "tcp_rx_btf",
            ],
        )
    };
    vec![
        hook(
            names[0],
            "sched:sched_process_exit",
            kind,
            "end of processes",
        ),
        hook(
            names[1],
            "sched:sched_process_exec",
            kind,
            "names after exec",
        ),
        hook(
            names[2],
            "sock:inet_sock_set_state",
            kind,
            "TCP connections",
        ),
        hook(names[3], "tcp:tcp_destroy_sock", kind, "end of TCP sockets"),
        hook(names[4], "tcp:tcp_rcv_space_adjust", kind, "TCP receive"),
    ]
}

fn rename(support: &Support) -> Hook {
    let (program, kind) = if support.perf_links && support.rename_names_thread {
        ("process_rename", Kind::Tracepoint)
    } else {
        ("process_rename_btf", Kind::RawTracepoint)
    };
    hook(program, "task:task_rename", kind, "names after prctl")
}

const CALLS: [Hook; 2] = [
    hook(
        "call_tx",
        "sock:sock_send_length",
        Kind::Tracepoint,
        "TCP and UDP send",
    ),
    hook(
        "call_rx",
        "sock:sock_recv_length",
        Kind::Tracepoint,
        "UDP, MPTCP and kTLS receive",
    ),
];

const SOCKET_RELEASE: Hook = hook(
    "socket_release",
    "sock_release",
    Kind::Cgroup,
    "end of UDP sockets",
);

const UDP_PEERS: [Hook; 5] = [
    SOCKET_RELEASE,
    hook(
        "udp_tx4",
        "sendmsg4",
        Kind::Cgroup,
        "peers of unconnected UDP",
    ),
    hook(
        "udp_tx6",
        "sendmsg6",
        Kind::Cgroup,
        "peers of unconnected UDP",
    ),
    hook(
        "udp_rx4",
        "recvmsg4",
        Kind::Cgroup,
        "peers of unconnected UDP",
    ),
    hook(
        "udp_rx6",
        "recvmsg6",
        Kind::Cgroup,
        "peers of unconnected UDP",
    ),
];

const ENTRIES: [Hook; 4] = [
    hook("tcp_tx", "tcp_push", Kind::Kprobe, "TCP send"),
    hook("udp_skb_tx4", "ip_send_skb", Kind::Kprobe, "UDP send"),
    hook("udp_skb_tx6", "ip6_send_skb", Kind::Kprobe, "UDP send"),
    hook("udp_skb_rx", "skb_consume_udp", Kind::Kprobe, "UDP receive"),
];

const ENTRIES_BTF: [Hook; 4] = [
    hook("tcp_tx_btf", "tcp_push", Kind::Fentry, "TCP send"),
    hook("udp_skb_tx4_btf", "ip_send_skb", Kind::Fentry, "UDP send"),
    hook("udp_skb_tx6_btf", "ip6_send_skb", Kind::Fentry, "UDP send"),
    hook(
        "udp_skb_rx_btf",
        "skb_consume_udp",
        Kind::Fentry,
        "UDP receive",
    ),
];

fn inet_calls(support: &Support) -> Vec<Hook> {
    let mut hooks = vec![
        hook("inet_tx4", "inet_sendmsg", Kind::Fexit, "send calls"),
        hook("inet_rx4", "inet_recvmsg", Kind::Fexit, "receive calls"),
    ];
    if support.ipv6_calls {
        hooks.push(hook("inet_tx6", "inet6_sendmsg", Kind::Fexit, "send calls"));
        hooks.push(hook(
            "inet_rx6",
            "inet6_recvmsg",
            Kind::Fexit,
            "receive calls",
        ));
    }
    if support.sendpage {
        hooks.push(hook(
            "inet_page_tx",
            "inet_sendpage",
            Kind::Fexit,
            "sendfile and splice",
        ));
        hooks.push(hook(
            "no_page_tx",
            "sock_no_sendpage",
            Kind::Fexit,
            "sendfile and splice",
        ));
    }
    hooks
}

fn splices(support: &Support) -> Vec<Hook> {
    let tls = hook(
        "tls_splice_rx",
        "tls_sw_splice_read",
        Kind::Fexit,
        "splice from kTLS",
    );
    let mptcp = hook(
        "mptcp_splice_rx",
        "mptcp_splice_read",
        Kind::Fexit,
        "splice from MPTCP",
    );
    let known = [(support.tls_splice, tls), (support.mptcp_splice, mptcp)];
    known
        .into_iter()
        .filter(|(there, _)| *there)
        .map(|(_, hook)| hook)
        .collect()
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
            let plan = plan(&support, set);
            hooks.extend(plan.required);
            hooks.extend(plan.optional);
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
        .map(|perf_links| plan(&kernel(perf_links), set).required)
        .into()
}

/// One hook of a set that stands for it when only finding out what the kernel allows.
pub(crate) fn sample(set: HookSet) -> Option<Hook> {
    match set {
        HookSet::Tracepoint => CALLS.first().copied(),
        HookSet::Kprobe => ENTRIES.first().copied(),
        HookSet::Fexit => Some(hook("inet_tx4", "inet_sendmsg", Kind::Fexit, "send calls")),
    }
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
