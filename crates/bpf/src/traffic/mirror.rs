//! Keeping a map of the new layout as its predecessor is, while the old programs still count.

use std::collections::HashMap;
use std::time::Duration;
use std::time::Instant;

use libbpf_rs::MapCore;
use libbpf_rs::MapFlags;
use libbpf_rs::MapHandle;

use crate::batch::Batch;
use crate::error::errno;
use crate::error::Error;
use crate::error::Result;
use crate::layout::Bridge;
use crate::standstill::let_programs_end;
use crate::unpreempted::Unpreempted;

/// How often entries are compared again at least before it is given up.
const ROUNDS: usize = 20;
/// How often in a row one entry may change under our eyes.
const GLANCES: usize = 4;

/// A map and the one that is to replace it.
#[derive(Debug)]
pub(super) struct Mirror<'a> {
    old: &'a MapHandle,
    new: &'a MapHandle,
    bridge: Bridge,
    /// See [`let_programs_end`].
    preemptible: bool,
}

/// Key of the old map, key of the new one.
type Keys = (Vec<u8>, Vec<u8>);

impl<'a> Mirror<'a> {
    /// Without the fields whose names begin with `except`.
    pub(super) fn of(
        name: &str,
        except: &str,
        old: &'a MapHandle,
        new: &'a MapHandle,
        preemptible: bool,
    ) -> Result<Mirror<'a>> {
        Ok(Mirror {
            old,
            new,
            bridge: Bridge::without(except, name, old, new)?,
            preemptible,
        })
    }

    /// All entries, while no program writes the new map.
    pub(super) fn copy(&self) -> Result<()> {
        let mut entries = Vec::new();
        Batch::new(self.old, self.old.value_size() as usize).read(self.old, |key, value| {
            entries.push((
                self.bridge.key.convert(key),
                self.bridge.value.convert(value),
            ));
        })?;
        for (key, value) in entries {
            self.put(&key, &value)?;
        }
        Ok(())
    }

    /// Brings the new map in step after programs have begun to follow in it. From then on both
    /// change with every event, so an entry that was found equal stays so; one that differs has
    /// missed an event between the copy and the first that its programs saw, and gets the old
    /// one's value. Whether that crossed an event is seen by comparing it again when all programs
    /// that ran meanwhile have ended. `false`: some entries never stood still, which is tried for
    /// `patience` at least: that of a busy socket changes while it is looked at, time and again.
    pub(super) fn follow(&self, patience: Duration) -> Result<bool> {
        let mut open = self.all_keys()?;
        let begin = Instant::now();
        for round in 0.. {
            if round >= ROUNDS && begin.elapsed() >= patience {
                break;
            }
            let mut unsure = Vec::new();
            for keys in open {
                if !self.in_step(&keys)? {
                    unsure.push(keys);
                }
            }
            if unsure.is_empty() {
                return Ok(true);
            }
            tracing::debug!(round, entries = unsure.len(), "not in step yet");
            open = unsure;
            let_programs_end(self.preemptible)?;
        }
        Ok(false)
    }

    /// Whether an entry was seen to be the same in both maps; else what the old one says is put in.
    fn in_step(&self, keys: &Keys) -> Result<bool> {
        for _ in 0..GLANCES {
            let before = get(self.old, &keys.0)?;
            let ours = get(self.new, &keys.1)?;
            if before != get(self.old, &keys.0)? {
                continue;
            }
            match (before, ours) {
                (None, None) => return Ok(true),
                (None, Some(_)) => delete(self.new, &keys.1)?,
                (Some(theirs), None) => self.put(&keys.1, &self.bridge.value.convert(&theirs))?,
                (Some(theirs), Some(ours)) => {
                    let mut wanted = ours.clone();
                    self.bridge.value.write(&theirs, &mut wanted);
                    if wanted == ours {
                        return Ok(true);
                    }
                    let _unpreempted = Unpreempted::enter();
                    let changed = self.new.update(&keys.1, &wanted, MapFlags::EXIST);
                    unless(changed, std::io::ErrorKind::NotFound)?;
                }
            }
            return Ok(false);
        }
        Ok(false)
    }

    fn all_keys(&self) -> Result<Vec<Keys>> {
        let mut keys = HashMap::new();
        Batch::new(self.old, self.old.value_size() as usize).read(self.old, |key, _| {
            keys.insert(self.bridge.key.convert(key), key.to_vec());
        })?;
        Batch::new(self.new, self.new.value_size() as usize).read(self.new, |key, _| {
            let old = || self.bridge.old_key.convert(key);
            keys.entry(key.to_vec()).or_insert_with(old);
        })?;
        Ok(keys.into_iter().map(|(new, old)| (old, new)).collect())
    }

    /// An entry that is there already is newer.
    fn put(&self, key: &[u8], value: &[u8]) -> Result<()> {
        let _unpreempted = Unpreempted::enter();
        let put = self.new.update(key, value, MapFlags::NO_EXIST);
        unless(put, std::io::ErrorKind::AlreadyExists)
    }
}

fn get(map: &MapHandle, key: &[u8]) -> Result<Option<Vec<u8>>> {
    let _unpreempted = Unpreempted::enter();
    map.lookup(key, MapFlags::ANY)
        .map_err(|e| Error::kernel("read a map entry", errno(&e)))
}

fn delete(map: &MapHandle, key: &[u8]) -> Result<()> {
    let _unpreempted = Unpreempted::enter();
    unless(map.delete(key), std::io::ErrorKind::NotFound)
}

fn unless(done: libbpf_rs::Result<()>, expected: std::io::ErrorKind) -> Result<()> {
    match done.map_err(|e| errno(&e)) {
        Err(error) if error.kind() != expected => Err(Error::kernel("copy a map entry", error)),
        _ => Ok(()),
    }
}
