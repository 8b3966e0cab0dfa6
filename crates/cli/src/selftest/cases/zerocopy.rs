//! Payload that the kernel takes from, or maps into, the memory of the process.

use std::os::fd::AsRawFd;

use nix::errno::Errno;
use nix::poll::PollFlags;

use super::Case;
use crate::selftest::ends::Outcome;
use crate::selftest::ends::Stop;
use crate::selftest::side::Side;
use crate::selftest::socket::Socket;
use crate::selftest::syscalls;
use crate::selftest::syscalls::Mapping;

/// The cases of this theme.
pub const CASES: &[Case] = &[
    Case::new(
        "tcp_zerocopy_tx",
        "MSG_ZEROCOPY and its completions",
        tx_client,
        tx_server,
    ),
    Case::new(
        "tcp_zerocopy_rx",
        "TCP_ZEROCOPY_RECEIVE",
        rx_client,
        rx_server,
    ),
    Case::new(
        "udp_zerocopy_tx",
        "MSG_ZEROCOPY datagrams",
        udp_client,
        udp_server,
    ),
];

fn allow_zerocopy(socket: &Socket) -> Outcome {
    socket
        .set(libc::SOL_SOCKET, libc::SO_ZEROCOPY, 1)
        .map_err(|errno| Stop::skip(format_args!("no SO_ZEROCOPY ({})", errno.desc())))
}

fn tx_client(side: &Side) -> Outcome {
    let socket = side.connect()?;
    allow_zerocopy(&socket)?;
    let data = vec![1; 100_000];
    let mut left = 7 * data.len();
    while left > 0 {
        let part = data.get(..left.min(data.len())).unwrap_or_default();
        left -= socket.send(part, libc::MSG_ZEROCOPY)?;
    }
    take_completions(&socket)
}

/// Waits for one completion and takes all that are there. They carry no payload.
fn take_completions(socket: &Socket) -> Outcome {
    socket.wait(PollFlags::POLLERR)?;
    let mut taken = 0;
    let mut control = [0; 256];
    loop {
        let received = nix::sys::socket::recvmsg::<()>(
            socket.fd().as_raw_fd(),
            &mut [],
            Some(&mut control),
            nix::sys::socket::MsgFlags::MSG_ERRQUEUE,
        );
        match received {
            Ok(_) => taken += 1,
            Err(Errno::EAGAIN) if taken > 0 => return Ok(()),
            Err(errno) => return Err(errno.into()),
        }
    }
}

fn tx_server(side: &Side) -> Outcome {
    side.accept()?.receive_to_end()?;
    Ok(())
}

const ROUNDS: usize = 6;
const PAGES: usize = 16;

fn page() -> usize {
    let size = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE);
    size.ok()
        .flatten()
        .and_then(|size| usize::try_from(size).ok())
        .unwrap_or(4096)
}

fn rx_client(side: &Side) -> Outcome {
    let socket = side.connect()?;
    allow_zerocopy(&socket)?;
    // Local delivery copies such data to fresh whole pages: what the other end can map.
    let data = vec![1; PAGES * page()];
    for _ in 0..ROUNDS {
        let mut left = data.as_slice();
        while !left.is_empty() {
            let sent = socket.send(left, libc::MSG_ZEROCOPY)?;
            left = left.get(sent..).unwrap_or_default();
        }
        side.meet()?;
        side.meet()?;
    }
    Ok(())
}

fn rx_server(side: &Side) -> Outcome {
    let socket = side.accept()?;
    let window = Mapping::of(socket.fd(), PAGES * page(), libc::PROT_READ, 0)
        .map_err(|errno| Stop::skip(format_args!("sockets cannot be mapped ({})", errno.desc())))?;
    let mut mapped = 0;
    for _ in 0..ROUNDS {
        // All pages are there before the first is taken: parts of pages cannot be mapped.
        side.meet()?;
        mapped += take_round(&socket, &window)?;
        side.meet()?;
    }
    match mapped {
        0 => Err(Stop::skip("the kernel mapped no page of this traffic")),
        _ => Ok(()),
    }
}

/// Receives one window full, mapped as far as possible. Gives the bytes mapped.
fn take_round(socket: &Socket, window: &Mapping) -> Result<usize, Stop> {
    let mut rest = vec![0; window.length()];
    let (mut left, mut mapped) = (window.length(), 0);
    while left > 0 {
        socket.wait(PollFlags::POLLIN)?;
        let (pages, to_copy) = map_received(socket, window)?;
        mapped += pages;
        left = left.saturating_sub(pages);
        if pages == 0 {
            let part = to_copy.clamp(1, left);
            let received = socket.receive(rest.get_mut(..part).unwrap_or_default(), 0)?;
            if received == 0 {
                return Err(Stop::fail("the stream ended early"));
            }
            left -= received;
        }
    }
    Ok(mapped)
}

/// Bytes mapped, and how many to read in the usual way before the next try.
fn map_received(socket: &Socket, window: &Mapping) -> Result<(usize, usize), Stop> {
    const TCP_ZEROCOPY_RECEIVE: i32 = 35;
    // struct tcp_zerocopy_receive up to `err`: address, length, what to copy, left, error.
    let mut request = [0; 24];
    let (address, rest) = request.split_at_mut(8);
    address.copy_from_slice(&window.address().to_ne_bytes());
    rest.iter_mut()
        .zip((window.length() as u32).to_ne_bytes())
        .for_each(|(to, from)| *to = from);
    match syscalls::option(
        socket.fd(),
        libc::IPPROTO_TCP,
        TCP_ZEROCOPY_RECEIVE,
        &mut request,
    ) {
        Ok(_) => {}
        // The stream has ended.
        Err(Errno::EIO) => return Ok((0, 0)),
        Err(errno) => {
            return Err(Stop::skip(format_args!(
                "no TCP_ZEROCOPY_RECEIVE ({})",
                errno.desc()
            )))
        }
    }
    let word = |at: usize| {
        let bytes = request
            .get(at..at + 4)
            .and_then(|bytes| bytes.try_into().ok());
        bytes.map_or(0, u32::from_ne_bytes) as usize
    };
    let mapped = socket.count_received(Ok(word(8)))?;
    Ok((mapped, word(12)))
}

fn udp_client(side: &Side) -> Outcome {
    let socket = side.connected_datagrams(0)?;
    allow_zerocopy(&socket)?;
    for length in [1000, 20_000, 77] {
        socket.send(&vec![1; length], libc::MSG_ZEROCOPY)?;
    }
    side.meet()?;
    take_completions(&socket)
}

fn udp_server(side: &Side) -> Outcome {
    let socket = side.connected_datagrams(0)?;
    let mut into = vec![0; 1 << 16];
    for length in [1000, 20_000, 77] {
        if socket.receive(&mut into, 0)? != length {
            return Err(Stop::fail("a datagram came cut"));
        }
    }
    side.meet()
}
