//! Many tasks asleep inside the calls that are counted, while others move bytes through them.

use std::fs;
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use nix::poll::PollFlags;
use nix::sys::epoll::Epoll;
use nix::sys::epoll::EpollCreateFlags;
use nix::sys::epoll::EpollEvent;
use nix::sys::epoll::EpollFlags;
use nix::sys::epoll::EpollTimeout;
use nix::unistd::Pid;

use super::Case;
use super::BOTH;
use crate::selftest::ends::Outcome;
use crate::selftest::ends::Path;
use crate::selftest::ends::Stop;
use crate::selftest::limits;
use crate::selftest::side::bind;
use crate::selftest::side::reap;
use crate::selftest::side::Listener;
use crate::selftest::side::Side;
use crate::selftest::socket::Socket;

/// The cases of this theme.
pub const CASES: &[Case] = &[Case::new(
    "load_sleepers",
    "300 processes asleep in recv, others move bytes",
    waker,
    dormitory,
)
.over(BOTH)
.on(&[Path::Lo])
.load(SLEEPERS as u32 + 2 * MOVERS as u32)];

const SLEEPERS: usize = 300;
/// Pairs of processes that move bytes meanwhile.
const MOVERS: usize = 4;
/// Of each mover: bytes there and back again by TCP.
const STREAM: usize = 500_009;
/// Of each mover: datagrams there and back again, one at a time, so that none is lost.
const DATAGRAMS: usize = 300;
const DATAGRAM: usize = 777;
/// Bytes that wake a sleeper.
const MESSAGE: usize = 1234;

/// Every second one sleeps on a datagram socket.
fn is_stream(number: usize) -> bool {
    number.is_multiple_of(2)
}

fn waker(side: &Side) -> Outcome {
    limits::need(SLEEPERS as u64 + 32, SLEEPERS as u64 + 32)?;
    let listener = Listener::open(side, 0)?;
    let ports = (0..MOVERS).map(|_| side.hear_port());
    let ports: Vec<u16> = ports.collect::<Result<_, _>>()?;
    let stream_port = side.hear_port()?;
    let mut streams = Vec::new();
    let mut sleepers = Vec::new();
    for number in 0..SLEEPERS {
        if is_stream(number) {
            streams.push(listener.accept(side)?);
        } else {
            sleepers.push(SocketAddr::new(side.other(), side.hear_port()?));
        }
        // From here on this sleeper has nothing to do but receive.
        side.tell("it is there")?;
    }
    // The other side has seen them fall asleep.
    side.hear()?;
    let movers: Vec<Pid> = ports
        .iter()
        .map(|&port| fork(side, "mover", || move_bytes(side, stream_port, port)))
        .collect::<Result<_, _>>()?;
    movers.into_iter().try_for_each(reap)?;
    for stream in &streams {
        stream.send_all(&[1; MESSAGE])?;
    }
    let socket = side.open(libc::SOCK_DGRAM, 0)?;
    for &sleeper in &sleepers {
        socket.send_to(&[1; MESSAGE], sleeper, 0)?;
    }
    side.meet()
}

fn move_bytes(side: &Side, stream_port: u16, port: u16) -> Outcome {
    let stream = side.open(libc::SOCK_STREAM, 0)?;
    side.join(&stream, stream_port)?;
    stream.send_all(&vec![1; STREAM])?;
    stream.receive_exactly(STREAM)?;
    let socket = side.open(libc::SOCK_DGRAM, 0)?;
    side.join(&socket, port)?;
    for _ in 0..DATAGRAMS {
        socket.send(&[1; DATAGRAM], 0)?;
        socket.receive(&mut [0; DATAGRAM], 0)?;
    }
    Ok(())
}

fn dormitory(side: &Side) -> Outcome {
    limits::need(64, SLEEPERS as u64 + 32)?;
    let waker = SocketAddr::new(side.other(), side.hear_port()?);
    let mut sockets = Vec::new();
    for _ in 0..MOVERS {
        let socket = side.open(libc::SOCK_DGRAM, 0)?;
        bind(socket.fd(), side.own())?;
        side.tell(socket.port()?)?;
        sockets.push(socket);
    }
    let listener = Listener::open(side, 0)?;
    let mut sleepers = Vec::new();
    for number in 0..SLEEPERS {
        sleepers.push(fork(side, "sleeper", || sleep(side, number, waker))?);
        // One after the other: a full queue of the waker's listener would lose connections.
        side.hear()?;
    }
    sleepers
        .iter()
        .try_for_each(|&sleeper| falls_asleep(sleeper))?;
    side.tell("all asleep")?;
    let movers: Vec<Pid> = sockets
        .iter()
        .map(|socket| fork(side, "counterpart", || give_back(side, &listener, socket)))
        .collect::<Result<_, _>>()?;
    movers.into_iter().try_for_each(reap)?;
    sleepers.into_iter().try_for_each(reap)?;
    side.meet()
}

fn sleep(side: &Side, number: usize, waker: SocketAddr) -> Outcome {
    // One in ten of each kind is asleep beside the socket, not in the call.
    let beside = number % 20 < 2;
    if is_stream(number) {
        let socket = side.open(libc::SOCK_STREAM, 0)?;
        side.join(&socket, waker.port())?;
        if beside {
            socket.wait(PollFlags::POLLIN)?;
        }
        return Ok(socket.receive_exactly(MESSAGE)?);
    }
    let socket = side.open(libc::SOCK_DGRAM, 0)?;
    bind(socket.fd(), side.own())?;
    side.tell(socket.port()?)?;
    if beside {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        epoll.add(socket.fd(), EpollEvent::new(EpollFlags::EPOLLIN, 0))?;
        epoll.wait(&mut [EpollEvent::empty()], EpollTimeout::NONE)?;
    }
    socket.receive_from(&mut [0; MESSAGE])?;
    Ok(())
}

/// Waits until a process sleeps.
fn falls_asleep(process: Pid) -> Outcome {
    for _ in 0..1000 {
        let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
        if stat
            .rsplit_once(')')
            .is_some_and(|(_, rest)| rest.trim_start().starts_with('S'))
        {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(2));
    }
    Err(Stop::fail("a sleeper does not fall asleep"))
}

fn give_back(side: &Side, listener: &Listener, socket: &Socket) -> Outcome {
    let stream = listener.accept(side)?;
    stream.receive_exactly(STREAM)?;
    stream.send_all(&vec![2; STREAM])?;
    let mut into = [0; DATAGRAM];
    for _ in 0..DATAGRAMS {
        let (_, from) = socket.receive_from(&mut into)?;
        socket.send_to(&into, from, 0)?;
    }
    Ok(())
}

/// Forks; a limit on processes is a reason to skip.
fn fork(side: &Side, label: &str, part: impl FnOnce() -> Outcome) -> Result<Pid, Stop> {
    side.try_fork(label, part).map_err(limits::too_many)
}
