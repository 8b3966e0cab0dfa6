//! Where frames meet viewers. A viewer that does not read costs one pending frame, merged.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::Weak;

use netmon_bpf::memory;
use netmon_bpf::traffic::Entries;
use netmon_bpf::traffic::HookState;
use tokio::sync::Notify;

use crate::cgroup::ContainerNames;
use crate::clock::Anchor;
use crate::collector::Collected;
use crate::connection::ConnectionRow;
use crate::frame::Frame;
use crate::frame::Row;
use crate::frame::TickFacts;
use crate::history::Gap;
use crate::history::History;
use crate::history::Moment;
use crate::interest::Interest;
use crate::interest::Watching;
use crate::ledger::Ledger;

/// The ledger, and who watches it.
#[derive(Debug)]
pub struct Hub {
    state: Mutex<State>,
    history: Arc<History>,
    interest: Arc<Interest>,
    merged: AtomicU64,
    /// A tick was taken.
    taken: Notify,
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
    watching: Watching,
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
/// The same for connections, some 150 bytes each.
const MOST_CONNECTIONS: usize = 16384;
/// Ticks that may pass until the kernel was asked for connections.
const DETAILS_WITHIN: usize = 3;

/// The state at one tick, for a viewer that begins with it.
#[derive(Debug)]
pub struct Snapshot {
    /// The last tick.
    pub tick: TickFacts,
    /// Live and exited, in no order.
    pub rows: Vec<Row>,
    /// Open and closed; `None`: not asked for.
    pub connections: Option<Vec<Arc<ConnectionRow>>>,
}

/// Every connection at one tick.
#[derive(Debug)]
pub struct AllConnections {
    /// The last tick.
    pub tick: TickFacts,
    /// Of processes, in no order.
    pub rows: Vec<Row>,
    /// The open ones and the folded ones.
    pub open: Vec<Arc<ConnectionRow>>,
    /// Oldest first.
    pub closed: Vec<Arc<ConnectionRow>>,
    /// How long closed ones are kept at least, ns. `None`: they are not.
    pub closed_kept: Option<u64>,
    /// The open ones are really told.
    pub detailed: bool,
}

/// How the agent is doing, as far as the hub knows.
#[derive(Debug, Clone)]
pub struct Condition {
    /// Every hook that was tried.
    pub hooks: Vec<HookState>,
    /// How full the maps are.
    pub entries: Entries,
    /// Whether open TCP sockets told how they fare. `None`: nobody has asked, or there was none.
    pub health: Option<bool>,
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
    /// `interest` tells the collector what viewers want.
    pub fn new(ledger: Ledger, history: Arc<History>, interest: Arc<Interest>) -> Self {
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
            interest,
            merged: AtomicU64::new(0),
            taken: Notify::new(),
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
        let was_detailed = state.ledger.connections().is_detailed();
        let frame = state.ledger.apply(collected.reading);
        let rests = was_detailed && !state.ledger.connections().is_detailed();
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
        drop(state);
        if rests {
            // Some hundred bytes for each connection were let go, in between what stays.
            memory::give_back();
        }
        self.taken.notify_waiters();
    }

    /// The past.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Waits until the kernel was asked for connections, which somebody must want; two ticks, seldom
    /// three. `false`: it did not tell.
    pub async fn detailed(&self) -> bool {
        for _ in 0..DETAILS_WITHIN {
            let taken = self.taken.notified();
            if self.state().ledger.connections().is_detailed() {
                return true;
            }
            taken.await;
        }
        self.state().ledger.connections().is_detailed()
    }

    /// What containers are called. The history does not keep it.
    pub fn container_names(&self) -> ContainerNames {
        self.state().ledger.roster().container_names()
    }

    /// Wants connections until then; boot clock, ns.
    pub fn ask_until(&self, time: u64) {
        self.interest.ask_until(time);
    }

    /// Every connection as of the last tick. Copies a pointer for each.
    pub fn connections(&self) -> AllConnections {
        let state = self.state();
        let (connections, tick) = (state.ledger.connections(), state.ledger.tick());
        AllConnections {
            tick: tick.clone(),
            rows: state.ledger.roster().rows().collect(),
            open: connections.open().cloned().collect(),
            closed: connections.closed().cloned().collect(),
            closed_kept: connections.closed_kept(tick.time).0,
            detailed: connections.is_detailed(),
        }
    }

    /// Connections as of the last tick, open and closed.
    pub fn connection_rows(&self) -> Vec<Arc<ConnectionRow>> {
        self.state().connection_rows()
    }

    /// Somebody who watches, with connections or without.
    pub fn watch(&self, connections: bool) -> Watching {
        self.interest.watch(connections)
    }

    /// The state now, and a seat that gets every frame after it.
    pub fn subscribe(&self, watching: Watching) -> (Snapshot, Arc<Seat>) {
        let mut state = self.state();
        let details = watching.connections();
        let seat = Arc::new(Seat {
            pending: Mutex::new(None),
            arrived: Notify::new(),
            watching,
        });
        state.seats.push(Arc::downgrade(&seat));
        (state.snapshot(details), seat)
    }

    /// The state for a viewer that fell behind; its seat gets every frame after it, and none that
    /// is in it.
    pub fn resume(&self, seat: &Seat) -> Snapshot {
        let state = self.state();
        seat.pending().take();
        state.snapshot(seat.watching.connections())
    }

    /// Whether the tick `seq` was taken and every viewer has had it.
    #[cfg(feature = "simulate")]
    pub fn is_settled(&self, seq: u64) -> bool {
        let state = self.state();
        let had = |seat: &Weak<Seat>| {
            let seat = seat.upgrade();
            seat.is_none_or(|seat| seat.pending().is_none())
        };
        state.ledger.tick().seq >= seq && state.seats.iter().all(had)
    }

    /// The state at the last tick.
    pub fn snapshot(&self) -> Snapshot {
        self.state().snapshot(false)
    }

    /// How the agent is doing.
    pub fn condition(&self) -> Condition {
        let state = self.state();
        let (losses, missed_events) = state.ledger.losses();
        Condition {
            hooks: state.hooks.clone(),
            entries: state.entries,
            health: state.ledger.connections().tells_health(),
            losses,
            missed_events,
            viewers: self.interest.viewers(),
            ticks: state.ticks,
            late: state.late,
            merged: self.merged.load(Ordering::Relaxed),
            exited: state.ledger.roster().exited(),
        }
    }
}

impl State {
    fn connection_rows(&self) -> Vec<Arc<ConnectionRow>> {
        let connections = self.ledger.connections();
        let all = connections.open().chain(connections.closed());
        all.cloned().collect()
    }

    fn snapshot(&self, connections: bool) -> Snapshot {
        Snapshot {
            connections: connections.then(|| self.connection_rows()),
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
        let details = self.watching.connections();
        let next = match pending.as_ref() {
            None => Turn::Frame(Arc::clone(frame)),
            Some(Turn::Frame(earlier)) if details => Turn::Frame(Arc::new(earlier.merge(frame))),
            Some(Turn::Frame(earlier)) => {
                let earlier = earlier.without_connections();
                Turn::Frame(Arc::new(earlier.merge(&frame.without_connections())))
            }
            Some(Turn::Behind) => Turn::Behind,
        };
        let was_slow = pending.is_some();
        *pending = Some(match next {
            Turn::Frame(frame)
                if frame.changes() <= MOST_CHANGES
                    && (!details || frame.connection_changes() <= MOST_CONNECTIONS) =>
            {
                Turn::Frame(frame)
            }
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
