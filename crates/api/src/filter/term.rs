//! The leaves of an expression: one word, one list, one comparison.

use std::fmt;
use std::time::Duration;

use super::network::Network;
use super::pattern;
use super::pattern::Pattern;
use super::quantity;
use super::quantity::Operator;
use super::quantity::Size;
use super::subject::Family;
use super::subject::Measure;
use super::subject::SocketState;
use super::subject::Transport;

/// A leaf. Lists are not empty; one entry is enough.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Term {
    Word(Pattern),
    Pid(Vec<u32>),
    Name(Vec<Pattern>),
    User(Vec<UserIs>),
    Unit(Vec<Pattern>),
    Cgroup(Vec<CgroupIs>),
    Container(Vec<Pattern>),
    Host(Vec<HostIs>),
    Port(End, Vec<Ports>),
    Transport(Vec<Transport>),
    Family(Vec<Family>),
    State(Vec<SocketState>),
    Interface(Vec<Pattern>),
    Is(Vec<Quality>),
    Compare(Measure, Operator, Size),
    Connections(Operator, u64),
    Age(Operator, Duration),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum UserIs {
    Uid(u32),
    Name(Pattern),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum CgroupIs {
    /// This path or one below it; no slash at its end, so `/` is empty here.
    Under(String),
    Part(Pattern),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum HostIs {
    Network(Network),
    Name(Pattern),
}

/// Which end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Either,
    Local,
    Remote,
}

/// First and last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ports(pub(super) u16, pub(super) u16);

/// What a row can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quality {
    Live,
    Exited,
    Idle,
    Active,
    Loopback,
}

/// Words of closed lists, as they are written.
pub(super) const TRANSPORTS: [(&str, Transport); 2] =
    [("tcp", Transport::Tcp), ("udp", Transport::Udp)];
pub(super) const FAMILIES: [(&str, Family); 2] = [("4", Family::V4), ("6", Family::V6)];
pub(super) const QUALITIES: [(&str, Quality); 5] = [
    ("live", Quality::Live),
    ("exited", Quality::Exited),
    ("idle", Quality::Idle),
    ("active", Quality::Active),
    ("loopback", Quality::Loopback),
];
pub(super) const STATES: [(&str, SocketState); 11] = [
    ("established", SocketState::Established),
    ("syn-sent", SocketState::SynSent),
    ("syn-recv", SocketState::SynReceived),
    ("fin-wait-1", SocketState::FinWait1),
    ("fin-wait-2", SocketState::FinWait2),
    ("time-wait", SocketState::TimeWait),
    ("close", SocketState::Close),
    ("close-wait", SocketState::CloseWait),
    ("last-ack", SocketState::LastAck),
    ("listen", SocketState::Listen),
    ("closing", SocketState::Closing),
];
pub(super) const MEASURES: [(&str, Measure); 5] = [
    ("rx", Measure::Rx),
    ("tx", Measure::Tx),
    ("rate", Measure::Rate),
    ("total", Measure::Total),
    ("peak", Measure::Peak),
];

impl Term {
    /// Whether it can match a connection.
    pub(super) fn looks_at_connections(&self) -> bool {
        matches!(self, Self::Word(_)) || self.is_about_connections()
    }

    /// Whether nothing but connections can answer it.
    pub(super) fn is_about_connections(&self) -> bool {
        match self {
            Self::Host(_)
            | Self::Port(..)
            | Self::Transport(_)
            | Self::Family(_)
            | Self::State(_)
            | Self::Interface(_) => true,
            Self::Is(list) => list.contains(&Quality::Loopback),
            _ => false,
        }
    }

    /// Whether the answer changes with every tick.
    pub(super) fn is_about_rates(&self) -> bool {
        match self {
            Self::Compare(measure, ..) => {
                matches!(measure, Measure::Rx | Measure::Tx | Measure::Rate)
            }
            Self::Is(list) => list
                .iter()
                .any(|q| matches!(q, Quality::Idle | Quality::Active)),
            _ => false,
        }
    }

    /// Whether it asks for what is known from a cgroup.
    pub(super) fn is_about_cgroups(&self) -> bool {
        matches!(self, Self::Unit(_) | Self::Cgroup(_) | Self::Container(_))
    }

    /// Whether a key asks for a user's name.
    pub(super) fn is_about_user_names(&self) -> bool {
        matches!(self, Self::User(list) if list.iter().any(|u| matches!(u, UserIs::Name(_))))
    }

    /// With ids in place of the names that `uid` knows.
    pub(super) fn with_users(self, uid: &mut dyn FnMut(&str) -> Option<u32>) -> Self {
        let Self::User(list) = self else {
            return self;
        };
        let known = |user| match user {
            UserIs::Name(Pattern::Literal(name)) => match uid(name.text()) {
                Some(uid) => UserIs::Uid(uid),
                None => UserIs::Name(Pattern::Literal(name)),
            },
            other => other,
        };
        Self::User(list.into_iter().map(known).collect())
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Word(pattern) => pattern.fmt(f),
            Self::Pid(list) => keyed(f, "pid", list, |f, pid| write!(f, "{pid}")),
            Self::Name(list) => keyed(f, "name", list, |f, pattern| pattern.fmt(f)),
            Self::User(list) => keyed(f, "user", list, |f, user| user.fmt(f)),
            Self::Unit(list) => keyed(f, "unit", list, |f, pattern| pattern.fmt(f)),
            Self::Cgroup(list) => keyed(f, "cgroup", list, |f, path| path.fmt(f)),
            Self::Container(list) => keyed(f, "container", list, |f, pattern| pattern.fmt(f)),
            Self::Host(list) => keyed(f, "host", list, |f, host| host.fmt(f)),
            Self::Port(end, list) => keyed(f, end.key(), list, |f, ports| ports.fmt(f)),
            Self::Transport(list) => keyed(f, "proto", list, |f, t| written(f, &TRANSPORTS, t)),
            Self::Family(list) => keyed(f, "family", list, |f, t| written(f, &FAMILIES, t)),
            Self::State(list) => keyed(f, "state", list, |f, t| written(f, &STATES, t)),
            Self::Interface(list) => keyed(f, "iface", list, |f, pattern| pattern.fmt(f)),
            Self::Is(list) => keyed(f, "is", list, |f, t| written(f, &QUALITIES, t)),
            Self::Compare(measure, operator, size) => {
                written(f, &MEASURES, measure)?;
                write!(f, "{operator}{size}")
            }
            Self::Connections(operator, count) => write!(f, "conns{operator}{count}"),
            Self::Age(operator, age) => {
                write!(f, "age{operator}")?;
                quantity::write_age(f, *age)
            }
        }
    }
}

impl End {
    fn key(self) -> &'static str {
        match self {
            Self::Either => "port",
            Self::Local => "lport",
            Self::Remote => "rport",
        }
    }
}

impl fmt::Display for UserIs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uid(uid) => uid.fmt(f),
            // In quotes it is a name and no id.
            Self::Name(Pattern::Literal(name)) if is_number(name.text()) => {
                pattern::write_quoted(f, name.text())
            }
            Self::Name(pattern) => pattern.fmt(f),
        }
    }
}

impl fmt::Display for CgroupIs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Under(path) => match path.strip_prefix('/') {
                None => f.write_str("/"),
                Some(rest) if pattern::is_plain(rest) => f.write_str(path),
                Some(_) => pattern::write_quoted(f, path),
            },
            Self::Part(pattern) => pattern.fmt(f),
        }
    }
}

impl fmt::Display for HostIs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(network) => network.fmt(f),
            Self::Name(Pattern::Literal(name)) if !is_host_name(name.text()) => {
                pattern::write_quoted(f, name.text())
            }
            Self::Name(pattern) => pattern.fmt(f),
        }
    }
}

impl fmt::Display for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self(first, last) if first == last => first.fmt(f),
            Self(first, last) => write!(f, "{first}-{last}"),
        }
    }
}

/// Whether it is a user id, not a name.
pub(super) fn is_number(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether it can be a name of a host without quotes: not an address that is cut short.
pub(super) fn is_host_name(text: &str) -> bool {
    !text.contains([':', '/', '"']) && text.contains(|c: char| !c.is_ascii_digit() && c != '.')
}

fn keyed<T>(
    f: &mut fmt::Formatter<'_>,
    key: &str,
    list: &[T],
    write: impl Fn(&mut fmt::Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    f.write_str(key)?;
    for (i, item) in list.iter().enumerate() {
        f.write_str(if i == 0 { ":" } else { "," })?;
        write(f, item)?;
    }
    Ok(())
}

fn written<T: PartialEq>(
    f: &mut fmt::Formatter<'_>,
    words: &[(&str, T)],
    wanted: &T,
) -> fmt::Result {
    let word = words.iter().find(|(_, value)| value == wanted);
    f.write_str(word.map_or("", |(word, _)| word))
}
