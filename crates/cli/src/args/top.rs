//! Options of `top`.

use std::time::Duration;

use clap::Args;
use clap::ValueEnum;

use super::query::GroupChoice;
use super::selection::SelectionArgs;
use super::shaping::ShapingArgs;
use super::shaping::SortArg;
use super::watch::WatchArgs;
use crate::units::moment::Moment;
use crate::units::span;

const KEYS: &str = "\
Examples:
  netmon top -u www-data --sort tx
  netmon top -g unit
  netmon top --filter '!port:22 rx>100K'
  netmon top --at 03:12
  netmon top --view connections --port 443
Keys:
  ↑ ↓ j k PgUp PgDn ^B ^F ^U ^D g G   move
  Tab 1..5                   next panel; live, exited, connections, agent, chart
  Enter d                    details; Enter again fills the screen; on a connection of a process:
                             all with the same remote end
  Esc                        one step back: popup, details, history, selection, filter
  c r s a K n p N            sort by RX+TX, received, sent, total, peak, name, pid, connections
  S < > I                    sort menu, neighbour column, other end first
  f F                        freeze the order, follow the selected process
  Space                      pause and resume; nothing is lost
  ← → [ ] { }                one tick, 10 s, 60 s back or on
  @ P L                      go to a time, to the next peak, back to live
  + - = v V                  zoom the chart; one scale or two; chart of the selected row
  / \\ F4                     filter while typing; Up: earlier filters; F1: the language
  b B                        group by, by the next thing
  e E t                      expand one, all; process tree
  i x o                      idle rows, ended rows, loopback
  m z u U w                  rates or totals, zero, bits, powers of 1000, average
  l C H                      command lines, columns, host names
  y W                        copy a field, write the rows to a file
  ! R T M                    messages, retry, theme, mouse
  ^R ^L ^Z                   reset the view, redraw, stop
  ? q ^C                     help, quit
Filter:
  Words side by side must all match; numbers are those of the columns. See docs/filter.md.
  Earlier filters are kept in $XDG_STATE_HOME/netmon/history.";

/// Options of `top`.
#[derive(Debug, Default, Args)]
#[command(
    after_help = "\
Examples:
  netmon top -u www-data --sort tx
  netmon top -g unit
  netmon top --filter '!port:22 rx>100K'",
    after_long_help = KEYS
)]
pub struct TopArgs {
    /// Step of the screen, a multiple of the agent's tick [default: 1s]
    #[arg(long, value_name = "DUR", value_parser = span::parse_positive)]
    pub interval: Option<Duration>,
    /// First view
    #[arg(long, value_name = "VIEW", default_value = "live")]
    pub view: ViewChoice,
    /// Open at this moment: 10m, 17:41, 'yesterday 03:12', RFC 3339, @1763661113, boot or start
    #[arg(long, value_name = "TIME", conflicts_with = "batch")]
    pub at: Option<Moment>,
    /// How much of the past is fetched at the start; 0s: none [default: 10m]
    #[arg(long, value_name = "DUR", value_parser = span::parse)]
    pub history: Option<Duration>,
    /// Order of the rows: any column, with :asc or :desc [default: rate]
    #[arg(long, value_name = "KEY")]
    pub sort: Option<SortArg>,
    /// Put processes together by this [default: process]
    #[arg(short, long, value_name = "WHAT")]
    pub group: Option<GroupChoice>,
    /// Columns of the first view: a,b,c or +unit,-user
    #[arg(
        long,
        value_name = "LIST",
        value_delimiter = ',',
        allow_hyphen_values = true
    )]
    pub columns: Vec<String>,
    /// Colours [default: auto]
    #[arg(long, value_name = "THEME")]
    pub theme: Option<ThemeChoice>,
    /// Characters for lines and bars [default: auto]
    #[arg(long, value_name = "SET")]
    pub charset: Option<CharsetChoice>,
    /// Leave the mouse to the terminal
    #[arg(long)]
    pub no_mouse: bool,
    /// Print tables instead of a screen: the same as netmon watch -f table
    #[arg(short, long)]
    pub batch: bool,
    /// With --batch: stop after this many tables; 0: endless
    #[arg(
        short = 'n',
        long,
        value_name = "N",
        default_value_t = 0,
        requires = "batch"
    )]
    pub count: u64,
    /// Which processes.
    #[command(flatten)]
    pub selection: SelectionArgs,
}

impl TopArgs {
    /// The same as a command that needs no screen (`--batch`).
    pub fn batch(self) -> WatchArgs {
        WatchArgs {
            interval: self.interval,
            count: self.count,
            group: self.group.unwrap_or_default(),
            selection: self.selection,
            shaping: ShapingArgs {
                columns: self.columns,
                sort: self.sort.unwrap_or_default(),
                ..ShapingArgs::default()
            },
            ..WatchArgs::default()
        }
    }
}

/// First view.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum ViewChoice {
    /// Processes that run
    #[default]
    Live,
    /// Processes that have ended
    Exited,
    /// Connections
    Connections,
    /// The agent
    Agent,
    /// The waveform alone
    Chart,
}

/// Colours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum ThemeChoice {
    /// Dark, or mono without colours
    #[default]
    Auto,
    /// For a dark background
    Dark,
    /// For a light background
    Light,
    /// No colours
    Mono,
    /// Bold, nothing dimmed
    Contrast,
}

/// Characters for lines and bars.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum CharsetChoice {
    /// What the terminal can show
    #[default]
    Auto,
    /// Lines and blocks
    Unicode,
    /// ASCII only
    Ascii,
}
