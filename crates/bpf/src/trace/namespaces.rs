//! Network namespaces of this machine: a netfilter hook is of one of them.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::path::PathBuf;

/// Where `ip netns` keeps namespaces that may have no process.
const NAMED: &str = "/run/netns";
/// Namespaces that are hooked; each takes eight links.
const MOST: usize = 256;

/// Every namespace that has a process or a name, by inode number, with a way to it. Reads a link per
/// process.
pub(super) fn present() -> HashMap<u64, PathBuf> {
    let own = PathBuf::from("/proc/self/ns/net");
    let processes = paths("/proc").filter(|path| {
        let name = path.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_digit()))
    });
    let processes = processes.map(|path| path.join("ns/net"));
    let mut found = HashMap::new();
    for path in std::iter::once(own).chain(paths(NAMED)).chain(processes) {
        if let Ok(inode) = std::fs::metadata(&path).map(|file| file.ino()) {
            if found.len() < MOST {
                found.entry(inode).or_insert(path);
            }
        }
    }
    found
}

/// The namespace, if the path still leads to it: processes come and go.
pub(super) fn open(inode: u64, path: &Path) -> io::Result<File> {
    let file = File::open(path)?;
    match file.metadata()?.ino() == inode {
        true => Ok(file),
        false => Err(io::Error::from(io::ErrorKind::NotFound)),
    }
}

fn paths(directory: &str) -> impl Iterator<Item = PathBuf> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    entries.map(|entry| entry.path())
}

/// Runs `work` inside a namespace, on a thread of its own that ends there.
pub(super) fn inside<T: Send + 'static>(
    namespace: File,
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<T> {
    let entered = std::thread::Builder::new()
        .name("trace-netns".to_owned())
        .spawn(move || {
            // SAFETY: the descriptor is open; only this thread changes its namespace.
            match unsafe { libc::setns(namespace.as_raw_fd(), libc::CLONE_NEWNET) } {
                0 => Ok(work()),
                _ => Err(io::Error::last_os_error()),
            }
        })?;
    let ended = entered.join();
    ended.unwrap_or_else(|_| Err(io::Error::other("its thread ended")))
}
