//! Spans of time: `1h30m` read from the command line, `3d04h` written for people.

use std::time::Duration;

/// Why a text is not a span.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpanError {
    /// Not a list of numbers with units.
    #[error("expected a span such as 500ms, 10s, 5m, 1h30m or 2d")]
    Syntax,
    /// More than netmon can count.
    #[error("too long")]
    TooLong,
}

/// Reads `500ms 10s 5m 1h30m 2d`. Every number needs its unit.
///
/// # Errors
/// The text is something else, or the span is longer than 500 years.
pub fn parse(text: &str) -> Result<Duration, SpanError> {
    let mut rest = text.trim();
    let mut total_ms: u64 = 0;
    if rest.is_empty() {
        return Err(SpanError::Syntax);
    }
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit())
            .ok_or(SpanError::Syntax)?;
        let (number, tail) = rest.split_at(digits);
        let unit = tail
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit);
        if number.is_empty() {
            return Err(SpanError::Syntax);
        }
        let number: u64 = number.parse().map_err(|_| SpanError::TooLong)?;
        let unit_ms = match unit {
            "ms" => 1,
            "s" => 1000,
            "m" | "min" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(SpanError::Syntax),
        };
        total_ms = number
            .checked_mul(unit_ms)
            .and_then(|ms| total_ms.checked_add(ms))
            .filter(|ms| *ms < 500 * 366 * 86_400_000)
            .ok_or(SpanError::TooLong)?;
        rest = tail;
    }
    Ok(Duration::from_millis(total_ms))
}

/// Like [`parse`], but refuses zero.
///
/// # Errors
/// As [`parse`]; zero is an error of syntax.
pub fn parse_positive(text: &str) -> Result<Duration, SpanError> {
    match parse(text)? {
        Duration::ZERO => Err(SpanError::Syntax),
        span => Ok(span),
    }
}

/// A span in its two largest units, at most 6 characters up to 99 days: `0.4s`, `35s`, `2m10s`,
/// `1h02m`, `3d04h`, `412d`.
pub fn format(span: Duration) -> String {
    let seconds = span.as_secs();
    let (days, hours) = (seconds / 86_400, seconds / 3600 % 24);
    let (minutes, rest) = (seconds / 60 % 60, seconds % 60);
    match seconds {
        0 if span.is_zero() => "0s".to_owned(),
        0 if span.as_millis() < 100 => format!("{}ms", span.as_millis()),
        0 => format!("0.{}s", span.subsec_millis() / 100),
        1..60 => format!("{rest}s"),
        60..3600 => format!("{minutes}m{rest:02}s"),
        3600..86_400 => format!("{hours}h{minutes:02}m"),
        _ if days < 100 => format!("{days}d{hours:02}h"),
        _ => format!("{days}d"),
    }
}

/// A span as one would type it: `3s`, `500ms`, `1h30m`.
pub fn exact(span: Duration) -> String {
    let mut ms = span.as_millis();
    let mut text = String::new();
    for (unit, unit_ms) in [
        ("d", 86_400_000),
        ("h", 3_600_000),
        ("m", 60_000),
        ("s", 1000),
        ("ms", 1),
    ] {
        if ms >= unit_ms {
            text.push_str(&format!("{}{unit}", ms / unit_ms));
            ms %= unit_ms;
        }
    }
    if text.is_empty() {
        text.push_str("0s");
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn spans_need_units() {
        for (text, expected) in [
            ("500ms", Ok(500)),
            ("10s", Ok(10_000)),
            ("5m", Ok(300_000)),
            ("1h30m", Ok(5_400_000)),
            ("2d", Ok(172_800_000)),
            ("0s", Ok(0)),
            ("10", Err(SpanError::Syntax)),
            ("", Err(SpanError::Syntax)),
            ("s", Err(SpanError::Syntax)),
            ("-5s", Err(SpanError::Syntax)),
            ("1.5s", Err(SpanError::Syntax)),
            ("5 minutes", Err(SpanError::Syntax)),
            ("99999999999d", Err(SpanError::TooLong)),
            ("99999999999999999999999s", Err(SpanError::TooLong)),
        ] {
            assert_eq!(parse(text), expected.map(Duration::from_millis), "{text}");
        }
    }

    #[test]
    fn spans_show_their_two_largest_units() {
        for (ms, expected) in [
            (0, "0s"),
            (40, "40ms"),
            (420, "0.4s"),
            (35_900, "35s"),
            (130_000, "2m10s"),
            (3_720_000, "1h02m"),
            (273_600_000, "3d04h"),
            (35_596_800_000, "412d"),
        ] {
            assert_eq!(format(Duration::from_millis(ms)), expected);
        }
    }

    proptest! {
        #[test]
        fn what_is_written_exactly_reads_back(ms in 0_u64..10_000_000_000) {
            let span = Duration::from_millis(ms);
            prop_assert_eq!(parse(&exact(span)), Ok(span));
        }

        #[test]
        fn reading_never_panics(text in any::<String>()) {
            let _ = parse(&text);
        }
    }
}
