//! `netmon.v1`: checks requests, answers them, maps what goes wrong to codes.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;

use futures_util::stream;
use netmon_api::v1;
use netmon_api::v1::netmon_service_server::NetmonService;
use netmon_bpf::abi::ProcessId;
use tokio::sync::mpsc;
use tokio::sync::Semaphore;
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::Stream;
use tokio_stream::StreamExt;
use tokio_util::sync::CancellationToken;
use tonic::Request;
use tonic::Response;
use tonic::Status;

use crate::cgroup::ContainerNames;
use crate::clock::boot_now;
use crate::clock::Anchor;
use crate::frame::Row;
use crate::grouping::GroupBy;
use crate::history::Query;
use crate::history::Snapshot;
use crate::hub::AllConnections;
use crate::hub::Hub;
use crate::selection::Selection;
use crate::sieve::ByProcess;
use crate::status::About;
use crate::trace::Refusal;
use crate::trace::TraceLease;
use crate::trace::Tracing;
use crate::viewer::restarted;
use crate::viewer::while_away;
use crate::viewer::Viewer;
use crate::wire;

/// The service behind every connection. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Service {
    hub: Arc<Hub>,
    about: Arc<About>,
    tracing: Arc<Tracing>,
    stopping: CancellationToken,
    answers: Arc<Semaphore>,
}

type Reply<T> = Result<Response<T>, Status>;
type Messages<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;
type Event = v1::watch_traffic_response::Event;

/// More than any machine needs; a client that opens them in a loop is stopped here.
const MAX_VIEWERS: u32 = 256;
/// How long connections are read every tick for a client that has listed them, ns; more than one of
/// the longest ticks.
const ASKED_FOR: u64 = 21_000_000_000;
/// Questions about the past that are answered at a time.
const ANSWERS: usize = 2;
/// Parts of an answer that wait for a slow client.
const PARTS_AHEAD: usize = 2;

impl Service {
    /// Serves what the hub knows until `stopping` is cancelled.
    pub fn new(
        hub: Arc<Hub>,
        about: Arc<About>,
        tracing: Arc<Tracing>,
        stopping: CancellationToken,
    ) -> Self {
        Service {
            hub,
            about,
            tracing,
            stopping,
            answers: Arc::new(Semaphore::new(ANSWERS)),
        }
    }

    /// Every connection. The kernel is asked with the next tick unless it is asked already, and goes on
    /// being asked for a while: who lists once mostly lists again.
    async fn details(&self) -> Result<AllConnections, Status> {
        self.hub.ask_until(boot_now().saturating_add(ASKED_FOR));
        match self.told().await? {
            true => Ok(self.hub.connections()),
            false => Err(cannot_tell()),
        }
    }

    async fn told(&self) -> Result<bool, Status> {
        tokio::select! {
            told = self.hub.detailed() => Ok(told),
            () = self.stopping.cancelled() => Err(Status::unavailable("the agent is stopping")),
        }
    }
}

#[tonic::async_trait]
impl NetmonService for Service {
    async fn get_agent(
        &self,
        _request: Request<v1::GetAgentRequest>,
    ) -> Reply<v1::GetAgentResponse> {
        let tracing = Arc::clone(&self.tracing);
        // The first time it reads what this kernel has.
        let points = tokio::task::spawn_blocking(move || tracing.points()).await;
        let points = points.map_err(|_| Status::unavailable("the agent is stopping"))?;
        Ok(Response::new(self.about.response(
            &self.hub.condition(),
            &self.hub.history().status(),
            wire::packet::points(&points),
        )))
    }

    type ListProcessesStream = Messages<v1::ListProcessesResponse>;

    async fn list_processes(
        &self,
        request: Request<v1::ListProcessesRequest>,
    ) -> Reply<Self::ListProcessesStream> {
        let selection = selection(request.into_inner().filter)?;
        let connections = match selection.uses_connections() {
            true => self.details().await?.open,
            false => Vec::new(),
        };
        let snapshot = self.hub.snapshot();
        let connections = ByProcess::new(connections);
        let wanted = |row: &Row| selection.takes(row, &snapshot.tick, connections.of(row.facts.id));
        let mut rows = snapshot.rows;
        rows.retain(wanted);
        let parts = wire::snapshot(snapshot.tick, rows, Vec::new(), Anchor::now());
        let parts = parts.map(|part| {
            Ok(v1::ListProcessesResponse {
                snapshot: Some(part),
            })
        });
        Ok(Response::new(Box::pin(stream::iter(parts))))
    }

    type WatchPacketsStream = Messages<v1::WatchPacketsResponse>;

    async fn watch_packets(
        &self,
        request: Request<v1::WatchPacketsRequest>,
    ) -> Reply<Self::WatchPacketsStream> {
        let request = wire::packet::request(request.into_inner());
        let request = request.map_err(Status::invalid_argument)?;
        let (tracing, stopping) = (Arc::clone(&self.tracing), self.stopping.clone());
        // Hooking may take longer than an answer may: the stream begins first.
        let lease = stream::once(async move { tracing.lease(request).await.map_err(refused) });
        let messages = futures_util::StreamExt::flat_map(lease, move |lease| match lease {
            Ok(lease) => {
                let first = wire::packet::started(&lease.outcome);
                let rest = packets(lease, stopping.clone());
                futures_util::StreamExt::boxed(stream::iter([Ok(first)]).chain(rest))
            }
            Err(status) => futures_util::StreamExt::boxed(stream::iter([Err(status)])),
        });
        Ok(Response::new(Box::pin(messages.map(|message| {
            message.map(|event| v1::WatchPacketsResponse { event: Some(event) })
        }))))
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
        let details = request.connections || selection.uses_connections();
        let watching = self.hub.watch(details);
        // A client that asks for connections begins with all of them.
        if details && !self.told().await? {
            return Err(cannot_tell());
        }
        let (mut snapshot, seat) = self.hub.subscribe(watching);
        if !request.connections {
            snapshot.connections = None;
        }
        let anchor = Anchor::now();
        let missed = request.since_seq.and_then(|since| {
            let same = request.since_instance_id.as_deref() == Some(self.about.instance_id());
            match same {
                true => while_away(since, &snapshot.tick, &anchor),
                false => Some(restarted(
                    since,
                    &snapshot.tick,
                    self.about.handover(),
                    &anchor,
                )),
            }
        });
        let (viewer, parts) = Viewer::new(
            Arc::clone(&self.hub),
            seat,
            selection,
            request.connections,
            snapshot,
            anchor,
        );
        let first = missed.map(Event::Gap).into_iter().chain(parts);
        let updates = viewer.stream(self.stopping.clone());
        let events = stream::iter(first).map(Ok).chain(updates);
        Ok(Response::new(Box::pin(events.map(|event| {
            event.map(|event| v1::WatchTrafficResponse { event: Some(event) })
        }))))
    }

    type ListConnectionsStream = Messages<v1::ListConnectionsResponse>;

    async fn list_connections(
        &self,
        request: Request<v1::ListConnectionsRequest>,
    ) -> Reply<Self::ListConnectionsStream> {
        let request = request.into_inner();
        let selection = selection(request.filter)?;
        let all = self.details().await?;
        let owners: HashMap<ProcessId, Row> = all
            .rows
            .into_iter()
            .map(|row| (row.facts.id, row))
            .collect();
        let closed_kept = (all.closed_kept, all.closed.len());
        let mut rows = all.open;
        if request.closed {
            rows.extend(all.closed);
        }
        rows.retain(|row| {
            let owner = owners.get(&row.key.0);
            owner.is_some_and(|owner| selection.takes_connection(owner, row, &all.tick))
        });
        rows.sort_unstable_by_key(|row| row.key);
        let owner = move |id| Some(Arc::clone(&owners.get(&id)?.facts));
        let parts = wire::connections(all.tick, rows, owner, closed_kept, Anchor::now());
        Ok(Response::new(Box::pin(stream::iter(parts.map(Ok)))))
    }

    type QueryHistoryStream = Messages<v1::QueryHistoryResponse>;

    async fn query_history(
        &self,
        request: Request<v1::QueryHistoryRequest>,
    ) -> Reply<Self::QueryHistoryStream> {
        let request = request.into_inner();
        let grouping = match request.group_by() {
            v1::GroupBy::Unspecified | v1::GroupBy::Process => GroupBy::Process,
            v1::GroupBy::Name => GroupBy::Name,
            v1::GroupBy::User => GroupBy::User,
            v1::GroupBy::Unit => GroupBy::Unit,
            v1::GroupBy::Cgroup => GroupBy::Cgroup,
            v1::GroupBy::Container => GroupBy::Container,
            v1::GroupBy::Proto => GroupBy::Proto,
            v1::GroupBy::Family => GroupBy::Family,
            v1::GroupBy::State => GroupBy::State,
        };
        let names = Arc::new(self.hub.container_names());
        let query = wire::history::query(request, grouping.grouping(), &names);
        let query = query.map_err(Status::invalid_argument)?;
        // Answers read files: some at a time, the rest wait their turn.
        let turn = Arc::clone(&self.answers).acquire_owned().await;
        let turn = turn.map_err(|_| Status::unavailable("the agent is stopping"))?;
        let past = self.hub.history().snapshot();
        let (sender, receiver) = mpsc::channel(PARTS_AHEAD);
        tokio::task::spawn_blocking(move || {
            // A client that is gone ends the work with the next part.
            let _ = answer(&past, query, names, &sender);
            drop(turn);
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }
}

fn answer(
    past: &Snapshot,
    query: Query,
    names: Arc<ContainerNames>,
    parts: &mpsc::Sender<Result<v1::QueryHistoryResponse, Status>>,
) -> Option<()> {
    let send = |part| parts.blocking_send(Ok(part)).ok();
    let answer = past.answer(query);
    send(wire::history::header(&answer.header))?;
    let mut described = wire::history::Described::new(names);
    for step in answer {
        for part in wire::history::parts(&step, &mut described) {
            send(part)?;
        }
    }
    send(wire::history::end())
}

/// What a trace tells until it ends, the client goes away or the agent stops.
fn packets(
    lease: TraceLease,
    stopping: CancellationToken,
) -> impl Stream<Item = Result<v1::watch_packets_response::Event, Status>> {
    stream::unfold(Some((lease, stopping)), |state| async move {
        let (mut lease, stopping) = state?;
        let parcel = tokio::select! {
            parcel = lease.next() => parcel?,
            () = stopping.cancelled() => {
                return Some((Err(Status::unavailable("the agent is stopping")), None));
            }
        };
        let message = wire::packet::message(parcel, &lease.facts, &lease.symbols, &Anchor::now());
        Some((Ok(message), Some((lease, stopping))))
    })
}

fn refused(refusal: Refusal) -> Status {
    let text = refusal.to_string();
    match refusal {
        Refusal::Full => Status::resource_exhausted(text),
        Refusal::SwitchedOff | Refusal::Impossible(_) => Status::failed_precondition(text),
        Refusal::Stopping => Status::unavailable(text),
    }
}

fn cannot_tell() -> Status {
    Status::unavailable("connections cannot be read now; the agent's log says why")
}

fn selection(filter: Option<v1::Filter>) -> Result<Selection, Status> {
    Selection::new(filter).map_err(Status::invalid_argument)
}
