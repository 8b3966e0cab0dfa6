//! Options of `watch` and `processes`.

use std::time::Duration;

use clap::Args;

use super::query::GroupChoice;
use super::selection::SelectionArgs;
use super::shaping::OutputArgs;
use super::shaping::ShapingArgs;
use crate::units::moment::Moment;
use crate::units::span;

/// Options of `watch`.
#[derive(Debug, Default, Args)]
#[command(after_help = "\
Examples:
  netmon watch -p 1234,5678 -a
  netmon watch --top 5 --interval 10s
  netmon watch -j | jq -c '.rows[]? | select(.rx_bytes_per_s > 1e6) | [.pid,.name,.rx_bytes_per_s]'")]
pub struct WatchArgs {
    /// Step of the samples, a multiple of the agent's tick [default: 1s]
    #[arg(long, value_name = "DUR", value_parser = span::parse_positive)]
    pub interval: Option<Duration>,
    /// First print the stored ticks since then: 10m, 17:41, 'yesterday 17:41', boot, start
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub since: Option<Moment>,
    /// Stop after this many samples; 0: endless
    #[arg(short = 'n', long, value_name = "N", default_value_t = 0)]
    pub count: u64,
    /// Stop after this time
    #[arg(short = 't', long, value_name = "DUR", value_parser = span::parse_positive)]
    pub duration: Option<Duration>,
    /// Rows without traffic too [default with --pid]
    #[arg(long)]
    pub idle: bool,
    /// Print when a process ends (always in JSON lines)
    #[arg(long)]
    pub events: bool,
    /// End when the agent goes away, instead of waiting for it
    #[arg(long)]
    pub no_reconnect: bool,
    /// Accepted for habit; watch always continues
    #[arg(short, long, hide_short_help = true)]
    pub continuous: bool,
    /// One row for each of these, instead of one per process
    #[arg(short, long, value_name = "WHAT", default_value = "process")]
    pub group: GroupChoice,
    /// The connections below each process
    #[arg(short, long)]
    pub details: bool,
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

/// Options of `processes`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  netmon ps --top 10
  netmon ps --state all -f wide
  netmon ps -u www-data --sort tx -j")]
pub struct ProcessesArgs {
    /// Repeat in this step, a multiple of the agent's tick
    #[arg(long, value_name = "DUR", value_parser = span::parse_positive)]
    pub interval: Option<Duration>,
    /// One row for each of these, instead of one per process
    #[arg(short, long, value_name = "WHAT", default_value = "process")]
    pub group: GroupChoice,
    /// The connections below each process
    #[arg(short, long)]
    pub details: bool,
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
