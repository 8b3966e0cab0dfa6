//! From a cgroup id, which the kernel gives, to its path, which people know.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::fd::FromRawFd;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::path::PathBuf;

/// FILEID_KERNFS of include/linux/exportfs.h: the handle of a cgroup directory is its id.
const FILEID_KERNFS: libc::c_int = 0xfe;

/// struct file_handle with room for one cgroup id.
#[repr(C)]
struct Handle {
    bytes: libc::c_uint,
    kind: libc::c_int,
    id: [u8; 8],
}

/// The mounted v2 tree.
#[derive(Debug)]
pub struct Cgroups {
    root: File,
    path: PathBuf,
}

impl Cgroups {
    /// The tree mounted at `path`; `None` when it cannot be opened.
    pub fn open(path: &Path) -> Option<Cgroups> {
        Some(Cgroups {
            root: File::open(path).ok()?,
            path: path.to_owned(),
        })
    }

    /// The path within the tree, `/` for its root. `None`: the cgroup is gone, or the right to
    /// open by handle (CAP_DAC_READ_SEARCH) is missing. Does not block: kernfs has no disk.
    pub fn path(&self, id: u64) -> Option<String> {
        let mut handle = Handle {
            bytes: 8,
            kind: FILEID_KERNFS,
            id: id.to_ne_bytes(),
        };
        // SAFETY: `handle` is laid out as struct file_handle with `bytes` bytes behind it and
        // outlives the call; the descriptor is ours when it is not negative.
        let directory = unsafe {
            let fd = libc::syscall(
                libc::SYS_open_by_handle_at,
                self.root.as_raw_fd(),
                std::ptr::from_mut(&mut handle),
                libc::O_PATH | libc::O_CLOEXEC,
            );
            OwnedFd::from_raw_fd(libc::c_int::try_from(fd).ok().filter(|fd| *fd >= 0)?)
        };
        let link = format!("/proc/self/fd/{}", directory.as_raw_fd());
        let full = std::fs::read_link(link).ok()?;
        let full = full.to_str()?;
        // The kernel says so when the directory was removed while somebody still holds it.
        let full = full.strip_suffix(" (deleted)").unwrap_or(full);
        let within = full.strip_prefix(self.path.to_str()?)?;
        Some(if within.is_empty() {
            "/".to_owned()
        } else {
            within.to_owned()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cgroup_is_found_by_its_inode_number() {
        use std::os::unix::fs::MetadataExt;
        let Some(root) = crate::support::cgroup_root() else {
            eprintln!("SKIPPED: no cgroup v2 tree is mounted");
            return;
        };
        let cgroups = Cgroups::open(&root).unwrap();
        let id = std::fs::metadata(&root).unwrap().ino();
        match cgroups.path(id) {
            Some(path) => assert_eq!(path, "/"),
            None => eprintln!("SKIPPED: opening by handle needs CAP_DAC_READ_SEARCH"),
        }
        assert_eq!(cgroups.path(u64::MAX), None);
    }
}
