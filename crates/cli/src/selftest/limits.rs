//! What the cases under load need of this user's limits.

use nix::errno::Errno;
use nix::sys::resource::getrlimit;
use nix::sys::resource::Resource;

use super::ends::Outcome;
use super::ends::Stop;

/// Stops a case that needs more open files or processes (threads are counted as such) than this
/// user may have. What others have already taken shows only in the calls: see [`too_many`].
pub fn need(files: u64, processes: u64) -> Outcome {
    within(files, getrlimit(Resource::RLIMIT_NOFILE)?.0, "open files")?;
    // Not for root: the kernel does not apply it.
    if !nix::unistd::geteuid().is_root() {
        within(processes, getrlimit(Resource::RLIMIT_NPROC)?.0, "processes")?;
    }
    Ok(())
}

/// Stops a case in which more connections wait to be accepted than the kernel lets wait: it would
/// drop some whose clients take them for connected.
pub fn need_backlog(connections: i32) -> Outcome {
    let limit = std::fs::read_to_string("/proc/sys/net/core/somaxconn")?;
    let limit = limit.trim().parse().map_err(Stop::fail)?;
    let needed = connections.unsigned_abs().into();
    within(needed, limit, "waiting connections (net.core.somaxconn)")
}

fn within(needed: u64, limit: u64, what: &str) -> Outcome {
    if needed <= limit {
        return Ok(());
    }
    Err(Stop::skip(format_args!(
        "needs {needed} {what}, the limit here is {limit}"
    )))
}

/// A call that makes a process or thread: a limit is no fault of the case.
pub fn too_many(errno: Errno) -> Stop {
    match errno {
        Errno::EAGAIN | Errno::ENOMEM => {
            Stop::skip(format_args!("no more processes here ({})", errno.desc()))
        }
        errno => errno.into(),
    }
}

#[cfg(test)]
mod tests {
    use nix::errno::Errno;

    use super::need;
    use super::too_many;
    use super::within;
    use crate::selftest::ends::Stop;

    #[test]
    fn limit_that_is_too_low_is_a_reason_to_skip() {
        assert!(need(1, 1).is_ok());
        assert!(within(16, 16, "open files").is_ok());
        let Err(Stop::Skip(reason)) = within(17, 16, "open files") else {
            panic!("not skipped");
        };
        assert_eq!(reason, "needs 17 open files, the limit here is 16");
        assert!(matches!(too_many(Errno::EAGAIN), Stop::Skip(_)));
        assert!(matches!(too_many(Errno::EPERM), Stop::Fail(_)));
    }
}
