//! Why a command cannot do its work: the text on stderr and the exit code (documented in --help).

pub mod access;
pub mod service;
pub mod terminal;

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use netmon_api::version::API_VERSION;
use thiserror::Error;

use self::access::Access;
use self::service::Service;
use crate::target::Origin;
use crate::target::Target;
use crate::units::span;

/// A reason to stop, one variant per thing a user can do about it.
#[derive(Debug, Error)]
pub enum Failure {
    /// Nothing is at the socket's path.
    #[error("cannot reach the agent at {}: no such file\n{}{}", .socket.display(), .service.how_to_start(), hint(*.origin))]
    NoSocket {
        /// The path.
        socket: PathBuf,
        /// Who named it.
        origin: Origin,
        /// How the agent is run here.
        service: Service,
    },
    /// The file is a socket nobody listens on.
    #[error("cannot reach the agent at {}: connection refused\n  The socket file is left over from an agent that has stopped. Restart it:\n{}", .socket.display(), .service.restart())]
    Stale {
        /// The path.
        socket: PathBuf,
        /// How the agent is run here.
        service: Service,
    },
    /// The file is something else.
    #[error("cannot reach the agent at {}: connection refused\n  That is {kind}, not a socket. Name the agent's socket with --socket or NETMON_SOCKET.", .socket.display())]
    NotASocket {
        /// The path.
        socket: PathBuf,
        /// "a regular file", ...
        kind: &'static str,
    },
    /// The user may not connect.
    #[error("{0}")]
    Denied(Box<Access>),
    /// Another error of connect(2).
    #[error("cannot reach the agent at {}: {}", .socket.display(), short(.source))]
    Unreachable {
        /// The path.
        socket: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// Connected, but no answer.
    #[error("the agent at {} does not answer (waited {})\n  It accepts connections but is stuck. Look at its log:\n      journalctl -u netmon-agent -n 50", .socket.display(), span::exact(*.waited))]
    Silent {
        /// The path.
        socket: PathBuf,
        /// How long.
        waited: Duration,
    },
    /// It was there and is gone.
    #[error("lost the agent at {}: {reason}", .socket.display())]
    Lost {
        /// The path.
        socket: PathBuf,
        /// Its last words, or ours.
        reason: String,
    },
    /// Another major version of the API.
    #[error("agent speaks API {api}, this netmon speaks {}.x\n  Install the same version of both: netmon {} (this program), netmon-agent {agent}.", major(), env!("CARGO_PKG_VERSION"))]
    Version {
        /// The agent's API.
        api: String,
        /// The agent's version.
        agent: String,
    },
    /// Something else listens there.
    #[error("what listens at {} is not a netmon agent\n  Name the agent's socket with --socket or NETMON_SOCKET.", .socket.display())]
    Foreign {
        /// The path.
        socket: PathBuf,
    },
    /// The agent does not let this user.
    #[error("the agent refuses: {reason}")]
    Refused {
        /// Its words.
        reason: String,
    },
    /// The arguments contradict each other or the agent.
    #[error("{0}")]
    Usage(String),
    /// Something that was named does not exist.
    #[error("{0}")]
    NotFound(String),
    /// The terminal cannot show a screen.
    #[error("{0}")]
    Terminal(String),
    /// The stream ended, and reconnecting was not wanted.
    #[error("the agent ended the stream: {reason}")]
    Ended {
        /// Why.
        reason: String,
    },
    /// This kernel or agent cannot.
    #[error("{what} is not possible: {reason}\n  netmon status shows what this kernel allows.")]
    Impossible {
        /// What was asked for.
        what: String,
        /// Why not.
        reason: String,
    },
    /// The history has no connections.
    #[error(
        "{what} is not possible: the history keeps processes, not their connections\n  Those that are \
         open, and those that were closed in the last minutes:\n      netmon connections --closed"
    )]
    NotKept {
        /// What was asked for.
        what: String,
    },
    /// The agent reports an error of its own.
    #[error("the agent failed: {message} ({code})")]
    Agent {
        /// gRPC code in words.
        code: String,
        /// Its words.
        message: String,
    },
    /// A file could not be written or read.
    #[error("{what}: {}", short(.source))]
    File {
        /// What was attempted, with the path.
        what: String,
        /// Why it failed.
        source: io::Error,
    },
}

impl Failure {
    /// What connect(2) on the socket of `target` means. Looks at the file system.
    pub fn unreachable(target: &Target, source: io::Error) -> Self {
        let socket = target.socket.clone();
        match source.kind() {
            io::ErrorKind::NotFound => Self::NoSocket {
                socket,
                origin: target.origin,
                service: Service::here(),
            },
            io::ErrorKind::ConnectionRefused => match access::kind(&socket) {
                Some(kind) => Self::NotASocket { socket, kind },
                None => Self::Stale {
                    socket,
                    service: Service::here(),
                },
            },
            io::ErrorKind::PermissionDenied => Self::Denied(Box::new(Access::examine(socket))),
            // The queue of a listener that never calls accept() is full.
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => {
                Self::silent(target, target.connect_timeout)
            }
            _ => Self::Unreachable { socket, source },
        }
    }

    /// No answer within `waited`.
    pub fn silent(target: &Target, waited: Duration) -> Self {
        Self::Silent {
            socket: target.socket.clone(),
            waited,
        }
    }

    /// The connection is gone.
    pub fn lost(target: &Target, reason: &str) -> Self {
        Self::Lost {
            socket: target.socket.clone(),
            reason: reason.to_owned(),
        }
    }

    /// Exit code of the program.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Agent { .. } | Self::File { .. } => 1,
            Self::Usage(_) => 2,
            Self::NoSocket { .. }
            | Self::Stale { .. }
            | Self::NotASocket { .. }
            | Self::Unreachable { .. }
            | Self::Silent { .. }
            | Self::Lost { .. } => 3,
            Self::Denied(_) | Self::Refused { .. } => 4,
            Self::Version { .. } | Self::Foreign { .. } => 5,
            Self::NotFound(_) => 6,
            Self::Terminal(_) => 7,
            Self::Ended { .. } => 8,
            Self::Impossible { .. } | Self::NotKept { .. } => 9,
        }
    }

    /// Whether it may be over as soon as an agent has started.
    pub fn may_pass(&self) -> bool {
        matches!(
            self,
            Self::NoSocket { .. } | Self::Stale { .. } | Self::Silent { .. } | Self::Lost { .. }
        )
    }

    /// The first line alone, for a banner or a log.
    pub fn headline(&self) -> String {
        self.to_string()
            .lines()
            .next()
            .unwrap_or_default()
            .to_owned()
    }
}

fn hint(origin: Origin) -> &'static str {
    match origin {
        Origin::Environment => "\n  This path comes from NETMON_SOCKET.",
        Origin::Other => "",
    }
}

fn major() -> &'static str {
    API_VERSION.split('.').next().unwrap_or(API_VERSION)
}

// "Permission denied (os error 13)" without the number.
fn short(error: &io::Error) -> String {
    let text = error.to_string();
    let end = text.find(" (os error").unwrap_or(text.len());
    text[..end].to_lowercase()
}
