//! Where frames meet viewers. A viewer that does not read costs one pending frame, merged.

use std::sync::atomic::AtomicU32;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::Weak;

use netmon_bpf::traffic::Entries;
use netmon_bpf::traffic::HookState;
use tokio::sync::Notify;

use crate::clock::Anchor;
use crate::collector::Collected;
use crate::frame::Frame;
use crate::frame::Row;
use crate::frame::TickFacts;
use crate::history::Gap;
use crate::history::History;
use crate::history::Moment;
use crate::ledger::Ledger;

/// The ledger, and who watches it.
#[derive(Debug)]
pub struct Hub {
    state: Mutex<State>,
    history: Arc<History>,
    viewers: Arc<AtomicU32>,
    merged: AtomicU64,
}

#[derive(Debug)]
struct State {
    ledger: Ledger,
    seats: Vec<Weak<Seat>>,
    hooks: Vec<HookState>,
    entries: Entries,
    ticks: u64,
    late: u64,
}

/// One viewer's place: at most one frame waits in it.
#[derive(Debug)]
pub struct Seat {
    pending: Mutex<Option<Turn>>,
    arrived: Notify,
    viewers: Arc<AtomicU32>,
}

/// What a viewer gets next.
#[derive(Debug, Clone)]
pub enum Turn {
    /// A tick, or several merged.
    Frame(Arc<Frame>),
    /// Too much has happened to be told as changes: the state as a whole.
    Behind,
}

/// Changes that one update may tell: stays below the 4 MiB that clients accept, and bounds what a
/// viewer that does not read costs.
const MOST_CHANGES: usize = 4096;

/// The state at one tick, for a viewer that begins with it.
#[derive(Debug)]
pub struct Snapshot {
    /// The last tick.
    pub tick: TickFacts,
    /// Live and exited, in no order.
    pub rows: Vec<Row>,
}

/// How the agent is doing, as far as the hub knows.
#[derive(Debug, Clone)]
pub struct Condition {
    /// Every hook that was tried.
    pub hooks: Vec<HookState>,
    /// How full the maps are.
    pub entries: Entries,
    /// Cumulative, by cause.
    pub losses: netmon_bpf::abi::Losses,
    /// Events the kernel skipped; cumulative.
    pub missed_events: u64,
    /// Attached now.
    pub viewers: u32,
    /// Since the agent started.
    pub ticks: u64,
    /// More than half a step late.
    pub late: u64,
    /// Frames merged for slow viewers.
    pub merged: u64,
    /// Exited processes kept, and the end of the oldest (boot clock, ns).
    pub exited: (usize, Option<u64>),
}

impl Hub {
    /// `viewers` is kept at the number of viewers, for the collector to see.
    pub fn new(ledger: Ledger, history: Arc<History>, viewers: Arc<AtomicU32>) -> Self {
        let state = State {
            ledger,
            seats: Vec::new(),
            hooks: Vec::new(),
            entries: Entries::default(),
            ticks: 0,
            late: 0,
        };
        Hub {
            state: Mutex::new(state),
            history,
            viewers,
            merged: AtomicU64::new(0),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a tick and gives it to every viewer. Never waits for one, nor for a disk.
    pub fn take(&self, collected: Collected) {
        self.take_after(collected, None);
    }

    /// Takes the first tick of this agent, with the interval before it in which there was none.
    pub fn take_after(&self, collected: Collected, gap: Option<Gap>) {
        let mut state = self.state();
        state.ticks += 1;
        state.late += u64::from(collected.late);
        state.entries = collected.entries;
        if let Some(hooks) = collected.hooks {
            state.hooks = hooks;
        }
        let frame = state.ledger.apply(collected.reading);
        // Before any viewer has the tick: who asks for what came before it must find all of that.
        let wall = Anchor::now().wall_ns(frame.tick.time);
        self.history.append(&frame, Moment { wall, gap });
        state.seats.retain(|seat| match seat.upgrade() {
            Some(seat) => {
                if seat.put(&frame) {
                    self.merged.fetch_add(1, Ordering::Relaxed);
                }
                true
            }
            None => false,
        });
    }

    /// The past.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// The state now, and a seat that gets every frame after it.
    pub fn subscribe(&self) -> (Snapshot, Arc<Seat>) {
        let mut state = self.state();
        self.viewers.fetch_add(1, Ordering::Relaxed);
        let seat = Arc::new(Seat {
            pending: Mutex::new(None),
            arrived: Notify::new(),
            viewers: Arc::clone(&self.viewers),
        });
        state.seats.push(Arc::downgrade(&seat));
        (state.snapshot(), seat)
    }

    /// The state for a viewer that fell behind; its seat gets every frame after it, and none that
    /// is in it.
    pub fn resume(&self, seat: &Seat) -> Snapshot {
        let state = self.state();
        seat.pending().take();
        state.snapshot()
    }

    /// The state at the last tick.
    pub fn snapshot(&self) -> Snapshot {
        self.state().snapshot()
    }

    /// How the agent is doing.
    pub fn condition(&self) -> Condition {
        let state = self.state();
        let (losses, missed_events) = state.ledger.losses();
        Condition {
            hooks: state.hooks.clone(),
            entries: state.entries,
            losses,
            missed_events,
            viewers: self.viewers.load(Ordering::Relaxed),
            ticks: state.ticks,
            late: state.late,
            merged: self.merged.load(Ordering::Relaxed),
            exited: state.ledger.roster().exited(),
        }
    }
}

impl State {
    fn snapshot(&self) -> Snapshot {
        Snapshot {
            tick: self.ledger.tick().clone(),
            rows: self.ledger.roster().rows().collect(),
        }
    }
}

impl Seat {
    fn pending(&self) -> MutexGuard<'_, Option<Turn>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `true` when the viewer had not taken the frame before, and the two are now one.
    fn put(&self, frame: &Arc<Frame>) -> bool {
        let mut pending = self.pending();
        let next = match pending.as_ref() {
            None => Turn::Frame(Arc::clone(frame)),
            Some(Turn::Frame(earlier)) => Turn::Frame(Arc::new(earlier.merge(frame))),
            Some(Turn::Behind) => Turn::Behind,
        };
        let was_slow = pending.is_some();
        *pending = Some(match next {
            Turn::Frame(frame) if frame.changes() <= MOST_CHANGES => Turn::Frame(frame),
            _ => Turn::Behind,
        });
        self.arrived.notify_one();
        was_slow
    }

    /// Waits for the next frame, or for all since the last one taken, merged.
    pub async fn next(&self) -> Turn {
        loop {
            if let Some(turn) = self.pending().take() {
                return turn;
            }
            self.arrived.notified().await;
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.viewers.fetch_sub(1, Ordering::Relaxed);
    }
}
