//! What this agent takes over from those before it: their history, and the gap since.

use anyhow::Context;

use crate::causes::report;
use crate::clock::boot_id;
use crate::clock::boot_now;
use crate::clock::Anchor;
use crate::config::Config;
use crate::ground::Ground;
use crate::history::BootId;
use crate::history::Gap;
use crate::history::History;
use crate::history::Known;
use crate::history::LastTick;
use crate::history::OpenError;
use crate::history::Options;
use crate::history::Totals;

/// The past as an agent finds it.
#[derive(Debug)]
pub struct Past {
    /// To go on with.
    pub history: History,
    /// Processes whose counters go on.
    pub known: Vec<Known>,
    /// The sums of the machine that go on with them. `None`: not known.
    pub totals: Option<Totals>,
    /// The interval before the first tick. `None`: there was nothing before.
    pub gap: Option<Gap>,
    /// Number of the newest tick that is kept; 0: none is.
    pub last_seq: u64,
    /// Why history is kept in memory although a directory was named.
    pub problem: Option<String>,
}

/// Opens the history, in memory when its directory cannot be used. Blocks while it reads the newest
/// files.
///
/// # Errors
/// Another agent has the directory, or nothing can be kept at all.
pub fn open(config: &Config, ground: &Ground) -> anyhow::Result<Past> {
    let boot = BootId(boot_id().context("read /proc/sys/kernel/random/boot_id")?);
    let (opened, problem) = match History::open(&options(config, boot, true)) {
        Err(OpenError::Directory { path, source }) => {
            let problem = format!(
                "{} cannot be used ({}): history is kept in memory only",
                path.display(),
                report(&source)
            );
            tracing::warn!("{problem}");
            let memory = History::open(&options(config, boot, false));
            (memory, Some(problem))
        }
        opened => (opened, None),
    };
    let (history, found) = opened?;
    for note in &found.notes {
        tracing::warn!("history: {note}");
    }
    let anchor = Anchor::now();
    // Counters made after the last tick know nothing of what came before.
    let goes_on = |last: &LastTick| last.boot == boot && ground.created <= last.end;
    let continues = found.last.as_ref().is_some_and(goes_on);
    let gap = match found.last {
        Some(last) => Some(Gap {
            from: last.wall,
            to: anchor.wall_ns(boot_now()),
            counters_kept: continues,
        }),
        // Counters without a history, older than this agent.
        None if ground.handover.seq > 0 => Some(Gap {
            from: anchor.wall_ns(ground.created),
            to: anchor.wall_ns(boot_now()),
            counters_kept: true,
        }),
        None => None,
    };
    Ok(Past {
        history,
        known: if continues {
            found.processes
        } else {
            Vec::new()
        },
        totals: found
            .last
            .and_then(|last| last.totals)
            .filter(|_| continues),
        gap,
        last_seq: found.last.map_or(0, |last| last.seq),
        problem,
    })
}

fn options(config: &Config, boot: BootId, on_disk: bool) -> Options {
    let directory = config.state_directory().filter(|_| on_disk);
    let mut options = match directory {
        Some(directory) => Options::on_disk(directory.to_owned(), config.tick, boot),
        None => Options::in_memory(config.tick, boot),
    };
    // What was asked for on disk would be too much for memory.
    if directory.is_some() || config.state_directory().is_none() {
        if let Some(tiers) = &config.history {
            options.tiers.clone_from(&tiers.0);
        }
        options.size = config.history_size.unwrap_or(options.size);
    }
    options
}
