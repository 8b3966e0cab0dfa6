//! Thousands of processes that send something and are gone.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::thread;

use nix::sys::wait::wait;
use nix::sys::wait::WaitStatus;

use super::flood::joined;
use super::flood::receive_until;
use super::flood::spawn;
use super::Balance;
use super::Case;
use super::V4;
use crate::selftest::ends::Outcome;
use crate::selftest::ends::Path;
use crate::selftest::ends::Stop;
use crate::selftest::limits;
use crate::selftest::side::bind;
use crate::selftest::side::Listener;
use crate::selftest::side::Side;

/// The cases of this theme.
pub const CASES: &[Case] = &[Case::new(
    "load_storm",
    "2000 processes send and exit at once",
    lives,
    collector,
)
.over(V4)
.on(&[Path::Lo])
.with(Balance::Leaky)
.load(LIVES as u32 + 1)];

const LIVES: usize = 2000;
/// Lives at the same time.
const AT_ONCE: usize = 16;
/// Threads that accept connections.
const ACCEPTORS: usize = 4;
/// Payload of a datagram.
const DATAGRAM: usize = 1400;

/// Every fourth one sends datagrams.
fn is_stream(number: usize) -> bool {
    !number.is_multiple_of(4)
}

/// 1 to 100 kB, neighbours far apart.
fn length(number: usize) -> usize {
    1000 + number * 7919 % 99_001
}

fn lives(side: &Side) -> Outcome {
    limits::need(32, AT_ONCE as u64 + 8)?;
    let (tcp, udp) = (side.hear_port()?, side.hear_port()?);
    for number in 0..LIVES {
        if number >= AT_ONCE {
            one_ends()?;
        }
        side.try_fork("life", || life(side, number, tcp, udp))
            .map_err(limits::too_many)?;
    }
    (0..AT_ONCE).try_for_each(|_| one_ends())?;
    side.meet()
}

fn one_ends() -> Outcome {
    match wait()? {
        WaitStatus::Exited(_, 0) => Ok(()),
        status => Err(Stop::fail(format_args!("a life ended badly: {status:?}"))),
    }
}

fn life(side: &Side, number: usize, tcp: u16, udp: u16) -> Outcome {
    let bytes = vec![1; length(number)];
    if is_stream(number) {
        let socket = side.open(libc::SOCK_STREAM, 0)?;
        side.join(&socket, tcp)?;
        return Ok(socket.send_all(&bytes)?);
    }
    let socket = side.open(libc::SOCK_DGRAM, 0)?;
    side.join(&socket, udp)?;
    for part in bytes.chunks(DATAGRAM) {
        socket.send(part, 0)?;
    }
    Ok(())
}

fn collector(side: &Side) -> Outcome {
    limits::need(ACCEPTORS as u64 + 16, ACCEPTORS as u64 + 8)?;
    limits::need_backlog(LIVES as i32)?;
    // Lives do not wait until they are accepted.
    let listener = Listener::open_long(side, 0, LIVES as i32)?;
    let datagrams = side.open(libc::SOCK_DGRAM, 0)?;
    bind(datagrams.fd(), side.own())?;
    side.tell(datagrams.port()?)?;
    let streams = (0..LIVES).filter(|&number| is_stream(number));
    let expected: usize = streams.clone().map(length).sum();
    let left = AtomicUsize::new(streams.count());
    let received = AtomicUsize::new(0);
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let acceptors: Vec<_> = (0..ACCEPTORS)
            .map(|_| spawn(scope, || accept_all(side, &listener, &left, &received)))
            .collect::<Result<_, _>>()?;
        let taker = spawn(scope, || receive_until(&datagrams, &over))?;
        let accepted = acceptors.into_iter().try_for_each(joined);
        let heard = side.meet();
        over.store(true, Ordering::Relaxed);
        joined(taker)?;
        accepted.and(heard)
    })?;
    match received.into_inner() {
        received if received == expected => Ok(()),
        received => Err(Stop::fail(format_args!(
            "{received} of {expected} bytes came by TCP"
        ))),
    }
}

/// Accepts connections, one after the other, as long as some are `left` for this thread.
fn accept_all(
    side: &Side,
    listener: &Listener,
    left: &AtomicUsize,
    received: &AtomicUsize,
) -> Outcome {
    let order = Ordering::Relaxed;
    while left
        .fetch_update(order, order, |left| left.checked_sub(1))
        .is_ok()
    {
        received.fetch_add(listener.accept(side)?.receive_to_end()?, order);
    }
    Ok(())
}
