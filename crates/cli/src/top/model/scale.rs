//! The height of the waveform: 1-2-5 steps, quick to grow and slow to shrink.

use crate::units::Units;

/// What the top of a chart stands for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Scale {
    top: u64,
    low_ticks: u32,
}

impl Scale {
    /// Bytes per second at the top; never zero.
    pub fn top(self) -> u64 {
        self.top.max(1)
    }

    /// Fits the highest visible column at once.
    pub fn fit(&mut self, highest: u64, units: Units) {
        *self = Self {
            top: step_above(highest, units),
            low_ticks: 0,
        };
    }

    /// Follows the highest visible column from tick to tick: grows at once, shrinks after ten
    /// ticks below 40 %.
    pub fn follow(&mut self, highest: u64, units: Units) {
        const PATIENCE: u32 = 10;
        if highest > self.top || self.top == 0 {
            self.fit(highest, units);
        } else if u128::from(highest) * 5 < u128::from(self.top) * 2 {
            self.low_ticks += 1;
            if self.low_ticks >= PATIENCE {
                self.fit(highest, units);
            }
        } else {
            self.low_ticks = 0;
        }
    }
}

/// The smallest 1-2-5 step in the chosen unit that is not below a rate, in bytes per second; at
/// least one kilobyte (kilobit).
fn step_above(bytes_per_s: u64, units: Units) -> u64 {
    let (base, bits) = match units {
        Units::Iec => (1024, 1),
        Units::Si => (1000, 1),
        Units::Bits => (1000, 8),
        Units::BitsIec => (1024, 8),
    };
    let wanted = u128::from(bytes_per_s) * bits;
    let mut unit: u128 = base;
    loop {
        for step in [1, 2, 5, 10, 20, 50, 100, 200, 500] {
            if step * unit >= wanted {
                return u64::try_from(step * unit / bits).unwrap_or(u64::MAX);
            }
        }
        unit *= base;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn steps_are_round_in_the_chosen_unit() {
        for (units, rate, expected) in [
            (Units::Iec, 0, "1.00KiB"),
            (Units::Iec, 50_400_000, "50.0MiB"),
            (Units::Iec, 600 * 1024, "1.00MiB"),
            (Units::Iec, 512_000, "500KiB"),
            (Units::Si, 48_100_000, "50.0MB"),
            (Units::Bits, 11_800_000, "100Mb"),
            (Units::BitsIec, 11_800_000, "100Mib"),
        ] {
            assert_eq!(
                units.rate(step_above(rate, units)),
                expected,
                "{units:?} {rate}"
            );
        }
    }

    #[test]
    fn the_scale_shrinks_only_after_ten_low_ticks() {
        let mut scale = Scale::default();
        scale.follow(50_000_000, Units::Iec);
        let high = scale.top();
        for _ in 0..9 {
            scale.follow(1000, Units::Iec);
            assert_eq!(scale.top(), high);
        }
        scale.follow(high / 2, Units::Iec);
        for _ in 0..10 {
            assert_eq!(scale.top(), high);
            scale.follow(1000, Units::Iec);
        }
        assert_eq!(scale.top(), 1024);
        scale.follow(60_000_000, Units::Iec);
        assert!(scale.top() > 60_000_000);
    }

    proptest! {
        #[test]
        fn every_rate_fits_under_its_step(rate in any::<u64>()) {
            for units in [Units::Iec, Units::Si] {
                prop_assert!(step_above(rate, units) >= rate);
            }
        }
    }
}
