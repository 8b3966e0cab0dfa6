//! Options of `query`.

use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use clap::ValueEnum;

use super::selection::SelectionArgs;
use super::shaping::OutputArgs;
use super::shaping::ShapingArgs;
use crate::units::moment::Moment;
use crate::units::span;
use crate::units::span::SpanError;

const MEANING: &str = "\
Examples:
  netmon query --since 1h --state exited --top 20
  netmon query --since 2h --step 1m --name postgres -f csv
  netmon query --since yesterday --until 06:00 -g user

Times:
  10m (ago), 17:41, 'yesterday 17:41', 2026-11-20, '2026-11-20 17:41', 2026-11-20T17:41:00Z,
  @1763661113, now, boot, start (the oldest that is kept). Clock times are those of this machine.

Numbers:
  rx_bytes, tx_bytes, bytes   moved in the window or step
  rx, tx, rate                the same over the length that is covered: averages
  peak_rx, peak_tx, peak      the highest single ticks
  active                      how long there were bytes, in whole ticks
  rx_total, tx_total, total   since first seen, as of the end of the window or step";

/// Options of `query`.
#[derive(Debug, Args)]
#[command(
    after_help = "\
Examples:
  netmon query --since 1h --state exited --top 20
  netmon query --since 2h --step 1m --name postgres -f csv
  netmon query --since yesterday --until 06:00 -g user",
    after_long_help = MEANING
)]
pub struct QueryArgs {
    /// Begin of the window [default: 10m, ten minutes ago]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub since: Option<Moment>,
    /// End of the window [default: now]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub until: Option<Moment>,
    /// The one tick that holds this moment, with idle rows
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, conflicts_with_all = ["since", "until", "step"])]
    pub at: Option<Moment>,
    /// Numbers for each step of this length; auto: at most 120 steps; none: for the whole window
    #[arg(long, value_name = "DUR|auto|none", default_value = "none")]
    pub step: StepChoice,
    /// One row for each of these
    #[arg(short, long, value_name = "WHAT", default_value = "process")]
    pub group: GroupChoice,
    /// Add when the peaks were
    #[arg(long)]
    pub peaks: bool,
    /// Exit with 6 when nothing matches or the window begins before the history
    #[arg(long)]
    pub strict: bool,
    /// Which processes.
    #[command(flatten)]
    pub selection: SelectionArgs,
    /// In which order.
    #[command(flatten)]
    pub shaping: ShapingArgs,
    /// In which form.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// How a window is cut.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum StepChoice {
    /// Not at all.
    #[default]
    None,
    /// Into steps of a round length, at most 120.
    Auto,
    /// Into steps of this length, not zero.
    Every(Duration),
}

impl FromStr for StepChoice {
    type Err = SpanError;

    fn from_str(text: &str) -> Result<Self, SpanError> {
        match text {
            "none" => Ok(Self::None),
            "auto" => Ok(Self::Auto),
            _ => span::parse_positive(text).map(Self::Every),
        }
    }
}

/// What rows are about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum GroupChoice {
    /// Processes
    #[default]
    Process,
    /// Names of processes
    Name,
    /// Owners
    User,
    /// systemd units
    Unit,
    /// Control groups
    Cgroup,
    /// Id of the container
    Container,
    /// TCP and UDP
    Proto,
    /// IPv4 and IPv6
    Family,
    /// Running and ended processes
    State,
    /// Addresses of the other end (not of the past)
    Remote,
    /// Ports, the lower one of the two ends (not of the past)
    Port,
    /// Network interfaces (not of the past)
    Interface,
}

impl GroupChoice {
    /// Whether only single connections can tell.
    pub fn needs_connections(self) -> bool {
        matches!(self, Self::Remote | Self::Port | Self::Interface)
    }

    /// Whether a process may be part of several groups.
    pub fn divides(self) -> bool {
        self.needs_connections() || matches!(self, Self::Proto | Self::Family)
    }

    /// As typed and printed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::Name => "name",
            Self::User => "user",
            Self::Unit => "unit",
            Self::Cgroup => "cgroup",
            Self::Container => "container",
            Self::Proto => "proto",
            Self::Family => "family",
            Self::State => "state",
            Self::Remote => "remote",
            Self::Port => "port",
            Self::Interface => "interface",
        }
    }
}
