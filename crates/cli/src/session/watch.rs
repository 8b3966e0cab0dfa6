//! A subscription that outlives its connection: samples, gaps and losses, one after another.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use netmon_api::v1;
use netmon_api::v1::watch_traffic_response::Event as Wire;
use tokio::sync::mpsc;
use tokio::sync::watch;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tonic::Streaming;

use super::agent::Agent;
use super::backoff::Backoff;
use super::fold::Fold;
use super::successor::Coming;
use super::successor::Successor;
use super::Session;
use crate::failure::Failure;
use crate::row::decode::timestamp;
use crate::row::Sample;
use crate::target::Target;

/// What happens on a subscription.
#[derive(Debug)]
pub enum Event {
    /// The state at the end of one tick. The first one comes from the snapshot.
    Sample(Box<Sample>),
    /// Ticks that were not received one by one. Their bytes are in the totals.
    Gap(Gap),
    /// The connection is gone. Everything received so far stays valid.
    Lost {
        /// Why.
        why: Failure,
        /// The next attempt follows after this; `None`: there is none until [`Watch::retry`].
        retry_in: Option<Duration>,
    },
    /// What samples have from now on.
    Details {
        /// That.
        details: Details,
        /// The last sample once more, with it; `None`: the next one comes with it.
        again: Option<Box<Sample>>,
    },
    /// Connected again; a sample follows. The agent may be another one.
    Back(Box<Agent>),
}

/// Ticks that a client did not get one by one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// First missing tick.
    pub from_seq: u64,
    /// Last missing tick.
    pub to_seq: u64,
    /// Begin; `None`: not known.
    pub from: Option<Timestamp>,
    /// End; `None`: not known.
    pub to: Option<Timestamp>,
    /// Why.
    pub reason: GapReason,
    /// The totals include the gap. Otherwise counting started at zero after it.
    pub counters_kept: bool,
}

impl Gap {
    /// How long it was; `None`: not known.
    pub fn span(&self) -> Option<Duration> {
        Duration::try_from(self.to?.duration_since(self.from?)).ok()
    }
}

/// Why ticks are missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GapReason {
    /// The agent was not running.
    AgentRestart,
    /// The agent was running; this client was slow or away.
    Lag,
    /// The agent has them no more: damaged, or not written.
    AgentLoss,
}

/// Whether a lost connection is made again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reconnect {
    /// For ever, with growing waits.
    Always,
    /// The first loss ends the subscription.
    Never,
}

/// What is followed.
#[derive(Debug)]
pub struct Follow {
    /// Which processes.
    pub filter: v1::Filter,
    /// What becomes of a lost connection to the agent.
    pub reconnect: Reconnect,
    /// What besides processes.
    pub details: Details,
}

/// What samples have besides processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Details {
    /// Nothing.
    None,
    /// Their connections.
    Connections,
}

/// A running subscription. Dropping it ends it.
#[derive(Debug)]
pub struct Watch {
    events: mpsc::Receiver<Event>,
    retry: Arc<Notify>,
    wanted: watch::Sender<Details>,
    task: JoinHandle<()>,
}

impl Watch {
    /// Waits for the next event. `None`: lost, and [`Reconnect::Never`]. May be dropped and called
    /// again at any time without losing an event.
    pub async fn next(&mut self) -> Option<Event> {
        self.events.recv().await
    }

    /// Ends the wait before the next attempt to connect.
    pub fn retry(&self) {
        self.retry.notify_one();
    }
}

impl Watch {
    /// Asks for samples with `details` from now on. No tick is lost on the way: the old
    /// subscription goes on until the new one has caught up with it.
    pub fn want(&self, details: Details) {
        self.wanted.send_if_modified(|wanted| {
            let change = *wanted != details;
            *wanted = details;
            change
        });
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Subscribes in the background. A client that does not take its events stops reading from the
/// agent, which then merges ticks for it.
pub(super) fn start(session: Session, follow: Follow) -> Watch {
    // One event in flight: the queue that may grow is the agent's, which merges.
    let (sender, events) = mpsc::channel(1);
    let retry = Arc::new(Notify::new());
    let (wanted, wishes) = watch::channel(follow.details);
    let follower = Follower {
        target: session.target().clone(),
        details: follow.details,
        follow,
        wishes,
        retry: Arc::clone(&retry),
        sender,
        fold: Fold::default(),
        last: None,
    };
    Watch {
        events,
        retry,
        wanted,
        task: tokio::spawn(follower.run(session)),
    }
}

struct Follower {
    target: Target,
    follow: Follow,
    wishes: watch::Receiver<Details>,
    /// What the listener knows samples to have.
    details: Details,
    retry: Arc<Notify>,
    sender: mpsc::Sender<Event>,
    fold: Fold,
    last: Option<Seen>,
}

// The last tick that was passed on.
struct Seen {
    seq: u64,
    instance: String,
}

/// When a subscription that could not be changed is tried again.
const ASK_AGAIN: Duration = Duration::from_secs(5);

/// Nobody listens any more.
struct Unheard;

async fn sleep_until(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}

impl Follower {
    async fn run(mut self, mut session: Session) {
        let mut backoff = Backoff::default();
        loop {
            let before = self.last.as_ref().map(|seen| seen.seq);
            let Ok(why) = self.follow(&mut session).await else {
                return;
            };
            if before != self.last.as_ref().map(|seen| seen.seq) {
                backoff.reset();
            }
            session = match self.reconnect(why, &mut backoff).await {
                Ok(session) => session,
                Err(Unheard) => return,
            };
        }
    }

    // Until the connection is lost; says why.
    async fn follow(&mut self, session: &mut Session) -> Result<Failure, Unheard> {
        self.fold.restart();
        let instance = session.agent().instance.clone();
        let details = *self.wishes.borrow_and_update();
        let mut stream = match session.subscribe(self.request(details)).await {
            Ok(stream) => stream,
            Err(why) => return Ok(why),
        };
        self.tell(details, None).await?;
        let patience = session.patience();
        let mut coming = Coming::Nobody;
        let mut again = None;
        loop {
            let last = self.last.as_ref().map(|seen| seen.seq);
            if let Some(successor) = coming.take(last) {
                stream = self.succeed(successor, &instance).await?;
                continue;
            }
            tokio::select! {
                event = next_message(&mut stream, patience) => match event {
                    Ok(event) => self.take(event, &instance).await?,
                    Err(ended) => return Ok(ended.why(session)),
                },
                step = coming.step(patience), if coming.is_behind(last) => {
                    // The first one goes on as if nothing had been asked.
                    if let Err(why) = step {
                        tracing::warn!(why = %why.headline(), "no subscription with other details");
                        coming = Coming::Nobody;
                        again = Some(Instant::now() + ASK_AGAIN);
                    }
                }
                Ok(()) = self.wishes.changed() => {
                    again = None;
                    coming = self.begin(session);
                }
                () = sleep_until(again) => {
                    again = None;
                    coming = self.begin(session);
                }
            }
        }
    }

    // Another subscription, if what is wished differs from what there is.
    fn begin(&mut self, session: &Session) -> Coming {
        let details = *self.wishes.borrow_and_update();
        if details == self.details {
            return Coming::Nobody;
        }
        let fold = self.fold.successor();
        Coming::begin(session.clone(), self.request(details), fold, details)
    }

    async fn succeed(&mut self, successor: Successor, instance: &str) -> Result<Messages, Unheard> {
        let Successor {
            stream,
            fold,
            sample,
            details,
        } = successor;
        self.fold = fold;
        let last = self.last.as_ref().map(|seen| seen.seq);
        if last == Some(sample.seq) {
            self.tell(details, Some(Box::new(sample))).await?;
        } else {
            self.tell(details, None).await?;
            self.pass_on(sample, instance).await?;
        }
        Ok(stream)
    }

    fn request(&self, details: Details) -> v1::WatchTrafficRequest {
        v1::WatchTrafficRequest {
            filter: Some(self.follow.filter.clone()),
            since_seq: self.last.as_ref().map(|seen| seen.seq),
            since_instance_id: self.last.as_ref().map(|seen| seen.instance.clone()),
            connections: details == Details::Connections,
        }
    }

    async fn take(&mut self, event: Wire, instance: &str) -> Result<(), Unheard> {
        let sample = match event {
            Wire::Snapshot(part) => self.fold.snapshot(part).map(current),
            Wire::Update(update) => Some(self.fold.update(update)),
            Wire::Gap(gap) => {
                self.send(Event::Gap(decode_gap(&gap))).await?;
                None
            }
        };
        match sample {
            Some(sample) => self.pass_on(sample, instance).await,
            None => Ok(()),
        }
    }

    async fn tell(&mut self, details: Details, again: Option<Box<Sample>>) -> Result<(), Unheard> {
        if self.details == details && again.is_none() {
            return Ok(());
        }
        self.details = details;
        self.send(Event::Details { details, again }).await
    }

    async fn pass_on(&mut self, sample: Sample, instance: &str) -> Result<(), Unheard> {
        let repeated = self
            .last
            .as_ref()
            .is_some_and(|seen| seen.instance == instance && sample.seq <= seen.seq);
        self.last = Some(Seen {
            seq: sample.seq,
            instance: instance.to_owned(),
        });
        if repeated {
            return Ok(());
        }
        self.send(Event::Sample(Box::new(sample))).await
    }

    async fn reconnect(
        &mut self,
        mut why: Failure,
        backoff: &mut Backoff,
    ) -> Result<Session, Unheard> {
        loop {
            // Nothing but an update helps against an agent that speaks another API.
            let hopeless = matches!(why, Failure::Version { .. });
            let wait = (self.follow.reconnect == Reconnect::Always && !hopeless)
                .then(|| backoff.next_wait());
            self.send(Event::Lost {
                why,
                retry_in: wait,
            })
            .await?;
            match wait {
                Some(wait) => {
                    // Either the time is up or the user does not want to wait for it.
                    let _ = tokio::time::timeout(wait, self.retry.notified()).await;
                }
                None if self.follow.reconnect == Reconnect::Never => return Err(Unheard),
                None => self.retry.notified().await,
            }
            match Session::open_once(&self.target).await {
                Ok(session) => {
                    self.send(Event::Back(Box::new(session.agent().clone())))
                        .await?;
                    return Ok(session);
                }
                Err(failure) => why = failure,
            }
        }
    }

    async fn send(&self, event: Event) -> Result<(), Unheard> {
        self.sender.send(event).await.map_err(|_| Unheard)
    }
}

// A snapshot may tell of connections that ended long ago; a stream is about its own time.
pub(super) fn current(mut sample: Sample) -> Sample {
    let length = sample.length.unwrap_or_default();
    let now = sample.time;
    let recent = |closed: Timestamp| {
        Duration::try_from(now.duration_since(closed)).is_ok_and(|past| past < length)
    };
    sample.connections.retain(|connection| {
        connection
            .closed
            .is_none_or(|closed| closed > now || recent(closed))
    });
    sample
}

/// Messages of a subscription.
pub(super) type Messages = Streaming<v1::WatchTrafficResponse>;

/// Why a stream ends.
pub(super) enum Ended {
    Silent(Duration),
    Closed(Option<tonic::Status>),
}

impl Ended {
    /// For the user.
    pub(super) fn why(self, session: &Session) -> Failure {
        match self {
            Self::Silent(patience) => Failure::silent(session.target(), patience),
            Self::Closed(status) => session.lost(status.as_ref()),
        }
    }
}

/// Silence is waited out in pieces: whoever was stopped meanwhile wakes up late in one of them, and has
/// the next ones to read what came.
const PIECES: u32 = 10;

async fn message(
    stream: &mut Messages,
    patience: Duration,
) -> Option<Result<Option<v1::WatchTrafficResponse>, tonic::Status>> {
    for _ in 0..PIECES {
        let heard = tokio::time::timeout(patience / PIECES, stream.message()).await;
        if let Ok(message) = heard {
            return Some(message);
        }
    }
    None
}

pub(super) async fn next_message(stream: &mut Messages, patience: Duration) -> Result<Wire, Ended> {
    loop {
        let message = message(stream, patience)
            .await
            .ok_or(Ended::Silent(patience))?
            .map_err(|status| Ended::Closed(Some(status)))?
            .ok_or(Ended::Closed(None))?;
        // A kind of event that this client does not know yet is skipped.
        if let Some(event) = message.event {
            return Ok(event);
        }
    }
}

fn decode_gap(gap: &v1::Gap) -> Gap {
    Gap {
        from_seq: gap.from_seq,
        to_seq: gap.to_seq,
        from: timestamp(gap.from_time.as_ref()),
        to: timestamp(gap.to_time.as_ref()),
        reason: match gap.reason() {
            v1::GapReason::AgentRestart => GapReason::AgentRestart,
            v1::GapReason::Lag | v1::GapReason::Unspecified => GapReason::Lag,
        },
        counters_kept: gap.counters_kept,
    }
}

#[cfg(test)]
#[path = "watch_tests.rs"]
mod tests;
