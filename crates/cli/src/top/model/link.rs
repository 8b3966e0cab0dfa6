//! How the viewer stands to the agent.

use std::time::Duration;

use jiff::Timestamp;

use crate::failure::Failure;

/// How the viewer stands to the agent.
#[derive(Debug)]
pub enum Link {
    /// A stream is open.
    Online,
    /// There is none.
    Offline(Offline),
}

/// Without a stream.
#[derive(Debug)]
pub struct Offline {
    /// Since when.
    pub since: Timestamp,
    /// Why, as of the last attempt.
    pub why: Failure,
    /// Number of the next attempt, from 1.
    pub attempt: u32,
    /// When it follows, on the clock of the viewer; `None`: when the user asks for it.
    pub retry_at: Option<Duration>,
}

impl Link {
    /// The link after a stream or an attempt to connect has failed.
    pub fn failed(self, now: Timestamp, why: Failure, retry_at: Option<Duration>) -> Self {
        let (since, attempt) = match self {
            Self::Online => (now, 1),
            Self::Offline(offline) => (offline.since, offline.attempt.saturating_add(1)),
        };
        Self::Offline(Offline {
            since,
            why,
            attempt,
            retry_at,
        })
    }

    /// The state without a stream, if that is so.
    pub fn offline(&self) -> Option<&Offline> {
        match self {
            Self::Online => None,
            Self::Offline(offline) => Some(offline),
        }
    }
}

impl Offline {
    /// Why, in a few words.
    pub fn reason(&self) -> String {
        match &self.why {
            Failure::NoSocket { .. } | Failure::Stale { .. } => "agent stopped".to_owned(),
            Failure::Denied(_) | Failure::Refused { .. } => {
                "permission denied (group changed?)".to_owned()
            }
            Failure::Silent { .. } => "the agent does not answer".to_owned(),
            Failure::Version { api, .. } => format!("agent speaks API {api}; update netmon"),
            Failure::Lost { reason, .. } => format!("agent connection lost ({reason})"),
            other => other
                .to_string()
                .lines()
                .next()
                .unwrap_or_default()
                .to_owned(),
        }
    }
}
