//! What viewers want to know, for the collector to ask the kernel for no more.

use std::sync::atomic::AtomicU32;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::sync::Arc;

use netmon_bpf::traffic::Census;

/// Shared by all who want something and the one who asks.
#[derive(Debug, Default)]
pub struct Interest {
    viewers: AtomicU32,
    /// Of those, with connections.
    details: AtomicU32,
    /// Somebody else wants connections until then; boot clock, ns.
    until: AtomicU64,
}

/// Without viewers, connections are counted once in so many ticks.
const UNWATCHED_CENSUS: u64 = 10;

impl Interest {
    /// One more viewer, for as long as what this returns is kept.
    pub fn watch(self: &Arc<Self>, connections: bool) -> Watching {
        self.viewers.fetch_add(1, Ordering::Relaxed);
        self.details
            .fetch_add(u32::from(connections), Ordering::Relaxed);
        Watching {
            interest: Arc::clone(self),
            connections,
        }
    }

    /// Connections are wanted until then; boot clock, ns.
    pub fn ask_until(&self, time: u64) {
        self.until.fetch_max(time, Ordering::Relaxed);
    }

    /// Attached now.
    pub fn viewers(&self) -> u32 {
        self.viewers.load(Ordering::Relaxed)
    }

    /// What to ask for in a tick, the how-manieth it is, and when (boot clock, ns).
    pub fn census(&self, ticks: u64, now: u64) -> Census {
        let asked = self.until.load(Ordering::Relaxed) > now;
        if asked || self.details.load(Ordering::Relaxed) > 0 {
            Census::Changes
        } else if self.viewers() > 0 || ticks % UNWATCHED_CENSUS == 1 {
            Census::Counts
        } else {
            Census::None
        }
    }
}

/// A viewer that is attached.
#[derive(Debug)]
pub struct Watching {
    interest: Arc<Interest>,
    connections: bool,
}

impl Watching {
    /// Whether it wants connections.
    pub fn connections(&self) -> bool {
        self.connections
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.interest.viewers.fetch_sub(1, Ordering::Relaxed);
        let details = u32::from(self.connections);
        self.interest.details.fetch_sub(details, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_is_asked_for_what_somebody_wants() {
        let interest = Arc::new(Interest::default());
        assert_eq!(interest.census(1, 5), Census::Counts);
        assert_eq!(interest.census(2, 5), Census::None);
        let plain = interest.watch(false);
        assert_eq!(interest.census(2, 5), Census::Counts);
        let details = interest.watch(true);
        assert_eq!(interest.census(2, 5), Census::Changes);
        drop(details);
        assert_eq!(interest.census(2, 5), Census::Counts);
        interest.ask_until(7);
        assert_eq!(interest.census(2, 6), Census::Changes);
        assert_eq!(interest.census(2, 7), Census::Counts);
        drop(plain);
        assert_eq!(interest.viewers(), 0);
    }
}
