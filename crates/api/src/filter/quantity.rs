//! Numbers with units, kept as they were written so that nothing is rounded.

use std::cmp::Ordering;
use std::fmt;
use std::time::Duration;

/// How a number is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Greater,
    AtLeast,
    Less,
    AtMost,
    Equal,
}

impl Operator {
    /// Longer ones first, so that the first that fits is the right one.
    pub(super) const ALL: [(&'static str, Operator); 5] = [
        (">=", Operator::AtLeast),
        ("<=", Operator::AtMost),
        (">", Operator::Greater),
        ("<", Operator::Less),
        ("=", Operator::Equal),
    ];

    /// Whether a number that is `order` to the limit is meant.
    pub(super) fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Greater => order.is_gt(),
            Self::AtLeast => order.is_ge(),
            Self::Less => order.is_lt(),
            Self::AtMost => order.is_le(),
            Self::Equal => order.is_eq(),
        }
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let written = Self::ALL.iter().find(|(_, operator)| operator == self);
        f.write_str(written.map_or("", |(text, _)| text))
    }
}

/// An amount of data, `mantissa / 10^decimals` units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size {
    mantissa: u64,
    decimals: u32,
    unit: Unit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Unit {
    /// Power of 1000 or 1024.
    exponent: u32,
    binary: bool,
    bits: bool,
}

const PREFIXES: &str = "kMGTPE";
/// With these `mantissa * unit` and `bytes * 10^decimals` both fit 128 bits.
const MAX_DIGITS: usize = 18;
const MAX_DECIMALS: u32 = 9;

impl Size {
    /// Reads `980`, `100K`, `1.5MiB`, `3MB`, `8Mbit`, `8Mb`, each also with `/s`. `K M G T P E`
    /// alone are powers of 1024. `mb` is refused: it may mean two things.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.strip_suffix("/s").unwrap_or(text);
        let split = text
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(text.len());
        let (number, unit) = text.split_at(split);
        let unit = Unit::parse(unit)?;
        let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
        let fraction_digits = fraction.trim_end_matches('0');
        if whole.is_empty() || fraction.is_empty() || fraction.contains('.') {
            return None;
        }
        let decimals = u32::try_from(fraction_digits.len())
            .ok()
            .filter(|decimals| *decimals <= MAX_DECIMALS)?;
        let digits = format!("{whole}{fraction_digits}");
        let digits = digits.trim_start_matches('0');
        if digits.len() > MAX_DIGITS {
            return None;
        }
        Some(Self {
            mantissa: if digits.is_empty() {
                0
            } else {
                digits.parse().ok()?
            },
            decimals,
            unit,
        })
    }

    /// How `bytes` is to this size, exactly.
    pub(super) fn order(&self, bytes: u64) -> Ordering {
        let bits = u128::from(bytes) * 8 * 10_u128.pow(self.decimals);
        bits.cmp(&(u128::from(self.mantissa) * self.unit.bits()))
    }
}

impl Unit {
    fn parse(text: &str) -> Option<Self> {
        let plain = |bits| Self {
            exponent: 0,
            binary: false,
            bits,
        };
        match text {
            "" | "B" => return Some(plain(false)),
            "b" | "bit" => return Some(plain(true)),
            _ => {}
        }
        let mut chars = text.chars();
        let prefix = chars.next()?;
        let rest = chars.as_str();
        let position = PREFIXES
            .chars()
            .position(|known| known.eq_ignore_ascii_case(&prefix))?;
        // A small letter is clear enough alone, and the usual one for 1000.
        if prefix.is_lowercase() && prefix != 'k' && !rest.is_empty() {
            return None;
        }
        let (binary, bits) = match rest {
            "" | "iB" => (true, false),
            "B" => (false, false),
            "b" | "bit" => (false, true),
            "ib" | "ibit" => (true, true),
            _ => return None,
        };
        Some(Self {
            exponent: u32::try_from(position).ok()? + 1,
            binary,
            bits,
        })
    }

    fn bits(self) -> u128 {
        let step: u128 = if self.binary { 1024 } else { 1000 };
        step.pow(self.exponent) * if self.bits { 1 } else { 8 }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scale = 10_u64.pow(self.decimals);
        write!(f, "{}", self.mantissa / scale)?;
        if self.decimals > 0 {
            let width = self.decimals as usize;
            write!(f, ".{:0width$}", self.mantissa % scale)?;
        }
        let Unit {
            exponent,
            binary,
            bits,
        } = self.unit;
        if let Some(prefix) = exponent
            .checked_sub(1)
            .and_then(|at| PREFIXES.chars().nth(at as usize))
        {
            let prefix = if binary {
                prefix.to_ascii_uppercase()
            } else {
                prefix
            };
            write!(f, "{prefix}{}", if binary { "i" } else { "" })?;
        }
        match (bits, exponent) {
            (true, _) => f.write_str("bit"),
            (false, 0) => Ok(()),
            (false, _) => f.write_str("B"),
        }
    }
}

const SPANS: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1000),
    ("ms", 1),
];

/// Reads `500ms`, `10s`, `5m`, `1h30m`, `2d`; every number needs its unit.
pub(super) fn parse_age(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut total: u64 = 0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let (number, tail) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit())?);
        let end = tail.find(|c: char| c.is_ascii_digit());
        let (unit, tail) = tail.split_at(end.unwrap_or(tail.len()));
        let (_, length) = SPANS.iter().find(|(name, _)| *name == unit)?;
        let part = number.parse::<u64>().ok()?.checked_mul(*length)?;
        total = total.checked_add(part)?;
        rest = tail;
    }
    Some(Duration::from_millis(total))
}

/// As [`parse_age`] reads it.
pub(super) fn write_age(f: &mut fmt::Formatter<'_>, age: Duration) -> fmt::Result {
    let mut rest = age.as_millis();
    if rest == 0 {
        return f.write_str("0s");
    }
    for (name, length) in SPANS {
        let length = u128::from(length);
        if rest >= length {
            write!(f, "{}{name}", rest / length)?;
            rest %= length;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_exact() {
        for (text, bits, normal) in [
            ("0", 0, "0"),
            ("980B", 7840, "980"),
            ("100K", 819_200, "100KiB"),
            ("100k", 819_200, "100KiB"),
            ("1.5MiB", 12_582_912, "1.5MiB"),
            ("1.50MiB/s", 12_582_912, "1.5MiB"),
            ("1.53MB", 12_240_000, "1.53MB"),
            ("8Mbit", 8_000_000, "8Mbit"),
            ("12.3Mb", 12_300_000, "12.3Mbit"),
            ("11.7Kib", 11_980, "11.7Kibit"),
            ("2g", 17_179_869_184, "2GiB"),
            ("007.250kB", 58_000, "7.25kB"),
            ("100bit", 100, "100bit"),
        ] {
            let size = Size::parse(text).unwrap();
            assert_eq!(size.order(bits / 8 + 1), Ordering::Greater, "{text}");
            let below = if bits % 8 == 0 {
                Ordering::Equal
            } else {
                Ordering::Less
            };
            assert_eq!(size.order(bits / 8), below, "{text}");
            assert_eq!(size.to_string(), normal);
            assert_eq!(Size::parse(normal), Some(size));
        }
        assert_eq!(
            Size::parse("999999999999999999E").unwrap().order(u64::MAX),
            Ordering::Less
        );
    }

    #[test]
    fn other_texts_are_no_sizes() {
        for text in [
            "",
            ".",
            "5.",
            ".5",
            "1.2.3",
            "-1",
            "+1",
            "1e3",
            "1mb",
            "1mib",
            "1KK",
            "1Mbits",
            "1 K",
            "K",
            "9999999999999999999",
            "0.0000000001",
            "1µB",
            "५",
        ] {
            assert_eq!(Size::parse(text), None, "{text}");
        }
    }

    #[test]
    fn ages_need_units() {
        for (text, expected) in [
            ("5m", Some(300_000)),
            ("1h30m", Some(5_400_000)),
            ("500ms", Some(500)),
            ("2d", Some(172_800_000)),
            ("0s", Some(0)),
            ("5", None),
            ("m", None),
            ("", None),
            ("5min", None),
            ("99999999999999999d", None),
            ("99999999999999999999999s", None),
        ] {
            assert_eq!(
                parse_age(text),
                expected.map(Duration::from_millis),
                "{text}"
            );
        }
    }
}
