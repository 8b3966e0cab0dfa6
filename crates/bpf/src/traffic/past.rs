//! What a reader was told of each socket last, to be told only what has changed.

use crate::abi::encode;
use crate::abi::sight;
use crate::digest::digest;
use crate::digest::ByNumber;

/// A socket that so many readings in a row do not have is gone: a walk may skip one, and the end of
/// one comes with the next reading.
const MISSES: u8 = 4;

/// By id. Empty: nothing was told.
#[derive(Debug, Default)]
pub(super) struct Past {
    sockets: ByNumber<u64, Told>,
    /// The other one in each reading.
    turn: bool,
    /// No connections any more, in this reading.
    ended: Vec<u64>,
}

#[derive(Debug)]
struct Told {
    digest: u64,
    /// That of the last reading that had it, or missed it.
    turn: bool,
    misses: u8,
    moved: bool,
    /// It was a connection.
    told: bool,
}

impl Past {
    /// A reading begins. `false`: it has to tell all.
    pub(super) fn begin(&mut self) -> bool {
        self.turn = !self.turn;
        self.is_kept()
    }

    /// Whether anything is known.
    pub(super) fn is_kept(&self) -> bool {
        !self.sockets.is_empty()
    }

    /// Whether this very thing was told last of the socket `id`.
    pub(super) fn knows(&mut self, id: u64, sight: &sight) -> bool {
        let new = digest(encode(sight));
        let mut known = true;
        let told = self.sockets.entry(id).or_insert_with(|| {
            known = false;
            Told {
                digest: new,
                turn: false,
                misses: 0,
                moved: false,
                told: false,
            }
        });
        known &= told.digest == new;
        (told.digest, told.turn, told.misses) = (new, self.turn, 0);
        if !known {
            told.moved = sight.socket.flows.iter().any(|flow| flow.bytes > 0);
        }
        known
    }

    /// Whether the socket, which is known, is told as a connection now.
    pub(super) fn tell(&mut self, id: u64, connection: bool) {
        let Some(told) = self.sockets.get_mut(&id) else {
            return;
        };
        if told.told && !connection {
            self.ended.push(id);
        }
        told.told = connection;
    }

    /// Told as closed.
    pub(super) fn remove(&mut self, id: u64) {
        self.sockets.remove(&id);
    }

    /// Connections that are gone without a word; each is told once.
    pub(super) fn vanished(&mut self) -> Vec<u64> {
        let mut vanished = std::mem::take(&mut self.ended);
        let turn = self.turn;
        self.sockets.retain(|id, told| {
            if told.turn == turn {
                return true;
            }
            told.turn = turn;
            told.misses += 1;
            // One that never moved a byte leaves nothing that its end would tell.
            let gone = told.misses >= MISSES || !told.moved;
            if gone && told.told {
                vanished.push(*id);
            }
            !gone
        });
        vanished
    }

    /// All that are known.
    pub(super) fn ids(&self) -> impl Iterator<Item = u64> + '_ {
        self.sockets.keys().copied()
    }

    /// The next reading tells all.
    pub(super) fn forget(&mut self) {
        self.sockets = ByNumber::default();
        self.ended = Vec::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abi::decode;

    fn sight(bytes: u64) -> sight {
        let mut sight: sight = decode(&[0; size_of::<sight>()]).unwrap();
        sight.socket.flows[0].bytes = bytes;
        sight
    }

    #[test]
    fn a_socket_is_told_again_when_it_has_changed() {
        let mut past = Past::default();
        assert!(!past.begin());
        let known = |past: &mut Past, bytes| past.knows(7, &sight(bytes));
        assert!(!known(&mut past, 1));
        past.tell(7, true);
        assert!(past.begin() && known(&mut past, 1) && !known(&mut past, 2));
        past.forget();
        assert!(!past.begin() && !known(&mut past, 2));
    }

    #[test]
    fn what_is_missing_is_gone_after_some_readings_and_told_once() {
        let mut past = Past::default();
        past.begin();
        for (id, bytes) in [(1, 9), (2, 0), (3, 9), (4, 9)] {
            past.knows(id, &sight(bytes));
            past.tell(id, id != 3);
        }
        assert!(past.vanished().is_empty());
        let mut seen = Vec::new();
        for _ in 0..6 {
            past.begin();
            past.knows(4, &sight(9));
            seen.push(past.vanished());
        }
        // It never moved a byte; it was no connection; it was one.
        assert_eq!(seen, [vec![2], vec![], vec![], vec![1], vec![], vec![]]);
        past.begin();
        past.knows(4, &sight(9));
        past.tell(4, false);
        assert_eq!(past.vanished(), [4]);
    }
}
