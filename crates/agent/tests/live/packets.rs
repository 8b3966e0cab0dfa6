//! Packets on their way through the kernel, as a client of the API is told them.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::io::BufRead;
use std::io::BufReader;
use std::net::IpAddr;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use netmon_api::endpoint::connect;
use netmon_api::v1;
use netmon_api::v1::watch_packets_response::Event as Message;
use tokio_stream::StreamExt;
use tonic::Code;

use crate::network::Network;
use crate::stage::ready;
use crate::stage::Stage;

const PATIENCE: Duration = Duration::from_secs(10);

/// What a trace has told.
#[derive(Default)]
struct Seen {
    points: Vec<v1::TracePoint>,
    events: Vec<v1::PacketEvent>,
    counts: Vec<v1::PointStatistics>,
    last: bool,
    /// Most events in one second, by the times of the events.
    second: usize,
}

impl Seen {
    fn name(&self, event: &v1::PacketEvent) -> &str {
        &self.points[event.point as usize].name
    }

    fn available(&self) -> BTreeSet<&str> {
        let points = self.points.iter().filter(|point| point.available);
        points.map(|point| point.name.as_str()).collect()
    }

    /// What was seen at a point, in order.
    fn at<'a>(&'a self, point: &'a str) -> impl Iterator<Item = &'a v1::PacketEvent> {
        self.events
            .iter()
            .filter(move |event| self.name(event) == point)
    }

    fn print(&self) {
        for event in &self.events {
            let ip = |bytes: &[u8]| address(bytes).map(|a| a.to_string()).unwrap_or_default();
            eprintln!(
                "{:<24} #{:<3} {}:{:?} > {}:{:?} seq {:?} ack {:?} flags {:?} len {:?} {:?} {:?} {:?}",
                self.name(event),
                event.packet,
                ip(&event.source_address),
                event.source_port,
                ip(&event.destination_address),
                event.destination_port,
                event.sequence,
                event.acknowledgment,
                event.flags,
                event.length,
                event.interface,
                event.process_name,
                event.drop_reason,
            );
        }
    }

    /// matched = told + suppressed + lost, exactly, at every point.
    fn adds_up(&self) {
        assert!(self.last, "the last statistics");
        for (point, count) in self.points.iter().zip(&self.counts) {
            let parts = count.told + count.suppressed + count.lost;
            assert_eq!(count.matched, parts, "{}: {count:?}", point.name);
        }
    }

    fn sum(&self, of: impl Fn(&v1::PointStatistics) -> u64) -> u64 {
        self.counts.iter().map(of).sum()
    }
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    match bytes.len() {
        4 => Some(<[u8; 4]>::try_from(bytes).unwrap().into()),
        16 => Some(<[u8; 16]>::try_from(bytes).unwrap().into()),
        _ => None,
    }
}

fn prefix(text: &str) -> v1::AddressPrefix {
    let (address, length) = text.split_once('/').unwrap();
    let address = match address.parse().unwrap() {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    };
    v1::AddressPrefix {
        address,
        length: length.parse().unwrap(),
    }
}

fn asked(addresses: &[&str], ports: &[u32], seconds: u64) -> v1::WatchPacketsRequest {
    v1::WatchPacketsRequest {
        filter: Some(v1::PacketFilter {
            addresses: addresses.iter().map(|text| prefix(text)).collect(),
            ports: ports.to_vec(),
            ..v1::PacketFilter::default()
        }),
        duration_ns: Some(seconds * 1_000_000_000),
        ..v1::WatchPacketsRequest::default()
    }
}

/// Traces while `work` runs on a thread of its own; until the agent ends it.
async fn trace(
    stage: &Stage,
    request: v1::WatchPacketsRequest,
    keep: bool,
    work: impl FnOnce() + Send + 'static,
) -> Seen {
    let mut client = connect(&stage.socket(), PATIENCE).await.unwrap();
    let mut messages = client.watch_packets(request).await.unwrap().into_inner();
    let mut work = Some(work);
    let mut working = None;
    let mut seen = Seen::default();
    let mut seconds = BTreeMap::<i64, usize>::new();
    while let Some(message) = messages.next().await {
        match message.unwrap().event.unwrap() {
            Message::Started(started) => {
                seen.points = started.points;
                working = work.take().map(|work| tokio::task::spawn_blocking(work));
            }
            Message::Events(events) => {
                assert!(events.events.len() <= 512);
                for event in &events.events {
                    *seconds
                        .entry(event.time.as_ref().unwrap().seconds)
                        .or_default() += 1;
                }
                if keep {
                    seen.events.extend(events.events);
                }
            }
            Message::Statistics(statistics) => {
                seen.counts = statistics.points;
                seen.last = statistics.last;
            }
        }
    }
    seen.second = seconds.into_values().max().unwrap_or(0);
    working.unwrap().await.unwrap();
    seen
}

fn run(mut command: Command) {
    let done = command.status().unwrap();
    assert!(done.success(), "{command:?}");
}

fn python(network: &Network, host: usize, script: &str) -> Command {
    let mut command = network.on(host, "python3");
    command.args(["-c", script]);
    command
}

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

const UDP: &str = "
import socket, sys
f = socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET
s = socket.socket(f, socket.SOCK_DGRAM)
for size in (10, 200, 1000):
    s.sendto(b'x' * size, (sys.argv[1], int(sys.argv[2])))
";

const UDP_SERVER: &str = "
import socket, sys
f = socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET
s = socket.socket(f, socket.SOCK_DGRAM); s.bind((sys.argv[1], 5557)); s.settimeout(10)
for _ in range(3): s.recv(2000)
";

#[tokio::test]
async fn datagrams_of_both_families_and_drops_are_told() {
    if !ready() {
        return;
    }
    let stage = Stage::with_agent("datagrams");
    let network = Network::new("pd");
    for (host, address) in ["fd00:51::1/64", "fd00:51::2/64"].into_iter().enumerate() {
        let mut command = network.on(host, "ip");
        command.args(["addr", "add", address, "dev", "veth0", "nodad"]);
        run(command);
    }
    for address in ["10.198.51.2", "fd00:51::2"] {
        let mut server = python(&network, 1, UDP_SERVER)
            .arg(address)
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(500));
        let sends = [5557, 5558, 5559].map(|port| {
            let mut send = python(&network, 0, UDP);
            send.args([address, &port.to_string()]);
            send
        });
        let length = if address.contains(':') { 128 } else { 32 };
        let request = asked(&[&format!("{address}/{length}")], &[5557, 5558], 3);
        let mut request = request;
        request.headers = true;
        request.filter.as_mut().unwrap().transport = Some(v1::Transport::Udp.into());
        let seen = trace(&stage, request, true, move || {
            sends.into_iter().for_each(run)
        })
        .await;
        server.wait().unwrap();
        seen.print();
        seen.adds_up();
        let available = seen.available();
        for event in &seen.events {
            let port = event.destination_port;
            assert!(port == Some(5557) || port == Some(5558), "{event:?}");
            assert_eq!(event.protocol, 17);
        }
        let lengths = |point: &str, port: u32| -> Vec<u32> {
            let at = seen.at(point).filter(|e| e.destination_port() == port);
            at.filter_map(|event| event.length).collect()
        };
        let mut points = vec!["net_dev_queue", "netif_rx", "netif_receive_skb"];
        points.extend(["NF_INET_LOCAL_OUT", "NF_INET_LOCAL_IN"]);
        points.push(if length == 32 {
            "ip_rcv_core"
        } else {
            "ip6_rcv_core"
        });
        points.retain(|point| available.contains(point));
        assert!(points.len() >= 4, "{available:?}");
        for point in points {
            for port in [5557, 5558] {
                assert_eq!(lengths(point, port), [10, 200, 1000], "{point}");
            }
        }
        let read = ["skb_consume_udp", "sock_recv_length"];
        let read = read
            .into_iter()
            .find(|point| available.contains(point))
            .unwrap();
        if read == "skb_consume_udp" {
            assert_eq!(lengths(read, 5557), [10, 200, 1000]);
        }
        // Nobody listens on the other port.
        assert!(
            lengths("kfree_skb", 5557).is_empty(),
            "what was read is no drop"
        );
        assert_eq!(lengths("kfree_skb", 5558), [10, 200, 1000]);
        for drop in seen.at("kfree_skb") {
            if let Some(reason) = &drop.drop_reason {
                assert_eq!(reason, "NO_SOCKET");
            }
            assert_eq!(drop.interface.as_deref(), Some("veth0"));
        }
        let arrived = seen.at("netif_receive_skb").next().unwrap();
        let header = arrived.header.as_ref().unwrap();
        assert_eq!(
            header.len(),
            if length == 32 { 28 } else { 48 },
            "no payload"
        );
        assert_eq!(header[0] >> 4, if length == 32 { 4 } else { 6 });
    }
}

/// Program ids that an agent holds.
fn programs(agent: u32) -> BTreeSet<u32> {
    let entries = std::fs::read_dir(format!("/proc/{agent}/fdinfo")).unwrap();
    let texts = entries
        .flatten()
        .map(|entry| std::fs::read_to_string(entry.path()));
    let ids = texts.map(|text| {
        let text = text.unwrap_or_default();
        let id = text.lines().find_map(|line| line.strip_prefix("prog_id:"));
        id.map(|id| id.trim().parse().unwrap())
    });
    ids.flatten().collect()
}

async fn begin(stage: &Stage) -> tonic::Streaming<v1::WatchPacketsResponse> {
    let mut client = connect(&stage.socket(), PATIENCE).await.unwrap();
    let request = v1::WatchPacketsRequest::default();
    let mut messages = client.watch_packets(request).await.unwrap().into_inner();
    let first = messages.next().await.unwrap().unwrap().event.unwrap();
    assert!(matches!(first, Message::Started(_)), "{first:?}");
    messages
}

/// A viewer in a process of its own, for another test to kill.
#[tokio::test]
#[ignore = "part of the_last_viewer_takes_the_hooks_out"]
async fn viewer_process() {
    let Some(socket) = std::env::var_os("NETMON_TEST_SOCKET") else {
        return;
    };
    let mut client = connect(std::path::Path::new(&socket), PATIENCE)
        .await
        .unwrap();
    let request = v1::WatchPacketsRequest::default();
    let mut messages = client.watch_packets(request).await.unwrap().into_inner();
    while messages.next().await.is_some() {}
}

async fn wait_for(what: &str, mut holds: impl FnMut() -> bool) -> Duration {
    let begin = Instant::now();
    while !holds() {
        assert!(begin.elapsed() < Duration::from_secs(20), "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    begin.elapsed()
}

#[tokio::test]
async fn the_last_viewer_takes_the_hooks_out() {
    if !ready() {
        return;
    }
    let mut stage = Stage::with_agent("unhooked");
    let agent = stage.agent_pid();
    // The agent tries hooks and reads connections soon after its start.
    std::thread::sleep(Duration::from_secs(3));
    let before = programs(agent);
    let mut viewer = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "packets::viewer_process", "--ignored"])
        .env("NETMON_TEST_SOCKET", stage.socket())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    wait_for("hooks", || programs(agent).len() > before.len() + 3).await;
    let another = begin(&stage).await;
    let hooked: BTreeSet<u32> = programs(agent).difference(&before).copied().collect();
    drop(another);
    tokio::time::sleep(Duration::from_millis(300)).await;
    let gone = || hooked.iter().all(|id| !netmon_bpf::trace::is_loaded(*id));
    assert!(
        hooked.iter().all(|id| netmon_bpf::trace::is_loaded(*id)),
        "one viewer is left"
    );
    viewer.kill().unwrap();
    viewer.wait().unwrap();
    let took = wait_for("programs are still loaded", gone).await;
    eprintln!(
        "{} programs gone {took:?} after the last viewer was killed",
        hooked.len()
    );
    assert!(took < Duration::from_secs(3), "{took:?}");
    assert_eq!(programs(agent), before);

    // The agent is killed while somebody watches.
    let watching = begin(&stage).await;
    let hooked: BTreeSet<u32> = programs(agent).difference(&before).copied().collect();
    assert!(!hooked.is_empty());
    stage.signal("-KILL");
    stage.wait();
    let gone = || hooked.iter().all(|id| !netmon_bpf::trace::is_loaded(*id));
    let took = wait_for("programs are still loaded", gone).await;
    eprintln!(
        "{} programs gone {took:?} after the agent was killed",
        hooked.len()
    );
    drop(watching);
}

#[tokio::test]
async fn what_cannot_be_asked_is_said() {
    if !ready() {
        return;
    }
    let stage = Stage::with_agent("asked");
    let mut client = connect(&stage.socket(), PATIENCE).await.unwrap();
    let filter = |filter| v1::WatchPacketsRequest {
        filter: Some(filter),
        ..v1::WatchPacketsRequest::default()
    };
    let cases = [
        (
            filter(v1::PacketFilter {
                ports: vec![70_000],
                ..Default::default()
            }),
            "70000 is not a port; give one from 1 to 65535",
        ),
        (
            filter(v1::PacketFilter {
                ports: vec![1, 2, 3, 4, 5],
                ..Default::default()
            }),
            "5 ports are too many; give at most 4",
        ),
        (
            filter(v1::PacketFilter {
                addresses: vec![v1::AddressPrefix {
                    address: vec![10, 0, 0, 1],
                    length: 33,
                }],
                ..Default::default()
            }),
            "10.0.0.1/33 is not a prefix; give a length from 0 to 32",
        ),
        (
            filter(v1::PacketFilter {
                interfaces: vec!["a-name-that-is-too-long".to_owned()],
                ..Default::default()
            }),
            "\"a-name-that-is-too-long\" is not an interface; give a name such as eth0, of at most 15 bytes",
        ),
    ];
    for (request, text) in cases {
        let refused = client.watch_packets(request).await.unwrap_err();
        assert_eq!(
            (refused.code(), refused.message()),
            (Code::InvalidArgument, text)
        );
    }
    let mut viewers = Vec::new();
    for _ in 0..8 {
        viewers.push(begin(&stage).await);
    }
    let refused = client
        .watch_packets(v1::WatchPacketsRequest::default())
        .await;
    let refused = refused.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted, "{refused:?}");
    viewers.pop();
    // A seat is free again when the agent has noticed and it has rested.
    for attempt in 0.. {
        let again = client
            .watch_packets(v1::WatchPacketsRequest::default())
            .await;
        match again {
            Ok(_) => break,
            Err(refused) => assert_eq!(refused.code(), Code::ResourceExhausted),
        }
        assert!(attempt < 50, "no seat is free again");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn an_agent_may_refuse_to_trace() {
    if !ready() {
        return;
    }
    let mut stage = Stage::empty("notrace");
    stage.start(&["--no-trace"]);
    let mut client = connect(&stage.socket(), PATIENCE).await.unwrap();
    let refused = client
        .watch_packets(v1::WatchPacketsRequest::default())
        .await;
    let refused = refused.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert!(refused.message().contains("--no-trace"), "{refused:?}");
    let about = client
        .get_agent(v1::GetAgentRequest {})
        .await
        .unwrap()
        .into_inner();
    assert!(about.trace_points.iter().all(|point| !point.available));
}

const FLOODED: &str = "10.198.51.2:5560";
const FLOOD: Duration = Duration::from_secs(2);
/// Datagrams a second that are offered, a hundredth of a second's at a time.
const OFFERED: u64 = 200_000;

/// Sends to [`FLOODED`] for a while and prints how many, or takes what comes there.
#[test]
#[ignore = "part of a_flood_costs_little_and_is_all_accounted_for"]
fn flood_process() {
    match std::env::var("NETMON_TEST_FLOOD").as_deref() {
        Ok("send") => {
            let socket = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
            socket.connect(FLOODED).unwrap();
            let (begin, mut sent) = (Instant::now(), 0u64);
            while begin.elapsed() < FLOOD {
                let due = begin.elapsed().as_micros() as u64 * OFFERED / 1_000_000;
                if sent >= due {
                    std::thread::sleep(Duration::from_micros(500));
                }
                let until = due.min(sent + 2000);
                while sent < until {
                    // What nobody takes is no error of the sender.
                    let _ = socket.send(&[0; 64]);
                    sent += 1;
                }
            }
            println!("sent {sent}");
        }
        Ok("take") => {
            let socket = std::net::UdpSocket::bind(FLOODED).unwrap();
            let mut buffer = [0; 100];
            while socket.recv(&mut buffer).is_ok() {}
        }
        _ => {}
    }
}

fn flood_command(network: &Network, host: usize, what: &str) -> Command {
    let mut command = network.on(host, std::env::current_exe().unwrap().to_str().unwrap());
    command.args([
        "--exact",
        "packets::flood_process",
        "--ignored",
        "--nocapture",
    ]);
    command.env("NETMON_TEST_FLOOD", what);
    command
}

fn send_flood(mut command: Command) -> u64 {
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let sent = text.lines().find_map(|line| line.strip_prefix("sent "));
    sent.unwrap_or_else(|| panic!("{text}")).parse().unwrap()
}

fn resident(pid: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.unwrap()
        .trim()
        .trim_end_matches(" kB")
        .parse()
        .unwrap()
}

#[tokio::test]
async fn a_flood_costs_little_and_is_all_accounted_for() {
    if !ready() {
        return;
    }
    let mut stage = Stage::with_agent("flood");
    let network = Network::new("pf");
    let sink = flood_command(&network, 1, "take")
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    stage.keep(sink);
    let (mut plain, mut traced) = (0, 0);
    let mut memory = Vec::new();
    for round in 0..4 {
        plain += send_flood(flood_command(&network, 0, "send"));
        let send = flood_command(&network, 0, "send");
        let (sender, sent) = std::sync::mpsc::channel();
        let request = asked(&["10.198.51.0/24"], &[5560], 4);
        let seen = trace(&stage, request, false, move || {
            sender.send(send_flood(send)).unwrap();
        })
        .await;
        traced += sent.recv().unwrap();
        seen.adds_up();
        assert!(seen.second <= 10_000, "{} in a second", seen.second);
        let told = seen.sum(|count| count.told);
        let matched = seen.sum(|count| count.matched);
        assert!(matched > told, "{matched} matched");
        memory.push(resident(stage.agent_pid()));
        eprintln!(
            "round {round}: {matched} at all points, {told} told, {} suppressed, {} lost, agent {} kB",
            seen.sum(|count| count.suppressed),
            seen.sum(|count| count.lost),
            memory[round],
        );
    }
    let ratio = traced as f64 / plain as f64;
    let offered = plain as f64 / 4.0 / FLOOD.as_secs_f64();
    eprintln!(
        "{offered:.0} packets/s untraced; traced {:.1} % of it",
        ratio * 100.0
    );
    // What is promised is 90 %. This machine may have other things to do meanwhile.
    assert!(ratio > 0.8, "{ratio}");
    assert!(
        memory[3] < memory[0] + 2048,
        "the agent grows: {memory:?} kB"
    );
}
