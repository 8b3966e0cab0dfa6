//! The kernel side of netmon: everything that knows eBPF, and the only crate with `unsafe`.
//!
//! [`traffic::Probe::start`] opens the pinned counters, or makes them; [`traffic::Probe::read`]
//! takes all cumulative numbers at one instant. No libbpf type leaves this crate.

mod hook_set;

pub mod error;

pub mod abi;

mod digest;
pub use digest::ByNumber;
pub use digest::Mixer;

pub mod memory;

mod unpreempted;

mod standstill;

mod batch;

mod ring;

mod connection;

pub mod support;

pub mod preemption;

pub mod plan;

mod layout;

mod object;

mod seeder;

mod lister;

pub mod pins;

mod sockets;

pub mod traffic;

pub mod trace;

pub mod cgroup;

pub mod interfaces;

#[allow(
    dead_code,
    missing_docs,
    non_camel_case_types,
    non_snake_case,
    clippy::all,
    clippy::pedantic,
    clippy::unwrap_used
)]
mod skeleton {
    include!(concat!(env!("OUT_DIR"), "/traffic.skel.rs"));
}

#[allow(
    dead_code,
    missing_docs,
    non_camel_case_types,
    non_snake_case,
    clippy::all,
    clippy::pedantic,
    clippy::unwrap_used
)]
mod trace_skeleton {
    include!(concat!(env!("OUT_DIR"), "/trace.skel.rs"));
}
