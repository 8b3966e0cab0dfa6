//! The directory and the disk: closed to others, one agent at a time, full, read-only, killed.

use std::fs;
use std::io::BufRead;
use std::io::BufReader;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;

use netmon_agent::frame::FlowCount;
use netmon_agent::history::tiers;
use netmon_agent::history::History;
use netmon_agent::history::OpenError;
use netmon_agent::history::Options;
use netmon_agent::history::Query;
use netmon_agent::history::Totals;
use netmon_bpf::abi::Flow;

use crate::world::expected;
use crate::world::open;
use crate::world::options;
use crate::world::steps;
use crate::world::wait_for;
use crate::world::whole;
use crate::world::World;
use crate::world::SECOND;

const CHILD: &str = "NETMON_HISTORY_CHILD";

fn feed(history: &History, world: &mut World, ticks: u64) {
    for n in 0..ticks {
        let (frame, moment) = world.tick(&[(1, 0, n + 1, 10), (2 + n as u32 % 3, 6, 5, n)], &[]);
        history.append(&frame, moment);
    }
}

#[test]
fn the_directory_is_closed_and_held_by_one() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state/netmon");
    let options = options(Some(&path), 1);
    let (history, past) = open(&options);
    assert_eq!(past.last, None);
    let mut world = World::new(1);
    feed(&history, &mut world, 3);
    wait_for("written", || history.acknowledged() == Some(3));
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o700);
    let rows = fs::read_dir(path.join("1000ms")).unwrap().next().unwrap();
    assert_eq!(mode(&rows.unwrap().path()), 0o600);
    assert!(matches!(History::open(&options), Err(OpenError::Locked(_))));
    drop(history);
    open(&options);
}

#[test]
fn what_is_known_goes_on_after_a_restart_and_not_after_a_reboot() {
    let directory = tempfile::tempdir().unwrap();
    let mut world = World::new(1);
    let (history, _) = open(&options(Some(directory.path()), 1));
    feed(&history, &mut world, 40);
    let (frame, moment) = world.tick(&[(4, 0, 1, 1)], &[2]);
    history.append(&frame, moment);
    drop(history);
    let (_, past) = open(&options(Some(directory.path()), 1));
    let last = past.last.unwrap();
    assert_eq!(
        (last.seq, last.end, last.wall),
        (41, world.time, world.wall)
    );
    let mut pids: Vec<u32> = past.processes.iter().map(|k| k.facts.id.pid).collect();
    pids.sort_unstable();
    // 2 has ended, but its counters may still be in the kernel: they must not count again.
    assert_eq!(pids, [1, 2, 3, 4]);
    for known in &past.processes {
        let pid = known.facts.id.pid;
        assert_eq!(known.facts.exit.is_some(), pid == 2, "{pid}");
        if pid != 2 {
            assert_eq!(*known.facts, crate::world::facts(pid, None));
        }
        for total in &known.totals {
            assert_eq!(world.totals()[&(pid, total.kind)], (total.rx, total.tx));
        }
    }
    let (_, past) = open(&options(Some(directory.path()), 2));
    assert!(past.processes.is_empty());
    assert_eq!(past.last, Some(last));
}

#[test]
fn sums_of_the_machine_go_on_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let options = options(Some(directory.path()), 1);
    let mut world = World::new(1);
    let mut truth = Totals::default();
    let (mut history, past) = open(&options);
    assert_eq!(past.last, None);
    for ticks in [1, 6, 7, 8, 40, 3] {
        for n in 0..ticks {
            let moves = [(1, 0, n + 1, 10), (2 + n as u32 % 3, 6, 5, n)];
            let (mut frame, moment) = world.tick(&moves, &[]);
            for (_, kind, rx, tx) in moves {
                let total = &mut truth.flows[usize::from(kind)];
                *total = (total.0 + rx, total.1 + tx);
            }
            truth.unattributed = (truth.unattributed.0 + 3, truth.unattributed.1 + n);
            let flow = |bytes| Flow { bytes, calls: 0 };
            let sum = |(kind, (rx, tx)): (usize, &(u64, u64))| FlowCount {
                kind: kind as u8,
                rx_total: flow(*rx),
                tx_total: flow(*tx),
                ..FlowCount::default()
            };
            frame.tick.flows = truth.flows.iter().enumerate().map(sum).collect();
            frame.tick.unattributed = FlowCount {
                rx: 3,
                tx: n,
                ..sum((0, &truth.unattributed))
            };
            history.append(&frame, moment);
        }
        drop(history);
        let past;
        (history, past) = open(&options);
        let last = past.last.unwrap();
        assert_eq!((last.seq, last.totals), (world.seq, Some(truth)));
    }
}

#[test]
fn age_and_bytes_bound_what_is_kept() {
    let directory = tempfile::tempdir().unwrap();
    let aged = Options {
        tiers: tiers("30s@1s,100s@10s").unwrap(),
        ..options(Some(directory.path()), 1)
    };
    let (history, _) = open(&aged);
    let mut world = World::new(1);
    for _ in 0..40 {
        feed(&history, &mut world, 10);
        wait_for("written", || history.acknowledged() == Some(world.seq));
    }
    let span = |tier: usize| {
        let oldest = history.status().tiers[tier].oldest.unwrap();
        (world.wall - oldest) / SECOND
    };
    // A segment is deleted as a whole: seven stretches more, and what waits to be sealed.
    wait_for("deleted", || span(0) <= 30 + 14);
    wait_for("deleted", || span(1) <= 100 + 140 + 20);
    assert!(span(0) >= 30 && span(1) >= 100);
    drop(history);
    let small = Options {
        size: 4000,
        ..options(Some(directory.path()), 1)
    };
    let (history, _) = open(&small);
    feed(&history, &mut world, 200);
    let bytes = || {
        history
            .status()
            .tiers
            .iter()
            .map(|tier| tier.bytes)
            .sum::<u64>()
    };
    // What grows is not deleted.
    wait_for("deleted", || bytes() <= 4000 + 3000);
    assert_eq!(history.status().ticks_lost, 0);
    let answer = history.snapshot().answer(Query::default());
    assert!(answer.header.oldest.is_some() && answer.header.missing == 0);
}

#[test]
fn memory_alone_is_bounded_too() {
    let small = Options {
        size: 20_000,
        ..options(None, 1)
    };
    let (history, _) = open(&small);
    let mut world = World::new(1);
    for _ in 0..20 {
        feed(&history, &mut world, 100);
        let bytes = || {
            history
                .status()
                .tiers
                .iter()
                .map(|tier| tier.bytes)
                .sum::<u64>()
        };
        wait_for("dropped", || bytes() <= 20_000 + 5_000);
    }
    assert_eq!(history.acknowledged(), Some(2000));
    assert_eq!(history.status().problem, None);
}

/// A file system of its own, small.
struct Small(tempfile::TempDir);

impl Small {
    fn mount() -> Option<Small> {
        let directory = tempfile::tempdir().unwrap();
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"])
            .arg(directory.path())
            .stderr(Stdio::null())
            .status();
        if mount.is_ok_and(|status| status.success()) {
            return Some(Small(directory));
        }
        eprintln!("SKIPPED: cannot mount a small file system; needs root");
        None
    }

    fn remount(&self, how: &str) {
        let mount = Command::new("mount")
            .args(["-o", &format!("remount,{how}")])
            .arg(self.0.path())
            .status();
        assert!(mount.unwrap().success());
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[test]
fn a_full_disk_costs_nothing_once_there_is_room() {
    let Some(disk) = Small::mount() else { return };
    let (history, _) = open(&options(Some(&disk.0.path().join("netmon")), 1));
    let mut world = World::new(1);
    feed(&history, &mut world, 5);
    wait_for("written", || history.acknowledged() == Some(5));
    let ballast = disk.0.path().join("ballast");
    assert!(fs::write(&ballast, vec![0; 2 << 20]).is_err(), "it is full");
    feed(&history, &mut world, 100);
    wait_for("told", || history.status().problem.is_some());
    let problem = history.status().problem.unwrap();
    assert!(
        problem.contains("No space left") && !problem.contains('\n'),
        "{problem}"
    );
    feed(&history, &mut world, 10);
    assert_eq!(whole(&history), expected(&world.told));
    assert_ne!(history.acknowledged(), Some(world.seq));
    fs::remove_file(&ballast).unwrap();
    wait_for("written again", || {
        history.acknowledged() == Some(world.seq)
    });
    wait_for("told", || history.status().problem.is_none());
    drop(history);
    let (history, _) = open(&options(Some(&disk.0.path().join("netmon")), 1));
    assert_eq!(whole(&history), expected(&world.told));
    assert_eq!(history.status().damaged, 0);
}

#[test]
fn a_disk_that_cannot_be_written_costs_the_oldest_and_says_so() {
    let Some(disk) = Small::mount() else { return };
    let path = disk.0.path().join("netmon");
    let mut world = World::new(1);
    let (history, _) = open(&options(Some(&path), 1));
    feed(&history, &mut world, 20);
    drop(history);
    disk.remount("ro");
    let bounded = Options {
        unsaved: 40_000,
        ..options(Some(&path), 1)
    };
    let (history, past) = open(&bounded);
    assert_eq!(past.last.map(|last| last.seq), Some(20));
    assert_eq!(whole(&history), expected(&world.told));
    for _ in 0..20 {
        feed(&history, &mut world, 50);
    }
    wait_for("told", || history.status().problem.is_some());
    let status = history.status();
    assert!(status.ticks_lost > 0);
    let answer = history.snapshot().answer(Query::default());
    assert_eq!(answer.header.missing, status.ticks_lost);
    assert!(answer.header.ticks >= 100);
    disk.remount("rw");
    wait_for("written again", || {
        history.acknowledged() == Some(world.seq)
    });
    wait_for("told", || history.status().problem.is_none());
}

/// Not a test of its own: what the next one starts and kills.
#[test]
#[ignore = "a part of a_killed_agent_loses_only_what_it_had_not_written"]
fn child() {
    let Some(directory) = std::env::var_os(CHILD) else {
        return;
    };
    let (history, past) = open(&options(Some(Path::new(&directory)), 1));
    let mut world = World::new(1);
    let done = past.last.map_or(0, |last| last.seq);
    feed_until(&mut world, done, |_, _| {});
    // Bounded, should nobody kill it.
    feed_until(&mut world, done + 20_000, |frame, moment| {
        history.append(frame, moment);
        println!("acknowledged {}", history.acknowledged().unwrap_or(0));
        std::thread::sleep(Duration::from_millis(1));
    });
}

fn feed_until(
    world: &mut World,
    seq: u64,
    mut each: impl FnMut(&netmon_agent::frame::Frame, netmon_agent::history::Moment),
) {
    while world.seq < seq {
        let n = world.seq;
        let (frame, moment) = world.tick(&[(1, 0, n + 1, 10), (2 + n as u32 % 3, 6, 5, n)], &[]);
        each(&frame, moment);
    }
}

#[test]
fn a_killed_agent_loses_only_what_it_had_not_written() {
    let directory = tempfile::tempdir().unwrap();
    for round in 1..=3u32 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "disk::child", "--ignored", "--nocapture"])
            .env(CHILD, directory.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut acknowledged = 0;
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        for line in lines.map_while(Result::ok) {
            let Some(seq) = line.strip_prefix("acknowledged ") else {
                continue;
            };
            acknowledged = seq.parse().unwrap();
            if acknowledged >= u64::from(round) * 97 {
                break;
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let (history, past) = open(&options(Some(directory.path()), 1));
        let last = past.last.unwrap().seq;
        assert!(
            last >= acknowledged && acknowledged > 0,
            "{last} of {acknowledged}"
        );
        let mut world = World::new(1);
        feed_until(&mut world, last, |_, _| {});
        assert_eq!(whole(&history), expected(&world.told));
        let ticks: u64 = steps(&history, Query::default())
            .iter()
            .map(|s| s.ticks)
            .sum();
        assert_eq!(ticks, last);
    }
}
