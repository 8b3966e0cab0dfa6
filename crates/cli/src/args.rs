//! The command line as clap reads it. What the words mean is decided by the commands.

pub mod connections;
pub mod global;
pub mod info;
pub mod query;
pub mod selection;
pub mod selftest;
pub mod shaping;
pub mod top;
pub mod trace;
pub mod watch;

use clap::Parser;
use clap::Subcommand;

use self::connections::ConnectionsArgs;
use self::global::GlobalArgs;
use self::info::CompletionsArgs;
use self::info::ManArgs;
use self::info::StatusArgs;
use self::query::QueryArgs;
use self::selftest::SelftestArgs;
use self::top::TopArgs;
use self::trace::TraceArgs;
use self::watch::ProcessesArgs;
use self::watch::WatchArgs;

const EXAMPLES: &str = "\
Examples:
  netmon                          live ranking on a terminal
  netmon watch -j -p 1234         one JSON object per second about process 1234
  netmon processes --top 10       who moves most right now";

const EXIT_CODES: &str = "\
Examples:
  netmon                          live ranking on a terminal
  netmon watch -j -p 1234         one JSON object per second about process 1234
  netmon processes --top 10       who moves most right now

Exit codes:
  0 ok   1 other failure   2 usage   3 agent not reachable   4 permission denied
  5 agent and client do not fit   6 nothing found   7 terminal not usable
  8 the agent ended the stream and --no-reconnect   9 not possible on this kernel or agent
  130 Ctrl-C in streaming commands   143 SIGTERM";

/// Who uses the network, process by process
#[derive(Debug, Parser)]
#[command(name = "netmon", version, after_help = EXAMPLES, after_long_help = EXIT_CODES)]
pub struct Cli {
    /// Options of every command.
    #[command(flatten)]
    pub global: GlobalArgs,
    /// What to do; `None`: top on a terminal.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Interactive viewer (default on a terminal)
    Top(Box<TopArgs>),
    /// Stream samples as text, CSV or JSON lines
    Watch(Box<WatchArgs>),
    /// History over a window of time, as totals or step by step
    Query(Box<QueryArgs>),
    /// List the processes and their traffic once
    #[command(visible_alias = "ps")]
    Processes(Box<ProcessesArgs>),
    /// List connections and their traffic, once or repeatedly
    #[command(visible_aliases = ["conns", "ss"])]
    Connections(Box<ConnectionsArgs>),
    /// Follow packets through the kernel, point by point
    Trace(Box<TraceArgs>),
    /// Health of the agent: what it counts, what it cannot, what it costs
    Status(StatusArgs),
    /// Make traffic of known size and check what the agent counted
    Selftest(SelftestArgs),
    /// Print a completion script for a shell
    Completions(CompletionsArgs),
    /// Write the manual pages
    Man(ManArgs),
    /// Versions of this program and of the agent
    Version,
}
