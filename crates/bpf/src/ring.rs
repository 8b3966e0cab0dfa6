//! Ring buffers that are looked at now and then.

use std::sync::Mutex;
use std::sync::PoisonError;

use libbpf_rs::MapHandle;
use libbpf_rs::RingBufferBuilder;

use crate::abi::decode;
use crate::abi::Plain;
use crate::error::errno;
use crate::error::Error;
use crate::error::Result;

/// A ring whose records are of one type, and those that were taken out of it. It is mapped only while
/// it is read: the mapping counts as memory of the agent, twice the size of the ring.
pub(crate) struct Ring<T> {
    map: MapHandle,
    waiting: Mutex<Vec<T>>,
}

impl<T: Plain> Ring<T> {
    pub(crate) fn new(map: &MapHandle) -> Result<Ring<T>> {
        let map = MapHandle::try_from(map).map_err(failed)?;
        Ok(Ring {
            map,
            waiting: Mutex::new(Vec::new()),
        })
    }

    /// Takes out what is there; it waits to be taken from here.
    pub(crate) fn consume(&self) -> Result<()> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        drain(&self.map, |record| waiting.extend(decode::<T>(record)))
    }

    /// Looks at what waits.
    pub(crate) fn any(&self, which: impl FnMut(&T) -> bool) -> bool {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.iter().any(which)
    }

    /// What waits, oldest first.
    pub(crate) fn take(&self) -> Vec<T> {
        std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Lets older records wait as well.
    pub(crate) fn put(&self, records: Vec<T>) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.splice(..0, records);
    }
}

/// Takes out what is in a ring of any records.
pub(crate) fn drain(map: &MapHandle, mut each: impl FnMut(&[u8])) -> Result<()> {
    let mut builder = RingBufferBuilder::new();
    builder
        .add(map, |record: &[u8]| {
            each(record);
            0
        })
        .map_err(failed)?;
    let ring = builder.build().map_err(failed)?;
    ring.consume().map_err(failed)
}

#[allow(clippy::needless_pass_by_value, reason = "given to map_err")]
fn failed(error: libbpf_rs::Error) -> Error {
    Error::kernel("read a ring buffer", errno(&error))
}
