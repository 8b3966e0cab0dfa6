//! Which agent is meant, and how long to try to reach it.

use std::path::PathBuf;
use std::time::Duration;

/// Which agent, and how long to try.
#[derive(Debug, Clone)]
pub struct Target {
    /// Its socket.
    pub socket: PathBuf,
    /// Who named it.
    pub origin: Origin,
    /// Limit for the connection and its first answer together.
    pub connect_timeout: Duration,
    /// What to do while there is no agent.
    pub wait: Wait,
}

/// Who named the socket.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Origin {
    /// An option, or nobody.
    #[default]
    Other,
    /// `NETMON_SOCKET`, which is easily forgotten.
    Environment,
}

/// What to do while there is no agent (`--wait`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Wait {
    /// Give up at once.
    #[default]
    No,
    /// Try until it is there.
    Forever,
    /// Try that long.
    For(Duration),
}
