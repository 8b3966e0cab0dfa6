//! The hooks that a simulated agent says it has.

use netmon_bpf::plan::Hook;
use netmon_bpf::plan::Kind;
use netmon_bpf::traffic::HookState;

/// What a kernel with set T would have attached.
pub fn attached() -> Vec<HookState> {
    let attached = |(number, (program, target, kind, purpose))| HookState {
        hook: Hook {
            program,
            target,
            kind,
            purpose,
        },
        program_id: Some(number),
        missed_events: Some(0),
        reason: None,
    };
    let all = [
        (
            "call_tx",
            "sock:sock_send_length",
            Kind::Tracepoint,
            "TCP and UDP send",
        ),
        (
            "call_rx",
            "sock:sock_recv_length",
            Kind::Tracepoint,
            "UDP, MPTCP and kTLS receive",
        ),
        (
            "tcp_rx",
            "tcp:tcp_rcv_space_adjust",
            Kind::Tracepoint,
            "TCP receive",
        ),
        (
            "process_exit",
            "sched:sched_process_exit",
            Kind::Tracepoint,
            "end of processes",
        ),
        (
            "tcp_destroy",
            "tcp:tcp_destroy_sock",
            Kind::Tracepoint,
            "end of TCP sockets",
        ),
        (
            "socket_release",
            "sock_release",
            Kind::Cgroup,
            "end of UDP sockets",
        ),
        (
            "udp_tx4",
            "sendmsg4",
            Kind::Cgroup,
            "peers of unconnected UDP",
        ),
    ];
    (31u32..).zip(all).map(attached).collect()
}
