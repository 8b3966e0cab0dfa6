//! The agent and the client as users run them, on the running kernel. Needs root; says so when it
//! skips. Every test has its own agent, socket and pins.

mod network;
mod stage;

mod counting;
mod faults;
mod release;
mod viewers;
