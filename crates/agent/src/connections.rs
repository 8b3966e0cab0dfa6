//! Every connection: open ones, closed ones for a while, and what had to be folded. Pure.
//!
//! The rows of a process, its folded one with them, add up to what its connections have moved: a row
//! that is dropped is added to the folded one first.

mod change;
mod fold;
mod hold;
mod take;

use std::collections::HashMap;
use std::collections::HashSet;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use netmon_bpf::abi::Flow;
use netmon_bpf::abi::ProcessId;
use netmon_bpf::traffic::ClosedConnection;
use netmon_bpf::traffic::ConnectionReading;

use crate::connection::ConnectionRow;
use crate::connection::Key;
use crate::connection::Kind;
use crate::connection::Trouble;
use crate::frame::ConnectionNews;
use change::bytes_of;
use change::is_troubled;
use change::moved;
use change::row;
use fold::Folds;
use hold::Hold;
use take::Taking;

pub use hold::Moved;

/// A connection that so many readings in a row do not have is gone.
const MISSES: u8 = 4;

/// How much is kept.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Open ones with a row of their own; the smallest idle ones beyond are folded.
    pub open: usize,
    /// Closed ones; the oldest go first.
    pub closed: usize,
    /// How long closed ones are kept.
    pub closed_for: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            open: 65536,
            closed: 16384,
            closed_for: Duration::from_secs(600),
        }
    }
}

/// What one reading tells of connections.
#[derive(Debug, Default)]
pub struct Told {
    /// Cumulative, in no order; `None`: not asked for.
    pub open: Option<Vec<ConnectionReading>>,
    /// `None`: `open` has all that are open. Otherwise it has those that are not as they were, and
    /// these sockets have gone without a word.
    pub vanished: Option<Vec<u64>>,
    /// Closed since the reading before, oldest first.
    pub closed: Vec<ClosedConnection>,
    /// Names of devices, by namespace and index.
    pub interfaces: Interfaces,
}

/// Names of devices, by the inode number of the namespace and their index.
pub type Interfaces = HashMap<(u32, u32), Arc<str>>;

/// The tick that is being told.
#[derive(Debug, Clone, Copy)]
pub struct Tick {
    /// Number.
    pub seq: u64,
    /// End, boot clock, ns.
    pub time: u64,
    /// End of the one before. `None`: there was none.
    pub before: Option<u64>,
}

/// What has to be known of processes.
pub trait Processes {
    /// Whether something is to be kept of it when there is no row left.
    fn has(&self, process: ProcessId) -> bool;

    /// What it has moved within the tick: its connections are not to be told with more. `None`: that
    /// is not known.
    fn moved(&self, process: ProcessId) -> Option<Moved>;
}

/// The table.
#[derive(Debug)]
pub struct Connections {
    limits: Limits,
    open: HashMap<Key, Open>,
    /// Open and folded.
    small: HashMap<Key, Small>,
    /// Oldest first.
    closed: VecDeque<Arc<ConnectionRow>>,
    folds: Folds,
    /// Closed, with bytes that their process is not told with before the next tick; names of their
    /// devices.
    late: Vec<(ClosedConnection, Option<Arc<str>>)>,
    /// Of connections that are not open any more.
    lasting: HashMap<ProcessId, Trouble>,
    /// Of those that are.
    troubled: HashMap<Key, Trouble>,
    trouble: Option<HashMap<ProcessId, Trouble>>,
    /// The last reading had the open ones.
    detailed: bool,
    /// The last TCP connections that were open told how they fare.
    health: Option<bool>,
}

/// An open one with a row.
#[derive(Debug)]
struct Open {
    row: Arc<ConnectionRow>,
    presence: Presence,
}

/// An open one without a row.
#[derive(Debug, Clone, Copy)]
struct Small {
    rx: Flow,
    tx: Flow,
    presence: Presence,
}

/// Whether readings had it.
#[derive(Debug, Clone, Copy)]
struct Presence {
    /// The last tick that had it.
    seen: u64,
    /// So many readings since then had not.
    misses: u8,
}

impl Presence {
    fn in_tick(seq: u64) -> Self {
        Presence {
            seen: seq,
            misses: 0,
        }
    }

    /// To be called once a tick. `true`: it is gone.
    fn is_over(&mut self, seq: u64) -> bool {
        if self.seen != seq {
            self.misses += 1;
        }
        self.misses >= MISSES
    }
}

impl Connections {
    /// An empty one.
    pub fn new(limits: Limits) -> Self {
        Connections {
            limits,
            open: HashMap::new(),
            small: HashMap::new(),
            closed: VecDeque::new(),
            folds: Folds::default(),
            late: Vec::new(),
            lasting: HashMap::new(),
            troubled: HashMap::new(),
            trouble: None,
            detailed: false,
            health: None,
        }
    }

    /// Takes a reading. Without open connections in it, none is known until the next that has them:
    /// only the closed ones are kept up, and there is no news.
    pub fn apply(
        &mut self,
        mut told: Told,
        tick: Tick,
        processes: &impl Processes,
    ) -> Option<ConnectionNews> {
        let mut news = ConnectionNews::default();
        self.folds.begin();
        let mut hold = Hold::default();
        let ended = self.take_closed(&mut told, tick, &mut hold, processes, &mut news);
        let closed = news.rows.len();
        let detailed = told.open.is_some();
        match told.open {
            Some(mut open) => {
                if !ended.is_empty() {
                    open.retain(|reading| !ended.contains(&(reading.process, reading.id)));
                }
                let mut taking = Taking {
                    tick,
                    interfaces: &told.interfaces,
                    hold: &mut hold,
                    news: &mut news,
                };
                match told.vanished {
                    None => self.take_open(open, &mut taking),
                    Some(vanished) => self.take_changes(open, &vanished, &mut taking),
                }
                for row in hold.back(&mut news.rows[closed..], processes) {
                    if let Some(open) = self.open.get_mut(&row.key) {
                        open.row = row;
                    }
                }
            }
            None => {
                self.open = HashMap::new();
                self.small = HashMap::new();
                self.troubled = HashMap::new();
                self.trouble = None;
            }
        }
        self.detailed = detailed;
        self.expire(tick, processes, &mut news);
        self.folds.tell(tick.seq, &mut news);
        detailed.then_some(news)
    }

    /// Those that are closed now. A process is read before its connections: what one has moved in
    /// between is told with the next tick, as the process is.
    fn take_closed(
        &mut self,
        told: &mut Told,
        tick: Tick,
        hold: &mut Hold,
        processes: &impl Processes,
        news: &mut ConnectionNews,
    ) -> HashSet<Key> {
        let mut ended = HashSet::new();
        let late = std::mem::take(&mut self.late);
        let due = late.len();
        let mut all = Vec::with_capacity(due + told.closed.len());
        for (closed, interface) in late {
            let device = (closed.connection.namespace, closed.connection.interface);
            if let Some(name) = interface {
                told.interfaces.entry(device).or_insert(name);
            }
            all.push(closed);
        }
        all.append(&mut told.closed);
        for (index, closed) in all.into_iter().enumerate() {
            let key = (closed.connection.process, closed.connection.id);
            let moved = moved(&closed.connection, self.known(key), tick, self.detailed);
            if index >= due && !hold.allows(&closed.connection, moved, processes) {
                let device = (closed.connection.namespace, closed.connection.interface);
                let name = told.interfaces.get(&device).cloned();
                self.late.push((closed, name));
                continue;
            }
            hold.spend(&closed.connection, moved);
            ended.insert(key);
            self.forget_open(key);
            let row = row(closed.connection, moved, tick, &told.interfaces);
            self.close(row, closed.closed, news);
        }
        ended
    }

    /// Which of these are to be folded: those beyond the limit that move nothing, the smallest first.
    /// Empty: none.
    fn smallest(&self, open: &[ConnectionReading]) -> Vec<bool> {
        let over = open.len().saturating_sub(self.limits.open);
        if over == 0 {
            return Vec::new();
        }
        let rank = |(index, reading): (usize, &ConnectionReading)| {
            let key = (reading.process, reading.id);
            let bytes = (reading.rx.bytes, reading.tx.bytes);
            let active = self.known(key) != Some(bytes);
            (active, bytes.0.saturating_add(bytes.1), index)
        };
        let mut ranks: Vec<_> = open.iter().enumerate().map(rank).collect();
        if over < ranks.len() {
            ranks.select_nth_unstable(over);
        }
        let mut folded = vec![false; open.len()];
        for (_, _, index) in ranks.into_iter().take(over) {
            folded[index] = true;
        }
        folded
    }

    /// Up to where the bytes of an open one are told.
    fn known(&self, key: Key) -> Option<(u64, u64)> {
        let row = self.open.get(&key).map(|open| bytes_of(&open.row));
        row.or_else(|| self.small.get(&key).copied().map(bytes_of_small))
    }

    /// A socket may be missing from a reading, as its end comes with the next or the walk skipped it.
    /// One that is missing for longer is gone, its end was lost: what it moved is folded.
    fn keep_absent(&mut self, seq: u64, news: &mut ConnectionNews) {
        let over = |_: &Key, open: &mut Open| {
            let unused = open.presence.seen != seq && open.row.total() == 0;
            open.presence.is_over(seq) || unused
        };
        self.drop_open(over, news);
        let folds = &mut self.folds;
        self.small.retain(|key, small| {
            let over = small.presence.is_over(seq);
            if over {
                folds.keep(key.0, small.rx, small.tx);
            } else if small.presence.seen != seq {
                folds.add(key.0, small.rx, small.tx, (0, 0));
            }
            !over
        });
    }

    /// Drops the rows of open ones whose end was lost.
    fn drop_open(
        &mut self,
        mut is_over: impl FnMut(&Key, &mut Open) -> bool,
        news: &mut ConnectionNews,
    ) {
        let mut gone = Vec::new();
        self.open.retain(|key, open| {
            let over = is_over(key, open);
            if over {
                news.gone.push(*key);
                gone.push(Arc::clone(&open.row));
            }
            !over
        });
        for row in gone {
            self.troubled.remove(&row.key);
            let Some(socket) = row.socket() else {
                continue;
            };
            let reading = &socket.reading;
            if row.total() > 0 || hold::held(&row) != (0, 0) {
                self.folds.keep(row.key.0, reading.rx, reading.tx);
                self.folds.moved(row.key.0, hold::held(&row));
            }
            self.outlast(reading);
        }
    }

    fn outlast(&mut self, reading: &ConnectionReading) {
        if is_troubled(reading) {
            let process = self.lasting.entry(reading.process).or_default();
            process.add(reading);
        }
    }

    fn forget_open(&mut self, key: Key) {
        self.small.remove(&key);
        self.open.remove(&key);
        self.troubled.remove(&key);
    }

    fn close(&mut self, mut row: ConnectionRow, time: u64, news: &mut ConnectionNews) {
        if let Kind::Socket(socket) = &mut row.kind {
            socket.closed = Some(time);
            let reading = socket.reading.clone();
            self.outlast(&reading);
        }
        let row = Arc::new(row);
        news.rows.push(Arc::clone(&row));
        self.closed.push_back(row);
    }

    fn expire(&mut self, tick: Tick, processes: &impl Processes, news: &mut ConnectionNews) {
        let kept = u64::try_from(self.limits.closed_for.as_nanos()).unwrap_or(u64::MAX);
        loop {
            let over = self.closed.len() > self.limits.closed;
            let closed = |row: &Arc<ConnectionRow>| row.socket().and_then(|s| s.closed);
            let oldest = self.closed.front().and_then(closed);
            let old = oldest.is_some_and(|time| tick.time.saturating_sub(time) > kept);
            if !over && !old {
                return;
            }
            let Some(row) = self.closed.pop_front() else {
                return;
            };
            news.gone.push(row.key);
            match processes.has(row.key.0) {
                true => self.folds.keep(row.key.0, row.rx_total, row.tx_total),
                // It never had counters, so there is no row that this would add up to.
                false => _ = self.lasting.remove(&row.key.0),
            }
        }
    }

    /// Drops all that is kept of processes that nobody knows any more.
    pub fn forget(&mut self, processes: &[ProcessId]) {
        if processes.is_empty() {
            return;
        }
        let gone: HashSet<ProcessId> = processes.iter().copied().collect();
        self.closed.retain(|row| !gone.contains(&row.key.0));
        self.folds.forget(&gone);
        self.lasting.retain(|id, _| !gone.contains(id));
        self.troubled.retain(|key, _| !gone.contains(&key.0));
    }

    /// What went wrong with the TCP connections of each process that has any. `None`: the open ones
    /// are not known now, or the kernel does not tell.
    pub fn trouble(&self) -> Option<&HashMap<ProcessId, Trouble>> {
        self.trouble.as_ref()
    }

    /// Whether open TCP sockets tell how they fare. `None`: none was seen yet.
    pub fn tells_health(&self) -> Option<bool> {
        self.health
    }

    /// Whether the last reading had the open ones.
    pub fn is_detailed(&self) -> bool {
        self.detailed
    }

    /// The open ones that have rows and the folded ones, in no order.
    pub fn open(&self) -> impl Iterator<Item = &Arc<ConnectionRow>> {
        let rows = self.open.values().map(|open| &open.row);
        rows.chain(self.folds.rows())
    }

    /// Those that are closed, oldest first.
    pub fn closed(&self) -> impl Iterator<Item = &Arc<ConnectionRow>> {
        self.closed.iter()
    }

    /// How long closed ones are kept at least, as far as `now` tells, and how many are; boot clock,
    /// ns. `None`: they are not kept.
    pub fn closed_kept(&self, now: u64) -> (Option<u64>, usize) {
        let full = self.closed.len() >= self.limits.closed;
        let oldest = self.closed.front().filter(|_| full);
        let time = oldest.and_then(|row| row.socket()?.closed);
        let limit = u64::try_from(self.limits.closed_for.as_nanos()).unwrap_or(u64::MAX);
        let kept = time.map_or(limit, |time| now.saturating_sub(time).min(limit));
        ((self.limits.closed > 0).then_some(kept), self.closed.len())
    }
}

fn bytes_of_small(small: Small) -> (u64, u64) {
    (small.rx.bytes, small.tx.bytes)
}

#[cfg(test)]
#[path = "connections_tests.rs"]
pub(crate) mod tests;
