//! Every hook there is, and which of its forms a kernel has.

use super::Hook;
use super::Kind;
use crate::support::Support;

pub(super) const fn hook(
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

pub(super) fn life_cycle(support: &Support) -> Vec<Hook> {
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

pub(super) fn rename(support: &Support) -> Hook {
    let (program, kind) = if support.perf_links && support.rename_names_thread {
        ("process_rename", Kind::Tracepoint)
    } else {
        ("process_rename_btf", Kind::RawTracepoint)
    };
    hook(program, "task:task_rename", kind, "names after prctl")
}

pub(super) const CALLS: [Hook; 2] = [
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

pub(super) const SOCKET_RELEASE: Hook = hook(
    "socket_release",
    "sock_release",
    Kind::Cgroup,
    "end of UDP sockets",
);

pub(super) const UDP_PEERS: [Hook; 5] = [
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

/// Whoever gives the lock of an MPTCP socket back: what was received by then, splice or not.
pub(super) const CONSUMED: Hook = hook("msk_rx", "mptcp_release_cb", Kind::Kprobe, "MPTCP receive");

pub(super) const ENTRIES: [Hook; 4] = [
    hook("tcp_tx", "tcp_push", Kind::Kprobe, "TCP send"),
    hook("udp_skb_tx4", "ip_send_skb", Kind::Kprobe, "UDP send"),
    hook("udp_skb_tx6", "ip6_send_skb", Kind::Kprobe, "UDP send"),
    hook("udp_skb_rx", "skb_consume_udp", Kind::Kprobe, "UDP receive"),
];

pub(super) const ENTRIES_BTF: [Hook; 4] = [
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

pub(super) fn inet_calls(support: &Support) -> Vec<Hook> {
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

/// What calls do not tell of. `consumed`: [`CONSUMED`] tells it of MPTCP.
pub(super) fn splices(support: &Support, consumed: bool) -> Vec<Hook> {
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
    let splices_mptcp = support.mptcp_splice && !consumed;
    let known = [(support.tls_splice, tls), (splices_mptcp, mptcp)];
    known
        .into_iter()
        .filter(|(there, _)| *there)
        .map(|(_, hook)| hook)
        .collect()
}
