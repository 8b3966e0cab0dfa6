//! Open sockets by the process that uses them.

use std::collections::HashMap;

use crate::abi::decode;
use crate::abi::socket_state;
use crate::abi::ProcessId;
use crate::batch::Batch;
use crate::error::Result;
use crate::pins::Maps;

/// include/net/tcp_states.h
const TCP_ESTABLISHED: u8 = 1;
/// The peer has finished, the process has not closed yet.
const TCP_CLOSE_WAIT: u8 = 8;
/// enum socket_flags of abi.h.
const SOCKET_IGNORED: u8 = 1;
const SOCKET_USED: u8 = 8;
const IPPROTO_UDP: u16 = 17;
const IPPROTO_UDPLITE: u16 = 136;

/// Open sockets with a peer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Connections {
    /// TCP, established and not closed by the process; MPTCP counts once.
    pub tcp: u32,
    /// UDP, connected or used since the counters look.
    pub udp: u32,
}

/// All of them at one instant.
#[derive(Debug, Default)]
pub(crate) struct Census {
    pub(crate) by_process: HashMap<ProcessId, Connections>,
    /// Established, and nobody has used them: accepted, or still to be.
    pub(crate) ownerless: u32,
    /// Entries in the map.
    pub(crate) entries: u32,
}

pub(crate) fn census(maps: &Maps, batch: &mut Batch) -> Result<Census> {
    let mut census = Census::default();
    batch.read(&maps.sockets, |_, value| {
        if let Some(socket) = decode::<socket_state>(value) {
            census.add(&socket);
        }
    })?;
    Ok(census)
}

impl Census {
    fn add(&mut self, socket: &socket_state) {
        self.entries += 1;
        if socket.flags & SOCKET_IGNORED != 0 {
            return;
        }
        let udp = matches!(socket.protocol, IPPROTO_UDP | IPPROTO_UDPLITE);
        let counts = match socket.state {
            TCP_ESTABLISHED => true,
            TCP_CLOSE_WAIT => !udp,
            _ => udp && socket.flags & SOCKET_USED != 0,
        };
        if !counts {
            return;
        }
        if socket.owner.tgid == 0 {
            self.ownerless += 1;
            return;
        }
        let connections = self.by_process.entry(socket.owner.into()).or_default();
        if udp {
            connections.udp += 1;
        } else {
            connections.tcp += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abi::process_key;

    #[test]
    fn only_sockets_with_a_peer_are_connections() {
        const LISTEN: u8 = 10;
        const CLOSED: u8 = 7;
        let owner = process_key {
            tgid: 5,
            start: 1,
            zero: 0,
        };
        let socket = |protocol, state, flags| socket_state {
            owner,
            protocol,
            state,
            flags,
            ..socket_state::default()
        };
        let cases = [
            ("established", socket(6, TCP_ESTABLISHED, 0), (1, 0)),
            ("peer has closed", socket(6, TCP_CLOSE_WAIT, 0), (1, 0)),
            ("listening", socket(6, LISTEN, 0), (0, 0)),
            ("closed", socket(6, CLOSED, SOCKET_USED), (0, 0)),
            ("connected UDP", socket(17, TCP_ESTABLISHED, 0), (0, 1)),
            ("bound UDP, never used", socket(17, CLOSED, 0), (0, 0)),
            ("bound UDP, used", socket(17, CLOSED, SOCKET_USED), (0, 1)),
            (
                "raw",
                socket(17, CLOSED, SOCKET_IGNORED | SOCKET_USED),
                (0, 0),
            ),
        ];
        for (name, socket, (tcp, udp)) in cases {
            let mut census = Census::default();
            census.add(&socket);
            let found = census
                .by_process
                .get(&owner.into())
                .copied()
                .unwrap_or_default();
            assert_eq!(found, Connections { tcp, udp }, "{name}");
        }
    }
}
