//! More threads than CPUs that send datagrams as fast as they can: a preemptible kernel preempts
//! some of them inside a hook.

use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread;
use std::thread::ScopedJoinHandle;

use nix::errno::Errno;
use nix::sys::socket::send;
use nix::sys::socket::sendto;
use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::ReceiveTimeout;
use nix::sys::socket::MsgFlags;
use nix::sys::socket::SockaddrStorage;
use nix::sys::time::TimeVal;
use nix::sys::time::TimeValLike;

use super::Balance;
use super::Case;
use super::V4;
use crate::selftest::ends::Outcome;
use crate::selftest::ends::Path;
use crate::selftest::ends::Stop;
use crate::selftest::limits;
use crate::selftest::side::bind;
use crate::selftest::side::reap;
use crate::selftest::side::Side;
use crate::selftest::socket::Socket;

/// The cases of this theme.
pub const CASES: &[Case] = &[
    Case::new(
        "load_flood",
        "16 threads send datagrams at once",
        one_sender,
        receiver,
    )
    .over(V4)
    .with(Balance::Leaky)
    .load(2),
    Case::new(
        "load_flood_two",
        "two processes with 8 such threads each",
        two_senders,
        receiver,
    )
    .over(V4)
    .on(&[Path::Lo])
    .with(Balance::Leaky)
    .load(3),
];

const THREADS: usize = 16;
const RECEIVERS: usize = 4;
const DATAGRAM: usize = 64;
/// Datagrams of one thread.
const EACH: usize = 20_000;
/// How long a receiver waits for a datagram before it looks whether more will come.
const LULL_MS: i64 = 100;

fn one_sender(side: &Side) -> Outcome {
    limits::need(THREADS as u64 + 16, THREADS as u64 + 8)?;
    flood(side, side.hear_port()?, THREADS)?;
    side.meet()
}

fn two_senders(side: &Side) -> Outcome {
    limits::need(THREADS as u64 + 16, THREADS as u64 + 8)?;
    let port = side.hear_port()?;
    // Forked first: a process that forks must have one thread.
    let second = side
        .try_fork("second client", || flood(side, port, THREADS / 2))
        .map_err(limits::too_many)?;
    flood(side, port, THREADS / 2)?;
    reap(second)?;
    side.meet()
}

fn flood(side: &Side, port: u16, threads: usize) -> Outcome {
    let to = SocketAddr::new(side.other(), port);
    thread::scope(|scope| {
        let threads: Vec<_> = (0..threads)
            .map(|number| spawn(scope, move || send_each(side, to, number)))
            .collect::<Result<_, _>>()?;
        threads.into_iter().try_for_each(joined)
    })
}

fn send_each(side: &Side, to: SocketAddr, number: usize) -> Outcome {
    let socket = side.open(libc::SOCK_DGRAM, 0)?;
    let connected = number.is_multiple_of(2);
    if connected {
        side.join(&socket, to.port())?;
    }
    let address = SockaddrStorage::from(to);
    let (fd, flags) = (socket.fd().as_raw_fd(), MsgFlags::MSG_NOSIGNAL);
    let mut sum = 0;
    let mut failure = None;
    // Added up here: all threads share one lock around the sums of the process.
    for _ in 0..EACH {
        let sent = match connected {
            true => send(fd, &[1; DATAGRAM], flags),
            false => sendto(fd, &[1; DATAGRAM], &address, flags),
        };
        match sent {
            Ok(sent) => sum += sent,
            Err(errno) => {
                failure = Some(errno);
                break;
            }
        }
    }
    socket.count_sent(Ok(sum))?;
    failure.map_or(Ok(()), |errno| Err(errno.into()))
}

fn receiver(side: &Side) -> Outcome {
    limits::need(32, RECEIVERS as u64 + 8)?;
    let socket = side.open(libc::SOCK_DGRAM, 0)?;
    bind(socket.fd(), side.own())?;
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let threads: Vec<_> = (0..RECEIVERS)
            .map(|_| spawn(scope, || receive_until(&socket, &over)))
            .collect::<Result<_, _>>()
            // The scope waits for those that were started.
            .inspect_err(|_| over.store(true, Ordering::Relaxed))?;
        let heard = side.tell(socket.port()?).and_then(|()| side.meet());
        over.store(true, Ordering::Relaxed);
        threads.into_iter().try_for_each(joined)?;
        heard
    })
}

/// Receives datagrams until `over` and nothing has come for a while. What the kernel threw away,
/// because nobody took it in time, is not received.
pub fn receive_until(socket: &Socket, over: &AtomicBool) -> Outcome {
    setsockopt(socket.fd(), ReceiveTimeout, &TimeVal::milliseconds(LULL_MS))?;
    let mut into = [0; 2048];
    loop {
        match socket.receive_from(&mut into) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(Errno::EAGAIN) if over.load(Ordering::Relaxed) => return Ok(()),
            Err(Errno::EAGAIN) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}

/// Starts a thread; a limit on threads is a reason to skip.
pub fn spawn<'scope>(
    scope: &'scope thread::Scope<'scope, '_>,
    part: impl FnOnce() -> Outcome + Send + 'scope,
) -> Result<ScopedJoinHandle<'scope, Outcome>, Stop> {
    let started = thread::Builder::new().spawn_scoped(scope, part);
    started.map_err(|error| match error.raw_os_error() {
        Some(errno) => limits::too_many(Errno::from_raw(errno)),
        None => error.into(),
    })
}

/// What a thread came to.
pub fn joined(thread: ScopedJoinHandle<'_, Outcome>) -> Outcome {
    thread
        .join()
        .unwrap_or_else(|_| Err(Stop::fail("a thread panicked")))
}
