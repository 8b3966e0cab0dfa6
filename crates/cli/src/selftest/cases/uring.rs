//! Sends and receives that io_uring makes, in the process or in a worker of the kernel.

use super::Case;
use crate::selftest::ends::Outcome;
use crate::selftest::ends::Stop;
use crate::selftest::side::Side;
use crate::selftest::socket::Socket;
use crate::selftest::uring::Ring;
use crate::selftest::uring::Runner;

/// The cases of this theme.
pub const CASES: &[Case] = &[
    Case::new(
        "uring_tcp",
        "io_uring send and recv",
        tcp_client,
        tcp_server,
    ),
    Case::new(
        "uring_worker",
        "IOSQE_ASYNC: a worker does it",
        worker_client,
        worker_server,
    ),
    Case::new("uring_udp", "io_uring datagrams", udp_client, udp_server),
];

const LENGTHS: [usize; 4] = [1, 9000, 333, 20_011];

fn ring() -> Result<Ring, Stop> {
    Ring::open().map_err(|errno| Stop::skip(format_args!("no io_uring ({})", errno.desc())))
}

fn send(ring: &Ring, socket: &Socket, length: usize, runner: Runner) -> Outcome {
    let data = vec![1; length];
    let mut left = data.as_slice();
    while !left.is_empty() {
        let sent = socket.count_sent(ring.send(socket.fd(), left, runner))?;
        left = left.get(sent..).unwrap_or_default();
    }
    Ok(())
}

fn receive(ring: &Ring, socket: &Socket, length: usize, runner: Runner) -> Outcome {
    let mut into = vec![0; length];
    let mut left = length;
    while left > 0 {
        let part = into.get_mut(..left).unwrap_or_default();
        let received = socket.count_received(ring.receive(socket.fd(), part, runner))?;
        if received == 0 {
            return Err(Stop::fail("the stream ended early"));
        }
        left -= received;
    }
    Ok(())
}

fn talk(socket: &Socket, ring: &Ring, runner: Runner) -> Outcome {
    for length in LENGTHS {
        send(ring, socket, length, runner)?;
        receive(ring, socket, length + 5, runner)?;
    }
    Ok(())
}

fn answer(socket: &Socket, ring: &Ring, runner: Runner) -> Outcome {
    for length in LENGTHS {
        receive(ring, socket, length, runner)?;
        send(ring, socket, length + 5, runner)?;
    }
    Ok(())
}

fn tcp_client(side: &Side) -> Outcome {
    let ring = ring()?;
    talk(&side.connect()?, &ring, Runner::Submitter)
}

fn tcp_server(side: &Side) -> Outcome {
    let ring = ring()?;
    answer(&side.accept()?, &ring, Runner::Submitter)
}

fn worker_client(side: &Side) -> Outcome {
    let ring = ring()?;
    talk(&side.connect()?, &ring, Runner::Worker)
}

fn worker_server(side: &Side) -> Outcome {
    let ring = ring()?;
    answer(&side.accept()?, &ring, Runner::Worker)
}

fn udp_client(side: &Side) -> Outcome {
    let ring = ring()?;
    talk(&side.connected_datagrams(0)?, &ring, Runner::Submitter)
}

fn udp_server(side: &Side) -> Outcome {
    let ring = ring()?;
    answer(&side.connected_datagrams(0)?, &ring, Runner::Submitter)
}
