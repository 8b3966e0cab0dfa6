//! UDP and UDP-Lite: one datagram per call, and the calls that must not count.

use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;
use std::net::SocketAddr;

use nix::errno::Errno;
use nix::poll::PollFlags;

use super::Balance;
use super::Case;
use super::ALL;
use crate::selftest::ends::Outcome;
use crate::selftest::ends::Path;
use crate::selftest::ends::Stop;
use crate::selftest::ends::Variant;
use crate::selftest::side::bind;
use crate::selftest::side::reap;
use crate::selftest::side::Side;
use crate::selftest::socket::Socket;
use crate::selftest::syscalls;

/// The cases of this theme.
pub const CASES: &[Case] = &[
    Case::new(
        "udp_connected",
        "send and recv, connected",
        connected_client,
        connected_server,
    )
    .over(ALL),
    Case::new(
        "udp_unconnected",
        "sendto and recvfrom",
        unconnected_client,
        unconnected_server,
    )
    .over(ALL),
    Case::new(
        "udp_plain_recv",
        "recv on an unconnected socket",
        plain_client,
        plain_server,
    )
    .over(ALL),
    Case::new(
        "udp_two_peers",
        "one socket, a loopback and another peer",
        two_client,
        two_server,
    )
    .on(&[Path::Veth]),
    Case::new("udp_peek", "MSG_PEEK", plain_client, peek_server),
    Case::new(
        "udp_short",
        "datagrams read into a short buffer",
        plain_client,
        short_server,
    )
    .with(Balance::Lossy),
    Case::new(
        "udp_trunc",
        "MSG_TRUNC reports the full length",
        plain_client,
        trunc_server,
    ),
    Case::new(
        "udp_zero",
        "datagrams without payload",
        zero_client,
        zero_server,
    ),
    Case::new(
        "udp_errqueue",
        "transmit timestamps from the error queue",
        errqueue,
        plain_server,
    ),
    Case::new(
        "udp_refused",
        "sends to a closed port",
        refused_client,
        refused_server,
    )
    .with(Balance::Lossy),
    Case::new(
        "udp_failed",
        "too long, and from a bad address",
        failed_client,
        plain_server,
    ),
    Case::new("udplite", "UDP-Lite", udplite_client, udplite_server),
];

const LENGTHS: [usize; 7] = [1, 100, 1472, 9000, 333, 20_000, 13];

fn sum() -> usize {
    LENGTHS.iter().sum()
}

fn receive_datagrams(socket: &Socket, mut left: usize) -> Outcome {
    let mut into = vec![0; 1 << 16];
    while left > 0 {
        let received = socket.receive(&mut into, 0)?;
        left = left
            .checked_sub(received)
            .ok_or_else(|| Stop::fail("more than was sent"))?;
    }
    Ok(())
}

fn connected_client(side: &Side) -> Outcome {
    connected_talk(&side.connected_datagrams(0)?)
}

fn connected_server(side: &Side) -> Outcome {
    connected_echo(&side.connected_datagrams(0)?)
}

fn connected_talk(socket: &Socket) -> Outcome {
    for length in LENGTHS {
        socket.send(&vec![1; length], 0)?;
        socket.write(&vec![1; length])?;
        receive_datagrams(socket, length + 1)?;
    }
    Ok(())
}

fn connected_echo(socket: &Socket) -> Outcome {
    for length in LENGTHS {
        receive_datagrams(socket, 2 * length)?;
        socket.send(&vec![2; length + 1], 0)?;
    }
    Ok(())
}

fn unconnected_client(side: &Side) -> Outcome {
    let (socket, to) = side.datagrams(0)?;
    let mut into = vec![0; 1 << 16];
    for length in LENGTHS {
        socket.send_to(&vec![1; length], to, 0)?;
        socket.receive_from(&mut into)?;
    }
    Ok(())
}

fn unconnected_server(side: &Side) -> Outcome {
    let (socket, _) = side.datagrams(0)?;
    echo(&socket, LENGTHS.len())
}

fn echo(socket: &Socket, count: usize) -> Outcome {
    let mut into = vec![0; 1 << 16];
    for _ in 0..count {
        let (length, from) = socket.receive_from(&mut into)?;
        socket.send_to(&vec![2; length / 3], from, 0)?;
    }
    Ok(())
}

fn plain_client(side: &Side) -> Outcome {
    let (socket, to) = side.datagrams(0)?;
    for length in LENGTHS {
        socket.send_to(&vec![1; length], to, 0)?;
    }
    side.meet()
}

fn plain_server(side: &Side) -> Outcome {
    let (socket, _) = side.datagrams(0)?;
    receive_datagrams(&socket, sum())?;
    side.meet()
}

fn peek_server(side: &Side) -> Outcome {
    let (socket, _) = side.datagrams(0)?;
    let mut into = vec![0; 1 << 16];
    for length in LENGTHS {
        for _ in 0..3 {
            socket.receive(&mut into, libc::MSG_PEEK)?;
        }
        receive_datagrams(&socket, length)?;
    }
    side.meet()
}

fn short_server(side: &Side) -> Outcome {
    receive_each(side, 0)
}

fn trunc_server(side: &Side) -> Outcome {
    receive_each(side, libc::MSG_TRUNC)
}

fn receive_each(side: &Side, flags: i32) -> Outcome {
    let (socket, _) = side.datagrams(0)?;
    for _ in LENGTHS {
        socket.receive(&mut [0; 77], flags)?;
    }
    side.meet()
}

fn zero_client(side: &Side) -> Outcome {
    let (socket, to) = side.datagrams(0)?;
    for length in [0, 5, 0, 0, 7] {
        socket.send_to(&vec![1; length], to, 0)?;
    }
    side.meet()
}

fn zero_server(side: &Side) -> Outcome {
    let (socket, _) = side.datagrams(0)?;
    let mut into = [0; 100];
    for length in [0, 5, 0, 0, 7] {
        let received = socket.receive(&mut into, 0)?;
        if received != length {
            return Err(Stop::fail(format_args!(
                "{received} bytes where {length} were sent"
            )));
        }
    }
    side.meet()
}

fn two_client(side: &Side) -> Outcome {
    let wildcard = match side.variant {
        Variant::V4 => IpAddr::from(Ipv4Addr::UNSPECIFIED),
        Variant::V6 | Variant::Mapped => IpAddr::from(Ipv6Addr::UNSPECIFIED),
    };
    let own = match side.variant {
        Variant::V4 => IpAddr::from(Ipv4Addr::LOCALHOST),
        Variant::V6 | Variant::Mapped => IpAddr::from(Ipv6Addr::LOCALHOST),
    };
    let near = side.open(libc::SOCK_DGRAM, 0)?;
    let near_address = SocketAddr::new(own, bind(near.fd(), own)?);
    let neighbour = side.fork("neighbour", || echo(&near, LENGTHS.len()))?;

    let socket = side.open(libc::SOCK_DGRAM, 0)?;
    bind(socket.fd(), wildcard)?;
    let far = SocketAddr::new(side.other(), side.hear_port()?);
    let mut into = vec![0; 1 << 16];
    for length in LENGTHS {
        socket.send_to(&vec![1; length], far, 0)?;
        socket.send_to(&vec![2; length + 3], near_address, 0)?;
        socket.receive_from(&mut into)?;
        socket.receive_from(&mut into)?;
    }
    reap(neighbour)
}

fn two_server(side: &Side) -> Outcome {
    let socket = side.open(libc::SOCK_DGRAM, 0)?;
    side.tell(bind(socket.fd(), side.own())?)?;
    echo(&socket, LENGTHS.len())
}

fn errqueue(side: &Side) -> Outcome {
    let (socket, to) = side.datagrams(0)?;
    let wanted = libc::SOF_TIMESTAMPING_TX_SOFTWARE | libc::SOF_TIMESTAMPING_SOFTWARE;
    socket.set(
        libc::SOL_SOCKET,
        libc::SO_TIMESTAMPING,
        wanted.cast_signed(),
    )?;
    let mut into = vec![0; 1 << 16];
    for length in LENGTHS {
        socket.send_to(&vec![1; length], to, 0)?;
        socket.wait(PollFlags::POLLERR)?;
        // The packet comes back, or one fragment of it.
        if socket.receive(&mut into, libc::MSG_ERRQUEUE)? == 0 {
            return Err(Stop::fail("the error queue gave no packet back"));
        }
    }
    side.meet()
}

fn refused_client(side: &Side) -> Outcome {
    let socket = side.open(libc::SOCK_DGRAM, 0)?;
    side.join(&socket, side.hear_port()?)?;
    let mut refused = 0;
    for length in LENGTHS {
        match socket.send(&vec![1; length], 0) {
            Ok(_) => socket.wait(PollFlags::POLLERR)?,
            Err(Errno::ECONNREFUSED) => refused += 1,
            Err(errno) => return Err(errno.into()),
        }
    }
    side.meet()?;
    if refused == 0 {
        return Err(Stop::fail("no send was refused"));
    }
    Ok(())
}

fn refused_server(side: &Side) -> Outcome {
    let socket = side.open(libc::SOCK_DGRAM, 0)?;
    let port = bind(socket.fd(), side.own())?;
    drop(socket);
    side.tell(port)?;
    side.meet()
}

fn failed_client(side: &Side) -> Outcome {
    let (socket, to) = side.datagrams(0)?;
    for length in LENGTHS {
        socket.send_to(&vec![1; length], to, 0)?;
    }
    side.join(&socket, to.port())?;
    let long = socket.send(&vec![2; 70_000], 0);
    let nowhere = syscalls::send_unmapped(socket.fd(), 1000);
    if (long, nowhere) != (Err(Errno::EMSGSIZE), Err(Errno::EFAULT)) {
        return Err(Stop::fail(
            "a send that must fail did not, or in another way",
        ));
    }
    side.meet()
}

fn udplite_client(side: &Side) -> Outcome {
    connected_talk(&side.connected_datagrams(libc::IPPROTO_UDPLITE)?)
}

fn udplite_server(side: &Side) -> Outcome {
    connected_echo(&side.connected_datagrams(libc::IPPROTO_UDPLITE)?)
}
