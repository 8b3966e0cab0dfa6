//! Reading whole hash maps with few system calls.

use std::io;
use std::os::fd::AsFd;
use std::os::fd::AsRawFd;

use libbpf_rs::libbpf_sys;
use libbpf_rs::MapCore;
use libbpf_rs::MapHandle;

use crate::error::errno;
use crate::error::Error;
use crate::error::Result;
use crate::unpreempted::Unpreempted;

/// Entries per system call: large enough to be rare, small enough to stay in the cache.
const ENTRIES: usize = 512;

/// Buffers for reading one hash map, kept between reads.
#[derive(Debug)]
pub(crate) struct Batch {
    keys: Vec<u8>,
    values: Vec<u8>,
    key_size: usize,
    value_size: usize,
    entries: usize,
}

impl Batch {
    /// For a map whose values have `value_size` bytes.
    pub(crate) fn new(map: &MapHandle, value_size: usize) -> Self {
        let mut batch = Batch {
            keys: Vec::new(),
            values: Vec::new(),
            key_size: map.key_size() as usize,
            value_size,
            entries: 0,
        };
        batch.resize(ENTRIES);
        batch
    }

    fn resize(&mut self, entries: usize) {
        self.entries = entries;
        self.keys.resize(self.entries * self.key_size, 0);
        self.values.resize(self.entries * self.value_size, 0);
    }

    /// Calls `each(key, value)` for every entry. An entry that exists during the whole read is
    /// given exactly once: buckets are read one by one under their lock (kernel/bpf/hashtab.c,
    /// __htab_map_lookup_and_delete_batch).
    pub(crate) fn read(
        &mut self,
        map: &MapHandle,
        mut each: impl FnMut(&[u8], &[u8]),
    ) -> Result<()> {
        let _unpreempted = Unpreempted::enter();
        let mut position = [0u32; 2];
        let mut started = false;
        loop {
            let mut count = self.entries as u32;
            match self.next(map, &mut position, started, &mut count) {
                Ok(more) => {
                    let keys = self.keys.chunks_exact(self.key_size);
                    let values = self.values.chunks_exact(self.value_size);
                    keys.zip(values)
                        .take(count as usize)
                        .for_each(|(k, v)| each(k, v));
                    if !more {
                        return Ok(());
                    }
                    started = true;
                }
                // One bucket holds more than the whole buffer: nothing was given, ask again.
                Err(error) if error.raw_os_error() == Some(libc::ENOSPC) => {
                    self.resize(self.entries * 2);
                }
                Err(error) => return Err(Error::kernel("read a map", error)),
            }
        }
    }

    fn next(
        &mut self,
        map: &MapHandle,
        position: &mut [u32; 2],
        started: bool,
        count: &mut u32,
    ) -> io::Result<bool> {
        let from = position.as_mut_ptr().cast::<libc::c_void>();
        let opts = libbpf_sys::bpf_map_batch_opts {
            sz: size_of::<libbpf_sys::bpf_map_batch_opts>() as libbpf_sys::size_t,
            ..Default::default()
        };
        // SAFETY: keys and values hold `entries` elements of the map's sizes, `count` says so;
        // the position is four bytes for hash maps and has room for eight; all outlive the call.
        let result = unsafe {
            libbpf_sys::bpf_map_lookup_batch(
                map.as_fd().as_raw_fd(),
                if started { from } else { std::ptr::null_mut() },
                from,
                self.keys.as_mut_ptr().cast(),
                self.values.as_mut_ptr().cast(),
                count,
                &opts,
            )
        };
        match result {
            0 => Ok(true),
            code if code == -libc::ENOENT => Ok(false),
            code => {
                *count = 0;
                Err(io::Error::from_raw_os_error(-code))
            }
        }
    }
}

/// One value of a map that is not per CPU.
pub(crate) fn lookup<T: crate::abi::Plain>(map: &MapHandle, key: &[u8]) -> Result<Option<T>> {
    let _unpreempted = Unpreempted::enter();
    let value = map
        .lookup(key, libbpf_rs::MapFlags::ANY)
        .map_err(|e| Error::kernel("read a map entry", errno(&e)))?;
    Ok(value.and_then(|bytes| crate::abi::decode(&bytes)))
}

/// The values of all CPUs of one entry of a per-CPU map.
pub(crate) fn lookup_all_cpus<T: crate::abi::Plain>(map: &MapHandle, key: u32) -> Result<Vec<T>> {
    let _unpreempted = Unpreempted::enter();
    let values = map
        .lookup_percpu(&key.to_ne_bytes(), libbpf_rs::MapFlags::ANY)
        .map_err(|e| Error::kernel("read a map entry", errno(&e)))?;
    Ok(values
        .unwrap_or_default()
        .iter()
        .filter_map(|v| crate::abi::decode(v))
        .collect())
}
