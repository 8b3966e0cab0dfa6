//! A terminal: a tmux server of its own, with one window.

use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;
use std::time::Instant;

use super::screen::Screen;
use super::stage::with_names;

/// How long something may take that takes an instant on a machine with nothing else to do.
const LIMIT: Duration = Duration::from_secs(20);
/// How often the screen is looked at.
const GLANCE: Duration = Duration::from_millis(15);

/// A frame that is seen once more so often is whole.
const STILL: usize = 2;

/// Of the server. The prefix key is taken away, so that every key gets through.
const SETTINGS: &str = "\
set -g status off
set -g default-terminal tmux-256color
set -g escape-time 0
set -g prefix None
set -g set-clipboard on
set -g remain-on-exit on
";

pub struct Terminal {
    socket: PathBuf,
}

impl Terminal {
    /// One of that size in which a shell runs a command and tells its exit code.
    pub fn open(directory: &Path, (width, height): (u16, u16), command: &str) -> Terminal {
        let free = (0..).find_map(|n| {
            let path = directory.join(format!("tmux{n}"));
            (!path.exists()).then_some(path)
        });
        let socket = free.unwrap();
        let settings = directory.join("tmux.conf");
        std::fs::write(&settings, SETTINGS).unwrap();
        let script = format!("{command}; echo rc=$?; exec sleep 60");
        let mut words: Vec<&str> = Vec::new();
        words.extend(with_names().into_iter().flatten().map(String::as_str));
        let (width, height) = (width.to_string(), height.to_string());
        words.extend(["tmux", "-u", "-S", socket.to_str().unwrap()]);
        words.extend([
            "-f",
            settings.to_str().unwrap(),
            "new-session",
            "-d",
            "-s",
            "t",
        ]);
        words.extend(["-x", &width, "-y", &height, "sh", "-c", &script]);
        let done = Command::new(words[0])
            .args(&words[1..])
            .env_clear()
            .env("PATH", "/usr/bin:/bin:/usr/sbin:/sbin")
            .env("HOME", directory)
            .env("SHELL", "/bin/sh")
            .env("TZ", "UTC")
            .env("LC_ALL", "C.UTF-8")
            .current_dir(directory)
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "tmux does not start: {told}");
        Terminal { socket }
    }

    /// Asks the server for something; what it prints.
    pub fn tmux(&self, args: &[&str]) -> String {
        let output = Command::new("tmux")
            .arg("-S")
            .arg(&self.socket)
            .args(args)
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "tmux {args:?}: {told}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Presses keys, by the names that tmux has for them.
    pub fn keys(&self, keys: &[&str]) {
        let mut args = vec!["send-keys", "-t", "t"];
        args.extend(keys);
        self.tmux(&args);
    }

    /// Types a text.
    pub fn types(&self, text: &str) {
        self.tmux(&["send-keys", "-t", "t", "-l", "--", text]);
    }

    /// Gives it another size.
    pub fn resize(&self, width: u16, height: u16) {
        let (width, height) = (width.to_string(), height.to_string());
        self.tmux(&["resize-window", "-t", "t", "-x", &width, "-y", &height]);
    }

    /// What is on it now.
    pub fn screen(&self) -> Screen {
        Screen::of(&self.tmux(&["capture-pane", "-p", "-t", "t"]))
    }

    /// The same with escape sequences for colours and attributes.
    pub fn styled(&self) -> Vec<String> {
        let text = self.tmux(&["capture-pane", "-p", "-e", "-N", "-t", "t"]);
        text.lines().map(str::to_owned).collect()
    }

    /// Waits until the screen is as wanted and no frame is half drawn, which must be in time.
    #[track_caller]
    pub fn until(&self, what: &str, wanted: impl Fn(&Screen) -> bool) -> Screen {
        let deadline = Instant::now() + LIMIT;
        let mut seen: Vec<Screen> = Vec::new();
        loop {
            let screen = self.screen();
            if wanted(&screen) {
                if seen.last().is_some_and(|last| *last != screen) {
                    seen.clear();
                }
                if seen.len() == STILL {
                    return screen;
                }
                seen.push(screen.clone());
            }
            assert!(
                Instant::now() < deadline,
                "not on the screen: {what}\n{screen}"
            );
            std::thread::sleep(GLANCE);
        }
    }

    /// Waits for a text anywhere.
    #[track_caller]
    pub fn shows(&self, text: &str) -> Screen {
        self.until(text, |screen| screen.has(text))
    }

    /// Waits for several texts at once.
    #[track_caller]
    pub fn shows_all(&self, texts: &[&str]) -> Screen {
        self.until(&texts.join(", "), |screen| {
            texts.iter().all(|text| screen.has(text))
        })
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = Command::new("tmux")
            .arg("-S")
            .arg(&self.socket)
            .arg("kill-server")
            .output();
    }
}
