//! Notes for people on stderr, never on stdout, and none with --quiet.

use std::io::Write as _;

use crate::args::global::GlobalArgs;
use crate::row::Scope;
use crate::session::agent::Agent;
use crate::text::sanitize;

/// Says things on stderr.
#[derive(Debug, Clone, Copy)]
pub struct Tell {
    volume: Volume,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Volume {
    Silent,
    Usual,
}

impl Tell {
    /// As loud as the options say.
    pub fn new(global: &GlobalArgs) -> Self {
        Self {
            volume: if global.quiet {
                Volume::Silent
            } else {
                Volume::Usual
            },
        }
    }

    /// A line as it is.
    pub fn line(self, text: &str) {
        if self.volume == Volume::Usual {
            // Nobody is left to hear that stderr is closed.
            let _ = writeln!(std::io::stderr(), "{text}");
        }
    }

    /// A problem that does not stop the work.
    pub fn warning(self, text: &str) {
        self.line(&format!("netmon: {text}"));
    }

    /// Which of the numbers asked for the agent cannot count.
    pub fn limits(self, agent: &Agent, scope: Scope) {
        for missing in agent.capabilities.lacking(scope) {
            let reason = missing.reason.as_deref().unwrap_or("no reason given");
            self.warning(&format!(
                "{} is not counted on this kernel ({}): affected numbers are n/a",
                sanitize(&missing.name),
                sanitize(reason)
            ));
        }
    }
}
