//! Whatever real traffic is grouped by, the groups have what the processes have.

use std::collections::BTreeMap;
use std::process::Child;
use std::process::Command;

use serde_json::Value;

use crate::connections::Actor;
use crate::network::Network;
use crate::stage::piped;
use crate::stage::ready;
use crate::stage::Stage;

/// Every word of `-g`, the first being none.
const WORDS: [&str; 12] = [
    "process",
    "name",
    "user",
    "unit",
    "cgroup",
    "container",
    "proto",
    "family",
    "state",
    "remote",
    "port",
    "interface",
];
/// Those that the past can be grouped by.
const OF_THE_PAST: usize = 9;
const TICKS: &str = "15";

/// TCP and UDP over both families and by processes that end, until its input ends.
const MIX: &str = "
import os, select, socket
def pair(family, kind, host):
    server = socket.socket(family, kind)
    server.bind((host, 0))
    client = socket.socket(family, kind)
    if kind == socket.SOCK_DGRAM:
        client.connect(server.getsockname()[:2])
        return client, server
    server.listen()
    client.connect(server.getsockname()[:2])
    return client, server.accept()[0]
pairs = [pair(f, k, h) for f, h in [(socket.AF_INET, '127.0.0.1'), (socket.AF_INET6, '::1')]
         for k in [socket.SOCK_STREAM, socket.SOCK_DGRAM]]
while not select.select([0], [], [], 0.03)[0]:
    for number, (client, server) in enumerate(pairs):
        client.send(b'm' * (100 + number))
        server.recv(1000)
    if os.fork() == 0:
        os.setuid(65534)
        pairs[1][0].send(b'e' * 33)
        os._exit(0)
    pairs[1][1].recv(1000)
    os.wait()
";

/// Bytes received and sent.
type Moved = (u64, u64);

fn sum(rows: &Value) -> Moved {
    let rows = rows.as_array().unwrap();
    rows.iter().fold((0, 0), |(rx, tx), row| {
        let bytes = |key: &str| row[key].as_u64().unwrap_or_else(|| panic!("{key}: {row}"));
        (rx + bytes("rx_bytes"), tx + bytes("tx_bytes"))
    })
}

/// The sums of each tick, by its number and length.
fn ticks(output: &[u8]) -> BTreeMap<(u64, String), Moved> {
    let text = String::from_utf8_lossy(output);
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    let ticks = lines.filter(|line: &Value| line["rows"].is_array());
    ticks
        .map(|tick| {
            let key = (
                tick["seq"].as_u64().unwrap(),
                tick["interval_s"].to_string(),
            );
            (key, sum(&tick["rows"]))
        })
        .collect()
}

#[test]
fn groups_by_every_word_have_the_bytes_of_the_processes() {
    if !ready() {
        return;
    }
    let mut stage = Stage::empty("groups");
    stage.start(&["--tick", "500ms"]);
    let network = Network::new("groups");
    network.second_pair();
    let mut mix = Command::new("/usr/bin/python3");
    let mut mix = mix
        .args(["-c", MIX])
        .stdin(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut server = Actor::start(network.on(0, "/usr/bin/python3"), &["serve", "7000", "500"]);
    assert_eq!(server.hear(), "ready");
    let mut pour = Actor::start(network.on(0, "/usr/bin/python3"), &["sink", "7001", "2"]);
    assert_eq!(pour.hear(), "ready");

    let watch = |word: &&str| -> Child {
        let mut client = stage.client();
        client.args([
            "watch", "-g", word, "-j", "--idle", "--state", "all", "-n", TICKS,
        ]);
        client.args(["--loopback", "include", "--interval", "500ms"]);
        piped(&mut client)
    };
    let watching: Vec<Child> = WORDS.iter().map(watch).collect();
    std::thread::sleep(std::time::Duration::from_secs(2));
    let hosts = [Network::HOSTS[0], "10.198.52.1"];
    let arguments = ["call", "7000", "500", hosts[0], hosts[1]];
    let mut caller = Actor::start(network.on(1, "/usr/bin/python3"), &arguments);
    let arguments = ["pour", "7001", "50000000", "0", hosts[0], hosts[1]];
    let mut pourer = Actor::start(network.on(1, "/usr/bin/python3"), &arguments);
    caller.numbers();
    caller.go();
    assert_eq!(caller.hear(), "closed");
    server.go();
    pourer.numbers();
    assert_eq!(pourer.hear(), "sent");
    let outputs = watching
        .into_iter()
        .map(|child| child.wait_with_output().unwrap());
    let all: Vec<_> = outputs.map(|output| ticks(&output.stdout)).collect();
    let busy = all[0].values().filter(|(rx, tx)| rx + tx > 10_000);
    assert!(busy.count() >= 3, "{:?}", all[0]);
    for (word, groups) in WORDS.iter().zip(&all).skip(1) {
        let mut same = 0;
        for (tick, moved) in groups {
            if let Some(expected) = all[0].get(tick) {
                assert_eq!(moved, expected, "by {word}, tick {tick:?}");
                same += 1;
            }
        }
        assert!(same >= 8, "by {word}: {same} ticks in common");
    }

    drop(mix.stdin.take());
    mix.wait().unwrap();
    drop((server, pour, caller, pourer));
    // Everything is over, and told.
    std::thread::sleep(std::time::Duration::from_secs(2));
    let until = std::time::SystemTime::now();
    let until = until.duration_since(std::time::UNIX_EPOCH).unwrap();
    // One window for all: others may use the network of this machine.
    let until = format!("@{}", until.as_secs());
    let query = |word: &str, step: &str| {
        let mut arguments = vec!["query", "--since", "start", "--until", &until, "-g", word];
        arguments.extend(["--step", step, "--loopback", "include", "-f", "json"]);
        let answer = stage.json(&arguments);
        let steps = answer["steps"].as_array().unwrap();
        let sums = steps.iter().map(|step| sum(&step["rows"]));
        sums.fold((0, 0), |(rx, tx), more| (rx + more.0, tx + more.1))
    };
    let whole = query("process", "none");
    assert!(whole.0 > 100_000_000, "{whole:?}");
    for word in &WORDS[..OF_THE_PAST] {
        for step in ["none", "1s"] {
            assert_eq!(query(word, step), whole, "by {word} in steps of {step}");
        }
    }
    for word in &WORDS[OF_THE_PAST..] {
        let refused = stage.run(&["query", "-g", word]);
        assert_eq!(refused.status.code(), Some(9), "by {word}");
        let text = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(
            text.contains("the history keeps processes, not their connections"),
            "{text}"
        );
    }
}
