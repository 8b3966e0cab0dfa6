//! The counters: started or taken over, read, and told what may be forgotten.

use std::collections::HashMap;
use std::collections::HashSet;
use std::fmt;
use std::path::PathBuf;

use libbpf_rs::MapCore;
use libbpf_rs::MapHandle;

use crate::abi::carried;
use crate::abi::decode;
use crate::abi::encode;
use crate::abi::handover;
use crate::abi::hint;
use crate::abi::process;
use crate::abi::process_key;
use crate::abi::traffic;
use crate::abi::traffic_key;
use crate::abi::Losses;
use crate::abi::Process;
use crate::abi::ProcessId;
use crate::abi::Traffic;
use crate::batch::lookup;
use crate::batch::lookup_all_cpus;
use crate::batch::Batch;
use crate::error::errno;
use crate::error::Error;
use crate::error::Result;
use crate::memory;
use crate::pins::store;
use crate::pins::Maps;
use crate::pins::PinDirectory;
use crate::pins::ONLY;
use crate::plan::HookSet;
use crate::ring::Ring;
use crate::seeder::Seeder;
use crate::support::Support;
use crate::unpreempted::Unpreempted;

pub use crate::connection::Census;
pub use crate::connection::ClosedConnection;
pub use crate::connection::ConnectionReading;
pub use crate::connection::ConnectionState;
pub use crate::connection::TcpHealth;
pub use crate::connection::Transport;
pub use crate::object::Limits as MapLimits;
pub use crate::object::CLOSED_BYTES;
pub use crate::sockets::Connections as SocketCounts;

pub use programs::HookState;
use programs::Programs;

mod reading;
pub use reading::Entries;
pub use reading::Handover;
pub use reading::Options;
pub use reading::Reading;

mod hooks;

mod programs;

mod past;

mod connections;
use connections::Connections;

mod attach;

mod older;

mod mirror;

mod carry;

mod takeover;

/// The pinned counters in the hands of one agent. Dropping it leaves them counting.
pub struct Probe {
    pins: PinDirectory,
    maps: Maps,
    programs: Programs,
    created: u64,
    /// Does not change while an agent lives.
    carried: carried,
    handover: Handover,
    traffic: Batch,
    connections: Connections,
    hints: Ring<hint>,
    /// Of the last reading.
    keys: Vec<traffic_key>,
    described: HashSet<ProcessId>,
    /// Not told yet: kept when a reading fails.
    news: Vec<(ProcessId, Process)>,
    ring_losses: u64,
    seeder: Option<Seeder>,
    /// When, boot clock, ns.
    owners_sought: u64,
    socket_entries: u32,
}

/// An accepted connection that nobody uses has no owner for as long as it likes; looking for one
/// walks all open files.
const SEEK_OWNERS_EVERY: u64 = 5_000_000_000;

impl fmt::Debug for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Probe")
            .field("pins", &self.pins)
            .finish_non_exhaustive()
    }
}

impl Probe {
    /// Takes the pinned counters over, or makes them. Blocks for some milliseconds to adopt,
    /// some tens to start.
    ///
    /// # Errors
    /// See [`Error`]; nothing is left half made.
    pub fn start(options: &Options) -> Result<Probe> {
        memory::keep_small();
        let pins = PinDirectory::lock(&options.directory)?;
        if options.fresh {
            pins.empty()?;
        }
        let untold = takeover::take_over(&pins, options)?;
        let adopted = pins.exists();
        let (maps, programs, seeder, created) = if adopted {
            attach::adopt(&pins, options)?
        } else {
            attach::make(&pins, options)?
        };
        let carried: carried = lookup(&maps.carried, &ONLY)?.unwrap_or_default();
        let left: handover = lookup(&maps.handover, &ONLY)?.unwrap_or_default();
        let handover = Handover {
            seq: left.seq,
            time: left.seq_time,
            restarts: left.restarts + u32::from(adopted),
        };
        let hints = Ring::new(&maps.hints)?;
        let connections = Connections::new(&maps)?;
        connections.put(untold);
        let probe = Probe {
            traffic: Batch::new(&maps.traffic, size_of::<traffic>()),
            pins,
            maps,
            programs,
            created,
            carried,
            handover,
            connections,
            hints,
            keys: Vec::new(),
            described: HashSet::new(),
            news: Vec::new(),
            // All entries are looked at once in any case.
            ring_losses: 0,
            seeder,
            owners_sought: 0,
            socket_entries: 0,
        };
        probe.hand_over(handover.seq, handover.time)?;
        // Loading an object takes some ten megabytes for the kernel's type information.
        memory::give_back();
        Ok(probe)
    }

    /// Removes every pin: counting stops.
    ///
    /// # Errors
    /// As [`PinDirectory::lock`]; also when another agent holds the pins.
    pub fn unpin(directory: &std::path::Path) -> Result<()> {
        PinDirectory::lock(directory)?.remove()
    }

    /// Which set counts.
    pub fn hook_set(&self) -> HookSet {
        self.programs.set
    }

    /// Every hook that was tried, attached or not.
    pub fn hooks(&self) -> Vec<HookState> {
        self.programs.states()
    }

    /// Tries what was left out to be ready sooner: optional hooks that were not there before, and
    /// a hook of each other set, to be able to say what this kernel allows. Takes some tens of
    /// milliseconds.
    ///
    /// # Errors
    /// When the kernel's type information cannot be read any more.
    pub fn explore(&mut self) -> Result<()> {
        let explored = self.programs.explore();
        memory::give_back();
        explored
    }

    /// When the counters were made, boot clock, ns.
    pub fn created(&self) -> u64 {
        self.created
    }

    /// What the agent before left.
    pub fn handover(&self) -> Handover {
        self.handover
    }

    /// Where the maps and links are pinned.
    pub fn directory(&self) -> PathBuf {
        self.pins.current()
    }

    /// How many entries the maps can hold.
    pub fn capacity(&self) -> Entries {
        Entries {
            processes: self.maps.processes.max_entries(),
            counters: self.maps.traffic.max_entries(),
            sockets: self.maps.sockets.max_entries(),
        }
    }

    /// Leaves the number and time of the last tick for the next agent.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn hand_over(&self, seq: u64, time: u64) -> Result<()> {
        let restarts = self.handover.restarts;
        let entry = handover {
            seq,
            seq_time: time,
            restarts,
            agent: std::process::id(),
        };
        store(&self.maps.handover, &entry)
    }

    /// Reads everything, and of open sockets what `wanted` says, which costs some milliseconds per
    /// 10,000 of them. The first time that details are wanted it loads the program for it, some ten
    /// milliseconds.
    ///
    /// # Errors
    /// When the kernel refuses; the next reading then has it all.
    pub fn read(&mut self, wanted: Census) -> Result<Reading> {
        let unpreempted = Unpreempted::enter();
        let mut reading = Reading {
            losses: self.losses()?,
            ..Reading::default()
        };
        // Marks first, counters second: what is marked as ended has its last bytes counted.
        self.hinted(reading.losses)?;
        let (keys, mut sums) = (&mut self.keys, HashMap::<ProcessId, Traffic>::new());
        keys.clear();
        self.traffic.read(&self.maps.traffic, |key, value| {
            let (Some(key), Some(cpu)) = (decode::<traffic_key>(key), decode::<traffic>(value))
            else {
                return;
            };
            keys.push(key);
            sums.entry(key.into()).or_default().add(&cpu);
        })?;
        reading.time = boot_now();
        reading.processes = sums.into_iter().collect();
        let unknown: Vec<ProcessId> = {
            let ids = reading.processes.iter().map(|(id, _)| *id);
            ids.filter(|id| !self.described.contains(id)).collect()
        };
        for id in unknown {
            self.note(id)?;
        }
        reading.unattributed.add(&self.carried.unattributed);
        for cpu in lookup_all_cpus::<traffic>(&self.maps.unattributed, 0)? {
            reading.unattributed.add(&cpu);
        }
        reading.missed_events = self.programs.missed_events();
        // Iterators take their time, and stop no program.
        drop(unpreempted);
        if wanted != Census::None {
            let directory = self.pins.current();
            let open = self.connections.open(&self.maps, &directory, wanted)?;
            let tally = open.tally;
            self.socket_entries = tally.entries;
            let due = reading.time.saturating_sub(self.owners_sought) >= SEEK_OWNERS_EVERY;
            if tally.ownerless > 0 && due {
                self.owners_sought = reading.time;
                self.find_owners();
            }
            reading.socket_counts = Some(tally.by_process.into_iter().collect());
            (reading.connections, reading.vanished) = (open.told, open.vanished);
        } else {
            self.connections.tell_all();
        }
        reading.closed = self.connections.closed(&self.maps)?;
        if let Err(error) = self.note_connected(&reading) {
            tracing::debug!(%error, "cannot describe who has connections");
        }
        reading.entries = Entries {
            processes: reading.processes.len() as u32,
            counters: self.keys.len() as u32,
            sockets: self.socket_entries,
        };
        reading.news = std::mem::take(&mut self.news);
        Ok(reading)
    }

    /// The changes that were read last have not arrived: the next reading of connections has all.
    pub fn tell_all(&mut self) {
        self.connections.tell_all();
    }

    /// Deletes the entries of ended processes whose final counters were in the last reading.
    ///
    /// # Errors
    /// When the kernel refuses; entries that are not there any more are no error.
    pub fn forget(&mut self, ended: &[ProcessId]) -> Result<()> {
        if ended.is_empty() {
            return Ok(());
        }
        let _unpreempted = Unpreempted::enter();
        let all: HashSet<ProcessId> = ended.iter().copied().collect();
        for key in self
            .keys
            .iter()
            .filter(|key| all.contains(&ProcessId::from(**key)))
        {
            delete(&self.maps.traffic, encode(key))?;
        }
        for id in ended {
            delete(&self.maps.processes, encode(&process_key::from(*id)))?;
            self.described.remove(id);
        }
        Ok(())
    }

    fn losses(&self) -> Result<Losses> {
        let mut losses = Losses {
            counts: self.carried.losses,
        };
        for (cause, count) in losses.counts.iter_mut().enumerate() {
            *count += lookup_all_cpus::<u64>(&self.maps.losses, cause as u32)?
                .iter()
                .sum::<u64>();
        }
        Ok(losses)
    }

    fn hinted(&mut self, losses: Losses) -> Result<()> {
        self.hints.consume()?;
        let hints = self.hints.take();
        let mut hinted: Vec<ProcessId> = hints.iter().map(|hint| hint.process.into()).collect();
        let lost = losses.counts[4];
        if lost != self.ring_losses {
            self.ring_losses = lost;
            hinted.extend(self.described.iter().copied());
        }
        hinted.sort_unstable();
        hinted.dedup();
        for id in hinted {
            self.note(id)?;
        }
        Ok(())
    }

    fn note(&mut self, id: ProcessId) -> Result<()> {
        let raw: Option<process> = lookup(&self.maps.processes, encode(&process_key::from(id)))?;
        if let Some(process) = raw.as_ref().and_then(Process::decode) {
            self.described.insert(id);
            // An unread process may be new and ended at once: told once, as ended.
            self.news.push((id, process));
        }
        Ok(())
    }

    /// Processes that have connections and have moved no byte.
    fn note_connected(&mut self, reading: &Reading) -> Result<()> {
        let open = reading.connections.iter().flatten();
        let closed = reading.closed.iter().map(|closed| &closed.connection);
        let mut ids: Vec<ProcessId> = open.chain(closed).map(|told| told.process).collect();
        ids.sort_unstable();
        ids.dedup();
        ids.retain(|id| !self.described.contains(id));
        ids.into_iter().try_for_each(|id| self.note(id))
    }

    fn find_owners(&mut self) {
        if self.seeder.is_none() {
            let support = Support::find_out().ok();
            self.seeder =
                support.and_then(|support| Seeder::load(&self.pins.current(), &support).ok());
        }
        if let Some(Err(error)) = self.seeder.as_ref().map(Seeder::run) {
            tracing::debug!(%error, "cannot look for owners of sockets");
        }
    }
}

fn delete(map: &MapHandle, key: &[u8]) -> Result<()> {
    let _unpreempted = Unpreempted::enter();
    match map.delete(key) {
        Err(e) if errno(&e).kind() != std::io::ErrorKind::NotFound => {
            Err(Error::kernel("delete a map entry", errno(&e)))
        }
        _ => Ok(()),
    }
}

/// The boot clock, which the programs use too: ns since boot, suspended time included.
pub fn boot_now() -> u64 {
    let mut now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the timespec outlives the call; CLOCK_BOOTTIME exists since 2.6.39.
    unsafe { libc::clock_gettime(libc::CLOCK_BOOTTIME, &mut now) };
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

#[cfg(test)]
mod cost_tests;
