//! An agent in this process: it answers on a Unix socket with what a test tells it.

use std::collections::VecDeque;
use std::path::Path;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::thread::JoinHandle;
use std::time::Duration;

use netmon_api::v1;
use netmon_api::v1::netmon_service_server::NetmonService;
use netmon_api::v1::netmon_service_server::NetmonServiceServer;
use netmon_api::v1::watch_traffic_response::Event;
use tempfile::TempDir;
use tokio::net::UnixListener;
use tokio::sync::oneshot;
use tokio_stream::wrappers::UnixListenerStream;
use tokio_stream::Stream;
use tokio_stream::StreamExt as _;
use tonic::Request;
use tonic::Response;
use tonic::Status;

use super::packets;
use super::past::Past;
use super::reply;
use super::sample;

/// What the agent says and does.
#[derive(Debug, Clone)]
pub struct Script {
    /// Answer to GetAgent.
    pub agent: v1::GetAgentResponse,
    /// Answer to ListProcesses.
    pub list: v1::Snapshot,
    /// One per subscription; the last one is repeated.
    pub watches: Vec<Vec<Step>>,
    /// Answer to QueryHistory; `None`: no history is kept.
    pub past: Option<Past>,
    /// Answer to ListConnections; closed ones only if asked for.
    pub connections: Vec<v1::Connection>,
    /// What happens on every trace; empty: it cannot trace.
    pub trace: Vec<packets::Step>,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            agent: reply::agent(),
            list: sample::snapshot(),
            watches: vec![vec![
                Step::event(Event::Snapshot(sample::snapshot())),
                Step::Idle,
            ]],
            past: None,
            connections: super::connection::connections(),
            trace: Vec::new(),
        }
    }
}

/// What happens next on a subscription. After the last step the stream ends.
#[derive(Debug, Clone)]
pub enum Step {
    /// This is sent.
    Send(Box<v1::WatchTrafficResponse>),
    /// The stream ends with an error.
    Fail(Status),
    /// Nothing happens any more.
    Idle,
}

impl Step {
    /// Sends `event`.
    pub fn event(event: Event) -> Self {
        Self::Send(Box::new(v1::WatchTrafficResponse { event: Some(event) }))
    }
}

/// A running agent. Stops when dropped.
pub struct FakeAgent {
    directory: TempDir,
    requests: Arc<Mutex<Vec<v1::WatchTrafficRequest>>>,
    questions: Arc<Mutex<Vec<v1::QueryHistoryRequest>>>,
    lists: Arc<Mutex<Vec<v1::Filter>>>,
    connection_lists: Arc<Mutex<Vec<v1::ListConnectionsRequest>>>,
    traces: Arc<Mutex<Vec<v1::WatchPacketsRequest>>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl FakeAgent {
    /// Starts to listen on a socket of its own.
    pub fn start(script: Script) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let questions = Arc::new(Mutex::new(Vec::new()));
        let lists = Arc::new(Mutex::new(Vec::new()));
        let connection_lists = Arc::new(Mutex::new(Vec::new()));
        let traces = Arc::new(Mutex::new(Vec::new()));
        let service = Service {
            agent: script.agent,
            list: script.list,
            watches: Mutex::new(script.watches.into()),
            requests: Arc::clone(&requests),
            past: script.past,
            questions: Arc::clone(&questions),
            connections: script.connections,
            lists: Arc::clone(&lists),
            connection_lists: Arc::clone(&connection_lists),
            trace: script.trace,
            traces: Arc::clone(&traces),
        };
        let (stop, stopped) = oneshot::channel();
        let (ready, bound) = std::sync::mpsc::channel();
        let socket = directory.path().join("agent.sock");
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let listener = UnixListener::bind(socket).unwrap();
                ready.send(()).unwrap();
                let server = tonic::transport::Server::builder()
                    .add_service(NetmonServiceServer::new(service))
                    .serve_with_incoming(UnixListenerStream::new(listener));
                tokio::select! {
                    result = server => result.unwrap(),
                    _ = stopped => {}
                }
            });
            runtime.shutdown_timeout(Duration::from_secs(1));
        });
        bound.recv().unwrap();
        Self {
            directory,
            requests,
            questions,
            lists,
            connection_lists,
            traces,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// An agent with the usual sample.
    pub fn usual() -> Self {
        Self::start(Script::default())
    }

    /// An agent with the usual sample and two ticks after it.
    pub fn three_ticks() -> Self {
        Self::start(Script {
            watches: vec![sample::three_ticks()],
            ..Script::default()
        })
    }

    /// An agent with the usual sample and a minute of history.
    pub fn with_past(past: Past) -> Self {
        Self::start(Script {
            past: Some(past),
            ..Script::default()
        })
    }

    /// The questions to the history so far.
    pub fn questions(&self) -> Vec<v1::QueryHistoryRequest> {
        self.questions.lock().unwrap().clone()
    }

    /// What lists of processes were asked for so far.
    pub fn lists(&self) -> Vec<v1::Filter> {
        self.lists.lock().unwrap().clone()
    }

    /// What lists of connections were asked for so far.
    pub fn connection_lists(&self) -> Vec<v1::ListConnectionsRequest> {
        self.connection_lists.lock().unwrap().clone()
    }

    /// An agent that traces packets.
    pub fn tracing(steps: Vec<packets::Step>) -> Self {
        let mut script = Script {
            trace: steps,
            ..Script::default()
        };
        script.agent.trace_points = packets::points();
        Self::start(script)
    }

    /// The traces so far.
    pub fn traces(&self) -> Vec<v1::WatchPacketsRequest> {
        self.traces.lock().unwrap().clone()
    }

    /// Where it listens.
    pub fn socket(&self) -> PathBuf {
        self.directory.path().join("agent.sock")
    }

    /// A directory that lives as long as the agent.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The subscriptions so far.
    pub fn requests(&self) -> Vec<v1::WatchTrafficRequest> {
        self.requests.lock().unwrap().clone()
    }
}

impl Drop for FakeAgent {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Service {
    agent: v1::GetAgentResponse,
    list: v1::Snapshot,
    watches: Mutex<VecDeque<Vec<Step>>>,
    requests: Arc<Mutex<Vec<v1::WatchTrafficRequest>>>,
    past: Option<Past>,
    questions: Arc<Mutex<Vec<v1::QueryHistoryRequest>>>,
    connections: Vec<v1::Connection>,
    lists: Arc<Mutex<Vec<v1::Filter>>>,
    connection_lists: Arc<Mutex<Vec<v1::ListConnectionsRequest>>>,
    trace: Vec<packets::Step>,
    traces: Arc<Mutex<Vec<v1::WatchPacketsRequest>>>,
}

type Events<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl NetmonService for Service {
    type ListProcessesStream = Events<v1::ListProcessesResponse>;
    type WatchTrafficStream = Events<v1::WatchTrafficResponse>;
    type QueryHistoryStream = Events<v1::QueryHistoryResponse>;
    type ListConnectionsStream = Events<v1::ListConnectionsResponse>;
    type WatchPacketsStream = Events<v1::WatchPacketsResponse>;

    async fn watch_packets(
        &self,
        request: Request<v1::WatchPacketsRequest>,
    ) -> Result<Response<Self::WatchPacketsStream>, Status> {
        if self.trace.is_empty() {
            return Err(Status::unimplemented("this agent does not trace packets"));
        }
        if let [packets::Step::Fail(status)] = self.trace.as_slice() {
            return Err(status.clone());
        }
        self.traces.lock().unwrap().push(request.into_inner());
        Ok(Response::new(Box::pin(packets::play(self.trace.clone()))))
    }

    async fn list_connections(
        &self,
        request: Request<v1::ListConnectionsRequest>,
    ) -> Result<Response<Self::ListConnectionsStream>, Status> {
        let request = request.into_inner();
        self.connection_lists.lock().unwrap().push(request.clone());
        let filter = request.filter.unwrap_or_default();
        let snapshot = sample::select(&self.list, &filter);
        let words = netmon_api::filter::Filter::parse(&filter.expression)
            .map_err(|error| Status::invalid_argument(format!("filter: {error}")))?;
        let parts = super::connection::parts(&snapshot, &self.connections, &words, request.closed);
        let parts = parts.into_iter().map(Ok);
        Ok(Response::new(Box::pin(tokio_stream::iter(parts))))
    }

    async fn query_history(
        &self,
        request: Request<v1::QueryHistoryRequest>,
    ) -> Result<Response<Self::QueryHistoryStream>, Status> {
        let request = request.into_inner();
        let asked = {
            let mut questions = self.questions.lock().unwrap();
            questions.push(request.clone());
            questions.len()
        };
        let Some(mut past) = self.past.clone() else {
            return Err(Status::unimplemented("this agent keeps no history"));
        };
        if asked == 1 {
            past.ticks.truncate(past.ticks.len() - past.late);
        }
        let answer = past.answer(&request).into_iter().map(Ok);
        Ok(Response::new(Box::pin(tokio_stream::iter(answer))))
    }

    async fn get_agent(
        &self,
        _request: Request<v1::GetAgentRequest>,
    ) -> Result<Response<v1::GetAgentResponse>, Status> {
        Ok(Response::new(self.agent.clone()))
    }

    async fn list_processes(
        &self,
        request: Request<v1::ListProcessesRequest>,
    ) -> Result<Response<Self::ListProcessesStream>, Status> {
        let filter = request.into_inner().filter.unwrap_or_default();
        self.lists.lock().unwrap().push(filter.clone());
        let snapshot = sample::select(&self.list, &filter);
        let part = v1::ListProcessesResponse {
            snapshot: Some(snapshot),
        };
        Ok(Response::new(Box::pin(tokio_stream::once(Ok(part)))))
    }

    async fn watch_traffic(
        &self,
        request: Request<v1::WatchTrafficRequest>,
    ) -> Result<Response<Self::WatchTrafficStream>, Status> {
        self.requests.lock().unwrap().push(request.into_inner());
        let steps = {
            let mut watches = self.watches.lock().unwrap();
            let steps = watches.pop_front().unwrap_or_default();
            if watches.is_empty() {
                watches.push_back(steps.clone());
            }
            steps
        };
        let idle = steps.iter().any(|step| matches!(step, Step::Idle));
        let events = tokio_stream::iter(steps).filter_map(|step| match step {
            Step::Send(response) => Some(Ok(*response)),
            Step::Fail(status) => Some(Err(status)),
            Step::Idle => None,
        });
        if idle {
            return Ok(Response::new(Box::pin(
                events.chain(tokio_stream::pending()),
            )));
        }
        Ok(Response::new(Box::pin(events)))
    }
}
