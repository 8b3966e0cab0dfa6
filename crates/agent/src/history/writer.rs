//! The one thread that writes. The images in memory are its queue: what is not on disk yet is tried
//! again until it is, or until the store gives it up.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use netmon_bpf::memory;

use super::disk::RowsFile;
use super::disk::TierDirectory;
use super::image::Image;
use super::sealed::seal;
use super::segment::Stored;
use super::store::Shared;
use crate::causes::report;

/// After an error the disk is left alone for so long.
const PAUSE: Duration = Duration::from_secs(1);

/// Writes and seals.
#[derive(Debug)]
pub struct Writer {
    shared: Arc<Shared>,
    /// By tier. Empty: everything stays in memory.
    directories: Vec<TierDirectory>,
    root: PathBuf,
    /// The growing segment of each tier.
    open: HashMap<usize, RowsFile>,
    sync: Duration,
    synced: Instant,
}

/// A segment that is not sealed.
struct Work {
    tier: usize,
    key: u64,
    image: Arc<Image>,
    closed: bool,
    written: usize,
    seq: u64,
}

impl Writer {
    /// For these directories under `root`.
    pub fn new(
        shared: Arc<Shared>,
        root: PathBuf,
        directories: Vec<TierDirectory>,
        sync: Duration,
    ) -> Self {
        Writer {
            shared,
            directories,
            root,
            open: HashMap::new(),
            sync,
            synced: Instant::now(),
        }
    }

    /// Works until the store is closing and everything is written, or cannot be.
    pub fn run(mut self) {
        loop {
            let closing = self.wait();
            let outcome = self.work(closing);
            let failed = outcome.is_err();
            self.tell(outcome.err());
            if closing {
                return;
            }
            if failed {
                self.pause();
            }
        }
    }

    /// Until there is something to write, or written things are due. `true`: closing.
    fn wait(&self) -> bool {
        let store = self.shared.store();
        if store.closing {
            return true;
        }
        let bell = &self.shared.bell;
        match bell.wait_timeout(store, self.sync.min(PAUSE)) {
            Ok((store, _)) => store.closing,
            Err(poisoned) => poisoned.into_inner().0.closing,
        }
    }

    fn pause(&self) {
        let end = Instant::now() + PAUSE;
        while let Some(left) = end.checked_duration_since(Instant::now()) {
            let store = self.shared.store();
            if store.closing {
                return;
            }
            // Ticks ring too.
            let _ = self.shared.bell.wait_timeout(store, left);
        }
    }

    fn tell(&self, error: Option<io::Error>) {
        let problem = error.map(|error| {
            let root = self.root.display();
            let error = report(&error);
            format!(
                "history cannot be written to {root}: {error}; the newest ticks are in memory only"
            )
        });
        let mut store = self.shared.store();
        if store.problem == problem {
            return;
        }
        match &problem {
            Some(problem) => tracing::warn!("{problem}"),
            None => tracing::info!("history is written again"),
        }
        store.problem = problem;
    }

    fn work(&mut self, closing: bool) -> io::Result<()> {
        // First: on a full disk it makes room.
        let dropped = self.shared.store().retain();
        drop(dropped);
        for work in self.todo() {
            if !self.directories.is_empty() && work.written < work.image.stretches.len() {
                self.write(&work)?;
            }
            if work.closed {
                self.seal(&work)?;
            }
        }
        if closing || self.synced.elapsed() >= self.sync {
            self.synced = Instant::now();
            for rows in self.open.values_mut() {
                rows.sync()?;
            }
        }
        Ok(())
    }

    fn todo(&self) -> Vec<Work> {
        let store = self.shared.store();
        let mut todo = Vec::new();
        for (tier, kept) in store.tiers.iter().enumerate() {
            for segment in kept.segments.iter().filter(|s| s.stored.is_none()) {
                let Some(image) = segment.image.as_ref().filter(|_| segment.span.ticks > 0) else {
                    continue;
                };
                todo.push(Work {
                    tier,
                    key: segment.key(),
                    image: Arc::clone(image),
                    closed: segment.closed,
                    written: segment.written,
                    seq: segment.span.seq,
                });
            }
        }
        todo
    }

    fn write(&mut self, work: &Work) -> io::Result<()> {
        let directory = &self.directories[work.tier];
        let known = self.open.get(&work.tier).map(|rows| rows.key);
        if known != Some(work.key) {
            directory.make()?;
            let rows = RowsFile::create(directory, work.key, &work.image)?;
            self.open.insert(work.tier, rows);
        }
        let Some(rows) = self.open.get_mut(&work.tier) else {
            return Ok(());
        };
        let outcome = rows.append(&work.image);
        let written = rows.stretches;
        let mut store = self.shared.store();
        let segments = &mut store.tiers[work.tier].segments;
        if let Some(segment) = segments.iter_mut().find(|s| s.key() == work.key) {
            segment.written = written;
        }
        if work.tier == 0 && written == work.image.stretches.len() {
            store.acknowledge(work.seq);
        }
        outcome
    }

    fn seal(&mut self, work: &Work) -> io::Result<()> {
        let (bytes, damaged) = seal(&work.image);
        let length = bytes.len() as u64;
        let stored = match self.directories.get(work.tier) {
            Some(directory) => {
                directory.make()?;
                Stored::file(directory.seal(work.key, &bytes)?, length)
            }
            None => Stored::memory(bytes),
        };
        let stored = Arc::new(stored);
        {
            let mut store = self.shared.store();
            let segments = &mut store.tiers[work.tier].segments;
            match segments.iter_mut().find(|s| s.key() == work.key) {
                Some(segment) => segment.stored = Some(Arc::clone(&stored)),
                // Given up in the meantime.
                None => stored.doom(),
            }
            store.damaged += damaged;
        }
        memory::give_back();
        if self
            .open
            .get(&work.tier)
            .is_some_and(|rows| rows.key == work.key)
        {
            self.open.remove(&work.tier);
        }
        if let Some(directory) = self.directories.get(work.tier) {
            match fs::remove_file(directory.rows(work.key)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}
