//! Two network namespaces with a veth pair between them, gone when the guard is dropped.

use std::fs;
use std::fs::File;
use std::path::PathBuf;
use std::process::Command;
use std::thread;

use nix::sched::CloneFlags;

use super::ends::address;
use super::ends::End;
use super::ends::Path;
use super::ends::Variant;

/// The namespaces. Dropping removes them, and with them the veth pair.
#[derive(Debug)]
pub struct Namespaces {
    names: [String; 2],
}

impl Namespaces {
    /// Makes them with the `ip` command.
    ///
    /// # Errors
    /// Why not, in one line for the user.
    pub fn make() -> Result<Self, String> {
        if !nix::unistd::geteuid().is_root() {
            return Err("network namespaces need root".to_owned());
        }
        let pid = std::process::id();
        let made = Self {
            names: [
                format!("netmon-selftest-{pid}-a"),
                format!("netmon-selftest-{pid}-b"),
            ],
        };
        let [a, b] = &made.names;
        ip(&["netns", "add", a])?;
        ip(&["netns", "add", b])?;
        ip(&[
            "-n", a, "link", "add", "veth0", "type", "veth", "peer", "name", "veth0", "netns", b,
        ])?;
        for (end, name) in [(End::A, a), (End::B, b)] {
            let v4 = format!("{}/24", address(Path::Veth, Variant::V4, end));
            let v6 = format!("{}/64", address(Path::Veth, Variant::V6, end));
            ip(&["-n", name, "address", "add", &v4, "dev", "veth0"])?;
            // Without duplicate detection, which would keep the address unusable for a second.
            // Absent IPv6 is not an error here: the cases that need it say so.
            let _ = ip(&["-n", name, "address", "add", &v6, "dev", "veth0", "nodad"]);
            ip(&["-n", name, "link", "set", "lo", "up"])?;
            ip(&["-n", name, "link", "set", "veth0", "up"])?;
            allow_all(made.file(end));
        }
        Ok(made)
    }

    /// The file by which a process enters the namespace of an end.
    pub fn file(&self, end: End) -> PathBuf {
        let [a, b] = &self.names;
        PathBuf::from("/var/run/netns").join(if end == End::A { a } else { b })
    }
}

impl Drop for Namespaces {
    fn drop(&mut self) {
        for name in &self.names {
            // Not made yet, or gone already: nothing is left behind in either case.
            let _ = ip(&["netns", "delete", name]);
        }
    }
}

/// Switches on inside the namespace what is off by default: Fast Open servers, ping sockets.
fn allow_all(namespace: PathBuf) {
    // In a thread of its own: entering a namespace changes the calling thread only.
    let entered = thread::spawn(move || {
        let entered = File::open(namespace)
            .map_err(drop)
            .and_then(|file| nix::sched::setns(file, CloneFlags::CLONE_NEWNET).map_err(drop));
        if entered.is_ok() {
            // A case whose setting cannot be written is skipped, with the setting as the reason.
            let _ = fs::write("/proc/sys/net/ipv4/tcp_fastopen", "3");
            let _ = fs::write("/proc/sys/net/ipv4/ping_group_range", "0 2147483647");
        }
    });
    let _ = entered.join();
}

fn ip(arguments: &[&str]) -> Result<(), String> {
    let done = Command::new("ip")
        .args(arguments)
        .output()
        .map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => "the ip command (iproute2) is not installed".to_owned(),
            _ => format!("ip: {error}"),
        })?;
    if done.status.success() {
        return Ok(());
    }
    let reason = String::from_utf8_lossy(&done.stderr);
    Err(format!(
        "ip {}: {}",
        arguments.join(" "),
        reason.lines().next().unwrap_or("failed")
    ))
}
