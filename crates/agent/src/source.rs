//! Where readings come from: the counters in the kernel, or in test builds a scenario.

use std::path::PathBuf;
use std::sync::mpsc::Receiver;
use std::sync::Arc;
use std::time::Duration;

use netmon_bpf::traffic::Options;
use netmon_bpf::traffic::Probe;
use tokio::sync::mpsc::Sender;

use crate::collector::Collected;
use crate::collector::Collector;
use crate::config::Config;
use crate::ground::Ground;
use crate::history::History;
use crate::hub::Hub;
use crate::interest::Interest;
#[cfg(feature = "simulate")]
use crate::simulate::Simulation;

/// Counters that nobody reads yet.
#[derive(Debug)]
pub enum Source {
    /// In the kernel.
    Kernel(Box<Probe>),
    /// Made up.
    #[cfg(feature = "simulate")]
    Scenario(Box<Simulation>),
}

/// Reads them tick by tick, on a thread of its own.
#[derive(Debug)]
pub enum Ticking {
    /// In the kernel.
    Kernel(Box<Collector>),
    /// Made up.
    #[cfg(feature = "simulate")]
    Scenario(Box<Simulation>),
}

/// What the readings are for.
#[derive(Debug)]
pub struct Purpose {
    /// Length of a tick.
    pub tick: Duration,
    /// What viewers want to know.
    pub interest: Arc<Interest>,
    /// Where ticks are kept.
    pub history: Arc<History>,
    /// Number of the newest tick that is kept; 0: none is.
    pub last_seq: u64,
}

impl Source {
    /// Takes the counters over, or makes them.
    ///
    /// # Errors
    /// The kernel refuses; the scenario cannot be read.
    pub fn start(config: &Config, options: &Options) -> anyhow::Result<Source> {
        #[cfg(feature = "simulate")]
        if let Some(simulation) = Simulation::wanted(config)? {
            return Ok(Source::Scenario(Box::new(simulation)));
        }
        let _ = config;
        Ok(Source::Kernel(Box::new(Probe::start(options)?)))
    }

    /// What an agent on them stands on.
    pub fn ground(&self) -> Ground {
        match self {
            Source::Kernel(probe) => Ground::of(probe),
            #[cfg(feature = "simulate")]
            Source::Scenario(simulation) => simulation.ground(),
        }
    }

    /// Where the kernel's counters are pinned; `None`: there is no kernel behind them.
    pub fn pins(&self) -> Option<PathBuf> {
        match self {
            Source::Kernel(probe) => Some(probe.directory()),
            #[cfg(feature = "simulate")]
            Source::Scenario(_) => None,
        }
    }

    /// Reads for the first time. A scenario begins with a past, so it gives several ticks; there is at
    /// least one.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn begin(self, purpose: Purpose) -> anyhow::Result<(Ticking, Vec<Collected>)> {
        match self {
            Source::Kernel(probe) => {
                let (collector, first) = Collector::start(
                    *probe,
                    purpose.tick,
                    purpose.interest,
                    purpose.history,
                    purpose.last_seq,
                )?;
                Ok((Ticking::Kernel(Box::new(collector)), vec![first]))
            }
            #[cfg(feature = "simulate")]
            Source::Scenario(mut simulation) => {
                let past = simulation.begin();
                Ok((Ticking::Scenario(simulation), past))
            }
        }
    }
}

impl Ticking {
    /// Ticks until `stop` says so or its sender is gone. Blocks.
    pub fn run(self, readings: &Sender<Collected>, stop: &Receiver<()>, hub: &Hub) {
        match self {
            Ticking::Kernel(collector) => {
                let _ = hub;
                collector.run(readings, stop);
            }
            #[cfg(feature = "simulate")]
            Ticking::Scenario(simulation) => simulation.run(readings, stop, hub),
        }
    }
}
