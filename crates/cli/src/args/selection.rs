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
    /// systemd units, or part of their names
    #[arg(id = "unit", long = "unit", value_name = "UNIT", value_delimiter = ',')]
    pub units: Vec<String>,
    /// Control groups: a path with all below it, or part of one
    #[arg(long = "cgroup", value_name = "PATH", value_delimiter = ',')]
    pub cgroups: Vec<String>,
    /// Containers: part of the name, or the beginning of the id
    #[arg(long = "container", value_name = "NAME", value_delimiter = ',')]
    pub containers: Vec<String>,
    /// Traffic of sockets that use this interface
    #[arg(short, long = "interface", value_name = "IFACE", value_delimiter = ',')]
    pub interfaces: Vec<String>,
    /// Traffic with these hosts: address, network (10.0.0.0/8) or name
    #[arg(long = "host", value_name = "HOST", value_delimiter = ',')]
    pub hosts: Vec<String>,
    /// Traffic of sockets with this port at either end, N or N-M
    #[arg(long = "port", value_name = "PORT", value_delimiter = ',')]
    pub ports: Vec<String>,
    /// The same at the local end
    #[arg(long = "lport", value_name = "PORT", value_delimiter = ',')]
    pub local_ports: Vec<String>,
    /// The same at the remote end
    #[arg(long = "rport", value_name = "PORT", value_delimiter = ',')]
    pub remote_ports: Vec<String>,
    /// In words, for example '!port:22 rx>100K' (see docs/filter.md)
    #[arg(
        id = "expression",
        long = "filter",
        value_name = "EXPR",
        allow_hyphen_values = true
    )]
    pub filter: Option<String>,
    /// Only this transport
    #[arg(long, value_name = "PROTO")]
    pub proto: Option<Proto>,
    /// Only IPv4
    #[arg(short = '4', long, conflicts_with = "ipv6")]
    pub ipv4: bool,
    /// Only IPv6
    #[arg(short = '6', long)]
    pub ipv6: bool,
    /// Traffic that stays on this machine [default: exclude; with -i lo: include]
    #[arg(long, value_name = "HOW")]
    pub loopback: Option<LoopbackChoice>,
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LoopbackChoice {
    /// Leave it out
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
