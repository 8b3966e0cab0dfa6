//! What the agent can count on its kernel, and which numbers that leaves unknown.

use crate::row::Family;
use crate::row::Loopback;
use crate::row::Scope;
use crate::row::Transport;

/// Everything an agent can count somewhere, available here or not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Capabilities {
    all: Vec<Capability>,
}

/// One thing that can be counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capability {
    /// For example "tcp_rx".
    pub name: String,
    /// Whether it is counted here.
    pub available: bool,
    /// Why not; with `available`, a limit. `None`: nothing to say.
    pub reason: Option<String>,
}

/// A direction of traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Received by the process.
    Rx,
    /// Sent by it.
    Tx,
}

impl Capabilities {
    /// In the order of the agent.
    pub fn iter(&self) -> impl Iterator<Item = &Capability> {
        self.all.iter()
    }

    /// Whether `name` is counted. What the agent does not mention is not.
    pub fn has(&self, name: &str) -> bool {
        self.all
            .iter()
            .any(|capability| capability.name == name && capability.available)
    }

    /// Those not counted here.
    pub fn missing(&self) -> impl Iterator<Item = &Capability> {
        self.all.iter().filter(|capability| !capability.available)
    }

    /// Whether all traffic of one direction inside `scope` is counted. If not, its numbers are
    /// unknown.
    pub fn counts(&self, direction: Direction, scope: Scope) -> bool {
        self.needed(direction, scope)
            .iter()
            .all(|name| self.has(name))
    }

    /// What is not counted of the traffic inside `scope`, in the order of the agent.
    pub fn lacking(&self, scope: Scope) -> Vec<&Capability> {
        let mut needed = self.needed(Direction::Rx, scope);
        needed.extend(self.needed(Direction::Tx, scope));
        needed.push("connections");
        self.missing()
            .filter(|capability| needed.contains(&capability.name.as_str()))
            .collect()
    }

    /// The numbers of connections are known.
    pub fn counts_connections(&self) -> bool {
        self.has("connections")
    }

    fn needed(&self, direction: Direction, scope: Scope) -> Vec<&'static str> {
        let mut names: Vec<_> = scope
            .transports()
            .iter()
            .map(|transport| match (transport, direction) {
                (Transport::Tcp, Direction::Rx) => "tcp_rx",
                (Transport::Tcp, Direction::Tx) => "tcp_tx",
                (Transport::Udp, Direction::Rx) => "udp_rx",
                (Transport::Udp, Direction::Tx) => "udp_tx",
            })
            .collect();
        if scope.family != Some(Family::V4) {
            names.push("ipv6");
        }
        if scope.loopback != Loopback::Include {
            names.push("loopback");
        }
        names
    }
}

impl FromIterator<Capability> for Capabilities {
    fn from_iter<I: IntoIterator<Item = Capability>>(capabilities: I) -> Self {
        Self {
            all: capabilities.into_iter().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(missing: &str) -> Capabilities {
        [
            "tcp_rx",
            "tcp_tx",
            "udp_rx",
            "udp_tx",
            "ipv6",
            "loopback",
            "exit",
            "connections",
        ]
        .into_iter()
        .map(|name| Capability {
            name: name.to_owned(),
            available: name != missing,
            reason: None,
        })
        .collect()
    }

    #[test]
    fn a_missing_capability_hides_what_depends_on_it() {
        let whole = Scope::default();
        let tcp = Scope {
            transport: Some(Transport::Tcp),
            ..whole
        };
        let v4 = Scope {
            family: Some(Family::V4),
            ..whole
        };
        let all = Scope {
            loopback: Loopback::Include,
            ..whole
        };
        for (missing, scope, rx, tx) in [
            ("", whole, true, true),
            ("udp_rx", whole, false, true),
            ("udp_rx", tcp, true, true),
            ("tcp_tx", tcp, true, false),
            ("ipv6", whole, false, false),
            ("ipv6", v4, true, true),
            ("loopback", whole, false, false),
            ("loopback", all, true, true),
            ("exit", whole, true, true),
        ] {
            let capabilities = with(missing);
            assert_eq!(
                capabilities.counts(Direction::Rx, scope),
                rx,
                "{missing} {scope:?}"
            );
            assert_eq!(
                capabilities.counts(Direction::Tx, scope),
                tx,
                "{missing} {scope:?}"
            );
        }
    }

    #[test]
    fn what_is_not_mentioned_is_not_counted() {
        assert!(!Capabilities::default().counts(Direction::Rx, Scope::default()));
    }
}
