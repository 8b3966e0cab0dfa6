//! An agent that plays the sample host.

use std::fs::File;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::time::Duration;
use std::time::Instant;

use nix::sys::signal::kill;
use nix::sys::signal::Signal;
use nix::unistd::Pid;

/// The agent, and what it needs to be started again.
pub struct Simulated {
    directory: PathBuf,
    binary: PathBuf,
    child: Option<Child>,
}

impl Simulated {
    /// Starts one whose files are in a directory.
    pub fn start(directory: &Path, binary: &Path) -> Simulated {
        let mut agent = Simulated {
            directory: directory.to_owned(),
            binary: binary.to_owned(),
            child: None,
        };
        agent.again(&[]);
        agent
    }

    pub fn socket(&self) -> PathBuf {
        self.directory.join("agent.sock")
    }

    /// Starts the next one, and waits until it serves.
    pub fn again(&mut self, args: &[&str]) {
        let path = |name: &str| self.directory.join(name);
        let child = Command::new(&self.binary)
            .arg("--simulate")
            .arg(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/tests/screen/web01.toml"
            ))
            .arg("--step-fifo")
            .arg(path("fifo"))
            .arg("--socket")
            .arg(self.socket())
            .arg("--state-dir")
            .arg(path("state"))
            .args(args)
            .stderr(File::create(path("agent.log")).unwrap())
            .spawn()
            .unwrap();
        self.child = Some(child);
        let deadline = Instant::now() + Duration::from_secs(30);
        while std::os::unix::net::UnixStream::connect(self.socket()).is_err() {
            let ended = self.child.as_mut().unwrap().try_wait().unwrap();
            assert!(ended.is_none(), "the agent has ended: {}", self.log());
            assert!(Instant::now() < deadline, "no agent: {}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.directory.join("agent.log")).unwrap_or_default()
    }

    /// Gives an order: `tick`, `tick 12`, `rush 200`, `skip 3`, `feed NAME`.
    pub fn order(&self, order: &str) {
        let mut fifo = OpenOptions::new()
            .write(true)
            // Fails at once when no agent reads it.
            .custom_flags(nix::libc::O_NONBLOCK)
            .open(self.directory.join("fifo"))
            .unwrap();
        fifo.write_all(format!("{order}\n").as_bytes()).unwrap();
    }

    /// So many ticks.
    pub fn tick(&self, ticks: u32) {
        self.order(&format!("tick {ticks}"));
    }

    /// Something happens in the next tick, which comes.
    pub fn feed(&self, name: &str) {
        self.order(&format!("feed {name}"));
        self.order("tick");
    }

    /// Waits for the tick that ends then (UTC).
    pub fn reaches(&self, time: &str) {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let status = Command::new(env!("CARGO_BIN_EXE_netmon"))
                .arg("--socket")
                .arg(self.socket())
                .args(["processes", "--top", "1", "-j"])
                .output()
                .unwrap();
            let told = String::from_utf8_lossy(&status.stdout).into_owned();
            if told.contains(time) {
                return;
            }
            assert!(Instant::now() < deadline, "not yet {time}: {told}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Bytes of memory it has.
    pub fn resident(&self) -> u64 {
        let pid = self.child.as_ref().unwrap().id();
        let statm = std::fs::read_to_string(format!("/proc/{pid}/statm")).unwrap();
        let pages: u64 = statm.split(' ').nth(1).unwrap().parse().unwrap();
        pages * 4096
    }

    pub fn signal(&self, signal: Signal) {
        let pid = self.child.as_ref().unwrap().id();
        kill(Pid::from_raw(pid.cast_signed()), signal).unwrap();
    }

    /// Ends it as a system does, and waits.
    pub fn stop(&mut self) {
        self.signal(Signal::SIGTERM);
        let status = self.child.take().unwrap().wait().unwrap();
        assert!(status.success(), "{status}: {}", self.log());
    }
}

impl Drop for Simulated {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
