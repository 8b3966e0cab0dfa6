//! What a process really sent and received, as its own system calls told it.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use serde::Deserialize;
use serde::Serialize;

/// What carries the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// TCP, also under kTLS and MPTCP.
    Tcp,
    /// UDP and UDP-Lite.
    Udp,
}

/// By address: mapped IPv4 is IPv4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Family {
    /// IPv4.
    #[serde(rename = "ipv4")]
    V4,
    /// IPv6.
    #[serde(rename = "ipv6")]
    V6,
}

/// Whether traffic stays on the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// To or from a loopback address.
    Loopback,
    /// Any other peer.
    External,
}

/// One kind of traffic, counted apart from all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Cell {
    /// What carries it.
    pub transport: Transport,
    /// By the peer's address.
    pub family: Family,
    /// By the peer's address.
    pub place: Place,
}

impl Cell {
    /// The kind that traffic with `peer` is.
    pub fn of(transport: Transport, peer: IpAddr) -> Self {
        let peer = peer.to_canonical();
        let family = if peer.is_ipv4() {
            Family::V4
        } else {
            Family::V6
        };
        let place = if peer.is_loopback() {
            Place::Loopback
        } else {
            Place::External
        };
        Self {
            transport,
            family,
            place,
        }
    }
}

/// Received and sent payload bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bytes {
    /// Received by the process.
    pub rx: u64,
    /// Sent by the process.
    pub tx: u64,
}

/// Bytes by kind. Kinds without traffic may be there with zeroes or not at all.
pub type Cells = BTreeMap<Cell, Bytes>;

/// One entry of [`Cells`] as JSON has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The kind.
    #[serde(flatten)]
    pub cell: Cell,
    /// Its bytes.
    #[serde(flatten)]
    pub bytes: Bytes,
}

/// The truth about one process, from the process itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Its part in the case, for example `client`.
    pub process: String,
    /// Thread-group id.
    pub pid: u32,
    /// Start in clock ticks since boot, field 22 of /proc/PID/stat.
    pub start_ticks: u64,
    /// comm of its leader when it ended.
    pub name: String,
    /// Non-zero kinds only.
    pub cells: Vec<Entry>,
}

impl Account {
    /// Over all kinds.
    pub fn sum(&self) -> Bytes {
        self.cells
            .iter()
            .fold(Bytes::default(), |sum, entry| Bytes {
                rx: sum.rx + entry.bytes.rx,
                tx: sum.tx + entry.bytes.tx,
            })
    }
}

/// What one process of a case prints, one JSON line each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Line {
    /// It did its part.
    Account(Account),
    /// The kernel or this user cannot do this case.
    Skipped(String),
    /// Something went wrong that the case does not expect.
    Failed(String),
}

/// Adds up what the system calls of this process returned; shared by its sockets and threads.
#[derive(Debug, Clone, Default)]
pub struct Tally(Arc<Mutex<Cells>>);

impl Tally {
    /// Adds bytes that a call sent.
    pub fn sent(&self, cell: Cell, bytes: usize) {
        self.cells().entry(cell).or_default().tx += bytes as u64;
    }

    /// Adds bytes that a call received.
    pub fn received(&self, cell: Cell, bytes: usize) {
        self.cells().entry(cell).or_default().rx += bytes as u64;
    }

    /// Starts again at zero, as a forked process must.
    pub fn clear(&self) {
        self.cells().clear();
    }

    /// Starts at what an earlier program in the same process had.
    pub fn resume(&self, entries: &[Entry]) {
        self.cells()
            .extend(entries.iter().map(|entry| (entry.cell, entry.bytes)));
    }

    /// All kinds that are not zero.
    pub fn entries(&self) -> Vec<Entry> {
        let cells = self.cells();
        let entries = cells.iter().map(|(&cell, &bytes)| Entry { cell, bytes });
        entries
            .filter(|entry| entry.bytes != Bytes::default())
            .collect()
    }

    fn cells(&self) -> MutexGuard<'_, Cells> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::Cell;
    use super::Family;
    use super::Place;
    use super::Transport;

    #[test]
    fn peer_address_decides_family_and_place() {
        for (peer, family, place) in [
            ("127.0.0.1", Family::V4, Place::Loopback),
            ("127.9.9.9", Family::V4, Place::Loopback),
            ("::1", Family::V6, Place::Loopback),
            ("::ffff:127.0.0.1", Family::V4, Place::Loopback),
            ("::ffff:10.0.0.1", Family::V4, Place::External),
            ("10.0.0.1", Family::V4, Place::External),
            ("fd00::1", Family::V6, Place::External),
        ] {
            let cell = Cell::of(Transport::Udp, peer.parse().unwrap());
            assert_eq!((cell.family, cell.place), (family, place), "{peer}");
        }
    }
}
