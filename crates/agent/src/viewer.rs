//! What one viewer gets: frames as they come, and what it missed before them.

use std::sync::Arc;

use futures_util::stream;
use netmon_api::v1;
use netmon_api::v1::watch_traffic_response::Event;
use netmon_bpf::traffic::Handover;
use tokio_stream::Stream;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use crate::clock::Anchor;
use crate::connection::ConnectionRow;
use crate::frame::Frame;
use crate::frame::TickFacts;
use crate::hub::Hub;
use crate::hub::Seat;
use crate::hub::Snapshot;
use crate::hub::Turn;
use crate::selection::Selection;
use crate::sieve::ByProcess;
use crate::sieve::Sieve;
use crate::wire;

/// What a viewer gets next, made as it is taken.
pub type Events = Box<dyn Iterator<Item = Event> + Send>;
type Results = Box<dyn Iterator<Item = Result<Event, Status>> + Send>;

/// The last tick that a viewer knows.
#[derive(Debug, Clone, Copy)]
pub struct Seen {
    seq: u64,
    /// Its end, boot clock, ns.
    time: u64,
}

impl Seen {
    /// A viewer that was told this tick.
    pub fn of(tick: &TickFacts) -> Self {
        Seen {
            seq: tick.seq,
            time: tick.time,
        }
    }
}

/// A viewer between two updates.
#[derive(Debug)]
pub struct Viewer {
    hub: Arc<Hub>,
    seat: Arc<Seat>,
    selection: Selection,
    /// Where what matches may change from tick to tick, or connections are told.
    sieve: Option<Sieve>,
    /// It asked for connections; its filter may need them all the same.
    connections: bool,
    seen: Seen,
}

impl Viewer {
    /// Of a client that is to begin with this snapshot, and what it is told first.
    pub fn new(
        hub: Arc<Hub>,
        seat: Arc<Seat>,
        selection: Selection,
        connections: bool,
        snapshot: Snapshot,
        anchor: Anchor,
    ) -> (Self, Events) {
        let mut viewer = Viewer {
            hub,
            seat,
            selection,
            sieve: None,
            connections,
            seen: Seen::of(&snapshot.tick),
        };
        let events = viewer.begin(snapshot, anchor);
        (viewer, events)
    }

    fn begin(&mut self, snapshot: Snapshot, anchor: Anchor) -> Events {
        let Snapshot {
            tick,
            mut rows,
            connections,
        } = snapshot;
        let mut told = Vec::new();
        if self.selection.has_expression() || self.connections {
            let words = &self.selection;
            let look = words.uses_connections() || self.connections && words.searches_hosts();
            let all = match look {
                true => connections.clone().unwrap_or_else(|| self.looks_at()),
                false => Vec::new(),
            };
            let sieve = Sieve::new(&self.selection, &rows, &tick, &ByProcess::new(all));
            if self.connections {
                told = connections.unwrap_or_default();
                told.retain(|row| sieve.shows(row.key.0));
            }
            rows.retain(|row| sieve.shows(row.facts.id));
            self.sieve = Some(sieve);
        } else {
            rows.retain(|row| self.selection.matches(&row.facts));
        }
        Box::new(wire::snapshot(tick, rows, told, anchor).map(Event::Snapshot))
    }

    /// What the filter has to look at.
    fn looks_at(&self) -> Vec<Arc<ConnectionRow>> {
        match self.selection.uses_connections() {
            true => self.hub.connection_rows(),
            false => Vec::new(),
        }
    }

    /// Events until the agent stops.
    pub fn stream(self, stopping: CancellationToken) -> impl Stream<Item = Result<Event, Status>> {
        let turns = stream::unfold(Some((self, stopping)), |state| async move {
            let (mut viewer, stopping) = state?;
            let turn = tokio::select! {
                turn = viewer.seat.next() => turn,
                () = stopping.cancelled() => {
                    let end = Err(Status::unavailable("the agent is stopping"));
                    let end: Results = Box::new(std::iter::once(end));
                    return Some((end, None));
                }
            };
            let events = match turn {
                Turn::Frame(frame) => viewer.update(&frame),
                Turn::Behind => viewer.start_over(),
            };
            let events: Results = Box::new(events.map(Ok));
            Some((events, Some((viewer, stopping))))
        });
        futures_util::StreamExt::flat_map(turns, stream::iter)
    }

    fn update(&mut self, frame: &Frame) -> Events {
        let anchor = Anchor::now();
        let gap = self.advance(&frame.tick, &anchor);
        let update = match &mut self.sieve {
            Some(sieve) => {
                let words = &self.selection;
                let look = words.uses_connections() || self.connections && words.searches_hosts();
                let all = || ByProcess::new(self.hub.connection_rows());
                let mut told = sieve.pass(frame, words, look, all);
                if !self.connections {
                    told.connections = None;
                }
                wire::update(&told, &anchor, |_| true)
            }
            None => wire::update(&frame.without_connections(), &anchor, |facts| {
                self.selection.follows(facts)
            }),
        };
        let events = gap.map(Event::Gap).into_iter();
        Box::new(events.chain([Event::Update(update)]))
    }

    fn start_over(&mut self) -> Events {
        let anchor = Anchor::now();
        let snapshot = self.hub.resume(&self.seat);
        let gap = self.advance(&snapshot.tick, &anchor);
        let parts = self.begin(snapshot, anchor);
        Box::new(gap.map(Event::Gap).into_iter().chain(parts))
    }

    /// The ticks between the last one seen and this one, if there are any.
    fn advance(&mut self, tick: &TickFacts, anchor: &Anchor) -> Option<v1::Gap> {
        let before = std::mem::replace(&mut self.seen, Seen::of(tick));
        lag(before.seq, Some(before.time), tick, anchor)
    }
}

fn lag(since: u64, time: Option<u64>, now: &TickFacts, anchor: &Anchor) -> Option<v1::Gap> {
    let from = since.saturating_add(1);
    (now.seq > from).then(|| v1::Gap {
        from_seq: from,
        to_seq: now.seq - 1,
        from_time: time.map(|time| wire::timestamp(anchor.wall(time))),
        to_time: Some(wire::timestamp(anchor.wall(now.time))),
        reason: v1::GapReason::Lag.into(),
        counters_kept: true,
    })
}

/// What a client of this agent has missed between two streams; `None`: nothing.
pub fn while_away(since: u64, now: &TickFacts, anchor: &Anchor) -> Option<v1::Gap> {
    lag(since, None, now, anchor)
}

/// What a client of another agent is told: that agent is gone, its counters may go on.
pub fn restarted(since: u64, now: &TickFacts, left: Handover, anchor: &Anchor) -> v1::Gap {
    // The agent before left its last tick only if its counters are still there.
    let kept = left.seq >= since;
    let seqs = match kept {
        true => (
            since.saturating_add(1),
            now.seq.saturating_sub(1).max(since),
        ),
        false => (0, 0),
    };
    v1::Gap {
        from_seq: seqs.0,
        to_seq: seqs.1,
        from_time: kept.then(|| wire::timestamp(anchor.wall(left.time))),
        to_time: Some(wire::timestamp(anchor.wall(now.time))),
        reason: v1::GapReason::AgentRestart.into(),
        counters_kept: kept,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> TickFacts {
        TickFacts {
            seq: 60,
            ..TickFacts::default()
        }
    }

    #[test]
    fn a_client_that_comes_back_is_told_which_ticks_it_missed() {
        let gap = |since| while_away(since, &now(), &Anchor::now()).map(|g| (g.from_seq, g.to_seq));
        let cases = [
            (60, None),
            (59, None),
            (58, Some((59, 59))),
            (50, Some((51, 59))),
        ];
        for (since, expected) in cases {
            assert_eq!(gap(since), expected, "since {since}");
        }
    }

    #[test]
    fn a_restart_is_told_with_what_became_of_the_counters() {
        let left = Handover {
            seq: 50,
            time: 1,
            restarts: 1,
        };
        let gap = |since| restarted(since, &now(), left, &Anchor::now());
        let kept = gap(48);
        assert_eq!(
            (kept.from_seq, kept.to_seq, kept.counters_kept),
            (49, 59, true)
        );
        assert_eq!(kept.reason(), v1::GapReason::AgentRestart);
        let lost = gap(900);
        assert_eq!(
            (lost.from_seq, lost.to_seq, lost.counters_kept),
            (0, 0, false)
        );
    }
}
