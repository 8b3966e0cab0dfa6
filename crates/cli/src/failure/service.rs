//! How the agent is started on this machine, for the texts that say so.

use std::path::Path;

/// How the agent is run on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// A unit of systemd.
    Unit,
    /// systemd runs, but the unit is not installed; or there is no systemd.
    ByHand,
    /// A unit is installed, but systemd does not run (a container, a chroot).
    Either,
}

const UNIT_DIRECTORIES: [&str; 4] = [
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
];

impl Service {
    /// Looks at this machine.
    pub fn here() -> Self {
        let running = Path::new("/run/systemd/system").exists();
        let installed = UNIT_DIRECTORIES
            .iter()
            .any(|directory| Path::new(directory).join("netmon-agent.service").exists());
        match (running, installed) {
            (true, true) => Self::Unit,
            (_, false) => Self::ByHand,
            (false, true) => Self::Either,
        }
    }

    /// What to do when it is not running.
    pub fn how_to_start(self) -> &'static str {
        match self {
            Self::Unit => {
                "  The netmon agent is not running. Start it:\n      \
                 sudo systemctl enable --now netmon-agent"
            }
            Self::ByHand => {
                "  The netmon agent is not running. Start it:\n      sudo netmon-agent &"
            }
            Self::Either => {
                "  The netmon agent is not running. Start it:\n      \
                 sudo systemctl enable --now netmon-agent\n  Without systemd:\n      \
                 sudo netmon-agent &"
            }
        }
    }

    /// How to start it again.
    pub fn restart(self) -> &'static str {
        match self {
            Self::Unit | Self::Either => "      sudo systemctl restart netmon-agent",
            Self::ByHand => "      sudo netmon-agent &",
        }
    }
}
