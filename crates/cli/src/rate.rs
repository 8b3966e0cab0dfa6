//! Bytes of a tick over its true length: the only place where rates are made.

use std::time::Duration;

/// `bytes` in `length` as whole bytes per second. `None`: the length is unknown or zero.
pub fn per_second(bytes: u64, length: Option<Duration>) -> Option<u64> {
    let nanos = length?.as_nanos();
    if nanos == 0 {
        return None;
    }
    let rate = (u128::from(bytes) * 1_000_000_000 + nanos / 2) / nanos;
    Some(u64::try_from(rate).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_needs_a_length() {
        let ms = |ms| Some(Duration::from_millis(ms));
        for (bytes, length, expected) in [
            (1000, ms(1000), Some(1000)),
            (1000, ms(1800), Some(556)),
            (0, ms(1000), Some(0)),
            (1000, None, None),
            (1000, ms(0), None),
            (u64::MAX, ms(1), Some(u64::MAX)),
        ] {
            assert_eq!(per_second(bytes, length), expected);
        }
    }
}
