//! Clock times in the form a user asked for.

use jiff::tz::TimeZone;
use jiff::Timestamp;

/// How times are written (`--time`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum TimeFormat {
    /// The clock of this machine: 17:56:05
    Local,
    /// The same in UTC
    Utc,
    /// RFC 3339 in UTC with milliseconds
    Iso,
    /// Seconds since 1970
    Unix,
}

impl TimeFormat {
    /// Date and time to the second.
    pub fn date_time(self, time: Timestamp) -> String {
        match self {
            Self::Local => civil(time, TimeZone::system(), "%Y-%m-%d %H:%M:%S"),
            Self::Utc => civil(time, TimeZone::UTC, "%Y-%m-%d %H:%M:%S"),
            Self::Iso => iso(time),
            Self::Unix => unix(time),
        }
    }

    /// The moment to the microsecond; of the day alone where people read it.
    pub fn precise(self, time: Timestamp) -> String {
        match self {
            Self::Local => civil(time, TimeZone::system(), "%H:%M:%S.%6f"),
            Self::Utc => civil(time, TimeZone::UTC, "%H:%M:%S.%6f"),
            Self::Iso => civil(time, TimeZone::UTC, "%Y-%m-%dT%H:%M:%S.%6fZ"),
            Self::Unix => {
                let us = time.as_microsecond();
                let sign = if us < 0 { "-" } else { "" };
                let us = us.unsigned_abs();
                format!("{sign}{}.{:06}", us / 1_000_000, us % 1_000_000)
            }
        }
    }

    /// Time of day; with the date when it is not the day of `now`.
    pub fn clock(self, time: Timestamp, now: Timestamp) -> String {
        let zone = match self {
            Self::Local => TimeZone::system(),
            Self::Utc => TimeZone::UTC,
            Self::Iso | Self::Unix => return self.date_time(time),
        };
        let day = |t: Timestamp| t.to_zoned(zone.clone()).date();
        if day(time) == day(now) {
            return civil(time, zone, "%H:%M:%S");
        }
        self.date_time(time)
    }
}

/// RFC 3339 in UTC with milliseconds: what JSON and CSV hold.
pub fn iso(time: Timestamp) -> String {
    civil(time, TimeZone::UTC, "%Y-%m-%dT%H:%M:%S.%3fZ")
}

/// Seconds since 1970 with milliseconds.
fn unix(time: Timestamp) -> String {
    let ms = time.as_millisecond();
    let sign = if ms < 0 { "-" } else { "" };
    let ms = ms.unsigned_abs();
    format!("{sign}{}.{:03}", ms / 1000, ms % 1000)
}

fn civil(time: Timestamp, zone: TimeZone, format: &str) -> String {
    time.to_zoned(zone).strftime(format).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn times_come_in_the_form_asked_for() {
        let time = at("2026-11-20T17:56:05.042Z");
        for (format, expected) in [
            (TimeFormat::Utc, "2026-11-20 17:56:05"),
            (TimeFormat::Iso, "2026-11-20T17:56:05.042Z"),
            (TimeFormat::Unix, "1795197365.042"),
        ] {
            assert_eq!(format.date_time(time), expected);
        }
    }

    #[test]
    fn a_precise_time_has_microseconds() {
        let time = at("2026-11-20T17:56:05.000412999Z");
        for (format, expected) in [
            (TimeFormat::Utc, "17:56:05.000412"),
            (TimeFormat::Iso, "2026-11-20T17:56:05.000412Z"),
            (TimeFormat::Unix, "1795197365.000412"),
        ] {
            assert_eq!(format.precise(time), expected);
        }
        assert_eq!(
            TimeFormat::Unix.precise(at("1969-12-31T23:59:59.5Z")),
            "-0.500000"
        );
    }

    #[test]
    fn the_date_is_left_out_today() {
        let now = at("2026-11-20T17:56:05Z");
        let clock = |text| TimeFormat::Utc.clock(at(text), now);
        assert_eq!(clock("2026-11-20T00:00:01Z"), "00:00:01");
        assert_eq!(clock("2026-11-19T23:59:59Z"), "2026-11-19 23:59:59");
    }
}
