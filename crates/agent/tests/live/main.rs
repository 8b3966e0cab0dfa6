//! The agent and the client as users run them, on the running kernel. Needs root; says so when it
//! skips. Every test has its own agent, socket and pins.

// Helpers of tests may panic as tests may.
#![allow(clippy::unwrap_used)]

mod network;
mod stage;

mod api;
mod connections;
mod containers;
mod counting;
mod delay;
mod faults;
mod groups;
mod history;
mod packets;
mod readme;
mod release;
mod screen;
mod takeover;
mod trace_client;
mod viewers;
