//! Names of network devices, also of other network namespaces.

use std::collections::HashMap;
use std::ffi::CStr;
use std::fs;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

/// Namespaces to keep names of; the one that was asked for the longest ago goes first.
const NAMESPACES: usize = 1024;
/// A name that is not found is looked for again after this long: devices come and go, but not at
/// the rate of readings.
const AGAIN: Duration = Duration::from_secs(5);
/// Looking through every process for a namespace whose process has ended.
const SEARCH_AGAIN: Duration = Duration::from_secs(30);
/// Where `ip netns` keeps namespaces that may have no process.
const NAMED: &str = "/run/netns";

type Names = HashMap<u32, Arc<str>>;

#[derive(Debug)]
struct Namespace {
    names: Names,
    read: Instant,
    asked: Instant,
}

/// Names by namespace and index, kept once they are known.
#[derive(Debug, Default)]
pub struct Interfaces {
    namespaces: HashMap<u32, Namespace>,
    searched: Option<Instant>,
}

impl Interfaces {
    /// Knows nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The name of the device with this index in the network namespace with this inode number, in
    /// which `process` is or was. `None`: the index is 0, the device is gone, or the namespace cannot
    /// be entered (it needs CAP_SYS_ADMIN, and some process or a name in `/run/netns`).
    ///
    /// Mostly a look-up. The first time, and every some seconds for a device that is not found, it
    /// enters the namespace on a thread of its own and waits for it: about a tenth of a millisecond.
    pub fn name(&mut self, namespace: u32, index: u32, process: u32) -> Option<Arc<str>> {
        if namespace == 0 || index == 0 {
            return None;
        }
        let now = Instant::now();
        if let Some(known) = self.namespaces.get_mut(&namespace) {
            known.asked = now;
            let name = known.names.get(&index);
            if name.is_some() || now.duration_since(known.read) < AGAIN {
                return name.cloned();
            }
        }
        let fresh = self.look(namespace, process, now);
        if self.namespaces.len() >= NAMESPACES && !self.namespaces.contains_key(&namespace) {
            let oldest = self.namespaces.iter().min_by_key(|(_, kept)| kept.asked);
            if let Some(oldest) = oldest.map(|(inode, _)| *inode) {
                self.namespaces.remove(&oldest);
            }
        }
        let kept = self.namespaces.entry(namespace).or_insert(Namespace {
            names: Names::new(),
            read: now,
            asked: now,
        });
        kept.read = now;
        // Of a namespace that cannot be entered any more the names stay as they were.
        if let Some(names) = fresh {
            kept.names = names;
        }
        kept.names.get(&index).cloned()
    }

    fn look(&mut self, namespace: u32, process: u32, now: Instant) -> Option<Names> {
        let own = Path::new("/proc/self/ns/net");
        if inode(own) == Some(namespace) {
            return names_here().ok();
        }
        let of_process = PathBuf::from(format!("/proc/{process}/ns/net"));
        let near = [of_process].into_iter().chain(entries(NAMED));
        let mut found = near.into_iter().find_map(|path| open(&path, namespace));
        let due = self
            .searched
            .is_none_or(|at| now.duration_since(at) >= SEARCH_AGAIN);
        if found.is_none() && due {
            self.searched = Some(now);
            let all = entries("/proc").map(|path| path.join("ns/net"));
            found = all.into_iter().find_map(|path| open(&path, namespace));
        }
        let file = found?;
        // The thread ends in the other namespace; no other thread of ours was ever in it.
        let entered = std::thread::Builder::new()
            .name("interfaces".to_owned())
            .spawn(move || names_in(&file));
        let names = entered.and_then(|thread| {
            let ended = thread.join();
            ended.unwrap_or_else(|_| Err(io::Error::other("its thread ended")))
        });
        names
            .inspect_err(|error| tracing::debug!(namespace, %error, "cannot read device names"))
            .ok()
    }
}

/// Network namespaces are files of one file system: the number tells them apart.
fn inode(path: &Path) -> Option<u32> {
    u32::try_from(fs::metadata(path).ok()?.ino()).ok()
}

/// The namespace, if the path leads to the right one when it is open: pids are used again.
fn open(path: &Path, namespace: u32) -> Option<File> {
    if inode(path)? != namespace {
        return None;
    }
    let file = File::open(path).ok()?;
    let opened = u32::try_from(file.metadata().ok()?.ino()).ok()?;
    (opened == namespace).then_some(file)
}

fn entries(directory: &str) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.map(|entry| entry.path())
}

fn names_in(namespace: &File) -> io::Result<Names> {
    // SAFETY: the descriptor is open; only this thread changes its namespace.
    if unsafe { libc::setns(namespace.as_raw_fd(), libc::CLONE_NEWNET) } != 0 {
        return Err(io::Error::last_os_error());
    }
    names_here()
}

/// All devices of this thread's namespace.
fn names_here() -> io::Result<Names> {
    let mut names = Names::new();
    // SAFETY: no arguments; what it returns is freed below.
    let list = unsafe { libc::if_nameindex() };
    if list.is_null() {
        return Err(io::Error::last_os_error());
    }
    let mut at = list;
    // SAFETY: the list ends with an entry of index 0; until then names are C strings, and all of it
    // lives until it is freed, once.
    unsafe {
        while (*at).if_index != 0 && !(*at).if_name.is_null() {
            let name = CStr::from_ptr((*at).if_name).to_string_lossy();
            names.insert((*at).if_index, name.into());
            at = at.add(1);
        }
        libc::if_freenameindex(list);
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_device_has_a_name_here() {
        let here = inode(Path::new("/proc/self/ns/net")).unwrap();
        let mut interfaces = Interfaces::new();
        let name = interfaces.name(here, 1, std::process::id());
        assert_eq!(name.as_deref(), Some("lo"));
        assert_eq!(interfaces.name(here, 0, std::process::id()), None);
        assert_eq!(interfaces.name(here, u32::MAX, std::process::id()), None);
    }

    #[test]
    fn a_namespace_of_another_process_is_entered_and_left() {
        // SAFETY: geteuid has no preconditions.
        if unsafe { libc::geteuid() } != 0 {
            eprintln!("SKIPPED: making a network namespace needs root");
            return;
        }
        let mut elsewhere = std::process::Command::new("unshare")
            .args(["--net", "sleep", "30"])
            .spawn()
            .unwrap();
        let path = PathBuf::from(format!("/proc/{}/ns/net", elsewhere.id()));
        let here = inode(Path::new("/proc/self/ns/net")).unwrap();
        let since = Instant::now();
        let other = loop {
            match inode(&path) {
                Some(other) if other != here => break other,
                _ => assert!(since.elapsed() < Duration::from_secs(10), "no namespace"),
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        let mut interfaces = Interfaces::new();
        let name = interfaces.name(other, 1, elsewhere.id());
        // Known once, it needs no process any more.
        elsewhere.kill().unwrap();
        elsewhere.wait().unwrap();
        let after = interfaces.name(other, 1, elsewhere.id());
        assert_eq!(
            (name.as_deref(), after.as_deref()),
            (Some("lo"), Some("lo"))
        );
        assert_eq!(inode(Path::new("/proc/thread-self/ns/net")), Some(here));
        let gone = Interfaces::new().name(other, 1, elsewhere.id());
        assert_eq!(gone, None, "nobody is left in it");
    }
}
