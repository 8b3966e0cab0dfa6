//! The three complete ways to count.

use std::fmt;
use std::str::FromStr;

/// A complete way to count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HookSet {
    /// T: results of calls by tracepoints; costs least, needs 6.5.
    Tracepoint = 1,
    /// K: entries of functions by kprobes (by fentry before 5.15).
    Kprobe = 2,
    /// F: results of calls by fexit; loses events on preemptible kernels.
    Fexit = 3,
}

impl HookSet {
    /// In the order they are tried.
    pub const ALL: [HookSet; 3] = [HookSet::Tracepoint, HookSet::Kprobe, HookSet::Fexit];

    /// The set with this number in the pins.
    pub(crate) fn from_number(number: u32) -> Option<HookSet> {
        HookSet::ALL.into_iter().find(|set| *set as u32 == number)
    }
}

impl fmt::Display for HookSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            HookSet::Tracepoint => "tracepoint",
            HookSet::Kprobe => "kprobe",
            HookSet::Fexit => "fexit",
        })
    }
}

impl FromStr for HookSet {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        HookSet::ALL
            .into_iter()
            .find(|set| set.to_string() == text)
            .ok_or_else(|| format!("'{text}' is not one of tracepoint, kprobe, fexit"))
    }
}
