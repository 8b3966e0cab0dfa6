//! What agents say about themselves.

use netmon_api::v1;

use super::sample::at;

/// Names of everything an agent can count.
pub const CAPABILITIES: [&str; 13] = [
    "tcp_rx",
    "tcp_tx",
    "udp_rx",
    "udp_tx",
    "ipv6",
    "loopback",
    "exit",
    "connections",
    "mptcp",
    "ktls",
    "connection_details",
    "interface",
    "tcp_health",
];

/// A healthy agent.
pub fn agent() -> v1::GetAgentResponse {
    v1::GetAgentResponse {
        agent_version: "0.1.0".to_owned(),
        api_version: "1.0".to_owned(),
        instance_id: "f3a1".to_owned(),
        host_name: "web-01".to_owned(),
        pid: 702,
        start_time: at(-273_600),
        now: at(0),
        tick_ns: 1_000_000_000,
        kernel: Some(v1::Kernel {
            release: "6.18.0".to_owned(),
            machine: "x86_64".to_owned(),
        }),
        hook_set: "tracepoint".to_owned(),
        hooks: vec![
            v1::Hook {
                target: "sock:sock_send_length".to_owned(),
                kind: "tracepoint".to_owned(),
                purpose: "bytes sent".to_owned(),
                attached: true,
                program_id: Some(7),
                missed_events: Some(0),
                ..Default::default()
            },
            v1::Hook {
                target: "sock:sock_recv_length".to_owned(),
                kind: "tracepoint".to_owned(),
                purpose: "bytes received".to_owned(),
                attached: true,
                program_id: Some(8),
                missed_events: Some(0),
                ..Default::default()
            },
        ],
        capabilities: CAPABILITIES
            .iter()
            .map(|name| v1::Capability {
                name: (*name).to_owned(),
                available: true,
                reason: None,
            })
            .collect(),
        pins: Some(v1::Pins {
            directory: Some("/sys/fs/bpf/netmon/1".to_owned()),
            since: at(-273_600),
            restarts: 1,
        }),
        maps: vec![v1::Map {
            name: "process".to_owned(),
            entries: 412,
            capacity: 16384,
        }],
        losses: vec![v1::Loss {
            cause: "process_map_full".to_owned(),
            events: 0,
        }],
        load: Some(v1::Load {
            cpu_ns: 0,
            cpu_fraction: 0.003,
            rss_bytes: 14_889_779,
            viewers: 2,
            ticks: 273_600,
            ticks_late: 0,
            samples_merged: 0,
        }),
        retention: Some(v1::Retention {
            exited_kept: 2,
            exited_capacity: 4096,
            exited_oldest: at(-127),
            tiers: vec![
                tier(1, 24 * 3600, 96 << 20, -72_000),
                tier(10, 7 * 24 * 3600, 31 << 20, -270_000),
                tier(60, 30 * 24 * 3600, 5 << 20, -273_600),
            ],
            state_directory: Some("/var/lib/netmon".to_owned()),
            problem: None,
            frames_damaged: 0,
        }),
        trace_points: Vec::new(),
        skipped_events: 0,
    }
}

fn tier(step_s: u64, span_s: u64, bytes: u64, oldest: i64) -> v1::HistoryTier {
    v1::HistoryTier {
        step_ns: step_s * 1_000_000_000,
        span_ns: span_s * 1_000_000_000,
        bytes,
        capacity_bytes: 1 << 30,
        oldest: at(oldest),
    }
}

/// An agent with one capability less, and the hook that was refused for it.
pub fn agent_without(capability: &str, reason: &str) -> v1::GetAgentResponse {
    let mut agent = agent();
    for other in &mut agent.capabilities {
        if other.name == capability {
            other.available = false;
            other.reason = Some(reason.to_owned());
        }
    }
    agent.hooks.push(v1::Hook {
        target: "udp:udp_recv_length".to_owned(),
        kind: "tracepoint".to_owned(),
        purpose: "bytes received".to_owned(),
        attached: false,
        reason: Some("refused: No such file or directory (2)".to_owned()),
        ..Default::default()
    });
    agent
}
