//! The screen as people have it: the real client in a real terminal (tmux), on an agent that plays the
//! sample host of `web01.toml`, tick by tick. The numbers in the names are those of the acceptance
//! scenarios. Needs tmux, and an agent built with the feature `simulate`, whose path is in
//! NETMON_SIMULATED_AGENT (`scripts/test` sets it); says so when it skips.

// Helpers of tests may panic as tests may.
#![allow(clippy::unwrap_used)]

mod screen;
mod simulated;
mod stage;
mod svg;
mod terminal;

mod details;
mod hands;
mod links;
mod lists;
mod look;
mod pictures;
mod shell;
mod streams;
mod time;
mod views;
