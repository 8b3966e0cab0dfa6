//! An agent with another layout of the pinned maps takes over from one that has counted, under
//! traffic. scripts/test builds it and says where it is in NETMON_NEXT_DIR.

use std::io::BufRead;
use std::io::BufReader;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::Child;
use std::process::ChildStdout;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;

use netmon_bpf::abi::ABI_VERSION;
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

/// How an agent of the next layout is cut short.
enum Cut {
    /// Milliseconds after it was started.
    After(u64),
    /// At the n-th of these calls, when `left` is in the pin directory.
    At {
        call: &'static str,
        nth: u32,
        left: &'static [&'static str],
    },
}

impl Cut {
    fn make(&self, stage: &Stage) {
        match self {
            Cut::After(delay) => {
                let mut agent = stage.agent_command().stderr(Stdio::null()).spawn().unwrap();
                std::thread::sleep(Duration::from_millis(*delay));
                agent.kill().unwrap();
                agent.wait().unwrap();
            }
            Cut::At { call, nth, left } => {
                let output = stage
                    .agent_command()
                    .env("LD_PRELOAD", cutter(stage))
                    .env("NETMON_TEST_CUT", format!("{call} {nth}"))
                    .output()
                    .unwrap();
                let log = String::from_utf8_lossy(&output.stderr);
                assert_eq!(output.status.signal(), Some(9), "{}: {log}", output.status);
                let left: Vec<String> = left.iter().map(|name| named(name)).collect();
                assert_eq!(layouts(stage), left, "cut at {call}");
            }
        }
    }
}

/// Kills its process at the n-th of some calls. A tracer would do it too, but stops at every other call
/// as well, and is then too slow to follow the sockets.
const CUTTER: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void reach(const char *call)
{
    static int calls;
    const char *cut = getenv("NETMON_TEST_CUT");
    size_t length = strlen(call);

    if (!cut || strncmp(cut, call, length) || cut[length] != ' ')
        return;
    if (__sync_add_and_fetch(&calls, 1) == atoi(cut + length))
        kill(getpid(), SIGKILL);
}

int rename(const char *from, const char *to)
{
    reach("rename");
    return ((int (*)(const char *, const char *))dlsym(RTLD_NEXT, "rename"))(from, to);
}

int unlinkat(int directory, const char *name, int flags)
{
    reach("unlinkat");
    return ((int (*)(int, const char *, int))dlsym(RTLD_NEXT, "unlinkat"))(directory, name, flags);
}
"#;

/// [`CUTTER`], built.
fn cutter(stage: &Stage) -> PathBuf {
    let directory = stage.directory.path();
    let (source, library) = (directory.join("cutter.c"), directory.join("cutter.so"));
    std::fs::write(&source, CUTTER).unwrap();
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-o"]).arg(&library);
    let status = compiler.arg(&source).arg("-ldl").status().unwrap();
    assert!(status.success());
    library
}

/// The name of a directory, with `OLD` and `NEW` for the numbers of layouts.
fn named(name: &str) -> String {
    name.replace("OLD", &ABI_VERSION.to_string())
        .replace("NEW", &(ABI_VERSION + 1).to_string())
}

/// What is in the pin directory.
fn layouts(stage: &Stage) -> Vec<String> {
    let entries = std::fs::read_dir(&stage.pins).unwrap();
    let name = |entry: std::io::Result<std::fs::DirEntry>| {
        entry.unwrap().file_name().into_string().unwrap()
    };
    let mut names: Vec<String> = entries.map(name).collect();
    names.sort();
    names
}

/// The old agent ends by `signal`; agents of the next layout are cut short before one may live.
fn take_over(name: &str, signal: &str, cuts: &[Cut]) {
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
    roles.push(Role::start(&["sparse"]).0);
    roles.push(Role::start(&["idle"]).0);
    std::thread::sleep(Duration::from_millis(1200));
    let output = Command::new(&next)
        .arg("--pin-dir")
        .arg(&stage.pins)
        .arg("--socket")
        .arg(stage.directory.path().join("other.sock"))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    let pid = format!("(pid {})", stage.agent_pid());
    assert!(text.contains(&pid), "the old agent is named: {text}");
    stage.signal(signal);
    stage.wait();

    // An agent forgets processes whose end it has told: only from now on none may be missing.
    let (mut swarm, _) = Role::start(&["swarm"]);
    std::thread::sleep(Duration::from_millis(100));
    stage.agent_binary = Some(next);
    cuts.iter().for_each(|cut| cut.make(&stage));
    let took = stage.start(&[]);
    eprintln!("{name}: serves after {took:?}");
    let log = stage.log();
    assert!(!log.contains("cannot stop all CPUs"), "{log}");
    if cuts.is_empty() {
        assert!(log.contains("took over"), "{log}");
    }
    assert_eq!(
        layouts(&stage),
        [named("vNEW")],
        "only the new directory is left"
    );

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
    let cuts: Vec<Cut> = (1..25).map(|step| Cut::After(step * 15)).collect();
    take_over("cut", "-KILL", &cuts);
}

/// Between the switch and the publication, and between that and the end of the old directory.
#[test]
fn a_takeover_that_is_cut_short_after_the_switch_counts_nothing_twice() {
    if Command::new("cc").arg("--version").output().is_err() {
        eprintln!("SKIPPED: there is no cc");
        return;
    }
    let published = Cut::At {
        call: "rename",
        nth: 1,
        left: &["new_vNEW", "vOLD"],
    };
    let again = Cut::At {
        call: "rename",
        nth: 1,
        left: &["new_vNEW", "vOLD"],
    };
    let removed = Cut::At {
        call: "unlinkat",
        nth: 7,
        left: &["vOLD", "vNEW"],
    };
    take_over("switched", "-KILL", &[published, again, removed]);
}
