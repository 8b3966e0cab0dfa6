//! What traffic can be grouped by: the words of `-g`.

use std::sync::Arc;

use crate::history::Grouping;
use crate::process::Facts;

/// A word to group by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupBy {
    /// One row per process.
    Process,
    /// comm of the leader.
    Name,
    /// Real user id, as a number in text: names belong to the viewer's machine.
    User,
    /// systemd unit.
    Unit,
    /// Path in the cgroup v2 tree.
    Cgroup,
    /// Id of the container, from the cgroup path.
    Container,
    /// Transport.
    Proto,
    /// Address family.
    Family,
    /// Live or exited, at the end of the window.
    State,
}

impl GroupBy {
    /// How the history is to fold.
    pub fn grouping(self) -> Grouping {
        match self {
            GroupBy::Process => Grouping::Process,
            other => Grouping::Named(Arc::new(move |facts, kind| other.name(facts, kind))),
        }
    }

    /// The group that traffic of one kind of a process belongs to; empty: to none.
    pub fn name(self, facts: &Facts, kind: u8) -> String {
        let cgroup = facts.cgroup.as_ref();
        match self {
            GroupBy::Process => format!("{}-{}", facts.id.pid, facts.id.start),
            GroupBy::Name => facts.name.clone(),
            GroupBy::User => facts.uid.to_string(),
            GroupBy::Unit => cgroup.and_then(|c| c.unit()).unwrap_or_default().to_owned(),
            GroupBy::Cgroup => facts.cgroup.as_deref().unwrap_or_default().to_owned(),
            GroupBy::Container => cgroup
                .and_then(|c| c.container())
                .map(|c| c.id.clone())
                .unwrap_or_default(),
            GroupBy::Proto => if kind & 2 == 0 { "tcp" } else { "udp" }.to_owned(),
            GroupBy::Family => if kind & 1 == 0 { "ipv4" } else { "ipv6" }.to_owned(),
            GroupBy::State => match facts.exit {
                None => "live",
                Some(_) => "exited",
            }
            .to_owned(),
        }
    }
}
