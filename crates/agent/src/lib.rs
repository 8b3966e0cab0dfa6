//! The agent as a library: what the program, the benches and the tests are made of. No interface of
//! its own: other programs use the API (`netmon-api`).
#![forbid(unsafe_code)]

pub mod causes;

pub mod clock;

pub mod names;

pub mod cgroup;

pub mod containers;

pub mod process;

pub mod rate;

pub mod connection;

pub mod frame;

pub mod history;

pub mod config;

pub mod ground;

pub mod past;

pub mod roster;

pub mod connections;

pub mod ledger;

pub mod interest;

pub mod collector;

pub mod hub;

#[cfg(feature = "simulate")]
pub mod simulate;

pub mod source;

pub mod capabilities;

pub mod subject;

pub mod selection;

pub mod sieve;

pub mod grouping;

pub mod trace;

pub mod wire;

pub mod status;

pub mod viewer;

pub mod service;

pub mod socket;

pub mod server;

pub mod check;

pub mod failure;
