//! Options of `trace`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::ValueEnum;

use super::selection::Proto;
use crate::units::span;

/// Options of `trace`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  netmon trace -i 203.0.113.9 -p 443
  netmon trace -p 53 --proto udp -f wide -t 10s
  netmon trace --interface eth0 --pcapng - | tshark -r -

With -v every point that this kernel does not have is named with the reason.")]
pub struct TraceArgs {
    /// Only packets from or to this address or network; repeat for more
    #[arg(short, long = "ip", value_name = "ADDR[/LEN]", value_delimiter = ',')]
    pub ips: Vec<String>,
    /// Only packets from or to this port; repeat for more
    #[arg(
        short,
        long = "port",
        value_name = "N",
        value_delimiter = ',',
        allow_hyphen_values = true
    )]
    pub ports: Vec<String>,
    /// Only packets of these processes, at points where their process is known
    #[arg(long = "pid", value_name = "N", value_delimiter = ',')]
    pub pids: Vec<u32>,
    /// Only this transport
    #[arg(long, value_name = "PROTO")]
    pub proto: Option<Proto>,
    /// Only packets on this interface, at points where it is known
    #[arg(long = "interface", value_name = "IFACE", value_delimiter = ',')]
    pub interfaces: Vec<String>,
    /// Only IPv4
    #[arg(short = '4', long, conflicts_with = "ipv6")]
    pub ipv4: bool,
    /// Only IPv6
    #[arg(short = '6', long)]
    pub ipv6: bool,
    /// At most this many events per second; more are counted, not printed; 0: no limit
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    pub rate: u32,
    /// No packets, a summary of every point each second and at the end
    #[arg(short, long, conflicts_with = "debug_points")]
    pub stats: bool,
    /// Also the kind of hook, the kernel symbol and the packet's id
    #[arg(short, long, visible_alias = "debug-func")]
    pub debug_points: bool,
    /// Stop after this many events, with --stats summaries; 0: endless
    #[arg(short = 'n', long, value_name = "N", default_value_t = 0)]
    pub count: u64,
    /// Stop after this time
    #[arg(short = 't', long, value_name = "DUR", value_parser = span::parse_positive)]
    pub duration: Option<Duration>,
    /// Form of the output [default: table]
    #[arg(short, long, value_name = "FORMAT")]
    pub format: Option<TraceFormat>,
    /// The same as --format jsonl
    #[arg(short, long, conflicts_with = "format")]
    pub json: bool,
    /// Columns, in order; or +NAME and -NAME to change the usual ones
    #[arg(
        long,
        value_name = "LIST",
        value_delimiter = ',',
        allow_hyphen_values = true,
        conflicts_with = "stats"
    )]
    pub columns: Vec<String>,
    /// Write to this file instead of stdout
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// No line of column names
    #[arg(long)]
    pub no_header: bool,
    /// Write the packets' headers for Wireshark to this file instead of printing; -: to stdout
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all = ["stats", "debug_points", "format", "json", "columns", "output", "no_header"]
    )]
    pub pcapng: Option<PathBuf>,
}

/// Form of the output of `trace`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TraceFormat {
    /// One line per packet and point
    Table,
    /// The same with length, flags, interface, CPU, process and time since the point before
    Wide,
    /// RFC 4180
    Csv,
    /// One object per line
    Jsonl,
}
