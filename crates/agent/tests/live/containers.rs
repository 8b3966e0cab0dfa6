//! A container made by hand: with unshare and a cgroup, by no runtime.

use std::fs;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;

use serde_json::Value;

use crate::stage::ready;
use crate::stage::Stage;

/// Within the container: traffic over its own loopback device, 1,000 bytes each way.
const TRAFFIC: &str = "
import os, socket, time
os.system('ip link set lo up')
server = socket.create_server(('127.0.0.1', 7000))
client = socket.create_connection(('127.0.0.1', 7000))
peer, _ = server.accept()
for _ in range(10):
    client.sendall(b'c' * 100)
    assert len(peer.recv(100, socket.MSG_WAITALL)) == 100
time.sleep(60)
";

struct Container {
    /// Of the cgroups made, innermost first.
    directories: Vec<PathBuf>,
    process: Child,
}

impl Container {
    /// In the cgroup at `path` below the root of the tree.
    fn run(path: &str) -> Container {
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
        let mount = mounts.lines().find_map(|line| {
            let mut words = line.split(' ').skip(1);
            let (path, kind) = (words.next()?, words.next()?);
            (kind == "cgroup2").then(|| PathBuf::from(path))
        });
        let root = mount.expect("a cgroup v2 tree");
        let mut directories = Vec::new();
        let mut directory = root;
        for name in path.split('/').filter(|name| !name.is_empty()) {
            directory.push(name);
            fs::create_dir(&directory).unwrap();
            directories.insert(0, directory.clone());
        }
        let enter =
            "echo $$ > \"$0/cgroup.procs\" && exec unshare --net --uts --ipc --mount --pid \
                     --fork --kill-child --mount-proc /usr/bin/python3 -c \"$1\"";
        let process = Command::new("sh")
            .args(["-c", enter])
            .arg(&directories[0])
            .arg(TRAFFIC)
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        Container {
            directories,
            process,
        }
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        // The cgroup is empty once the kernel is done with the last process in it.
        for directory in &self.directories {
            for _ in 0..100 {
                if fs::remove_dir(directory).is_ok() {
                    break;
                }
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
        }
    }
}

/// Asks until there is one row with its bytes.
fn row_of(stage: &Stage, option: &str, value: &str) -> Value {
    let mut arguments = vec!["processes", option, value];
    arguments.extend(["--loopback", "include", "-f", "json"]);
    let mut answer = Value::Null;
    for _ in 0..50 {
        answer = stage.json(&arguments);
        let rows = answer["rows"].as_array().unwrap();
        let done = |row: &Value| row["rx_bytes_total"] == 1000 && row["tx_bytes_total"] == 1000;
        if let Some(row) = rows.iter().find(|row| done(row)) {
            assert_eq!(rows.len(), 1, "{answer}");
            return row.clone();
        }
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
    panic!("nothing for {option} {value}: {answer}\n{}", stage.log());
}

#[test]
fn a_container_made_by_hand_is_shown_under_its_cgroup() {
    if !ready() {
        return;
    }
    let mut stage = Stage::empty("container");
    stage.start(&["--tick", "200ms"]);
    let plain = format!("/netmon-live-{}/box", std::process::id());
    let container = Container::run(&plain);
    let row = row_of(&stage, "--cgroup", &plain);
    assert_eq!(row["cgroup"], plain.as_str(), "{row}");
    assert_eq!(
        (&row["container_id"], &row["unit"]),
        (&Value::Null, &Value::Null),
        "no runtime says so"
    );
    // The pid is that of this machine, not the 1 or 2 that it has inside.
    let pid = row["pid"].as_u64().unwrap();
    let inside = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
    assert!(inside.contains(&plain), "{inside}");
    let groups = groups(&stage, "cgroup");
    assert!(groups.iter().any(|name| name == &plain), "{groups:?}");
    drop(container);

    // The name that a runtime would give it.
    let id = "5f".repeat(32);
    let path = format!("/netmon-live-{}/docker-{id}.scope", std::process::id());
    let container = Container::run(&path);
    let row = row_of(&stage, "--container", &id[..12]);
    assert_eq!(row["cgroup"], path.as_str(), "{row}");
    assert_eq!(row["container_id"], id.as_str(), "{row}");
    let groups = self::groups(&stage, "container");
    assert!(groups.iter().any(|name| name == &id), "{groups:?}");
    drop(container);
    // What is over is still there, in the past, which goes by the second.
    std::thread::sleep(std::time::Duration::from_millis(2500));
    let mut arguments = vec!["query", "--since", "5m", "-g", "cgroup"];
    arguments.extend(["--loopback", "include", "-f", "json"]);
    let past = stage.json(&arguments);
    let rows = past["steps"][0]["rows"].as_array().unwrap();
    for name in [&plain, &path] {
        let row = rows.iter().find(|row| row["group"] == name.as_str());
        let bytes = row.map(|row| (row["rx_bytes"].as_u64(), row["tx_bytes"].as_u64()));
        assert_eq!(bytes, Some((Some(1000), Some(1000))), "{name}: {past}");
    }
}

/// Names of the groups now.
fn groups(stage: &Stage, word: &str) -> Vec<String> {
    let mut arguments = vec!["processes", "-g", word];
    arguments.extend(["--loopback", "include", "-f", "json"]);
    let answer = stage.json(&arguments);
    let rows = answer["rows"].as_array().unwrap();
    let names = rows.iter().filter_map(|row| row["group"].as_str());
    names.map(str::to_owned).collect()
}
