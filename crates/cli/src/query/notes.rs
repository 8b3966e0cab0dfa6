//! What people should know about an answer, on stderr.

use std::io::IsTerminal as _;
use std::time::Duration;

use jiff::Timestamp;

use super::when::Edges;
use crate::row::past::Unattended;
use crate::row::past::Window;
use crate::tell::Tell;
use crate::units::span;
use crate::units::time::TimeFormat;

/// Gaps that are told one by one.
const TOLD: usize = 3;

/// Says where the answer is less than what was asked for.
pub fn before(
    window: &Window,
    edges: &Edges,
    tick: Duration,
    tell: Tell,
    format: Option<TimeFormat>,
) {
    let clock = Clock::new(window, format);
    match (window.oldest, edges.since()) {
        (None, _) => tell.line("note: there is no history yet"),
        (Some(oldest), Some(since)) if since < oldest => {
            older(oldest, since, window, edges, tell, &clock);
        }
        _ => {}
    }
    if let Some(kept) = window.kept.filter(|kept| *kept > tick) {
        tell.line(&format!(
            "note: this far back the history is kept in steps of {}",
            span::exact(kept)
        ));
    }
    for gap in window.gaps.iter().take(TOLD) {
        tell.line(&unattended(gap, &clock));
    }
    if window.gaps.len() > TOLD {
        tell.line(&format!(
            "note: and {} more times without an agent",
            window.gaps.len() - TOLD
        ));
    }
    if window.ticks_missing > 0 {
        let all = window.ticks.saturating_add(window.ticks_missing);
        tell.line(&format!(
            "note: {} of {all} ticks are missing; their bytes are not in the answer",
            window.ticks_missing
        ));
    }
    if window.frames_damaged > 0 {
        tell.line(&format!(
            "note: {} damaged parts of the history were skipped",
            window.frames_damaged
        ));
    }
    if window.lower_bound {
        tell.line("note: events were lost in this window: its numbers are lower bounds");
    }
}

/// Says that steps are longer than asked for.
pub fn raised(asked: Duration, used: Duration, tell: Tell) {
    if used != asked {
        tell.line(&format!(
            "note: --step {} does not fit what is kept; using {}",
            span::exact(asked),
            span::exact(used)
        ));
    }
}

/// What the answer covered, on a terminal.
pub fn footer(window: &Window, tell: Tell, format: Option<TimeFormat>) {
    let (Some(since), Some(until), Some(length)) = (window.since, window.until, window.length())
    else {
        return;
    };
    if !std::io::stderr().is_terminal() {
        return;
    }
    let clock = Clock::new(window, format);
    let back = match window.oldest {
        Some(oldest) => format!("; history goes back to {}", clock.of(oldest)),
        None => String::new(),
    };
    tell.line(&format!(
        "window {}-{} ({}, {} ticks, {} missing){back}",
        clock.of(since),
        clock.of(until),
        span::format(length),
        window.ticks,
        window.ticks_missing
    ));
}

fn older(
    oldest: Timestamp,
    since: Timestamp,
    window: &Window,
    edges: &Edges,
    tell: Tell,
    clock: &Clock,
) {
    let Some(length) = window.length() else {
        tell.line(&format!(
            "note: history starts at {}; there are no data of this window",
            clock.of(oldest)
        ));
        return;
    };
    let until = edges.until.or(window.until).unwrap_or(oldest);
    let back = Duration::try_from(until.duration_since(oldest)).unwrap_or(length);
    if let Some(ago) = edges.ago() {
        let back = span::format(back);
        tell.warning(&format!(
            "--since {ago} is older than the history ({back}); using {back}"
        ));
        return;
    }
    let missing = Duration::try_from(oldest.duration_since(since)).unwrap_or_default();
    tell.line(&format!(
        "note: history starts at {}; the first {} of the window have no data",
        clock.of(oldest),
        span::format(missing)
    ));
}

fn unattended(gap: &Unattended, clock: &Clock) -> String {
    let when = match (gap.from, gap.to) {
        (Some(from), Some(to)) => format!("from {} to {}", clock.of(from), clock.of(to)),
        _ => "for a time that is not known".to_owned(),
    };
    let bytes = if gap.counters_kept {
        "the kernel went on counting, its bytes are in the answer as one tick"
    } else {
        "what moved then is not known"
    };
    format!("note: no agent ran {when}; {bytes}")
}

// Times of day; with the date where it is another day than the end of the window.
struct Clock {
    format: TimeFormat,
    now: Timestamp,
}

impl Clock {
    fn new(window: &Window, format: Option<TimeFormat>) -> Self {
        Self {
            format: format.unwrap_or(TimeFormat::Local),
            now: window.until.or(window.oldest).unwrap_or_default(),
        }
    }

    fn of(&self, time: Timestamp) -> String {
        self.format.clock(time, self.now)
    }
}
