//! What rides on TCP (MPTCP, kTLS), and what is neither TCP nor UDP and must not count.

use std::fs::File;
use std::io::Read;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::time::Duration;

use nix::sys::socket::recv;
use nix::sys::socket::sendto;
use nix::sys::socket::MsgFlags;
use nix::sys::socket::SockaddrStorage;

use super::splice::file;
use super::splice::pipe;
use super::Balance;
use super::Case;
use super::V4;
use crate::selftest::ends::Outcome;
use crate::selftest::ends::Stop;
use crate::selftest::ends::Variant;
use crate::selftest::side::bind;
use crate::selftest::side::Listener;
use crate::selftest::side::Side;
use crate::selftest::socket::Socket;
use crate::selftest::syscalls;

/// The cases of this theme.
pub const CASES: &[Case] = &[
    Case::new("mptcp", "MPTCP at both ends", mptcp_client, mptcp_server).needs(&["mptcp"]),
    Case::new(
        "mptcp_sendfile",
        "sendfile over MPTCP",
        mptcp_sender,
        mptcp_reader,
    )
    .needs(&["mptcp"]),
    Case::new(
        "mptcp_fallback",
        "a plain peer of an MPTCP server",
        plain_client,
        plain_server,
    )
    .needs(&["mptcp"]),
    Case::new(
        "mptcp_splice",
        "splice from MPTCP into a pipe",
        mptcp_client,
        mptcp_splicer,
    )
    .needs(&["mptcp", "mptcp_splice"]),
    Case::new("ktls", "TLS in the kernel", ktls_client, ktls_server).needs(&["ktls"]),
    Case::new(
        "ktls_splice",
        "splice from kTLS into a pipe",
        ktls_client,
        ktls_splicer,
    )
    .needs(&["ktls", "ktls_splice"]),
    Case::new(
        "raw",
        "raw sockets with protocol 17 do not count",
        raw_client,
        raw_server,
    )
    .over(V4)
    .with(Balance::Nothing),
    Case::new(
        "ping",
        "ping sockets do not count",
        ping_client,
        ping_server,
    )
    .with(Balance::Nothing),
    Case::new("unix", "Unix sockets do not count", unix_side, unix_side)
        .over(V4)
        .with(Balance::Nothing),
];

const REQUEST: usize = 200_003;
const ANSWER: usize = 50_021;

fn talk(socket: &Socket) -> Outcome {
    socket.send_all(&vec![1; REQUEST])?;
    Ok(socket.receive_exactly(ANSWER)?)
}

fn answer(socket: &Socket) -> Outcome {
    socket.receive_exactly(REQUEST)?;
    Ok(socket.send_all(&vec![2; ANSWER])?)
}

fn mptcp_connect(side: &Side) -> Result<Socket, Stop> {
    let socket = side.open(libc::SOCK_STREAM, libc::IPPROTO_MPTCP)?;
    side.join(&socket, side.hear_port()?)?;
    Ok(socket)
}

fn mptcp_client(side: &Side) -> Outcome {
    const SOL_MPTCP: i32 = 284;
    const MPTCP_INFO: i32 = 1;
    let socket = mptcp_connect(side)?;
    talk(&socket)?;
    // Fails on a connection that fell back to TCP; kernels before 5.16 cannot tell.
    match syscalls::option(socket.fd(), SOL_MPTCP, MPTCP_INFO, &mut [0; 64]) {
        Ok(_) => Ok(()),
        Err(errno) => Err(Stop::skip(format_args!(
            "not known to be MPTCP ({})",
            errno.desc()
        ))),
    }
}

fn mptcp_server(side: &Side) -> Outcome {
    answer(&Listener::open(side, libc::IPPROTO_MPTCP)?.accept(side)?)
}

fn mptcp_sender(side: &Side) -> Outcome {
    let socket = mptcp_connect(side)?;
    let file = file(REQUEST)?;
    while socket.send_file(&file, REQUEST)? > 0 {}
    Ok(())
}

fn mptcp_reader(side: &Side) -> Outcome {
    Listener::open(side, libc::IPPROTO_MPTCP)?
        .accept(side)?
        .receive_to_end()?;
    Ok(())
}

fn mptcp_splicer(side: &Side) -> Outcome {
    splice_and_answer(&Listener::open(side, libc::IPPROTO_MPTCP)?.accept(side)?)
}

/// Splices some of the request, receives some of it, and so on.
fn splice_and_answer(socket: &Socket) -> Outcome {
    const RECEIVED: usize = 777;
    let (from, into) = pipe()?;
    let mut from = File::from(from);
    let mut taken = vec![0; 1 << 16];
    let mut left = REQUEST;
    while left > 0 {
        let length = socket.splice_in(&into, left.min(12_345))?;
        if length == 0 {
            return Err(Stop::fail("the stream ended early"));
        }
        from.read_exact(taken.get_mut(..length).unwrap_or_default())?;
        left -= length;
        let next = left.min(RECEIVED);
        socket.receive_exactly(next)?;
        left -= next;
    }
    Ok(socket.send_all(&vec![2; ANSWER])?)
}

fn plain_client(side: &Side) -> Outcome {
    talk(&side.connect()?)
}

fn plain_server(side: &Side) -> Outcome {
    mptcp_server(side)
}

const TLS_TX: i32 = 1;
const TLS_RX: i32 = 2;

fn ktls_client(side: &Side) -> Outcome {
    let socket = side.connect()?;
    encrypt(&socket)?;
    side.meet()?;
    talk(&socket)
}

fn ktls_server(side: &Side) -> Outcome {
    let socket = side.accept()?;
    encrypt(&socket)?;
    side.meet()?;
    answer(&socket)
}

fn ktls_splicer(side: &Side) -> Outcome {
    let socket = side.accept()?;
    encrypt(&socket)?;
    side.meet()?;
    splice_and_answer(&socket)
}

/// TLS 1.2 with AES-GCM-128 and the same made-up keys both ways: nothing secret passes here.
fn encrypt(socket: &Socket) -> Outcome {
    const TLS_1_2: u16 = 0x0303;
    const AES_GCM_128: u16 = 51;
    syscalls::set_option(socket.fd(), libc::IPPROTO_TCP, libc::TCP_ULP, b"tls")
        .map_err(|errno| Stop::skip(format_args!("no TLS in this kernel ({})", errno.desc())))?;
    // struct tls12_crypto_info_aes_gcm_128: version, cipher, iv, key, salt, record number.
    let mut keys = Vec::with_capacity(40);
    keys.extend(TLS_1_2.to_ne_bytes());
    keys.extend(AES_GCM_128.to_ne_bytes());
    keys.extend([0x11; 8]);
    keys.extend([0x22; 16]);
    keys.extend([0x33; 4]);
    keys.extend([0; 8]);
    for direction in [TLS_TX, TLS_RX] {
        syscalls::set_option(socket.fd(), libc::SOL_TLS, direction, &keys)
            .map_err(|errno| Stop::skip(format_args!("no AES-GCM-128 ({})", errno.desc())))?;
    }
    Ok(())
}

const UDP_HEADER: usize = 8;
const RAW_TRIES: usize = 20;

fn raw_client(side: &Side) -> Outcome {
    let socket = side.open(libc::SOCK_RAW, libc::IPPROTO_UDP)?;
    let mark = side.hear()?;
    let mut packet = vec![0; UDP_HEADER];
    // To port 9, discard: nobody has to listen, the raw socket sees a copy.
    packet.splice(2..4, 9u16.to_be_bytes());
    packet.splice(4..6, ((UDP_HEADER + mark.len()) as u16).to_be_bytes());
    packet.extend(mark.as_bytes());
    // Everybody's datagrams come to a raw socket, and what finds its buffer full is gone: a machine
    // with a flood on it needs several tries.
    for _ in 0..RAW_TRIES {
        send_packet(side, &socket, &packet)?;
        std::thread::sleep(Duration::from_millis(5));
    }
    side.meet()
}

fn raw_server(side: &Side) -> Outcome {
    let socket = side.open(libc::SOCK_RAW, libc::IPPROTO_UDP)?;
    let mark = format!("netmon selftest {} {}", std::process::id(), "x".repeat(500));
    side.tell(&mark)?;
    let mut into = vec![0; 1 << 16];
    loop {
        // Other datagrams of this machine come here too.
        let length = recv(socket.fd().as_raw_fd(), &mut into, MsgFlags::empty())?;
        let packet = into.get(..length).unwrap_or_default();
        if packet.ends_with(mark.as_bytes()) {
            return side.meet();
        }
    }
}

fn send_packet(side: &Side, socket: &Socket, packet: &[u8]) -> Outcome {
    let to = SockaddrStorage::from(SocketAddr::new(side.other(), 0));
    sendto(socket.fd().as_raw_fd(), packet, &to, MsgFlags::empty())?;
    Ok(())
}

fn ping_client(side: &Side) -> Outcome {
    let (protocol, echo_request) = match side.variant {
        Variant::V4 | Variant::Mapped => (libc::IPPROTO_ICMP, 8),
        Variant::V6 => (libc::IPPROTO_ICMPV6, 128),
    };
    let socket = side.open(libc::SOCK_DGRAM, protocol)?;
    bind(socket.fd(), side.own())?;
    let mut packet = vec![0; 512];
    packet.splice(..1, [echo_request]);
    for _ in 0..3 {
        send_packet(side, &socket, &packet)?;
        recv(socket.fd().as_raw_fd(), &mut [0; 600], MsgFlags::empty())?;
    }
    side.meet()
}

fn ping_server(side: &Side) -> Outcome {
    side.meet()
}

fn unix_side(side: &Side) -> Outcome {
    let message = "x".repeat(30_000);
    for _ in 0..3 {
        side.tell(&message)?;
        side.hear()?;
    }
    Ok(())
}
