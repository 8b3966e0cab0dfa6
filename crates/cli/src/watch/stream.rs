//! The loop of a streaming command: events of the agent in, text out, signals and limits obeyed.

use std::time::Duration;

use netmon_api::filter::Filter;

use super::endings::Endings;
use super::past::Past;
use crate::failure::Failure;
use crate::group::narrow::narrow;
use crate::outcome::Outcome;
use crate::outcome::Signals;
use crate::output::block::View;
use crate::output::numbers::Known;
use crate::output::sink::Sink;
use crate::output::sink::Written;
use crate::output::Printer;
use crate::row::Bytes;
use crate::row::Sample;
use crate::session::merge::Merge;
use crate::session::watch::Event;
use crate::session::watch::Follow;
use crate::session::watch::Gap;
use crate::session::watch::GapReason;
use crate::session::watch::Reconnect;
use crate::session::watch::Watch;
use crate::session::Session;
use crate::tell::Tell;
use crate::units::span;

/// Everything a streaming command needs.
pub struct Stream {
    /// The format.
    pub printer: Box<dyn Printer>,
    /// How to look at samples.
    pub view: View,
    /// What the numbers of processes are narrowed to; `None`: all of their connections.
    pub narrow: Option<Filter>,
    /// Joins ticks to the wanted step.
    pub merge: Merge,
    /// Where the text goes.
    pub sink: Sink,
    /// What may end it.
    pub signals: Signals,
    /// What people should know.
    pub tell: Tell,
    /// When it ends by itself.
    pub limits: Limits,
    /// When its time is up; `None`: never, or not begun.
    pub end: Option<tokio::time::Instant>,
    /// Samples printed so far.
    pub printed: u64,
}

/// When a stream ends by itself.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// After this many samples; 0: never.
    pub count: u64,
    /// After this time; `None`: never.
    pub duration: Option<Duration>,
}

/// Why the loop ends.
pub(super) enum Stop {
    Count,
    Duration,
    Unread,
    Signal(Outcome),
    Failed(Failure),
}

impl Stream {
    /// Follows the agent until a limit, a signal, a failure or the end of the reader.
    ///
    /// # Errors
    /// The agent went away for good, or the output cannot be written.
    pub async fn run(
        mut self,
        session: Session,
        follow: Follow,
        mut past: Option<Past>,
    ) -> Result<Outcome, Failure> {
        let mut text = String::new();
        self.printer.begin(session.agent(), &mut text);
        let mut endings = Endings::default();
        self.end = self
            .limits
            .duration
            .map(|span| tokio::time::Instant::now() + span);
        let mut ready = self.put(text).await;
        if let (Ok(()), Some(past)) = (&ready, &mut past) {
            ready = self.recall(past, &mut endings).await;
        }
        let stop = match ready {
            Ok(()) => {
                let reconnect = follow.reconnect;
                let watch = session.watch(follow);
                self.follow(watch, reconnect, past, &mut endings).await
            }
            Err(stop) => stop,
        };
        let (reason, result) = match stop {
            Stop::Unread => return Ok(Outcome::Done),
            Stop::Count => ("count", Ok(Outcome::Done)),
            Stop::Duration => ("duration", Ok(Outcome::Done)),
            Stop::Signal(Outcome::Terminated) => ("terminated", Ok(Outcome::Terminated)),
            Stop::Signal(outcome) => ("interrupted", Ok(outcome)),
            Stop::Failed(Failure::File { what, source }) => {
                return Err(Failure::File { what, source });
            }
            Stop::Failed(failure) => ("agent_gone", Err(failure)),
        };
        let mut text = String::new();
        if let Some(rest) = self.merge.flush() {
            self.print(rest, &mut endings, &mut text);
        }
        self.printer.end(reason, &mut text);
        // The last words are not worth another error.
        let _ = self.put(text).await;
        result
    }

    async fn follow(
        &mut self,
        mut watch: Watch,
        reconnect: Reconnect,
        mut past: Option<Past>,
        endings: &mut Endings,
    ) -> Stop {
        let end = self.end;
        let mut lost = Connection::Up;
        loop {
            let event = tokio::select! {
                biased;
                outcome = self.signals.next() => return Stop::Signal(outcome),
                () = sleep_until(end) => return Stop::Duration,
                event = watch.next() => event,
            };
            let Some(event) = event else {
                return Stop::Failed(Failure::Ended {
                    reason: "no more events".to_owned(),
                });
            };
            let mut text = String::new();
            match event {
                Event::Sample(sample) => {
                    let fresh = match past.take() {
                        Some(mut past) => self.join(&mut past, &sample, endings).await,
                        None => Ok(true),
                    };
                    let taken = match fresh {
                        Ok(true) => self.take(*sample, endings).await,
                        Ok(false) => Ok(()),
                        Err(stop) => Err(stop),
                    };
                    if let Err(stop) = taken {
                        return stop;
                    }
                }
                Event::Gap(gap) => {
                    if let Err(stop) = self.gap(&gap).await {
                        return stop;
                    }
                }
                Event::Lost {
                    why,
                    retry_in: None,
                } => {
                    return Stop::Failed(match reconnect {
                        Reconnect::Never => Failure::Ended {
                            reason: why.headline(),
                        },
                        Reconnect::Always => why,
                    });
                }
                Event::Lost { why, .. } => {
                    if lost == Connection::Up {
                        let headline = why.headline();
                        self.tell.line(&format!("-- {headline}; trying again --"));
                        self.printer.notice(&headline, &mut text);
                    }
                    lost = Connection::Down;
                }
                // A stream of this command never changes what it asks for.
                Event::Details { .. } => {}
                Event::Back(agent) => {
                    lost = Connection::Up;
                    self.view.known = Known {
                        totals: self.view.known.totals,
                        ..Known::new(&agent.capabilities, self.view.scope)
                    };
                    self.tell.line("-- connected again --");
                    self.printer.notice("connected again", &mut text);
                }
            }
            if let Err(stop) = self.put(text).await {
                return stop;
            }
        }
    }

    /// Prints the sample when it completes a step, and stops when that was the last one.
    pub(super) async fn take(&mut self, sample: Sample, endings: &mut Endings) -> Result<(), Stop> {
        let Some(sample) = self.merge.push(sample) else {
            return Ok(());
        };
        let mut text = String::new();
        self.print(sample, endings, &mut text);
        self.printed += 1;
        self.put(text).await?;
        if self.limits.count > 0 && self.printed >= self.limits.count {
            return Err(Stop::Count);
        }
        Ok(())
    }

    /// Tells of missing ticks.
    pub(super) async fn gap(&mut self, gap: &Gap) -> Result<(), Stop> {
        let mut text = String::new();
        self.tell.line(&gap_text(gap));
        self.printer.gap(gap, &mut text);
        self.put(text).await
    }

    fn print(&mut self, mut sample: Sample, endings: &mut Endings, text: &mut String) {
        if let Some(filter) = &self.narrow {
            narrow(&mut sample, filter);
        }
        self.printer.sample(&self.view.block(&sample), text);
        for row in endings.of(&sample) {
            self.printer
                .exit(&self.view.line(row, &sample, Bytes::default()), text);
        }
    }

    async fn put(&mut self, text: String) -> Result<(), Stop> {
        match self.sink.write_whole(text, &mut self.signals).await {
            Err(failure) => Err(Stop::Failed(failure)),
            Ok((Written::Unread, _)) => Err(Stop::Unread),
            Ok((Written::Whole, Some(outcome))) => Err(Stop::Signal(outcome)),
            Ok((Written::Whole, None)) => Ok(()),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Connection {
    Up,
    Down,
}

pub(super) async fn sleep_until(end: Option<tokio::time::Instant>) {
    match end {
        Some(end) => tokio::time::sleep_until(end).await,
        None => std::future::pending().await,
    }
}

fn gap_text(gap: &Gap) -> String {
    let missing = match gap.span() {
        Some(length) => format!("{} missing", seconds(length)),
        None => format!("ticks {} to {} missing", gap.from_seq, gap.to_seq),
    };
    let counters = if gap.counters_kept {
        ""
    } else {
        ", counters start at zero"
    };
    match gap.reason {
        GapReason::AgentRestart => format!("-- agent restarted, {missing}{counters} --"),
        GapReason::AgentLoss => format!("-- the agent has lost ticks, {missing}{counters} --"),
        GapReason::Lag => format!("-- reader too slow or away, {missing}{counters} --"),
    }
}

fn seconds(length: Duration) -> String {
    if length < Duration::from_secs(60) {
        return format!("{:.0} s", length.as_secs_f64());
    }
    span::format(length)
}
