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
        let cgroup = || facts.cgroup.as_deref().unwrap_or_default();
        match self {
            GroupBy::Process => format!("{}-{}", facts.id.pid, facts.id.start),
            GroupBy::Name => facts.name.clone(),
            GroupBy::User => facts.uid.to_string(),
            GroupBy::Unit => unit(cgroup()).to_owned(),
            GroupBy::Cgroup => cgroup().to_owned(),
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

/// The innermost part of a cgroup path that is a unit of systemd.
fn unit(cgroup: &str) -> &str {
    let is_unit = |part: &&str| {
        [".service", ".scope", ".socket", ".mount", ".swap"]
            .iter()
            .any(|kind| part.ends_with(kind))
    };
    cgroup.rsplit('/').find(is_unit).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_unit_counts() {
        let cases = [
            ("/system.slice/nginx.service", "nginx.service"),
            ("/system.slice/nginx.service/worker", "nginx.service"),
            (
                "/user.slice/user-1000.slice/user@1000.service/app.slice/app-x.scope",
                "app-x.scope",
            ),
            ("/", ""),
            ("", ""),
        ];
        for (cgroup, expected) in cases {
            assert_eq!(unit(cgroup), expected, "{cgroup}");
        }
    }
}
