//! TCP calls that must not count, count less, or count more than meets the eye.

use std::thread::sleep;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::PollFlags;

use super::Balance;
use super::Case;
use crate::selftest::ends::Outcome;
use crate::selftest::ends::Stop;
use crate::selftest::side::Side;
use crate::selftest::syscalls;

/// The cases of this theme.
pub const CASES: &[Case] = &[
    Case::new(
        "tcp_failed",
        "sends after a reset, bad addresses",
        failed_client,
        failed_server,
    ),
    Case::new("tcp_peek", "MSG_PEEK", peek_client, peek_server),
    Case::new(
        "tcp_waitall",
        "MSG_WAITALL over many segments",
        waitall_client,
        waitall_server,
    ),
    Case::new(
        "tcp_trunc",
        "MSG_TRUNC discards",
        trunc_client,
        trunc_server,
    ),
    Case::new("tcp_oob", "MSG_OOB", oob_client, oob_server),
    Case::new(
        "tcp_reset",
        "reset with unread data",
        reset_client,
        reset_server,
    )
    .with(Balance::Lossy),
];

fn failed_client(side: &Side) -> Outcome {
    let socket = side.connect()?;
    if syscalls::send_unmapped(socket.fd(), 4000) != Err(Errno::EFAULT) {
        return Err(Stop::fail("a send from nowhere did not fail"));
    }
    socket.send_all(&[1; 1000])?;
    side.meet()?;
    // Closing sends a reset; a meeting after it does not mean that it has arrived.
    socket.wait(PollFlags::POLLERR)?;
    for _ in 0..3 {
        if socket.send(&[2; 2000], 0).is_ok() {
            return Err(Stop::fail("a send on a reset connection did not fail"));
        }
    }
    Ok(())
}

fn failed_server(side: &Side) -> Outcome {
    let socket = side.accept()?;
    socket.receive_exactly(1000)?;
    let linger = [1i32.to_ne_bytes(), 0i32.to_ne_bytes()].concat();
    syscalls::set_option(socket.fd(), libc::SOL_SOCKET, libc::SO_LINGER, &linger)?;
    drop(socket);
    side.meet()
}

fn peek_client(side: &Side) -> Outcome {
    let socket = side.connect()?;
    socket.send_all(&[1; 3000])?;
    side.meet()
}

fn peek_server(side: &Side) -> Outcome {
    let socket = side.accept()?;
    let mut into = [0; 4000];
    socket.wait(PollFlags::POLLIN)?;
    for _ in 0..4 {
        if socket.receive(&mut into, libc::MSG_PEEK)? == 0 {
            return Err(Stop::fail("nothing to peek at"));
        }
    }
    socket.receive_exactly(3000)?;
    side.meet()
}

fn waitall_client(side: &Side) -> Outcome {
    let socket = side.connect()?;
    for _ in 0..10 {
        socket.send_all(&[1; 2000])?;
        sleep(Duration::from_millis(2));
    }
    Ok(())
}

fn waitall_server(side: &Side) -> Outcome {
    let socket = side.accept()?;
    let mut into = vec![0; 20_000];
    match socket.receive(&mut into, libc::MSG_WAITALL)? {
        20_000 => Ok(()),
        other => Err(Stop::fail(format_args!(
            "MSG_WAITALL gave {other} of 20000"
        ))),
    }
}

fn trunc_client(side: &Side) -> Outcome {
    side.connect()?.send_all(&[1; 50_000])?;
    Ok(())
}

fn trunc_server(side: &Side) -> Outcome {
    let socket = side.accept()?;
    let mut into = [0; 5000];
    while socket.receive(&mut into, libc::MSG_TRUNC)? > 0 {}
    Ok(())
}

fn oob_client(side: &Side) -> Outcome {
    let socket = side.connect()?;
    socket.send_all(&[1; 500])?;
    socket.send(b"!", libc::MSG_OOB)?;
    socket.send_all(&[2; 300])?;
    Ok(())
}

fn oob_server(side: &Side) -> Outcome {
    let socket = side.accept()?;
    socket.wait(PollFlags::POLLPRI)?;
    let mut urgent = [0; 1];
    socket.receive(&mut urgent, libc::MSG_OOB)?;
    match socket.receive_to_end()? {
        800 => Ok(()),
        other => Err(Stop::fail(format_args!(
            "{other} bytes beside the urgent one"
        ))),
    }
}

fn reset_client(side: &Side) -> Outcome {
    let socket = side.connect()?;
    socket.send_all(&[1; 3000])?;
    side.meet()?;
    match socket.receive(&mut [0; 100], 0) {
        Err(Errno::ECONNRESET) => Ok(()),
        other => Err(Stop::fail(format_args!("no reset but {other:?}"))),
    }
}

fn reset_server(side: &Side) -> Outcome {
    let socket = side.accept()?;
    socket.receive_exactly(1000)?;
    socket.wait(PollFlags::POLLIN)?;
    side.meet()?;
    Ok(())
}
