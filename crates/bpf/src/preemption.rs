//! Whether this kernel puts tasks aside in the middle of its own code.
//!
//! It matters to trampolines (fentry, fexit, BTF tracepoints): a task that is put aside inside such
//! a program keeps it from running for all others on that CPU. The kernel counts what it skips.

use std::fs;

/// What is known about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Preemption {
    /// Kernel code runs until it gives the CPU up.
    Never,
    /// At any time, or at the next tick of the clock ("lazy").
    Always,
    /// The kernel can do either, and does not tell which: debugfs is not mounted or not readable.
    #[default]
    Unknown,
}

const VERSION: &str = "/proc/sys/kernel/version";
const MODE: &str = "/sys/kernel/debug/sched/preempt";
const COMMAND_LINE: &str = "/proc/cmdline";
const REAL_TIME: &str = "/sys/kernel/realtime";

/// Whether softirqs can be put aside too.
pub fn is_real_time() -> bool {
    fs::read_to_string(REAL_TIME).is_ok_and(|text| text.trim() == "1")
}

impl Preemption {
    /// Looks. The mode can be changed while the machine runs, which is not noticed.
    pub fn find_out() -> Preemption {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        told(&read(VERSION), &read(MODE), &read(COMMAND_LINE))
    }

    /// Whether a trampoline may miss events here.
    pub fn possible(self) -> bool {
        self != Preemption::Never
    }
}

/// `version`: what the kernel was built as. `mode`: all modes it has, the present one in brackets.
fn told(version: &str, mode: &str, command_line: &str) -> Preemption {
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
    match bracketed.or(asked) {
        Some("none" | "voluntary") => Preemption::Never,
        Some("full" | "lazy") => Preemption::Always,
        _ => Preemption::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_tell_in_three_places_whether_they_preempt() {
        use Preemption::*;
        let dynamic = "#1 SMP PREEMPT_DYNAMIC Debian 6.12.38-1 (2025-07-16)";
        for (version, mode, command_line, expected) in [
            ("#1 SMP Debian 5.10.262-1 (2026-01-01)", "", "", Never),
            ("#1 SMP PREEMPT Thu Jan 1", "", "", Always),
            ("#1 SMP PREEMPT_RT Debian", "", "", Always),
            ("#1 SMP PREEMPT_{RT,(lazy)} Debian", "", "", Always),
            (dynamic, "none (voluntary) full\n", "", Never),
            (dynamic, "(none) voluntary full\n", "preempt=full", Never),
            (dynamic, "full (lazy)\n", "", Always),
            (dynamic, "none voluntary (full)\n", "", Always),
            (dynamic, "", "quiet preempt=full", Always),
            (dynamic, "", "preempt=full preempt=none quiet", Never),
            (dynamic, "", "quiet", Unknown),
            (dynamic, "", "preempt=sometimes", Unknown),
            ("", "", "", Unknown),
        ] {
            let found = told(version, mode, command_line);
            assert_eq!(found, expected, "{version} | {mode} | {command_line}");
        }
    }
}
