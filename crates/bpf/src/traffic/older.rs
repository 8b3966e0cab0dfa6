//! The maps of an older layout.

use std::path::Path;
use std::path::PathBuf;

use libbpf_rs::MapCore;
use libbpf_rs::MapHandle;

use crate::abi::carried;
use crate::abi::decode;
use crate::abi::sight;
use crate::abi::socket_state;
use crate::error::errno;
use crate::error::Error;
use crate::error::Result;
use crate::layout::only_entry;
use crate::layout::Bridge;
use crate::pins::Maps;
use crate::ring::drain;

/// Opened without a look at the sizes of their entries: those are known by name.
#[derive(Debug)]
pub(super) struct Older {
    pub(super) directory: PathBuf,
    pub(super) traffic: MapHandle,
    pub(super) processes: MapHandle,
    pub(super) sockets: MapHandle,
    pub(super) peers: MapHandle,
    pub(super) unattributed: MapHandle,
    pub(super) losses: MapHandle,
    pub(super) control: MapHandle,
    pub(super) overflowed: MapHandle,
    pub(super) handover: MapHandle,
    /// Since layout 2.
    carried: Option<MapHandle>,
    /// Since layout 2.
    pub(super) sharers: Option<MapHandle>,
    /// Since layout 2.
    closed: Option<MapHandle>,
}

impl Older {
    pub(super) fn open(directory: &Path) -> Result<Older> {
        let open = |name: &str| {
            MapHandle::from_pinned_path(directory.join(name)).map_err(|e| Error::Layout {
                directory: directory.to_owned(),
                found: format!("map {name}: {}", errno(&e)),
            })
        };
        let open_if_there = |name: &str| match directory.join(name).exists() {
            true => open(name).map(Some),
            false => Ok(None),
        };
        Ok(Older {
            directory: directory.to_owned(),
            traffic: open("traffic")?,
            processes: open("processes")?,
            sockets: open("sockets")?,
            peers: open("peers")?,
            unattributed: open("unattributed")?,
            losses: open("losses")?,
            control: open("control")?,
            overflowed: open("overflowed")?,
            handover: open("handover")?,
            carried: open_if_there("carried")?,
            sharers: open_if_there("sharers")?,
            closed: open_if_there("closed")?,
        })
    }

    /// What it had carried over itself.
    pub(super) fn carried(&self, maps: &Maps) -> Result<carried> {
        match &self.carried {
            Some(map) => only_entry("carried", map, &maps.carried),
            None => Ok(carried::default()),
        }
    }

    /// Closed connections that nobody has read, taken out of their ring: an agent that ends before
    /// it told them takes them with it. Each is an entry of `sockets` and its time, in every layout.
    pub(super) fn untold(&self, maps: &Maps) -> Result<Vec<sight>> {
        let Some(ring) = &self.closed else {
            return Ok(Vec::new());
        };
        let bridge = Bridge::between("sockets", &self.sockets, &maps.sockets)?;
        let size = self.sockets.value_size() as usize;
        let mut untold = Vec::new();
        drain(ring, |record| {
            let Some((entry, time)) = record.split_at_checked(size) else {
                return;
            };
            let socket = decode::<socket_state>(&bridge.value.convert(entry));
            if let (Some(socket), Some(time)) = (socket, decode(time)) {
                untold.push(sight { socket, time });
            }
        })?;
        Ok(untold)
    }
}
