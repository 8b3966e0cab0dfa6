//! Every connection: open ones, closed ones for a while, and what had to be folded. Pure.
//!
//! The rows of a process, its folded one with them, add up to what its connections have moved: a row
//! that is dropped is added to the folded one first.

mod change;
mod fold;

use std::collections::HashMap;
use std::collections::HashSet;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use netmon_bpf::abi::Flow;
use netmon_bpf::abi::ProcessId;
use netmon_bpf::traffic::ClosedConnection;
use netmon_bpf::traffic::ConnectionReading;
use netmon_bpf::traffic::Transport;

use crate::connection::ConnectionRow;
use crate::connection::Key;
use crate::connection::Kind;
use crate::connection::Trouble;
use crate::frame::ConnectionNews;
use change::bytes_of;
use change::is_same;
use change::is_troubled;
use change::moved;
use change::row;
use fold::Folds;

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
    /// Of connections that are not open any more.
    lasting: HashMap<ProcessId, Trouble>,
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
            lasting: HashMap::new(),
            trouble: None,
            detailed: false,
            health: None,
        }
    }

    /// Takes a reading. Without open connections in it, none is known until the next that has them:
    /// only the closed ones are kept up, and there is no news. `is_known` says of whom something is to
    /// be kept when there is no row left.
    pub fn apply(
        &mut self,
        told: Told,
        tick: Tick,
        is_known: impl Fn(ProcessId) -> bool,
    ) -> Option<ConnectionNews> {
        let mut news = ConnectionNews::default();
        self.folds.begin();
        let mut ended = HashSet::new();
        for closed in told.closed {
            let key = (closed.connection.process, closed.connection.id);
            ended.insert(key);
            let base = self.forget_open(key);
            let moved = moved(&closed.connection, base, tick, self.detailed);
            let row = row(closed.connection, moved, tick, &told.interfaces);
            self.close(row, closed.closed, &mut news);
        }
        let detailed = told.open.is_some();
        match told.open {
            Some(mut open) => {
                open.retain(|reading| !ended.contains(&(reading.process, reading.id)));
                self.take_open(open, tick, &told.interfaces, &mut news);
            }
            None => {
                self.open = HashMap::new();
                self.small = HashMap::new();
                self.trouble = None;
            }
        }
        self.detailed = detailed;
        self.expire(tick, is_known, &mut news);
        self.folds.tell(tick.seq, &mut news);
        detailed.then_some(news)
    }

    fn take_open(
        &mut self,
        open: Vec<ConnectionReading>,
        tick: Tick,
        interfaces: &Interfaces,
        news: &mut ConnectionNews,
    ) {
        let mut trouble = self.lasting.clone();
        // Some that just change hands may not tell; where none does, the kernel refuses.
        let (mut tells, mut tcp) = (false, false);
        let mut present = 0;
        let folded = self.smallest(&open);
        for (index, reading) in open.into_iter().enumerate() {
            let key = (reading.process, reading.id);
            let known = self.open.get_mut(&key);
            let small = match known {
                Some(_) => None,
                None => self.small.get(&key),
            };
            let seen = known.as_ref().map(|open| open.presence.seen);
            let seen = seen.or_else(|| small.map(|small| small.presence.seen));
            // Told twice by one reading: the table was changed while it was walked.
            if seen == Some(tick.seq) {
                continue;
            }
            present += 1;
            tcp |= reading.transport == Transport::Tcp;
            tells |= reading.tcp.is_some();
            if is_troubled(&reading) {
                trouble.entry(reading.process).or_default().add(&reading);
            }
            let presence = Presence::in_tick(tick.seq);
            let fold = folded.get(index).copied().unwrap_or(false);
            if let Some(known) = known.filter(|_| !fold) {
                known.presence = presence;
                if !is_same(&known.row, &reading, interfaces) {
                    let moved = moved(&reading, Some(bytes_of(&known.row)), tick, self.detailed);
                    known.row = Arc::new(row(reading, moved, tick, interfaces));
                    news.rows.push(Arc::clone(&known.row));
                }
                continue;
            }
            let base = small.map(|small| bytes_of_small(*small));
            let had_row = fold.then(|| self.open.remove(&key)).flatten();
            let base = had_row.as_ref().map(|open| bytes_of(&open.row)).or(base);
            let moved = moved(&reading, base, tick, self.detailed);
            if fold {
                if had_row.is_some() {
                    news.gone.push(key);
                }
                let (rx, tx) = (reading.rx, reading.tx);
                self.folds.add(key.0, rx, tx, moved);
                self.small.insert(key, Small { rx, tx, presence });
            } else {
                self.small.remove(&key);
                let row = Arc::new(row(reading, moved, tick, interfaces));
                news.rows.push(Arc::clone(&row));
                self.open.insert(key, Open { row, presence });
            }
        }
        if present < self.open.len() + self.small.len() {
            self.keep_absent(tick.seq, news);
        }
        if tcp {
            self.health = Some(tells);
        }
        self.trouble = (tells || !tcp).then_some(trouble);
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
        let mut gone = Vec::new();
        self.open.retain(|key, open| {
            let unused = open.presence.seen != seq && open.row.total() == 0;
            let over = open.presence.is_over(seq) || unused;
            if over {
                news.gone.push(*key);
                gone.push(Arc::clone(&open.row));
            }
            !over
        });
        for row in gone {
            if row.total() > 0 {
                self.folds.keep(row.key.0, row.rx_total, row.tx_total);
            }
            if let Some(socket) = row.socket() {
                self.outlast(&socket.reading);
            }
        }
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

    fn outlast(&mut self, reading: &ConnectionReading) {
        if is_troubled(reading) {
            let process = self.lasting.entry(reading.process).or_default();
            process.add(reading);
        }
    }

    fn forget_open(&mut self, key: Key) -> Option<(u64, u64)> {
        let known = self.known(key);
        self.small.remove(&key);
        self.open.remove(&key);
        known
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

    fn expire(
        &mut self,
        tick: Tick,
        is_known: impl Fn(ProcessId) -> bool,
        news: &mut ConnectionNews,
    ) {
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
            match is_known(row.key.0) {
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
