//! An agent without a kernel: plays a scenario, one tick for each order in a FIFO, so that a test knows
//! what is on the screen. Only the collector is replaced; ledger, history, hub and service are the real
//! ones. In test builds only (feature `simulate`).

mod hooks;
mod kernel;
mod member;
mod orders;
mod scenario;
mod series;
mod world;

use std::fs::File;
use std::io::BufRead;
use std::io::BufReader;
use std::path::Path;
use std::path::PathBuf;
use std::sync::mpsc;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;
use std::time::Instant;

use anyhow::Context;
use netmon_bpf::plan::HookSet;
use netmon_bpf::preemption::Preemption;
use netmon_bpf::traffic::Entries;
use netmon_bpf::traffic::Handover;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use tokio::sync::mpsc::Sender;

use crate::clock;
use crate::collector::Collected;
use crate::config::Config;
use crate::ground::Ground;
use crate::ground::Machine;
use crate::hub::Hub;
use kernel::Kernel;
use orders::Order;
use scenario::Scenario;
use world::World;

/// Length of a tick, ns. Scenarios have no other.
const STEP: u64 = 1_000_000_000;
/// How often the thread looks whether it has to end.
const GLANCE: Duration = Duration::from_millis(20);
/// How long the next tick waits for a viewer to take the last one.
const PATIENCE: Duration = Duration::from_millis(500);
/// The same once a viewer was too slow: it has been stopped on purpose.
const SHORT: Duration = Duration::from_millis(5);

/// A scenario that is being played.
#[derive(Debug)]
pub struct Simulation {
    fifo: PathBuf,
    /// The FIFO, open as long as this lives: whoever finds the socket can give orders.
    orders: File,
    scenario: Scenario,
    world: World,
    kernel: Kernel,
    handover: Handover,
    created: u64,
    patience: Duration,
}

impl Simulation {
    /// The one that the options ask for; `None`: they do not. From here on the clock is the
    /// scenario's.
    ///
    /// # Errors
    /// The scenario cannot be read.
    pub fn wanted(config: &Config) -> anyhow::Result<Option<Simulation>> {
        let (Some(file), Some(fifo)) = (&config.simulate, &config.step_fifo) else {
            return Ok(None);
        };
        Self::start(file, fifo, config.fresh).map(Some)
    }

    fn start(file: &Path, fifo: &Path, fresh: bool) -> anyhow::Result<Simulation> {
        let scenario = Scenario::read(file)?;
        if !fifo.exists() {
            mkfifo(fifo, Mode::from_bits_truncate(0o600))
                .with_context(|| format!("make {}", fifo.display()))?;
        }
        // For writing too: no end of file when a test closes it.
        let orders = File::options().read(true).write(true).open(fifo);
        let mut simulation = Simulation {
            orders: orders.with_context(|| format!("open {}", fifo.display()))?,
            fifo: fifo.to_owned(),
            world: World::new(&scenario)?,
            kernel: Kernel::default(),
            handover: Handover::default(),
            created: scenario.agent_started.0 - scenario.boot.0,
            scenario,
            patience: PATIENCE,
        };
        match Kernel::found(fifo)? {
            Some(kernel) => simulation.go_on(kernel, fresh)?,
            // The first agent was started long before the past that is played.
            None => simulation.set_clock(simulation.created),
        }
        Ok(simulation)
    }

    /// After an earlier agent: plays what has happened, and the time without one.
    fn go_on(&mut self, kernel: Kernel, fresh: bool) -> anyhow::Result<()> {
        let left = Handover {
            seq: kernel.tick + 1,
            time: self.world.time() + kernel.tick * STEP,
            restarts: kernel.restarts + 1,
        };
        let now = kernel.tick + self.scenario.away;
        while self.world.tick() < now {
            let next = self.world.tick() + 1;
            for (_, name) in kernel.released.iter().filter(|(tick, _)| *tick == next) {
                self.world.release(name)?;
            }
            self.world.advance();
            if self.world.tick() == kernel.since {
                self.world.zero();
                self.created = self.world.time();
            }
            if self.world.tick() == kernel.tick {
                self.world.forget(kernel.tick);
            }
        }
        self.kernel = Kernel {
            tick: now,
            ..kernel
        };
        if fresh {
            self.world.zero();
            self.created = self.world.time();
            self.kernel.since = now;
            self.kernel.restarts = 0;
        } else {
            self.kernel.restarts = left.restarts;
            self.handover = left;
        }
        self.set_clock(self.world.time());
        Ok(())
    }

    fn set_clock(&self, boot: u64) {
        clock::simulated::set(self.scenario.boot.0, boot);
    }

    /// What the agent stands on.
    pub fn ground(&self) -> Ground {
        Ground {
            hook_set: HookSet::Tracepoint,
            preemption: Preemption::Never,
            directory: PathBuf::from("/sys/fs/bpf/netmon"),
            created: self.created,
            capacity: Entries {
                processes: 16384,
                counters: 65536,
                sockets: 65536,
            },
            handover: self.handover,
            machine: Machine {
                host: self.scenario.host.clone(),
                kernel: self.scenario.kernel.clone(),
                architecture: self.scenario.architecture.clone(),
            },
        }
    }

    /// The first reading, and the ticks of the past if no agent had them.
    pub fn begin(&mut self) -> Vec<Collected> {
        let mut past = vec![self.collect()];
        if self.kernel == Kernel::default() {
            for _ in 0..self.scenario.ticks {
                self.world.advance();
                past.push(self.collect());
            }
        }
        // Somebody has just asked for connections: they are known since the tick before the newest, so
        // that the newest has their rates.
        let asked = past.len().saturating_sub(2);
        for collected in &mut past[..asked] {
            collected.reading.connections.open = None;
        }
        past[0].hooks = Some(hooks::attached());
        self.kernel.tick = self.world.tick();
        self.set_clock(self.world.time());
        self.keep();
        past
    }

    /// Obeys until `stop` says so or its sender is gone. Blocks.
    pub fn run(mut self, readings: &Sender<Collected>, stop: &Receiver<()>, hub: &Hub) {
        let lines = match self.lines() {
            Ok(lines) => lines,
            Err(error) => {
                tracing::error!("no orders: {error:#}");
                return;
            }
        };
        while !matches!(
            stop.try_recv(),
            Ok(()) | Err(mpsc::TryRecvError::Disconnected)
        ) {
            let line = match lines.recv_timeout(GLANCE) {
                Ok(line) => line,
                Err(RecvTimeoutError::Timeout) => continue,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            let done = line.parse().map_err(anyhow::Error::msg);
            if let Err(error) = done.and_then(|order| self.obey(order, readings, hub)) {
                tracing::error!("{error:#}");
            }
        }
    }

    fn obey(
        &mut self,
        order: Order,
        readings: &Sender<Collected>,
        hub: &Hub,
    ) -> anyhow::Result<()> {
        match order {
            Order::Feed(name) => {
                self.world.release(&name)?;
                self.kernel.released.push((self.world.tick() + 1, name));
            }
            Order::Skip(ticks) => (0..ticks).for_each(|_| self.world.advance()),
            Order::Tick(ticks) => {
                for _ in 0..ticks {
                    self.step(readings)?;
                    self.settle(hub);
                }
            }
            Order::Rush(ticks) => {
                for _ in 0..ticks {
                    self.step(readings)?;
                }
            }
        }
        Ok(())
    }

    fn step(&mut self, readings: &Sender<Collected>) -> anyhow::Result<()> {
        self.world.advance();
        self.set_clock(self.world.time());
        readings
            .blocking_send(self.collect())
            .context("the agent is gone")?;
        self.kernel.tick = self.world.tick();
        self.keep();
        Ok(())
    }

    /// Two ticks must not become one because a viewer had no time yet.
    fn settle(&mut self, hub: &Hub) {
        let end = Instant::now() + self.patience;
        self.patience = PATIENCE;
        while !hub.is_settled(self.world.tick() + 1) {
            if Instant::now() > end {
                self.patience = SHORT;
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn collect(&mut self) -> Collected {
        let reading = self.world.read();
        let sockets = reading.connections.open.as_ref().map_or(0, Vec::len);
        let processes = reading.processes.len() as u32;
        Collected {
            entries: Entries {
                processes,
                counters: processes,
                sockets: sockets as u32,
            },
            reading,
            hooks: None,
            late: false,
        }
    }

    fn keep(&self) {
        if let Err(error) = self.kernel.keep(&self.fifo) {
            tracing::error!("cannot keep the state: {error:#}");
        }
    }

    /// The lines of the FIFO, read by a thread of their own that ends with the program.
    fn lines(&self) -> anyhow::Result<Receiver<String>> {
        let orders = self.orders.try_clone().context("read orders")?;
        let (sender, lines) = mpsc::channel();
        std::thread::Builder::new()
            .name("orders".to_owned())
            .spawn(move || {
                for line in BufReader::new(orders).lines().map_while(Result::ok) {
                    if sender.send(line).is_err() {
                        return;
                    }
                }
            })
            .context("start the reader of orders")?;
        Ok(lines)
    }
}

#[cfg(test)]
#[path = "simulate/tests.rs"]
mod tests;
