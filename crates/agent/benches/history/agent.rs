//! The same day in the hands of a real agent: what it has resident while it answers, how long its
//! clients wait, and whether its ticks do. Needs root and release binaries in NETMON_BIN_DIR.

use std::fs;
use std::io::BufRead;
use std::io::BufReader;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

struct Agent {
    child: Child,
    binaries: PathBuf,
    socket: PathBuf,
    pins: String,
}

impl Agent {
    fn start(binaries: PathBuf, state: &Path) -> Agent {
        let socket = state.join("agent.sock");
        let pins = format!("/sys/fs/bpf/netmon-bench-{}", std::process::id());
        let child = Command::new(binaries.join("netmon-agent"))
            .arg("--socket")
            .arg(&socket)
            .args(["--pin-dir", &pins, "--state-dir"])
            .arg(state)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let agent = Agent {
            child,
            binaries,
            socket,
            pins,
        };
        while std::os::unix::net::UnixStream::connect(&agent.socket).is_err() {
            std::thread::sleep(Duration::from_millis(5));
        }
        agent
    }

    fn client(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.binaries.join("netmon"));
        command.arg("--socket").arg(&self.socket).args(arguments);
        command
    }

    fn field(&self, name: &str) -> f64 {
        super::measure::field_of(&format!("/proc/{}/status", self.child.id()), name)
    }

    /// Used by all its threads.
    fn cpu(&self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let rest = stat.rsplit(") ").next().unwrap();
        let ticks = rest.split(' ').skip(11).take(2);
        let ticks: u64 = ticks.map(|word| word.parse::<u64>().unwrap()).sum();
        Duration::from_millis(ticks * 10)
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = Command::new(self.binaries.join("netmon-agent"))
            .args(["--pin-dir", &self.pins, "--unpin"])
            .status();
    }
}

/// Asks it all, some times over, while a viewer watches.
pub fn measure(binaries: PathBuf, state: &Path, pid: u32) {
    let agent = Agent::start(binaries, state);
    std::thread::sleep(Duration::from_secs(2));
    println!("a real agent with this day:");
    println!("    resident before {:.1} MB", agent.field("VmRSS:"));
    let mut watch = agent.client(&["watch", "-j", "--interval", "1s"]);
    let mut watch = watch.stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(watch.stdout.take().unwrap()).lines();
    let arrivals = std::thread::spawn(move || {
        let mut arrivals = Vec::new();
        for line in lines.map_while(Result::ok) {
            if line.contains("\"type\":\"sample\"") {
                arrivals.push(Instant::now());
            }
        }
        arrivals
    });
    std::thread::sleep(Duration::from_secs(5));
    let clear = format!("/proc/{}/clear_refs", agent.child.id());
    fs::write(clear, "5").unwrap();
    let pid = pid.to_string();
    for (what, more) in [
        ("top 10 of all", &["--top", "10"][..]),
        ("top 10 of all by hour", &["--top", "10", "--step", "1h"]),
        ("one process of all", &["-p", &pid]),
        (
            "one process of all by minute",
            &["-p", &pid, "--step", "1m"],
        ),
        ("names of all", &["-g", "name"]),
    ] {
        let mut arguments = vec!["query", "--since", "start", "-f", "json"];
        arguments.extend(more);
        let (begin, before) = (Instant::now(), agent.cpu());
        for _ in 0..5 {
            let mut command = agent.client(&arguments);
            assert!(command.stdout(Stdio::null()).status().unwrap().success());
        }
        println!(
            "    {what}: {:.0} ms from start to end of the client, agent {:.0} on the CPU, resident {:.1} MB, at most {:.1}",
            super::milliseconds(begin.elapsed() / 5),
            super::milliseconds((agent.cpu() - before) / 5),
            agent.field("VmRSS:"),
            agent.field("VmHWM:"),
        );
    }
    std::thread::sleep(Duration::from_secs(2));
    let _ = watch.kill();
    let _ = watch.wait();
    let arrivals = arrivals.join().unwrap();
    let second = Duration::from_secs(1);
    let late = arrivals
        .windows(2)
        .map(|two| (two[1] - two[0]).saturating_sub(second));
    println!(
        "    {} ticks at a viewer, the latest {:.1} ms after it was due",
        arrivals.len(),
        super::milliseconds(late.max().unwrap_or_default())
    );
}
