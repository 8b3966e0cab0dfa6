//! Around the screen: failures before it, and how the terminal comes back: scenarios 38 to 41, 43 and 44.

use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use std::process::Command;

use super::stage::binary;
use super::stage::quoted;
use super::stage::Stage;
use super::terminal::Terminal;

const NETMON: &str = env!("CARGO_BIN_EXE_netmon");

/// A directory that others may enter.
fn place() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let open = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(directory.path(), open).unwrap();
    directory
}

fn top(socket: &std::path::Path) -> String {
    format!(
        "{} --socket {} top",
        quoted(NETMON),
        quoted(socket.to_str().unwrap())
    )
}

#[test]
fn scenario_38_without_an_agent_the_screen_is_not_taken() {
    if binary().is_none() {
        return;
    }
    let directory = place();
    let socket = directory.path().join("none.sock");
    let terminal = Terminal::open(directory.path(), (100, 24), &top(&socket));
    let screen = terminal.shows("rc=3");
    assert!(screen.has("The netmon agent is not running"), "{screen}");
    assert!(screen.has("sudo "), "{screen}");
    let alternate = terminal.tmux(&["display-message", "-p", "-t", "t", "#{alternate_on}"]);
    assert_eq!(alternate.trim(), "0");
}

#[test]
fn scenario_39_who_may_not_is_told_what_to_do() {
    if binary().is_none() {
        return;
    }
    if !nix::unistd::geteuid().is_root() {
        eprintln!("SKIPPED: becoming another user needs root");
        return;
    }
    let directory = place();
    let socket = directory.path().join("agent.sock");
    let _listener = UnixListener::bind(&socket).unwrap();
    let closed = std::fs::Permissions::from_mode(0o660);
    std::fs::set_permissions(&socket, closed).unwrap();
    let group = nix::unistd::Gid::from_raw(7399);
    nix::unistd::chown(&socket, None, Some(group)).unwrap();
    // The binary may be where only root can go.
    let client = directory.path().join("netmon");
    std::fs::copy(NETMON, &client).unwrap();
    let groups = directory.path().join("group");
    for (members, texts) in [
        ("", ["group 'netmon'", "usermod -aG netmon nobody"]),
        ("nobody", ["You are in group 'netmon'", "newgrp netmon"]),
    ] {
        let known = format!("root:x:0:\nnogroup:x:65534:\nnetmon:x:7399:{members}\n");
        std::fs::write(&groups, known).unwrap();
        let command = format!(
            "unshare --mount sh -c 'mount --bind {} /etc/group && exec setpriv --reuid nobody \
             --regid nogroup --clear-groups {} --socket {} top'",
            groups.display(),
            client.display(),
            socket.display(),
        );
        let terminal = Terminal::open(directory.path(), (120, 24), &command);
        let screen = terminal.shows("rc=4");
        for text in texts {
            assert!(screen.has(text), "{text}\n{screen}");
        }
    }
}

#[test]
fn scenario_40_an_agent_that_does_not_answer_is_not_waited_for() {
    if binary().is_none() {
        return;
    }
    let directory = place();
    let socket = directory.path().join("agent.sock");
    let _listener = UnixListener::bind(&socket).unwrap();
    let terminal = Terminal::open(directory.path(), (100, 24), &top(&socket));
    let screen = terminal.shows("rc=3");
    assert!(screen.has("does not answer (waited 3s)"), "{screen}");
}

#[test]
fn scenario_41_the_screen_needs_a_terminal_and_streams_end_with_their_reader() {
    let Some(stage) = Stage::set() else { return };
    let socket = stage.agent.socket();
    let piped = Command::new("sh")
        .args(["-c", &format!("{} | cat; exit 0", top(&socket))])
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&piped.stderr);
    assert!(told.contains("'top' needs a terminal"), "{told}");
    assert!(told.contains("netmon watch --format jsonl"), "{told}");

    let terminal = stage.shell(100, 24, &format!("{} | cat; true", top(&socket)));
    terminal.shows_all(&["stdout is a pipe", "netmon watch --format jsonl"]);
    let terminal = stage.shell(100, 24, &format!("TERM=dumb {}", top(&socket)));
    terminal.shows_all(&["TERM is 'dumb'", "rc=7"]);

    let watch = format!(
        "{} --socket {} watch -j 2>err | head -1 >out; cat err; wc -l <out",
        quoted(NETMON),
        quoted(socket.to_str().unwrap())
    );
    let terminal = stage.shell(100, 24, &watch);
    // It notices with the next line that nobody reads.
    let screen = terminal.until("the end", |screen| {
        stage.agent.tick(1);
        screen.has("rc=0")
    });
    assert_eq!(screen.header().trim(), "1", "{screen}");
    let line = std::fs::read_to_string(stage.path("out")).unwrap();
    let value: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert!(value["type"].is_string(), "{line}");
}

#[test]
fn scenario_43_a_panic_gives_the_terminal_back() {
    let Some(stage) = Stage::set() else { return };
    if !cfg!(feature = "test-panic") {
        eprintln!("SKIPPED: the client is built without the feature test-panic");
        return;
    }
    let command = format!(
        "NETMON_TEST_PANIC=1 {}; echo rc=$?; stty -a",
        stage.top(&[])
    );
    let terminal = stage.shell(100, 30, &command);
    let screen = terminal.shows_all(&["rc=101", "icanon"]);
    assert!(screen.has("panicked at"), "{screen}");
    for setting in [" icanon", " echo "] {
        assert!(screen.has(setting), "{setting}\n{screen}");
    }
    assert!(!screen.has("-icanon"), "{screen}");
    let alternate = terminal.tmux(&["display-message", "-p", "-t", "t", "#{alternate_on}"]);
    assert_eq!(alternate.trim(), "0");
}

#[test]
fn scenario_43_a_viewer_does_not_outlive_its_terminal() {
    let Some(stage) = Stage::set() else { return };
    let mark = stage.path("pid");
    let command = format!(
        "sh -c 'echo $$ >{}; exec {}'",
        mark.display(),
        stage.top(&[]).replace('\'', "")
    );
    let terminal = stage.shell(100, 30, &command);
    terminal.shows("17:56:05");
    let viewer = std::fs::read_to_string(&mark).unwrap();
    let shell = terminal.tmux(&["display-message", "-p", "-t", "t", "#{pane_pid}"]);
    let status = Command::new("kill")
        .args(["-9", shell.trim()])
        .status()
        .unwrap();
    assert!(status.success());
    let path = std::path::PathBuf::from(format!("/proc/{}", viewer.trim()));
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while path.exists() {
        assert!(std::time::Instant::now() < deadline, "it still runs");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}

#[test]
fn scenario_44_suspending_shows_the_shell_and_comes_back() {
    let Some(stage) = Stage::set() else { return };
    // An interactive shell, for its job control.
    let terminal = stage.shell(80, 24, "PS1='prompt> ' ENV= sh -i");
    terminal.shows("prompt>");
    terminal.types(&stage.top(&[]));
    terminal.keys(&["Enter"]);
    terminal.shows("● LIVE 17:56:05");
    terminal.keys(&["C-z"]);
    terminal.until("the prompt", |screen| {
        screen.has("prompt>") && !screen.has("LIVE")
    });
    stage.agent.tick(2);
    terminal.types("fg");
    terminal.keys(&["Enter"]);
    let screen = terminal.shows("● LIVE 17:56:07");
    assert!(screen.has("1 Live"), "{screen}");
    terminal.keys(&["q"]);
    terminal.until("the prompt", |screen| {
        screen.has("prompt>") && !screen.has("LIVE")
    });
}
