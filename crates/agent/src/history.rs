//! The rolling past: who moved how many bytes, over restarts and reboots, in several resolutions.
//!
//! A tick is appended by whoever owns the ledger: encoded, kept in memory and left for a thread of
//! its own to write. An answer works on a snapshot, so neither waits for the other.

use std::fs::File;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::thread::JoinHandle;
use std::time::Duration;
use std::time::Instant;

mod answer;
mod appender;
mod columns;
mod decode;
mod disk;
mod fold;
mod image;
mod known;
mod options;
mod pack;
mod piece;
mod plan;
mod preamble;
mod query;
mod reading;
mod record;
mod recover;
mod sealed;
mod segment;
mod source;
mod store;
mod table;
mod tally;
mod totals;
mod varint;
mod whole;
mod writer;

pub use answer::Answer;
pub use options::tiers;
pub use options::Options;
pub use options::Tier;
pub use query::AnswerRow;
pub use query::Described;
pub use query::Grouping;
pub use query::Header;
pub use query::Kinds;
pub use query::Order;
pub use query::Query;
pub use query::Step;
pub use query::Subject;
pub use query::Sum;
pub use query::Wanted;
pub use totals::Totals;

use netmon_bpf::memory;

use appender::Appender;
use disk::TierDirectory;
use store::Shared;
use store::Store;
use store::TierStore;
use writer::Writer;

use crate::frame::Frame;
use crate::process::Facts;
use crate::rate::Peaks;

/// Random id of a boot of the machine, as in /proc/sys/kernel/random/boot_id. Boot-clock times and
/// process ids mean something only together with it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BootId(pub u128);

/// What the frame of a tick does not say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Moment {
    /// Wall clock at the end of the tick, ns since 1970.
    pub wall: u64,
    /// The tick stands for an interval without an agent: the first one after a restart.
    pub gap: Option<Gap>,
}

/// An interval without an agent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Gap {
    /// End of the last tick before it, wall clock, ns since 1970.
    pub from: u64,
    /// Begin of the first tick after it.
    pub to: u64,
    /// Its bytes are in the tick that tells of it. `false`: nobody counted.
    pub counters_kept: bool,
}

/// What an earlier agent left.
#[derive(Debug, Clone, Default)]
pub struct Past {
    /// The newest tick, of whatever boot. `None`: there is no past.
    pub last: Option<LastTick>,
    /// Processes of the running boot: who had not ended at the last tick, and who had not long
    /// before it.
    pub processes: Vec<Known>,
    /// One sentence each: what was found that is not as it should be.
    pub notes: Vec<String>,
}

/// The newest tick that is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastTick {
    /// Its number.
    pub seq: u64,
    /// The boot it belongs to.
    pub boot: BootId,
    /// End, boot clock, ns.
    pub end: u64,
    /// End, wall clock, ns since 1970.
    pub wall: u64,
    /// The sums of the machine at its end, as its ticks told them. `None`: not kept then.
    pub totals: Option<Totals>,
}

/// A process as it was known at some moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// What it is.
    pub facts: Arc<Facts>,
    /// Cumulative bytes by kind, only kinds that are not zero.
    pub totals: Vec<Sum>,
    /// Since first seen, loopback left out.
    pub peaks: Peaks,
    /// Since first seen, loopback included.
    pub peaks_with_loopback: Peaks,
}

/// How the history is doing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    /// As configured, finest first.
    pub tiers: Vec<TierStatus>,
    /// Why the newest ticks are not on disk, as one sentence. `None`: they are, or memory is all
    /// that was asked for.
    pub problem: Option<String>,
    /// Ticks that were never written and are not in memory any more, since the start.
    pub ticks_lost: u64,
    /// Damaged parts that were found and skipped, since the start.
    pub damaged: u64,
}

/// One resolution.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TierStatus {
    /// Length of what is kept as one, ns.
    pub step: u64,
    /// How far back it is meant to reach, ns.
    pub span: u64,
    /// Bytes on disk, or in memory when that is all there is.
    pub bytes: u64,
    /// How many there may be, with those of all other tiers.
    pub capacity: u64,
    /// Begin of the oldest tick, wall clock, ns since 1970. `None`: nothing is kept.
    pub oldest: Option<u64>,
}

/// Why there is no history.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another agent has it.
    #[error("another agent keeps its history in {0}")]
    Locked(std::path::PathBuf),
    /// The directory cannot be made or used.
    #[error("cannot keep history in {path}")]
    Directory {
        /// Which one.
        path: std::path::PathBuf,
        /// As the system said it.
        source: std::io::Error,
    },
    /// The thread that writes cannot start.
    #[error("cannot start the history writer")]
    Thread(#[source] std::io::Error),
}

/// A disk that hangs does not keep the agent from ending for longer.
const PATIENCE: Duration = Duration::from_secs(3);

/// The past, open for appending. When it goes, what is left is written.
#[derive(Debug)]
pub struct History {
    appender: Mutex<Appender>,
    shared: Arc<Shared>,
    writer: JoinHandle<()>,
    /// Held as long as the history is open.
    _lock: Option<File>,
}

impl History {
    /// Opens or makes the directory and starts the writer. Blocks: looks at every file and reads the
    /// newest.
    ///
    /// # Errors
    /// When the directory cannot be used at all. A disk that is full or read-only is no error: ticks
    /// are then kept in memory and [`Status::problem`] says so.
    pub fn open(options: &Options) -> Result<(History, Past), OpenError> {
        let root = options.directory.clone();
        let lock = root.as_deref().map(disk::lock).transpose()?;
        let mut directories = Vec::new();
        if let Some(root) = &root {
            for tier in 0..options.tiers.len() {
                let step = appender::nature(options, tier, options.boot).step;
                directories.push(TierDirectory::new(root, step));
            }
        }
        let found = recover::recover(options, &directories);
        let appender = Appender::new(options, found.next, &found.past);
        let mut store = Store::new(options, found.tiers);
        store.damaged = found.damaged;
        let shared = Arc::new(Shared::new(store));
        let root = root.unwrap_or_default();
        let writer = Writer::new(Arc::clone(&shared), root, directories, options.sync);
        let writer = std::thread::Builder::new()
            .name("history".to_owned())
            .spawn(move || writer.run())
            .map_err(OpenError::Thread)?;
        // The newest files were decoded.
        memory::give_back();
        let history = History {
            appender: Mutex::new(appender),
            shared,
            writer,
            _lock: lock,
        };
        Ok((history, found.past))
    }

    /// Takes a tick. Does not touch the disk and does not wait for answers.
    pub fn append(&self, frame: &Frame, moment: Moment) {
        let mut appender = self.appender.lock().unwrap_or_else(PoisonError::into_inner);
        let additions = appender.append(frame, moment);
        self.shared.store().add(additions);
        self.shared.bell.notify_one();
    }

    /// Number of the last tick of this agent that survives the end of this process: it was handed to the kernel
    /// to write, or was given up (see [`Status::ticks_lost`]). In memory only: the last one.
    pub fn acknowledged(&self) -> Option<u64> {
        self.shared.store().acknowledged
    }

    /// Everything up to now, unchanging. Takes microseconds.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            tiers: self.shared.store().tiers.clone(),
        }
    }

    /// How it is doing.
    pub fn status(&self) -> Status {
        let store = self.shared.store();
        Status {
            tiers: store.tiers_status(),
            problem: store.problem.clone(),
            ticks_lost: store.lost,
            damaged: store.damaged,
        }
    }
}

impl Drop for History {
    fn drop(&mut self) {
        self.shared.store().closing = true;
        self.shared.bell.notify_one();
        let end = Instant::now() + PATIENCE;
        while !self.writer.is_finished() {
            if Instant::now() > end {
                tracing::warn!("the disk does not take the history; what is left is lost");
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// The past at one moment.
#[derive(Debug, Clone)]
pub struct Snapshot {
    tiers: Vec<TierStore>,
}

impl Snapshot {
    /// Answers a query. Blocks: reads files, here and with every step that is taken from the answer.
    pub fn answer(&self, query: Query) -> Answer {
        Answer::new(&self.tiers, query)
    }
}
