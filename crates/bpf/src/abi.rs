//! What crosses between the programs and the agent: the structs of `abi.h`, as the compiler laid
//! them out (the skeleton is generated from the object's BTF, so the two cannot drift).

use crate::skeleton::types;

/// Must equal ABI_VERSION of `abi.h`: the name of the pin directory.
pub const ABI_VERSION: u32 = 2 + cfg!(feature = "next-layout") as u32;
/// Must equal ABI_MAGIC of `abi.h`.
pub(crate) const ABI_MAGIC: u32 = 0x6e65_746d;
const ARGS_LEN: usize = 256;
/// Must equal CPU_CARRIED of `abi.h`.
pub(crate) const CPU_CARRIED: u32 = u32::MAX;
/// Must equal PART_CARRIED of `abi.h`.
pub(crate) const PART_CARRIED: u32 = 1;

pub(crate) use types::carried;
pub(crate) use types::control;
pub(crate) use types::flow;
pub(crate) use types::handover;
pub(crate) use types::hint;
pub(crate) use types::process;
pub(crate) use types::process_key;
pub(crate) use types::rodata;
pub(crate) use types::sharer;
pub(crate) use types::sharer_key;
pub(crate) use types::sight;
pub(crate) use types::socket_state;
pub(crate) use types::traffic;
pub(crate) use types::traffic_key;

/// Structs that may be read from any bytes of their size.
///
/// # Safety
/// The type is `repr(C)`, made of integers and arrays of integers only, and has no padding.
pub(crate) unsafe trait Plain: Copy {}

// SAFETY: each is generated as repr(C) from abi.h, holds integers only, and abi.h spells out its
// padding; `no_struct_has_padding` below adds up the fields.
unsafe impl Plain for process_key {}
// SAFETY: as above.
unsafe impl Plain for process {}
// SAFETY: as above.
unsafe impl Plain for traffic {}
// SAFETY: as above.
unsafe impl Plain for traffic_key {}
// SAFETY: as above.
unsafe impl Plain for socket_state {}
// SAFETY: as above.
unsafe impl Plain for control {}
// SAFETY: as above.
unsafe impl Plain for carried {}
// SAFETY: as above.
unsafe impl Plain for handover {}
// SAFETY: as above.
unsafe impl Plain for hint {}
// SAFETY: as above.
unsafe impl Plain for sharer_key {}
// SAFETY: as above.
unsafe impl Plain for sharer {}
// SAFETY: as above.
unsafe impl Plain for sight {}
// SAFETY: an integer.
unsafe impl Plain for u32 {}
// SAFETY: an integer.
unsafe impl Plain for u64 {}

/// The struct at the start of `bytes`; `None` when there are too few.
pub(crate) fn decode<T: Plain>(bytes: &[u8]) -> Option<T> {
    if bytes.len() < size_of::<T>() {
        return None;
    }
    // SAFETY: the length was checked, `Plain` says any bytes are a T, and the read is unaligned.
    Some(unsafe { std::ptr::read_unaligned(bytes.as_ptr().cast::<T>()) })
}

/// The struct at the start of `bytes`, as it lies there; `None` when there are too few or it lies askew.
pub(crate) fn view<T: Plain>(bytes: &[u8]) -> Option<&T> {
    let start = bytes.as_ptr().cast::<T>();
    if bytes.len() < size_of::<T>() || !start.is_aligned() {
        return None;
    }
    // SAFETY: length and alignment were checked, and `Plain` says any bytes are a T.
    Some(unsafe { &*start })
}

/// The bytes of a struct, for use as a key or value.
pub(crate) fn encode<T: Plain>(value: &T) -> &[u8] {
    // SAFETY: `Plain` types have no padding, so all their bytes are initialised.
    unsafe { std::slice::from_raw_parts(std::ptr::from_ref(value).cast::<u8>(), size_of::<T>()) }
}

/// One process for as long as the machine is up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProcessId {
    /// Thread-group id in the initial pid namespace.
    pub pid: u32,
    /// Start of the thread-group leader, boot clock, ns.
    pub start: u64,
}

impl From<process_key> for ProcessId {
    fn from(key: process_key) -> Self {
        ProcessId {
            pid: key.tgid,
            start: key.start,
        }
    }
}

impl From<sharer_key> for ProcessId {
    fn from(key: sharer_key) -> Self {
        ProcessId {
            pid: key.tgid,
            start: key.start,
        }
    }
}

impl From<traffic_key> for ProcessId {
    fn from(key: traffic_key) -> Self {
        ProcessId {
            pid: key.tgid,
            start: key.start,
        }
    }
}

impl From<ProcessId> for process_key {
    fn from(id: ProcessId) -> Self {
        process_key {
            start: id.start,
            tgid: id.pid,
            zero: 0,
        }
    }
}

/// Bytes and calls of one flow, cumulative.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Flow {
    /// Payload bytes.
    pub bytes: u64,
    /// How often progress was reported.
    pub calls: u64,
}

/// Number of flows in [`Traffic`]: loopback x transport x family x direction.
pub const FLOWS: usize = 16;

/// Cumulative bytes and calls by loopback, transport, family and direction.
///
/// Index: `loopback * 8 + udp * 4 + ipv6 * 2 + tx`, as in `abi.h`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// See [`Traffic`] for the index.
    pub flows: [Flow; FLOWS],
}

impl Traffic {
    /// Adds the counters of one CPU.
    pub(crate) fn add(&mut self, cpu: &traffic) {
        for (sum, flow) in self.flows.iter_mut().zip(&cpu.flows) {
            sum.bytes = sum.bytes.wrapping_add(flow.bytes);
            sum.calls = sum.calls.wrapping_add(flow.calls);
        }
    }

    /// As an entry of a map.
    pub(crate) fn encode(&self) -> traffic {
        let mut raw = traffic::default();
        for (flow, sum) in raw.flows.iter_mut().zip(&self.flows) {
            (flow.bytes, flow.calls) = (sum.bytes, sum.calls);
        }
        raw
    }
}

/// What a process is, as the kernel saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// First traffic, boot clock, ns.
    pub first_seen: u64,
    /// Thread-group id of the parent at that moment.
    pub parent: u32,
    /// comm of the parent at that moment.
    pub parent_name: Vec<u8>,
    /// Real user id in the initial namespace.
    pub uid: u32,
    /// cgroup v2 id.
    pub cgroup: u64,
    /// comm of the leader.
    pub name: Vec<u8>,
    /// Command line, NUL between arguments; empty when it could not be read.
    pub args: Vec<u8>,
    /// There was more than fits.
    pub args_cut: bool,
    /// How and when it ended.
    pub exit: Option<Exit>,
}

/// The end of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exit {
    /// Boot clock, ns.
    pub time: u64,
    /// As wait(2) reports it: code in the second byte, signal in the low seven bits.
    pub status: i32,
}

impl Process {
    /// `None` while the program is still filling in the entry.
    pub(crate) fn decode(raw: &process) -> Option<Process> {
        if raw.first_seen == 0 {
            return None;
        }
        let args_len = (raw.args_len as usize).min(ARGS_LEN);
        let args = raw.args[..args_len].iter().map(|&c| c.cast_unsigned());
        Some(Process {
            first_seen: raw.first_seen,
            parent: raw.parent,
            parent_name: text(&raw.parent_comm),
            uid: raw.uid,
            cgroup: raw.cgroup,
            name: text(&raw.comm),
            args: args.collect(),
            args_cut: args_len == ARGS_LEN,
            exit: (raw.exited != 0).then_some(Exit {
                time: raw.exited,
                status: raw.exit_status,
            }),
        })
    }
}

fn text(bytes: &[i8]) -> Vec<u8> {
    bytes
        .iter()
        .map(|&c| c.cast_unsigned())
        .take_while(|&c| c != 0)
        .collect()
}

/// Why events were lost; cumulative counts, never reset. The order is that of `enum loss`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Losses {
    /// See [`LOSS_CAUSES`] for the index.
    pub counts: [u64; LOSS_CAUSES.len()],
}

/// Name and meaning of each cause, in the order of `enum loss` in `abi.h`.
pub const LOSS_CAUSES: [&str; 7] = [
    "process_map_full",
    "socket_map_full",
    "socket_unknown",
    "peer_map_full",
    "hint_ring_full",
    "connection_map_full",
    "closed_ring_full",
];

impl Losses {
    /// Events whose bytes are missing from the counts. A full hint ring delays, a full peer map
    /// misplaces, and a full process map keeps the bytes as unattributed: those lose none. What is
    /// missing of connections is in the totals of their processes.
    pub fn bytes_lost(&self) -> u64 {
        self.counts[1].saturating_add(self.counts[2])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_struct_has_padding() {
        let moved = 8 * usize::from(cfg!(feature = "next-layout"));
        let sizes = [
            (size_of::<process_key>(), 8 + 4 + 4),
            (size_of::<traffic_key>(), 8 + 4 + 4),
            (size_of::<process>(), moved + 3 * 8 + 4 * 4 + 16 + 16 + 256),
            (size_of::<traffic>(), moved + FLOWS * 16),
            (
                size_of::<socket_state>(),
                moved + 16 + 2 * 4 + 16 + 4 * 2 + 8 + 16 + 2 * 16 + 2 * 8 + 16 + 6 * 4 + 6 * 4,
            ),
            (size_of::<sight>(), size_of::<socket_state>() + 8),
            (size_of::<sharer_key>(), 2 * 8 + 2 * 4),
            (size_of::<sharer>(), 2 * 16),
            (size_of::<control>(), 6 * 4 + 2 * 8),
            (size_of::<carried>(), moved + FLOWS * 16 + (7 + 2) * 8),
            (size_of::<handover>(), 2 * 8 + 2 * 4),
            (size_of::<hint>(), 16 + 2 * 4),
        ];
        for (index, (size, fields)) in sizes.into_iter().enumerate() {
            assert_eq!(size, fields, "struct {index} of the list");
        }
    }

    #[test]
    fn a_half_made_entry_is_not_a_process() {
        assert_eq!(Process::decode(&process::default()), None);
    }

    #[test]
    fn names_end_at_the_first_nul_and_lengths_are_not_trusted() {
        let mut raw = process {
            first_seen: 1,
            args_len: 9999,
            ..process::default()
        };
        raw.comm[..3].copy_from_slice(&[b'a' as i8, b'b' as i8, 0]);
        let decoded = Process::decode(&raw).unwrap();
        assert_eq!(decoded.name, b"ab");
        assert_eq!(decoded.args.len(), ARGS_LEN);
        assert!(decoded.args_cut);
    }

    #[test]
    fn too_few_bytes_decode_to_nothing() {
        assert!(decode::<process_key>(&[0; 15]).is_none());
        assert!(decode::<process_key>(&[0; 16]).is_some());
    }
}
