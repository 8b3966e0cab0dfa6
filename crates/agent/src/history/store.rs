//! What is kept, shared between the tick, the writer and answers. Held for microseconds.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use super::appender::Addition;
use super::segment::Segment;
use super::segment::Stored;
use super::Options;
use super::TierStatus;

/// The store and a bell for the writer.
#[derive(Debug)]
pub struct Shared {
    state: Mutex<Store>,
    /// Rings when there is something to write, and at the end.
    pub bell: Condvar,
}

/// All tiers.
#[derive(Debug)]
pub struct Store {
    /// Finest first.
    pub tiers: Vec<TierStore>,
    /// See [`super::Status::problem`].
    pub problem: Option<String>,
    /// See [`super::Status::ticks_lost`].
    pub lost: u64,
    /// See [`super::Status::damaged`].
    pub damaged: u64,
    /// See [`super::History::acknowledged`].
    pub acknowledged: Option<u64>,
    /// The writer is to end when it has nothing left to write.
    pub closing: bool,
    on_disk: bool,
    size: u64,
    unsaved: u64,
}

/// One tier, oldest segment first.
#[derive(Debug, Clone)]
pub struct TierStore {
    /// Length of what is kept as one, ns.
    pub step: u64,
    /// How far back it is meant to reach, ns.
    pub span: u64,
    /// The last one may grow.
    pub segments: VecDeque<Segment>,
}

impl Shared {
    /// With what is there already.
    pub fn new(store: Store) -> Self {
        Shared {
            state: Mutex::new(store),
            bell: Condvar::new(),
        }
    }

    /// The store. A thread that panicked left it whole: every change is a few assignments.
    pub fn store(&self) -> MutexGuard<'_, Store> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store {
    /// With these tiers.
    pub fn new(options: &Options, tiers: Vec<TierStore>) -> Self {
        Store {
            tiers,
            problem: None,
            lost: 0,
            damaged: 0,
            acknowledged: None,
            closing: false,
            on_disk: options.directory.is_some(),
            size: options.size,
            unsaved: options.unsaved,
        }
    }

    /// Takes what a tick adds.
    pub fn add(&mut self, additions: Vec<(usize, Addition)>) {
        for (tier, addition) in additions {
            let segments = &mut self.tiers[tier].segments;
            match addition {
                Addition::Open(image) => {
                    if let Some(last) = segments.back_mut() {
                        last.closed = true;
                    }
                    segments.push_back(Segment {
                        image: Some(Arc::new(image)),
                        ..Segment::default()
                    });
                }
                Addition::Stretch(head, stretch) => {
                    let Some(growing) = segments.back_mut().filter(|last| !last.closed) else {
                        continue;
                    };
                    growing.span = growing.span.with(&head);
                    if let Some(image) = &mut growing.image {
                        // A copy of the list only while somebody reads the one before.
                        Arc::make_mut(image).push(stretch);
                    }
                    if tier == 0 && !self.on_disk {
                        self.acknowledged = Some(head.seqs.1);
                    }
                }
            }
        }
        if self.on_disk {
            self.give_up();
        }
    }

    /// The disk does not take what waits for it: the oldest goes.
    fn give_up(&mut self) {
        loop {
            let waiting = self.tiers.iter().map(TierStore::unsaved);
            if waiting.sum::<u64>() <= self.unsaved {
                return;
            }
            let tiers = self.tiers.iter().enumerate();
            let Some((tier, _)) = tiers.max_by_key(|(_, tier)| tier.unsaved()) else {
                return;
            };
            let segments = &mut self.tiers[tier].segments;
            let oldest = segments.iter().position(|s| s.closed && s.stored.is_none());
            let Some(gone) = oldest.and_then(|index| segments.remove(index)) else {
                return;
            };
            if tier == 0 {
                self.lost += gone.span.ticks;
                self.acknowledge(gone.span.seq);
            }
        }
    }

    /// Everything up to this tick is safe or given up.
    pub fn acknowledge(&mut self, seq: u64) {
        self.acknowledged = Some(seq);
    }

    /// Drops what is too old, too much, or need not be in memory any more. Files go with what is
    /// returned: not while the store is held.
    pub fn retain(&mut self) -> Vec<Arc<Stored>> {
        let mut dropped = Vec::new();
        let lasts: Vec<Option<u64>> = self.tiers.iter().map(TierStore::last).collect();
        for (index, tier) in self.tiers.iter_mut().enumerate() {
            // What a coarser tier has still in hand stays.
            let coarser = lasts.get(index + 1).copied();
            let told = |s: &Segment| coarser.is_none_or(|last| Some(s.span.ordinals.1) <= last);
            let mut later = 0u64;
            let mut old = tier.segments.len();
            for segment in tier.segments.iter().rev() {
                if later >= tier.span {
                    break;
                }
                later = later.saturating_add(segment.span.recorded);
                old -= 1;
            }
            for _ in 0..old {
                if tier.segments.front().is_some_and(told) {
                    dropped.extend(tier.drop_oldest());
                }
            }
        }
        while self.tiers.iter().map(TierStore::bytes).sum::<u64>() > self.size {
            let tiers = self.tiers.iter_mut().enumerate();
            let may_go = tiers.filter(|(index, tier)| {
                let coarser = lasts.get(index + 1).copied();
                let oldest = tier.segments.front().filter(|s| s.stored.is_some());
                oldest.is_some_and(|s| coarser.is_none_or(|last| Some(s.span.ordinals.1) <= last))
            });
            let Some((_, largest)) = may_go.max_by_key(|(_, tier)| tier.bytes()) else {
                break;
            };
            dropped.extend(largest.drop_oldest());
        }
        for segment in self.tiers.iter_mut().flat_map(|tier| &mut tier.segments) {
            if segment.stored.is_some() {
                segment.image = None;
            }
        }
        dropped
    }

    /// How the tiers are doing.
    pub fn tiers_status(&self) -> Vec<TierStatus> {
        let tiers = self.tiers.iter().map(|tier| TierStatus {
            step: tier.step,
            span: tier.span,
            bytes: tier.bytes(),
            capacity: self.size,
            oldest: tier.oldest(),
        });
        tiers.collect()
    }
}

impl TierStore {
    fn bytes(&self) -> u64 {
        self.segments.iter().map(Segment::bytes).sum()
    }

    /// The last ordinal that is in it.
    fn last(&self) -> Option<u64> {
        let newest = self.segments.iter().rev().find(|s| s.span.ticks > 0)?;
        Some(newest.span.ordinals.1)
    }

    fn unsaved(&self) -> u64 {
        let waiting = self.segments.iter().filter(|s| s.stored.is_none());
        waiting.map(Segment::bytes).sum()
    }

    /// Begin of the oldest tick, wall clock.
    pub fn oldest(&self) -> Option<u64> {
        let first = self.segments.iter().find(|s| s.span.ticks > 0)?;
        Some(first.span.begin)
    }

    /// If it is sealed: what waits for the disk is not too old.
    fn drop_oldest(&mut self) -> Option<Arc<Stored>> {
        self.segments.front()?.stored.as_ref()?.doom();
        self.segments.pop_front()?.stored
    }
}
