//! The screen on a real agent: acceptance scenario 19. The others run on a simulated one
//! (`crates/cli/tests/screen`).

use std::process::Command;
use std::time::Duration;
use std::time::Instant;

use crate::network::Network;
use crate::stage::binary;
use crate::stage::piped;
use crate::stage::ready;
use crate::stage::Lines;
use crate::stage::Stage;

const RECEIVED: u64 = 3 << 19;
const SENT: u64 = 64 << 10;

/// Takes what it is sent, then answers.
const SERVER: &str = "
import json, socket, sys
listener = socket.create_server((sys.argv[1], 8019))
print(json.dumps({'type': 'ready'}), flush=True)
peer, _ = listener.accept()
left = int(sys.argv[3])
while left:
    left -= len(peer.recv(left))
peer.sendall(b'x' * int(sys.argv[2]))
peer.recv(1)
";

/// Lives for a third of a second.
const CLIENT: &str = "
import socket, sys, time
peer = socket.create_connection((sys.argv[1], 8019))
peer.sendall(b'y' * int(sys.argv[3]))
left = int(sys.argv[2])
while left:
    left -= len(peer.recv(left))
time.sleep(0.2)
";

struct Terminal(String);

impl Terminal {
    fn tmux(&self, args: &[&str]) -> String {
        let output = Command::new("tmux")
            .args(["-u", "-S", &self.0, "-f", "/dev/null"])
            .args(args)
            .env("TZ", "UTC")
            .env("LC_ALL", "C.UTF-8")
            .output()
            .expect("tmux");
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "tmux {args:?}: {told}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// The first line with a text, which must come in time.
    fn line(&self, text: &str) -> String {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let screen = self.tmux(&["capture-pane", "-p", "-t", "t"]);
            if let Some(line) = screen.lines().find(|line| line.contains(text)) {
                return line.to_owned();
            }
            assert!(Instant::now() < deadline, "no {text} on:\n{screen}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = Command::new("tmux")
            .args(["-S", &self.0, "kill-server"])
            .output();
    }
}

#[test]
fn scenario_19_a_life_of_a_third_of_a_second_is_exact_on_the_screen() {
    if !ready() {
        return;
    }
    let mut stage = Stage::with_agent("screen");
    let network = Network::new("screen");
    let amounts = [RECEIVED.to_string(), SENT.to_string()];
    let python = |host: usize, program: &str| {
        let mut command = network.on(host, "python3");
        command.args(["-c", program, Network::HOSTS[0]]);
        command.args(&amounts);
        command
    };
    let mut server = piped(&mut python(0, SERVER));
    Lines::of(&mut server).next("ready");
    stage.keep(server);

    let terminal = Terminal(stage.directory.path().join("tmux").display().to_string());
    let command = format!(
        "'{}' --socket '{}' top --view exited --charset unicode",
        binary("netmon").display(),
        stage.socket().display()
    );
    terminal.tmux(&[
        "new-session",
        "-d",
        "-s",
        "t",
        "-x",
        "80",
        "-y",
        "24",
        &command,
    ]);
    terminal.line("2 Exited");

    let mut client = piped(&mut python(1, CLIENT));
    let pid = client.id();
    assert!(client.wait().unwrap().success());
    let row = terminal.line(&format!(" {pid} "));
    for text in ["python3", "1.50MiB", "64.0KiB"] {
        assert!(row.contains(text), "{text}: {row}");
    }
    let ran = row
        .split_whitespace()
        .rev()
        .find_map(|word| word.strip_suffix('s'));
    let ran: f64 = ran
        .and_then(|ran| ran.parse().ok())
        .expect("how long it ran");
    // On a machine with too much to do python takes its time.
    assert!((0.2..5.0).contains(&ran), "RAN: {row}");
    // To the byte, which a screen has no room for.
    let row = stage.row(pid, "exited");
    assert_eq!(row["rx_bytes_total"], RECEIVED, "{row}");
    assert_eq!(row["tx_bytes_total"], SENT, "{row}");
}
