//! Records in a file: `[mark 2][length 4][crc32 4][payload]`, little-endian. The checksum covers
//! length and payload. After damage the next record is found by its mark, length and checksum.

/// Where a record may begin. Without it every byte of a damaged stretch would have to be tried.
const MARK: [u8; 2] = [0xa7, 0x6e];
const HEAD: usize = 10;
/// Bytes that a search for the next record may sum up before it gives up: bounds what a file made
/// to be slow can cost.
const MOST_TRIED: usize = 64 << 20;

/// The record of a payload.
pub fn record(payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len())
        .unwrap_or(u32::MAX)
        .to_le_bytes();
    let mut out = Vec::with_capacity(HEAD + payload.len());
    out.extend_from_slice(&MARK);
    out.extend_from_slice(&length);
    out.extend_from_slice(&checksum(&length, payload).to_le_bytes());
    out.extend_from_slice(payload);
    out
}

/// Checksum of parts that follow each other.
pub fn checksum(first: &[u8], second: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(first);
    crc.update(second);
    crc.finalize()
}

/// The payload of a record that stands at the beginning of `bytes`.
pub fn payload(bytes: &[u8]) -> Option<&[u8]> {
    let length = claimed(bytes)?;
    let payload = bytes.get(HEAD..HEAD.checked_add(length)?)?;
    let expected = u32::from_le_bytes(bytes.get(6..HEAD)?.try_into().ok()?);
    (checksum(&bytes[2..6], payload) == expected).then_some(payload)
}

fn claimed(bytes: &[u8]) -> Option<usize> {
    if !bytes.starts_with(&MARK) {
        return None;
    }
    let length = u32::from_le_bytes(bytes.get(2..6)?.try_into().ok()?) as usize;
    (length > 0 && length <= bytes.len().saturating_sub(HEAD)).then_some(length)
}

/// All whole records from `offset` on, each with its offset, and the number of damaged stretches
/// between, before and after them.
pub fn scan(bytes: &[u8], offset: usize) -> (Vec<(usize, &[u8])>, u64) {
    let (mut found, mut damaged) = (Vec::new(), 0);
    let (mut at, mut in_damage, mut tried) = (offset, false, 0);
    while at < bytes.len() {
        let rest = &bytes[at..];
        match payload(rest) {
            Some(payload) => {
                found.push((at, payload));
                in_damage = false;
                at += HEAD + payload.len();
            }
            None => {
                damaged += u64::from(!in_damage);
                in_damage = true;
                tried += claimed(rest).unwrap_or(0);
                if tried > MOST_TRIED {
                    break;
                }
                let next = rest[1..].iter().position(|byte| *byte == MARK[0]);
                at += 1 + next.unwrap_or(rest.len() - 1);
            }
        }
    }
    (found, damaged)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn payloads(bytes: &[u8]) -> (Vec<Vec<u8>>, u64) {
        let (found, damaged) = scan(bytes, 0);
        (found.iter().map(|(_, p)| p.to_vec()).collect(), damaged)
    }

    #[test]
    fn damage_costs_the_record_it_is_in() {
        let parts: Vec<Vec<u8>> = (1..6u8).map(|n| vec![n; usize::from(n) * 3]).collect();
        let log: Vec<u8> = parts.iter().flat_map(|part| record(part)).collect();
        assert_eq!(payloads(&log), (parts.clone(), 0));
        for at in 0..log.len() {
            for bit in 0..8 {
                let mut broken = log.clone();
                broken[at] ^= 1 << bit;
                let (found, damaged) = payloads(&broken);
                assert_eq!((found.len(), damaged), (4, 1), "byte {at}, bit {bit}");
                assert!(found.iter().all(|part| parts.contains(part)));
            }
            let (found, _) = payloads(&log[..at]);
            assert_eq!(found, parts[..found.len()], "cut at {at}");
        }
    }

    #[test]
    fn zeros_are_no_records() {
        assert_eq!(payloads(&[0; 100]), (Vec::new(), 1));
    }

    proptest! {
        #[test]
        fn any_bytes_are_scanned(bytes: Vec<u8>) {
            let _ = scan(&bytes, 0);
        }
    }
}
