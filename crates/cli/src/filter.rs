//! From selection options to what the agent is asked for and what the client keeps of it.

mod hosts;
pub mod interfaces;
mod ports;
mod words;

use netmon_api::filter::Filter;
use netmon_api::v1;
use nix::unistd::User;

use self::words::Words;
use crate::args::selection::LoopbackChoice;
use crate::args::selection::Proto;
use crate::args::selection::SelectionArgs;
use crate::args::selection::StateChoice;
use crate::failure::Failure;
use crate::row::Family;
use crate::row::Loopback;
use crate::row::Scope;
use crate::row::State;
use crate::row::Transport;

/// Which processes, and which part of their traffic.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Selection {
    /// What the agent is asked for. Holds no states: those are decided here, row by row.
    pub filter: v1::Filter,
    /// Which part of the traffic the numbers are about.
    pub scope: Scope,
    /// Running, ended, or both.
    pub states: States,
    /// Everything that is said in the filter language, users by id; `None`: nothing is.
    pub words: Option<Filter>,
    /// What the options say about connections: the numbers are of those alone. `None`: nothing.
    pub narrow: Option<Filter>,
    /// What the agent has to be able to do for it.
    pub needs: Vec<Need>,
}

/// Something that not every agent can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Need {
    /// What was asked for: an option or a command.
    pub what: &'static str,
    /// Name of the capability.
    pub capability: &'static str,
}

impl Need {
    /// `what` needs single connections.
    pub fn connections(what: &'static str) -> Self {
        Self {
            what,
            capability: "connection_details",
        }
    }

    /// `what` needs the interface of connections.
    pub fn interface(what: &'static str) -> Self {
        Self {
            what,
            capability: "interface",
        }
    }
}

/// Running or ended processes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum States {
    /// Running ones.
    #[default]
    Live,
    /// Ended ones.
    Exited,
    /// Both.
    All,
}

impl States {
    /// Whether a process in `state` is wanted.
    pub fn holds(self, state: State) -> bool {
        match self {
            Self::Live => state == State::Live,
            Self::Exited => state == State::Exited,
            Self::All => true,
        }
    }
}

impl Selection {
    /// Reads the options; looks up names of users, hosts and interfaces on this machine, which may
    /// ask the network.
    ///
    /// # Errors
    /// A name that is not known here, or an expression that cannot be read.
    pub fn new(args: &SelectionArgs) -> Result<Self, Failure> {
        let uids = args
            .users
            .iter()
            .map(|user| uid(user))
            .collect::<Result<_, _>>()?;
        let Words {
            all,
            connections,
            needs,
        } = Words::read(args)?;
        Ok(Self {
            filter: v1::Filter {
                pids: args.pids.clone(),
                names: args.names.clone(),
                uids,
                states: Vec::new(),
                expression: all.as_ref().map(ToString::to_string).unwrap_or_default(),
            },
            scope: scope(args),
            states: match args.state.unwrap_or_default() {
                StateChoice::Live => States::Live,
                StateChoice::Exited => States::Exited,
                StateChoice::All => States::All,
            },
            words: all,
            narrow: connections,
            needs,
        })
    }

    /// Takes `text`, well formed, as one more condition.
    ///
    /// # Errors
    /// All conditions together are too much.
    pub fn and(&mut self, text: &str) -> Result<(), Failure> {
        let words = words::both(self.words.as_ref(), text)?;
        self.filter.expression = words.to_string();
        self.words = Some(words);
        Ok(())
    }

    /// Whether some processes are left out by something else than their state.
    pub fn is_narrow(&self) -> bool {
        !self.filter.pids.is_empty()
            || !self.filter.names.is_empty()
            || !self.filter.uids.is_empty()
            || !self.filter.expression.is_empty()
    }

    /// The filter with the states in it, for a one-time list.
    pub fn filter_with_states(&self) -> v1::Filter {
        let state = match self.states {
            States::Live => Some(v1::ProcessState::Live),
            States::Exited => Some(v1::ProcessState::Exited),
            States::All => None,
        };
        v1::Filter {
            states: state.into_iter().map(i32::from).collect(),
            ..self.filter.clone()
        }
    }
}

fn scope(args: &SelectionArgs) -> Scope {
    Scope {
        transport: args.proto.map(|proto| match proto {
            Proto::Tcp => Transport::Tcp,
            Proto::Udp => Transport::Udp,
        }),
        family: match (args.ipv4, args.ipv6) {
            (true, false) => Some(Family::V4),
            (false, true) => Some(Family::V6),
            _ => None,
        },
        loopback: match args.loopback {
            Some(LoopbackChoice::Exclude) => Loopback::Exclude,
            Some(LoopbackChoice::Include) => Loopback::Include,
            Some(LoopbackChoice::Only) => Loopback::Only,
            // Whoever names the loopback device wants its traffic.
            None if args.interfaces.iter().any(|name| name == "lo") => Loopback::Include,
            None => Loopback::Exclude,
        },
    }
}

fn uid(user: &str) -> Result<u32, Failure> {
    if let Ok(uid) = user.parse() {
        return Ok(uid);
    }
    match User::from_name(user) {
        Ok(Some(user)) => Ok(user.uid.as_raw()),
        _ => Err(Failure::Usage(format!(
            "no user '{}' on this machine",
            crate::text::sanitize(user)
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_become_a_filter_and_a_scope() {
        let args = SelectionArgs {
            pids: vec![7],
            users: vec!["root".to_owned(), "4711".to_owned()],
            proto: Some(Proto::Udp),
            ipv6: true,
            state: Some(StateChoice::All),
            ..SelectionArgs::default()
        };
        let selection = Selection::new(&args).unwrap();
        assert_eq!(selection.filter.pids, [7]);
        assert_eq!(selection.filter.uids, [0, 4711]);
        assert_eq!(selection.scope.transport, Some(Transport::Udp));
        assert_eq!(selection.scope.family, Some(Family::V6));
        assert!(selection.is_narrow());
    }

    #[test]
    fn a_scope_alone_leaves_no_process_out() {
        let args = SelectionArgs {
            proto: Some(Proto::Tcp),
            ..SelectionArgs::default()
        };
        assert!(!Selection::new(&args).unwrap().is_narrow());
    }

    #[test]
    fn an_unknown_user_is_a_mistake_in_the_command() {
        let args = SelectionArgs {
            users: vec!["no such user".to_owned()],
            ..SelectionArgs::default()
        };
        assert_eq!(Selection::new(&args).unwrap_err().exit_code(), 2);
    }
}
