//! `netmon.v1`: checks requests, turns frames into streams, maps what goes wrong to codes.

use std::pin::Pin;
use std::sync::Arc;

use futures_util::stream;
use netmon_api::v1;
use netmon_api::v1::netmon_service_server::NetmonService;
use netmon_bpf::traffic::Handover;
use tokio_stream::Stream;
use tokio_stream::StreamExt;
use tokio_util::sync::CancellationToken;
use tonic::Request;
use tonic::Response;
use tonic::Status;

use crate::clock::Anchor;
use crate::frame::Frame;
use crate::frame::TickFacts;
use crate::hub::Hub;
use crate::hub::Seat;
use crate::selection::Selection;
use crate::status::About;
use crate::wire;

/// The service behind every connection. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Service {
    hub: Arc<Hub>,
    about: Arc<About>,
    stopping: CancellationToken,
}

type Reply<T> = Result<Response<T>, Status>;
type Messages<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;
type Event = v1::watch_traffic_response::Event;

/// More than any machine needs; a client that opens them in a loop is stopped here.
const MAX_VIEWERS: u32 = 1024;

impl Service {
    /// Serves what the hub knows until `stopping` is cancelled.
    pub fn new(hub: Arc<Hub>, about: Arc<About>, stopping: CancellationToken) -> Self {
        Service {
            hub,
            about,
            stopping,
        }
    }
}

#[tonic::async_trait]
impl NetmonService for Service {
    async fn get_agent(
        &self,
        _request: Request<v1::GetAgentRequest>,
    ) -> Reply<v1::GetAgentResponse> {
        Ok(Response::new(self.about.response(&self.hub.condition())))
    }

    type ListProcessesStream = Messages<v1::ListProcessesResponse>;

    async fn list_processes(
        &self,
        request: Request<v1::ListProcessesRequest>,
    ) -> Reply<Self::ListProcessesStream> {
        let selection = selection(request.into_inner().filter)?;
        let snapshot = self.hub.snapshot();
        let wanted = |facts: &_| selection.matches(facts);
        let parts = wire::snapshot(&snapshot.tick, &snapshot.rows, &Anchor::now(), wanted);
        let parts = parts.into_iter().map(|part| {
            Ok(v1::ListProcessesResponse {
                snapshot: Some(part),
            })
        });
        Ok(Response::new(Box::pin(stream::iter(
            parts.collect::<Vec<_>>(),
        ))))
    }

    type WatchTrafficStream = Messages<v1::WatchTrafficResponse>;

    async fn watch_traffic(
        &self,
        request: Request<v1::WatchTrafficRequest>,
    ) -> Reply<Self::WatchTrafficStream> {
        let request = request.into_inner();
        let selection = selection(request.filter)?;
        if self.hub.condition().viewers >= MAX_VIEWERS {
            return Err(Status::resource_exhausted(format!(
                "{MAX_VIEWERS} viewers are attached"
            )));
        }
        let (snapshot, seat) = self.hub.subscribe();
        let anchor = Anchor::now();
        let missed = request.since_seq.and_then(|since| {
            let same = request.since_instance_id.as_deref() == Some(self.about.instance_id());
            missed(since, same, &snapshot.tick, self.about.handover(), &anchor)
        });
        let wanted = |facts: &_| selection.matches(facts);
        let parts = wire::snapshot(&snapshot.tick, &snapshot.rows, &anchor, wanted);
        drop(snapshot);
        let first = missed.map(Event::Gap).into_iter();
        let first: Vec<_> = first
            .chain(parts.into_iter().map(Event::Snapshot))
            .collect();
        let updates = updates(seat, selection, self.stopping.clone());
        let events = stream::iter(first).map(Ok).chain(updates);
        Ok(Response::new(Box::pin(events.map(|event| {
            event.map(|event| v1::WatchTrafficResponse { event: Some(event) })
        }))))
    }
}

fn selection(filter: Option<v1::Filter>) -> Result<Selection, Status> {
    Selection::new(filter).map_err(Status::invalid_argument)
}

/// Frames as they come, a gap before each that stands for several, until the agent stops.
fn updates(
    seat: Arc<Seat>,
    selection: Selection,
    stopping: CancellationToken,
) -> impl Stream<Item = Result<Event, Status>> {
    let turns = stream::unfold(Some((seat, selection, stopping)), |turn| async move {
        let (seat, selection, stopping) = turn?;
        let frame = tokio::select! {
            frame = seat.next() => frame,
            () = stopping.cancelled() => {
                return Some((vec![Err(Status::unavailable("the agent is stopping"))], None));
            }
        };
        let anchor = Anchor::now();
        let gap = lag(&frame, &anchor).map(|gap| Ok(Event::Gap(gap)));
        let update = wire::update(&frame, &anchor, |facts| selection.matches_ever(facts));
        let events: Vec<_> = gap.into_iter().chain([Ok(Event::Update(update))]).collect();
        Some((events, Some((seat, selection, stopping))))
    });
    futures_util::StreamExt::flat_map(turns, stream::iter)
}

/// The ticks that a merged frame stands for, but the last.
fn lag(frame: &Frame, anchor: &Anchor) -> Option<v1::Gap> {
    let others = u64::from(frame.tick.merged.checked_sub(1).filter(|n| *n > 0)?);
    let begin = frame.tick.time.saturating_sub(frame.tick.length);
    Some(v1::Gap {
        from_seq: frame.tick.seq.saturating_sub(others),
        to_seq: frame.tick.seq.saturating_sub(1),
        from_time: Some(wire::timestamp(anchor.wall(begin))),
        to_time: Some(wire::timestamp(anchor.wall(frame.tick.time))),
        reason: v1::GapReason::Lag.into(),
        counters_kept: true,
    })
}

/// What a client that comes back has missed; `None`: nothing.
fn missed(
    since: u64,
    same_instance: bool,
    now: &TickFacts,
    left: Handover,
    anchor: &Anchor,
) -> Option<v1::Gap> {
    if same_instance && now.seq <= since {
        return None;
    }
    // The agent before left its last tick only if its counters are still there.
    let kept = same_instance || left.seq >= since;
    let reason = if same_instance {
        v1::GapReason::Lag
    } else {
        v1::GapReason::AgentRestart
    };
    let stopped = (!same_instance && kept).then(|| wire::timestamp(anchor.wall(left.time)));
    Some(v1::Gap {
        from_seq: since.saturating_add(1),
        to_seq: now.seq,
        from_time: stopped,
        to_time: Some(wire::timestamp(anchor.wall(now.time))),
        reason: reason.into(),
        counters_kept: kept,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_that_comes_back_is_told_what_it_missed() {
        let left = Handover {
            seq: 50,
            time: 1,
            restarts: 1,
        };
        let now = TickFacts {
            seq: 60,
            ..TickFacts::default()
        };
        let gap = |since, same| missed(since, same, &now, left, &Anchor::now());
        assert_eq!(gap(60, true), None, "nothing");
        let lag = gap(57, true).unwrap();
        assert_eq!(
            (lag.from_seq, lag.to_seq, lag.counters_kept),
            (58, 60, true)
        );
        assert_eq!(lag.reason(), v1::GapReason::Lag);
        let restart = gap(48, false).unwrap();
        assert_eq!(
            (restart.from_seq, restart.to_seq, restart.counters_kept),
            (49, 60, true)
        );
        assert_eq!(restart.reason(), v1::GapReason::AgentRestart);
        assert!(
            !gap(900, false).unwrap().counters_kept,
            "its counters are gone"
        );
    }
}
