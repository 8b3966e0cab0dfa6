//! Facts about this kernel and machine: what there is, not what to do with it.

use std::fs;
use std::path::Path;
use std::path::PathBuf;

use libbpf_rs::btf::types::Func;
use libbpf_rs::btf::types::Struct;
use libbpf_rs::btf::types::Typedef;
use libbpf_rs::btf::Btf;

use crate::error::Error;
use crate::error::Result;

/// What was found out before anything is loaded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Support {
    /// Tracepoints sock:sock_send_length and sock:sock_recv_length (6.3).
    pub call_tracepoints: bool,
    /// `inet_sendpage`: sendfile goes past sendmsg (before 6.5).
    pub sendpage: bool,
    /// Kprobes can be attached and never fire: somebody has switched them off, and debugfs says so.
    pub kprobes_off: bool,
    /// Classic tracepoint and kprobe attachments are links and can be pinned (5.15).
    pub perf_links: bool,
    /// The record of tracepoint task:task_rename says whose name it is (not in 6.15 to 6.18).
    pub rename_names_thread: bool,
    /// Hash maps without preallocation are safe in any context (6.1).
    pub safe_allocation: bool,
    /// Fexit trampolines keep a sleeping function's image alive (5.12 and its backports).
    pub trampoline_images: bool,
    /// kTLS and MPTCP splice functions are there now; kTLS may be a module.
    pub tls_splice: bool,
    /// See `tls_splice`.
    pub mptcp_splice: bool,
    /// What was received over MPTCP, splice or not, can be told where its lock is given back.
    pub mptcp_release: bool,
    /// `inet6_sendmsg` is in the kernel image.
    pub ipv6_calls: bool,
    /// Where the cgroup v2 tree is mounted.
    pub cgroup_root: Option<PathBuf>,
    /// Memory of the machine, bytes.
    pub memory: u64,
    /// CPUs that per-CPU maps have room for.
    pub cpus: usize,
}

const BTF: &str = "/sys/kernel/btf/vmlinux";
const KPROBES: &str = "/sys/kernel/debug/kprobes/enabled";
const TLS_BTF: &str = "/sys/kernel/btf/tls";

impl Support {
    /// Looks. Takes some ten milliseconds: BTF is five megabytes.
    ///
    /// # Errors
    /// [`Error::NoBtf`] when the kernel has none.
    pub fn find_out() -> Result<Support> {
        if !Path::new(BTF).exists() {
            return Err(Error::NoBtf);
        }
        let btf = Btf::from_path(BTF).map_err(|_| Error::NoBtf)?;
        let function = |name: &str| btf.type_by_name::<Func<'_>>(name).is_some();
        let structure = |name: &str| btf.type_by_name::<Struct<'_>>(name).is_some();
        let tracepoint = |name: &str| {
            btf.type_by_name::<Typedef<'_>>(&format!("btf_trace_{name}"))
                .is_some()
        };
        Ok(Support {
            call_tracepoints: tracepoint("sock_send_length") && tracepoint("sock_recv_length"),
            sendpage: function("inet_sendpage"),
            kprobes_off: fs::read_to_string(KPROBES).is_ok_and(|text| text.trim() == "0"),
            perf_links: structure("bpf_perf_link"),
            rename_names_thread: has_member(&btf, "trace_event_raw_task_rename", "pid"),
            safe_allocation: structure("bpf_mem_alloc"),
            trampoline_images: structure("bpf_tramp_image"),
            // Modules have type information of their own.
            tls_splice: function("tls_sw_splice_read") || Path::new(TLS_BTF).exists(),
            mptcp_splice: function("mptcp_splice_read"),
            mptcp_release: function("mptcp_splice_read")
                && function("mptcp_release_cb")
                && has_member(&btf, "mptcp_sock", "bytes_consumed"),
            ipv6_calls: function("inet6_sendmsg"),
            cgroup_root: cgroup_root(),
            memory: memory(),
            cpus: libbpf_rs::num_possible_cpus().unwrap_or(1),
        })
    }
}

fn has_member(btf: &Btf<'_>, structure: &str, member: &str) -> bool {
    let structure = btf.type_by_name::<Struct<'_>>(structure);
    structure.is_some_and(|s| s.iter().any(|m| m.name.is_some_and(|name| name == member)))
}

/// The mount point of the cgroup v2 tree: alone, or beside v1 (hybrid).
pub fn cgroup_root() -> Option<PathBuf> {
    mount_of_type(&fs::read_to_string("/proc/self/mounts").ok()?, "cgroup2")
}

fn mount_of_type(mounts: &str, wanted: &str) -> Option<PathBuf> {
    mounts.lines().find_map(|line| {
        let mut words = line.split(' ').skip(1);
        let (path, kind) = (words.next()?, words.next()?);
        (kind == wanted).then(|| PathBuf::from(path))
    })
}

fn memory() -> u64 {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kib = text
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))
        .and_then(|rest| rest.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    // Unknown: plan for a small machine.
    kib.unwrap_or(512 * 1024) * 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_v2_tree_is_found_alone_and_beside_v1() {
        let hybrid = "cgroup /sys/fs/cgroup/cpu cgroup rw,cpu 0 0\n\
                      cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n";
        let unified = "cgroup2 /sys/fs/cgroup cgroup2 rw,nsdelegate 0 0\n";
        let none = "proc /proc proc rw 0 0\n\n";
        let found = |mounts| mount_of_type(mounts, "cgroup2");
        assert_eq!(found(hybrid), Some(PathBuf::from("/sys/fs/cgroup/unified")));
        assert_eq!(found(unified), Some(PathBuf::from("/sys/fs/cgroup")));
        assert_eq!(found(none), None);
    }
}
