//! `netmon selftest`.

use std::time::Duration;

use clap::Args;

use crate::units::span;

/// Check the agent: make traffic of known size and compare what it counted.
#[derive(Debug, Clone, Args)]
pub struct SelftestArgs {
    /// Only cases whose name matches, for example 'udp_*'
    #[arg(long = "case", value_name = "GLOB", default_value = "*")]
    pub pattern: String,
    /// List the cases and exit
    #[arg(long)]
    pub list: bool,
    /// Also run the cases under load (a GLOB that means only them runs them too)
    #[arg(long)]
    pub load: bool,
    /// Leave out the runs between network namespaces
    #[arg(long)]
    pub loopback_only: bool,
    /// Ask no agent: only check that the processes agree with each other
    #[arg(long)]
    pub dry_run: bool,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
    /// Limit for one case
    #[arg(long, value_name = "DUR", default_value = "20s", value_parser = span::parse_positive)]
    pub timeout: Duration,
}
