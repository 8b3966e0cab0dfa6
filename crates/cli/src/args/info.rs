//! Options of `status`, `completions` and `man`.

use std::path::PathBuf;

use clap::Args;
use clap_complete::Shell;

/// Options of `status`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  netmon status
  netmon status --check || echo 'netmon is degraded'
  netmon status --json | jq .losses")]
pub struct StatusArgs {
    /// The same as one JSON document
    #[arg(short, long)]
    pub json: bool,
    /// One line; exit code 0 when healthy, 1 when degraded
    #[arg(long, conflicts_with = "json")]
    pub check: bool,
}

/// Options of `completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// For which shell
    pub shell: Shell,
}

/// Options of `man`.
#[derive(Debug, Args)]
pub struct ManArgs {
    /// Write one file per command here; without it netmon(1) goes to stdout
    pub directory: Option<PathBuf>,
}
