//! A reading of open connections into the table: all of them, or those that have changed.

use std::collections::HashSet;
use std::sync::Arc;

use netmon_bpf::traffic::ConnectionReading;
use netmon_bpf::traffic::Transport;

use super::bytes_of_small;
use super::change::bytes_of;
use super::change::is_same;
use super::change::is_troubled;
use super::change::moved;
use super::change::row;
use super::hold::Hold;
use super::Connections;
use super::Interfaces;
use super::Open;
use super::Presence;
use super::Small;
use super::Tick;
use crate::connection::Key;
use crate::connection::Trouble;
use crate::frame::ConnectionNews;

/// What the rows of one tick are made with.
pub(super) struct Taking<'a> {
    pub(super) tick: Tick,
    pub(super) interfaces: &'a Interfaces,
    pub(super) hold: &'a mut Hold,
    pub(super) news: &'a mut ConnectionNews,
}

/// Whether there are TCP connections among those that are told, and whether they tell how they fare.
/// Some that just change hands may not; where none does, the kernel refuses.
#[derive(Clone, Copy)]
struct Seen {
    tcp: bool,
    tells: bool,
}

impl Seen {
    fn of(open: &[ConnectionReading]) -> Seen {
        Seen {
            tcp: open.iter().any(|told| told.transport == Transport::Tcp),
            tells: open.iter().any(|told| told.tcp.is_some()),
        }
    }
}

impl Connections {
    /// All that are open.
    pub(super) fn take_open(&mut self, open: Vec<ConnectionReading>, taking: &mut Taking<'_>) {
        self.troubled.clear();
        let seen = Seen::of(&open);
        let mut present = 0;
        let folded = self.smallest(&open);
        for (index, reading) in open.into_iter().enumerate() {
            let fold = folded.get(index).copied().unwrap_or(false);
            present += usize::from(self.take(reading, fold, taking));
        }
        if present < self.open.len() + self.small.len() {
            self.keep_absent(taking.tick.seq, taking.news);
        }
        self.tell_trouble(seen, seen.tells || !seen.tcp);
    }

    /// Those that have changed.
    pub(super) fn take_changes(
        &mut self,
        open: Vec<ConnectionReading>,
        vanished: &[u64],
        taking: &mut Taking<'_>,
    ) {
        let seen = Seen::of(&open);
        for reading in open {
            self.take(reading, false, taking);
        }
        if !vanished.is_empty() {
            let gone: HashSet<u64> = vanished.iter().copied().collect();
            self.drop_open(|key, _| gone.contains(&key.1), taking.news);
            let folds = &mut self.folds;
            self.small.retain(|key, small| {
                let over = gone.contains(&key.1);
                if over {
                    folds.keep(key.0, small.rx, small.tx);
                }
                !over
            });
        }
        for (key, small) in &self.small {
            self.folds.add(key.0, small.rx, small.tx, (0, 0));
        }
        self.fold_smallest(taking);
        let known = self.trouble.is_some();
        self.tell_trouble(seen, if seen.tcp { seen.tells } else { known });
    }

    /// Takes one that is open, to be folded or not. `false`: this tick has had it.
    fn take(&mut self, reading: ConnectionReading, fold: bool, taking: &mut Taking<'_>) -> bool {
        let (tick, interfaces) = (taking.tick, taking.interfaces);
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
            return false;
        }
        match is_troubled(&reading) {
            true => {
                let mut trouble = Trouble::default();
                trouble.add(&reading);
                self.troubled.insert(key, trouble);
            }
            false if self.troubled.is_empty() => {}
            false => _ = self.troubled.remove(&key),
        }
        let presence = Presence::in_tick(tick.seq);
        if let Some(known) = known.filter(|_| !fold) {
            known.presence = presence;
            if !is_same(&known.row, &reading, interfaces) {
                taking.hold.release(&known.row);
                let moved = moved(&reading, Some(bytes_of(&known.row)), tick, self.detailed);
                known.row = Arc::new(row(reading, moved, tick, interfaces));
                taking.news.rows.push(Arc::clone(&known.row));
            }
            return true;
        }
        let base = small.map(|small| bytes_of_small(*small));
        let had_row = fold.then(|| self.open.remove(&key)).flatten();
        let base = had_row.as_ref().map(|open| bytes_of(&open.row)).or(base);
        let moved = moved(&reading, base, tick, self.detailed);
        if fold {
            if had_row.is_some() {
                taking.news.gone.push(key);
            }
            let (rx, tx) = (reading.rx, reading.tx);
            self.folds.add(key.0, rx, tx, moved);
            self.small.insert(key, Small { rx, tx, presence });
        } else {
            self.small.remove(&key);
            let row = Arc::new(row(reading, moved, tick, interfaces));
            taking.news.rows.push(Arc::clone(&row));
            self.open.insert(key, Open { row, presence });
        }
        true
    }

    fn tell_trouble(&mut self, seen: Seen, known: bool) {
        if seen.tcp {
            self.health = Some(seen.tells);
        }
        self.trouble = known.then(|| {
            let mut all = self.lasting.clone();
            for (key, trouble) in &self.troubled {
                all.entry(key.0).or_default().plus(*trouble);
            }
            all
        });
    }

    /// Folds those beyond the limit: what moves nothing and is smallest comes first.
    fn fold_smallest(&mut self, taking: &mut Taking<'_>) {
        let over = self.open.len().saturating_sub(self.limits.open);
        if over == 0 {
            return;
        }
        let seq = taking.tick.seq;
        let rank = |(key, open): (&Key, &Open)| {
            let active = open.row.moved_in(seq) != (0, 0);
            (active, open.row.total(), *key)
        };
        let mut ranks: Vec<_> = self.open.iter().map(rank).collect();
        if over < ranks.len() {
            ranks.select_nth_unstable(over);
        }
        for (_, _, key) in ranks.into_iter().take(over) {
            let Some(Open { row, presence }) = self.open.remove(&key) else {
                continue;
            };
            taking.news.gone.push(key);
            let (rx, tx) = (row.rx_total, row.tx_total);
            self.folds.add(key.0, rx, tx, (0, 0));
            self.small.insert(key, Small { rx, tx, presence });
        }
    }
}
