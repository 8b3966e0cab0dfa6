//! What the simulated kernel keeps while no agent runs, in a file beside the FIFO.

use std::path::Path;
use std::path::PathBuf;

use anyhow::Context;
use serde::Deserialize;
use serde::Serialize;

/// All that has happened, to be played again by the next agent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kernel {
    /// The last tick that an agent took.
    pub tick: u64,
    /// Number of the tick that the counters began with; 0: they are older than the past.
    pub since: u64,
    /// Agents that took the counters over.
    pub restarts: u32,
    /// Names of feeds, each with the tick it came before.
    pub released: Vec<(u64, String)>,
}

/// Where that is kept.
pub fn path(fifo: &Path) -> PathBuf {
    let mut name = fifo.as_os_str().to_owned();
    name.push(".kernel");
    name.into()
}

impl Kernel {
    /// What an earlier agent left; `None`: there was none.
    ///
    /// # Errors
    /// The file is there and cannot be read.
    pub fn found(fifo: &Path) -> anyhow::Result<Option<Kernel>> {
        let path = path(fifo);
        let text = match std::fs::read(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            text => text.with_context(|| format!("read {}", path.display()))?,
        };
        let kernel = serde_json::from_slice(&text)
            .with_context(|| format!("understand {}", path.display()))?;
        Ok(Some(kernel))
    }

    /// Keeps it. The next agent must find all or nothing of it, also when this one is killed.
    ///
    /// # Errors
    /// As the system says.
    pub fn keep(&self, fifo: &Path) -> anyhow::Result<()> {
        let path = path(fifo);
        let new = path.with_extension("new");
        std::fs::write(&new, serde_json::to_vec(self)?)?;
        std::fs::rename(&new, &path)?;
        Ok(())
    }
}
