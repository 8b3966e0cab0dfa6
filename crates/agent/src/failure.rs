//! How the agent ends when it cannot go on: what happened, why, what to type next, which code.

use std::process::ExitCode;

use netmon_bpf::error::Error as Probe;

use crate::causes::report;
use crate::socket::Error as Socket;

/// Text for a person and a code for a script (see `netmon-agent --help`).
#[derive(Debug, PartialEq, Eq)]
pub struct Failure {
    /// First line: what, and why.
    pub text: String,
    /// What to do, a line each.
    pub help: Vec<String>,
    /// Exit code.
    pub code: u8,
}

impl Failure {
    /// Prints it to stderr.
    pub fn report(&self) -> ExitCode {
        eprintln!("netmon-agent: {}", self.text);
        for line in &self.help {
            eprintln!("  {line}");
        }
        ExitCode::from(self.code)
    }
}

fn failure(text: String, help: &[&str], code: u8) -> Failure {
    Failure {
        text,
        help: help.iter().map(|line| (*line).to_owned()).collect(),
        code,
    }
}

impl From<&anyhow::Error> for Failure {
    fn from(error: &anyhow::Error) -> Self {
        if let Some(probe) = error.downcast_ref::<Probe>() {
            return of_probe(probe);
        }
        if let Some(socket) = error.downcast_ref::<Socket>() {
            return of_socket(socket);
        }
        failure(format!("{error:#}"), &[], 1)
    }
}

fn of_socket(error: &Socket) -> Failure {
    match error {
        Socket::InUse { .. } => failure(
            error.to_string(),
            &["One agent serves all viewers. To run a second one, give it its own --socket and --pin-dir."],
            3,
        ),
        Socket::NotASocket(path) => failure(
            error.to_string(),
            &["It is not netmon's to remove. Move it away, or choose another:", &format!("    netmon-agent --socket {}.new", path.display())],
            1,
        ),
        Socket::Io { source, .. } => {
            let code = if source.kind() == std::io::ErrorKind::PermissionDenied { 4 } else { 1 };
            failure(report(error), &[], code)
        }
    }
}

const RIGHTS: [&str; 3] = [
    "It needs CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN, and CAP_SYS_ADMIN where",
    "kernel.perf_event_paranoid is 3 (Debian) or the kernel is older than 5.8. Run it as root:",
    "    sudo netmon-agent",
];

fn of_probe(error: &Probe) -> Failure {
    let text = report(error);
    match error {
        Probe::NoBtf => failure(
            text,
            &["netmon fits its programs to the kernel by BTF. Use a kernel built with CONFIG_DEBUG_INFO_BTF=y;", "the kernels of all large distributions since 2021 are."],
            5,
        ),
        Probe::NoBpffs(path) => failure(
            text,
            &["Mount one, and do it outside of any sandboxed unit:", "    sudo mount -t bpf bpf /sys/fs/bpf", &format!("or give --pin-dir another place than {}.", path.display())],
            6,
        ),
        Probe::NoRight { .. } => failure(text, &RIGHTS, 4),
        Probe::NoHookSet { refused } => {
            let tracefs = ["/sys/kernel/tracing/events", "/sys/kernel/debug/tracing/events"];
            if !tracefs.iter().any(|path| std::path::Path::new(path).exists()) {
                let help = ["tracefs is not mounted, and tracepoints and kprobes attach by it. Mount it:", "    sudo mount -t tracefs tracefs /sys/kernel/tracing"];
                return failure(text, &help, 6);
            }
            let denied = refused.iter().any(|r| r.reason.contains("errno 1)"));
            let lockdown = std::fs::read_to_string("/sys/kernel/security/lockdown").unwrap_or_default();
            let locked = lockdown.contains("[integrity]") || lockdown.contains("[confidentiality]");
            match (locked, denied) {
                (true, _) => failure(text, &["Kernel lockdown is on, which forbids such programs:", "    cat /sys/kernel/security/lockdown"], 5),
                (_, true) => failure(text, &RIGHTS, 5),
                _ => failure(text, &["See what this kernel allows:", "    sudo netmon-agent --check"], 5),
            }
        }
        Probe::Layout { .. } => failure(
            text,
            &["They belong to another version of netmon. To drop its counters and start at zero:", "    sudo netmon-agent --fresh"],
            7,
        ),
        Probe::Takeover { .. } => failure(
            text,
            &["They go on counting. Try again, or run the agent they belong to. To start at zero:", "    sudo netmon-agent --fresh"],
            7,
        ),
        Probe::Busy { pid, .. } => {
            let text = match pid {
                Some(pid) => format!("{text} (pid {pid})"),
                None => text,
            };
            failure(text, &["One agent serves all viewers. To run a second one, give it its own --socket and --pin-dir."], 3)
        }
        Probe::OtherHookSet { .. } => failure(
            text,
            &["Totals of one set cannot go on with another. To start at zero with the one asked for:", "    sudo netmon-agent --fresh --hooks ..."],
            7,
        ),
        Probe::Kernel { .. } => failure(text, &[], 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    #[test]
    fn every_failure_has_its_code_and_says_what_to_do() {
        let denied = || std::io::Error::from(std::io::ErrorKind::PermissionDenied);
        let cases: [(anyhow::Error, u8, &str); 8] = [
            (Probe::NoBtf.into(), 5, "CONFIG_DEBUG_INFO_BTF"),
            (
                Probe::NoBpffs(PathBuf::from("/x")).into(),
                6,
                "mount -t bpf",
            ),
            (
                Probe::NoRight {
                    doing: "load".into(),
                    source: denied(),
                }
                .into(),
                4,
                "CAP_BPF",
            ),
            (
                Probe::NoHookSet {
                    refused: Vec::new(),
                }
                .into(),
                5,
                "--check",
            ),
            (
                Probe::Layout {
                    directory: "/x".into(),
                    found: "v9".into(),
                }
                .into(),
                7,
                "--fresh",
            ),
            (
                Probe::Takeover {
                    directory: "/x".into(),
                    reason: "so".into(),
                }
                .into(),
                7,
                "go on counting",
            ),
            (
                Probe::Busy {
                    directory: "/x".into(),
                    pid: Some(7),
                }
                .into(),
                3,
                "--pin-dir",
            ),
            (
                Socket::InUse {
                    path: "/x".into(),
                    pid: Some(7),
                }
                .into(),
                3,
                "--socket",
            ),
        ];
        for (error, code, advice) in cases {
            let failure = Failure::from(&error);
            assert_eq!(failure.code, code, "{}", failure.text);
            assert!(failure.help.join("\n").contains(advice), "{failure:?}");
        }
    }

    #[test]
    fn context_does_not_hide_the_cause() {
        let error = anyhow::Error::from(Probe::NoBtf).context("start");
        assert_eq!(Failure::from(&error).code, 5);
    }
}
