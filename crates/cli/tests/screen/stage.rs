//! One agent and one terminal for one test.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use super::simulated::Simulated;
use super::terminal::Terminal;

/// What a test plays with. Dropping it ends everything.
pub struct Stage {
    pub agent: Simulated,
    directory: tempfile::TempDir,
}

/// The agent under test, if tests can run here; says why they cannot.
pub fn binary() -> Option<PathBuf> {
    if Command::new("tmux").arg("-V").output().is_err() {
        eprintln!("SKIPPED: tmux is not installed");
        return None;
    }
    let Some(path) = std::env::var_os("NETMON_SIMULATED_AGENT") else {
        eprintln!("SKIPPED: NETMON_SIMULATED_AGENT is not set; scripts/test builds that agent");
        return None;
    };
    let path = PathBuf::from(path);
    assert!(path.exists(), "{} is not built", path.display());
    Some(path)
}

impl Stage {
    /// With an agent at 17:56:05. `None`: not here.
    pub fn set() -> Option<Stage> {
        let binary = binary()?;
        let directory = tempfile::tempdir().unwrap();
        Some(Stage {
            agent: Simulated::start(directory.path(), &binary),
            directory,
        })
    }

    /// `netmon top` in a terminal of that size, as soon as it shows a tick.
    pub fn open(&self, width: u16, height: u16, args: &[&str]) -> Terminal {
        let terminal = self.shell(width, height, &self.top(args));
        terminal.shows("17:56:05");
        terminal
    }

    /// The command line of `netmon top`, for a shell.
    pub fn top(&self, args: &[&str]) -> String {
        // A machine with too much to do may let the terminal answer too late.
        self.top_asking(&[&["--charset", "unicode"], args].concat())
    }

    /// The same; the terminal is asked which characters it shows.
    pub fn top_asking(&self, args: &[&str]) -> String {
        let socket = self.agent.socket();
        let mut words = vec![
            env!("CARGO_BIN_EXE_netmon"),
            "--socket",
            socket.to_str().unwrap(),
        ];
        words.push("top");
        words.extend(args);
        words
            .iter()
            .map(|word| quoted(word))
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// A terminal in which a shell runs a command and tells its exit code.
    pub fn shell(&self, width: u16, height: u16, command: &str) -> Terminal {
        Terminal::open(self.directory.path(), (width, height), command)
    }

    /// A place for files.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }
}

/// For a shell.
pub fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// How to run something where the users of the sample host have names: with the passwd file of this
/// directory in a mount namespace. `None`: not possible here, users have numbers.
pub fn with_names() -> Option<&'static [String]> {
    static WRAPPER: OnceLock<Option<Vec<String>>> = OnceLock::new();
    let wrapper = WRAPPER.get_or_init(|| {
        let passwd = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/screen/passwd");
        let mut words: Vec<String> = vec!["unshare".to_owned(), "--mount".to_owned()];
        if !nix::unistd::geteuid().is_root() {
            words.push("--map-root-user".to_owned());
        }
        let script = format!("mount --bind {} /etc/passwd && exec \"$@\"", quoted(passwd));
        words.extend(["sh", "-c", &script, "sh"].map(str::to_owned));
        let tried = Command::new(&words[0])
            .args(&words[1..])
            .arg("true")
            .status();
        match tried {
            Ok(status) if status.success() => Some(words),
            _ => {
                eprintln!("users have numbers in these tests: unshare and mount are not allowed");
                None
            }
        }
    });
    wrapper.as_deref()
}
