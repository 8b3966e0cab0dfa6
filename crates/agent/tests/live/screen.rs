//! The screen on a real agent: acceptance scenarios 19, 28 and 37. The others run on a simulated one
//! (`crates/cli/tests/screen`), 28 and 37 too.

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
    /// `netmon top`, 80 cells wide and 24 high. `name`: of this terminal.
    fn top(stage: &Stage, name: &str, args: &str) -> Terminal {
        let terminal = Terminal(stage.directory.path().join(name).display().to_string());
        let command = format!(
            "'{}' --socket '{}' top --charset unicode {args}",
            binary("netmon").display(),
            stage.socket().display()
        );
        let size = ["-x", "80", "-y", "24"];
        let new = ["new-session", "-d", "-s", "t"];
        terminal.tmux(&[&new[..], &size, &[&command]].concat());
        terminal
    }

    fn keys(&self, keys: &[&str]) {
        self.tmux(&[&["send-keys", "-t", "t"], keys].concat());
    }

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
        let screen = self.until(text, |screen| screen.contains(text));
        let line = screen.lines().find(|line| line.contains(text));
        line.unwrap_or_default().to_owned()
    }

    /// The screen, as soon as it is as wanted, which must be in time.
    fn until(&self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let screen = self.tmux(&["capture-pane", "-p", "-t", "t"]);
            if wanted(&screen) {
                return screen;
            }
            assert!(Instant::now() < deadline, "no {what} on:\n{screen}");
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

    let terminal = Terminal::top(&stage, "tmux", "--view exited");
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

/// Takes what comes, for ever.
const SINK: &str = "
import json, socket, sys
listener = socket.create_server((sys.argv[1], 8028))
print(json.dumps({'type': 'ready'}), flush=True)
peer, _ = listener.accept()
while peer.recv(1 << 16):
    pass
";

/// Sends without a pause, about 1 MB/s.
const STREAM: &str = "
import socket, sys, time
peer = socket.create_connection((sys.argv[1], 8028))
while True:
    peer.sendall(b'z' * 20480)
    time.sleep(0.02)
";

/// The bars of the sent half in its lowest row, from the left.
fn sent_bars(screen: &str) -> Vec<char> {
    let row = screen.lines().nth(4).unwrap_or_default();
    row.trim_end_matches('│')
        .rsplit('│')
        .next()
        .unwrap_or_default()
        .chars()
        .collect()
}

#[test]
fn scenario_28_what_moved_while_the_agent_slept_is_in_the_chart() {
    if !ready() {
        return;
    }
    let mut stage = Stage::with_agent("asleep");
    let network = Network::new("asleep");
    let python = |host: usize, program: &str| {
        let mut command = network.on(host, "python3");
        command.args(["-c", program, Network::HOSTS[0]]);
        command
    };
    let mut sink = piped(&mut python(0, SINK));
    Lines::of(&mut sink).next("ready");
    stage.keep(sink);
    let stream = stage.keep(python(1, STREAM).spawn().expect("python3"));

    let terminal = Terminal::top(&stage, "tmux", &format!("-p {stream}"));
    terminal.until("five ticks with traffic", |screen| {
        let bars = sent_bars(screen);
        bars.iter().rev().take(5).all(|bar| *bar != ' ') && bars.len() > 5
    });
    let before = stage.row(stream, "live")["tx_bytes_total"]
        .as_u64()
        .unwrap();
    stage.signal("-STOP");
    terminal.line("! no data for 3s");
    std::thread::sleep(Duration::from_secs(1));
    stage.signal("-CONT");
    terminal.line("● LIVE");
    // What stays unknown would be on the screen for longer than is waited here. Of the time before
    // the agent nothing is known.
    terminal.until("stream without holes", |screen| {
        let bars = sent_bars(screen);
        let mut stream = bars.iter().skip_while(|bar| " ?".contains(**bar));
        screen.contains("● LIVE") && stream.clone().count() > 9 && stream.all(|bar| *bar != '?')
    });
    // Four seconds of about a megabyte each, and nothing of it lost.
    let after = stage.row(stream, "live")["tx_bytes_total"]
        .as_u64()
        .unwrap();
    assert!(after - before > 2 << 20, "{before} {after}");
}

/// The programs that a process has descriptors of, as the kernel numbers them.
fn programs_held(pid: u32) -> std::collections::BTreeSet<u64> {
    let infos = std::fs::read_dir(format!("/proc/{pid}/fdinfo")).expect("fdinfo");
    let texts = infos.filter_map(|info| std::fs::read_to_string(info.ok()?.path()).ok());
    texts
        .flat_map(|text| {
            let ids = text
                .lines()
                .filter_map(|line| line.strip_prefix("prog_id:"));
            ids.filter_map(|id| id.trim().parse().ok())
                .collect::<Vec<u64>>()
        })
        .collect()
}

#[test]
fn scenario_37_two_viewers_disturb_neither_each_other_nor_the_kernel() {
    if !ready() {
        return;
    }
    let stage = Stage::with_agent("two");
    // The hooks are explored after the first tick.
    std::thread::sleep(Duration::from_secs(2));
    let ids = || {
        let status = stage.json(&["status", "--json"]);
        let hooks = status["hooks"].as_array().cloned().unwrap_or_default();
        let ids = hooks.iter().filter_map(|hook| hook["program_id"].as_u64());
        ids.collect::<std::collections::BTreeSet<u64>>()
    };
    let (told, held) = (ids(), programs_held(stage.agent_pid()));
    assert!(!told.is_empty() && !held.is_empty(), "{told:?} {held:?}");
    let pausing = Terminal::top(&stage, "pausing", "");
    let sorting = Terminal::top(&stage, "sorting", "");
    pausing.line("● LIVE");
    sorting.line("● LIVE");
    pausing.keys(&["Space"]);
    let paused = pausing.line("‖ PAUSED");
    sorting.keys(&["p", "m", "z", "o"]);
    // The title says so also where nothing has moved, and there is no row.
    sorting.line("by PID");
    pausing.line("3s behind");
    let still = pausing.line("‖ PAUSED");
    let time = |header: &str| header.split(" (").next().unwrap_or_default().to_owned();
    assert_eq!(time(&still), time(&paused));
    let pausing_screen = pausing.until("its own order", |screen| screen.contains("by RX+TX"));
    assert!(!pausing_screen.contains("by PID"), "{pausing_screen}");
    sorting.line("● LIVE");
    assert_eq!(
        (ids(), programs_held(stage.agent_pid())),
        (told.clone(), held.clone())
    );
    drop((pausing, sorting));
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!((ids(), programs_held(stage.agent_pid())), (told, held));
}
