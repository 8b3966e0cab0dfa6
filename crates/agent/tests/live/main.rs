//! The agent and the client as users run them, on the running kernel. Needs root; says so when it
//! skips. Every test has its own agent, socket and pins.

// Helpers of tests may panic as tests may.
#![allow(clippy::unwrap_used)]

mod network;
mod stage;

mod api;
mod connections;
mod counting;
mod faults;
mod history;
mod packets;
mod readme;
mod release;
mod takeover;
mod trace_client;
mod viewers;
