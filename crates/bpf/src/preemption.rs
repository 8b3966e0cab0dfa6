//! Whether this kernel puts tasks aside in the middle of its own code.
//!
//! It matters to trampolines (fentry, fexit, BTF tracepoints): a task that is put aside inside such
//! a program keeps it from running for all others on that CPU. The kernel counts what it skips.

use std::fs;
use std::fs::File;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;

use flate2::read::GzDecoder;

/// What is known about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Preemption {
    /// Kernel code runs until it gives the CPU up.
    Never,
    /// At any time, or at the next tick of the clock ("lazy").
    Always,
    /// The kernel can do either, and does not tell which: debugfs is not mounted or not readable (it
    /// never is with Secure Boot), and what the kernel was configured to do is nowhere either.
    #[default]
    Unknown,
}

const VERSION: &str = "/proc/sys/kernel/version";
const MODE: &str = "/sys/kernel/debug/sched/preempt";
const COMMAND_LINE: &str = "/proc/cmdline";
/// What the running kernel was configured with; not every kernel has it.
const OWN_CONFIG: &str = "/proc/config.gz";
const RELEASE: &str = "/proc/sys/kernel/osrelease";
/// A configuration is a quarter of a megabyte.
const CONFIG_MOST: u64 = 4 << 20;
const REAL_TIME: &str = "/sys/kernel/realtime";

/// Whether softirqs can be put aside too.
pub fn is_real_time() -> bool {
    fs::read_to_string(REAL_TIME).is_ok_and(|text| text.trim() == "1")
}

impl Preemption {
    /// Looks. The mode can be changed while the machine runs, which is not noticed.
    pub fn find_out() -> Preemption {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        told(&read(VERSION), &read(MODE), &read(COMMAND_LINE), configured)
    }

    /// Whether a trampoline may miss events here.
    pub fn possible(self) -> bool {
        self != Preemption::Never
    }
}

/// The mode that a kernel starts in which nobody told otherwise.
fn configured() -> Option<String> {
    let own = File::open(OWN_CONFIG).map(GzDecoder::new);
    if let Some(mode) = own.ok().and_then(configured_in) {
        return Some(mode);
    }
    let release = fs::read_to_string(RELEASE).ok()?;
    configured_in(File::open(format!("/boot/config-{}", release.trim())).ok()?)
}

fn configured_in(config: impl Read) -> Option<String> {
    let lines = BufReader::new(config.take(CONFIG_MOST)).lines();
    lines.map_while(Result::ok).find_map(|line| {
        let mode = match line.as_str() {
            "CONFIG_PREEMPT_NONE=y" => "none",
            "CONFIG_PREEMPT_VOLUNTARY=y" => "voluntary",
            "CONFIG_PREEMPT_LAZY=y" => "lazy",
            "CONFIG_PREEMPT=y" => "full",
            _ => return None,
        };
        Some(mode.to_owned())
    })
}

/// `version`: what the kernel was built as. `mode`: all modes it has, the present one in brackets.
/// `configured` is asked last: it has to be searched for.
fn told(
    version: &str,
    mode: &str,
    command_line: &str,
    configured: impl FnOnce() -> Option<String>,
) -> Preemption {
    let Some(built) = version
        .split_whitespace()
        .find(|word| word.starts_with("PREEMPT"))
    else {
        return match version.trim() {
            "" => Preemption::Unknown,
            _ => Preemption::Never,
        };
    };
    // "PREEMPT_DYNAMIC" or, where real time is built in as well, "PREEMPT_{RT,(lazy)}".
    if built != "PREEMPT_DYNAMIC" {
        return Preemption::Always;
    }
    let bracketed = mode
        .split_whitespace()
        .find_map(|word| word.strip_prefix('(')?.strip_suffix(')'));
    let asked = command_line
        .split_whitespace()
        .filter_map(|word| word.strip_prefix("preempt="))
        .next_back();
    let told = bracketed.or(asked).map(str::to_owned);
    match told.or_else(configured).as_deref() {
        Some("none" | "voluntary") => Preemption::Never,
        Some("full" | "lazy") => Preemption::Always,
        _ => Preemption::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_tell_in_four_places_whether_they_preempt() {
        use Preemption::*;
        let dynamic = "#1 SMP PREEMPT_DYNAMIC Debian 6.12.38-1 (2025-07-16)";
        for (version, mode, command_line, configured, expected) in [
            ("#1 SMP Debian 5.10.262-1 (2026-01-01)", "", "", None, Never),
            ("#1 SMP PREEMPT Thu Jan 1", "", "", None, Always),
            ("#1 SMP PREEMPT_RT Debian", "", "", Some("none"), Always),
            ("#1 SMP PREEMPT_{RT,(lazy)} Debian", "", "", None, Always),
            (dynamic, "none (voluntary) full\n", "", None, Never),
            (
                dynamic,
                "(none) voluntary full\n",
                "preempt=full",
                None,
                Never,
            ),
            (dynamic, "full (lazy)\n", "", Some("none"), Always),
            (dynamic, "none voluntary (full)\n", "", None, Always),
            (dynamic, "", "quiet preempt=full", Some("none"), Always),
            (dynamic, "", "preempt=full preempt=none quiet", None, Never),
            (dynamic, "", "quiet", None, Unknown),
            (dynamic, "", "quiet", Some("voluntary"), Never),
            (dynamic, "", "quiet", Some("lazy"), Always),
            (dynamic, "", "preempt=sometimes", None, Unknown),
            ("", "", "", Some("none"), Unknown),
        ] {
            let found = told(version, mode, command_line, || {
                configured.map(str::to_owned)
            });
            assert_eq!(found, expected, "{version} | {mode} | {command_line}");
        }
    }

    #[test]
    fn the_configuration_names_one_mode() {
        let all = "# CONFIG_PREEMPT_NONE is not set\nCONFIG_PREEMPT_BUILD=y\n\
                   CONFIG_PREEMPT_VOLUNTARY=y\n# CONFIG_PREEMPT is not set\n\
                   CONFIG_PREEMPT_DYNAMIC=y\n";
        let mode = |text: &str| configured_in(text.as_bytes());
        assert_eq!(mode(all).as_deref(), Some("voluntary"));
        assert_eq!(
            mode("CONFIG_PREEMPT_BUILD=y\nCONFIG_PREEMPT=y\n").as_deref(),
            Some("full")
        );
        assert_eq!(mode("CONFIG_PREEMPTION=y\n"), None);
        assert_eq!(configured_in(GzDecoder::new(&b"no gzip"[..])), None);
    }
}
