//! Ends the viewer with its terminal: a closed window, a dropped ssh session.
//!
//! SIGHUP is not enough. Reading a terminal that is gone gives nothing at once, and crossterm 0.29
//! reads again until there is something: the loop that would handle the signal never runs again, and
//! the viewer would keep a core busy for ever (seen). So a thread of its own waits for the end of the
//! terminal.

use std::io;
use std::os::fd::AsFd as _;
use std::process;
use std::thread;

use nix::errno::Errno;
use nix::poll::poll;
use nix::poll::PollFd;
use nix::poll::PollFlags;
use nix::poll::PollTimeout;

use crate::outcome::Outcome;

/// From now on the process ends when its terminal does, as on SIGTERM; there is nothing left to
/// restore.
///
/// # Errors
/// No thread can be had.
pub fn end_with_the_terminal() -> io::Result<()> {
    let watcher = thread::Builder::new().name("hangup".to_owned());
    watcher.spawn(|| {
        if wait(&io::stdin()) {
            process::exit(i32::from(Outcome::Terminated.exit_code()));
        }
    })?;
    Ok(())
}

/// Whether the terminal has ended; not if that cannot be told.
fn wait(terminal: &io::Stdin) -> bool {
    loop {
        // Nothing is asked for: a hangup and errors are told all the same.
        let mut watched = [PollFd::new(terminal.as_fd(), PollFlags::empty())];
        match poll(&mut watched, PollTimeout::NONE) {
            Ok(_) => {
                let told = watched[0].revents().unwrap_or(PollFlags::empty());
                return told.intersects(PollFlags::POLLHUP | PollFlags::POLLERR);
            }
            Err(Errno::EINTR) => {}
            Err(_) => return false,
        }
    }
}
