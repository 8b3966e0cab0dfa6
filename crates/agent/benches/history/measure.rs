//! How much memory and time something took, and how to print it.

use std::fs;
use std::path::Path;
use std::time::Duration;

use netmon_bpf::memory;

/// Resident, in MB.
pub struct Resident {
    before: f64,
}

impl Resident {
    pub fn new() -> Self {
        memory::give_back();
        Resident {
            before: field("VmRSS:"),
        }
    }

    /// What came since: the highest since the last time, and now.
    pub fn tell(&self, what: &str) {
        let (highest, now) = (field("VmHWM:"), field("VmRSS:"));
        println!(
            "    resident {what}: highest {:.1} MB, now {:.1} (and {:.1} before the history)",
            highest - self.before,
            now - self.before,
            self.before
        );
        fs::write("/proc/self/clear_refs", "5").unwrap();
    }
}

pub fn field(name: &str) -> f64 {
    field_of("/proc/self/status", name)
}

pub fn field_of(status: &str, name: &str) -> f64 {
    let status = fs::read_to_string(status).unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    let kilobytes: f64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kilobytes / 1024.0
}

/// What this thread has used: on a loaded machine the only time that says something.
pub fn cpu() -> Duration {
    let clock = nix::time::ClockId::CLOCK_THREAD_CPUTIME_ID;
    nix::time::clock_gettime(clock).unwrap().into()
}

pub fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

pub fn told(what: &str, times: &mut [Duration]) {
    times.sort();
    let mean = times.iter().sum::<Duration>() / times.len() as u32;
    let at = |part: usize| milliseconds(times[(times.len() - 1) * part / 1000]);
    println!(
        "{what}: mean {:.3} ms, 99 % {:.3}, 99.9 % {:.3}, worst {:.3}",
        milliseconds(mean),
        at(990),
        at(999),
        at(1000)
    );
}

pub fn bytes_of(directory: &Path) -> u64 {
    let entries = fs::read_dir(directory).unwrap();
    entries.map(|e| e.unwrap().metadata().unwrap().len()).sum()
}
