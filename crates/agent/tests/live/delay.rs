//! Why a connection is slow, beside what `ss -ti` says of it at the same time.

use std::collections::VecDeque;
use std::io::BufRead;
use std::io::BufReader;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use netmon_api::v1;

use crate::connections::client;
use crate::connections::list;
use crate::connections::Actor;
use crate::network::Network;
use crate::stage::ready;
use crate::stage::Stage;

/// Delays and drops; in user space, so that it is the same on every kernel and loses the same packets
/// in every run.
const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/live/path.py");
/// One way.
const DELAY_MS: u32 = 20;
/// One large packet in so many is dropped.
const DROPPED: u32 = 40;
const BYTES: u32 = 6_000_000;
/// A reading may be as old as a tick and the way to us.
const WITHIN: Duration = Duration::from_millis(600);

struct SlowPath(Child);

impl SlowPath {
    fn new(network: &Network) -> SlowPath {
        let [first, second] = network.names();
        let mut child = Command::new("/usr/bin/python3")
            .args([PATH, first, second, &DELAY_MS.to_string()])
            .arg(DROPPED.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let output = child.stdout.take().unwrap();
        BufReader::new(output).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n", "it needs /dev/net/tun");
        SlowPath(child)
    }
}

impl Drop for SlowPath {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Milliseconds, and segments sent again.
type Seen = (f64, u32);

fn seen_by_ss(network: &Network, port: u32) -> Seen {
    let mut ss = network.on(0, "ss");
    let found = ss.args(["-tinH", &format!("sport = :{port}")]).output();
    let text = String::from_utf8(found.expect("the command ss (iproute2)").stdout).unwrap();
    let value = |name: &str| {
        let words = text.split_whitespace();
        let mut values = words.filter_map(|word| word.strip_prefix(name));
        values.next().map(str::to_owned)
    };
    let rtt = value("rtt:").unwrap_or_else(|| panic!("no rtt of port {port}: {text}"));
    let rtt = rtt.split('/').next().unwrap().parse().unwrap();
    // Now under way, and all there ever were.
    let again = value("retrans:").map_or(0, |v| v.split('/').nth(1).unwrap().parse().unwrap());
    (rtt, again)
}

fn seen_by_agent(rows: &[v1::Connection], port: u32) -> Option<Seen> {
    let row = rows.iter().find(|row| row.local_port == port)?;
    let tcp = row.tcp.as_ref()?;
    Some((f64::from(tcp.rtt_us?) / 1e3, tcp.retransmits))
}

fn near(seen: Seen, others: &[Seen]) -> bool {
    let within = |value: f64, of: fn(&Seen) -> f64, slack: f64| {
        let low = others.iter().map(of).fold(f64::INFINITY, f64::min);
        let high = others.iter().map(of).fold(0.0, f64::max);
        value >= low * 0.9 - slack && value <= high * 1.1 + slack
    };
    within(seen.0, |s| s.0, 0.01) && within(f64::from(seen.1), |s| f64::from(s.1), 0.0)
}

#[tokio::test]
async fn delay_and_loss_are_told_of_the_right_connection_as_ss_tells_them() {
    if !ready() {
        return;
    }
    let mut stage = Stage::empty("delay");
    stage.start(&["--tick", "200ms"]);
    let network = Network::new("delay");
    let path = SlowPath::new(&network);
    let slow = network.address_slow();
    let mut client = client(&stage).await;
    let mut server = Actor::start(network.on(1, "/usr/bin/python3"), &["sink", "7000", "2"]);
    assert_eq!(server.hear(), "ready");
    let bytes = BYTES.to_string();
    let arguments = ["pour", "7000", &bytes, "10", slow, Network::HOSTS[1]];
    let mut sender = Actor::start(network.on(0, "/usr/bin/python3"), &arguments);
    let pid = sender.pid();
    let [slow, fast] = sender.numbers()[..] else {
        panic!("two ports");
    };
    let (told, sent) = std::sync::mpsc::channel();
    let waiting = std::thread::spawn(move || {
        let word = sender.hear();
        let _ = told.send(word);
        sender
    });

    let mut by_ss: VecDeque<(Instant, Seen)> = VecDeque::new();
    let (mut compared, mut agreed) = (0, 0);
    let since = Instant::now();
    while sent.try_recv().is_err() {
        assert!(since.elapsed() < Duration::from_secs(60), "never sent");
        for _ in 0..4 {
            tokio::time::sleep(Duration::from_millis(20)).await;
            by_ss.push_back((Instant::now(), seen_by_ss(&network, slow)));
        }
        let rows = list(&mut client, &[pid], "port:7000", false).await;
        by_ss.push_back((Instant::now(), seen_by_ss(&network, slow)));
        by_ss.retain(|(at, _)| at.elapsed() < WITHIN);
        let others: Vec<Seen> = by_ss.iter().map(|(_, seen)| *seen).collect();
        if let Some(seen) = seen_by_agent(&rows, slow).filter(|_| since.elapsed() > WITHIN) {
            compared += 1;
            agreed += u32::from(near(seen, &others));
        }
    }
    let sender = waiting.join().unwrap();
    // Between two looks at ss the measures can have gone up and down again.
    assert!(
        compared >= 10 && agreed * 10 >= compared * 9,
        "{agreed} of {compared} as in ss within {:?}",
        since.elapsed()
    );

    // What is under way arrives.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let rows = list(&mut client, &[pid], "port:7000", false).await;
    let now = seen_by_ss(&network, slow);
    let (rtt, again) = seen_by_agent(&rows, slow).unwrap();
    eprintln!("slow: agent {rtt} ms, {again} again; ss {now:?}; {agreed} of {compared} on the way");
    assert!(near((rtt, again), &[now]), "{rtt} {again} {now:?}");
    assert!(rtt >= f64::from(2 * DELAY_MS) * 0.9, "{rtt} ms");
    let lost = BYTES / 1500 / DROPPED;
    assert!(again >= lost && again == now.1, "{again} of {lost}");
    let beside = seen_by_ss(&network, fast);
    let clean = seen_by_agent(&rows, fast).unwrap();
    assert!(near(clean, &[beside]), "{clean:?} {beside:?}");
    // On a busy machine the kernel takes an acknowledgement that is late for a loss.
    assert!(
        clean.0 < f64::from(DELAY_MS) && clean.1 < lost / 4,
        "{clean:?}"
    );

    let of_process = stage.json(&["processes", "-p", &pid.to_string(), "-f", "json"]);
    assert_eq!(
        of_process["rows"][0]["tcp_retransmits"],
        u64::from(again),
        "{of_process}"
    );
    drop((sender, path));
}
