//! All cases on this machine, without an agent: the processes must agree with each other.

use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use clap::Args as _;
use clap::FromArgMatches as _;

use super::ends::Path;
use super::ends::Variant;
use super::find;
use super::harness::Launcher;
use super::make;
use super::peer::peer;
use super::peer::PeerArgs;
use super::plan::runs;
use super::plan::Run;
use super::report;
use super::report::Finding;
use super::report::Findings;

/// Behind this the arguments of a child come; the test runner takes them for filters.
const SEPARATOR: &str = "--";
const PLAIN_USER: u32 = 65_534;

/// Not a claim: what the parent starts as a child when this test program stands in for netmon.
/// In the first thread, as the cases expect.
#[test]
fn peer_entry() {
    let own = std::env::args().skip_while(|argument| argument != SEPARATOR);
    let arguments: Vec<String> = own.skip(1).collect();
    if arguments.is_empty() {
        return;
    }
    let command = PeerArgs::augment_args(clap::Command::new("peer").no_binary_name(true));
    let matches = command.get_matches_from(arguments);
    let args = PeerArgs::from_arg_matches(&matches).unwrap();
    std::process::exit(peer(&args).into());
}

fn launcher() -> Launcher {
    let entry = "selftest::tests::peer_entry";
    let arguments = [
        entry,
        "--exact",
        "--nocapture",
        "--quiet",
        "--test-threads=1",
        SEPARATOR,
    ];
    Launcher {
        program: std::env::current_exe().unwrap(),
        arguments: arguments.map(str::to_owned).to_vec(),
    }
}

fn dry_run(runs: Vec<Run>) -> Findings {
    let limit = Duration::from_secs(30);
    let endings = make(launcher(), &runs, limit, &AtomicBool::new(false));
    runs.into_iter()
        .zip(endings)
        .map(|(run, ending)| (run, find(run, ending, None)))
        .collect()
}

#[test]
fn processes_of_every_case_agree_on_loopback() {
    let findings = dry_run(runs("*", &[Path::Lo], false));
    let summary = report::Summary::of(&findings);
    assert!(summary.is_clean(), "{}", report::table(&findings));
    assert!(
        summary.exact > summary.cases / 2,
        "{}",
        report::table(&findings)
    );
}

#[test]
fn processes_under_load_agree_on_loopback() {
    let findings = dry_run(runs("load*", &[Path::Lo], false));
    println!("{}", report::table(&findings));
    let summary = report::Summary::of(&findings);
    assert!(summary.is_clean(), "{}", report::table(&findings));
    if summary.skipped > 0 {
        eprintln!("SKIPPED: {}", report::table(&findings));
    }
    let lives = findings.iter().filter_map(|(run, finding)| match finding {
        Finding::Crowd(crowd) if run.case.name == "load_storm" => Some(&crowd.groups),
        _ => None,
    });
    for groups in lives {
        let lives = groups.iter().filter(|group| group.process == "life");
        assert_eq!(lives.map(|group| group.processes).sum::<usize>(), 2000);
    }
}

#[test]
fn plain_user_can_run_every_case() {
    const AS_USER: &str = "NETMON_TEST_AS_USER";
    if std::env::var_os(AS_USER).is_some() {
        let findings = dry_run(runs("*", &[Path::Lo], true));
        assert!(
            report::Summary::of(&findings).is_clean(),
            "{}",
            report::table(&findings)
        );
        return;
    }
    if !nix::unistd::geteuid().is_root() {
        eprintln!("SKIPPED: becoming another user needs root");
        return;
    }
    // The build directory may be closed to others.
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().join("netmon-test");
    // Copied by another program: a test that starts a child meanwhile would hand it our file, open
    // for writing, and what is written cannot be run ("text file busy").
    let copied = Command::new("cp")
        .arg(std::env::current_exe().unwrap())
        .arg(&program)
        .status()
        .unwrap();
    assert!(copied.success());
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(directory.path(), open).unwrap();
    let output = Command::new(program)
        .args(["selftest::tests::plain_user_can_run_every_case", "--exact"])
        .env(AS_USER, "1")
        .current_dir("/")
        .uid(PLAIN_USER)
        .gid(PLAIN_USER)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
}

#[test]
fn processes_agree_between_namespaces() {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("SKIPPED: network namespaces need root");
        return;
    }
    let findings = dry_run(runs("*", &[Path::Veth], false));
    if findings
        .iter()
        .all(|(_, finding)| matches!(finding, Finding::Skipped(_)))
    {
        eprintln!("SKIPPED: {}", report::table(&findings));
        return;
    }
    assert!(
        report::Summary::of(&findings).is_clean(),
        "{}",
        report::table(&findings)
    );
    assert!(namespaces_left().is_empty(), "{:?}", namespaces_left());
}

fn namespaces_left() -> Vec<String> {
    let own = format!("netmon-selftest-{}-", std::process::id());
    let names = std::fs::read_dir("/var/run/netns")
        .into_iter()
        .flatten()
        .flatten();
    let names = names.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter(|name| name.starts_with(&own)).collect()
}

#[test]
fn stopped_test_ends_at_once() {
    let runs = runs("*", &[Path::Lo], false);
    let begin = std::time::Instant::now();
    let endings = make(
        launcher(),
        &runs,
        Duration::from_secs(30),
        &AtomicBool::new(true),
    );
    assert_eq!(endings.len(), runs.len());
    assert!(
        begin.elapsed() < Duration::from_secs(25),
        "{:?}",
        begin.elapsed()
    );
}

#[test]
fn child_that_cannot_be_started_fails_its_case() {
    let launcher = Launcher {
        program: "/nonexistent".into(),
        arguments: Vec::new(),
    };
    let runs: Vec<Run> = runs("tcp_basic", &[Path::Lo], false);
    let first = runs
        .into_iter()
        .find(|run| run.variant == Variant::V4)
        .unwrap();
    let endings = make(
        launcher,
        &[first],
        Duration::from_secs(1),
        &AtomicBool::new(false),
    );
    let [super::Ending::Failed(why)] = &endings[..] else {
        panic!("{endings:?}")
    };
    assert!(why.starts_with("a process cannot be started"), "{why}");
}
