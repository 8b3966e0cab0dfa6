//! The first bytes of a file: whose it is and in which form. The name says the same, so damage here
//! does not cost the file.

use super::record::checksum;

/// Length of the preamble.
pub const SIZE: usize = 16;
/// Version of the format. Other versions are left alone.
pub const VERSION: u8 = 1;
/// Codec: rows, as they come.
pub const ROWS: u8 = 0;
/// Codec: by process, LZ4.
pub const SEALED: u8 = 1;

const MAGIC: [u8; 8] = *b"netmon\0h";

/// The preamble of a file with this codec.
pub fn preamble(codec: u8) -> [u8; SIZE] {
    let mut bytes = [0; SIZE];
    bytes[..8].copy_from_slice(&MAGIC);
    (bytes[8], bytes[9]) = (VERSION, codec);
    let sum = checksum(&bytes[..12], &[]);
    bytes[12..].copy_from_slice(&sum.to_le_bytes());
    bytes
}

/// What the preamble says: version and codec. `None`: damaged.
pub fn read(bytes: &[u8]) -> Option<(u8, u8)> {
    let bytes = bytes.get(..SIZE)?;
    let expected = u32::from_le_bytes(bytes[12..].try_into().ok()?);
    let whole = bytes.starts_with(&MAGIC) && checksum(&bytes[..12], &[]) == expected;
    whole.then_some((bytes[8], bytes[9]))
}
