//! The maps of an older layout.

use std::path::Path;
use std::path::PathBuf;

use libbpf_rs::MapHandle;

use crate::abi::carried;
use crate::error::errno;
use crate::error::Error;
use crate::error::Result;
use crate::layout::only_entry;
use crate::pins::Maps;

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
}

impl Older {
    pub(super) fn open(directory: &Path) -> Result<Older> {
        let open = |name: &str| {
            MapHandle::from_pinned_path(directory.join(name)).map_err(|e| Error::Layout {
                directory: directory.to_owned(),
                found: format!("map {name}: {}", errno(&e)),
            })
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
            carried: match directory.join("carried").exists() {
                true => Some(open("carried")?),
                false => None,
            },
        })
    }

    /// What it had carried over itself.
    pub(super) fn carried(&self, maps: &Maps) -> Result<carried> {
        match &self.carried {
            Some(map) => only_entry("carried", map, &maps.carried),
            None => Ok(carried::default()),
        }
    }
}
