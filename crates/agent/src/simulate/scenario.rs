//! A scenario file: which processes moved what, and what can be made to happen. See
//! `crates/cli/tests/screen/web01.toml` for one with explanations.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::bail;
use anyhow::Context;
use netmon_bpf::traffic::ConnectionState;
use serde::Deserialize;

/// The whole file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Name of the machine.
    pub host: String,
    /// Release of its kernel.
    pub kernel: String,
    /// Its architecture.
    pub architecture: String,
    /// When the machine was started.
    pub boot: Time,
    /// When the first agent was started, and made the counters.
    pub agent_started: Time,
    /// End of the last tick of the past.
    pub now: Time,
    /// Ticks of the past, after the first reading.
    pub ticks: u64,
    /// Ticks between the end of an agent and the next one.
    pub away: u64,
    /// Live and ended.
    #[serde(default)]
    pub process: Vec<Process>,
    /// Those of which more is said than that they are there.
    #[serde(default)]
    pub connection: Vec<Connection>,
    /// What can happen.
    #[serde(default)]
    pub feed: Vec<Feed>,
}

/// A process.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Process {
    /// Thread-group id.
    pub pid: u32,
    /// Its start; without one it is older than the past.
    pub started: Option<Time>,
    /// Pid and name of the parent.
    pub parent: (u32, String),
    /// Owner.
    #[serde(default)]
    pub uid: u32,
    /// comm.
    pub name: String,
    /// Its program.
    pub exe: Option<String>,
    /// Command line.
    #[serde(default)]
    pub args: Vec<String>,
    /// Path in the tree.
    pub cgroup: Option<String>,
    /// Received and sent in the last tick of the past; later ones are like it.
    #[serde(default)]
    pub rate: [Size; 2],
    /// Received and sent up to the end of the past.
    #[serde(default)]
    pub total: [Size; 2],
    /// Ticks of which the bytes are given.
    #[serde(default)]
    pub burst: Vec<Burst>,
    /// Percent of `tcp4`, `tcp6`, `udp4`, `udp6`.
    #[serde(default)]
    pub mix: BTreeMap<String, u64>,
    /// How many TCP and UDP connections.
    #[serde(default)]
    pub sockets: [u32; 2],
    /// Its end.
    pub exit: Option<End>,
}

/// Bytes of some ticks.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Burst {
    /// End of the first.
    pub at: Time,
    /// Received, tick by tick.
    pub rx: Vec<Size>,
    /// Sent, as many.
    pub tx: Vec<Size>,
}

/// The end of a process.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct End {
    /// When.
    pub at: Time,
    /// As given to exit(2).
    #[serde(default)]
    pub code: u8,
    /// The signal that ended it.
    #[serde(default)]
    pub signal: u8,
}

/// A connection.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Connection {
    /// Whose.
    pub pid: u32,
    /// This end; UDP when there is no `state`.
    pub local: SocketAddr,
    /// The other end.
    pub remote: Option<SocketAddr>,
    /// `None`: UDP.
    pub state: Option<TcpState>,
    /// Received and sent in the last tick of the past; at other times as large a part of what the
    /// process moves.
    #[serde(default)]
    pub rate: [Size; 2],
}

/// States that scenarios use.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TcpState {
    /// Usual.
    Established,
    /// The peer has closed it.
    CloseWait,
}

/// Something that happens when its name is released.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Feed {
    /// What it is released by.
    pub name: String,
    /// Other rates from the next tick on.
    #[serde(default)]
    pub rate: Vec<NewRate>,
    /// A process ends at the end of the next tick.
    pub exit: Option<Exit>,
    /// The kernel loses so many events in the next tick.
    #[serde(default)]
    pub lost: u64,
    /// Bytes without a process in each tick from the next one on.
    #[serde(default)]
    pub unattributed: [Size; 2],
}

/// Another rate of a process.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewRate {
    /// Whose.
    pub pid: u32,
    /// Received and sent per tick.
    pub rate: [Size; 2],
}

/// An end to come.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exit {
    /// Whose.
    pub pid: u32,
    /// As given to exit(2).
    pub code: u8,
}

/// ns since 1970; written as RFC 3339.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct Time(pub u64);

impl TryFrom<String> for Time {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let time: jiff::Timestamp = text.parse().map_err(|e| format!("{text}: {e}"))?;
        let ns = u64::try_from(time.as_nanosecond());
        ns.map(Time).map_err(|_| format!("{text} is before 1970"))
    }
}

/// Bytes; written as `1.21MiB`, or as a number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Written")]
pub struct Size(pub u64);

#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Bytes(u64),
    Text(String),
}

impl TryFrom<Written> for Size {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let text = match written {
            Written::Bytes(bytes) => return Ok(Size(bytes)),
            Written::Text(text) => text,
        };
        let units = [("KiB", 10), ("MiB", 20), ("GiB", 30), ("B", 0)];
        let found = units.into_iter().find_map(|(unit, shift)| {
            let number: f64 = text.strip_suffix(unit)?.parse().ok()?;
            (number >= 0.0).then(|| (number * f64::from(1u32 << shift)).round() as u64)
        });
        found
            .map(Size)
            .ok_or_else(|| format!("'{text}' is not a size such as 1.21MiB"))
    }
}

impl Scenario {
    /// Reads and checks one.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub fn read(path: &Path) -> anyhow::Result<Scenario> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("read the scenario {}", path.display()))?;
        let scenario: Scenario = toml::from_str(&text)
            .with_context(|| format!("read the scenario {}", path.display()))?;
        scenario.check()?;
        Ok(scenario)
    }

    fn check(&self) -> anyhow::Result<()> {
        let past = self.ticks * super::STEP;
        if self.boot > self.agent_started || self.agent_started.0 + past > self.now.0 {
            bail!("boot, agent_started and now are not in order, or the past does not fit between them");
        }
        for process in &self.process {
            let pid = process.pid;
            let sum: u64 = process.mix.values().sum();
            if sum != 100 && !process.mix.is_empty() {
                bail!("the mix of process {pid} is {sum} percent");
            }
            let known = ["tcp4", "tcp6", "udp4", "udp6"];
            if let Some(kind) = process.mix.keys().find(|k| !known.contains(&k.as_str())) {
                bail!("the mix of process {pid} has '{kind}'");
            }
            if process.burst.iter().any(|b| b.rx.len() != b.tx.len()) {
                bail!("a burst of process {pid} has unequal sides");
            }
            if process.exit.is_some() && process.started.is_none() {
                bail!("process {pid} has an end and no start");
            }
        }
        let known = |pid| self.process.iter().any(|process| process.pid == pid);
        let connections = self.connection.iter().map(|c| c.pid);
        let rates = self.feed.iter().flat_map(|f| f.rate.iter().map(|r| r.pid));
        let exits = self.feed.iter().filter_map(|f| f.exit.map(|e| e.pid));
        match connections.chain(rates).chain(exits).find(|p| !known(*p)) {
            Some(pid) => bail!("no process {pid} in the scenario"),
            None => Ok(()),
        }
    }
}

impl From<TcpState> for ConnectionState {
    fn from(state: TcpState) -> Self {
        match state {
            TcpState::Established => ConnectionState::Established,
            TcpState::CloseWait => ConnectionState::CloseWait,
        }
    }
}
