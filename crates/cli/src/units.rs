//! Numbers as people read them: sizes and rates here, spans and times below.

pub mod moment;
pub mod span;
pub mod time;

/// How sizes and rates are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Units {
    /// Bytes, powers of 1024: 1.46MiB
    #[default]
    Iec,
    /// Bytes, powers of 1000: 1.53MB
    Si,
    /// Rates in bits, powers of 1000: 12.3Mb
    Bits,
    /// Rates in bits, powers of 1024: 11.7Mib
    BitsIec,
}

const IEC_BYTES: [&str; 7] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
const SI_BYTES: [&str; 8] = ["B", "kB", "MB", "GB", "TB", "PB", "EB", "ZB"];
const SI_BITS: [&str; 8] = ["b", "kb", "Mb", "Gb", "Tb", "Pb", "Eb", "Zb"];
const IEC_BITS: [&str; 8] = ["b", "Kib", "Mib", "Gib", "Tib", "Pib", "Eib", "Zib"];

impl Units {
    /// A rate without its `/s`, at most 7 characters: `8.90MiB`.
    pub fn rate(self, bytes_per_s: u64) -> String {
        let bits = u128::from(bytes_per_s) * 8;
        match self {
            Self::Iec => scaled(u128::from(bytes_per_s), 1024.0, &IEC_BYTES),
            Self::Si => scaled(u128::from(bytes_per_s), 1000.0, &SI_BYTES),
            Self::Bits => scaled(bits, 1000.0, &SI_BITS),
            Self::BitsIec => scaled(bits, 1024.0, &IEC_BITS),
        }
    }

    /// An amount of data, at most 7 characters: `2.31GiB`. Bytes in every family, because link
    /// speed is counted in bits but data is not.
    pub fn size(self, bytes: u64) -> String {
        match self {
            Self::Si => scaled(u128::from(bytes), 1000.0, &SI_BYTES),
            Self::Iec | Self::Bits | Self::BitsIec => scaled(u128::from(bytes), 1024.0, &IEC_BYTES),
        }
    }
}

// Three significant digits; the next unit starts at 999.5 so that no number has four.
fn scaled(amount: u128, step: f64, units: &[&str]) -> String {
    let mut value = amount as f64;
    let mut rest = units.iter();
    let mut unit = rest.next().copied().unwrap_or_default();
    if value < 999.5 {
        return format!("{amount}{unit}");
    }
    for next in rest {
        if value < 999.5 {
            break;
        }
        value /= step;
        unit = next;
    }
    if value < 9.995 {
        format!("{value:.2}{unit}")
    } else if value < 99.95 {
        format!("{value:.1}{unit}")
    } else {
        format!("{value:.0}{unit}")
    }
}

/// A part of a whole as whole percent, at most 3 characters: `0`, `<1`, `55`, `100`.
pub fn percent(part: u64, whole: u64) -> String {
    if part == 0 || whole == 0 {
        return "0".to_owned();
    }
    let share = part as f64 * 100.0 / whole as f64;
    if share < 1.0 {
        return "<1".to_owned();
    }
    format!("{share:.0}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sizes_have_three_significant_digits() {
        for (bytes, expected) in [
            (0, "0B"),
            (980, "980B"),
            (999, "999B"),
            (1000, "0.98KiB"),
            (1024, "1.00KiB"),
            (1556, "1.52KiB"),
            (99_226, "96.9KiB"),
            (421_888, "412KiB"),
            (9_332_326, "8.90MiB"),
            (2_480_343_613, "2.31GiB"),
            (1_047_948_000, "999MiB"),
            (1_048_100_000, "0.98GiB"),
            (u64::MAX, "16.0EiB"),
        ] {
            assert_eq!(Units::Iec.size(bytes), expected, "{bytes}");
        }
    }

    #[test]
    fn only_rates_turn_into_bits() {
        let rate = 1_530_000;
        for (units, expected_rate, expected_size) in [
            (Units::Iec, "1.46MiB", "1.46MiB"),
            (Units::Si, "1.53MB", "1.53MB"),
            (Units::Bits, "12.2Mb", "1.46MiB"),
            (Units::BitsIec, "11.7Mib", "1.46MiB"),
        ] {
            assert_eq!(units.rate(rate), expected_rate);
            assert_eq!(units.size(rate), expected_size);
        }
    }

    #[test]
    fn a_small_share_is_not_nothing() {
        for (part, whole, expected) in [
            (0, 0, "0"),
            (0, 9, "0"),
            (1, 1000, "<1"),
            (10, 1000, "1"),
            (549, 1000, "55"),
            (7, 7, "100"),
        ] {
            assert_eq!(percent(part, whole), expected);
        }
    }

    proptest! {
        #[test]
        fn no_number_is_longer_than_seven_characters(n in any::<u64>(), shift in 0_u32..64) {
            let n = n >> shift;
            for units in [Units::Iec, Units::Si, Units::Bits, Units::BitsIec] {
                prop_assert!(units.rate(n).len() <= 7, "{}", units.rate(n));
                prop_assert!(units.size(n).len() <= 7, "{}", units.size(n));
            }
        }
    }
}
