//! The pin directory: open the counters that are there, or make them; never guess.
//!
//! `<directory>/v<abi>/` holds the maps and the links. It is filled under another name and
//! renamed, so it is either complete or not there. The directory is locked while an agent lives.

use std::fs;
use std::fs::DirBuilder;
use std::fs::File;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::path::PathBuf;

use libbpf_rs::MapCore;
use libbpf_rs::MapFlags;
use libbpf_rs::MapHandle;

use crate::abi::carried;
use crate::abi::control;
use crate::abi::encode;
use crate::abi::handover;
use crate::abi::process;
use crate::abi::process_key;
use crate::abi::sharer;
use crate::abi::sharer_key;
use crate::abi::socket_state;
use crate::abi::traffic;
use crate::abi::traffic_key;
use crate::abi::Plain;
use crate::abi::ABI_MAGIC;
use crate::abi::ABI_VERSION;
use crate::abi::LOSS_CAUSES;
use crate::batch::lookup;
use crate::error::errno;
use crate::error::Error;
use crate::error::Result;
use crate::layout::number;
use crate::object;
use crate::unpreempted::Unpreempted;

/// Magic number of the BPF file system (include/uapi/linux/magic.h).
const BPF_FS_MAGIC: libc::c_long = 0xcafe_4a11;
/// Before the layout in the name of a directory that is not complete.
const UNFINISHED: &str = "new_";
/// The only key of the arrays that have one entry.
pub(crate) const ONLY: [u8; 4] = [0; 4];

/// The pinned maps. Programs fill them whether or not anybody holds this.
#[derive(Debug)]
pub(crate) struct Maps {
    pub(crate) traffic: MapHandle,
    pub(crate) processes: MapHandle,
    pub(crate) sockets: MapHandle,
    pub(crate) sharers: MapHandle,
    pub(crate) closed: MapHandle,
    pub(crate) unattributed: MapHandle,
    pub(crate) losses: MapHandle,
    pub(crate) hints: MapHandle,
    pub(crate) control: MapHandle,
    pub(crate) overflowed: MapHandle,
    pub(crate) peers: MapHandle,
    pub(crate) carried: MapHandle,
    pub(crate) handover: MapHandle,
}

impl Maps {
    /// Opens all maps of a pin directory of this layout.
    pub(crate) fn open(directory: &Path) -> Result<Maps> {
        let open = |name: &str, sizes| object::open_map(directory, name, sizes);
        let size = |bytes: usize| bytes as u32;
        let process_key = size(size_of::<process_key>());
        let traffic_key = size(size_of::<traffic_key>());
        let maps = Maps {
            control: open("control", (4, size(size_of::<control>())))?,
            handover: open("handover", (4, size(size_of::<handover>())))?,
            traffic: open("traffic", (traffic_key, size(size_of::<traffic>())))?,
            processes: open("processes", (process_key, size(size_of::<process>())))?,
            sockets: open("sockets", (8, size(size_of::<socket_state>())))?,
            sharers: open(
                "sharers",
                (size(size_of::<sharer_key>()), size(size_of::<sharer>())),
            )?,
            closed: open("closed", (0, 0))?,
            unattributed: open("unattributed", (4, size(size_of::<traffic>())))?,
            losses: open("losses", (4, 8))?,
            hints: open("hints", (0, 0))?,
            peers: open(
                "peers",
                (4, size(size_of::<crate::skeleton::types::peer>())),
            )?,
            overflowed: open("overflowed", (4, 4))?,
            carried: open("carried", (4, size(size_of::<carried>())))?,
        };
        let causes = maps.losses.max_entries() as usize;
        if causes != LOSS_CAUSES.len() {
            return Err(Error::Layout {
                directory: directory.to_owned(),
                found: format!("{causes} causes of loss, not {}", LOSS_CAUSES.len()),
            });
        }
        Ok(maps)
    }

    /// The schema record, if it is of this layout.
    pub(crate) fn control(&self, directory: &Path) -> Result<control> {
        let found: control = lookup(&self.control, &ONLY)?.unwrap_or_default();
        if (found.magic, found.abi_version) == (ABI_MAGIC, ABI_VERSION) {
            return Ok(found);
        }
        let found = format!(
            "schema record {:#x} version {}",
            found.magic, found.abi_version
        );
        Err(Error::Layout {
            directory: directory.to_owned(),
            found,
        })
    }
}

/// Writes the one entry of an array.
pub(crate) fn store<T: Plain>(map: &MapHandle, value: &T) -> Result<()> {
    let _unpreempted = Unpreempted::enter();
    map.update(&ONLY, encode(value), MapFlags::ANY)
        .map_err(|e| Error::kernel("write a map entry", errno(&e)))
}

/// Where pins are, held by one agent at a time.
#[derive(Debug)]
pub struct PinDirectory {
    root: PathBuf,
    /// Locked with flock(2) as long as it is open.
    _lock: File,
}

impl PinDirectory {
    /// Makes the directory if needed and locks it. Does not wait.
    ///
    /// # Errors
    /// [`Error::NoBpffs`], [`Error::Busy`], [`Error::NoRight`].
    pub fn lock(root: &Path) -> Result<PinDirectory> {
        if !on_bpffs(root) {
            return Err(Error::NoBpffs(root.to_owned()));
        }
        make(root)?;
        let lock = File::open(root).map_err(|e| Error::kernel("open the pin directory", e))?;
        match lock.try_lock() {
            Ok(()) => Ok(PinDirectory {
                root: root.to_owned(),
                _lock: lock,
            }),
            Err(fs::TryLockError::WouldBlock) => {
                // It may be of another layout.
                let layouts = names(root)?
                    .into_iter()
                    .filter(|name| name.starts_with('v'));
                let agent = |name: String| {
                    let left = MapHandle::from_pinned_path(root.join(name).join("handover"));
                    number(&left.ok()?, "agent").filter(|pid| *pid != 0)
                };
                let pid = layouts.filter_map(agent).next();
                Err(Error::Busy {
                    directory: root.to_owned(),
                    pid,
                })
            }
            Err(fs::TryLockError::Error(e)) => Err(Error::kernel("lock the pin directory", e)),
        }
    }

    /// The directory of this layout, whether it exists or not.
    pub fn current(&self) -> PathBuf {
        current(&self.root)
    }

    /// Whether there are counters of this layout.
    pub fn exists(&self) -> bool {
        self.current().exists()
    }

    /// The directories of older layouts, oldest first.
    ///
    /// # Errors
    /// [`Error::Layout`] when there are counters of a newer or an unknown one.
    pub(crate) fn older(&self) -> Result<Vec<(u32, PathBuf)>> {
        let mut older = Vec::new();
        for name in names(&self.root)? {
            let Some(version) = name.strip_prefix('v') else {
                continue;
            };
            match version.parse::<u32>() {
                Ok(version) if (1..ABI_VERSION).contains(&version) => {
                    older.push((version, self.root.join(&name)));
                }
                Ok(ABI_VERSION) => {}
                _ => {
                    let known = format!("this agent knows v{ABI_VERSION} and older");
                    return Err(Error::Layout {
                        directory: self.root.clone(),
                        found: format!("they are of layout {name}, {known}"),
                    });
                }
            }
        }
        older.sort_unstable();
        Ok(older)
    }

    /// Where counters of this layout are made. No dot: the BPF file system refuses names with one.
    pub(crate) fn prepared(&self) -> PathBuf {
        self.root.join(format!("{UNFINISHED}v{ABI_VERSION}"))
    }

    /// An empty directory to fill before [`PinDirectory::publish`].
    pub(crate) fn prepare(&self) -> Result<PathBuf> {
        self.remove_unfinished()?;
        let path = self.prepared();
        make(&path)?;
        Ok(path)
    }

    /// Removes what agents of any layout began and did not finish.
    pub(crate) fn remove_unfinished(&self) -> Result<()> {
        let names = names(&self.root)?;
        let mut unfinished = names.iter().filter(|name| name.starts_with(UNFINISHED));
        unfinished.try_for_each(|name| remove(&self.root.join(name)))
    }

    /// Puts what was prepared in place, all at once.
    pub(crate) fn publish(&self, prepared: &Path) -> Result<()> {
        fs::rename(prepared, self.current())
            .map_err(|e| Error::kernel("rename the pin directory", e))
    }

    /// Removes every pin of every layout. Counting stops and the counters are gone.
    ///
    /// # Errors
    /// When a file cannot be removed.
    pub fn empty(&self) -> Result<()> {
        for name in names(&self.root)? {
            remove(&self.root.join(name))?;
        }
        Ok(())
    }

    /// Removes the directory with all that is in it.
    ///
    /// # Errors
    /// As [`PinDirectory::empty`].
    pub fn remove(self) -> Result<()> {
        self.empty()?;
        remove(&self.root)
    }
}

/// The links that are pinned in a directory: generations and program names, in no order.
pub(crate) fn links(directory: &Path) -> Result<Vec<(u32, String)>> {
    let names = names(directory)?;
    let parsed = names
        .iter()
        .filter_map(|name| object::parse_link_name(name));
    Ok(parsed
        .map(|(generation, program)| (generation, program.to_owned()))
        .collect())
}

fn current(root: &Path) -> PathBuf {
    root.join(format!("v{ABI_VERSION}"))
}

fn make(path: &Path) -> Result<()> {
    // The file mode is the only guard of a pin.
    match DirBuilder::new().mode(0o700).create(path) {
        Err(e) if e.kind() != io::ErrorKind::AlreadyExists => {
            Err(Error::kernel(format!("create {}", path.display()), e))
        }
        _ => Ok(()),
    }
}

fn names(directory: &Path) -> Result<Vec<String>> {
    let failed = |e| Error::kernel(format!("read {}", directory.display()), e);
    let mut names = Vec::new();
    for entry in fs::read_dir(directory).map_err(failed)? {
        names.push(
            entry
                .map_err(failed)?
                .file_name()
                .to_string_lossy()
                .into_owned(),
        );
    }
    Ok(names)
}

/// Removes a directory if it is there.
pub(crate) fn remove(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => {
            Err(Error::kernel(format!("remove {}", path.display()), e))
        }
        _ => Ok(()),
    }
}

/// Whether the directory, or the nearest one above it that exists, is on a BPF file system.
fn on_bpffs(path: &Path) -> bool {
    let Some(existing) = path.ancestors().find(|p| p.exists()) else {
        return false;
    };
    let Ok(name) = std::ffi::CString::new(existing.as_os_str().as_encoded_bytes()) else {
        return false;
    };
    let mut stat = std::mem::MaybeUninit::<libc::statfs>::uninit();
    // SAFETY: the path ends with NUL, and statfs fills the buffer when it returns 0.
    unsafe {
        libc::statfs(name.as_ptr(), stat.as_mut_ptr()) == 0
            && stat.assume_init().f_type as libc::c_long == BPF_FS_MAGIC
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_elsewhere_is_not_a_pin_directory() {
        let elsewhere = tempfile::tempdir().unwrap();
        let error = PinDirectory::lock(&elsewhere.path().join("netmon")).unwrap_err();
        assert!(matches!(error, Error::NoBpffs(_)), "{error}");
    }

    #[test]
    fn link_names_tell_generation_and_program() {
        let name = object::link_name(7, "tcp_rx");
        assert_eq!(object::parse_link_name(&name), Some((7, "tcp_rx")));
        for other in ["traffic", "link_x_y", "link_7", ""] {
            assert_eq!(object::parse_link_name(other), None, "{other}");
        }
    }
}
