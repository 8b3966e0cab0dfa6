//! All cases, one socket path each: what runs at either end and what must be true of the sums.

pub mod batch;
pub mod calls;
pub mod flood;
pub mod other;
pub mod process;
pub mod sleepers;
pub mod splice;
pub mod storm;
pub mod tcp;
pub mod udp;
pub mod uring;
pub mod zerocopy;

use super::ends::Outcome;
use super::ends::Path;
use super::ends::Variant;
use super::side::Side;
use super::truth::Account;

/// What one process of a case does.
pub type Part = fn(&Side) -> Outcome;

/// How the sums of all processes of a case relate, whoever counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Balance {
    /// All that was sent was received.
    Equal,
    /// Something was sent, and the kernel threw part of it away.
    Lossy,
    /// Something was received, and the kernel may have thrown away the rest of what was sent.
    Leaky,
    /// Nothing here may count.
    Nothing,
}

/// Whether other cases may run at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Company {
    /// Any.
    Any,
    /// None: it depends on what else happens on the machine.
    Alone,
}

/// One socket path to be checked.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    /// What `--case` matches.
    pub name: &'static str,
    /// What it shows, for `--list`.
    pub about: &'static str,
    /// Labels and parts of the two sides.
    pub parts: [(&'static str, Part); 2],
    /// Which kinds of addresses it is run with.
    pub variants: &'static [Variant],
    /// Where it can be run.
    pub paths: &'static [Path],
    /// What must be true of the sums.
    pub balance: Balance,
    /// What the agent must be able to count, beyond TCP and UDP.
    pub capabilities: &'static [&'static str],
    /// What may run beside it.
    pub company: Company,
    /// For a case under load: about how many processes move bytes. It is run only when asked for.
    pub load: Option<u32>,
}

/// IPv4 only.
pub const V4: &[Variant] = &[Variant::V4];
/// IPv6 only.
pub const V6: &[Variant] = &[Variant::V6];
/// Both families.
pub const BOTH: &[Variant] = &[Variant::V4, Variant::V6];
/// Both families, and IPv4 through IPv6 sockets.
pub const ALL: &[Variant] = &[Variant::V4, Variant::V6, Variant::Mapped];

impl Case {
    /// A case for both families on all paths, with nothing lost. Labels: client and server.
    pub const fn new(name: &'static str, about: &'static str, client: Part, server: Part) -> Self {
        Self {
            name,
            about,
            parts: [("client", client), ("server", server)],
            variants: BOTH,
            paths: &[Path::Lo, Path::Veth],
            balance: Balance::Equal,
            capabilities: &[],
            company: Company::Any,
            load: None,
        }
    }

    /// With other kinds of addresses.
    pub const fn over(mut self, variants: &'static [Variant]) -> Self {
        self.variants = variants;
        self
    }

    /// On these paths only.
    pub const fn on(mut self, paths: &'static [Path]) -> Self {
        self.paths = paths;
        self
    }

    /// With another relation of the sums.
    pub const fn with(mut self, balance: Balance) -> Self {
        self.balance = balance;
        self
    }

    /// Only meaningful if the agent can count all of this.
    pub const fn needs(mut self, capabilities: &'static [&'static str]) -> Self {
        self.capabilities = capabilities;
        self
    }

    /// While nothing else runs.
    pub const fn alone(mut self) -> Self {
        self.company = Company::Alone;
        self
    }

    /// A case under load, alone, with about so many processes that move bytes.
    pub const fn load(mut self, processes: u32) -> Self {
        self.load = Some(processes);
        self.alone()
    }
}

/// Every case there is, in the order of the report.
pub fn all() -> impl Iterator<Item = &'static Case> {
    let themes = [
        tcp::CASES,
        calls::CASES,
        udp::CASES,
        batch::CASES,
        splice::CASES,
        zerocopy::CASES,
        uring::CASES,
        process::CASES,
        other::CASES,
        sleepers::CASES,
        flood::CASES,
        storm::CASES,
    ];
    themes.into_iter().flatten()
}

impl Balance {
    /// What is wrong with the sums of these processes; `None`: they are as they must be.
    pub fn fault(self, accounts: &[Account]) -> Option<String> {
        let rx: u64 = accounts.iter().map(|account| account.sum().rx).sum();
        let tx: u64 = accounts.iter().map(|account| account.sum().tx).sum();
        let holds = match self {
            Balance::Equal => tx == rx && tx > 0,
            Balance::Lossy => tx > rx,
            Balance::Leaky => tx >= rx && rx > 0,
            Balance::Nothing => tx == 0 && rx == 0,
        };
        (!holds).then(|| format!("the processes sent {tx} and received {rx} ({self:?} expected)"))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::all;
    use super::Balance;
    use crate::selftest::truth::Account;
    use crate::selftest::truth::Bytes;
    use crate::selftest::truth::Cell;
    use crate::selftest::truth::Entry;
    use crate::selftest::truth::Transport;

    #[test]
    fn every_case_has_its_own_name() {
        let names: BTreeSet<_> = all().map(|case| case.name).collect();
        assert_eq!(names.len(), all().count());
    }

    #[test]
    fn balance_tells_what_sums_are_allowed() {
        for (balance, tx, rx, holds) in [
            (Balance::Equal, 5, 5, true),
            (Balance::Equal, 5, 4, false),
            (Balance::Equal, 0, 0, false),
            (Balance::Lossy, 5, 4, true),
            (Balance::Lossy, 5, 5, false),
            (Balance::Leaky, 5, 5, true),
            (Balance::Leaky, 5, 4, true),
            (Balance::Leaky, 5, 0, false),
            (Balance::Leaky, 5, 6, false),
            (Balance::Nothing, 0, 0, true),
            (Balance::Nothing, 0, 1, false),
        ] {
            let cell = Cell::of(Transport::Udp, "::1".parse().unwrap());
            let account = Account {
                process: "client".to_owned(),
                pid: 1,
                start_ticks: 1,
                name: "netmon".to_owned(),
                cells: vec![Entry {
                    cell,
                    bytes: Bytes { rx, tx },
                }],
            };
            assert_eq!(
                balance.fault(&[account]).is_none(),
                holds,
                "{balance:?} {tx} {rx}"
            );
        }
    }
}
