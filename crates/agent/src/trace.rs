//! Packets on their way through the kernel, for those who watch them: hooked with the first viewer,
//! gone with the last.

use std::path::PathBuf;
use std::sync::mpsc;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use netmon_bpf::trace::plan;
use netmon_bpf::trace::Event;
use netmon_bpf::trace::Facts;
use netmon_bpf::trace::Intent;
use netmon_bpf::trace::Outcome;
use netmon_bpf::trace::Symbols;
use netmon_bpf::trace::Wish;
use netmon_bpf::trace::SLOTS;
use tokio::sync::mpsc::Receiver;
use tokio::sync::oneshot;

use crate::causes::report;

mod viewer;

mod worker;

/// Events of one message.
pub const PART: usize = 512;

/// What a viewer asks for.
#[derive(Debug, Clone)]
pub struct Request {
    /// Which packets, and how many.
    pub wish: Wish,
    /// How long; `None`: until it goes away.
    pub duration: Option<Duration>,
}

/// Why a viewer gets no trace.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The agent was told so.
    #[error("packet traces are switched off: this agent was started with --no-trace")]
    SwitchedOff,
    /// All slots are taken.
    #[error("{SLOTS} packet traces run already; try again when one has ended")]
    Full,
    /// Not here.
    #[error("packets cannot be traced on this kernel: {0}")]
    Impossible(String),
    /// It is ending.
    #[error("the agent is stopping")]
    Stopping,
}

/// A packet at a point, as a viewer is told it.
#[derive(Debug, Clone)]
pub struct Told {
    /// What was seen.
    pub event: Event,
    /// Its number for this viewer; 0: the point knows no buffer.
    pub packet: u64,
}

/// What a viewer's filter has taken at one point, cumulative.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PointCount {
    /// All of it.
    pub matched: u64,
    /// Handed to the viewer.
    pub told: u64,
    /// Over its rate.
    pub suppressed: u64,
    /// No room in the ring, or the viewer was too slow.
    pub lost: u64,
    /// Payload of those matched.
    pub bytes: u64,
}

/// What a viewer is handed.
#[derive(Debug)]
pub enum Parcel {
    /// At most [`PART`] events.
    Events(Vec<Told>),
    /// For each point, and for how long they were counted.
    Counts(Vec<PointCount>, Duration),
    /// The same, and no more comes: matched = told + suppressed + lost.
    LastCounts(Vec<PointCount>, Duration),
}

/// One viewer's trace. Dropping it ends it; the last one takes the hooks out.
#[derive(Debug)]
pub struct TraceLease {
    /// What was hooked.
    pub outcome: Outcome,
    /// Of this kernel.
    pub facts: Arc<Facts>,
    /// Names of the kernel's code, as long as somebody traces.
    pub symbols: Arc<Symbols>,
    parcels: Receiver<Parcel>,
}

impl TraceLease {
    /// The next parcel; `None`: no more comes.
    pub async fn next(&mut self) -> Option<Parcel> {
        self.parcels.recv().await
    }
}

/// A request on its way to the worker.
#[derive(Debug)]
struct Application {
    request: Request,
    answer: oneshot::Sender<Result<TraceLease, Refusal>>,
}

/// What is known about the points of this kernel.
#[derive(Debug, Default)]
struct Known {
    facts: Option<Arc<Facts>>,
    /// Of the last time that they were hooked.
    outcome: Option<Outcome>,
}

/// Who wants a trace asks here.
#[derive(Debug)]
pub struct Tracing {
    /// `None`: switched off.
    pins: Option<PathBuf>,
    worker: Mutex<Option<mpsc::Sender<Application>>>,
    known: Arc<Mutex<Known>>,
}

impl Tracing {
    /// Nothing is hooked and no thread runs before somebody wants it. `pins`: the directory of the
    /// counters' maps, `None` to refuse everyone.
    pub fn new(pins: Option<PathBuf>) -> Self {
        Tracing {
            pins,
            worker: Mutex::new(None),
            known: Arc::default(),
        }
    }

    /// A trace for one viewer. The first waits for the hooks, some hundred milliseconds.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub async fn lease(&self, request: Request) -> Result<TraceLease, Refusal> {
        let pins = self.pins.clone().ok_or(Refusal::SwitchedOff)?;
        let (answer, answered) = oneshot::channel();
        let application = Application { request, answer };
        self.worker(pins)?
            .send(application)
            .map_err(|_| Refusal::Stopping)?;
        answered.await.unwrap_or(Err(Refusal::Stopping))
    }

    fn worker(&self, pins: PathBuf) -> Result<mpsc::Sender<Application>, Refusal> {
        let mut worker = self.worker.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = &*worker {
            return Ok(sender.clone());
        }
        let (sender, applications) = mpsc::channel();
        let known = Arc::clone(&self.known);
        std::thread::Builder::new()
            .name("trace".to_owned())
            .spawn(move || worker::Worker::new(pins, known).run(&applications))
            .map_err(|error| Refusal::Impossible(format!("no thread for it: {error}")))?;
        *worker = Some(sender.clone());
        Ok(sender)
    }

    /// For each point: it can be had here, or why not. Hooks nothing. The first time it blocks for
    /// some ten milliseconds.
    pub fn points(&self) -> Outcome {
        let all = |reason: String| std::array::from_fn(|_| Err(reason.clone()));
        if self.pins.is_none() {
            return all("switched off: --no-trace".to_owned());
        }
        let facts = match facts(&self.known) {
            Ok(facts) => facts,
            Err(reason) => return all(reason),
        };
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.outcome.clone().unwrap_or_else(|| {
            plan(&facts).map(|intent| match intent {
                Intent::Try => Ok(()),
                Intent::Leave(reason) => Err(reason),
            })
        })
    }
}

/// Of this kernel, looked up once.
fn facts(known: &Mutex<Known>) -> Result<Arc<Facts>, String> {
    let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(facts) = &known.facts {
        return Ok(Arc::clone(facts));
    }
    let facts = Facts::find_out().map_err(|error| report(&error));
    netmon_bpf::memory::give_back();
    let facts = Arc::new(facts?);
    known.facts = Some(Arc::clone(&facts));
    Ok(facts)
}
