//! What the tests of the program share: an agent that plays a script, and the program itself.

// Each test program uses a part of this, and helpers may panic as tests may.
#![allow(dead_code, clippy::unwrap_used)]

pub mod agent;
pub mod connection;
pub mod packets;
pub mod past;
pub mod program;
pub mod reply;
pub mod sample;
pub mod schema;
