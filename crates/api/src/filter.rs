//! The filter language, for screens, options and requests alike: `unit:nginx,api tx>100K !port:22`.
//!
//! | written | matches |
//! |---|---|
//! | `word` | part of name, command line, user, unit, container, remote host |
//! | `"a word"` | the same, with any characters; `\"` and `\\` inside |
//! | `/regex/` | the same by regular expression; `\/` inside |
//! | `pid:7,8` | process id; a comma is an "or" in every list |
//! | `name: unit: container:` | part of name or file name, of the unit, of the name or the beginning of the id |
//! | `user:` | user name or user id, whole |
//! | `cgroup:/a/b` `cgroup:part` | that cgroup and those below; part of the path |
//! | `host:` | remote address, network (`10.0.0.0/8`) or part of the name |
//! | `port: lport: rport:` | either, local or remote port, `N` or `N-M` |
//! | `proto:tcp` `family:4` `state:listen` `iface:eth0` | transport, address family, socket state, interface |
//! | `is:` | `live`, `exited`, `active` or `idle` in the last tick, `loopback` |
//! | `rx tx rate total peak` `conns` `age` | compared by `> >= < <= =` with a size (`100K 1.5MiB 8Mbit`), a number, a span (`5m`) |
//!
//! Words side by side must all match; `or` joins alternatives and binds weaker; `!` is "not" and
//! binds stronger; `( )` group. Nothing at all matches everything. Text is compared without case
//! unless the word has a capital letter.
//!
//! **Processes and connections.** A process matches with its own facts or with one of its
//! connections. Words about connections that stand side by side speak of the same connection:
//! `host:10.0.0.1 port:443`. `!` always means that the row would not match without it: `!port:22`
//! leaves out the processes that have such a connection, also when they have others.
//!
//! **Unknown.** What is not known matches nothing, no comparison either. So `!` of it matches: a
//! word and its opposite always share all rows between them, and none vanishes from both.

mod error;
mod evaluate;
mod expression;
mod lexeme;
mod network;
mod parser;
mod pattern;
mod quantity;
mod subject;
mod term;

#[cfg(test)]
mod evaluate_tests;
#[cfg(test)]
mod parser_tests;
#[cfg(test)]
mod property_tests;

use std::fmt;
use std::str::FromStr;

pub use error::Error;
pub use error::Problem;
use expression::Expression;
pub use subject::Connection;
pub use subject::Family;
pub use subject::Field;
pub use subject::Measure;
pub use subject::SocketState;
pub use subject::Subject;
pub use subject::Transport;
use term::Term;

/// Longest expression, in characters.
pub const MAX_LENGTH: usize = 1024;
/// Deepest nesting of `( )` and `!`.
pub const MAX_DEPTH: usize = 32;
/// Most regular expressions in one filter.
pub const MAX_REGEXES: usize = 8;

/// A checked filter. [`Display`](fmt::Display) writes it in one normal form, which reads back as
/// an equal filter; it may differ from what was typed (`"nginx"` becomes `nginx`). Where quotes
/// and units are added it is longer, so only what was typed is sure to keep to [`MAX_LENGTH`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    root: Expression,
}

impl Filter {
    /// Reads an expression. Takes time linear in its length; regular expressions are compiled.
    ///
    /// # Errors
    /// The first mistake with its column.
    pub fn parse(text: &str) -> Result<Self, Error> {
        Ok(Self {
            root: parser::parse(text)?,
        })
    }

    /// The filter of an empty expression.
    pub fn everything() -> Self {
        Self {
            root: Expression::all(Vec::new()),
        }
    }

    /// Whether no row can be left out.
    pub fn is_everything(&self) -> bool {
        *self == Self::everything()
    }

    /// Whether a row of a process is to be shown. Looks at connections only if it must.
    pub fn matches<S: Subject>(&self, process: &S) -> bool {
        evaluate::process(&self.root, process)
    }

    /// Whether a row of a connection is to be shown. Rates, totals, peaks, age and activity are
    /// the connection's own here.
    pub fn matches_connection<S: Subject, C: Connection>(
        &self,
        process: &S,
        connection: &C,
    ) -> bool {
        evaluate::connection(&self.root, process, connection)
    }

    /// Whether it cannot be answered without connections: it has a key that is about them.
    pub fn uses_connections(&self) -> bool {
        self.has(&|term| term.is_about_connections())
    }

    /// Whether it has bare words, which also look for remote hosts where connections are known.
    pub fn searches_hosts(&self) -> bool {
        self.has(&|term| matches!(term, Term::Word(_)))
    }

    /// Whether it changes with every tick: rates or activity.
    pub fn uses_rates(&self) -> bool {
        self.has(&Term::is_about_rates)
    }

    /// Whether it compares peaks.
    pub fn uses_peaks(&self) -> bool {
        self.has(&|term| matches!(term, Term::Compare(Measure::Peak, ..)))
    }

    /// Whether it compares totals, or numbers of connections.
    pub fn uses_sums(&self) -> bool {
        self.has(&|term| {
            matches!(
                term,
                Term::Compare(Measure::Total, ..) | Term::Connections(..)
            )
        })
    }

    /// Whether it asks for ages, which change without traffic.
    pub fn uses_age(&self) -> bool {
        self.has(&|term| matches!(term, Term::Age(..)))
    }

    /// Whether it asks for units, cgroups or containers.
    pub fn uses_cgroups(&self) -> bool {
        self.has(&Term::is_about_cgroups)
    }

    /// Whether a key asks for a user by name. Whoever cannot look users up, asks for
    /// [`with_users`](Self::with_users) first.
    pub fn uses_user_names(&self) -> bool {
        self.has(&Term::is_about_user_names)
    }

    /// The same filter with ids in place of the user names that `uid` knows.
    pub fn with_users(self, uid: &mut dyn FnMut(&str) -> Option<u32>) -> Self {
        Self {
            root: self.root.map_terms(&mut |term| term.with_users(uid)),
        }
    }

    fn has(&self, wanted: &dyn Fn(&Term) -> bool) -> bool {
        self.root.has(wanted)
    }
}

impl FromStr for Filter {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text)
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.root.fmt(f)
    }
}
