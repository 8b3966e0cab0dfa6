//! The packet trace: hooked while a [`Tracer`] lives, gone when it is dropped or its process ends.
//!
//! A tracer has [`SLOTS`] slots, one for each viewer: a filter, a rate, counters for each point.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use libbpf_rs::MapCore;
use libbpf_rs::MapFlags;
use libbpf_rs::MapHandle;
use libbpf_rs::RingBuffer;
use libbpf_rs::RingBufferBuilder;

use crate::abi::encode;
use crate::abi::Plain;
use crate::batch::lookup_all_cpus;
use crate::error::errno;
use crate::error::Error;
use crate::error::Result;
use crate::memory;
use crate::unpreempted::Unpreempted;

mod abi;

mod point;

mod facts;

mod plan;

mod filter;

mod event;

mod lives;

mod namespaces;

mod netfilter;

mod programs;

mod symbols;

pub use abi::SLOTS;
pub use event::text;
pub use event::Event;
pub use event::Segment;
pub use facts::Facts;
pub use facts::Raw;
pub use filter::Family;
pub use filter::Filter;
pub use filter::Prefix;
pub use filter::Transport;
pub use filter::Wish;
pub use filter::DEVICE_NAME_MOST;
pub use filter::VALUES_MOST;
pub use lives::Lives;
pub use plan::plan;
pub use plan::Intent;
pub use point::Direction;
pub use point::Kind;
pub use point::Point;
pub use point::POINTS;
pub use point::TABLE;
pub use programs::Outcome;
pub use symbols::Symbols;

use programs::Programs;

/// What one slot has seen at one point, cumulative since it was opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Taken by its filter.
    pub matched: u64,
    /// Of these, over its rate.
    pub suppressed: u64,
    /// Of these, without room in the ring.
    pub lost: u64,
    /// Payload of those matched.
    pub bytes: u64,
}

/// Most events of one drain.
const DRAINED: usize = 4096;

/// Attached programs and what they tell. Not for other threads than the one that made it.
pub struct Tracer {
    programs: Programs,
    active: MapHandle,
    filters: MapHandle,
    buckets: MapHandle,
    sights: MapHandle,
    ring: RingBuffer<'static>,
    told: Arc<Mutex<Vec<Event>>>,
    in_use: u32,
    bases: [Vec<Tally>; SLOTS],
}

impl fmt::Debug for Tracer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tracer")
            .field("programs", &self.programs)
            .finish_non_exhaustive()
    }
}

impl Tracer {
    /// Attaches what this kernel allows. `pins`: the directory of the counters' maps. Blocks for some
    /// hundred milliseconds.
    ///
    /// # Errors
    /// When nothing can be loaded; a point that is refused alone is no error.
    pub fn start(facts: &Facts, pins: &Path) -> Result<Tracer> {
        let programs = Programs::start(facts, pins)?;
        let told = Arc::new(Mutex::new(Vec::new()));
        let events = programs.map("events")?;
        let mut builder = RingBufferBuilder::new();
        let sink = Arc::clone(&told);
        builder
            .add(&events, move |record: &[u8]| {
                if let Some(event) = Event::decode(record) {
                    sink.lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .push(event);
                }
                0
            })
            .map_err(|e| Error::kernel("read a ring buffer", errno(&e)))?;
        let ring = builder.build();
        let tracer = Tracer {
            active: programs.map("active")?,
            filters: programs.map("filters")?,
            buckets: programs.map("buckets")?,
            sights: programs.map("sights")?,
            ring: ring.map_err(|e| Error::kernel("read a ring buffer", errno(&e)))?,
            programs,
            told,
            in_use: 0,
            bases: Default::default(),
        };
        // Loading takes some ten megabytes for the kernel's type information.
        memory::give_back();
        Ok(tracer)
    }

    /// What became of each point.
    pub fn outcome(&self) -> &Outcome {
        &self.programs.outcome
    }

    /// Begins to trace for a viewer. The slot must be free, and since [`Tracer::close`] a second must
    /// have passed: programs that were in the middle still count for the viewer before.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn open(&mut self, slot: usize, wish: &Wish) -> Result<()> {
        self.set(slot, false)?;
        let key = (slot as u32).to_ne_bytes();
        update(&self.filters, &key, &wish.encode())?;
        update(
            &self.buckets,
            &key,
            &abi::bucket {
                inside: 0,
                tickets: 0,
                latest: 0,
                shut: 0,
                breaks: 0,
                ends: [0; 256],
            },
        )?;
        self.bases[slot] = self.read(slot)?;
        self.set(slot, true)
    }

    /// Ends it. What is in the ring still has its events.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn close(&mut self, slot: usize) -> Result<()> {
        self.set(slot, false)
    }

    fn set(&mut self, slot: usize, open: bool) -> Result<()> {
        let bit = 1 << slot;
        match open {
            true => self.in_use |= bit,
            false => self.in_use &= !bit,
        }
        update(&self.active, &0u32.to_ne_bytes(), &self.in_use)
    }

    /// The counters of a slot, for each point.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn tallies(&self, slot: usize) -> Result<Vec<Tally>> {
        let mut tallies = self.read(slot)?;
        for (tally, base) in tallies.iter_mut().zip(&self.bases[slot]) {
            // Counters only grow, and nobody resets them; were that untrue, nothing is counted rather
            // than almost everything.
            tally.matched = tally.matched.saturating_sub(base.matched);
            tally.suppressed = tally.suppressed.saturating_sub(base.suppressed);
            tally.lost = tally.lost.saturating_sub(base.lost);
            tally.bytes = tally.bytes.saturating_sub(base.bytes);
        }
        Ok(tallies)
    }

    fn read(&self, slot: usize) -> Result<Vec<Tally>> {
        let _unpreempted = Unpreempted::enter();
        let read = |point: usize| {
            let mut sum = Tally::default();
            for row in abi::rows(point) {
                for cpu in lookup_all_cpus::<abi::sight_of>(&self.sights, row as u32)? {
                    let cpu = &cpu.tallies[slot];
                    sum.matched += cpu.matched;
                    sum.suppressed += cpu.suppressed;
                    sum.lost += cpu.lost;
                    sum.bytes += cpu.bytes;
                }
            }
            Ok(sum)
        };
        (0..POINTS).map(read).collect()
    }

    /// Takes events out of the ring, oldest first; whether there may be more.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn drain(&mut self, each: impl FnMut(Event)) -> Result<bool> {
        let code = self.ring.consume_raw_n(DRAINED);
        if code < 0 {
            let error = std::io::Error::from_raw_os_error(-code);
            return Err(Error::kernel("read a ring buffer", error));
        }
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let more = told.len() >= DRAINED;
        told.drain(..).for_each(each);
        Ok(more)
    }

    /// Hooks network namespaces that came since. Some microseconds per process of the machine.
    pub fn follow_namespaces(&mut self) {
        self.programs.follow_namespaces();
    }

    /// Events that the kernel skipped because another program was running on that CPU.
    pub fn missed_events(&self) -> u64 {
        self.programs.missed_events()
    }
}

/// Whether a program with this id is loaded, by whomever. Needs CAP_SYS_ADMIN; without it: no.
pub fn is_loaded(program_id: u32) -> bool {
    libbpf_rs::Program::fd_from_id(program_id).is_ok()
}

fn update<T: Plain>(map: &MapHandle, key: &[u8], value: &T) -> Result<()> {
    let _unpreempted = Unpreempted::enter();
    map.update(key, encode(value), MapFlags::ANY)
        .map_err(|e| Error::kernel("tell the packet trace what to do", errno(&e)))
}
