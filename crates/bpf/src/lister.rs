//! The iterator over remembered sockets: what each has to say now.

use std::io;
use std::io::Read;
use std::os::fd::AsFd;
use std::path::Path;

use libbpf_rs::MapHandle;

use crate::abi::sight;
use crate::abi::view;
use crate::error::errno;
use crate::object::Constants;
use crate::object::Loaded;
use crate::plan::Hook;
use crate::plan::Kind;
use crate::support::Support;

/// A run hands over at most some 32 KiB at a time.
const BUFFER: usize = 64 << 10;

/// The program that tells of each entry of `sockets`, loaded on these maps.
#[derive(Debug)]
pub(crate) struct Lister {
    link: libbpf_rs::Link,
}

impl Lister {
    const HOOK: Hook = Hook {
        program: "connections",
        target: "bpf_map_elem",
        kind: Kind::Iterator,
        purpose: "what sockets have to say",
    };

    /// Loads it, which takes some ten milliseconds.
    pub(crate) fn load(
        directory: &Path,
        support: &Support,
        sockets: &MapHandle,
    ) -> std::result::Result<Lister, io::Error> {
        let constants = Constants::idle();
        let loaded = Loaded::load(&[Self::HOOK], constants, support, directory);
        let loaded = loaded.map_err(io::Error::other)?.map_err(|r| r.reason)?;
        Ok(Lister {
            link: loaded.link_to(&Self::HOOK, sockets.as_fd())?,
        })
    }

    /// Calls `each` for every entry. One that is there all the time may rarely be missed, or told
    /// twice in a row: where the kernel hands over what it has so far, it goes on by counting
    /// entries, and they may have changed.
    pub(crate) fn run(&self, mut each: impl FnMut(&sight)) -> std::result::Result<(), io::Error> {
        let mut iterator = libbpf_rs::Iter::new(&self.link).map_err(|e| errno(&e))?;
        // Large blocks are aligned for anything, and whole structs keep the next one so.
        let mut buffer = vec![0; BUFFER];
        let mut filled = 0;
        loop {
            let more = iterator.read(&mut buffer[filled..])?;
            if more == 0 {
                return Ok(());
            }
            filled += more;
            let whole = filled - filled % size_of::<sight>();
            buffer[..whole]
                .chunks_exact(size_of::<sight>())
                .filter_map(view)
                .for_each(&mut each);
            buffer.copy_within(whole..filled, 0);
            filled -= whole;
        }
    }
}
