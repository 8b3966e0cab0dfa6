//! The structs of `trace_abi.h`, as the compiler laid them out.

use super::point::POINTS;
use super::point::TABLE;
use crate::abi::Plain;
use crate::trace_skeleton::types;

pub(super) use types::bucket;
pub(super) use types::event;
pub(super) use types::filter;
pub(super) use types::sight_of;

/// Must equal SLOTS of `trace_abi.h`.
pub const SLOTS: usize = 8;
/// Must equal BLOCKS_MOST of `trace_abi.h`.
pub(super) const BLOCKS_MOST: u32 = 128;

/// Must equal NF_PLACES of `trace_abi.h`.
const NF_PLACES: usize = 4;
/// In the order of the hooks.
const NETFILTER: [&str; 4] = [
    "NF_INET_PRE_ROUTING",
    "NF_INET_LOCAL_IN",
    "NF_INET_LOCAL_OUT",
    "NF_INET_POST_ROUTING",
];

/// Which entries of the map of sights are of a point: its own, and what netfilter has more.
pub(super) fn rows(point: usize) -> impl Iterator<Item = usize> {
    let hook = NETFILTER.iter().position(|name| *name == TABLE[point].name);
    let more = hook.into_iter().flat_map(|hook| {
        (0..NF_PLACES - 1).map(move |place| POINTS + place * NETFILTER.len() + hook)
    });
    std::iter::once(point).chain(more)
}

/// Must equal `enum known` of `trace_abi.h`.
pub(super) mod known {
    pub(in super::super) const PORTS: u8 = 1;
    pub(in super::super) const SEQUENCE: u8 = 2;
    pub(in super::super) const ACKNOWLEDGMENT: u8 = 4;
    pub(in super::super) const FLAGS: u8 = 8;
    pub(in super::super) const LENGTH: u8 = 16;
    pub(in super::super) const REASON: u8 = 32;
}

// SAFETY: generated as repr(C) from trace_abi.h, integers only, no padding: see the test below.
unsafe impl Plain for bucket {}
// SAFETY: as above.
unsafe impl Plain for event {}
// SAFETY: as above.
unsafe impl Plain for filter {}
// SAFETY: as above.
unsafe impl Plain for sight_of {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_is_of_one_point() {
        let mut all: Vec<usize> = (0..POINTS).flat_map(rows).collect();
        all.sort_unstable();
        let expected = POINTS + (NF_PLACES - 1) * NETFILTER.len();
        assert_eq!(all, (0..expected).collect::<Vec<_>>());
    }

    #[test]
    fn no_struct_has_padding() {
        let sizes = [
            (size_of::<bucket>(), 5 * 8 + 256 * 8),
            (
                size_of::<event>(),
                4 * 8 + 4 * 8 + 7 * 4 + 2 * 2 + 8 * 2 + 8 + 16 + 16,
            ),
            (
                size_of::<filter>(),
                4 * (4 * 8 + 2 * 4) + 4 * 16 + 4 * 2 + 4 * 4 + 8 + 2 * 4,
            ),
            (
                size_of::<sight_of>(),
                2 * 8 + 2 * 4 + 2 * 8 + 2 * 4 + size_of::<event>() + 8 + SLOTS * 4 * 8,
            ),
        ];
        for (index, (size, fields)) in sizes.into_iter().enumerate() {
            assert_eq!(size, fields, "struct {index} of the list");
        }
    }
}
