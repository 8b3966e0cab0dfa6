//! What the program says and how it exits when it cannot do what was asked.
// Helpers of tests may panic as tests may.
#![allow(clippy::unwrap_used)]

mod support;

use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt as _;
use std::path::Path;

use support::agent::FakeAgent;
use support::agent::Script;
use support::program::command;
use support::program::finish;
use support::program::run;
use support::program::Outcome;
use support::reply;

fn assert_fails(outcome: &Outcome, code: i32, start: &str) {
    assert_eq!(outcome.stdout, "");
    assert!(
        outcome.stderr.starts_with(start),
        "expected {start:?}, got {:?}",
        outcome.stderr
    );
    assert_eq!(outcome.code, code, "{}", outcome.stderr);
    let lines: Vec<_> = outcome.stderr.lines().collect();
    assert!(lines.len() <= 6, "{}", outcome.stderr);
    assert!(
        lines[1..].iter().all(|line| line.starts_with("  ")),
        "{}",
        outcome.stderr
    );
}

#[test]
fn no_socket_tells_how_to_start_the_agent() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("agent.sock");
    for args in [["watch", "-j"], ["ps", "-j"], ["status", "--json"]] {
        let outcome = run(&socket, &args);
        let start = format!(
            "netmon: cannot reach the agent at {}: no such file\n  \
             The netmon agent is not running. Start it:\n      sudo ",
            socket.display()
        );
        assert_fails(&outcome, 3, &start);
    }
}

#[test]
fn a_socket_from_the_environment_is_named_as_such() {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_netmon"));
    command
        .env("NETMON_SOCKET", "/nonexistent/agent.sock")
        .arg("status");
    let output = command.output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert!(stderr.starts_with("netmon: cannot reach the agent at /nonexistent/agent.sock"));
    assert!(
        stderr.ends_with("  This path comes from NETMON_SOCKET.\n"),
        "{stderr}"
    );
}

#[test]
fn a_socket_nobody_listens_on_is_a_leftover() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("agent.sock");
    drop(UnixListener::bind(&socket).unwrap());
    let start = format!(
        "netmon: cannot reach the agent at {}: connection refused\n  \
         The socket file is left over from an agent that has stopped. Restart it:\n      sudo ",
        socket.display()
    );
    assert_fails(&run(&socket, &["watch"]), 3, &start);
}

#[test]
fn a_file_that_is_no_socket_is_called_what_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("agent.sock");
    std::fs::write(&file, "").unwrap();
    let start = format!(
        "netmon: cannot reach the agent at {}: connection refused\n  \
         That is a regular file, not a socket.",
        file.display()
    );
    assert_fails(&run(&file, &["watch"]), 3, &start);
}

#[test]
fn a_listener_that_never_answers_is_stuck() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("agent.sock");
    let _listener = UnixListener::bind(&socket).unwrap();
    let outcome = run(&socket, &["--connect-timeout", "200ms", "status"]);
    let expected = format!(
        "netmon: the agent at {} does not answer (waited 200ms)\n  \
         It accepts connections but is stuck. Look at its log:\n      \
         journalctl -u netmon-agent -n 50\n",
        socket.display()
    );
    assert_eq!((outcome.code, outcome.stderr), (3, expected));
}

#[test]
fn waiting_ends_when_its_time_is_up() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("agent.sock");
    let outcome = run(&socket, &["--wait=300ms", "status"]);
    let start = format!(
        "waiting for the agent at {}\nnetmon: cannot reach",
        socket.display()
    );
    assert_eq!(outcome.code, 3);
    assert!(outcome.stderr.starts_with(&start), "{}", outcome.stderr);
}

#[test]
fn waiting_ends_when_the_agent_is_there() {
    let agent = FakeAgent::usual();
    let later = agent.directory().join("later.sock");
    let child = command(&later, &["--wait", "ps", "-f", "csv"])
        .spawn()
        .unwrap();
    std::thread::sleep(std::time::Duration::from_millis(100));
    std::os::unix::fs::symlink(agent.socket(), &later).unwrap();
    let outcome = finish(child);
    assert_eq!(
        (outcome.code, outcome.stdout.lines().count()),
        (0, 7),
        "{}",
        outcome.stderr
    );
}

#[test]
fn another_major_version_of_the_api_is_refused() {
    let mut reply = reply::agent();
    reply.api_version = "2.0".to_owned();
    reply.agent_version = "0.9.0".to_owned();
    let agent = FakeAgent::start(Script {
        agent: reply,
        ..Script::default()
    });
    let outcome = run(&agent.socket(), &["watch"]);
    assert_eq!(outcome.code, 5);
    assert_eq!(
        outcome.stderr,
        "netmon: agent speaks API 2.0, this netmon speaks 1.x\n  Install the same version of \
         both: netmon 0.1.0 (this program), netmon-agent 0.9.0.\n"
    );
}

// Runs as the user `nobody`; `None`: the tests do not run as root, so this one cannot.
fn as_nobody(socket: &Path, args: &[&str]) -> Option<Outcome> {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("skipped: only root can run the program as another user");
        return None;
    }
    // Where the binary was built may be closed to others.
    let copy = tempfile::Builder::new().prefix("netmon").tempdir().unwrap();
    let binary = copy.path().join("netmon");
    // Copied by another process: a descriptor open for writing here could leak into a program that
    // another test starts, and then the copy could not be run.
    let copied = std::process::Command::new("cp")
        .arg(env!("CARGO_BIN_EXE_netmon"))
        .arg(&binary)
        .status();
    assert!(copied.unwrap().success());
    for path in [copy.path(), &binary] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let mut command = std::process::Command::new(binary);
    command
        .arg("--socket")
        .arg(socket)
        .args(args)
        .uid(65534)
        .gid(65534);
    let output = command.output().unwrap();
    Some(Outcome {
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
        code: output.status.code().unwrap_or(-1),
    })
}

#[test]
fn a_closed_socket_names_the_group_that_may() {
    let agent = FakeAgent::usual();
    let open = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(agent.directory(), open).unwrap();
    let closed = std::fs::Permissions::from_mode(0o660);
    std::fs::set_permissions(agent.socket(), closed).unwrap();
    let Some(outcome) = as_nobody(&agent.socket(), &["watch"]) else {
        return;
    };
    let expected = format!(
        "netmon: no permission for {} (owner root, group root, mode 0660)\n  \
         You are nobody; only members of group 'root' may connect. Ask an administrator for:\n      \
         sudo usermod -aG root nobody\n  then log out and in again.\n",
        agent.socket().display()
    );
    assert_eq!((outcome.code, outcome.stderr), (4, expected));
}

#[test]
fn a_closed_directory_is_named_instead_of_the_socket() {
    let agent = FakeAgent::usual();
    let closed = std::fs::Permissions::from_mode(0o750);
    std::fs::set_permissions(agent.directory(), closed).unwrap();
    let Some(outcome) = as_nobody(&agent.socket(), &["watch"]) else {
        return;
    };
    let start = format!(
        "netmon: no permission to enter {} (owner root, group root, mode 0750)\n  You are nobody;",
        agent.directory().display()
    );
    assert_fails(&outcome, 4, &start);
}

#[test]
fn a_process_that_never_was_is_not_waited_for() {
    let agent = FakeAgent::usual();
    let outcome = run(&agent.socket(), &["watch", "-p", "4194305"]);
    assert_fails(
        &outcome,
        6,
        "netmon: no process 4194305 (never seen by the agent in the last 3d04h)\n",
    );
}

#[test]
fn one_known_process_is_enough() {
    let agent = FakeAgent::usual();
    let outcome = run(
        &agent.socket(),
        &["watch", "-n", "1", "-p", "4194305,21934"],
    );
    assert_eq!(outcome.code, 0);
    assert!(
        outcome.stderr.starts_with("netmon: no process 4194305 ("),
        "{}",
        outcome.stderr
    );
}

#[test]
fn wrong_options_are_refused_before_the_agent_is_asked() {
    let nowhere = Path::new("/nonexistent/agent.sock");
    for args in [
        &["watch", "--interval", "10"][..],
        &["watch", "--interval", "0s"],
        &["watch", "-n", "-1"],
        &["watch", "-p", "nginx"],
        &["watch", "--proto", "icmp"],
        &["watch", "--sort", "speed"],
        &["watch", "--sort", "rx:up"],
        &["watch", "--columns", "pid,speed"],
        &["watch", "--columns", "pid,+user"],
        &["watch", "--columns", "pid", "-j"],
        &["watch", "-f", "xml"],
        &["watch", "-f", "csv", "-j"],
        &["watch", "-f", "csv", "--flatten"],
        &["watch", "-f", "csv", "--events"],
        &["watch", "-4", "-6"],
        &["watch", "-u", "no such user"],
        &["watch", "-g", "colour"],
        &["ps", "--top", "many"],
        &["status", "--json", "--check"],
        &["frobnicate"],
        &["--units", "furlongs", "status"],
    ] {
        let outcome = run(nowhere, args);
        assert_eq!(outcome.code, 2, "{args:?}: {}", outcome.stderr);
        assert_eq!(outcome.stdout, "", "{args:?}");
    }
}

#[test]
fn an_interval_must_fit_the_agents_tick() {
    let agent = FakeAgent::usual();
    let outcome = run(&agent.socket(), &["watch", "--interval", "1500ms"]);
    assert_fails(
        &outcome,
        2,
        "netmon: --interval 1s500ms is not a multiple of the agent's tick (1s)",
    );
}

#[test]
fn without_a_terminal_and_a_command_there_is_help() {
    let outcome = run(Path::new("/nonexistent"), &[]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (2, ""));
    assert!(
        outcome.stderr.contains("Usage: netmon"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn help_ends_with_the_exit_codes() {
    let outcome = run(Path::new("/nonexistent"), &["--help"]);
    assert_eq!(outcome.code, 0);
    assert!(
        outcome.stdout.trim_end().ends_with("143 SIGTERM"),
        "{}",
        outcome.stdout
    );
}

#[test]
fn a_file_that_cannot_be_written_is_an_error() {
    let agent = FakeAgent::usual();
    let outcome = run(&agent.socket(), &["ps", "-o", "/nonexistent/file"]);
    assert_fails(
        &outcome,
        1,
        "netmon: cannot write /nonexistent/file: no such file or directory\n",
    );
}

#[test]
fn top_needs_a_terminal() {
    let outcome = run(Path::new("/nonexistent/agent.sock"), &["top"]);
    assert_eq!(outcome.code, 7);
    assert_eq!(
        outcome.stderr,
        "netmon: 'top' needs a terminal, but stdout is a pipe\n  For scripts use:\n      \
         netmon watch --format jsonl\n"
    );
}
