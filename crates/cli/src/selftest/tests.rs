//! All cases on this machine, without an agent: the processes must agree with each other.

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use clap::Args as _;
use clap::FromArgMatches as _;

use super::ends::Path;
use super::find;
use super::harness::Harness;
use super::harness::Launcher;
use super::namespaces::Namespaces;
use super::peer::peer;
use super::peer::PeerArgs;
use super::plan::runs;
use super::report;
use super::report::Finding;
use super::report::Findings;

const PEER: &str = "NETMON_TEST_PEER";

/// Not a test by itself: what the harness starts as a child when this test program is the parent.
#[test]
fn peer_entry() {
    if std::env::var_os(PEER).is_none() {
        return;
    }
    let own = std::env::args().skip_while(|argument| argument != "--");
    let command = PeerArgs::augment_args(clap::Command::new("peer"));
    let matches = command.no_binary_name(true).get_matches_from(own.skip(1).filter(|a| a != "--skip"));
    let args = PeerArgs::from_arg_matches(&matches).unwrap();
    std::process::exit(peer(&args).into());
}
