//! One connection to the agent: open it, ask it, follow it.

pub mod agent;
pub mod backoff;
pub mod capabilities;
pub mod fold;
pub mod history;
pub mod merge;
pub mod successor;
pub mod trace;
pub mod watch;

use std::io::Write as _;
use std::time::Duration;
use std::time::Instant;

use netmon_api::endpoint;
use netmon_api::endpoint::Client;
use netmon_api::v1;
use netmon_api::v1::watch_traffic_response::Event;
use netmon_api::version;
use tonic::Code;
use tonic::Status;
use tonic::Streaming;

use self::agent::Agent;
use self::backoff::Backoff;
use self::fold::Fold;
use self::watch::Follow;
use self::watch::Watch;
use crate::failure::Failure;
use crate::row::Sample;
use crate::target::Target;
use crate::target::Wait;
use crate::text::sanitize;

/// A connection to an agent that has said who it is. A clone uses the same connection, so one can
/// be asked while the other follows.
#[derive(Debug, Clone)]
pub struct Session {
    client: Client,
    target: Target,
    agent: Agent,
}

impl Session {
    /// Connects, and waits for an agent as long as `target` says.
    ///
    /// # Errors
    /// Why there is no usable agent, with what the user can do.
    pub async fn open(target: &Target) -> Result<Self, Failure> {
        let deadline = match target.wait {
            Wait::No => return Self::open_once(target).await,
            Wait::Forever => None,
            Wait::For(span) => Instant::now().checked_add(span),
        };
        let mut backoff = Backoff::default();
        let mut said = false;
        loop {
            let failure = match Self::open_once(target).await {
                Err(failure) if failure.may_pass() => failure,
                done => return done,
            };
            let wait = backoff.next_wait().min(Duration::from_secs(1));
            if deadline.is_some_and(|deadline| Instant::now() + wait > deadline) {
                return Err(failure);
            }
            if !said {
                // Nobody is left to hear that stderr is closed.
                let _ = writeln!(
                    std::io::stderr(),
                    "waiting for the agent at {}",
                    target.socket.display()
                );
                said = true;
            }
            tokio::time::sleep(wait).await;
        }
    }

    /// Connects once.
    ///
    /// # Errors
    /// Why there is no usable agent, with what the user can do.
    pub async fn open_once(target: &Target) -> Result<Self, Failure> {
        let limit = target.connect_timeout;
        let hello = async {
            let mut client = endpoint::connect(&target.socket, limit)
                .await
                .map_err(|error| Failure::unreachable(target, error))?;
            let agent = client.get_agent(v1::GetAgentRequest {}).await;
            Ok((
                client,
                agent
                    .map_err(|status| unknown(target, &status))?
                    .into_inner(),
            ))
        };
        // A listener that never accepts looks connected, so the answer has the deadline too.
        let (client, agent) = tokio::time::timeout(limit, hello)
            .await
            .map_err(|_| Failure::silent(target, limit))??;
        let agent = agent::decode(agent);
        if !version::fits(&agent.api) {
            return Err(Failure::Version {
                api: sanitize(&agent.api).into_owned(),
                agent: sanitize(&agent.version).into_owned(),
            });
        }
        Ok(Self {
            client,
            target: target.clone(),
            agent,
        })
    }

    /// What the agent said about itself when the connection was made.
    pub fn agent(&self) -> &Agent {
        &self.agent
    }

    /// Where it is.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Asks the agent again about itself.
    ///
    /// # Errors
    /// The agent is gone or does not answer in time.
    pub async fn refresh(&mut self) -> Result<&Agent, Failure> {
        let limit = self.target.connect_timeout;
        let answer = self.client.get_agent(v1::GetAgentRequest {});
        let answer = tokio::time::timeout(limit, answer)
            .await
            .map_err(|_| Failure::silent(&self.target, limit))?
            .map_err(|status| rejected(&self.target, &status))?;
        self.agent = agent::decode(answer.into_inner());
        Ok(&self.agent)
    }

    /// Every selected process as of the last tick.
    ///
    /// # Errors
    /// The agent is gone, does not answer in time, or refuses.
    pub async fn processes(&mut self, filter: v1::Filter) -> Result<Sample, Failure> {
        let request = v1::ListProcessesRequest {
            filter: Some(filter),
        };
        let patience = self.patience();
        let parts = async {
            let failed = |status: Status| rejected(&self.target, &status);
            let mut parts = self
                .client
                .list_processes(request)
                .await
                .map_err(failed)?
                .into_inner();
            let mut fold = Fold::default();
            while let Some(part) = parts.message().await.map_err(failed)? {
                if let Some(sample) = part.snapshot.and_then(|part| fold.snapshot(part)) {
                    return Ok(sample);
                }
            }
            Err(Failure::lost(
                &self.target,
                "the list of processes is incomplete",
            ))
        };
        tokio::time::timeout(patience, parts)
            .await
            .map_err(|_| Failure::silent(&self.target, patience))?
    }

    /// Every selected process and its connections, as of one and the same tick.
    ///
    /// # Errors
    /// The agent is gone, does not answer in time, or refuses.
    pub async fn snapshot(&mut self, filter: v1::Filter) -> Result<Sample, Failure> {
        let request = v1::WatchTrafficRequest {
            filter: Some(filter),
            connections: true,
            ..v1::WatchTrafficRequest::default()
        };
        let patience = self.patience();
        let mut events = self.subscribe(request).await?;
        let target = &self.target;
        let parts = async {
            let mut fold = Fold::default();
            let failed = |status: Status| rejected(target, &status);
            while let Some(message) = events.message().await.map_err(failed)? {
                let Some(Event::Snapshot(part)) = message.event else {
                    continue;
                };
                if let Some(sample) = fold.snapshot(part) {
                    return Ok(watch::current(sample));
                }
            }
            Err(Failure::lost(target, "the snapshot is incomplete"))
        };
        tokio::time::timeout(patience, parts)
            .await
            .map_err(|_| Failure::silent(target, patience))?
    }

    /// The selected connections as of the last tick, with their processes; `closed`: also those
    /// that have ended. The processes have no numbers.
    ///
    /// # Errors
    /// The agent is gone, does not answer in time, or refuses.
    pub async fn connections(
        &mut self,
        filter: v1::Filter,
        closed: bool,
    ) -> Result<Sample, Failure> {
        let request = v1::ListConnectionsRequest {
            filter: Some(filter),
            closed,
        };
        let patience = self.patience();
        let parts = async {
            let failed = |status: Status| rejected(&self.target, &status);
            let mut parts = self
                .client
                .list_connections(request)
                .await
                .map_err(failed)?
                .into_inner();
            let mut fold = Fold::default();
            while let Some(part) = parts.message().await.map_err(failed)? {
                let part = v1::Snapshot {
                    tick: part.tick,
                    processes: part.processes,
                    rows: Vec::new(),
                    last: part.last,
                    connections: part.connections,
                };
                if let Some(sample) = fold.snapshot(part) {
                    return Ok(sample);
                }
            }
            Err(Failure::lost(
                &self.target,
                "the list of connections is incomplete",
            ))
        };
        tokio::time::timeout(patience, parts)
            .await
            .map_err(|_| Failure::silent(&self.target, patience))?
    }

    /// Follows the selected processes, tick by tick.
    pub fn watch(self, follow: Follow) -> Watch {
        watch::start(self, follow)
    }

    async fn subscribe(
        &mut self,
        request: v1::WatchTrafficRequest,
    ) -> Result<Streaming<v1::WatchTrafficResponse>, Failure> {
        // A subscription with connections begins when they have been counted.
        let limit = self.target.connect_timeout.max(self.patience());
        let stream = tokio::time::timeout(limit, self.client.watch_traffic(request))
            .await
            .map_err(|_| Failure::silent(&self.target, limit))?
            .map_err(|status| rejected(&self.target, &status))?;
        Ok(stream.into_inner())
    }

    // How long the agent may say nothing before it counts as lost.
    fn patience(&self) -> Duration {
        let usual = Duration::from_secs(10).max(self.agent.tick * 5);
        // Who gives a slow machine longer to begin gives it as long to go on.
        usual.max(self.target.connect_timeout)
    }

    fn lost(&self, status: Option<&Status>) -> Failure {
        match status {
            Some(status) => rejected(&self.target, status),
            None => Failure::lost(&self.target, "it ended the stream"),
        }
    }
}

fn unknown(target: &Target, status: &Status) -> Failure {
    match status.code() {
        Code::Unimplemented => Failure::Foreign {
            socket: target.socket.clone(),
        },
        _ => rejected(target, status),
    }
}

// A dead agent shows as Unknown ("h2 protocol error") as often as Unavailable.
fn rejected(target: &Target, status: &Status) -> Failure {
    match status.code() {
        Code::Unknown | Code::Unavailable | Code::Cancelled => {
            Failure::lost(target, &lost_reason(status))
        }
        Code::PermissionDenied => Failure::Refused {
            reason: words(status),
        },
        Code::InvalidArgument => Failure::Usage(words(status)),
        Code::NotFound => Failure::NotFound(words(status)),
        Code::Unimplemented | Code::FailedPrecondition => Failure::Impossible {
            what: "this".to_owned(),
            reason: words(status),
        },
        code => Failure::Agent {
            code: code.to_string(),
            message: words(status),
        },
    }
}

// What an agent says is printed, so it must not be able to play with the terminal.
fn words(status: &Status) -> String {
    sanitize(status.message()).into_owned()
}

fn lost_reason(status: &Status) -> String {
    match status.code() {
        Code::Unavailable if !status.message().is_empty() => words(status),
        _ => "the connection broke".to_owned(),
    }
}
