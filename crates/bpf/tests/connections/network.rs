//! Connections between network namespaces: which device they take, and what a lost path does to them.

use std::fs::File;
use std::io::Read;
use std::io::Write;
use std::net::TcpListener;
use std::net::TcpStream;
use std::os::fd::AsRawFd;
use std::process::Command;
use std::time::Duration;

use netmon_bpf::interfaces::Interfaces;

use crate::counting::open;
use crate::counting::Counting;

/// Two namespaces, joined by two veth pairs: `left0`-`right0`, 10.198.60.0/24, and `left1`-`right1`,
/// 10.198.61.0/24.
struct Pairs {
    names: [String; 2],
}

impl Pairs {
    fn new() -> Option<Pairs> {
        let names = ["l", "r"].map(|side| format!("netmon-conn-{}-{side}", std::process::id()));
        let pairs = Pairs { names };
        for name in &pairs.names {
            if !ip(&format!("netns add {name}")) {
                eprintln!("SKIPPED: cannot make a network namespace with ip(8)");
                return None;
            }
            // Indices that differ from those here.
            assert!(ip(&format!(
                "-n {name} link add spare0 type veth peer name spare1"
            )));
        }
        let [left, right] = &pairs.names;
        for pair in 0..2 {
            let ends = format!("left{pair} type veth peer name right{pair} netns {right}");
            assert!(ip(&format!("-n {left} link add {ends}")));
            for (host, (name, side)) in [(left, "left"), (right, "right")].into_iter().enumerate() {
                let device = format!("{side}{pair}");
                let address = format!("10.198.6{pair}.{}/24", host + 1);
                assert!(ip(&format!("-n {name} addr add {address} dev {device}")));
                assert!(ip(&format!("-n {name} link set {device} up")));
            }
        }
        Some(pairs)
    }

    /// Runs on a thread that is in one of the namespaces; its sockets stay there.
    fn on<T: Send + 'static>(&self, host: usize, run: impl FnOnce() -> T + Send + 'static) -> T {
        let namespace = File::open(format!("/run/netns/{}", self.names[host])).unwrap();
        let inside = move || {
            // SAFETY: the descriptor is open; only this thread changes its namespace.
            let entered = unsafe { libc::setns(namespace.as_raw_fd(), libc::CLONE_NEWNET) };
            assert_eq!(entered, 0);
            run()
        };
        std::thread::spawn(inside).join().unwrap()
    }

    /// A connection from left to right over one of the pairs.
    fn connect(&self, pair: usize) -> (TcpStream, TcpStream) {
        let address = format!("10.198.6{pair}.2:0");
        let listener = self.on(1, move || TcpListener::bind(address).unwrap());
        let to = listener.local_addr().unwrap();
        let client = self.on(0, move || TcpStream::connect(to).unwrap());
        (client, listener.accept().unwrap().0)
    }
}

impl Drop for Pairs {
    fn drop(&mut self) {
        for name in &self.names {
            ip(&format!("netns del {name}"));
        }
    }
}

fn ip(arguments: &str) -> bool {
    let done = Command::new("ip").args(arguments.split(' ')).status();
    done.is_ok_and(|status| status.success())
}

#[test]
fn a_connection_is_over_the_device_that_it_takes() {
    let Some(mut counting) = Counting::start("devices", 1024, 1 << 16) else {
        return;
    };
    let Some(pairs) = Pairs::new() else { return };
    let mut streams = [pairs.connect(0), pairs.connect(1)];
    for (index, (client, server)) in streams.iter_mut().enumerate() {
        client.write_all(&vec![1; 70_000 + index]).unwrap();
        server.read_exact(&mut vec![0; 70_000 + index]).unwrap();
        server.write_all(&[2; 9]).unwrap();
        client.read_exact(&mut [0; 9]).unwrap();
    }
    let reading = counting.agree(&[std::process::id()]);
    let mut interfaces = Interfaces::new();
    for (index, (client, server)) in streams.iter().enumerate() {
        for (socket, side, tx) in [
            (client, "left", 70_000 + index as u64),
            (server, "right", 9),
        ] {
            let told = open(&reading, socket.local_addr().unwrap());
            assert_eq!(told.len(), 1);
            let told = &told[0];
            // Found by its name: our process is in another namespace.
            let name = interfaces.name(told.namespace, told.interface, told.process.pid);
            assert_eq!(name.as_deref(), Some(format!("{side}{index}").as_str()));
            assert_eq!((told.tx.bytes, told.loopback), (tx, false));
        }
    }
    let locals = streams
        .each_ref()
        .map(|(client, _)| client.local_addr().unwrap());
    drop(streams);
    counting.agree(&[std::process::id()]);
    for (index, local) in locals.into_iter().enumerate() {
        let closed = counting.closed_with(local);
        assert_eq!(closed.len(), 1);
        let last = &closed[0].connection;
        let name = interfaces.name(last.namespace, last.interface, last.process.pid);
        assert_eq!(name.as_deref(), Some(format!("left{index}").as_str()));
    }
}

/// What the kernel tells the application of its own connection.
fn info(stream: &TcpStream) -> libc::tcp_info {
    // SAFETY: all zeros are a tcp_info; the kernel writes at most as many bytes as it is given.
    unsafe {
        let mut info: libc::tcp_info = std::mem::zeroed();
        let mut size = size_of_val(&info) as u32;
        let told = libc::getsockopt(
            stream.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            (&raw mut info).cast(),
            &mut size,
        );
        assert_eq!(told, 0);
        info
    }
}

#[test]
fn what_was_sent_again_is_told_of_the_right_connection() {
    let Some(mut counting) = Counting::start("again", 1024, 1 << 16) else {
        return;
    };
    let Some(pairs) = Pairs::new() else { return };
    let (mut hindered, mut peer) = pairs.connect(0);
    let (mut free, mut free_peer) = pairs.connect(1);
    let neighbour = format!(
        "-n {} neigh replace 10.198.60.2 dev left0 lladdr",
        pairs.names[0]
    );
    hindered.write_all(&[1; 1_000]).unwrap();
    peer.read_exact(&mut [0; 1_000]).unwrap();
    // Frames go to nobody for a while.
    assert!(ip(&format!("{neighbour} 02:00:00:00:00:99 nud permanent")));
    hindered.write_all(&[2; 3_000]).unwrap();
    std::thread::sleep(Duration::from_millis(700));
    let back = format!("-n {} neigh del 10.198.60.2 dev left0", pairs.names[0]);
    assert!(ip(&back));
    peer.read_exact(&mut [0; 3_000]).unwrap();
    free.write_all(&[3; 500]).unwrap();
    free_peer.read_exact(&mut [0; 500]).unwrap();

    let reading = counting.agree(&[std::process::id()]);
    let own = info(&hindered);
    assert!(own.tcpi_total_retrans >= 1, "the path was not lost");
    let health = open(&reading, hindered.local_addr().unwrap())[0]
        .tcp
        .unwrap();
    assert_eq!(health.retransmits, own.tcpi_total_retrans);
    assert_eq!(health.rtt_us, Some(own.tcpi_rtt));
    assert_eq!(health.rtt_variation_us, Some(own.tcpi_rttvar));
    assert!(
        health.busy_us.is_some_and(|busy| busy >= 600_000),
        "{health:?}"
    );
    let other = open(&reading, free.local_addr().unwrap())[0].tcp.unwrap();
    assert_eq!(other.retransmits, 0);
    assert!(other.busy_us.is_some_and(|busy| busy < 600_000));

    let local = hindered.local_addr().unwrap();
    drop((hindered, peer));
    counting.agree(&[std::process::id()]);
    let closed = counting.closed_with(local)[0].connection.tcp.unwrap();
    assert_eq!(closed.retransmits, own.tcpi_total_retrans);
    assert!(closed.rtt_us.is_some());
}
