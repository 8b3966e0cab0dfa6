//! The filter language on this side: what a connection and its process answer.

use std::borrow::Cow;
use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use netmon_api::filter;
use netmon_api::filter::Field;
use netmon_api::filter::Filter;
use netmon_api::filter::Measure;
use netmon_api::filter::SocketState;
use netmon_api::filter::Subject;

use crate::rate::per_second;
use crate::row::connection::Connection;
use crate::row::Counter;
use crate::row::Facts;
use crate::row::Family;
use crate::row::ProcessRow;
use crate::row::Sample;
use crate::row::State;
use crate::row::Transport;

/// Whether `filter` takes `connection`. `process`: whose it is; `None`: not known.
pub fn takes(
    filter: &Filter,
    connection: &Connection,
    process: Option<&ProcessRow>,
    sample: &Sample,
) -> bool {
    let owner = Owner {
        pid: connection.process.pid,
        process,
        sample,
    };
    filter.matches_connection(&owner, &Socket { connection, sample })
}

struct Owner<'a> {
    pid: u32,
    process: Option<&'a ProcessRow>,
    sample: &'a Sample,
}

/// A connection in a sample, as a filter asks it.
#[derive(Debug, Clone, Copy)]
pub struct Socket<'a> {
    /// The connection.
    pub connection: &'a Connection,
    /// When that was. Its rows are not looked at.
    pub sample: &'a Sample,
}

/// A text of a process, as a filter asks for it; `None`: not known.
pub fn text(facts: &Facts, field: Field) -> Option<Cow<'_, str>> {
    let container = facts.container.as_ref();
    Some(match field {
        Field::Name => facts.name.as_str().into(),
        Field::Executable => facts.exe.as_deref()?.rsplit('/').next()?.into(),
        Field::CommandLine if facts.args.is_empty() => return None,
        Field::CommandLine => facts.args.join(" ").into(),
        Field::User => facts.user.as_deref()?.into(),
        Field::Unit => facts.unit.as_deref()?.into(),
        Field::Cgroup => facts.cgroup.as_deref()?.into(),
        Field::Container => container?.name.as_deref()?.into(),
        Field::ContainerId => container?.id.as_str().into(),
    })
}

impl Owner<'_> {
    fn facts(&self) -> Option<&Facts> {
        self.process.map(|process| &*process.facts)
    }
}

impl Subject for Owner<'_> {
    fn pid(&self) -> Option<u32> {
        Some(self.pid)
    }

    fn uid(&self) -> Option<u32> {
        Some(self.facts()?.uid)
    }

    fn text(&self, field: Field) -> Option<Cow<'_, str>> {
        text(self.facts()?, field)
    }

    // A connection is asked for numbers of its own, and has no peak.
    fn measure(&self, measure: Measure) -> Option<u64> {
        match measure {
            Measure::Peak => Some(self.process?.peaks_with_loopback.sum_per_s),
            Measure::Rx | Measure::Tx | Measure::Rate | Measure::Total => None,
        }
    }

    fn connection_count(&self) -> Option<u64> {
        let process = self.process?;
        let (tcp, udp) = (process.tcp_connections?, process.udp_connections?);
        Some(u64::from(tcp) + u64::from(udp))
    }

    fn age(&self) -> Option<Duration> {
        let facts = self.facts()?;
        let end = facts.exit.map_or(self.sample.time, |exit| exit.time);
        since(facts.start_time, end)
    }

    fn exited(&self) -> Option<bool> {
        Some(self.facts()?.state == State::Exited)
    }

    fn active(&self) -> Option<bool> {
        None
    }

    fn loopback(&self) -> Option<bool> {
        None
    }

    fn connections(&self) -> impl Iterator<Item = impl filter::Connection> {
        std::iter::empty::<Socket<'_>>()
    }
}

impl filter::Connection for Socket<'_> {
    fn remote_address(&self) -> Option<IpAddr> {
        Some(self.connection.remote?.address)
    }

    fn remote_name(&self) -> Option<&str> {
        None
    }

    fn local_port(&self) -> Option<u16> {
        Some(self.connection.local?.port)
    }

    fn remote_port(&self) -> Option<u16> {
        Some(self.connection.remote?.port)
    }

    fn transport(&self) -> Option<filter::Transport> {
        Some(match self.connection.transport {
            Transport::Tcp => filter::Transport::Tcp,
            Transport::Udp => filter::Transport::Udp,
        })
    }

    fn family(&self) -> Option<filter::Family> {
        Some(match self.connection.family {
            Family::V4 => filter::Family::V4,
            Family::V6 => filter::Family::V6,
        })
    }

    fn state(&self) -> Option<SocketState> {
        self.connection.state
    }

    fn interface(&self) -> Option<&str> {
        self.connection.interface.as_deref()
    }

    fn loopback(&self) -> Option<bool> {
        Some(self.connection.loopback)
    }

    fn active(&self) -> Option<bool> {
        Some(self.connection.counter.tick.sum() > 0)
    }

    fn measure(&self, measure: Measure) -> Option<u64> {
        let Counter { tick, total } = self.connection.counter;
        let rate = |bytes| per_second(bytes, self.sample.length);
        match measure {
            Measure::Rx => rate(tick.rx),
            Measure::Tx => rate(tick.tx),
            Measure::Rate => rate(tick.sum()),
            Measure::Total => Some(total.sum()),
            Measure::Peak => None,
        }
    }

    fn age(&self) -> Option<Duration> {
        self.connection.age(self.sample.time)
    }
}

fn since(begin: Timestamp, end: Timestamp) -> Option<Duration> {
    Duration::try_from(end.duration_since(begin)).ok()
}
