//! Options of every command.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::ValueEnum;
use netmon_api::endpoint::DEFAULT_SOCKET;

use crate::target::Origin;
use crate::target::Target;
use crate::target::Wait;
use crate::units::span;
use crate::units::time::TimeFormat;
use crate::units::Units;

/// Options of every command.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub struct GlobalArgs {
    /// Socket of the agent
    #[arg(long, global = true, value_name = "PATH", env = "NETMON_SOCKET", default_value = DEFAULT_SOCKET)]
    pub socket: PathBuf,
    /// Limit for the connection and the agent's first answer
    #[arg(long, global = true, value_name = "DUR", default_value = "3s", value_parser = span::parse_positive)]
    pub connect_timeout: Duration,
    /// Keep trying until the agent is there [for this long]
    #[arg(long, global = true, value_name = "DUR", num_args = 0..=1, require_equals = true, value_parser = span::parse)]
    pub wait: Option<Option<Duration>>,
    /// How rates and sizes are written [default: iec]
    #[arg(long, global = true, env = "NETMON_UNITS")]
    pub units: Option<Units>,
    /// How times are printed [default: local for text, iso for CSV]
    #[arg(long, global = true)]
    pub time: Option<TimeFormat>,
    /// When to use colours
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub color: ColorChoice,
    /// Config file of top [default: $XDG_CONFIG_HOME/netmon/config.toml]
    #[arg(long, global = true, value_name = "PATH", conflicts_with = "no_config")]
    pub config: Option<PathBuf>,
    /// Read no config file
    #[arg(long, global = true)]
    pub no_config: bool,
    /// Only errors on stderr
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// More on stderr; repeat for even more
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Write the log to this file instead of stderr
    #[arg(long, global = true, value_name = "PATH")]
    pub log_file: Option<PathBuf>,
}

impl GlobalArgs {
    /// How rates and sizes are written.
    pub fn units(&self) -> Units {
        self.units.unwrap_or_default()
    }

    /// The agent that is meant.
    pub fn target(&self) -> Target {
        let named = std::env::var_os("NETMON_SOCKET").is_some_and(|path| *path == *self.socket);
        Target {
            socket: self.socket.clone(),
            origin: if named {
                Origin::Environment
            } else {
                Origin::Other
            },
            connect_timeout: self.connect_timeout,
            wait: match self.wait {
                None => Wait::No,
                Some(None) => Wait::Forever,
                Some(Some(span)) => Wait::For(span),
            },
        }
    }
}

/// When to use colours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum ColorChoice {
    /// On a terminal, unless NO_COLOR is set
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

impl ColorChoice {
    /// Whether `terminal` output is coloured. The option wins over NO_COLOR and CLICOLOR_FORCE.
    pub fn is_on(self, terminal: bool) -> bool {
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto if set("NO_COLOR") => false,
            Self::Auto if std::env::var_os("CLICOLOR_FORCE").is_some_and(|v| v == "1") => true,
            Self::Auto => terminal,
        }
    }
}
