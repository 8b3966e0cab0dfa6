//! Moments as they are typed: `10m`, `17:41`, `yesterday 17:41`, RFC 3339, `@1763661113`, `boot`.
//!
//! Reading a text needs nothing; what it means depends on a [`Here`], which the caller gives.

use std::str::FromStr;
use std::time::Duration;

use jiff::civil::Date;
use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::Timestamp;

use super::span;

/// A moment as typed, not yet placed on the clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    text: String,
    form: Form,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Form {
    Now,
    Boot,
    Start,
    Ago(Duration),
    // Today, or yesterday when that is still to come.
    Clock(Time),
    Day(Day, Time),
    At(Timestamp),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Day {
    Today,
    Yesterday,
    Date(Date),
}

/// What a moment depends on.
#[derive(Debug, Clone)]
pub struct Here {
    /// The clock.
    pub now: Timestamp,
    /// What clock times without an offset are meant in.
    pub zone: TimeZone,
    /// When the machine was started; `None`: not known.
    pub boot: Option<Timestamp>,
}

/// A moment on the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    /// This one.
    At(Timestamp),
    /// The present.
    Now,
    /// The oldest that is kept, whenever that is.
    Start,
}

/// A moment on the clock, and how it got there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// Where it is.
    pub point: Point,
    /// A clock time that is still to come today was taken as yesterday's.
    pub yesterday: bool,
}

/// Why a text is not a moment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MomentError {
    /// None of the forms.
    #[error(
        "expected a time such as 10m, 17:41, 'yesterday 17:41', '2026-11-20 17:41', \
         2026-11-20T17:41:00Z, @1763661113, now, boot or start"
    )]
    Syntax,
    /// Before or after everything a clock can show.
    #[error("too far away")]
    TooFar,
    /// `boot` on a machine that does not say.
    #[error("this machine does not say when it was started")]
    NoBoot,
}

impl FromStr for Moment {
    type Err = MomentError;

    fn from_str(text: &str) -> Result<Self, MomentError> {
        let text = text.trim();
        let form = match text {
            "now" => Form::Now,
            "boot" => Form::Boot,
            "start" => Form::Start,
            _ => form(text)?,
        };
        Ok(Self {
            text: text.to_owned(),
            form,
        })
    }
}

impl Moment {
    /// The oldest that is kept.
    pub fn start() -> Self {
        Self {
            text: "start".to_owned(),
            form: Form::Start,
        }
    }

    /// As typed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// `Some`: typed as a span before now.
    pub fn ago(&self) -> Option<Duration> {
        match self.form {
            Form::Ago(span) => Some(span),
            _ => None,
        }
    }

    /// Where it is, seen from `here`. A clock time that the change to summer time skips means the
    /// same time after it; of one that comes twice the first is meant.
    ///
    /// # Errors
    /// The clock does not reach that far, or the start of the machine is not known.
    pub fn place(&self, here: &Here) -> Result<Placed, MomentError> {
        let at = |time| Placed {
            point: Point::At(time),
            yesterday: false,
        };
        let point = |point| Placed {
            point,
            yesterday: false,
        };
        match &self.form {
            Form::Now => Ok(point(Point::Now)),
            Form::Start => Ok(point(Point::Start)),
            Form::Boot => here.boot.map(at).ok_or(MomentError::NoBoot),
            Form::At(time) => Ok(at(*time)),
            Form::Ago(span) => here
                .now
                .checked_sub(*span)
                .map(at)
                .map_err(|_| MomentError::TooFar),
            Form::Day(day, time) => here.civil(*day, *time).map(at),
            Form::Clock(time) => {
                let today = here.civil(Day::Today, *time)?;
                if today <= here.now {
                    return Ok(at(today));
                }
                Ok(Placed {
                    point: Point::At(here.civil(Day::Yesterday, *time)?),
                    yesterday: true,
                })
            }
        }
    }
}

impl Here {
    fn civil(&self, day: Day, time: Time) -> Result<Timestamp, MomentError> {
        let today = self.now.to_zoned(self.zone.clone()).date();
        let date = match day {
            Day::Today => today,
            Day::Yesterday => today.yesterday().map_err(|_| MomentError::TooFar)?,
            Day::Date(date) => date,
        };
        date.to_datetime(time)
            .to_zoned(self.zone.clone())
            .map(|zoned| zoned.timestamp())
            .map_err(|_| MomentError::TooFar)
    }
}

fn form(text: &str) -> Result<Form, MomentError> {
    if let Some(seconds) = text.strip_prefix('@') {
        return unix(seconds).map(Form::At);
    }
    let bare = text.strip_prefix('-').unwrap_or(text);
    let bare = bare.strip_suffix("ago").map_or(bare, str::trim_end);
    match span::parse(bare) {
        Ok(span) => return Ok(Form::Ago(span)),
        Err(span::SpanError::TooLong) => return Err(MomentError::TooFar),
        Err(span::SpanError::Syntax) => {}
    }
    if let Some(time) = clock(text) {
        return Ok(Form::Clock(time));
    }
    let split = text.split_once(' ').or_else(|| text.split_once('T'));
    let (day, time) = match split {
        Some((day, time)) => (day, Some(time.trim_start())),
        None => (text, None),
    };
    let time = match time {
        None => Some(Time::midnight()),
        Some(time) => clock(time),
    };
    if let (Some(day), Some(time)) = (name(day), time) {
        return Ok(Form::Day(day, time));
    }
    text.parse().map(Form::At).map_err(|_| MomentError::Syntax)
}

fn name(text: &str) -> Option<Day> {
    match text {
        "today" => Some(Day::Today),
        "yesterday" => Some(Day::Yesterday),
        _ => Date::strptime("%Y-%m-%d", text).ok().map(Day::Date),
    }
}

fn clock(text: &str) -> Option<Time> {
    let form = match text.matches(':').count() {
        1 => "%H:%M",
        2 => "%H:%M:%S%.f",
        _ => return None,
    };
    Time::strptime(form, text).ok()
}

// Seconds since 1970, with a fraction or without.
fn unix(text: &str) -> Result<Timestamp, MomentError> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole.strip_prefix('-').unwrap_or(whole)) || !digits(fraction) {
        return Err(MomentError::Syntax);
    }
    let seconds: i64 = whole.parse().map_err(|_| MomentError::TooFar)?;
    let nanos: i128 = fraction
        .bytes()
        .chain(std::iter::repeat(b'0'))
        .take(9)
        .fold(0, |nanos, digit| nanos * 10 + i128::from(digit - b'0'));
    let nanos = if whole.starts_with('-') {
        -nanos
    } else {
        nanos
    };
    Timestamp::from_nanosecond(i128::from(seconds) * 1_000_000_000 + nanos)
        .map_err(|_| MomentError::TooFar)
}

#[cfg(test)]
#[path = "moment_tests.rs"]
mod tests;
