//! Staying on the CPU inside map calls, because elsewhere nothing is counted meanwhile.
//!
//! While a task is inside such a call the kernel runs no kprobe and no classic tracepoint program
//! on its CPU (`bpf_prog_active`, against deadlocks). Kernels that preempt there (seen on Debian's
//! 6.18 and 7.2) may put a task of ours aside in the middle, and then every event of whoever runs
//! instead is skipped: 24 of them in one self-test on 7.2, none with real-time priority, which no
//! ordinary task gets in the way of.

use std::cell::Cell;
use std::marker::PhantomData;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

/// The calling thread is not put aside for ordinary tasks until this is dropped. Costs a few system
/// calls; inside another one, none.
///
/// Every function here that calls the kernel about a map of the programs takes one by itself, so
/// that none can be forgotten; who makes several such calls takes one around them.
#[derive(Debug)]
pub(crate) struct Unpreempted {
    before: Option<(libc::c_int, libc::sched_param)>,
    /// Of the thread that entered.
    _here: PhantomData<*const ()>,
}

thread_local! {
    static ENTERED: Cell<u32> = const { Cell::new(0) };
}

impl Unpreempted {
    /// Without the right to it (CAP_SYS_NICE) nothing changes; the log says so once.
    pub(crate) fn enter() -> Unpreempted {
        static TOLD: AtomicBool = AtomicBool::new(false);
        let outer = ENTERED.replace(ENTERED.get() + 1);
        let raised = match outer {
            0 => raise(),
            _ => Raised::Already,
        };
        if matches!(raised, Raised::Refused) && !TOLD.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "no real-time priority (CAP_SYS_NICE): where the kernel preempts, reading the \
                 counters may cost events; they are counted as missed"
            );
        }
        Unpreempted {
            before: match raised {
                Raised::From(policy, parameters) => Some((policy, parameters)),
                Raised::Already | Raised::Refused => None,
            },
            _here: PhantomData,
        }
    }
}

impl Drop for Unpreempted {
    fn drop(&mut self) {
        ENTERED.set(ENTERED.get().saturating_sub(1));
        if let Some((policy, parameters)) = self.before {
            // SAFETY: the parameters outlive the call; 0 is the calling thread.
            unsafe { libc::sched_setscheduler(0, policy, &parameters) };
        }
    }
}

/// What became of the wish for real-time priority.
enum Raised {
    /// What it was before.
    From(libc::c_int, libc::sched_param),
    Already,
    Refused,
}

fn raise() -> Raised {
    let mut before = libc::sched_param { sched_priority: 0 };
    let lowest = libc::sched_param { sched_priority: 1 };
    // SAFETY: both parameters outlive the calls, which read or fill them; 0 is the calling thread.
    unsafe {
        let policy = libc::sched_getscheduler(0);
        if policy < 0 || libc::sched_getparam(0, &mut before) != 0 {
            return Raised::Refused;
        }
        // Only real-time policies have priorities above 0.
        if before.sched_priority > 0 {
            return Raised::Already;
        }
        match libc::sched_setscheduler(0, libc::SCHED_FIFO, &lowest) {
            0 => Raised::From(policy, before),
            _ => Raised::Refused,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_priority_lasts_as_long_as_the_guard() {
        // SAFETY: no preconditions; 0 is the calling thread.
        let policy = || unsafe { libc::sched_getscheduler(0) };
        let before = policy();
        let guard = Unpreempted::enter();
        if guard.before.is_none() {
            eprintln!("SKIPPED: no right to real-time priority");
            return;
        }
        assert_eq!(policy(), libc::SCHED_FIFO);
        drop(Unpreempted::enter());
        assert_eq!(policy(), libc::SCHED_FIFO, "an inner guard ended it");
        drop(guard);
        assert_eq!(policy(), before);
    }
}
