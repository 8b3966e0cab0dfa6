//! Options of `connections`.

use std::time::Duration;

use clap::Args;
use clap::ValueEnum;

use super::selection::SelectionArgs;
use super::shaping::OutputArgs;
use super::shaping::ShapingArgs;
use crate::units::span;

/// Options of `connections`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  netmon conns -p 1187
  netmon conns --port 443 --sort tx -j
  netmon conns --interval 2s --filter 'unit:nginx rx>100K'")]
pub struct ConnectionsArgs {
    /// Repeat in this step, a multiple of the agent's tick
    #[arg(long, value_name = "DUR", value_parser = span::parse_positive)]
    pub interval: Option<Duration>,
    /// With --interval: stop after this many; 0: endless
    #[arg(short = 'n', long, value_name = "N", default_value_t = 0)]
    pub count: u64,
    /// Only TCP connections in these states
    #[arg(long, value_name = "STATE", value_delimiter = ',')]
    pub state_tcp: Vec<TcpState>,
    /// Closed ones too, as long as the agent keeps them
    #[arg(long)]
    pub closed: bool,
    /// Names of remote addresses, as far as they can be had in 200 ms
    #[arg(long)]
    pub resolve: bool,
    /// Which processes and connections.
    #[command(flatten)]
    pub selection: SelectionArgs,
    /// In which order.
    #[command(flatten)]
    pub shaping: ShapingArgs,
    /// In which form.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// State of a TCP connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[allow(missing_docs)]
pub enum TcpState {
    Established,
    SynSent,
    SynRecv,
    #[value(name = "fin-wait-1")]
    FinWait1,
    #[value(name = "fin-wait-2")]
    FinWait2,
    TimeWait,
    Close,
    CloseWait,
    LastAck,
    Listen,
    Closing,
}

impl TcpState {
    /// As typed, which is as the filter language has it.
    pub fn name(self) -> String {
        self.to_possible_value()
            .map(|value| value.get_name().to_owned())
            .unwrap_or_default()
    }
}
