//! `--since`: the stored past before the stream, joined to it by the numbers of the ticks.

use jiff::Timestamp;
use netmon_api::v1;

use super::endings::Endings;
use super::stream::Stop;
use super::stream::Stream;
use crate::failure::Failure;
use crate::output::block::Idle;
use crate::output::block::Reach;
use crate::query::notes;
use crate::query::when::Edges;
use crate::row::decode::wire_time;
use crate::row::past::Step;
use crate::row::past::Unattended;
use crate::row::past::Window;
use crate::row::Extent;
use crate::row::Sample;
use crate::session::history::restrict;
use crate::session::history::History;
use crate::session::watch::Gap;
use crate::session::watch::GapReason;
use crate::session::Session;
use crate::units::time::TimeFormat;

const WHAT: &str = "--since";

/// The past that was asked for, and how far it has been printed.
#[derive(Debug)]
pub struct Past {
    session: Session,
    request: v1::QueryHistoryRequest,
    edges: Edges,
    time: Option<TimeFormat>,
    // Number and end of the last tick that was printed.
    last: Option<u64>,
    end: Option<Timestamp>,
    told: usize,
}

impl Past {
    /// The ticks since the begin of `edges`, of the processes that `filter` leaves.
    pub fn new(
        session: &Session,
        filter: &v1::Filter,
        edges: Edges,
        time: Option<TimeFormat>,
    ) -> Self {
        let tick = session.agent().tick.as_nanos();
        let request = v1::QueryHistoryRequest {
            filter: Some(filter.clone()),
            since: edges.since().map(wire_time),
            step_ns: u64::try_from(tick).unwrap_or(u64::MAX),
            ..v1::QueryHistoryRequest::default()
        };
        Self {
            session: session.clone(),
            request,
            edges,
            time,
            last: None,
            end: None,
            told: 0,
        }
    }

    // What happened between the last tick and `step`.
    fn gaps(&mut self, step: &Step, window: &Window) -> Vec<Gap> {
        let first = step.first_seq().unwrap_or(step.seq);
        let from_seq = self.last.map_or(first, |last| last.saturating_add(1));
        // Numbers start over when the machine does: then they mean nothing.
        let (from, to) = if first < from_seq {
            (0, 0)
        } else {
            (from_seq, first.saturating_sub(1))
        };
        let gap = |known: Option<&Unattended>| Gap {
            from_seq: from,
            to_seq: to,
            from: known.and_then(|gap| gap.from),
            to: known.and_then(|gap| gap.to),
            reason: match known {
                Some(_) => GapReason::AgentRestart,
                None => GapReason::AgentLoss,
            },
            counters_kept: known.is_none_or(|gap| gap.counters_kept),
        };
        let over = |gap: &&Unattended| gap.to.is_some_and(|to| to <= step.end);
        let known: Vec<_> = window.gaps[self.told..].iter().take_while(over).collect();
        self.told += known.len();
        // Before the first tick nothing is missing that was asked for, unless the agent was away.
        match known.as_slice() {
            [] if first > from_seq => vec![gap(None)],
            known => known.iter().map(|known| gap(Some(known))).collect(),
        }
    }
}

impl Stream {
    /// Prints the past up to the newest tick that is kept.
    pub(super) async fn recall(
        &mut self,
        past: &mut Past,
        endings: &mut Endings,
    ) -> Result<(), Stop> {
        let mut request = past.request.clone();
        request.idle = self.view.idle == Idle::Shown;
        // All kinds of traffic, as the stream has them; its view takes those asked for.
        restrict(
            &mut request,
            crate::row::Scope {
                loopback: crate::row::Loopback::Include,
                ..crate::row::Scope::default()
            },
        );
        past.request = request.clone();
        let mut history = self.ask(past, request).await?;
        let window = history.window().clone();
        let tick = past.session.agent().tick;
        notes::before(&window, &past.edges, tick, self.tell, past.time);
        if let Some(since) = past.edges.since().or(window.since) {
            endings.begin(since);
        }
        self.read(&mut history, &window, past, endings).await
    }

    /// Prints what lies between the past and `sample`, the first of the stream. False: the sample
    /// itself has been printed.
    pub(super) async fn join(
        &mut self,
        past: &mut Past,
        sample: &Sample,
        endings: &mut Endings,
    ) -> Result<bool, Stop> {
        if past.last.is_some_and(|last| last >= sample.seq) {
            return Ok(false);
        }
        let next = past.last.map_or(0, |last| last.saturating_add(1));
        if next == sample.seq {
            return Ok(true);
        }
        let request = v1::QueryHistoryRequest {
            // An earlier run of the machine may have had the same numbers.
            since: past.end.map(wire_time).or(past.request.since),
            from_seq: past.last.map(|_| next),
            to_seq: Some(sample.seq.saturating_sub(1)),
            ..past.request.clone()
        };
        match self.ask(past, request).await {
            Ok(mut history) => {
                let window = history.window().clone();
                past.told = 0;
                self.read(&mut history, &window, past, endings).await?;
            }
            // The stream goes on, so what is missing is said like any other gap.
            Err(Stop::Failed(failure)) => self.tell.warning(&failure.headline()),
            Err(stop) => return Err(stop),
        }
        let Some(last) = past.last else {
            return Ok(true);
        };
        if last.saturating_add(1) < sample.seq {
            self.gap(&Gap {
                from_seq: last.saturating_add(1),
                to_seq: sample.seq.saturating_sub(1),
                from: None,
                to: None,
                reason: GapReason::AgentLoss,
                counters_kept: true,
            })
            .await?;
        }
        Ok(true)
    }

    async fn ask(
        &mut self,
        past: &mut Past,
        request: v1::QueryHistoryRequest,
    ) -> Result<History, Stop> {
        tokio::select! {
            history = past.session.history(request, WHAT) => history.map_err(Stop::Failed),
            outcome = self.signals.next() => Err(Stop::Signal(outcome)),
        }
    }

    async fn read(
        &mut self,
        history: &mut History,
        window: &Window,
        past: &mut Past,
        endings: &mut Endings,
    ) -> Result<(), Stop> {
        let extent = match self.view.reach {
            Reach::Machine => Extent::Bytes,
            Reach::Selected => Extent::Nothing,
        };
        loop {
            let end = self.end;
            let next: Result<Option<Step>, Failure> = tokio::select! {
                biased;
                outcome = self.signals.next() => return Err(Stop::Signal(outcome)),
                () = super::stream::sleep_until(end) => return Err(Stop::Duration),
                next = history.next() => next,
            };
            let Some(step) = next.map_err(Stop::Failed)? else {
                return Ok(());
            };
            if step.ticks == 0 {
                continue;
            }
            for gap in past.gaps(&step, window) {
                self.gap(&gap).await?;
            }
            past.last = Some(step.seq);
            past.end = Some(step.end);
            self.take(step.into_sample(extent), endings).await?;
        }
    }
}
