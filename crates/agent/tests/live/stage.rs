//! One agent for one test, and what it takes to talk to it.

use std::fs;
use std::io::BufRead;
use std::io::BufReader;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Output;
use std::process::Stdio;
use std::sync::mpsc;
use std::sync::mpsc::Receiver;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;
use std::time::Instant;

use serde_json::Value;

/// Whether this machine can run the live tests; says why not.
pub fn ready() -> bool {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("SKIPPED: an agent needs root");
        return false;
    }
    true
}

/// The binary under test: beside the agent's, or where NETMON_BIN_DIR says.
pub fn binary(name: &str) -> PathBuf {
    let built = Path::new(env!("CARGO_BIN_EXE_netmon-agent"))
        .parent()
        .unwrap();
    let directory = std::env::var_os("NETMON_BIN_DIR").map_or(built.to_owned(), PathBuf::from);
    let path = directory.join(name);
    assert!(
        path.exists(),
        "{} is not built; run: cargo build --workspace",
        path.display()
    );
    path
}

/// The tests measure and compare what the whole machine does: one after the other.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

pub struct Stage {
    pub directory: tempfile::TempDir,
    pub pins: PathBuf,
    /// Another agent than the one under test.
    pub agent_binary: Option<PathBuf>,
    agent: Option<Child>,
    children: Vec<Child>,
    /// Given back last.
    _turn: MutexGuard<'static, ()>,
}

impl Stage {
    /// Nothing runs yet.
    pub fn empty(name: &str) -> Stage {
        let turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let directory = tempfile::tempdir().unwrap();
        // The directory must be open to the users that tests run clients as.
        let open = <fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o755);
        fs::set_permissions(directory.path(), open).unwrap();
        let pins = format!("/sys/fs/bpf/netmon-live-{name}-{}", std::process::id());
        Stage {
            _turn: turn,
            directory,
            pins: pins.into(),
            agent_binary: None,
            agent: None,
            children: Vec::new(),
        }
    }

    /// With an agent that is ready.
    pub fn with_agent(name: &str) -> Stage {
        let mut stage = Stage::empty(name);
        stage.start(&[]);
        stage
    }

    pub fn socket(&self) -> PathBuf {
        self.directory.path().join("agent.sock")
    }

    pub fn agent_command(&self) -> Command {
        let path = self.agent_binary.clone();
        let mut command = Command::new(path.unwrap_or_else(|| binary("netmon-agent")));
        command
            .arg("--socket")
            .arg(self.socket())
            .arg("--pin-dir")
            .arg(&self.pins);
        command.args(["--socket-group", "nogroup"]);
        command
            .arg("--state-dir")
            .arg(self.directory.path().join("state"));
        // The kernel matrix runs the tests with each set.
        if let Some(hooks) = std::env::var_os("NETMON_TEST_HOOKS") {
            command.arg("--hooks").arg(hooks);
        }
        command
    }

    /// Starts the agent and waits until it serves; how long that took.
    pub fn start(&mut self, arguments: &[&str]) -> Duration {
        let log = fs::File::create(self.directory.path().join("agent.log")).unwrap();
        let begin = Instant::now();
        self.agent = Some(
            self.agent_command()
                .args(arguments)
                .stderr(log)
                .spawn()
                .unwrap(),
        );
        for _ in 0..30_000 {
            if std::os::unix::net::UnixStream::connect(self.socket()).is_ok() {
                return begin.elapsed();
            }
            let ended = self.agent.as_mut().unwrap().try_wait().unwrap();
            assert!(ended.is_none(), "the agent has ended: {}", self.log());
            std::thread::sleep(Duration::from_millis(1));
        }
        panic!("the agent does not serve: {}", self.log());
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("agent.log")).unwrap_or_default()
    }

    pub fn agent_pid(&self) -> u32 {
        self.agent.as_ref().unwrap().id()
    }

    pub fn signal(&self, signal: &str) {
        signal_process(self.agent_pid(), signal);
    }

    /// Waits for the agent to end; its exit code, `None` when a signal ended it.
    pub fn wait(&mut self) -> Option<i32> {
        let status = self.agent.take().unwrap().wait().unwrap();
        status.code()
    }

    pub fn client(&self) -> Command {
        let mut command = Command::new(binary("netmon"));
        command.arg("--socket").arg(self.socket()).env("TZ", "UTC");
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        self.client().args(arguments).output().unwrap()
    }

    /// What a client prints in JSON.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let output = self.run(arguments);
        let text = String::from_utf8_lossy(&output.stdout);
        serde_json::from_str(&text)
            .unwrap_or_else(|e| panic!("{e}: {text}\n{}", String::from_utf8_lossy(&output.stderr)))
    }

    /// A process that is ended with the stage.
    pub fn keep(&mut self, child: Child) -> u32 {
        let pid = child.id();
        self.children.push(child);
        pid
    }

    /// The row of a process, as soon as its state is `state`; waits some ticks for it.
    pub fn row(&self, pid: u32, state: &str) -> Value {
        let pid_text = pid.to_string();
        let arguments = [
            "processes",
            "-p",
            &pid_text,
            "--state",
            "all",
            "--loopback",
            "include",
            "-f",
            "json",
        ];
        let mut last = String::new();
        for _ in 0..50 {
            let found = self.run(&arguments);
            last = String::from_utf8_lossy(&found.stdout).into_owned();
            if let Ok(json) = serde_json::from_slice::<Value>(&found.stdout) {
                let rows = json["rows"].as_array().cloned().unwrap_or_default();
                if let Some(row) = rows.into_iter().find(|row| row["state"] == state) {
                    return row;
                }
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        panic!("no {state} process {pid}: {last}\n{}", self.log());
    }
}

pub fn signal_process(pid: u32, signal: &str) {
    let done = Command::new("kill")
        .args([signal, &pid.to_string()])
        .status()
        .unwrap();
    assert!(done.success(), "kill {signal} {pid}");
}

impl Drop for Stage {
    fn drop(&mut self) {
        for child in self.agent.iter_mut().chain(&mut self.children) {
            let _ = child.kill();
            let _ = child.wait();
        }
        if self.pins.exists() {
            let _ = self.agent_command().arg("--unpin").status();
        }
    }
}

/// The lines a client prints, as they come.
pub struct Lines {
    lines: Receiver<String>,
}

impl Lines {
    pub fn of(child: &mut Child) -> Lines {
        let stdout = child.stdout.take().unwrap();
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Lines { lines }
    }

    /// The next object of a type, others are passed over.
    pub fn next(&self, kind: &str) -> Value {
        let limit = Instant::now() + Duration::from_secs(30);
        while let Some(left) = limit.checked_duration_since(Instant::now()) {
            let Ok(line) = self.lines.recv_timeout(left) else {
                break;
            };
            let value: Value =
                serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}"));
            if value["type"] == kind {
                return value;
            }
        }
        panic!("no {kind} within 30 s");
    }
}

pub fn piped(command: &mut Command) -> Child {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}
