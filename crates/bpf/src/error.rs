//! What can go wrong between the agent and the kernel, as things a caller can act on.

use std::io;
use std::path::PathBuf;

use crate::hook_set::HookSet;

/// Why the counters could not be had, read or changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The kernel has no type information, without which no program can be fitted to it.
    #[error("this kernel has no BTF (/sys/kernel/btf/vmlinux is missing)")]
    NoBtf,
    /// Nothing can be pinned, so nothing would go on counting.
    #[error("{0} is not on a BPF file system")]
    NoBpffs(PathBuf),
    /// The process may not load or attach programs.
    #[error("no right to {doing}")]
    NoRight {
        /// What was refused.
        doing: String,
        /// As the kernel said it.
        source: io::Error,
    },
    /// No complete set of hooks could be attached.
    #[error("no set of hooks can be attached on this kernel: {}", list(.refused))]
    NoHookSet {
        /// Each set that was tried, with the hook that failed and why.
        refused: Vec<Refusal>,
    },
    /// The pins were made by an agent with another idea of what is in them.
    #[error("the pinned maps in {directory} have another layout: {found}")]
    Layout {
        /// Where they are.
        directory: PathBuf,
        /// What is different.
        found: String,
    },
    /// The counters of an older layout could not be taken over; they go on counting.
    #[error("cannot take over the counters of an older layout in {directory}: {reason}")]
    Takeover {
        /// Where they are.
        directory: PathBuf,
        /// What is in the way.
        reason: String,
    },
    /// Another agent has the pins.
    #[error("another agent has the pinned maps in {directory}")]
    Busy {
        /// Where they are.
        directory: PathBuf,
        /// The other agent, when it left its pid.
        pid: Option<u32>,
    },
    /// The pinned counters belong to another hook set than the one asked for.
    #[error("the pinned programs are of hook set {pinned}, not {asked}")]
    OtherHookSet {
        /// What counts now.
        pinned: HookSet,
        /// What was asked for.
        asked: HookSet,
    },
    /// Any other refusal by the kernel.
    #[error("cannot {doing}")]
    Kernel {
        /// What was attempted.
        doing: String,
        /// As the kernel said it.
        source: io::Error,
    },
}

/// A hook set that could not be used.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// The set.
    pub set: HookSet,
    /// The hook that failed, or what the set needs.
    pub hook: String,
    /// Why.
    pub reason: String,
}

fn list(refused: &[Refusal]) -> String {
    let each = |r: &Refusal| match r.hook.as_str() {
        "" => format!("{}: {}", r.set, r.reason),
        hook => format!("{}: {hook} {}", r.set, r.reason),
    };
    refused.iter().map(each).collect::<Vec<_>>().join("; ")
}

/// `Err` of this crate.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// A failed system call, told apart by what the caller can do about it.
    pub(crate) fn kernel(doing: impl Into<String>, source: io::Error) -> Self {
        let doing = doing.into();
        match source.kind() {
            io::ErrorKind::PermissionDenied => Error::NoRight { doing, source },
            _ => Error::Kernel { doing, source },
        }
    }
}

/// libbpf's error as the errno it stands for, which is what users can look up.
///
/// libbpf-rs keeps the `io::Error` to itself; its full text ends with the standard library's
/// "(os error N)".
pub(crate) fn errno(error: &libbpf_rs::Error) -> io::Error {
    let text = format!("{error:#}");
    let code = text
        .rsplit_once("(os error ")
        .and_then(|(_, rest)| rest.split_once(')')?.0.parse::<i32>().ok());
    code.map_or_else(|| io::Error::other(text), io::Error::from_raw_os_error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_errno_of_a_failed_call_is_kept() {
        let missing = libbpf_rs::MapHandle::from_pinned_path("/nowhere/map").unwrap_err();
        assert_eq!(errno(&missing).kind(), io::ErrorKind::NotFound);
    }
}
