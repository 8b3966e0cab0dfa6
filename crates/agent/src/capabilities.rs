//! What the attached hooks can count, and why not the rest.

use netmon_api::v1::Capability;
use netmon_bpf::plan::HookSet;
use netmon_bpf::preemption::Preemption;
use netmon_bpf::traffic::HookState;

/// Every capability by name, available or not. The names are explained in docs/accuracy.md.
/// `health`: whether open TCP sockets told how they fare, `None` as long as nobody has asked.
pub fn capabilities(
    set: HookSet,
    hooks: &[HookState],
    preemption: Preemption,
    health: Option<bool>,
) -> Vec<Capability> {
    let attached = |program: &str| {
        hooks
            .iter()
            .any(|state| state.hook.program == program && state.program_id.is_some())
    };
    let why = |program: &str| {
        let state = hooks.iter().find(|state| state.hook.program == program)?;
        let reason = state.reason.as_ref()?;
        Some(format!(
            "{} {}: {reason}",
            state.hook.kind, state.hook.target
        ))
    };
    let upper = set != HookSet::Kprobe || CALLS_TX.into_iter().any(attached);
    let upper_reason = || {
        let refused = CALLS_TX.into_iter().find_map(why);
        refused.unwrap_or_else(|| "no hook on the results of calls".to_owned())
    };
    // Told by the hook that counts it, if a task put aside inside that one costs others events.
    let seen_by = |name: &str, programs: &[&str]| Capability {
        reason: lossy(hooks, programs, preemption),
        ..full(name)
    };
    // Set K takes from calls only what is above plain TCP.
    let [tcp_tx, udp_rx, udp_tx]: [&[&str]; 3] = match set {
        HookSet::Tracepoint => [&[], &[], &[]],
        HookSet::Kprobe => [&[], &["udp_skb_rx_btf"], &["udp_skb_tx4_btf"]],
        HookSet::Fexit => [&["inet_tx4"], &["inet_rx4"], &["inet_tx4"]],
    };
    let mut all: Vec<Capability> = vec![
        full("tcp_rx"),
        seen_by("tcp_tx", tcp_tx),
        seen_by("udp_rx", udp_rx),
        seen_by("udp_tx", udp_tx),
        full("ipv6"),
        full("exit"),
    ];
    all.push(loopback(set, attached("udp_tx4"), why("udp_tx4")));
    all.push(match attached("socket_release") {
        true => full("connections"),
        false => missing("connections", why("socket_release")),
    });
    all.push(match attached("socket_release") {
        true => full("connection_details"),
        false => Capability {
            reason: Some("the end of a UDP socket is not seen: its row stays open".to_owned()),
            ..full("connection_details")
        },
    });
    all.push(Capability {
        reason: (set != HookSet::Kprobe)
            .then(|| "unknown for UDP without a peer: only calls are seen".to_owned()),
        ..full("interface")
    });
    all.push(match health {
        Some(false) => missing(
            "tcp_health",
            Some("open sockets cannot be asked; the agent's log says why".to_owned()),
        ),
        _ => full("tcp_health"),
    });
    for name in ["mptcp", "ktls"] {
        all.push(if upper {
            seen_by(name, &CALLS_TX)
        } else {
            missing(name, Some(upper_reason()))
        });
    }
    for (name, program) in [
        ("ktls_splice", "tls_splice_rx"),
        ("mptcp_splice", "mptcp_splice_rx"),
    ] {
        if name == "mptcp_splice" && attached("msk_rx") {
            // It needs an entry of the socket, and those need to see its end.
            all.push(match attached("socket_release") {
                true => full(name),
                false => missing(name, why("socket_release")),
            });
            continue;
        }
        all.push(match (attached(program), why(program)) {
            (true, _) => seen_by(name, &[program]),
            (false, Some(refused)) => missing(name, Some(refused)),
            // Without the function there is no such traffic to miss.
            (false, None) => Capability {
                reason: Some(ABSENT.to_owned()),
                ..full(name)
            },
        });
    }
    all
}

/// Of each set, what counts what send calls return.
const CALLS_TX: [&str; 2] = ["call_tx", "inet_tx4"];

/// The limit of what is counted by one of these, if there is one.
fn lossy(hooks: &[HookState], programs: &[&str], preemption: Preemption) -> Option<String> {
    let attached = hooks
        .iter()
        .filter(|state| state.program_id.is_some() && programs.contains(&state.hook.program));
    let mut lossy = attached.filter(|state| state.hook.loses_when_preempted());
    let hook = lossy.next()?.hook;
    let place = format!("seen by {} {} only", hook.kind, hook.target);
    match preemption {
        Preemption::Never => None,
        Preemption::Always => Some(format!(
            "{place}: this kernel preempts, so a busy CPU may miss some (told as missed_events)"
        )),
        Preemption::Unknown => Some(format!(
            "{place}: if this kernel preempts, a busy CPU may miss some (told as missed_events)"
        )),
    }
}

const ABSENT: &str = "not in this kernel, or its module was not loaded when the agent started";

fn full(name: &str) -> Capability {
    Capability {
        name: name.to_owned(),
        available: true,
        reason: None,
    }
}

fn missing(name: &str, reason: Option<String>) -> Capability {
    let reason = reason.or_else(|| Some("the hook is not attached".to_owned()));
    Capability {
        name: name.to_owned(),
        available: false,
        reason,
    }
}

/// Set K sees every datagram's device; the others see addresses that calls name.
fn loopback(set: HookSet, peers: bool, why: Option<String>) -> Capability {
    let limit = match (set, peers) {
        (HookSet::Kprobe, _) => None,
        (_, true) => Some(
            "unconnected UDP is told by address: to an own address that is not a loopback one it \
             counts as external"
                .to_owned(),
        ),
        (_, false) => Some(format!(
            "unconnected UDP is told by the socket's bound address only ({})",
            why.unwrap_or_else(|| "no cgroup hook".to_owned())
        )),
    };
    Capability {
        reason: limit,
        ..full("loopback")
    }
}

#[cfg(test)]
mod tests {
    use netmon_bpf::plan::Hook;
    use netmon_bpf::plan::Kind;

    use super::*;

    fn attached(program: &'static str, target: &'static str, kind: Kind) -> HookState {
        HookState {
            hook: Hook {
                program,
                target,
                kind,
                purpose: "",
            },
            program_id: Some(1),
            missed_events: None,
            reason: None,
        }
    }

    fn reasons(set: HookSet, hooks: &[HookState], preemption: Preemption) -> Vec<String> {
        let all = capabilities(set, hooks, preemption, None);
        all.into_iter()
            .filter(|one| {
                one.reason
                    .as_ref()
                    .is_some_and(|r| r.contains("missed_events"))
            })
            .map(|one| one.name)
            .collect()
    }

    #[test]
    fn what_a_preempting_kernel_may_lose_is_said_of_what_only_trampolines_see() {
        let splice = attached("mptcp_splice_rx", "mptcp_splice_read", Kind::Fexit);
        let send = attached("inet_tx4", "inet_sendmsg", Kind::Fexit);
        let receive = attached("inet_rx4", "inet_recvmsg", Kind::Fexit);
        let consumed = attached("msk_rx", "mptcp_release_cb", Kind::Kprobe);
        let release = attached("socket_release", "sock_release", Kind::Cgroup);
        let written = attached("tcp_tx_btf", "tcp_push", Kind::Fentry);
        let datagram = attached("udp_skb_rx_btf", "skb_consume_udp", Kind::Fentry);
        let call = attached("call_tx", "sock:sock_send_length", Kind::Tracepoint);
        let fexit = [
            "tcp_tx",
            "udp_rx",
            "udp_tx",
            "mptcp",
            "ktls",
            "mptcp_splice",
        ];
        let cases: [(HookSet, Vec<HookState>, Preemption, &[&str]); 6] = [
            (
                HookSet::Tracepoint,
                vec![call.clone(), splice.clone()],
                Preemption::Always,
                &["mptcp_splice"],
            ),
            (
                HookSet::Tracepoint,
                vec![call, splice.clone()],
                Preemption::Never,
                &[],
            ),
            (
                HookSet::Tracepoint,
                vec![consumed, release],
                Preemption::Always,
                &[],
            ),
            (
                HookSet::Fexit,
                vec![send.clone(), receive, splice],
                Preemption::Unknown,
                &fexit,
            ),
            // Streams that are counted by sequence numbers heal.
            (
                HookSet::Kprobe,
                vec![written, datagram],
                Preemption::Always,
                &["udp_rx"],
            ),
            (
                HookSet::Kprobe,
                vec![send],
                Preemption::Always,
                &["mptcp", "ktls"],
            ),
        ];
        for (set, hooks, preemption, expected) in cases {
            let found = reasons(set, &hooks, preemption);
            assert_eq!(found, expected, "{set} {preemption:?}");
        }
    }
}
