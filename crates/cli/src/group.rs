//! Processes put together by what they have in common, or by what their connections have.
//!
//! Whatever the word, the groups together have exactly the bytes of the tick that the processes
//! have: what no group can be named for is in the group without a name.

pub mod narrow;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::HashMap;

use crate::args::query::GroupChoice;
use crate::row::connection::Connection;
use crate::row::Counter;
use crate::row::Family;
use crate::row::Flows;
use crate::row::ProcessId;
use crate::row::ProcessRow;
use crate::row::State;
use crate::row::Transport;

/// Several processes, or parts of them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Group {
    /// What they have in common; `None`: that they have none. Not sanitised.
    pub name: Option<String>,
    /// Which.
    pub processes: BTreeSet<ProcessId>,
    /// Their bytes. Totals mean nothing where the word is about connections.
    pub flows: Flows,
    /// Open TCP connections; `None`: cannot be told.
    pub tcp: Option<u32>,
    /// Open UDP connections; `None`: cannot be told.
    pub udp: Option<u32>,
}

/// The groups of `rows`, by name. `connections`: those of the rows, where the word is about
/// connections; of others they are passed over.
pub fn group<'a>(
    by: GroupChoice,
    rows: impl Iterator<Item = &'a ProcessRow>,
    connections: &[Connection],
) -> Vec<Group> {
    let mut groups = Groups::default();
    if by.needs_connections() {
        by_connection(by, rows, connections, &mut groups);
    } else {
        for row in rows {
            match by {
                GroupChoice::Proto => groups.by_transport(row),
                GroupChoice::Family => groups.by_family(row),
                _ => groups.add(name(by, row), row),
            }
        }
    }
    groups.all.into_values().collect()
}

#[derive(Default)]
struct Groups {
    all: BTreeMap<Option<String>, Group>,
}

impl Groups {
    fn at(&mut self, name: Option<String>) -> &mut Group {
        self.all.entry(name.clone()).or_insert_with(|| Group {
            name,
            tcp: Some(0),
            udp: Some(0),
            ..Group::default()
        })
    }

    fn add(&mut self, name: Option<String>, row: &ProcessRow) {
        let group = self.at(name);
        group.processes.insert(row.facts.id);
        group.flows.plus(&row.flows);
        if row.facts.state == State::Live {
            group.tcp = sum(group.tcp, row.tcp_connections);
            group.udp = sum(group.udp, row.udp_connections);
        }
    }

    fn by_transport(&mut self, row: &ProcessRow) {
        for (transport, name) in [(Transport::Tcp, "tcp"), (Transport::Udp, "udp")] {
            let part = row.flows.part(|t, _| t == transport);
            let live = row.facts.state == State::Live;
            let group = self.at(Some(name.to_owned()));
            group.flows.plus(&part);
            if part != Flows::default() {
                group.processes.insert(row.facts.id);
            }
            match transport {
                Transport::Tcp if live => group.tcp = sum(group.tcp, row.tcp_connections),
                Transport::Udp if live => group.udp = sum(group.udp, row.udp_connections),
                _ => {}
            }
        }
    }

    fn by_family(&mut self, row: &ProcessRow) {
        for (family, name) in [(Family::V4, "ipv4"), (Family::V6, "ipv6")] {
            let part = row.flows.part(|_, f| f == family);
            let group = self.at(Some(name.to_owned()));
            group.flows.plus(&part);
            if part != Flows::default() {
                group.processes.insert(row.facts.id);
            }
            // Open ones are not counted by family.
            (group.tcp, group.udp) = (None, None);
        }
    }
}

/// What a process is grouped by, where it is not divided; `None`: it has none.
pub fn name(by: GroupChoice, row: &ProcessRow) -> Option<String> {
    let facts = &row.facts;
    match by {
        GroupChoice::Name => Some(facts.name.clone()),
        GroupChoice::User => Some(facts.user.clone().unwrap_or_else(|| facts.uid.to_string())),
        GroupChoice::Unit => facts.unit.clone(),
        GroupChoice::Cgroup => facts.cgroup.clone(),
        // Names come later and can come again; the history has ids too.
        GroupChoice::Container => Some(facts.container.as_ref()?.id.clone()),
        GroupChoice::State => Some(facts.state.name().to_owned()),
        _ => Some(facts.id.pid.to_string()),
    }
}

fn by_connection<'a>(
    by: GroupChoice,
    rows: impl Iterator<Item = &'a ProcessRow>,
    connections: &[Connection],
    groups: &mut Groups,
) {
    let mut of: HashMap<ProcessId, Vec<&Connection>> = HashMap::new();
    for connection in connections {
        of.entry(connection.process).or_default().push(connection);
    }
    for row in rows {
        let mut left = row.flows;
        for connection in of.remove(&row.facts.id).unwrap_or_default() {
            let group = groups.at(end(by, connection));
            group.processes.insert(row.facts.id);
            group.flows.plus(&take(&mut left, connection));
            if connection.closed.is_none() {
                let count = match connection.transport {
                    Transport::Tcp => &mut group.tcp,
                    Transport::Udp => &mut group.udp,
                };
                *count = sum(*count, Some(connection.folded.unwrap_or(1)));
            }
        }
        // What moved before the counters looked at connections, or was lost by them.
        if left != Flows::default() {
            let group = groups.at(None);
            group.processes.insert(row.facts.id);
            group.flows.plus(&left);
        }
    }
}

// What a connection has of what is left of its process, never more. Datagrams of one socket may be
// of both families, and some of them may stay on the machine: the process is told of each, and the
// connection as a whole.
fn take(left: &mut Flows, connection: &Connection) -> Flows {
    let mut taken = Flows::default();
    let mut wanted = connection.counter;
    let transport = connection.transport as usize;
    let family = connection.family as usize;
    for loopback in [connection.loopback, !connection.loopback] {
        for family in [family, 1 - family] {
            let (from, to) = if loopback {
                (&mut left.loopback, &mut taken.loopback)
            } else {
                (&mut left.external, &mut taken.external)
            };
            let cell = &mut from[transport][family];
            let rest = wanted.less(*cell);
            let part = wanted.less(rest);
            *cell = cell.less(part);
            to[transport][family] = part;
            wanted = rest;
        }
    }
    taken
}

fn end(by: GroupChoice, connection: &Connection) -> Option<String> {
    match by {
        GroupChoice::Remote => Some(connection.remote?.address.to_string()),
        GroupChoice::Interface => connection.interface.clone(),
        // The one that servers listen on is nearly always the lower one.
        GroupChoice::Port => {
            let ends = [connection.local, connection.remote];
            let ports = ends.into_iter().flatten().map(|end| end.port);
            Some(ports.filter(|port| *port > 0).min()?.to_string())
        }
        _ => None,
    }
}

fn sum(sum: Option<u32>, more: Option<u32>) -> Option<u32> {
    Some(sum?.saturating_add(more?))
}

impl Flows {
    fn plus(&mut self, other: &Self) {
        self.each(other, Counter::plus);
    }

    fn part(&self, holds: impl Fn(Transport, Family) -> bool) -> Self {
        let mut part = Self::default();
        for transport in [Transport::Tcp, Transport::Udp] {
            for family in [Family::V4, Family::V6] {
                if holds(transport, family) {
                    let (t, f) = (transport as usize, family as usize);
                    part.external[t][f] = self.external[t][f];
                    part.loopback[t][f] = self.loopback[t][f];
                }
            }
        }
        part
    }
}

#[cfg(test)]
#[path = "group_tests.rs"]
mod tests;
