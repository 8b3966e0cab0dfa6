//! The content of one cell, and how it is written for people and for programs.

use std::cmp::Ordering;
use std::time::Duration;

use jiff::Timestamp;

use crate::args::shaping::Order;
use crate::text::sanitize;
use crate::units::percent;
use crate::units::span;
use crate::units::time::TimeFormat;
use crate::units::Units;

/// The content of one cell.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Exists, but cannot be told.
    Unknown,
    /// Does not exist, like the end of a process that runs.
    Absent,
    /// Any text. Not sanitised.
    Text(String),
    /// A plain number.
    Count(u64),
    /// An amount of data, bytes.
    Size(u64),
    /// Bytes per second; `at_least`: events were lost.
    Rate {
        /// Bytes per second.
        per_s: u64,
        /// A lower bound.
        at_least: bool,
    },
    /// A part of a whole.
    Share {
        /// The part.
        part: u64,
        /// The whole.
        whole: u64,
    },
    /// A length of time.
    Span(Duration),
    /// A moment, and the moment of the sample.
    Time(Timestamp, Timestamp),
    /// Yes or no.
    Flag(bool),
    /// A fixed word: for people, and for programs.
    Word(&'static str, &'static str),
    /// A short length of time, for programs in microseconds.
    Latency(Duration),
    /// A moment to the microsecond.
    Instant(Timestamp),
    /// A very short length of time, in microseconds.
    Micros(Duration),
}

/// How values are written for people.
#[derive(Debug, Clone, Copy)]
pub struct Style {
    /// Sizes and rates.
    pub units: Units,
    /// Times.
    pub time: TimeFormat,
    /// Letters beyond ASCII.
    pub charset: Charset,
}

/// Letters beyond ASCII.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Charset {
    /// The locale has them.
    Unicode,
    /// It has not.
    Ascii,
}

impl Charset {
    /// What the locale of this process says.
    pub fn of_locale() -> Self {
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
            .iter()
            .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
            .unwrap_or_default()
            .to_lowercase();
        if locale.contains("utf-8") || locale.contains("utf8") {
            Self::Unicode
        } else {
            Self::Ascii
        }
    }

    /// Mark of a text that was cut, one cell.
    pub fn ellipsis(self) -> &'static str {
        match self {
            Self::Unicode => "…",
            Self::Ascii => "~",
        }
    }

    /// Mark of a lower bound.
    pub fn at_least(self) -> &'static str {
        match self {
            Self::Unicode => "≥",
            Self::Ascii => ">=",
        }
    }
}

impl Value {
    /// `None`: unknown.
    pub fn count(count: Option<u32>) -> Self {
        count.map_or(Self::Unknown, |count| Self::Count(count.into()))
    }

    /// `None`: unknown.
    pub fn size(bytes: Option<u64>) -> Self {
        bytes.map_or(Self::Unknown, Self::Size)
    }

    /// `None`: unknown.
    pub fn rate(per_s: Option<u64>, at_least: bool) -> Self {
        per_s.map_or(Self::Unknown, |per_s| Self::Rate { per_s, at_least })
    }

    /// `None`: unknown.
    pub fn text(text: Option<&str>) -> Self {
        text.map_or(Self::Unknown, |text| Self::Text(text.to_owned()))
    }

    /// For people. Safe to print.
    pub fn human(&self, style: &Style) -> String {
        match self {
            Self::Unknown => "n/a".to_owned(),
            Self::Absent => String::new(),
            Self::Text(text) => sanitize(text).into_owned(),
            Self::Count(count) => count.to_string(),
            Self::Size(bytes) => style.units.size(*bytes),
            Self::Rate { per_s, at_least } => {
                let mark = if *at_least {
                    style.charset.at_least()
                } else {
                    ""
                };
                format!("{mark}{}", style.units.rate(*per_s))
            }
            Self::Share { part, whole } => percent(*part, *whole),
            Self::Span(length) => span::format(*length),
            Self::Time(time, now) => style.time.clock(*time, *now),
            Self::Flag(flag) => flag.to_string(),
            Self::Word(short, _) => (*short).to_owned(),
            Self::Latency(length) => latency(*length),
            Self::Instant(moment) => style.time.precise(*moment),
            Self::Micros(length) => format!("{:.1}", micros(*length)),
        }
    }

    /// For programs: bytes, seconds, percent. Empty: unknown. Safe to print.
    pub fn raw(&self, time: TimeFormat) -> String {
        match self {
            Self::Unknown | Self::Absent => String::new(),
            Self::Text(text) => sanitize(text).into_owned(),
            Self::Count(n) | Self::Size(n) | Self::Rate { per_s: n, .. } => n.to_string(),
            Self::Share { whole: 0, .. } => "0.0".to_owned(),
            Self::Share { part, whole } => {
                format!("{:.1}", *part as f64 * 100.0 / *whole as f64)
            }
            Self::Span(length) => format!("{:.3}", length.as_secs_f64()),
            Self::Time(moment, _) => time.date_time(*moment),
            Self::Flag(flag) => flag.to_string(),
            Self::Word(_, long) => (*long).to_owned(),
            Self::Latency(length) => length.as_micros().to_string(),
            Self::Instant(moment) => time.precise(*moment),
            Self::Micros(length) => format!("{:.3}", micros(*length)),
        }
    }

    /// Order of two values of one column.
    pub fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            (Self::Time(a, _), Self::Time(b, _)) => a.cmp(b),
            (Self::Instant(a), Self::Instant(b)) => a.cmp(b),
            (Self::Span(a), Self::Span(b))
            | (Self::Latency(a), Self::Latency(b))
            | (Self::Micros(a), Self::Micros(b)) => a.cmp(b),
            (Self::Word(_, a), Self::Word(_, b)) => a.cmp(b),
            (Self::Flag(a), Self::Flag(b)) => a.cmp(b),
            (Self::Share { part: a, .. }, Self::Share { part: b, .. })
            | (
                Self::Count(a) | Self::Size(a) | Self::Rate { per_s: a, .. },
                Self::Count(b) | Self::Size(b) | Self::Rate { per_s: b, .. },
            ) => a.cmp(b),
            _ => Ordering::Equal,
        }
    }
}

/// With what is below a microsecond.
pub fn micros(length: Duration) -> f64 {
    length.as_secs_f64() * 1e6
}

// Three digits: "0.123ms", "12.3ms", "1.50s".
fn latency(length: Duration) -> String {
    let ms = length.as_secs_f64() * 1000.0;
    match ms {
        _ if ms < 1.0 => format!("{ms:.3}ms"),
        _ if ms < 10.0 => format!("{ms:.2}ms"),
        _ if ms < 100.0 => format!("{ms:.1}ms"),
        _ if ms < 1000.0 => format!("{ms:.0}ms"),
        _ => format!("{:.2}s", ms / 1000.0),
    }
}

/// Order of two values of one column from the end asked for. Unknown comes last from both ends.
pub fn by_order(a: &Value, b: &Value, order: Order) -> Ordering {
    let unknown = |value: &Value| matches!(value, Value::Unknown | Value::Absent);
    unknown(a).cmp(&unknown(b)).then_with(|| match order {
        Order::Ascending => a.compare(b),
        Order::Descending => b.compare(a),
    })
}
