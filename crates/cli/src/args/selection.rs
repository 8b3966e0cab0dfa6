//! Which processes, and which part of their traffic.

use clap::Args;
use clap::ValueEnum;

/// Which processes, and which part of their traffic. Everything given must match.
#[derive(Debug, Default, Clone, Args)]
#[command(next_help_heading = "Selection")]
pub struct SelectionArgs {
    /// Process ids
    #[arg(
        short,
        long = "pid",
        visible_alias = "pids",
        value_name = "N",
        value_delimiter = ','
    )]
    pub pids: Vec<u32>,
    /// Names of the process or file names of its executable, with * and ?
    #[arg(long = "name", value_name = "GLOB", value_delimiter = ',')]
    pub names: Vec<String>,
    /// Owners, by name or id
    #[arg(short, long = "user", value_name = "USER", value_delimiter = ',')]
    pub users: Vec<String>,
    /// Only this transport
    #[arg(long, value_name = "PROTO")]
    pub proto: Option<Proto>,
    /// Only IPv4
    #[arg(short = '4', long, conflicts_with = "ipv6")]
    pub ipv4: bool,
    /// Only IPv6
    #[arg(short = '6', long)]
    pub ipv6: bool,
    /// Traffic that stays on this machine
    #[arg(long, value_name = "HOW", default_value = "exclude")]
    pub loopback: LoopbackChoice,
    /// Running or ended processes [default: live; of query: all]
    #[arg(long, value_name = "STATE")]
    pub state: Option<StateChoice>,
}

/// A transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Proto {
    /// TCP
    Tcp,
    /// UDP
    Udp,
}

/// What to do with traffic that stays on the machine.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum LoopbackChoice {
    /// Leave it out
    #[default]
    Exclude,
    /// Count it with the rest
    Include,
    /// Show nothing else
    Only,
}

/// Running or ended processes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum StateChoice {
    /// Running ones
    #[default]
    Live,
    /// Ended ones
    Exited,
    /// Both
    All,
}
