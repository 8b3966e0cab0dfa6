//! The wire: `netmon.v1` messages, the client, the server trait, and how to reach an agent.
//!
//! To follow traffic: [`connect`] to the agent's socket, call `watch_traffic`, take [`Snapshot`]
//! parts until one has `last` set, then one [`Update`] per tick; a [`Gap`] before an update says
//! which ticks it stands for. A stream that ends with `Unknown` or `Unavailable` lost its agent:
//! connect again with `since_seq` and `since_instance_id`.
//!
//! [`connect`]: endpoint::connect
//! [`Snapshot`]: v1::Snapshot
//! [`Update`]: v1::Update
//! [`Gap`]: v1::Gap
#![forbid(unsafe_code)]

/// Generated from `proto/netmon/v1`. The fields are documented there.
#[allow(missing_docs, clippy::doc_markdown)]
pub mod v1 {
    tonic::include_proto!("netmon.v1");
}

pub mod endpoint;
#[cfg(feature = "filter")]
pub mod filter;
pub mod version;

/// The compiled protos (`google.protobuf.FileDescriptorSet`), for server reflection.
pub const FILE_DESCRIPTORS: &[u8] =
    include_bytes!(concat!(env!("OUT_DIR"), "/netmon.v1.descriptor.bin"));
