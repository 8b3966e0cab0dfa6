//! Runs cases: two child processes each, a few at a time, each with a time limit.

use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Child;
use std::process::ChildStdout;
use std::process::Command;
use std::process::Stdio;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use clap::ValueEnum;
use nix::errno::Errno;
use nix::poll::PollFd;
use nix::poll::PollFlags;
use nix::poll::PollTimeout;
use nix::sys::prctl::set_child_subreaper;
use nix::sys::signal::killpg;
use nix::sys::signal::Signal;
use nix::sys::socket::socketpair;
use nix::sys::socket::AddressFamily;
use nix::sys::socket::SockFlag;
use nix::sys::socket::SockType;
use nix::sys::wait::waitpid;
use nix::unistd::Pid;

use super::cases::Company;
use super::ends::End;
use super::ends::Path;
use super::namespaces::Namespaces;
use super::plan::Run;
use super::truth::Account;
use super::truth::Line;

/// How many cases run at the same time.
const LANES: usize = 4;
/// How often a waiting lane looks whether it must stop.
const GLANCE: u16 = 100;

/// How to start a child: this program, up to its own arguments.
#[derive(Debug, Clone)]
pub struct Launcher {
    /// The program.
    pub program: PathBuf,
    /// Arguments before those of the child.
    pub arguments: Vec<String>,
}

/// How long the other processes of a case may go on when one has given up.
const GRACE: Duration = Duration::from_millis(300);

/// How a run went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// All processes did their part; each has its account here.
    Done(Vec<Account>),
    /// Not possible here.
    Skipped(String),
    /// A process did not do its part.
    Failed(String),
}

/// What all runs share.
#[derive(Debug)]
pub struct Harness<'a> {
    /// How to start children.
    pub launcher: Launcher,
    /// Where runs over veth take place; the reason if they cannot.
    pub namespaces: Result<Namespaces, String>,
    /// For one run.
    pub limit: Duration,
    /// Set from outside: end all children and come back.
    pub stop: &'a AtomicBool,
}

impl Harness<'_> {
    /// Makes all runs. The endings come in the order of `runs`.
    pub fn execute(&self, runs: &[Run]) -> Vec<Ending> {
        // Best effort: without it what a killed child has forked is left to init.
        let _ = set_child_subreaper(true);
        let endings = Mutex::new(vec![None; runs.len()]);
        for company in [Company::Any, Company::Alone] {
            let lanes = if company == Company::Any { LANES } else { 1 };
            let next = AtomicUsize::new(0);
            thread::scope(|scope| {
                for _ in 0..lanes {
                    scope.spawn(|| loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        let Some(run) = runs.get(number) else { return };
                        if run.case.company != company {
                            continue;
                        }
                        let ending = self.run(run);
                        let mut endings = endings.lock().unwrap_or_else(PoisonError::into_inner);
                        if let Some(slot) = endings.get_mut(number) {
                            *slot = Some(ending);
                        }
                    });
                }
            });
        }
        let endings = endings.into_inner().unwrap_or_else(PoisonError::into_inner);
        let never = || Ending::Failed("was not run".to_owned());
        endings
            .into_iter()
            .map(|ending| ending.unwrap_or_else(never))
            .collect()
    }

    fn run(&self, run: &Run) -> Ending {
        if let (Path::Veth, Err(reason)) = (run.path, &self.namespaces) {
            return Ending::Skipped(reason.clone());
        }
        let started = Pair::start(self, run);
        match started {
            Ok(mut pair) => {
                let (lines, end) = pair.listen(self);
                drop(pair);
                conclude(&lines, end)
            }
            Err(error) => Ending::Failed(format!("a process cannot be started: {error}")),
        }
    }

    fn child(&self, run: &Run, end: End, line: Stdio) -> std::io::Result<Child> {
        let mut command = Command::new(&self.launcher.program);
        command.args(&self.launcher.arguments).arg(run.case.name);
        for value in [end.to_possible_value(), run.path.to_possible_value()] {
            command.args(value.iter().map(|value| value.get_name()));
        }
        command.args(
            run.variant
                .to_possible_value()
                .iter()
                .map(|value| value.get_name()),
        );
        if let (Path::Veth, Ok(namespaces)) = (run.path, &self.namespaces) {
            command.arg("--netns").arg(namespaces.file(end));
        }
        // A group of its own, so that what it forks can be ended with it.
        command
            .process_group(0)
            .stdin(line)
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        command.spawn()
    }
}

/// Why a pair is no longer listened to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Silence {
    Quiet,
    TimeUp,
    Stopped,
}

/// The two processes of a run. Dropping ends them with all they forked, and reaps them.
#[derive(Debug)]
struct Pair {
    children: Vec<Child>,
    outputs: Vec<Output>,
}

impl Pair {
    fn start(harness: &Harness<'_>, run: &Run) -> std::io::Result<Self> {
        let flags = SockFlag::SOCK_CLOEXEC;
        let (a, b) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, flags)?;
        let mut pair = Self {
            children: Vec::new(),
            outputs: Vec::new(),
        };
        for (end, line) in [(End::A, a), (End::B, b)] {
            let mut child = harness.child(run, end, line.into())?;
            pair.outputs.extend(child.stdout.take().map(|from| Output {
                from,
                rest: Vec::new(),
                open: true,
            }));
            pair.children.push(child);
        }
        Ok(pair)
    }

    /// Collects what all processes print until the last one has closed its output.
    fn listen(&mut self, harness: &Harness<'_>) -> (Vec<Line>, Silence) {
        let mut deadline = Instant::now() + harness.limit;
        let mut gave_up = false;
        let mut heard = Vec::new();
        while self.outputs.iter().any(|output| output.open) {
            wait(&self.outputs);
            let known = heard.len();
            for output in &mut self.outputs {
                output.take(&mut heard);
            }
            // The other side may wait for ever for one that has given up.
            let mut new = heard.iter().skip(known);
            if !gave_up && new.any(|line| !matches!(line, Line::Account(_))) {
                gave_up = true;
                deadline = deadline.min(Instant::now() + GRACE);
            }
            if harness.stop.load(Ordering::Relaxed) {
                return (heard, Silence::Stopped);
            }
            if Instant::now() > deadline {
                return (heard, Silence::TimeUp);
            }
        }
        (heard, Silence::Quiet)
    }
}

/// What a process and all it forked print.
#[derive(Debug)]
struct Output {
    from: ChildStdout,
    /// The beginning of a line whose end is not here yet.
    rest: Vec<u8>,
    open: bool,
}

impl Output {
    /// Takes what is there. Each byte is looked at once: under load there are thousands of lines.
    fn take(&mut self, heard: &mut Vec<Line>) {
        if !self.open || !has_more(&self.from) {
            return;
        }
        let mut part = vec![0; 1 << 16];
        match self.from.read(&mut part) {
            Ok(0) | Err(_) => self.open = false,
            Ok(length) => self.rest.extend(part.get(..length).unwrap_or_default()),
        }
        let whole = match self.rest.iter().rposition(|&byte| byte == b'\n') {
            Some(last) => self.rest.drain(..=last).collect(),
            None => Vec::new(),
        };
        let lines = whole.split(|&byte| byte == b'\n');
        heard.extend(lines.filter_map(|line| serde_json::from_slice::<Line>(line).ok()));
    }
}

/// Waits a moment until one of the open outputs has something.
fn wait(outputs: &[Output]) {
    let open = outputs.iter().filter(|output| output.open);
    let mut polled: Vec<_> = open
        .map(|output| PollFd::new(output.from.as_fd(), PollFlags::POLLIN))
        .collect();
    // Whatever it says, the outputs are looked at and the time is checked.
    let _ = nix::poll::poll(&mut polled, PollTimeout::from(GLANCE));
}

/// Whether a read would not block: something is there, or the end.
fn has_more(output: &ChildStdout) -> bool {
    let mut polled = [PollFd::new(output.as_fd(), PollFlags::POLLIN)];
    !matches!(
        nix::poll::poll(&mut polled, PollTimeout::ZERO),
        Ok(0) | Err(Errno::EINTR)
    )
}

impl Drop for Pair {
    fn drop(&mut self) {
        for child in &mut self.children {
            let group = Pid::from_raw(child.id().cast_signed());
            // Before its leader is reaped the number of the group is not reused.
            let _ = killpg(group, Signal::SIGKILL);
            // All of the group, also what was forked: orphans come to this process, the reaper.
            let anyone = Pid::from_raw(-group.as_raw());
            while !matches!(waitpid(anyone, None), Err(errno) if errno != Errno::EINTR) {}
        }
    }
}

fn conclude(lines: &[Line], end: Silence) -> Ending {
    let mut accounts = Vec::new();
    let (mut skipped, mut failed) = (None, None);
    for line in lines {
        match line {
            Line::Account(account) => accounts.push(account.clone()),
            Line::Skipped(reason) => skipped = skipped.or(Some(reason.clone())),
            Line::Failed(reason) => failed = failed.or(Some(reason.clone())),
        }
    }
    // When one side gives up, the other one fails for want of it.
    match (skipped, failed, end) {
        (Some(reason), _, _) => Ending::Skipped(reason),
        (None, Some(reason), _) => Ending::Failed(reason),
        (None, None, Silence::TimeUp) => Ending::Failed("took too long".to_owned()),
        (None, None, Silence::Stopped) => Ending::Failed("interrupted".to_owned()),
        (None, None, Silence::Quiet) if accounts.len() < 2 => {
            Ending::Failed("a process ended without an account".to_owned())
        }
        (None, None, Silence::Quiet) => Ending::Done(accounts),
    }
}
