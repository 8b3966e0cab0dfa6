//! Connections on the running kernel: what their counters add up to, and what is left of them when
//! they are closed. Needs root and a BPF file system; says so when it skips.

// Helpers of tests may panic as tests may.
#![allow(clippy::unwrap_used)]

use std::collections::HashMap;
use std::io::Read;
use std::io::Write;
use std::net::Shutdown;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::os::fd::FromRawFd;

use netmon_bpf::traffic::ClosedConnection;
use netmon_bpf::traffic::ConnectionState;
use netmon_bpf::traffic::Transport;

use counting::of_process;
use counting::open;
use counting::Counting;
use counting::CLOSED_RING_FULL;
use counting::CONNECTION_MAP_FULL;

mod counting;

mod network;

/// Runs in a child of ours, which ends with it, and waits for that. The child makes system calls only.
fn in_child(run: impl FnOnce()) -> u32 {
    // SAFETY: the child runs what it is given, allocates nothing that another thread of ours could
    // hold a lock for, and ends without running destructors of ours.
    unsafe {
        match libc::fork() {
            0 => {
                run();
                libc::_exit(0)
            }
            pid => {
                assert!(pid > 0, "fork");
                let mut status = 0;
                assert_eq!(libc::waitpid(pid, &mut status, 0), pid);
                assert_eq!(status, 0, "the child failed");
                pid.cast_unsigned()
            }
        }
    }
}

fn pair(address: &str) -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind(address).unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (server, _) = listener.accept().unwrap();
    (client, server)
}

fn send(from: &mut TcpStream, to: &mut TcpStream, bytes: usize) {
    from.write_all(&vec![7; bytes]).unwrap();
    to.read_exact(&mut vec![0; bytes]).unwrap();
}

#[test]
fn connections_add_up_to_their_processes() {
    let Some(mut counting) = Counting::start("sums", 1024, 1 << 18) else {
        return;
    };
    let me = std::process::id();
    // TCP, both families, some left open and some closed.
    let (mut client, mut server) = pair("127.0.0.1:0");
    send(&mut client, &mut server, 10_007);
    send(&mut server, &mut client, 501);
    let (mut client6, mut server6) = pair("[::1]:0");
    send(&mut client6, &mut server6, 3_001);
    drop((client6, server6));
    // Eight threads on one UDP socket, which is written on both CPUs at once.
    let one = UdpSocket::bind("127.0.0.1:0").unwrap();
    let sink = UdpSocket::bind("127.0.0.1:0").unwrap();
    let to = sink.local_addr().unwrap();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..5_000 {
                    one.send_to(&[1; 33], to).unwrap();
                }
            });
        }
    });
    let reading = counting.agree(&[me]);
    let threads = open(&reading, one.local_addr().unwrap());
    assert_eq!(threads.len(), 1);
    assert_eq!(
        (threads[0].tx.bytes, threads[0].tx.calls),
        (8 * 5_000 * 33, 8 * 5_000)
    );
    assert_eq!(threads[0].transport, Transport::Udp);
    assert_eq!(
        (threads[0].remote, threads[0].state),
        (None, ConnectionState::Unconnected)
    );
    // What is told of an open one.
    let told = open(&reading, client.local_addr().unwrap());
    assert_eq!(told.len(), 1);
    let told = &told[0];
    assert_eq!((told.rx.bytes, told.tx.bytes), (501, 10_007));
    assert_eq!(told.remote, Some(client.peer_addr().unwrap()));
    assert_eq!(told.state, ConnectionState::Established);
    assert!(told.loopback && told.interface == 1 && told.namespace != 0);
    assert!(told.opened.is_some_and(|opened| opened <= reading.time));
    let health = told.tcp.expect("the kernel tells how TCP fares");
    assert!(health.rtt_us.is_some_and(|rtt| rtt < 1_000_000));
    assert_eq!((health.retransmits, health.failed), (0, false));
    // Closed ones tell it for the last time.
    let (local, peer) = (client.local_addr().unwrap(), client.peer_addr().unwrap());
    server.shutdown(Shutdown::Both).unwrap();
    drop((client, server, one, sink));
    counting.agree(&[me]);
    for (local, rx, tx) in [(local, 501, 10_007), (peer, 10_007, 501)] {
        let closed = counting.closed_with(local);
        assert_eq!(closed.len(), 1, "told once");
        let last = &closed[0].connection;
        assert_eq!((last.rx.bytes, last.tx.bytes), (rx, tx));
        assert_eq!(last.state, ConnectionState::Closed);
        assert!(last.opened.is_some_and(|opened| opened < closed[0].closed));
    }
    assert_eq!(counting.read().connections.unwrap(), [], "nothing is left");
}

#[test]
fn both_ends_are_told_as_the_socket_names_them() {
    let Some(mut counting) = Counting::start("ends", 1024, 1 << 16) else {
        return;
    };
    let mut streams = vec![pair("127.0.0.1:0"), pair("[::1]:0")];
    // One that is of IPv6 and carries IPv4.
    let both = TcpListener::bind("[::]:0").unwrap();
    let port = both.local_addr().unwrap().port();
    let client = TcpStream::connect(format!("[::ffff:127.0.0.1]:{port}")).unwrap();
    streams.push((client, both.accept().unwrap().0));
    for (client, server) in &mut streams {
        send(client, server, 100);
    }
    let flat = |address: SocketAddr| SocketAddr::new(address.ip().to_canonical(), address.port());
    let reading = counting.agree(&[std::process::id()]);
    for (client, server) in &streams {
        for socket in [client, server] {
            let told = open(&reading, flat(socket.local_addr().unwrap()));
            assert_eq!(told.len(), 1, "{socket:?}");
            assert_eq!(told[0].remote, Some(flat(socket.peer_addr().unwrap())));
        }
    }
    let totals = |(id, traffic): &(_, netmon_bpf::abi::Traffic)| {
        let id: &netmon_bpf::abi::ProcessId = id;
        (id.pid == std::process::id()).then_some(traffic.flows)
    };
    let flows = reading.processes.iter().find_map(totals).unwrap();
    // Loopback, TCP: IPv4 RX, then IPv6 RX.
    assert_eq!(
        (flows[8].bytes, flows[10].bytes),
        (200, 100),
        "mapped is IPv4"
    );
}

#[test]
fn a_shared_socket_is_a_connection_of_each_process() {
    let Some(mut counting) = Counting::start("shared", 1024, 1 << 16) else {
        return;
    };
    let me = std::process::id();
    let (mut client, mut server) = pair("127.0.0.1:0");
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    udp.connect(udp.local_addr().unwrap()).unwrap();
    let mut buffer = [0; 64];
    send(&mut client, &mut server, 1_000);
    udp.send(&[1; 50]).unwrap();
    // One that was passed on, one that was inherited.
    let mut ends = [0; 2];
    // SAFETY: two descriptors go into the array.
    let made = unsafe { libc::socketpair(libc::AF_UNIX, libc::SOCK_DGRAM, 0, ends.as_mut_ptr()) };
    assert_eq!(made, 0);
    pass(ends[0], server.as_raw_fd());
    let child = in_child(|| {
        let passed = take(ends[1]);
        // SAFETY: the descriptor was just received, and is ours.
        let mut passed = unsafe { TcpStream::from_raw_fd(passed) };
        passed.write_all(&[2; 300]).unwrap();
        client.write_all(&[3; 20]).unwrap();
        udp.recv(&mut buffer).unwrap();
        udp.send(&[4; 7]).unwrap();
    });
    client.read_exact(&mut [0; 300]).unwrap();
    server.read_exact(&mut [0; 20]).unwrap();
    udp.recv(&mut buffer).unwrap();
    counting.ours.push(child);
    let reading = counting.agree(&[me, child]);
    let told = open(&reading, udp.local_addr().unwrap());
    let of = |pid: u32, shared: bool| {
        let told = told.iter();
        let mut mine = told.filter(|told| (told.process.pid, told.shared) == (pid, shared));
        mine.next().map(|told| (told.rx.bytes, told.tx.bytes))
    };
    assert_eq!(of(me, false), Some((7, 50)), "{told:#?}");
    assert_eq!(of(child, true), Some((50, 7)));
    assert_eq!(told[0].id, told[1].id);
    let local = udp.local_addr().unwrap();
    // SAFETY: these are ours, and nobody else knows them.
    unsafe { (libc::close(ends[0]), libc::close(ends[1])) };
    drop((client, server, udp));
    counting.agree(&[me, child]);
    assert_eq!(counting.closed_with(local).len(), 2, "one for each");
    assert_eq!(counting.read().connections.unwrap(), [], "nothing is left");
}

fn pass(over: i32, what: i32) {
    let mut byte = [1u8];
    let mut part = libc::iovec {
        iov_base: byte.as_mut_ptr().cast(),
        iov_len: 1,
    };
    let mut control = [0u64; 4];
    // SAFETY: all zeros are a message; the parts live until the call returns.
    unsafe {
        let mut message: libc::msghdr = std::mem::zeroed();
        message.msg_iov = &mut part;
        message.msg_iovlen = 1;
        message.msg_control = control.as_mut_ptr().cast();
        message.msg_controllen = libc::CMSG_SPACE(4) as _;
        let header = libc::CMSG_FIRSTHDR(&message);
        (*header).cmsg_level = libc::SOL_SOCKET;
        (*header).cmsg_type = libc::SCM_RIGHTS;
        (*header).cmsg_len = libc::CMSG_LEN(4) as _;
        libc::CMSG_DATA(header).cast::<i32>().write_unaligned(what);
        assert_eq!(libc::sendmsg(over, &message, 0), 1);
    }
}

fn take(over: i32) -> i32 {
    let mut byte = [0u8];
    let mut part = libc::iovec {
        iov_base: byte.as_mut_ptr().cast(),
        iov_len: 1,
    };
    let mut control = [0u64; 4];
    // SAFETY: as above; the kernel puts one descriptor into the control part.
    unsafe {
        let mut message: libc::msghdr = std::mem::zeroed();
        message.msg_iov = &mut part;
        message.msg_iovlen = 1;
        message.msg_control = control.as_mut_ptr().cast();
        message.msg_controllen = libc::CMSG_SPACE(4) as _;
        assert_eq!(libc::recvmsg(over, &mut message, 0), 1);
        let header = libc::CMSG_FIRSTHDR(&message);
        assert!(!header.is_null());
        libc::CMSG_DATA(header).cast::<i32>().read_unaligned()
    }
}

#[test]
fn a_child_that_serves_what_its_parent_accepted_is_who_has_it() {
    let Some(mut counting) = Counting::start("served", 1024, 1 << 16) else {
        return;
    };
    let (mut client, mut server) = pair("127.0.0.1:0");
    let child = in_child(|| {
        server.write_all(&[5; 123]).unwrap();
    });
    let local = server.local_addr().unwrap();
    client.read_exact(&mut [0; 123]).unwrap();
    counting.ours.push(child);
    let reading = counting.agree(&[std::process::id(), child]);
    let told = open(&reading, local);
    let held: Vec<_> = told
        .iter()
        .map(|told| (told.process.pid, told.tx.bytes, told.shared))
        .collect();
    assert_eq!(held, [(child, 123, false)]);
    drop((client, server));
}

#[test]
fn two_thousand_short_connections_are_all_told() {
    let Some(mut counting) = Counting::start("short", 8192, 1 << 20) else {
        return;
    };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let to = listener.local_addr().unwrap();
    let mut sent = HashMap::new();
    for index in 0..2_000usize {
        let mut client = TcpStream::connect(to).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        let bytes = 1 + index % 1_000;
        send(&mut client, &mut server, bytes);
        sent.insert((client.local_addr().unwrap(), index), bytes as u64);
        // The client's end goes first, and waits: its port is not used again.
        drop(client);
        drop(server);
        if index % 500 == 499 {
            counting.read();
        }
    }
    // The last acknowledgements.
    std::thread::sleep(std::time::Duration::from_millis(50));
    let reading = counting.agree(&[std::process::id()]);
    assert_eq!(reading.losses.counts[CLOSED_RING_FULL], 0);
    assert_eq!(counting.closed.len(), 4_000);
    let mut ids: Vec<u64> = counting
        .closed
        .iter()
        .map(|told| told.connection.id)
        .collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 4_000, "each has an id of its own");
    for ((local, _), bytes) in sent {
        let closed = counting.closed_with(local);
        assert_eq!(closed.len(), 1);
        assert_eq!(closed[0].connection.tx.bytes, bytes);
    }
}

#[test]
fn what_does_not_fit_is_counted_as_lost_and_totals_are_right() {
    let Some(mut counting) = Counting::start("full", 1024, 4096) else {
        return;
    };
    for _ in 0..200 {
        let (mut client, mut server) = pair("127.0.0.1:0");
        send(&mut client, &mut server, 10);
    }
    let reading = counting.read();
    let lost = reading.losses.counts[CLOSED_RING_FULL];
    assert!(lost > 300, "{lost}");
    assert!(!counting.closed.is_empty());
    assert!(counting.closed.len() as u64 + lost >= 400);
    assert_eq!(of_process(&reading, std::process::id()), [2_000, 2_000]);
    drop(counting);

    // No room for sockets: neither for connections, and totals go on.
    let Some(mut counting) = Counting::start("crowded", 8, 1 << 16) else {
        return;
    };
    let sockets: Vec<UdpSocket> = (0..64)
        .map(|_| UdpSocket::bind("127.0.0.1:0").unwrap())
        .collect();
    let to = sockets[0].local_addr().unwrap();
    for socket in &sockets {
        socket.send_to(&[1; 11], to).unwrap();
    }
    let reading = counting.read();
    assert_eq!(of_process(&reading, std::process::id()), [0, 64 * 11]);
    let told = reading.connections.as_ref().unwrap().len() as u64;
    assert!(told < 64);
    assert!(told + reading.losses.counts[CONNECTION_MAP_FULL] >= 64);
}

#[test]
fn what_failed_and_what_was_reset_is_told_apart() {
    let Some(mut counting) = Counting::start("fate", 1024, 1 << 16) else {
        return;
    };
    // Nobody listens there: bound and not listening.
    let nobody = bound();
    TcpStream::connect(nobody.1).unwrap_err();
    // The peer closes with data unread: a reset.
    let (mut client, mut server) = pair("127.0.0.1:0");
    client.write_all(&[1; 100]).unwrap();
    server.write_all(&[1; 10]).unwrap();
    client.read_exact(&mut [0; 10]).unwrap();
    let (reset, resetter) = (client.local_addr().unwrap(), client.peer_addr().unwrap());
    drop(server);
    client.read_exact(&mut [0; 1]).unwrap_err();
    drop(client);
    // The usual end, of one that nobody has used.
    let (client, server) = pair("127.0.0.1:0");
    let unused = [client.local_addr().unwrap(), client.peer_addr().unwrap()];
    drop((client, server));
    counting.agree(&[std::process::id()]);
    let fate = |closed: &ClosedConnection| {
        let health = closed.connection.tcp.unwrap();
        (health.failed, health.reset)
    };
    let failed: Vec<_> = counting
        .closed
        .iter()
        .filter(|closed| closed.connection.remote == Some(nobody.1))
        .map(fate)
        .collect();
    assert_eq!(failed, [(true, true)], "refused");
    let fates = |local| -> Vec<_> { counting.closed_with(local).into_iter().map(fate).collect() };
    assert_eq!(fates(reset), [(false, true)]);
    assert_eq!(fates(resetter), [(false, false)], "it is who did it");
    for local in unused {
        assert_eq!(fates(local), [(false, false)]);
        let process = counting.closed_with(local)[0].connection.process;
        assert_eq!(process.pid, std::process::id(), "whoever closed it");
    }
}

/// A TCP port that is taken and refuses connections.
fn bound() -> (TcpListener, SocketAddr) {
    // SAFETY: plain system calls; the address lives until they return.
    unsafe {
        let socket = libc::socket(libc::AF_INET, libc::SOCK_STREAM | libc::SOCK_CLOEXEC, 0);
        assert!(socket >= 0);
        let mut address: libc::sockaddr_in = std::mem::zeroed();
        address.sin_family = libc::AF_INET as u16;
        address.sin_addr.s_addr = u32::from_ne_bytes([127, 0, 0, 1]);
        let size = size_of::<libc::sockaddr_in>() as u32;
        let bound = libc::bind(socket, (&raw const address).cast(), size);
        assert_eq!(bound, 0);
        let listener = TcpListener::from_raw_fd(socket);
        let at = listener.local_addr().unwrap();
        (listener, at)
    }
}
