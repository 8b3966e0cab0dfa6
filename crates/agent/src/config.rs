//! The command line of the agent.

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use clap::ValueEnum;
use netmon_bpf::plan::HookSet;

use crate::history::tiers;
use crate::history::Tier;

/// Counts the TCP and UDP bytes of every process and serves them to `netmon`.
///
/// Programs and counters stay in the kernel when the agent ends and go on counting; a later agent
/// takes them over.
#[derive(Debug, Clone, Parser)]
#[command(version, after_help = EXIT_CODES)]
pub struct Config {
    /// Socket to listen on
    #[arg(long, value_name = "PATH", default_value = netmon_api::endpoint::DEFAULT_SOCKET)]
    pub socket: PathBuf,
    /// Group that may connect
    #[arg(long, value_name = "GROUP", default_value = "netmon")]
    pub socket_group: String,
    /// Mode of the socket, octal
    #[arg(long, value_name = "MODE", default_value = "0660", value_parser = mode)]
    pub socket_mode: u32,
    /// Sampling step, 100ms to 10s
    #[arg(long, value_name = "DURATION", default_value = "1s", value_parser = tick)]
    pub tick: Duration,
    /// Processes with traffic at a time
    #[arg(long, value_name = "N", default_value_t = 16384, value_parser = clap::value_parser!(u32).range(64..=1 << 22))]
    pub max_processes: u32,
    /// Open sockets at a time
    #[arg(long, value_name = "N", default_value_t = 65536, value_parser = clap::value_parser!(u32).range(64..=1 << 22))]
    pub max_connections: u32,
    /// Exited processes to keep; the oldest go first
    #[arg(long, value_name = "N", default_value_t = 4096, value_parser = clap::value_parser!(u32).range(0..=1 << 20))]
    pub max_exited: u32,
    /// Closed connections to keep, for ten minutes; the oldest go first
    #[arg(long, value_name = "N", default_value_t = 16384, value_parser = clap::value_parser!(u32).range(0..=1 << 20))]
    pub max_closed: u32,
    /// Directory for history, or 'none' to keep it in memory only
    #[arg(long, value_name = "DIR|none", default_value = "/var/lib/netmon")]
    pub state_dir: PathBuf,
    /// How much of the past to keep in which resolution: SPAN@STEP[,SPAN@STEP...]; in memory only,
    /// 1h@1s,24h@10s unless said otherwise
    #[arg(long, value_name = "TIERS", value_parser = history)]
    pub history: Option<History>,
    /// Bytes that history may take, such as 500MiB or 1GiB; in memory only, 24MiB unless said
    /// otherwise
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub history_size: Option<u64>,
    /// Directory for pins, on a BPF file system
    #[arg(long, value_name = "DIR", default_value = "/sys/fs/bpf/netmon")]
    pub pin_dir: PathBuf,
    /// Drop pinned programs and counters, start at zero
    #[arg(long)]
    pub fresh: bool,
    /// Remove all pins and exit; counting stops
    #[arg(long, conflicts_with = "fresh")]
    pub unpin: bool,
    /// Hooks to count with: auto, tracepoint, kprobe or fexit
    #[arg(long, value_name = "SET", default_value = "auto", value_parser = hooks)]
    pub hooks: Hooks,
    /// Refuse to trace packets
    #[arg(long)]
    pub no_trace: bool,
    /// Try the hooks of this kernel, print them, and exit
    #[arg(long, conflicts_with_all = ["fresh", "unpin"])]
    pub check: bool,
    /// Least serious messages to log: error, warn, info, debug or trace
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    pub log_level: tracing::Level,
    /// Form of the log on stderr
    #[arg(long, value_name = "FORM", default_value = "text")]
    pub log_format: LogFormat,
    /// Play this scenario by a clock of its own instead of counting; for tests
    #[cfg(feature = "simulate")]
    #[arg(long, value_name = "FILE", requires = "step_fifo")]
    pub simulate: Option<PathBuf>,
    /// FIFO to read the next steps of the scenario from; what the kernel would keep over a restart is
    /// in a file beside it
    #[cfg(feature = "simulate")]
    #[arg(long, value_name = "PATH", requires = "simulate")]
    pub step_fifo: Option<PathBuf>,
}

impl Config {
    /// Where history goes on disk; `None`: in memory only.
    pub fn state_directory(&self) -> Option<&std::path::Path> {
        (self.state_dir.as_os_str() != "none").then_some(&self.state_dir)
    }
}

const EXIT_CODES: &str = "\
Exit codes: 0 ended by a signal; 1 other failure; 2 usage; 3 another agent has the socket or the
pins; 4 rights missing; 5 kernel not usable; 6 no BPF file system or no tracefs; 7 pins of another layout";

/// Parsed `--history`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History(pub Vec<Tier>);

fn history(text: &str) -> Result<History, String> {
    tiers(text).map(History)
}

fn size(text: &str) -> Result<u64, String> {
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit = match unit {
        "K" | "KiB" => 1 << 10,
        "M" | "MiB" => 1 << 20,
        "G" | "GiB" => 1 << 30,
        "T" | "TiB" => 1u64 << 40,
        _ => 0,
    };
    let bytes = number.parse::<u64>().ok().and_then(|n| n.checked_mul(unit));
    match bytes {
        Some(bytes) if bytes >= 1 << 20 => Ok(bytes),
        Some(bytes) if unit > 0 && bytes > 0 => Err(format!("{text} is less than 1MiB")),
        _ => Err(format!("'{text}' is not a size such as 500MiB or 1GiB")),
    }
}

/// Form of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One line for people.
    Text,
    /// One JSON object per line.
    Json,
}

/// Which hook set to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hooks(pub Option<HookSet>);

fn hooks(text: &str) -> Result<Hooks, String> {
    match text {
        "auto" => Ok(Hooks(None)),
        set => set
            .parse()
            .map(|set| Hooks(Some(set)))
            .map_err(|_| format!("'{text}' is not one of auto, tracepoint, kprobe, fexit")),
    }
}

fn mode(text: &str) -> Result<u32, String> {
    match u32::from_str_radix(text, 8) {
        Ok(mode) if mode <= 0o777 => Ok(mode),
        _ => Err(format!("'{text}' is not an octal file mode such as 0660")),
    }
}

fn tick(text: &str) -> Result<Duration, String> {
    let (number, unit) = text.split_at(text.trim_end_matches(char::is_alphabetic).len());
    let milliseconds = match unit {
        "ms" => Some(1),
        "s" => Some(1000),
        _ => None,
    };
    let tick = milliseconds
        .and_then(|unit| number.parse::<u64>().ok()?.checked_mul(unit))
        .ok_or_else(|| format!("'{text}' is not a duration such as 500ms or 1s"))?;
    if !(100..=10_000).contains(&tick) {
        return Err(format!("{text} is not between 100ms and 10s"));
    }
    Ok(Duration::from_millis(tick))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_durations_within_bounds() {
        assert_eq!(tick("1s"), Ok(Duration::from_secs(1)));
        assert_eq!(tick("250ms"), Ok(Duration::from_millis(250)));
        for bad in [
            "",
            "s",
            "1",
            "1m",
            "99ms",
            "11s",
            "1.5s",
            "-1s",
            "99999999999999999999s",
        ] {
            assert!(tick(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn sizes_have_a_unit() {
        assert_eq!(size("1MiB"), Ok(1 << 20));
        assert_eq!(size("2G"), Ok(2 << 30));
        for bad in ["", "1", "1B", "1023K", "GiB", "-1G", "1.5G", "99999999999T"] {
            assert!(size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_command_line_is_well_formed() {
        use clap::CommandFactory;
        Config::command().debug_assert();
    }

    #[test]
    fn modes_are_octal() {
        assert_eq!(mode("0660"), Ok(0o660));
        for bad in ["", "0888", "1000", "rw"] {
            assert!(mode(bad).is_err(), "{bad}");
        }
    }
}
