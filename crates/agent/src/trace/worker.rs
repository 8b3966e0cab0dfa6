//! The one thread that owns the hooks of the trace: takes events out of the ring, gives each viewer
//! its own, and is idle when there is none.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::mpsc;
use std::sync::mpsc::RecvTimeoutError;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;
use std::time::Instant;

use netmon_bpf::memory;
use netmon_bpf::trace::Facts;
use netmon_bpf::trace::Symbols;
use netmon_bpf::trace::Tracer;
use netmon_bpf::trace::SLOTS;
use netmon_bpf::trace::TABLE;

use super::facts;
use super::viewer::Stage;
use super::viewer::Viewer;
use super::Application;
use super::Known;
use super::Refusal;
use super::TraceLease;
use crate::causes::report;

/// Between looks into the ring, which holds some 11,000 events.
const TURN: Duration = Duration::from_millis(10);
/// Looks into the ring of one turn, when it was full.
const DRAINS: usize = 8;
/// Before another viewer gets a slot: programs that were in the middle counted for the one before.
const REST: Duration = Duration::from_secs(1);
/// New network namespaces are looked for.
const NAMESPACES_EVERY: Duration = Duration::from_secs(2);
/// Parcels that a viewer need not have read yet.
const PARCELS: usize = 2;

#[derive(Debug)]
struct Hooked {
    tracer: Tracer,
    facts: Arc<Facts>,
    symbols: Arc<Symbols>,
    viewers: [Option<Viewer>; SLOTS],
    /// When the last viewer of a slot went.
    rested: [Option<Instant>; SLOTS],
    namespaces_due: Instant,
}

#[derive(Debug)]
pub(super) struct Worker {
    pins: PathBuf,
    known: Arc<Mutex<Known>>,
    hooked: Option<Hooked>,
    /// For a slot that is at rest.
    queue: VecDeque<Application>,
}

impl Worker {
    pub(super) fn new(pins: PathBuf, known: Arc<Mutex<Known>>) -> Self {
        Worker {
            pins,
            known,
            hooked: None,
            queue: VecDeque::new(),
        }
    }

    /// Until nobody can ask any more. Blocks.
    pub(super) fn run(mut self, applications: &mpsc::Receiver<Application>) {
        loop {
            let next = match self.hooked {
                None => applications.recv().map_err(RecvTimeoutError::from),
                Some(_) => applications.recv_timeout(TURN),
            };
            match next {
                Ok(application) => self.apply(application),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.turn();
        }
    }

    fn apply(&mut self, application: Application) {
        if self.hooked.is_none() {
            match self.hook() {
                Ok(hooked) => self.hooked = Some(hooked),
                Err(refusal) => {
                    let _ = application.answer.send(Err(refusal));
                    return;
                }
            }
        }
        let taken = self
            .hooked
            .iter()
            .flat_map(|hooked| hooked.viewers.iter().flatten());
        if taken.count() + self.queue.len() >= SLOTS {
            let _ = application.answer.send(Err(Refusal::Full));
        } else {
            self.queue.push_back(application);
        }
    }

    fn hook(&mut self) -> Result<Hooked, Refusal> {
        let facts = facts(&self.known).map_err(Refusal::Impossible)?;
        let begin = Instant::now();
        let started = Tracer::start(&facts, &self.pins);
        let tracer = started.map_err(|error| Refusal::Impossible(report(&error)))?;
        let outcome = tracer.outcome().clone();
        let hooked = outcome.iter().filter(|point| point.is_ok()).count();
        if hooked == 0 {
            let first = outcome.iter().zip(TABLE).find_map(|(outcome, point)| {
                let reason = outcome.as_ref().err()?;
                Some(format!("{} {}: {reason}", point.kind, point.name))
            });
            return Err(Refusal::Impossible(first.unwrap_or_default()));
        }
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.outcome = Some(outcome);
        tracing::info!(points = hooked, took = ?begin.elapsed(), "tracing packets");
        Ok(Hooked {
            tracer,
            facts,
            symbols: Arc::new(Symbols::new()),
            viewers: Default::default(),
            rested: [None; SLOTS],
            namespaces_due: Instant::now() + NAMESPACES_EVERY,
        })
    }

    fn turn(&mut self) {
        let Some(hooked) = &mut self.hooked else {
            return;
        };
        hooked.seat(&mut self.queue);
        let failed = hooked.turn().err();
        if let Some(error) = &failed {
            tracing::error!(error = %report(error), "the packet trace ends");
        }
        let idle = hooked.viewers.iter().all(Option::is_none) && self.queue.is_empty();
        if idle || failed.is_some() {
            let begin = Instant::now();
            self.hooked = None;
            memory::give_back();
            tracing::info!(took = ?begin.elapsed(), "nobody traces packets any more");
        }
    }
}

impl Hooked {
    /// Gives slots to those that wait.
    fn seat(&mut self, queue: &mut VecDeque<Application>) {
        let now = Instant::now();
        while !queue.is_empty() {
            let free = (0..SLOTS).find(|slot| {
                let rested = self.rested[*slot].is_none_or(|since| now - since >= REST);
                self.viewers[*slot].is_none() && rested
            });
            let Some(slot) = free else { return };
            let Some(application) = queue.pop_front() else {
                return;
            };
            if application.answer.is_closed() {
                continue;
            }
            let Application { request, answer } = application;
            if let Err(error) = self.tracer.open(slot, &request.wish) {
                let _ = answer.send(Err(Refusal::Impossible(report(&error))));
                continue;
            }
            let (sender, parcels) = tokio::sync::mpsc::channel(PARCELS);
            self.viewers[slot] = Some(Viewer::new(sender, request.duration, now));
            // If it has gone meanwhile, the next turn notices.
            let _ = answer.send(Ok(TraceLease {
                outcome: self.tracer.outcome().clone(),
                facts: Arc::clone(&self.facts),
                symbols: Arc::clone(&self.symbols),
                parcels,
            }));
        }
    }

    fn turn(&mut self) -> netmon_bpf::error::Result<()> {
        let now = Instant::now();
        for slot in 0..SLOTS {
            let Some(viewer) = &mut self.viewers[slot] else {
                continue;
            };
            if viewer.is_gone() {
                self.tracer.close(slot)?;
                self.viewers[slot] = None;
                self.rested[slot] = Some(now);
            } else if viewer.is_over(now) {
                self.tracer.close(slot)?;
                viewer.stage = Stage::Ending(now);
            }
        }
        // Before the ring is read: what these count is in it or behind.
        self.drain()?;
        for slot in 0..SLOTS {
            let Some(viewer) = &mut self.viewers[slot] else {
                continue;
            };
            viewer.flush();
            if viewer.counts_are_due(now) {
                viewer.tell_counts(&self.tracer.tallies(slot)?, now);
            }
            if viewer.is_done(now) {
                let tallies = self.tracer.tallies(slot)?;
                if let Some(viewer) = self.viewers[slot].take() {
                    viewer.tell_last(&tallies);
                }
                self.rested[slot] = Some(now);
            }
        }
        if now >= self.namespaces_due {
            self.namespaces_due = now + NAMESPACES_EVERY;
            self.tracer.follow_namespaces();
        }
        Ok(())
    }

    fn drain(&mut self) -> netmon_bpf::error::Result<()> {
        let viewers = &mut self.viewers;
        for _ in 0..DRAINS {
            let more = self.tracer.drain(|event| {
                let slots = (0..SLOTS).filter(|slot| event.slots & 1 << slot != 0);
                for slot in slots {
                    if let Some(viewer) = &mut viewers[slot] {
                        viewer.take(event.clone(), slot);
                    }
                }
            })?;
            viewers.iter_mut().flatten().for_each(Viewer::flush);
            if !more {
                break;
            }
        }
        Ok(())
    }
}
