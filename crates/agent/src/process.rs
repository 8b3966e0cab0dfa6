//! What a process is: what the kernel noted at its first traffic, and what /proc adds.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;

use netmon_bpf::abi::Process;
use netmon_bpf::abi::ProcessId;
use netmon_bpf::cgroup::Cgroups;

use crate::cgroup::Cgroup;
use crate::cgroup::ContainerNames;
use crate::containers::Containers;
use crate::containers::Named;

/// The facts about one process. Text is as wire and screen want it: UTF-8, other bytes as \xNN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Identity.
    pub id: ProcessId,
    /// First traffic, boot clock, ns.
    pub first_seen: u64,
    /// Thread-group id of the parent at that moment.
    pub parent: u32,
    /// Its name.
    pub parent_name: String,
    /// Real user id.
    pub uid: u32,
    /// comm of the leader.
    pub name: String,
    /// `None`: gone before it could be read.
    pub exe: Option<String>,
    /// Command line; empty: not known.
    pub args: Vec<String>,
    /// There was more of it.
    pub args_cut: bool,
    /// `None`: not known.
    pub cgroup: Option<Cgroup>,
    /// Set once it has ended.
    pub exit: Option<Exit>,
}

impl Facts {
    /// With the name of its container out of `names`, where nobody knew it when this was noted.
    pub fn named_by(&self, names: &ContainerNames) -> Cow<'_, Facts> {
        let cgroup = self.cgroup.as_ref();
        match cgroup.and_then(|cgroup| cgroup.named_by(names)) {
            None => Cow::Borrowed(self),
            Some(cgroup) => Cow::Owned(Facts {
                cgroup: Some(cgroup),
                ..self.clone()
            }),
        }
    }
}

/// The end of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exit {
    /// Boot clock, ns.
    pub time: u64,
    /// As wait(2) reports it. `None`: the end itself was not seen.
    pub status: Option<i32>,
}

/// Turns what the kernel noted into facts. Reads /proc, so it belongs to the collector's thread.
#[derive(Debug, Default)]
pub struct Describer {
    cgroups: Option<Cgroups>,
    paths: HashMap<u64, Cgroup>,
    containers: Option<Containers>,
}

/// Machines have some hundreds of cgroups; past this the cache starts over.
const CACHED_PATHS: usize = 4096;

impl Describer {
    /// Uses the mounted cgroup v2 tree, if there is one.
    pub fn new() -> Self {
        let root = netmon_bpf::support::cgroup_root();
        Describer {
            cgroups: root.and_then(|path| Cgroups::open(&path)),
            paths: HashMap::new(),
            containers: Containers::start(PathBuf::from("/")),
        }
    }

    /// The facts about a process. What needs the process to be alive is left out when it is not.
    pub fn facts(&mut self, id: ProcessId, process: &Process) -> Facts {
        let alive = process.exit.is_none() && is_alive(id);
        let exe = alive
            .then(|| fs::read_link(format!("/proc/{}/exe", id.pid)).ok())
            .flatten();
        let mut args = split_args(&process.args);
        if args.is_empty() && alive {
            // The kernel could not read a page that was swapped out.
            let read = fs::read(format!("/proc/{}/cmdline", id.pid)).unwrap_or_default();
            args = split_args(&read[..read.len().min(process_args_kept())]);
        }
        Facts {
            id,
            first_seen: process.first_seen,
            parent: process.parent,
            parent_name: escape(&process.parent_name),
            uid: process.uid,
            name: escape(&process.name),
            exe: exe.map(|path| escape(path.as_os_str().as_encoded_bytes())),
            args,
            args_cut: process.args_cut,
            cgroup: self.cgroup(process.cgroup),
            exit: process.exit.map(|exit| Exit {
                time: exit.time,
                status: Some(exit.status),
            }),
        }
    }

    /// Names of containers that were found since the last time. Processes described from now on
    /// have them.
    pub fn named(&mut self) -> Vec<Named> {
        let arrived = self.containers.as_mut().map(Containers::arrived);
        let arrived = arrived.unwrap_or_default();
        for (container, name) in &arrived {
            for cgroup in self.paths.values_mut() {
                if cgroup.container() == Some(container) {
                    *cgroup = cgroup.named(name.clone());
                }
            }
        }
        arrived
    }

    fn cgroup(&mut self, id: u64) -> Option<Cgroup> {
        if !self.paths.contains_key(&id) {
            let cgroup = Cgroup::from(self.cgroups.as_ref()?.path(id)?);
            if self.paths.len() >= CACHED_PATHS {
                self.paths.clear();
            }
            self.paths.insert(id, cgroup);
        }
        let cgroup = self.paths.get_mut(&id)?;
        if let (Some(containers), Some(container)) = (&mut self.containers, cgroup.container()) {
            if cgroup.found_name().is_none() {
                if let Some(name) = containers.name(container) {
                    *cgroup = cgroup.named(name);
                }
            }
        }
        Some(cgroup.clone())
    }
}

/// As many bytes of a command line as the kernel side keeps.
const fn process_args_kept() -> usize {
    256
}

fn split_args(bytes: &[u8]) -> Vec<String> {
    let bytes = bytes.strip_suffix(&[0]).unwrap_or(bytes);
    if bytes.is_empty() {
        return Vec::new();
    }
    bytes.split(|byte| *byte == 0).map(escape).collect()
}

/// UTF-8 as it is, every other byte as \xNN.
fn escape(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02x}"));
        }
    }
    text
}

/// Whether this very process is there, not another one that got its pid. A zombie leader with
/// living threads is. What cannot be read is taken for alive: only the kernel's word that there is
/// no such process says otherwise.
pub fn is_alive(id: ProcessId) -> bool {
    match fs::read(format!("/proc/{}/stat", id.pid)) {
        Ok(stat) => {
            start_ticks(&stat).is_none_or(|ticks| ticks == id.start / (1_000_000_000 / USER_HZ))
        }
        Err(error) => {
            error.kind() != std::io::ErrorKind::NotFound
                && error.raw_os_error() != Some(nix::errno::Errno::ESRCH as i32)
        }
    }
}

/// Whether /proc speaks of the pids and start times that the kernel counts by: not in a pid or
/// time namespace of our own (include/linux/proc_ns.h: the initial ones have fixed numbers).
pub fn sees_all_processes() -> bool {
    let is = |name: &str, initial: &str| {
        fs::read_link(format!("/proc/self/ns/{name}"))
            .map_or(true, |namespace| namespace.as_os_str() == initial)
    };
    is("pid", "pid:[4026531836]") && is("time", "time:[4026531834]")
}

/// Clock ticks per second of /proc, the same on every architecture we support (proc(5)).
const USER_HZ: u64 = 100;

/// Field 22 of /proc/PID/stat. The name before it may hold spaces, parentheses and any bytes.
fn start_ticks(stat: &[u8]) -> Option<u64> {
    let name_end = stat.windows(2).rposition(|pair| pair == b") ")?;
    let rest = std::str::from_utf8(&stat[name_end + 2..]).ok()?;
    rest.split(' ').nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_is_found_behind_any_name() {
        let rest = (3..=21)
            .map(|n| n.to_string())
            .collect::<Vec<_>>()
            .join(" ");
        for name in ["sh", "a b", "x) y (z", ""] {
            assert_eq!(
                start_ticks(format!("7 ({name}) {rest} 4711 0").as_bytes()),
                Some(4711),
                "{name}"
            );
        }
        assert_eq!(
            start_ticks(&[b"7 (\xff\xfe) ", rest.as_bytes(), b" 4711 0"].concat()),
            Some(4711)
        );
        for broken in ["", "7 (sh", "7 (sh) R 1"] {
            assert_eq!(start_ticks(broken.as_bytes()), None, "{broken}");
        }
    }

    #[test]
    fn this_process_is_alive_and_one_with_its_pid_but_another_start_is_not() {
        let pid = std::process::id();
        let stat = fs::read(format!("/proc/{pid}/stat")).unwrap();
        let start = start_ticks(&stat).unwrap() * 10_000_000;
        assert!(is_alive(ProcessId { pid, start }));
        assert!(!is_alive(ProcessId {
            pid,
            start: start + 10_000_000
        }));
    }

    #[test]
    fn names_that_are_not_text_lose_nothing() {
        let cases: [(&[u8], &str); 4] = [
            (b"curl", "curl"),
            (b"a\xffb", "a\\xffb"),
            ("网络".as_bytes(), "网络"),
            (b"", ""),
        ];
        for (bytes, expected) in cases {
            assert_eq!(escape(bytes), expected);
        }
        assert_eq!(split_args(b"a\0b c\0"), ["a", "b c"]);
        assert_eq!(
            split_args(b"a\0\0b"),
            ["a", "", "b"],
            "an empty argument is one"
        );
        assert!(split_args(b"").is_empty());
    }
}
