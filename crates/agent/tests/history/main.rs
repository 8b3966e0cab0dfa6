//! The history as the agent uses it: real files, real threads, ticks as fast as they go.

// Helpers of tests may panic as tests may.
#![allow(clippy::unwrap_used)]

mod world;

mod asking;
mod conservation;
mod damage;
mod disk;
