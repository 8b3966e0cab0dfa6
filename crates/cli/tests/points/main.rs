//! What `netmon trace` prints, asks and refuses.

// Helpers of tests may panic as tests may.
#![allow(clippy::unwrap_used)]

mod asking;
mod ends;
mod formats;
#[path = "../support/mod.rs"]
mod support;

use support::agent::FakeAgent;
use support::packets;
use support::packets::Step;
use support::program::run;
use support::program::Outcome;

const MISSING: &str = "netmon: this kernel allows 5 of 7 points, not ip_rcv_core, \
     __tcp_transmit_skb (-v says why)\n";

fn trace(args: &[&str]) -> Outcome {
    with(packets::usual(), args)
}

fn with(steps: Vec<Step>, args: &[&str]) -> Outcome {
    let agent = FakeAgent::tracing(steps);
    let mut all = vec!["trace"];
    all.extend(args);
    run(&agent.socket(), &all)
}

fn printed(args: &[&str]) -> String {
    let outcome = trace(args);
    assert_eq!(
        (outcome.code, outcome.stderr.as_str()),
        (0, MISSING),
        "{args:?}"
    );
    outcome.stdout
}
