//! From messages of the agent to the client's own types.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;
use netmon_api::v1;
use nix::unistd::Uid;
use nix::unistd::User;

use super::Bytes;
use super::Counter;
use super::Exit;
use super::Facts;
use super::Flows;
use super::Peaks;
use super::ProcessId;
use super::State;

/// Names of user ids, each looked up once. A lookup may ask the network (LDAP).
#[derive(Debug, Default)]
pub struct Users {
    names: HashMap<u32, Option<String>>,
}

impl Users {
    /// `None`: the id has no name on this machine.
    pub fn name(&mut self, uid: u32) -> Option<String> {
        self.names
            .entry(uid)
            .or_insert_with(|| {
                User::from_uid(Uid::from_raw(uid))
                    .ok()
                    .flatten()
                    .map(|u| u.name)
            })
            .clone()
    }
}

/// `None`: absent or out of the range of clock times.
pub fn timestamp(time: Option<&prost_types::Timestamp>) -> Option<Timestamp> {
    let time = time?;
    Timestamp::new(time.seconds, time.nanos).ok()
}

/// For the wire.
pub fn wire_time(time: Timestamp) -> prost_types::Timestamp {
    let nanos = time.as_nanosecond();
    // The nanoseconds count forwards also before 1970. A Timestamp is far inside of both ranges.
    prost_types::Timestamp {
        seconds: i64::try_from(nanos.div_euclid(1_000_000_000)).unwrap_or_default(),
        nanos: i32::try_from(nanos.rem_euclid(1_000_000_000)).unwrap_or_default(),
    }
}

/// `None`: zero, which means that the length is not known.
pub fn length(ns: u64) -> Option<Duration> {
    (ns > 0).then(|| Duration::from_nanos(ns))
}

/// Identity; `None`: the message has none.
pub fn id(id: Option<&v1::ProcessId>) -> Option<ProcessId> {
    id.map(|id| ProcessId {
        pid: id.pid,
        start_ns: id.start_ns,
    })
}

/// What a process is; `None`: the message names no process.
pub fn facts(process: v1::Process, users: &mut Users) -> Option<Facts> {
    let exited = process.state == i32::from(v1::ProcessState::Exited) || process.exit.is_some();
    Some(Facts {
        id: id(process.id.as_ref())?,
        state: if exited { State::Exited } else { State::Live },
        start_time: timestamp(process.start_time.as_ref()).unwrap_or_default(),
        first_seen: timestamp(process.first_seen_time.as_ref()).unwrap_or_default(),
        parent_pid: process.parent_pid,
        parent_name: process.parent_name,
        uid: process.uid,
        user: users.name(process.uid),
        name: process.name,
        exe: process.exe,
        args: process.args,
        cgroup: process.cgroup,
        exit: process.exit.map(|exit| Exit {
            time: timestamp(exit.time.as_ref()).unwrap_or_default(),
            code: exit.code,
            signal: exit.signal,
        }),
    })
}

/// Puts `flows` into their cells of `into`. The bytes within the tick of all other cells become 0,
/// their totals stay. Kinds this client does not know are left out.
pub fn apply_flows(into: &mut Flows, flows: &[v1::Flow]) {
    into.rest();
    for flow in flows {
        if let Some(cell) = cell(into, flow) {
            // Added, not assigned, so that a cell sent in two pieces is not cut in half.
            cell.tick.rx = cell.tick.rx.saturating_add(flow.rx_bytes);
            cell.tick.tx = cell.tick.tx.saturating_add(flow.tx_bytes);
            cell.total = Bytes {
                rx: flow.rx_bytes_total,
                tx: flow.tx_bytes_total,
            };
        }
    }
}

fn cell<'a>(flows: &'a mut Flows, flow: &v1::Flow) -> Option<&'a mut Counter> {
    let transport = match flow.transport() {
        v1::Transport::Tcp => super::Transport::Tcp,
        v1::Transport::Udp => super::Transport::Udp,
        v1::Transport::Unspecified => return None,
    };
    let family = match flow.family() {
        v1::Family::Ipv4 => super::Family::V4,
        v1::Family::Ipv6 => super::Family::V6,
        v1::Family::Unspecified => return None,
    };
    let side = if flow.loopback {
        &mut flows.loopback
    } else {
        &mut flows.external
    };
    Some(&mut side[transport as usize][family as usize])
}

/// A transport for the wire.
pub fn wire_transport(transport: super::Transport) -> v1::Transport {
    match transport {
        super::Transport::Tcp => v1::Transport::Tcp,
        super::Transport::Udp => v1::Transport::Udp,
    }
}

/// A family for the wire.
pub fn wire_family(family: super::Family) -> v1::Family {
    match family {
        super::Family::V4 => v1::Family::Ipv4,
        super::Family::V6 => v1::Family::Ipv6,
    }
}

/// Highest single ticks.
pub fn peaks(peaks: &v1::Peaks) -> Peaks {
    Peaks {
        rx_per_s: peaks.rx_bytes_per_s,
        tx_per_s: peaks.tx_bytes_per_s,
        sum_per_s: peaks.bytes_per_s,
        time: timestamp(peaks.time.as_ref()),
    }
}
