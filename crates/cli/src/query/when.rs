//! The window that was asked for: from what was typed to moments on the clock.

use std::fs;

use jiff::tz::TimeZone;
use jiff::Timestamp;

use crate::failure::Failure;
use crate::session::agent::Agent;
use crate::tell::Tell;
use crate::text::sanitize;
use crate::units::moment::Here;
use crate::units::moment::Moment;
use crate::units::moment::Point;
use crate::units::time::TimeFormat;

/// A moment as typed and as placed.
#[derive(Debug, Clone)]
pub struct Asked {
    /// As typed.
    pub moment: Moment,
    /// On the clock.
    pub point: Point,
}

/// A window as asked for.
#[derive(Debug, Clone)]
pub struct Edges {
    begin: Option<Asked>,
    now: Timestamp,
    usual: Timestamp,
    /// Its end; `None`: the newest.
    pub until: Option<Timestamp>,
}

/// What moments depend on, at the agent: it shares the machine, and its clock made the history.
pub fn here(agent: &Agent) -> Here {
    Here {
        now: agent.now.unwrap_or_else(Timestamp::now),
        zone: TimeZone::system(),
        boot: boot(),
    }
}

/// Places what `option` was given. Says so on stderr when a clock time means yesterday.
///
/// # Errors
/// The moment cannot be placed.
pub fn place(option: &str, moment: &Moment, here: &Here, tell: Tell) -> Result<Asked, Failure> {
    let text = sanitize(moment.text());
    let placed = moment
        .place(here)
        .map_err(|error| Failure::Usage(format!("{option} {text}: {error}")))?;
    if let (true, Point::At(time)) = (placed.yesterday, placed.point) {
        tell.line(&format!(
            "note: {option} {text} is later than now: yesterday is meant ({})",
            TimeFormat::Local.date_time(time)
        ));
    }
    Ok(Asked {
        moment: moment.clone(),
        point: placed.point,
    })
}

impl Edges {
    /// The window between two moments; without the first one it begins ten minutes before its end.
    ///
    /// # Errors
    /// A moment cannot be placed, or the window ends before it begins.
    pub fn new(
        since: Option<&Moment>,
        until: Option<&Moment>,
        here: &Here,
        tell: Tell,
    ) -> Result<Self, Failure> {
        let place = |option, moment: Option<&Moment>| match moment {
            None => Ok(None),
            Some(moment) => place(option, moment, here, tell).map(Some),
        };
        let begin = place("--since", since)?;
        let end = place("--until", until)?;
        let until = match end.as_ref().map(|end| end.point) {
            None | Some(Point::Now) => None,
            Some(Point::At(time)) => Some(time),
            Some(Point::Start) => {
                return Err(Failure::Usage(
                    "--until start: there is nothing before the start".to_owned(),
                ));
            }
        };
        let last = until.unwrap_or(here.now);
        let usual = last
            .checked_sub(USUAL)
            .map_err(|error| Failure::Usage(format!("--until: {error}")))?;
        let edges = Self {
            begin,
            now: here.now,
            usual,
            until,
        };
        if edges.since().is_some_and(|since| since >= last) {
            let text = |asked: Option<&Asked>, usual: &str| match asked {
                Some(asked) => sanitize(asked.moment.text()).into_owned(),
                None => usual.to_owned(),
            };
            return Err(Failure::Usage(format!(
                "--since {} is not before --until {}",
                text(edges.begin.as_ref(), "10m"),
                text(end.as_ref(), "now")
            )));
        }
        Ok(edges)
    }

    /// A window that has only an end.
    pub fn open(until: Option<Timestamp>) -> Self {
        Self {
            begin: Some(Asked {
                moment: Moment::start(),
                point: Point::Start,
            }),
            now: Timestamp::MAX,
            usual: Timestamp::MIN,
            until,
        }
    }

    /// Its begin; `None`: the oldest that is kept.
    pub fn since(&self) -> Option<Timestamp> {
        match self.begin.as_ref().map(|begin| begin.point) {
            None => Some(self.usual),
            Some(Point::At(time)) => Some(time),
            Some(Point::Now) => Some(self.now),
            Some(Point::Start) => None,
        }
    }

    /// `--since` as typed, when it was a span before now.
    pub fn ago(&self) -> Option<&str> {
        let begin = self.begin.as_ref()?;
        begin.moment.ago().map(|_| begin.moment.text())
    }
}

const USUAL: std::time::Duration = std::time::Duration::from_secs(600);

/// When the machine was started; `None`: it does not say.
pub fn boot() -> Option<Timestamp> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    let seconds = stat.lines().find_map(|line| line.strip_prefix("btime "))?;
    Timestamp::from_second(seconds.trim().parse().ok()?).ok()
}
