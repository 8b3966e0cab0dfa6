//! A probe for one test, and what it takes to compare its numbers.

use std::net::SocketAddr;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use netmon_bpf::abi::ProcessId;
use netmon_bpf::abi::Traffic;
use netmon_bpf::traffic::Census;
use netmon_bpf::traffic::ClosedConnection;
use netmon_bpf::traffic::ConnectionReading;
use netmon_bpf::traffic::MapLimits;
use netmon_bpf::traffic::Options;
use netmon_bpf::traffic::Probe;
use netmon_bpf::traffic::Reading;

/// Tests of one process share its counters, so they run one after the other.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

pub const CONNECTION_MAP_FULL: usize = 5;
pub const CLOSED_RING_FULL: usize = 6;

pub struct Counting {
    pub probe: Option<Probe>,
    directory: PathBuf,
    pub closed: Vec<ClosedConnection>,
    /// This process and its children.
    pub ours: Vec<u32>,
    _alone: MutexGuard<'static, ()>,
}

impl Counting {
    pub fn start(name: &str, connections: u32, closed_bytes: u32) -> Option<Counting> {
        // SAFETY: geteuid has no preconditions.
        if unsafe { libc::geteuid() } != 0 || !Path::new("/sys/fs/bpf").exists() {
            eprintln!("SKIPPED: loading BPF programs needs root and a BPF file system");
            return None;
        }
        let alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let directory = PathBuf::from(format!(
            "/sys/fs/bpf/netmon-test-{name}-{}",
            std::process::id()
        ));
        let options = Options {
            directory: directory.clone(),
            hooks: std::env::var("NETMON_TEST_HOOKS")
                .ok()
                .map(|set| set.parse().unwrap()),
            limits: MapLimits {
                processes: 1024,
                connections,
                closed_bytes,
            },
            fresh: false,
        };
        Some(Counting {
            probe: Some(Probe::start(&options).unwrap()),
            directory,
            closed: Vec::new(),
            ours: vec![std::process::id()],
            _alone: alone,
        })
    }

    pub fn read(&mut self) -> Reading {
        let probe = self.probe.as_mut().unwrap();
        let mut reading = probe.read(Census::Details).unwrap();
        // Others use this machine as well.
        let ours = |told: &ConnectionReading| self.ours.contains(&told.process.pid);
        reading.closed.retain(|closed| ours(&closed.connection));
        if let Some(open) = &mut reading.connections {
            open.retain(ours);
        }
        self.closed.append(&mut reading.closed);
        reading
    }

    /// All that a process moved over connections, open and closed: RX, TX.
    pub fn moved(&self, reading: &Reading, pid: u32) -> [u64; 2] {
        let open = reading.connections.as_ref().unwrap().iter();
        let closed = self.closed.iter().map(|closed| &closed.connection);
        // In both: it was closed while we looked.
        let gone: Vec<u64> = closed.clone().map(|closed| closed.id).collect();
        let open = open.filter(|open| !gone.contains(&open.id));
        open.chain(closed)
            .filter(|told| told.process.pid == pid)
            .fold([0, 0], |sum, told| {
                [sum[0] + told.rx.bytes, sum[1] + told.tx.bytes]
            })
    }

    /// Process totals and connections agree to the byte, for each of these.
    pub fn agree(&mut self, pids: &[u32]) -> Reading {
        let reading = self.read();
        for pid in pids {
            let totals = of_process(&reading, *pid);
            assert_eq!(
                self.moved(&reading, *pid),
                totals,
                "connections and totals of {pid}, of us: {}; losses of the machine: {:?}",
                *pid == std::process::id(),
                reading.losses.counts
            );
        }
        reading
    }

    pub fn closed_with(&self, local: SocketAddr) -> Vec<&ClosedConnection> {
        let closed = self.closed.iter();
        closed
            .filter(|closed| closed.connection.local == local)
            .collect()
    }
}

impl Drop for Counting {
    fn drop(&mut self) {
        drop(self.probe.take());
        Probe::unpin(&self.directory).expect("remove the test's pins");
    }
}

pub fn of_process(reading: &Reading, pid: u32) -> [u64; 2] {
    let totals = |(_, traffic): &(ProcessId, Traffic)| {
        let side = |tx: usize| traffic.flows.iter().skip(tx).step_by(2);
        [
            side(0).map(|flow| flow.bytes).sum(),
            side(1).map(|flow| flow.bytes).sum(),
        ]
    };
    let of_pid = reading.processes.iter().find(|(id, _)| id.pid == pid);
    of_pid.map_or([0, 0], totals)
}

pub fn open(reading: &Reading, local: SocketAddr) -> Vec<ConnectionReading> {
    let open = reading.connections.as_ref().unwrap().iter();
    open.filter(|told| told.local == local).cloned().collect()
}
