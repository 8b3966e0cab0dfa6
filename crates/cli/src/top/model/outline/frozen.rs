//! An order of groups or of a tree that is held: values move, entries do not.

use std::collections::HashMap;

use super::Key;
use super::Line;

/// The places of all entries seen since the order was frozen.
#[derive(Debug, Default)]
pub struct Frozen {
    places: HashMap<Key, Place>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    /// It stood among the idle ones.
    idle: bool,
    at: usize,
}

impl Frozen {
    /// Whether an entry stands among the idle ones: as when it was first seen.
    pub fn keeps_idle(&mut self, key: &Key, idle: bool) -> bool {
        self.place(key, idle).idle
    }

    /// Puts lines that come in the order of the sort key where they were. Newcomers go to the end.
    pub fn hold(&mut self, lines: &mut [Line], key: impl Fn(&Line) -> Key, idle: bool) {
        lines.sort_by_cached_key(|line| self.place(&key(line), idle));
    }

    fn place(&mut self, key: &Key, idle: bool) -> Place {
        let at = self.places.len();
        *self.places.entry(key.clone()).or_insert(Place { idle, at })
    }
}
