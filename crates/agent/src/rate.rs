//! Rates and the highest of them. The only place where bytes are divided by time.

use netmon_bpf::abi::FLOWS;

/// Bytes per second over `length` ns, rounded to the nearest; `None` when the length is unknown.
pub fn per_second(bytes: u64, length: u64) -> Option<u64> {
    // Almost always enough, and several times as quick.
    let short = bytes.checked_mul(1_000_000_000);
    if let Some(scaled) = short.and_then(|scaled| scaled.checked_add(length / 2)) {
        return scaled.checked_div(length);
    }
    let scaled = u128::from(bytes) * 1_000_000_000 + u128::from(length) / 2;
    let rate = scaled.checked_div(u128::from(length))?;
    Some(u64::try_from(rate).unwrap_or(u64::MAX))
}

/// `false`: so many bytes in `length` ns are no higher rate than `rate`.
fn could_be_above(rate: u64, bytes: u64, length: u64) -> bool {
    let scaled = u128::from(bytes) * 1_000_000_000 + u128::from(length) / 2;
    scaled >= (u128::from(rate) + 1) * u128::from(length)
}

/// The highest tick of one kind: bytes per second, and the end of that tick (boot clock, ns).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Peak {
    /// 0: there was no traffic yet.
    pub rate: u64,
    /// Of the first tick that reached it.
    pub time: u64,
}

impl Peak {
    fn raise(&mut self, rate: u64, time: u64) {
        if rate > self.rate {
            *self = Peak { rate, time };
        }
    }
}

/// The highest ticks since first seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Peaks {
    /// Received.
    pub rx: Peak,
    /// Sent.
    pub tx: Peak,
    /// Both in one tick.
    pub sum: Peak,
}

impl Peaks {
    /// Takes a tick into account that ended at `time` and was `length` ns long.
    pub fn observe(&mut self, (rx, tx): (u64, u64), length: u64, time: u64) {
        let sides = [
            (&mut self.rx, rx),
            (&mut self.tx, tx),
            (&mut self.sum, rx.saturating_add(tx)),
        ];
        for (peak, bytes) in sides {
            // Most ticks are not the highest, and telling so takes no division.
            if !could_be_above(peak.rate, bytes, length) {
                continue;
            }
            if let Some(rate) = per_second(bytes, length) {
                peak.raise(rate, time);
            }
        }
    }
}

impl Peaks {
    /// The higher ones of both; of equal ones the earlier.
    pub fn merge(&mut self, later: &Peaks) {
        self.rx.raise(later.rx.rate, later.rx.time);
        self.tx.raise(later.tx.rate, later.tx.time);
        self.sum.raise(later.sum.rate, later.sum.time);
    }
}

/// Flows come in pairs of directions.
pub const KINDS: usize = FLOWS / 2;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rates_come_from_the_true_length() {
        let cases = [
            (1_000, 1_000_000_000, Some(1_000)),
            (1_000, 2_000_000_000, Some(500)),
            (1, 3_000_000_000, Some(0)),
            (2, 3_000_000_000, Some(1)),
            (u64::MAX, 1, Some(u64::MAX)),
            (u64::MAX / 1_000_000_000, 2, Some(9_223_372_036_500_000_000)),
            (
                u64::MAX / 1_000_000_000 + 1,
                2,
                Some(9_223_372_037_000_000_000),
            ),
            (7, 0, None),
        ];
        for (bytes, length, expected) in cases {
            assert_eq!(per_second(bytes, length), expected, "{bytes} in {length}");
        }
    }

    #[test]
    fn a_peak_keeps_the_time_it_was_first_reached() {
        let mut peaks = Peaks::default();
        for (rx, tx, time) in [(10, 0, 1), (30, 5, 2), (30, 5, 3), (0, 20, 4)] {
            peaks.observe((rx, tx), 1_000_000_000, time);
        }
        assert_eq!(peaks.rx, Peak { rate: 30, time: 2 });
        assert_eq!(peaks.tx, Peak { rate: 20, time: 4 });
        assert_eq!(peaks.sum, Peak { rate: 35, time: 2 });
        peaks.observe((u64::MAX, u64::MAX), 0, 5);
        assert_eq!(peaks.rx.rate, 30, "an unknown length is no rate");
    }

    proptest! {
        #[test]
        fn no_division_is_left_out_that_would_raise(rate: u64, more in 0..3u64, length: u64) {
            // Close to the rate that is there already, and anywhere.
            let close = u128::from(rate) * u128::from(length) / 1_000_000_000;
            for bytes in [u64::try_from(close).unwrap_or(u64::MAX).saturating_add(more), rate] {
                let raises = per_second(bytes, length).is_some_and(|new| new > rate);
                prop_assert!(could_be_above(rate, bytes, length) || !raises);
                let same = per_second(bytes, length).unwrap_or(0);
                let saturated = same == u64::MAX || length == 0;
                prop_assert!(saturated || !could_be_above(same, bytes, length));
            }
        }
    }
}
