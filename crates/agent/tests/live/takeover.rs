//! An agent with another layout of the pinned maps takes over from one that has counted, under
//! traffic. scripts/test builds it and says where it is in NETMON_NEXT_DIR.

use std::io::BufRead;
use std::io::BufReader;
use std::io::Write;
use std::path::PathBuf;
use std::process::Child;
use std::process::ChildStdout;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;

use crate::stage::ready;
use crate::stage::Stage;

fn next_agent() -> Option<PathBuf> {
    let Some(directory) = std::env::var_os("NETMON_NEXT_DIR") else {
        eprintln!("SKIPPED: NETMON_NEXT_DIR does not say where an agent of the next layout is");
        return None;
    };
    let path = PathBuf::from(directory).join("netmon-agent");
    assert!(path.exists(), "{} is not built", path.display());
    Some(path)
}

/// A process that makes traffic, see takeover.py.
struct Role {
    child: Child,
    lines: BufReader<ChildStdout>,
    name: String,
}

impl Role {
    fn start(arguments: &[&str]) -> (Role, Value) {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/live/takeover.py");
        let mut child = Command::new("python3")
            .arg(script)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        let name = arguments.join(" ");
        let mut role = Role { child, lines, name };
        let said = role.hear();
        (role, said)
    }

    fn hear(&mut self) -> Value {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|e| panic!("{}: {e}: {line}", self.name))
    }

    fn tell(&mut self) {
        let stdin = self.child.stdin.as_mut().unwrap();
        stdin.write_all(b"\n").unwrap();
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn totals(row: &Value) -> (u64, u64) {
    let number = |name: &str| row[name].as_u64().unwrap();
    (number("rx_bytes_total"), number("tx_bytes_total"))
}

/// The old agent ends by `signal`; agents of the next layout are killed after each of `delays`
/// before one may live.
fn take_over(name: &str, signal: &str, delays: &[u64]) {
    let Some(next) = next_agent() else { return };
    if !ready() {
        return;
    }
    let mut stage = Stage::with_agent(name);
    let (server, said) = Role::start(&["serve", "4"]);
    let (client, _) = Role::start(&["connect", &said["port"].to_string(), "4"]);
    let mut roles = vec![server, client];
    for cpu in 0..std::thread::available_parallelism().unwrap().get() {
        roles.push(Role::start(&["flood", &cpu.to_string()]).0);
    }
    roles.push(Role::start(&["idle"]).0);
    std::thread::sleep(Duration::from_millis(1200));
    stage.signal(signal);
    stage.wait();

    // An agent forgets processes whose end it has told: only from now on none may be missing.
    let (mut swarm, _) = Role::start(&["swarm"]);
    std::thread::sleep(Duration::from_millis(100));
    stage.agent_binary = Some(next);
    for delay in delays {
        let mut agent = stage.agent_command().stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(*delay));
        agent.kill().unwrap();
        agent.wait().unwrap();
    }
    let took = stage.start(&["--log-level", "debug"]);
    eprintln!("{name}: serves after {took:?}");
    let log = stage.log();
    eprintln!("{log}");
    assert!(!log.contains("cannot stop all CPUs"), "{log}");
    if delays.is_empty() {
        assert!(log.contains("took over"), "{log}");
    }
    let layouts = std::fs::read_dir(&stage.pins).unwrap().count();
    assert_eq!(layouts, 1, "only the new directory is left");

    std::thread::sleep(Duration::from_millis(500));
    roles.iter_mut().for_each(Role::tell);
    swarm.tell();
    for role in &mut roles {
        let said = role.hear();
        let known = (said["rx"].as_u64().unwrap(), said["tx"].as_u64().unwrap());
        let mut counted = (0, 0);
        // Until the tick after the last byte.
        for _ in 0..20 {
            counted = totals(&stage.row(role.child.id(), "live"));
            if counted == known {
                break;
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        eprintln!("{name}: {}: {known:?}", role.name);
        assert_eq!(counted, known, "{}", role.name);
    }
    let said = swarm.hear();
    let children = said["children"].as_array().unwrap();
    let all = [
        "processes",
        "--state",
        "exited",
        "--loopback",
        "include",
        "-f",
        "json",
    ];
    let rows = stage.json(&all);
    let rows = rows["rows"].as_array().unwrap();
    for child in children {
        let row = rows.iter().find(|row| row["pid"] == *child);
        let row = row.unwrap_or_else(|| panic!("child {child} is missing"));
        assert_eq!(
            (totals(row), &row["exit_code"]),
            ((0, 400), &Value::from(7)),
            "{row}"
        );
    }
    eprintln!("{name}: {} children", children.len());
    assert!(children.len() > 20, "{}", children.len());

    // The way back is closed, and says so.
    stage.signal("-TERM");
    stage.wait();
    stage.agent_binary = None;
    let output = stage.agent_command().output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(7), "{text}");
    assert!(text.contains("another layout"), "{text}");
}

#[test]
fn another_layout_takes_over_from_an_agent_that_was_killed() {
    take_over("killed", "-KILL", &[]);
}

#[test]
fn another_layout_takes_over_from_an_agent_that_has_ended() {
    take_over("ended", "-TERM", &[]);
}

#[test]
fn a_takeover_that_is_cut_short_is_gone_on_with() {
    let delays: Vec<u64> = (1..25).map(|step| step * 15).collect();
    take_over("cut", "-KILL", &delays);
}
