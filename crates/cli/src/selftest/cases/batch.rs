//! UDP where calls and datagrams do not go one by one: batches, corking, segmentation.

use super::Case;
use crate::selftest::ends::Outcome;
use crate::selftest::ends::Stop;
use crate::selftest::side::Side;

/// The cases of this theme.
pub const CASES: &[Case] = &[
    Case::new(
        "udp_mmsg",
        "sendmmsg and recvmmsg",
        mmsg_client,
        mmsg_server,
    ),
    Case::new(
        "udp_cork",
        "UDP_CORK and MSG_MORE",
        cork_client,
        cork_server,
    ),
    Case::new("udp_gso", "segmented by the kernel", gso_client, gso_server),
    Case::new(
        "udp_gro",
        "segmented and put together again",
        gso_client,
        gro_server,
    ),
];

const LENGTHS: [usize; 7] = [1, 100, 1472, 9000, 333, 20_000, 13];

fn mmsg_client(side: &Side) -> Outcome {
    let (socket, to) = side.datagrams(0)?;
    let buffers: Vec<Vec<u8>> = LENGTHS.iter().map(|&length| vec![1; length]).collect();
    let parts: Vec<&[u8]> = buffers.iter().map(Vec::as_slice).collect();
    if socket.send_many(&parts, Some(to))? != LENGTHS.len() {
        return Err(Stop::fail("sendmmsg stopped early"));
    }
    side.meet()?;
    side.meet()
}

fn mmsg_server(side: &Side) -> Outcome {
    let (socket, _) = side.datagrams(0)?;
    // All are there before the first is read, so that one call takes several.
    side.meet()?;
    let mut buffers = vec![vec![0; 1 << 16]; 4];
    let mut left = LENGTHS.len();
    while left > 0 {
        left = left.saturating_sub(socket.receive_many(&mut buffers)?);
    }
    side.meet()
}

fn cork_client(side: &Side) -> Outcome {
    let socket = side.connected_datagrams(0)?;
    socket.send(&[1; 100], libc::MSG_MORE)?;
    socket.send(&[2; 1300], libc::MSG_MORE)?;
    socket.send(&[3; 38], 0)?;
    socket.set(libc::IPPROTO_UDP, UDP_CORK, 1)?;
    for _ in 0..4 {
        socket.send(&[4; 1100], 0)?;
    }
    socket.set(libc::IPPROTO_UDP, UDP_CORK, 0)?;
    side.meet()
}

fn cork_server(side: &Side) -> Outcome {
    let socket = side.connected_datagrams(0)?;
    let mut into = vec![0; 1 << 16];
    for length in [1438, 4400] {
        if socket.receive(&mut into, 0)? != length {
            return Err(Stop::fail("the pieces did not come as one datagram"));
        }
    }
    side.meet()
}

const UDP_CORK: i32 = 1;
const UDP_SEGMENT: i32 = 103;
const UDP_GRO: i32 = 104;
const SEGMENT: i32 = 1200;
const SEGMENTED: [usize; 3] = [40_000, 1200, 6001];

fn gso_client(side: &Side) -> Outcome {
    let socket = side.connected_datagrams(0)?;
    side.hear()?;
    if let Err(errno) = socket.set(libc::IPPROTO_UDP, UDP_SEGMENT, SEGMENT) {
        return Err(Stop::skip(format_args!(
            "no UDP_SEGMENT ({})",
            errno.desc()
        )));
    }
    for length in SEGMENTED {
        socket.send(&vec![1; length], 0)?;
    }
    side.meet()
}

fn gso_server(side: &Side) -> Outcome {
    let socket = side.connected_datagrams(0)?;
    side.tell("ready")?;
    let mut into = vec![0; 1 << 16];
    let mut left: usize = SEGMENTED.iter().sum();
    while left > 0 {
        let received = socket.receive(&mut into, 0)?;
        if received > SEGMENT as usize {
            return Err(Stop::fail("a datagram is longer than a segment"));
        }
        left = left.saturating_sub(received);
    }
    side.meet()
}

fn gro_server(side: &Side) -> Outcome {
    let socket = side.connected_datagrams(0)?;
    if let Err(errno) = socket.set(libc::IPPROTO_UDP, UDP_GRO, 1) {
        return Err(Stop::skip(format_args!("no UDP_GRO ({})", errno.desc())));
    }
    side.tell("ready")?;
    let mut into = vec![0; 1 << 16];
    let mut left: usize = SEGMENTED.iter().sum();
    while left > 0 {
        left = left.saturating_sub(socket.receive(&mut into, 0)?);
    }
    side.meet()
}
