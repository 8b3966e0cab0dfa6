//! TCP over a wire: the segments that tcpdump saw, at every point.

use std::collections::BTreeMap;
use std::io::BufRead;
use std::io::BufReader;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;

use netmon_api::v1;

use super::asked;
use super::python;
use super::run;
use super::trace;
use super::Seen;
use crate::network::Network;
use crate::stage::ready;
use crate::stage::Stage;

/// tcpdump on host 1, ready.
fn tcpdump(network: &Network, filter: &str) -> Option<Child> {
    if Command::new("tcpdump").arg("--version").output().is_err() {
        eprintln!("SKIPPED: no tcpdump; run scripts/packages tcpdump");
        return None;
    }
    let mut command = network.on(1, "tcpdump");
    command.args([
        "-i",
        "veth0",
        "-n",
        "-S",
        "-l",
        "-U",
        "--immediate-mode",
        filter,
    ]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut errors = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("listening on") {
        line.clear();
        assert!(
            errors.read_line(&mut line).unwrap() > 0,
            "tcpdump has ended"
        );
    }
    // What it says later nobody reads.
    std::thread::spawn(move || std::io::copy(&mut errors, &mut std::io::sink()));
    Some(child)
}

/// Source port, sequence number and payload of each line that tcpdump printed.
fn segments(mut tcpdump: Child) -> Vec<(u32, u32, u32)> {
    std::thread::sleep(Duration::from_millis(300));
    run({
        let mut kill = Command::new("kill");
        kill.args(["-INT", &tcpdump.id().to_string()]);
        kill
    });
    let lines = BufReader::new(tcpdump.stdout.take().unwrap()).lines();
    // Payload may be told on lines of its own.
    let lines = lines
        .map(Result::unwrap)
        .filter(|line| line.contains(": Flags ["));
    let segment = |line: String| {
        let source = line.split(' ').nth(2).unwrap();
        let port = source.rsplit('.').next().unwrap().parse().unwrap();
        let after = |word: &str| {
            let rest = line.split_once(word)?.1;
            let end = rest
                .find(|c: char| !c.is_ascii_digit())
                .unwrap_or(rest.len());
            rest[..end].parse::<u32>().ok()
        };
        // An ACK without payload has no sequence number in tcpdump's line.
        (port, after("seq ").unwrap_or(0), after("length ").unwrap())
    };
    let told = lines.map(segment).collect();
    tcpdump.wait().unwrap();
    told
}

const SERVER: &str = "
import socket, sys
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(('10.198.51.2', int(sys.argv[1]))); s.listen(1)
c, _ = s.accept()
while True:
    data = c.recv(65536)
    if not data: break
    c.sendall(data[:100])
";

const CLIENT: &str = "
import socket, sys, time
for _ in range(100):
    try:
        s = socket.create_connection(('10.198.51.2', int(sys.argv[1])), 5); break
    except ConnectionRefusedError:
        time.sleep(0.05)
for size in (1, 100, 1000, 1400, 7):
    s.sendall(b'x' * size)
    s.recv(65536)
s.close()
";

/// A conversation over TCP between the hosts.
fn converse(network: &Network, port: u16) -> [Child; 2] {
    let start = |host, script| {
        let mut command = python(network, host, script);
        command.arg(port.to_string()).spawn().unwrap()
    };
    [start(1, SERVER), start(0, CLIENT)]
}

#[tokio::test]
async fn each_segment_is_at_each_point_with_the_numbers_of_tcpdump() {
    if !ready() {
        return;
    }
    let stage = Stage::with_agent("packets");
    let network = Network::new("pt");
    let Some(dump) = tcpdump(&network, "tcp port 5555 and host 10.198.51.1") else {
        return;
    };
    let [mut server, mut client] = {
        // The server listens before the trace begins; so nothing is refused in it.
        let server = python(&network, 1, SERVER).arg("5555").spawn().unwrap();
        std::thread::sleep(Duration::from_millis(700));
        let mut client = python(&network, 0, CLIENT);
        client.arg("5555");
        let other = converse(&network, 5556);
        let request = asked(&["10.198.51.1/32"], &[5555], 4);
        let seen = trace(&stage, request, true, move || {
            run(client);
            for mut child in other {
                child.wait().unwrap();
            }
        })
        .await;
        check_segments(&seen, segments(dump));
        [server, Command::new("true").spawn().unwrap()]
    };
    server.wait().unwrap();
    client.wait().unwrap();
}

fn check_segments(seen: &Seen, dumped: Vec<(u32, u32, u32)>) {
    seen.print();
    eprintln!("tcpdump: {dumped:?}");
    seen.adds_up();
    assert!(dumped.len() >= 12, "{dumped:?}");
    for event in &seen.events {
        let ports = [event.source_port, event.destination_port];
        assert!(ports.contains(&Some(5555)), "other traffic: {event:?}");
    }
    // What every segment passes, whichever of them this kernel has.
    let all = [
        "NF_INET_LOCAL_OUT",
        "NF_INET_POST_ROUTING",
        "ip_output",
        "net_dev_queue",
        "net_dev_start_xmit",
        "net_dev_xmit",
        "netif_rx",
        "netif_receive_skb",
        "NF_INET_PRE_ROUTING",
        "ip_rcv_core",
        "NF_INET_LOCAL_IN",
        "ip_local_deliver_finish",
        "tcp_v4_rcv",
    ];
    let available = seen.available();
    let mut checked = 0;
    for point in all.into_iter().filter(|point| available.contains(point)) {
        for from_client in [true, false] {
            let side = |port: u32| (port != 5555) == from_client;
            let expected: Vec<_> = dumped.iter().filter(|(port, ..)| side(*port)).collect();
            let told: Vec<_> = seen.at(point).filter(|e| side(e.source_port())).collect();
            assert_eq!(
                told.len(),
                expected.len(),
                "{point}, from client: {from_client}"
            );
            for (told, (_, sequence, length)) in told.iter().zip(expected) {
                assert_eq!(told.length, Some(*length), "{point}: {told:?}");
                if *sequence != 0 {
                    assert_eq!(told.sequence, Some(*sequence), "{point}: {told:?}");
                }
            }
        }
        checked += 1;
    }
    assert!(checked >= 5, "{available:?}");
    for point in [
        "tcp_probe",
        "tcp_queue_rcv",
        "tcp_rcv_space_adjust",
        "skb_copy_datagram_iovec",
    ] {
        if available.contains(point) {
            assert!(seen.at(point).count() >= 5, "{point}");
        }
    }
    // One packet is followed from the sender to the receiver.
    let ways = ways(seen);
    let data = ways.values().filter(|way| way[0].length == Some(1400));
    let longest = data.max_by_key(|way| way.len()).unwrap();
    let names: Vec<&str> = longest.iter().map(|event| seen.name(event)).collect();
    eprintln!("{names:?}");
    let receive = names
        .iter()
        .position(|name| *name == "netif_receive_skb")
        .unwrap();
    assert!(
        names
            .iter()
            .position(|name| *name == "net_dev_queue")
            .unwrap()
            < receive
    );
    assert!(names.contains(&"skb_copy_datagram_iovec"), "{names:?}");
    assert_eq!(
        longest.last().unwrap().process_name.as_deref(),
        Some("python3")
    );
}

/// Events of each packet, in order.
fn ways(seen: &Seen) -> BTreeMap<u64, Vec<&v1::PacketEvent>> {
    let mut ways = BTreeMap::<u64, Vec<&v1::PacketEvent>>::new();
    for event in seen.events.iter().filter(|event| event.packet != 0) {
        ways.entry(event.packet).or_default().push(event);
    }
    // Nothing tells two packets of the same memory apart but their way: check it by what they are.
    for way in ways.values() {
        let what = |e: &v1::PacketEvent| (e.source_port, e.sequence, e.length);
        assert!(
            way.iter().all(|event| what(event) == what(way[0])),
            "{way:?}"
        );
    }
    ways
}
