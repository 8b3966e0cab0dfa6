//! Plain TCP: every way to connect, send and receive.

use std::io::IoSlice;
use std::io::IoSliceMut;
use std::net::IpAddr;
use std::net::Ipv6Addr;
use std::net::SocketAddr;

use nix::errno::Errno;
use nix::poll::PollFlags;

use super::Case;
use super::ALL;
use super::V6;
use crate::selftest::ends::address;
use crate::selftest::ends::Outcome;
use crate::selftest::ends::Path;
use crate::selftest::ends::Stop;
use crate::selftest::ends::Variant;
use crate::selftest::side::Listener;
use crate::selftest::side::Side;
use crate::selftest::socket::Socket;
use crate::selftest::syscalls;
use crate::selftest::truth::Transport;

/// The cases of this theme.
pub const CASES: &[Case] = &[
    Case::new(
        "tcp_basic",
        "send, write, recv, read",
        basic_client,
        basic_server,
    )
    .over(ALL),
    Case::new(
        "tcp_dual_stack",
        "IPv4 and IPv6 peers of one listener",
        dual_client,
        dual_server,
    )
    .over(V6),
    Case::new(
        "tcp_partial",
        "partial sends and EAGAIN",
        partial_client,
        partial_server,
    ),
    Case::new(
        "tcp_quickack",
        "TCP_QUICKACK between reads",
        quickack_client,
        quickack_server,
    ),
    Case::new(
        "tcp_vectors",
        "writev and readv",
        vectors_client,
        vectors_server,
    ),
    Case::new(
        "tcp_half_close",
        "data after a FIN",
        half_client,
        half_server,
    ),
    Case::new(
        "tcp_fastopen",
        "data in the SYN",
        fastopen_client,
        fastopen_server,
    ),
];

fn basic_client(side: &Side) -> Outcome {
    let socket = side.connect()?;
    for length in [1, 7, 1000, 65_000, 3] {
        socket.send_all(&vec![1; length])?;
        socket.receive_exactly(length + 1)?;
    }
    socket.write(&[2; 333])?;
    socket.finish()?;
    let mut rest = [0; 64];
    while socket.read(&mut rest)? > 0 {}
    Ok(())
}

fn basic_server(side: &Side) -> Outcome {
    let socket = side.accept()?;
    for length in [1, 7, 1000, 65_000, 3] {
        socket.receive_exactly(length)?;
        socket.send_all(&vec![3; length + 1])?;
    }
    socket.receive_to_end()?;
    socket.write(&[4; 99])?;
    Ok(())
}

fn dual_client(side: &Side) -> Outcome {
    let port = side.hear_port()?;
    for (variant, family, length) in [
        (Variant::V4, libc::AF_INET, 4004),
        (Variant::V6, libc::AF_INET6, 6006),
    ] {
        let peer = address(side.path, variant, side.end.other());
        let fd = syscalls::socket(family, libc::SOCK_STREAM, 0)?;
        let socket = Socket::new(fd, Transport::Tcp, peer, side.tally.clone());
        socket.join(SocketAddr::new(peer, port))?;
        socket.send_all(&vec![1; length])?;
        socket.receive_exactly(length / 2)?;
    }
    Ok(())
}

fn dual_server(side: &Side) -> Outcome {
    let socket = side.open(libc::SOCK_STREAM, 0)?;
    socket.set(libc::IPPROTO_IPV6, libc::IPV6_V6ONLY, 0)?;
    let listener = Listener::on(socket, IpAddr::V6(Ipv6Addr::UNSPECIFIED))?;
    side.tell(listener.port()?)?;
    for length in [4004, 6006] {
        let socket = listener.accept(side)?;
        socket.receive_exactly(length)?;
        socket.send_all(&vec![2; length / 2])?;
    }
    Ok(())
}

fn partial_client(side: &Side) -> Outcome {
    const CHUNK: usize = 900_000;
    let socket = side.connect()?;
    let data = vec![1; CHUNK];
    let (mut refused, mut partial, mut left) = (0, 0, 5_000_001);
    while left > 0 {
        let part = data.get(..left.min(CHUNK)).unwrap_or_default();
        match socket.send(part, libc::MSG_DONTWAIT) {
            Ok(sent) => {
                partial += usize::from(sent < part.len());
                left -= sent;
            }
            Err(Errno::EAGAIN) => {
                refused += 1;
                if refused == 1 {
                    side.tell("full")?;
                }
                socket.wait(PollFlags::POLLOUT)?;
            }
            Err(errno) => return Err(errno.into()),
        }
    }
    if refused == 0 || partial == 0 {
        return Err(Stop::fail("no send was refused or cut short"));
    }
    Ok(())
}

fn partial_server(side: &Side) -> Outcome {
    let socket = side.accept()?;
    // Not before the client was refused once.
    side.hear()?;
    socket.receive_to_end()?;
    Ok(())
}

fn quickack_client(side: &Side) -> Outcome {
    let socket = side.connect()?;
    for _ in 0..34 {
        socket.send_all(&[1; 100])?;
        socket.receive_exactly(1)?;
    }
    Ok(())
}

fn quickack_server(side: &Side) -> Outcome {
    let socket = side.accept()?;
    for _ in 0..34 {
        socket.receive_exactly(100)?;
        socket.set(libc::IPPROTO_TCP, libc::TCP_QUICKACK, 1)?;
        socket.send_all(b".")?;
    }
    Ok(())
}

fn vectors_client(side: &Side) -> Outcome {
    let socket = side.connect()?;
    for _ in 0..5 {
        let (head, body, tail) = ([1; 10], [2; 1500], [3; 1]);
        let parts = [
            IoSlice::new(&head),
            IoSlice::new(&body),
            IoSlice::new(&tail),
        ];
        socket.write_parts(&parts)?;
    }
    Ok(())
}

fn vectors_server(side: &Side) -> Outcome {
    let socket = side.accept()?;
    let (mut head, mut body) = ([0; 13], [0; 700]);
    loop {
        let mut parts = [IoSliceMut::new(&mut head), IoSliceMut::new(&mut body)];
        if socket.read_parts(&mut parts)? == 0 {
            return Ok(());
        }
    }
}

fn half_client(side: &Side) -> Outcome {
    let socket = side.connect()?;
    socket.send_all(&[1; 4242])?;
    socket.finish()?;
    socket.receive_to_end()?;
    Ok(())
}

fn half_server(side: &Side) -> Outcome {
    let socket = side.accept()?;
    socket.receive_to_end()?;
    // A second read past the FIN, and sends after it.
    socket.receive_to_end()?;
    socket.send_all(&[2; 31_313])?;
    Ok(())
}

fn fastopen_client(side: &Side) -> Outcome {
    let port = side.hear_port()?;
    let to = SocketAddr::new(side.other(), port);
    // The first connection fetches the cookie, the second sends data with the SYN.
    for _ in 0..2 {
        let socket = side.open(libc::SOCK_STREAM, 0)?;
        socket.send_to(&[1; 901], to, libc::MSG_FASTOPEN)?;
        socket.send_all(&[2; 99])?;
        socket.receive_exactly(10)?;
    }
    Ok(())
}

fn fastopen_server(side: &Side) -> Outcome {
    const CLIENT_AND_SERVER: u32 = 3;
    const SYN_DATA: u8 = 32;
    let setting = std::fs::read_to_string("/proc/sys/net/ipv4/tcp_fastopen")?;
    if setting.trim().parse().unwrap_or(0) & CLIENT_AND_SERVER != CLIENT_AND_SERVER {
        return Err(Stop::skip(format_args!(
            "net.ipv4.tcp_fastopen is {}, needs 3",
            setting.trim()
        )));
    }
    let socket = side.open(libc::SOCK_STREAM, 0)?;
    socket.set(libc::IPPROTO_TCP, libc::TCP_FASTOPEN, 16)?;
    let listener = Listener::on(socket, side.own())?;
    side.tell(listener.port()?)?;
    let mut options = 0;
    for _ in 0..2 {
        let socket = listener.accept(side)?;
        socket.receive_exactly(1000)?;
        let mut facts = [0; 8];
        syscalls::option(socket.fd(), libc::IPPROTO_TCP, libc::TCP_INFO, &mut facts)?;
        let [.., seen, _, _] = facts;
        options = seen;
        socket.send_all(&[3; 10])?;
    }
    if options & SYN_DATA == 0 && side.path == Path::Veth {
        return Err(Stop::fail("no data came with the SYN"));
    }
    Ok(())
}
