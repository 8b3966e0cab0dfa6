//! The loop of a trace: packets and counts of the agent in, lines out, signals and limits obeyed.

use std::time::Duration;

use tokio::time::Instant;

use crate::args::trace::TraceArgs;
use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::outcome::Signals;
use crate::output::sink::Sink;
use crate::output::sink::Written;
use crate::output::trace::tally::Tallies;
use crate::output::trace::way::Ways;
use crate::output::trace::Line;
use crate::output::trace::Printer;
use crate::row::packet::Counts;
use crate::row::packet::Packet;
use crate::row::packet::Point;
use crate::session::trace::Event;
use crate::session::trace::Trace;
use crate::tell::Tell;

// Counts come every second. Those that come after the end was asked for make the last ones exact.
const LAST_COUNTS: Duration = Duration::from_millis(1300);

/// What is printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Goal {
    /// A line per packet and point.
    Packets,
    /// Counts of every second.
    Counts,
    /// A capture file of this name.
    Capture(String),
}

/// Everything a trace needs.
pub struct Follow {
    printer: Box<dyn Printer>,
    sink: Sink,
    signals: Signals,
    tell: Tell,
    goal: Goal,
    rate: u32,
    // 0: no limit.
    count: u64,
    duration: Option<Duration>,
    ways: Ways,
    tallies: Tallies,
    printed: u64,
    // Events that the format has no place for.
    left_out: u64,
    summaries: u64,
    // Whether the reader knows that the rate is exceeded.
    warned: bool,
}

// How the loop ends.
enum End {
    // Of itself, or of a signal.
    Asked(&'static str, Outcome),
    Unread,
    Failed(Failure),
}

// What has asked the loop to end, and when it does at last.
struct Stopping {
    reason: &'static str,
    outcome: Outcome,
    deadline: Instant,
}

impl Follow {
    /// Prints with `printer` into `sink`.
    pub fn new(
        printer: Box<dyn Printer>,
        sink: Sink,
        signals: Signals,
        tell: Tell,
        args: &TraceArgs,
        goal: Goal,
    ) -> Self {
        Self {
            printer,
            sink,
            signals,
            tell,
            goal,
            rate: args.rate,
            count: args.count,
            duration: args.duration,
            ways: Ways::default(),
            tallies: Tallies::default(),
            printed: 0,
            left_out: 0,
            summaries: 0,
            warned: false,
        }
    }

    /// Follows the trace until a limit, a signal, a failure or the end of the reader.
    ///
    /// # Errors
    /// The agent went away, or the output cannot be written.
    pub async fn run(mut self, mut trace: Trace) -> Result<Outcome, Failure> {
        let mut out = Vec::new();
        let agent = trace.session().agent();
        self.printer.begin(agent, trace.points(), &mut out);
        let end = self.follow(&mut trace, out).await;
        let (reason, result) = match end {
            End::Unread => return Ok(Outcome::Done),
            End::Failed(failure @ Failure::File { .. }) => return Err(failure),
            End::Failed(failure) => ("agent_gone", Err(failure)),
            End::Asked(reason, outcome) => (reason, Ok(outcome)),
        };
        let mut out = Vec::new();
        let total = self.tallies.total(trace.points(), self.printed);
        self.printer.end(total.as_ref(), reason, &mut out);
        // The last words are not worth another error.
        let _ = self.sink.write_whole(out, &mut self.signals).await;
        self.sum_up(trace.points());
        result
    }

    async fn follow(&mut self, trace: &mut Trace, start: Vec<u8>) -> End {
        let mut stopping = None;
        if let Err(end) = self.put(start, &mut stopping).await {
            return end;
        }
        // The agent ends it itself; this is for one that does not.
        let patience = self.duration.map(|span| span.saturating_add(LAST_COUNTS));
        let duration_ends = patience.and_then(|span| Instant::now().checked_add(span));
        loop {
            let deadline = match &stopping {
                Some(Stopping { deadline, .. }) => Some(*deadline),
                None => duration_ends,
            };
            let event = tokio::select! {
                biased;
                outcome = self.signals.next() => match stopping.take() {
                    // Asked twice: it is meant.
                    Some(stop) => return stop.end(),
                    None => {
                        stopping = Some(Stopping::by(outcome));
                        continue;
                    }
                },
                () = sleep_until(deadline) => match stopping.take() {
                    Some(stop) => return stop.end(),
                    None => {
                        stopping = Some(Stopping::new("duration", Outcome::Done));
                        continue;
                    }
                },
                event = trace.next() => event,
            };
            let mut out = Vec::new();
            let last = match event {
                Ok(Some(Event::Packets(packets))) => self.print(&packets, trace.points(), &mut out),
                Ok(Some(Event::Counts(counts))) => {
                    if counts.last && stopping.is_none() && self.duration.is_some() {
                        stopping = Some(Stopping::new("duration", Outcome::Done));
                    }
                    self.tally(counts, trace.points(), &mut out) || stopping.is_some()
                }
                _ if stopping.is_some() => return Stopping::end_of(stopping.take()),
                Ok(None) => return End::Failed(trace.ended()),
                Err(failure) => return End::Failed(failure),
            };
            if let Err(end) = self.put(out, &mut stopping).await {
                return end;
            }
            match (last, stopping.take()) {
                (true, Some(stop)) => return stop.end(),
                (true, None) => return End::Asked("count", Outcome::Done),
                (false, still) => stopping = still,
            }
        }
    }

    // Whether these were the last ones wanted.
    fn print(&mut self, packets: &[Packet], points: &[Point], out: &mut Vec<u8>) -> bool {
        let mut rest = packets;
        while !rest.is_empty() {
            let room = match self.count {
                0 => rest.len(),
                count => usize::try_from(count.saturating_sub(self.printed)).unwrap_or(usize::MAX),
            };
            let (now, later) = rest.split_at(room.min(rest.len()));
            rest = later;
            let lines: Vec<_> = now
                .iter()
                .map(|packet| Line {
                    packet,
                    point: points.get(packet.point),
                    since: self.ways.pass(packet),
                })
                .collect();
            let printed = self.printer.packets(&lines, out);
            self.printed += printed;
            self.left_out += (lines.len() as u64).saturating_sub(printed);
            if self.count > 0 && self.printed >= self.count {
                return true;
            }
        }
        false
    }

    // Whether these were the last ones wanted.
    fn tally(&mut self, counts: Counts, points: &[Point], out: &mut Vec<u8>) -> bool {
        let suppressed = counts.sum().suppressed;
        let tally = self.tallies.step(points, counts, self.printed);
        self.printer.step(&tally, out);
        if self.goal == Goal::Counts {
            self.summaries += 1;
            return self.count > 0 && self.summaries >= self.count;
        }
        if suppressed > 0 && !self.warned {
            self.warned = true;
            let text = format!(
                "more than {} events/s: the rest is counted, not shown (--rate allows more)",
                self.rate
            );
            self.tell.warning(&text);
            self.printer.notice(&text, out);
        }
        false
    }

    async fn put(&mut self, out: Vec<u8>, stopping: &mut Option<Stopping>) -> Result<(), End> {
        match self.sink.write_whole(out, &mut self.signals).await {
            Err(failure) => Err(End::Failed(failure)),
            // Also what a reader that does not read turns into once a signal has come.
            Ok((Written::Unread, _)) => Err(Stopping::end_of(stopping.take())),
            Ok((Written::Whole, Some(outcome))) => match stopping.take() {
                Some(stop) => Err(stop.end()),
                None => {
                    *stopping = Some(Stopping::by(outcome));
                    Ok(())
                }
            },
            Ok((Written::Whole, None)) => Ok(()),
        }
    }

    // What people should know at the end.
    fn sum_up(&self, points: &[Point]) {
        if let Goal::Capture(name) = &self.goal {
            let left_out = match self.left_out {
                0 => String::new(),
                events => format!("; {events} events without a header left out"),
            };
            self.tell.warning(&format!(
                "{} packets written to {name}{left_out}",
                self.printed
            ));
        }
        let Some(total) = self.tallies.total(points, self.printed) else {
            return;
        };
        let sum = total.sum.unwrap_or_default();
        if self.goal != Goal::Counts && (sum.suppressed > 0 || sum.lost > 0) {
            self.tell.warning(&format!(
                "of {} events: printed {} / suppressed by rate limit {} / lost in the ring {}",
                sum.events, total.printed, sum.suppressed, sum.lost
            ));
        }
    }
}

impl Stopping {
    fn new(reason: &'static str, outcome: Outcome) -> Self {
        Self {
            reason,
            outcome,
            deadline: Instant::now() + LAST_COUNTS,
        }
    }

    fn by(outcome: Outcome) -> Self {
        let reason = match outcome {
            Outcome::Terminated => "terminated",
            _ => "interrupted",
        };
        Self::new(reason, outcome)
    }

    fn end(self) -> End {
        End::Asked(self.reason, self.outcome)
    }

    fn end_of(stopping: Option<Self>) -> End {
        stopping.map_or(End::Unread, Self::end)
    }
}

async fn sleep_until(end: Option<Instant>) {
    match end {
        Some(end) => tokio::time::sleep_until(end).await,
        None => std::future::pending().await,
    }
}
