//! Payload that never passes through the process: sendfile and splice.

use std::fs::File;
use std::io::Read;
use std::io::Seek;
use std::io::Write;
use std::os::fd::OwnedFd;

use nix::fcntl::OFlag;
use nix::sys::memfd::memfd_create;
use nix::sys::memfd::MFdFlags;

use super::Case;
use crate::selftest::ends::Outcome;
use crate::selftest::ends::Stop;
use crate::selftest::side::reap;
use crate::selftest::side::Side;
use crate::selftest::socket::Socket;

/// The cases of this theme.
pub const CASES: &[Case] = &[
    Case::new(
        "tcp_sendfile",
        "sendfile to a connection",
        sendfile_client,
        reader,
    ),
    Case::new("tcp_splice_tx", "splice from a pipe", splice_client, reader),
    Case::new(
        "tcp_splice_rx",
        "splice into a pipe",
        sendfile_client,
        splice_reader,
    ),
    Case::new(
        "tcp_splice_mixed",
        "splice and recv in turn",
        sendfile_client,
        mixed_reader,
    ),
    Case::new(
        "tcp_splice_proxy",
        "from connection to connection",
        proxied_client,
        proxy,
    ),
    Case::new(
        "udp_sendfile",
        "sendfile to a datagram socket",
        datagram_client,
        datagram_reader,
    ),
    Case::new(
        "udp_splice",
        "splice to a datagram socket",
        datagram_splicer,
        datagram_reader,
    ),
];

const FILE_BYTES: usize = 300_007;
const DATAGRAM_BYTES: usize = 9261;

/// A file in memory of `length` bytes, positioned at its start.
pub fn file(length: usize) -> Result<File, Stop> {
    let mut file = File::from(memfd_create("netmon-selftest", MFdFlags::MFD_CLOEXEC)?);
    file.write_all(&vec![7; length])?;
    file.rewind()?;
    Ok(file)
}

/// The ends of a new pipe, for reading and for writing.
pub fn pipe() -> Result<(OwnedFd, OwnedFd), Stop> {
    Ok(nix::unistd::pipe2(OFlag::O_CLOEXEC)?)
}

fn sendfile_client(side: &Side) -> Outcome {
    let socket = side.connect()?;
    let file = file(FILE_BYTES)?;
    while socket.send_file(&file, 100_000)? > 0 {}
    Ok(())
}

fn reader(side: &Side) -> Outcome {
    side.accept()?.receive_to_end()?;
    Ok(())
}

fn splice_client(side: &Side) -> Outcome {
    let socket = side.connect()?;
    let (from, into) = pipe()?;
    for length in [1000, 40_000, 60_001] {
        nix::unistd::write(&into, &vec![1; length])?;
        splice_exactly(&socket, &from, length)?;
    }
    Ok(())
}

fn splice_exactly(socket: &Socket, pipe: &OwnedFd, mut left: usize) -> Outcome {
    while left > 0 {
        left = left.saturating_sub(socket.splice_out(pipe, left)?);
    }
    Ok(())
}

fn splice_reader(side: &Side) -> Outcome {
    let socket = side.accept()?;
    let (from, into) = pipe()?;
    let mut from = File::from(from);
    let mut taken = vec![0; 1 << 16];
    loop {
        let length = socket.splice_in(&into, 1 << 15)?;
        if length == 0 {
            return Ok(());
        }
        from.read_exact(taken.get_mut(..length).unwrap_or_default())?;
    }
}

fn mixed_reader(side: &Side) -> Outcome {
    let socket = side.accept()?;
    let (from, into) = pipe()?;
    let mut from = File::from(from);
    let mut taken = vec![0; 1 << 16];
    loop {
        let length = socket.splice_in(&into, 12_345)?;
        from.read_exact(taken.get_mut(..length).unwrap_or_default())?;
        if length == 0 || socket.receive(taken.get_mut(..777).unwrap_or_default(), 0)? == 0 {
            return Ok(());
        }
    }
}

fn proxied_client(side: &Side) -> Outcome {
    // Forked first: a copy of the connection in the sink would keep it from ending.
    let sink = side.fork("sink", || reader(side))?;
    let to_proxy = side.connect()?;
    to_proxy.send_all(&vec![1; 121_020])?;
    drop(to_proxy);
    reap(sink)
}

fn proxy(side: &Side) -> Outcome {
    let from_client = side.accept()?;
    let to_sink = side.connect()?;
    let (from, into) = pipe()?;
    loop {
        match from_client.splice_in(&into, 1 << 15)? {
            0 => return Ok(()),
            length => splice_exactly(&to_sink, &from, length)?,
        }
    }
}

fn datagram_client(side: &Side) -> Outcome {
    let socket = side.connected_datagrams(0)?;
    let file = file(DATAGRAM_BYTES)?;
    while socket.send_file(&file, DATAGRAM_BYTES)? > 0 {}
    side.meet()
}

fn datagram_splicer(side: &Side) -> Outcome {
    let socket = side.connected_datagrams(0)?;
    let (from, into) = pipe()?;
    nix::unistd::write(&into, &[1; DATAGRAM_BYTES])?;
    splice_exactly(&socket, &from, DATAGRAM_BYTES)?;
    side.meet()
}

fn datagram_reader(side: &Side) -> Outcome {
    let socket = side.connected_datagrams(0)?;
    let mut into = vec![0; 1 << 16];
    let mut left = DATAGRAM_BYTES;
    while left > 0 {
        left = left.saturating_sub(socket.receive(&mut into, 0)?);
    }
    side.meet()
}
