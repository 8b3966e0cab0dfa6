//! What the attached hooks can count, and why not the rest.

use netmon_api::v1::Capability;
use netmon_bpf::plan::HookSet;
use netmon_bpf::traffic::HookState;

/// Every capability by name, available or not. The names are explained in docs/accuracy.md.
/// `health`: whether open TCP sockets told how they fare, `None` as long as nobody has asked.
pub fn capabilities(set: HookSet, hooks: &[HookState], health: Option<bool>) -> Vec<Capability> {
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
    let calls = ["call_tx", "inet_tx4"];
    let upper = set != HookSet::Kprobe || calls.into_iter().any(attached);
    let upper_reason = || {
        let refused = calls.into_iter().find_map(why);
        refused.unwrap_or_else(|| "no hook on the results of calls".to_owned())
    };
    let mut all: Vec<Capability> = ["tcp_rx", "tcp_tx", "udp_rx", "udp_tx", "ipv6", "exit"]
        .map(full)
        .into();
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
            full(name)
        } else {
            missing(name, Some(upper_reason()))
        });
    }
    for (name, program) in [
        ("ktls_splice", "tls_splice_rx"),
        ("mptcp_splice", "mptcp_splice_rx"),
    ] {
        all.push(match (attached(program), why(program)) {
            (true, _) => full(name),
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
