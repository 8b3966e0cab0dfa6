//! The structs of `trace_abi.h`, as the compiler laid them out.

use crate::abi::Plain;
use crate::trace_skeleton::types;

pub(super) use types::bucket;
pub(super) use types::event;
pub(super) use types::filter;
pub(super) use types::tally;

/// Must equal SLOTS of `trace_abi.h`.
pub const SLOTS: usize = 8;
/// Must equal BLOCKS_MOST of `trace_abi.h`.
pub(super) const BLOCKS_MOST: u32 = 128;

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
unsafe impl Plain for tally {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_struct_has_padding() {
        let sizes = [
            (size_of::<bucket>(), 3 * 8 + 256 * 8),
            (
                size_of::<event>(),
                4 * 8 + 4 * 8 + 7 * 4 + 2 * 2 + 8 * 2 + 8 + 16 + 16,
            ),
            (
                size_of::<filter>(),
                4 * (4 * 8 + 2 * 4) + 4 * 16 + 4 * 2 + 4 * 4 + 8 + 2 * 4,
            ),
            (size_of::<tally>(), 4 * 8),
        ];
        for (index, (size, fields)) in sizes.into_iter().enumerate() {
            assert_eq!(size, fields, "struct {index} of the list");
        }
    }
}
