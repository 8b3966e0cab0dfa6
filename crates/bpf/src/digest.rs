//! Cheap sums of bytes and numbers of the kernel's, which nobody chooses to make them collide.

use std::hash::BuildHasherDefault;
use std::hash::Hasher;

/// Odd, with its bits well spread (the golden ratio).
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// A map whose keys are such numbers.
pub type ByNumber<K, V> = std::collections::HashMap<K, V, BuildHasherDefault<Mixer>>;

/// A sum of a struct: other bytes have another one, but for one case in 2^64 or so. A single word that
/// differs always shows.
pub(crate) fn digest(bytes: &[u8]) -> u64 {
    // Four at a time do not wait for each other.
    let mut lanes = [0u64; 4];
    let mut blocks = bytes.chunks_exact(32);
    for block in &mut blocks {
        for (lane, word) in lanes.iter_mut().zip(block.chunks_exact(8)) {
            *lane = mix(*lane, word_of(word));
        }
    }
    for word in blocks.remainder().chunks(8) {
        lanes[0] = mix(lanes[0], word_of(word));
    }
    lanes.into_iter().fold(0, mix)
}

fn word_of(bytes: &[u8]) -> u64 {
    let mut word = [0; 8];
    let len = bytes.len().min(8);
    word[..len].copy_from_slice(&bytes[..len]);
    u64::from_ne_bytes(word)
}

/// One to one in each of both.
fn mix(state: u64, word: u64) -> u64 {
    (state.rotate_left(29) ^ word).wrapping_mul(SPREAD)
}

/// For keys made of a few integers.
#[derive(Default)]
pub struct Mixer(u64);

impl Hasher for Mixer {
    fn write(&mut self, bytes: &[u8]) {
        for word in bytes.chunks(8) {
            self.write_u64(word_of(word));
        }
    }

    fn write_u32(&mut self, number: u32) {
        self.write_u64(number.into());
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = mix(self.0, number);
    }

    fn finish(&self) -> u64 {
        // A product spreads upwards, and the table takes its index from the low bits.
        let spread = (self.0 ^ self.0 >> 32).wrapping_mul(SPREAD);
        spread ^ spread >> 32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bit_of_a_struct_shows() {
        let bytes: Vec<u8> = (0..=255).cycle().take(300).collect();
        let whole = digest(&bytes);
        for at in 0..bytes.len() * 8 {
            let mut other = bytes.clone();
            other[at / 8] ^= 1 << (at % 8);
            assert_ne!(digest(&other), whole, "bit {at}");
        }
    }

    #[test]
    fn successive_numbers_are_spread() {
        let hash = |number: u64| {
            let mut mixer = Mixer::default();
            mixer.write_u64(number);
            mixer.finish()
        };
        for shift in [0, 10, 20, 40] {
            let mut buckets = vec![0u32; 1024];
            (0..4096u64).for_each(|n| buckets[(hash(n << shift) % 1024) as usize] += 1);
            assert!(buckets.iter().all(|count| *count < 32), "by {shift}");
        }
    }
}
