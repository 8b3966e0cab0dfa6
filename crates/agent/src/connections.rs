//! Every connection: open ones, closed ones for a while, and what had to be folded. Pure.
//!
//! The rows of a process, its folded one with them, add up to what its connections have moved: a row
//! that is dropped is added to the folded one first.

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
use crate::connection::Socket;
use crate::connection::Trouble;
use crate::frame::ConnectionNews;
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
    open: HashMap<Key, Arc<ConnectionRow>>,
    /// Open and folded.
    small: HashMap<Key, Small>,
    /// Open rows that the last readings did not have, and how many of those.
    absent: HashMap<Key, u8>,
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

/// An open one without a row.
#[derive(Debug, Clone, Copy)]
struct Small {
    rx: Flow,
    tx: Flow,
    /// So many readings did not have it.
    absent: u8,
}

impl Connections {
    /// An empty one.
    pub fn new(limits: Limits) -> Self {
        Connections {
            limits,
            open: HashMap::new(),
            small: HashMap::new(),
            absent: HashMap::new(),
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
            let row = self.row(closed.connection, base, tick, &told.interfaces);
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
                self.absent = HashMap::new();
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
        let mut was = std::mem::take(&mut self.open);
        let mut small = std::mem::take(&mut self.small);
        self.open.reserve(open.len().min(self.limits.open));
        let folded = self.smallest(&open, &was, &small);
        for (reading, folds) in open.into_iter().zip(folded) {
            let key = (reading.process, reading.id);
            tcp |= reading.transport == Transport::Tcp;
            tells |= reading.tcp.is_some();
            if reading.tcp.is_some() {
                trouble.entry(reading.process).or_default().add(&reading);
            }
            // Told twice by one reading: the table was changed while it was walked.
            if self.open.contains_key(&key) || self.small.contains_key(&key) {
                continue;
            }
            let known = was.remove(&key);
            self.absent.remove(&key);
            let base = small.remove(&key).map(bytes_of_small);
            let base = known.as_ref().map(|row| bytes_of(row)).or(base);
            if folds {
                if known.is_some() {
                    news.gone.push(key);
                }
                let moved = self.moved(&reading, base, tick);
                self.folds.add(key.0, reading.rx, reading.tx, moved);
                let (rx, tx) = (reading.rx, reading.tx);
                let absent = 0;
                self.small.insert(key, Small { rx, tx, absent });
                continue;
            }
            let row = match known {
                Some(known) if is_same(&known, &reading, interfaces) => known,
                _ => {
                    let row = Arc::new(self.row(reading, base, tick, interfaces));
                    news.rows.push(Arc::clone(&row));
                    row
                }
            };
            self.open.insert(key, row);
        }
        self.keep_absent(was, small, news);
        if tcp {
            self.health = Some(tells);
        }
        self.trouble = (tells || !tcp).then_some(trouble);
    }

    /// Which of these are to be folded: those beyond the limit that move nothing, the smallest first.
    fn smallest(
        &self,
        open: &[ConnectionReading],
        was: &HashMap<Key, Arc<ConnectionRow>>,
        small: &HashMap<Key, Small>,
    ) -> Vec<bool> {
        let mut folded = vec![false; open.len()];
        let over = open.len().saturating_sub(self.limits.open);
        if over == 0 {
            return folded;
        }
        let rank = |(index, reading): (usize, &ConnectionReading)| {
            let key = (reading.process, reading.id);
            let bytes = (reading.rx.bytes, reading.tx.bytes);
            let before = was.get(&key).map(|row| bytes_of(row));
            let before = before.or_else(|| small.get(&key).copied().map(bytes_of_small));
            let active = before != Some(bytes);
            (active, bytes.0.saturating_add(bytes.1), index)
        };
        let mut ranks: Vec<_> = open.iter().enumerate().map(rank).collect();
        if over < ranks.len() {
            ranks.select_nth_unstable(over);
        }
        for (_, _, index) in ranks.into_iter().take(over) {
            folded[index] = true;
        }
        folded
    }

    /// A socket may be missing from a reading, as its end comes with the next or the walk skipped it.
    /// One that is missing for longer is gone, its end was lost: what it moved is folded.
    fn keep_absent(
        &mut self,
        was: HashMap<Key, Arc<ConnectionRow>>,
        small: HashMap<Key, Small>,
        news: &mut ConnectionNews,
    ) {
        for (key, row) in was {
            let misses = self.absent.remove(&key).unwrap_or(0) + 1;
            if row.total() > 0 && misses < MISSES {
                self.absent.insert(key, misses);
                self.open.insert(key, row);
                continue;
            }
            if row.total() > 0 {
                self.folds.keep(key.0, row.rx_total, row.tx_total);
            }
            if let Some(socket) = row.socket() {
                self.outlast(&socket.reading);
            }
            news.gone.push(key);
        }
        for (key, Small { rx, tx, absent }) in small {
            let absent = absent + 1;
            if absent < MISSES {
                self.folds.add(key.0, rx, tx, (0, 0));
                self.small.insert(key, Small { rx, tx, absent });
            } else {
                self.folds.keep(key.0, rx, tx);
            }
        }
    }

    fn outlast(&mut self, reading: &ConnectionReading) {
        let mut trouble = Trouble::default();
        trouble.add(reading);
        if trouble != Trouble::default() {
            self.lasting
                .entry(reading.process)
                .or_default()
                .add(reading);
        }
    }

    fn forget_open(&mut self, key: Key) -> Option<(u64, u64)> {
        self.absent.remove(&key);
        let small = self.small.remove(&key).map(bytes_of_small);
        let row = self.open.remove(&key);
        row.map(|row| bytes_of(&row)).or(small)
    }

    /// Bytes within the tick. Of one that was not known, all if it cannot have moved any before.
    fn moved(
        &self,
        reading: &ConnectionReading,
        base: Option<(u64, u64)>,
        tick: Tick,
    ) -> (u64, u64) {
        let began = match (reading.opened, tick.before) {
            (Some(opened), Some(before)) => opened >= before,
            _ => false,
        };
        let now = (reading.rx.bytes, reading.tx.bytes);
        let base = match base {
            Some(base) => base,
            None if self.detailed || began => (0, 0),
            None => now,
        };
        // Backwards: not the counters we knew. Take them, claim no bytes.
        (now.0.saturating_sub(base.0), now.1.saturating_sub(base.1))
    }

    fn row(
        &self,
        reading: ConnectionReading,
        base: Option<(u64, u64)>,
        tick: Tick,
        interfaces: &Interfaces,
    ) -> ConnectionRow {
        let (rx, tx) = self.moved(&reading, base, tick);
        ConnectionRow {
            key: (reading.process, reading.id),
            seq: tick.seq,
            rx,
            tx,
            rx_total: reading.rx,
            tx_total: reading.tx,
            kind: Kind::Socket(Socket {
                interface: name(&reading, interfaces),
                reading,
                closed: None,
            }),
        }
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
        self.open.values().chain(self.folds.rows())
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

fn bytes_of(row: &ConnectionRow) -> (u64, u64) {
    (row.rx_total.bytes, row.tx_total.bytes)
}

fn bytes_of_small(small: Small) -> (u64, u64) {
    (small.rx.bytes, small.tx.bytes)
}

fn name(reading: &ConnectionReading, interfaces: &Interfaces) -> Option<Arc<str>> {
    let key = (reading.namespace, reading.interface);
    interfaces.get(&key).cloned()
}

/// Nothing to tell. The measures of a connection without traffic hardly change, and are told with
/// the next byte.
fn is_same(row: &ConnectionRow, reading: &ConnectionReading, interfaces: &Interfaces) -> bool {
    let Some(socket) = row.socket() else {
        return false;
    };
    let was = &socket.reading;
    let trouble = |r: &ConnectionReading| r.tcp.map(|t| (t.retransmits, t.failed, t.reset));
    let device = (reading.namespace, reading.interface);
    was.rx == reading.rx
        && was.tx == reading.tx
        && was.state == reading.state
        && was.remote == reading.remote
        && was.local == reading.local
        && was.loopback == reading.loopback
        && trouble(was) == trouble(reading)
        && socket.interface.as_deref() == interfaces.get(&device).map(|name| &**name)
}

#[cfg(test)]
#[path = "connections_tests.rs"]
pub(crate) mod tests;
