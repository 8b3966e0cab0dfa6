//! `--at`: the one tick that holds a moment, which is the first that ends at it or later.

use std::time::Duration;

use jiff::Timestamp;
use netmon_api::v1;

use super::when::Asked;
use super::when::Edges;
use super::Answer;
use super::Complete;
use super::WHAT;
use crate::failure::Failure;
use crate::row::decode::wire_time;
use crate::row::past::Step;
use crate::session::Session;
use crate::tell::Tell;
use crate::units::moment::Point;
use crate::units::time::TimeFormat;

// Where the agent was away for longer, the search goes on to the newest tick.
const NEAR: Duration = Duration::from_secs(60);

/// Finds the tick by its time, then asks for it by its number, with rows that moved nothing.
///
/// # Errors
/// As [`Session::history`].
pub(super) async fn ask(
    session: &mut Session,
    request: v1::QueryHistoryRequest,
    asked: &Asked,
    tell: Tell,
) -> Result<Answer, Failure> {
    let found = find(session, asked.point).await?;
    let mut edges = Edges::open(None);
    let mut complete = Complete::Yes;
    let mut request = v1::QueryHistoryRequest {
        idle: true,
        ..request
    };
    match &found {
        Some(tick) => {
            // An earlier run of the machine may have had the same numbers.
            request.since = tick.since.map(wire_time);
            request.until = Some(wire_time(tick.end));
            request.from_seq = Some(tick.from_seq);
            request.to_seq = Some(tick.to_seq);
            if let Point::At(time) = asked.point {
                complete = tick.holds(time, tell);
            }
        }
        // The tick of that moment has not ended: an answer about nothing says what there is.
        None => {
            let time = match asked.point {
                Point::At(time) => time,
                Point::Now | Point::Start => Timestamp::MAX,
            };
            request.since = Some(wire_time(time));
            request.until = Some(wire_time(time));
            edges = Edges::open(Some(time));
            tell.line("note: no tick that ended by then or later is kept");
            complete = Complete::No;
        }
    }
    Ok(Answer {
        history: session.history(request, WHAT).await?,
        edges,
        complete,
    })
}

// Of ticks that share a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Which {
    First,
    Last,
}

struct Tick {
    from_seq: u64,
    to_seq: u64,
    since: Option<Timestamp>,
    begin: Option<Timestamp>,
    end: Timestamp,
}

impl Tick {
    // `together`: ticks that old are kept in longer pieces only, and the piece stands for the tick.
    fn new(step: &Step, together: bool, which: Which, since: Option<Timestamp>) -> Option<Self> {
        let first = match (step.ticks, which) {
            (0, _) => return None,
            (1, _) | (_, Which::Last) if !together => step.seq,
            _ => step.first_seq()?,
        };
        Some(Self {
            from_seq: first,
            to_seq: if together { step.seq } else { first },
            since,
            begin: step
                .length
                .and_then(|length| step.end.checked_sub(length).ok()),
            end: step.end,
        })
    }

    // Says when the moment lies before it.
    fn holds(&self, time: Timestamp, tell: Tell) -> Complete {
        if self.begin.is_none_or(|begin| begin <= time) {
            return Complete::Yes;
        }
        tell.line(&format!(
            "note: there is no tick of that moment; the next one ended at {}",
            TimeFormat::Local.date_time(self.end)
        ));
        Complete::No
    }
}

async fn find(session: &mut Session, point: Point) -> Result<Option<Tick>, Failure> {
    let tick = session.agent().tick;
    let near = NEAR.max(tick.saturating_mul(10));
    let now = super::when::here(session.agent()).now;
    let request = v1::QueryHistoryRequest {
        step_ns: u64::try_from(tick.as_nanos()).unwrap_or(u64::MAX),
        top: 1,
        ..v1::QueryHistoryRequest::default()
    };
    let (since, untils) = match point {
        Point::Start => (None, vec![None]),
        Point::Now => (now.checked_sub(near).ok(), vec![None]),
        // Ticks that end after the nanosecond before it.
        Point::At(time) => (
            time.checked_sub(Duration::from_nanos(1)).ok(),
            vec![time.checked_add(near).ok(), None],
        ),
    };
    let which = match point {
        Point::Now => Which::Last,
        Point::At(_) | Point::Start => Which::First,
    };
    for until in untils {
        let request = v1::QueryHistoryRequest {
            since: since.map(wire_time),
            until: until.map(wire_time),
            ..request.clone()
        };
        let mut history = session.history(request, WHAT).await?;
        let kept = history.window().kept;
        let together = kept.is_some_and(|kept| kept > tick);
        let mut found = None;
        while let Some(step) = history.next().await? {
            found = Tick::new(&step, together, which, since).or(found);
            if found.is_some() && point != Point::Now {
                break;
            }
        }
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}
