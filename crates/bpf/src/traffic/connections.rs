//! Open and closed connections, as a probe reads them.

use std::collections::HashMap;
use std::collections::HashSet;
use std::path::Path;

use super::delete;
use super::past::Past;
use crate::abi::decode;
use crate::abi::encode;
use crate::abi::flow;
use crate::abi::sharer;
use crate::abi::sharer_key;
use crate::abi::sight;
use crate::abi::socket_state;
use crate::abi::ProcessId;
use crate::abi::PART_CARRIED;
use crate::batch::Batch;
use crate::connection::Census;
use crate::connection::ClosedConnection;
use crate::connection::ConnectionReading;
use crate::error::Result;
use crate::lister::Lister;
use crate::memory::give_back;
use crate::pins::Maps;
use crate::ring::Ring;
use crate::sockets::first_of;
use crate::sockets::spread;
use crate::sockets::Measured;
use crate::sockets::Tally;
use crate::support::Support;
use crate::unpreempted::Unpreempted;

/// By socket.
type Sharers = HashMap<u64, Vec<(sharer_key, sharer)>>;

/// What reading them takes, kept between readings.
pub(super) struct Connections {
    sockets: Batch,
    sharers: Batch,
    gone: Ring<sight>,
    /// Loaded when somebody asks for details.
    lister: Option<Lister>,
    /// Not again and again.
    lister_refused: bool,
    /// Shared sockets that were neither open nor told as closed in the reading before.
    orphans: HashSet<u64>,
    /// Sockets of which a part was carried over from an older layout.
    carried: HashSet<u64>,
    /// What was told of each, by id, while only changes are asked for. Empty: the next reading has all.
    told: Past,
    /// Sockets that the last reading had.
    count: usize,
    /// A tick of the kernel, ns.
    tick: u64,
}

/// Those that are open.
#[derive(Debug, Default)]
pub(super) struct Open {
    pub(super) tally: Tally,
    /// `None`: not asked for.
    pub(super) told: Option<Vec<ConnectionReading>>,
    /// `None`: all are told.
    pub(super) vanished: Option<Vec<u64>>,
}

impl Connections {
    pub(super) fn new(maps: &Maps) -> Result<Connections> {
        let mut connections = Connections {
            sockets: Batch::new(&maps.sockets, size_of::<socket_state>()),
            sharers: Batch::new(&maps.sharers, size_of::<sharer>()),
            gone: Ring::new(&maps.closed)?,
            lister: None,
            lister_refused: false,
            orphans: HashSet::new(),
            carried: HashSet::new(),
            told: Past::default(),
            count: 0,
            tick: tick(),
        };
        let sharers = connections.sharers(maps)?.into_values().flatten();
        let carried = sharers.filter(|(key, _)| key.part == PART_CARRIED);
        connections.carried = carried.map(|(key, _)| key.id).collect();
        Ok(connections)
    }

    /// Lets the ends of older connections be told, once.
    pub(super) fn put(&self, gone: Vec<sight>) {
        self.gone.put(gone);
    }

    /// Those that are open.
    pub(super) fn open(&mut self, maps: &Maps, directory: &Path, wanted: Census) -> Result<Open> {
        let mut tally = Tally::default();
        if wanted != Census::Changes {
            self.told.forget();
        }
        if !matches!(wanted, Census::Details | Census::Changes) {
            self.sockets.read(&maps.sockets, |_, value| {
                if let Some(socket) = decode::<socket_state>(value) {
                    tally.add(&socket);
                }
            })?;
            self.count = tally.entries as usize;
            return Ok(Open {
                tally,
                ..Open::default()
            });
        }
        let changes = wanted == Census::Changes && self.told.begin();
        // All of them at once are some megabytes: no more than that, for doubling.
        let room = if changes { 0 } else { self.count };
        let mut told = Vec::with_capacity(room);
        if !self.ask(maps, directory, wanted, &mut tally, &mut told) {
            self.told.forget();
            // Begun and not finished: from the start.
            (tally, told) = (Tally::default(), Vec::new());
            let measured = self.measured(false);
            self.sockets.read(&maps.sockets, |key, value| {
                if let Some(socket) = decode::<socket_state>(value) {
                    tally.add(&socket);
                    told.extend(named(first_of(&socket, measured), key));
                }
            })?;
        }
        // Had it been all and not only changes, nothing would be known of them now.
        let changes = changes && self.told.is_kept();
        let vanished = changes.then(|| self.told.vanished());
        let sharers = self.sharers(maps)?;
        if !sharers.is_empty() {
            let mut open: HashSet<u64> = self.told.ids().collect();
            let spreads = |first: ConnectionReading| {
                open.insert(first.id);
                let moved = sharers.get(&first.id).into_iter().flatten();
                spread(first, moved.copied().map(moved_by))
            };
            told = told.into_iter().flat_map(spreads).collect();
            self.sweep(maps, &sharers, &open)?;
        }
        self.count = tally.entries as usize;
        Ok(Open {
            tally,
            told: Some(told),
            vanished,
        })
    }

    /// Nobody asks now, or what was told was lost: the next reading has all.
    pub(super) fn tell_all(&mut self) {
        self.told.forget();
    }

    /// Those that were closed since the last time. Read after the open ones: what is in both was
    /// closed meanwhile. Nothing that is told once is lost by an error.
    pub(super) fn closed(&mut self, maps: &Maps) -> Result<Vec<ClosedConnection>> {
        self.gone.consume()?;
        let before = &self.carried;
        let several = |sight: &sight| in_parts(&sight.socket) || before.contains(&sight.socket.id);
        let mut sharers = match self.gone.any(several) {
            true => self.sharers(maps)?,
            false => Sharers::new(),
        };
        let sights = self.gone.take();
        let mut closed = Vec::with_capacity(sights.len());
        for sight in &sights {
            let Some(first) = first_of(&sight.socket, self.measured(false)) else {
                continue;
            };
            self.carried.remove(&first.id);
            self.told.remove(first.id);
            let entries = sharers.remove(&first.id).unwrap_or_default();
            for (key, _) in &entries {
                if let Err(error) = delete(&maps.sharers, encode(key)) {
                    tracing::debug!(%error, "left to be swept");
                }
            }
            let all = spread(first, entries.into_iter().map(moved_by));
            closed.extend(all.into_iter().map(|connection| ClosedConnection {
                connection,
                closed: sight.time,
            }));
        }
        Ok(closed)
    }

    fn measured(&self, asked: bool) -> Measured {
        Measured {
            tick: self.tick,
            asked,
        }
    }

    /// By the iterator; `false` when this kernel does not let us.
    fn ask(
        &mut self,
        maps: &Maps,
        directory: &Path,
        wanted: Census,
        tally: &mut Tally,
        told: &mut Vec<ConnectionReading>,
    ) -> bool {
        if self.lister.is_none() && !self.lister_refused {
            let lister = Support::find_out()
                .map_err(std::io::Error::other)
                .and_then(|support| Lister::load(directory, &support, &maps.sockets));
            match lister {
                Ok(lister) => self.lister = Some(lister),
                Err(error) => {
                    self.lister_refused = true;
                    tracing::warn!(%error, "open TCP connections cannot be asked how they fare");
                }
            }
            give_back();
        }
        let Some(lister) = &self.lister else {
            return false;
        };
        let measured = self.measured(true);
        let (past, carried) = (&mut self.told, &self.carried);
        let changes = wanted == Census::Changes;
        let mut last = 0;
        let ran = lister.run(|sight| {
            // Told twice in a row; see there.
            if sight.socket.id == last && last != 0 {
                return;
            }
            last = sight.socket.id;
            tally.add(&sight.socket);
            let id = match sight.socket.id {
                0 => sight.time,
                id => id,
            };
            if changes {
                // What is in entries of its own may change although this one stays.
                let parts = in_parts(&sight.socket) || carried.contains(&id);
                if past.knows(id, sight) && !parts {
                    return;
                }
            }
            let key = sight.time.to_ne_bytes();
            let reading = named(first_of(&sight.socket, measured), &key);
            if changes {
                past.tell(id, reading.is_some());
            }
            told.extend(reading);
        });
        if let Err(error) = &ran {
            tracing::debug!(%error, "cannot go through the sockets");
        }
        ran.is_ok()
    }

    fn sharers(&mut self, maps: &Maps) -> Result<Sharers> {
        let mut sharers = Sharers::new();
        self.sharers.read(&maps.sharers, |key, value| {
            if let Some(entry) = decode::<sharer_key>(key).zip(decode::<sharer>(value)) {
                sharers.entry(entry.0.id).or_default().push(entry);
            }
        })?;
        Ok(sharers)
    }

    /// The end of a socket is lost when the ring is full: who is not open twice in a row is gone.
    fn sweep(&mut self, maps: &Maps, sharers: &Sharers, open: &HashSet<u64>) -> Result<()> {
        let _unpreempted = Unpreempted::enter();
        let before = std::mem::take(&mut self.orphans);
        for (id, entries) in sharers.iter().filter(|(id, _)| !open.contains(*id)) {
            if !before.contains(id) {
                self.orphans.insert(*id);
                continue;
            }
            for (key, _) in entries {
                delete(&maps.sharers, encode(key))?;
            }
            self.carried.remove(id);
        }
        Ok(())
    }
}

/// Whether some of what was moved is in entries of its own.
fn in_parts(socket: &socket_state) -> bool {
    socket.shared != 0 || socket.flows_spread != 0
}

fn moved_by((key, sharer): (sharer_key, sharer)) -> (ProcessId, [flow; 2]) {
    (key.into(), sharer.flows)
}

/// One that was taken over from a layout that gave no ids has its address in the kernel until it is
/// looked at: no id is as large.
fn named(told: Option<ConnectionReading>, address: &[u8]) -> Option<ConnectionReading> {
    let mut told = told?;
    if told.id == 0 {
        told.id = decode(address)?;
    }
    Some(told)
}

/// The coarse clocks move once in a tick.
fn tick() -> u64 {
    let mut tick = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the timespec outlives the call; CLOCK_MONOTONIC_COARSE exists since 2.6.32.
    unsafe { libc::clock_getres(libc::CLOCK_MONOTONIC_COARSE, &mut tick) };
    tick.tv_sec as u64 * 1_000_000_000 + tick.tv_nsec as u64
}
