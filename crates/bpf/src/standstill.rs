//! Instants at which no CPU is inside one of our programs.
//!
//! The old and the new program of one event run one after the other. Handing over between the two
//! would let both count the event, or neither. Classic tracepoint and kprobe programs of an event
//! run with preemption off, so a CPU that runs a thread of ours in user space is in the middle of
//! none: for the write that hands over, every CPU does. What still may be in the middle: a
//! trampoline program (fentry, fexit, BTF tracepoints) whose task a preempting kernel has put
//! aside, and programs that run in an interrupt, which keep state but count no call.

use std::fs;
use std::io;
use std::os::fd::AsFd;
use std::os::fd::AsRawFd;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::SeqCst;
use std::thread::Scope;

use libbpf_rs::libbpf_sys;
use libbpf_rs::MapCore;
use libbpf_rs::MapFlags;
use libbpf_rs::MapHandle;
use libbpf_rs::MapType;

use crate::error::errno;
use crate::error::Error;
use crate::error::Result;
use crate::unpreempted::Unpreempted;

const ONLINE: &str = "/sys/devices/system/cpu/online";
/// The threads wake at the begin of a round, each by the timer of its own CPU, and wait for each
/// other for as long as the window: no CPU is stopped for longer at a time. ns.
const ROUND: u64 = 2_000_000;
const WINDOW: u64 = 1_000_000;
/// 100 ms in all.
const ROUNDS: u32 = 50;
/// How long they then wait for what is done. It takes microseconds; but it is a system call, and on
/// a virtual machine its CPU may be taken away: whatever happens, nobody is stopped for longer. ns.
const PATIENCE: u64 = 50_000_000;
/// States of a meeting other than the number of a round.
const ACTING: u32 = u32::MAX - 1;
const OVER: u32 = u32::MAX;
/// Nothing is called here that needs more.
const STACK: usize = 64 * 1024;

/// Does `act`, which should be one short system call, while all other CPUs wait for it. Where they
/// cannot be made to, it is done all the same, and the log says what that may cost. Blocks for some
/// milliseconds, some more than 100 at most. `preemptible`: there are programs for which that is
/// not enough.
pub(crate) fn at_standstill<T>(preemptible: bool, act: impl FnOnce() -> T) -> T {
    let (done, stopped) = with_cpus_stopped(act);
    if preemptible {
        tracing::info!(
            "some programs are trampolines: if this kernel preempts, a call whose task was put \
             aside inside one at the switch may have been counted twice or not at all"
        );
    }
    if let Err(reason) = stopped {
        tracing::warn!(
            %reason,
            "cannot stop all CPUs for an instant: at the switch of programs at most one call per \
             CPU may have been counted twice or not at all"
        );
    }
    done
}

/// What came of `act`, and whether all other CPUs waited for it.
pub(crate) fn with_cpus_stopped<T>(act: impl FnOnce() -> T) -> (T, io::Result<()>) {
    let meeting = Meeting::default();
    std::thread::scope(|scope| {
        let over = Over(&meeting);
        let place = meeting.gather(scope);
        let done = act();
        drop(over);
        let waited = match meeting.impatient.load(SeqCst) {
            false => place.map(drop),
            true => Err(io::Error::other("it took longer than any CPU may wait")),
        };
        (done, waited)
    })
}

/// Threads on all CPUs that wait until something is done.
#[derive(Debug)]
struct Meeting {
    /// The round that is open, or `ACTING`, or `OVER`.
    state: AtomicU32,
    /// Per round.
    arrived: [AtomicU32; ROUNDS as usize],
    /// A thread could not get to its CPU.
    broken: AtomicBool,
    /// A thread went before it was over.
    impatient: AtomicBool,
}

impl Default for Meeting {
    fn default() -> Self {
        Meeting {
            state: AtomicU32::new(0),
            arrived: [const { AtomicU32::new(0) }; ROUNDS as usize],
            broken: AtomicBool::new(false),
            impatient: AtomicBool::new(false),
        }
    }
}

/// Lets everybody go, whatever happens.
struct Over<'a>(&'a Meeting);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.state.store(OVER, SeqCst);
    }
}

impl Meeting {
    /// Returns on one CPU while all others wait, until the meeting is over.
    fn gather<'s>(&'s self, scope: &'s Scope<'s, '_>) -> io::Result<Place> {
        let cpus = online()?;
        // SAFETY: no preconditions.
        let here = usize::try_from(unsafe { libc::sched_getcpu() }).unwrap_or(0);
        let others: Vec<usize> = cpus.into_iter().filter(|cpu| *cpu != here).collect();
        // The threads inherit the priority: on a busy machine they would begin late.
        let place = Place::first()?;
        let begin = now() + ROUND + 50_000 * others.len() as u64;
        for cpu in others.iter().copied() {
            let thread = std::thread::Builder::new().stack_size(STACK);
            thread.spawn_scoped(scope, move || self.wait(cpu, begin))?;
        }
        place.only(here)?;
        while let Some(round) = self.open_round() {
            let end = round_begins(begin, round) + WINDOW;
            sleep_until(round_begins(begin, round));
            while self.state.load(SeqCst) == round && now() < end {
                let arrived = self.arrived[round as usize].load(SeqCst);
                if arrived as usize == others.len() && self.leave(round, ACTING) {
                    return Ok(place);
                }
                std::hint::spin_loop();
            }
            self.leave(round, round + 1);
            if self.broken.load(SeqCst) {
                return Err(io::Error::other("no right to run on every CPU at once"));
            }
        }
        Err(io::Error::from(io::ErrorKind::TimedOut))
    }

    fn wait(&self, cpu: usize, begin: u64) {
        let place = Place::first();
        let there = place.as_ref().is_ok_and(|place| place.only(cpu).is_ok());
        if !there {
            self.broken.store(true, SeqCst);
            return;
        }
        while let Some(round) = self.open_round() {
            let end = round_begins(begin, round) + WINDOW;
            sleep_until(round_begins(begin, round));
            if self.state.load(SeqCst) != round {
                continue;
            }
            self.arrived[round as usize].fetch_add(1, SeqCst);
            while self.state.load(SeqCst) == round {
                if now() >= end {
                    self.leave(round, round + 1);
                }
                std::hint::spin_loop();
            }
            // Everybody had arrived: now it is short, and nobody should leave.
            let end = now() + PATIENCE;
            while self.state.load(SeqCst) == ACTING {
                if now() >= end {
                    self.impatient.store(true, SeqCst);
                    return;
                }
                std::hint::spin_loop();
            }
        }
    }

    fn open_round(&self) -> Option<u32> {
        let state = self.state.load(SeqCst);
        (state < ROUNDS).then_some(state)
    }

    fn leave(&self, round: u32, next: u32) -> bool {
        let left = self.state.compare_exchange(round, next, SeqCst, SeqCst);
        left.is_ok()
    }
}

fn round_begins(begin: u64, round: u32) -> u64 {
    begin + u64::from(round) * ROUND
}

/// The calling thread before all others, until this is dropped.
#[derive(Debug)]
struct Place {
    cpus: libc::cpu_set_t,
    policy: libc::c_int,
    parameters: libc::sched_param,
}

impl Place {
    fn first() -> io::Result<Place> {
        // SAFETY: a set of CPUs is a bit field; all zeros is the empty set. All sets and parameters
        // outlive the calls, which read or fill them; 0 is the calling thread.
        unsafe {
            let mut before: libc::cpu_set_t = std::mem::zeroed();
            let mut parameters = libc::sched_param { sched_priority: 0 };
            let size = size_of::<libc::cpu_set_t>();
            check(libc::sched_getaffinity(0, size, &mut before))?;
            let policy = check(libc::sched_getscheduler(0))?;
            check(libc::sched_getparam(0, &mut parameters))?;
            let place = Place {
                cpus: before,
                policy,
                parameters,
            };
            let highest = libc::sched_param {
                sched_priority: libc::sched_get_priority_max(libc::SCHED_FIFO),
            };
            check(libc::sched_setscheduler(0, libc::SCHED_FIFO, &highest))?;
            Ok(place)
        }
    }

    /// On this CPU from now on: returns when it runs there.
    fn only(&self, cpu: usize) -> io::Result<()> {
        if cpu >= libc::CPU_SETSIZE as usize {
            return Err(io::Error::from(io::ErrorKind::Unsupported));
        }
        // SAFETY: as in `first`; the number of the CPU is in the set.
        unsafe {
            let mut only: libc::cpu_set_t = std::mem::zeroed();
            libc::CPU_SET(cpu, &mut only);
            check(libc::sched_setaffinity(0, size_of_val(&only), &only))?;
        }
        Ok(())
    }
}

fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    match result {
        -1 => Err(io::Error::last_os_error()),
        value => Ok(value),
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // SAFETY: as in `first`.
        unsafe {
            libc::sched_setscheduler(0, self.policy, &self.parameters);
            libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &self.cpus);
        }
    }
}

fn online() -> io::Result<Vec<usize>> {
    let list = cpus(&fs::read_to_string(ONLINE)?);
    list.ok_or_else(|| io::Error::other("the list of online CPUs cannot be read"))
}

/// Numbers in a list as the kernel prints it: `0-3,8`.
fn cpus(list: &str) -> Option<Vec<usize>> {
    let mut cpus = Vec::new();
    for range in list.trim().split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
        // A million CPUs would be a list that was misread.
        if last > 1 << 20 {
            return None;
        }
        cpus.extend(first..=last);
    }
    Some(cpus)
}

/// CLOCK_MONOTONIC, ns.
fn now() -> u64 {
    let mut now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the timespec outlives the call.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut now) };
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// A signal may end it sooner: then the round begins with a little more spinning.
fn sleep_until(time: u64) {
    let time = libc::timespec {
        tv_sec: (time / 1_000_000_000) as libc::time_t,
        tv_nsec: (time % 1_000_000_000) as libc::c_long,
    };
    let absolute = libc::TIMER_ABSTIME;
    // SAFETY: the timespec outlives the call; how much is left is not asked for.
    unsafe { libc::clock_nanosleep(libc::CLOCK_MONOTONIC, absolute, &time, std::ptr::null_mut()) };
}

/// Returns when every program that runs now has ended. Programs that run with preemption off have
/// when a thread of ours had its turn on their CPU. For others (`preemptible`) only the kernel
/// knows, and on a machine that is overloaded it may take its time: seconds were seen.
///
/// # Errors
/// When the kernel refuses what it takes.
pub(crate) fn let_programs_end(preemptible: bool) -> Result<()> {
    if preemptible || visit_cpus().is_err() {
        return let_readers_end();
    }
    Ok(())
}

/// Has run on every CPU.
fn visit_cpus() -> io::Result<()> {
    let cpus = online()?;
    let place = Place::first()?;
    cpus.into_iter().try_for_each(|cpu| place.only(cpu))
}

/// The kernel waits for all programs after a write to a map of maps, for callers that have just
/// changed what programs see.
fn let_readers_end() -> Result<()> {
    let failed = |e: libbpf_rs::Error| Error::kernel("wait for running programs", errno(&e));
    let mut options = libbpf_sys::bpf_map_create_opts {
        sz: size_of::<libbpf_sys::bpf_map_create_opts>() as libbpf_sys::size_t,
        ..Default::default()
    };
    let create = |kind, options: &_| {
        MapHandle::create(kind, Some("netmon_wait"), 4, 4, 1, options).map_err(failed)
    };
    let inner = create(MapType::Array, &options)?;
    let descriptor = inner.as_fd().as_raw_fd();
    options.inner_map_fd = descriptor as u32;
    let outer = create(MapType::ArrayOfMaps, &options)?;
    let _unpreempted = Unpreempted::enter();
    outer
        .update(&[0; 4], &descriptor.to_ne_bytes(), MapFlags::ANY)
        .map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_cpus() {
        assert_eq!(cpus("0\n"), Some(vec![0]));
        assert_eq!(cpus("0-2,5\n"), Some(vec![0, 1, 2, 5]));
        for wrong in ["", "x", "0-", "0-99999999"] {
            assert_eq!(cpus(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn both_ways_to_wait_for_programs_end() {
        if Place::first().is_err() {
            eprintln!("SKIPPED: no right to real-time priority");
            return;
        }
        visit_cpus().unwrap();
        let_readers_end().unwrap();
    }

    #[test]
    fn nobody_waits_for_ever_for_what_does_not_end() {
        if Place::first().is_err() {
            eprintln!("SKIPPED: no right to real-time priority");
            return;
        }
        if online().unwrap().len() < 2 {
            eprintln!("SKIPPED: one CPU has nobody to wait for");
            return;
        }
        let mut held = true;
        // A machine whose CPUs others use all the time may miss all the rounds.
        for _ in 0..20 {
            let (released, stopped) = with_cpus_stopped(|| {
                // As a system call that blocks would: off the CPU.
                std::thread::sleep(std::time::Duration::from_nanos(3 * PATIENCE));
                "done"
            });
            assert_eq!(released, "done");
            let error = stopped.expect_err("nobody waits so long").to_string();
            held = !error.contains("longer than any CPU may wait");
            if !held {
                break;
            }
        }
        assert!(!held, "the CPUs never met");
    }

    #[test]
    fn all_cpus_meet_and_get_back_to_what_they_did() {
        // SAFETY: no preconditions; 0 is the calling thread.
        let policy = || unsafe { libc::sched_getscheduler(0) };
        if Place::first().is_err() {
            eprintln!("SKIPPED: no right to real-time priority");
            return;
        }
        let before = policy();
        let meeting = Meeting::default();
        let mut longest = 0;
        std::thread::scope(|scope| {
            let over = Over(&meeting);
            let begin = now();
            let place = meeting.gather(scope).unwrap();
            let met = now();
            assert_eq!(policy(), libc::SCHED_FIFO);
            drop(over);
            drop(place);
            longest = longest.max(met - begin);
        });
        eprintln!("met after {} us", longest / 1000);
        assert_eq!(policy(), before);
    }
}
