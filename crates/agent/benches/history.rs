//! What history costs: a synthetic day of 500 processes, some 380 of them active in a tick, with
//! sizes from bytes to megabytes. `cargo bench -p netmon-agent --bench history [-- TICKS]`
//!
//! One process writes the day, another goes on with it as an agent that has just started: what that
//! one has resident is told without what it had before it opened the history.

// A bench may panic as tests may.
#![allow(clippy::unwrap_used)]

#[path = "history/agent.rs"]
mod agent;
#[path = "history/machine.rs"]
mod machine;
#[path = "history/measure.rs"]
mod measure;

use std::fs;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use netmon_agent::history::BootId;
use netmon_agent::history::Grouping;
use netmon_agent::history::History;
use netmon_agent::history::Options;
use netmon_agent::history::Query;
use netmon_agent::process::Facts;
use netmon_bpf::memory;

use machine::Machine;
use measure::bytes_of;
use measure::cpu;
use measure::milliseconds;
use measure::told;
use measure::Resident;

const SECOND: u64 = 1_000_000_000;
const START: u64 = 1_767_225_600 * SECOND;

fn query(history: &History, what: &str, query: &Query) {
    let (mut times, mut rows) = (Vec::new(), 0);
    let before = cpu();
    for _ in 0..5 {
        let begin = Instant::now();
        rows = history
            .snapshot()
            .answer(query.clone())
            .map(|s| s.rows.len())
            .sum();
        times.push(milliseconds(begin.elapsed()));
    }
    let cpu = milliseconds((cpu() - before) / 5);
    times.sort_by(f64::total_cmp);
    let (best, median, worst) = (times[0], times[2], times[4]);
    println!(
        "{what}: best {best:.1} ms, median {median:.1}, worst {worst:.1}, on the CPU {cpu:.1}; \
         {rows} rows"
    );
}

/// Feeds ticks; how long each took.
fn feed(history: &History, machine: &mut Machine, ticks: u64) -> Vec<Duration> {
    let mut times = Vec::new();
    for _ in 0..ticks {
        let (frame, moment) = machine.tick();
        let begin = Instant::now();
        history.append(&frame, moment);
        times.push(begin.elapsed());
        // A second passes in a moment: the writer is given its time.
        while machine.seq - history.acknowledged().unwrap_or(0) > 100 {
            std::thread::sleep(Duration::from_micros(200));
        }
    }
    times
}

/// Ticks at a pace: caches are as cold as they are when a second passes between two.
fn pace(history: &History, machine: &mut Machine, mut on: impl FnMut(usize) -> bool) {
    let (mut times, mut used) = (Vec::new(), Vec::new());
    while on(times.len()) {
        let (frame, moment) = machine.tick();
        std::thread::sleep(PACE);
        let (begin, before) = (Instant::now(), cpu());
        history.append(&frame, moment);
        used.push(cpu() - before);
        times.push(begin.elapsed());
    }
    told("append, a tick every 20 ms", &mut times);
    told("    on the CPU", &mut used);
}

const PACE: Duration = Duration::from_millis(20);
/// What a process of this program is to do: `fill` or `ask`, where, and how many ticks.
const PART: &str = "NETMON_BENCH";

fn main() {
    if let Ok(part) = std::env::var(PART) {
        let mut words = part.splitn(3, ' ');
        let mut word = || words.next().unwrap();
        let (part, ticks, directory) = (word(), word().parse().unwrap(), word());
        let options = Options::on_disk(directory.into(), Duration::from_secs(1), BootId(1));
        // As the agent.
        memory::keep_small();
        return match part {
            "fill" => fill(&options, ticks),
            _ => ask(&options, ticks),
        };
    }
    let ticks = std::env::args().skip(1).find_map(|arg| arg.parse().ok());
    let ticks: u64 = ticks.unwrap_or(86_400);
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    for part in ["fill", "ask"] {
        let status = Command::new(std::env::current_exe().unwrap())
            .env(
                PART,
                format!("{part} {ticks} {}", directory.path().display()),
            )
            .status();
        assert!(status.unwrap().success());
    }
    match std::env::var_os("NETMON_BIN_DIR") {
        Some(binaries) if nix::unistd::geteuid().is_root() => {
            let pid = Machine::new(ticks).processes[0].facts.id.pid;
            agent::measure(binaries.into(), directory.path(), pid);
        }
        _ => println!("SKIPPED: a real agent needs root and NETMON_BIN_DIR"),
    }
}

fn fill(options: &Options, ticks: u64) {
    let mut machine = Machine::new(0);
    let resident = Resident::new();
    let (history, _) = History::open(options).unwrap();
    let begin = Instant::now();
    let mut times = feed(&history, &mut machine, ticks);
    println!(
        "{ticks} ticks in {:.1} s, {} rows",
        begin.elapsed().as_secs_f64(),
        machine.rows
    );
    told("append, a tick after the other", &mut times);
    assert_eq!(history.status().problem, None);
    resident.tell("while a day is written in a minute");
    drop(history);
    for tier in fs::read_dir(options.directory.as_ref().unwrap()).unwrap() {
        let path = tier.unwrap().path();
        if path.is_dir() {
            println!(
                "{}: {:.1} MB, {:.2} B per row of a tick",
                path.file_name().unwrap().display(),
                bytes_of(&path) as f64 / 1e6,
                bytes_of(&path) as f64 / machine.rows as f64
            );
        }
    }
}

fn ask(options: &Options, ticks: u64) {
    let mut machine = Machine::new(ticks);
    machine.tick();
    machine.new = true;
    let resident = Resident::new();
    let (begin, before) = (Instant::now(), cpu());
    let (history, _) = History::open(options).unwrap();
    println!(
        "open: {:.1} ms, on the CPU {:.1}",
        milliseconds(begin.elapsed()),
        milliseconds(cpu() - before)
    );
    resident.tell("opening");
    let top = Query {
        top: 10,
        ..Query::default()
    };
    // Segments are sealed every 300 ticks: how much of one is in rows, and how much of a sealed one is
    // in a window, is chance.
    let recent = |machine: &Machine| Query {
        since: Some(START + (machine.seq - 600) * SECOND),
        ..top.clone()
    };
    for (more, what) in [(620, "20 in rows"), (130, "150"), (150, "300")] {
        feed(&history, &mut machine, more);
        resident.tell("minutes later");
        query(
            &history,
            &format!("top 10 of 10 min, {what}"),
            &recent(&machine),
        );
        resident.tell("answering");
    }
    let recent = recent(&machine);
    let pid = machine.processes[0].facts.id.pid;
    let one = Query {
        wanted: Some(Arc::new(move |facts: &Facts| facts.id.pid == pid)),
        pids: vec![pid],
        ..Query::default()
    };
    let by_minute = Query {
        step: 60 * SECOND,
        ..one.clone()
    };
    let named = Query {
        group: Grouping::Named(Arc::new(|facts: &Facts, _| facts.name.clone())),
        ..top.clone()
    };
    let sums = Query {
        peaks: false,
        ..named.clone()
    };
    let hourly = Query {
        step: 3600 * SECOND,
        ..top.clone()
    };
    let exited = Query {
        wanted: Some(Arc::new(|facts: &Facts| facts.exit.is_some())),
        ..top.clone()
    };
    for (what, asked) in [
        ("one process of all", &one),
        ("one process of all by minute", &by_minute),
        ("top 10 of all", &top),
        ("top 10 of all by hour", &hourly),
        ("top 10 exited of all", &exited),
        ("top 10 names of all, sums", &sums),
        ("top 10 names of all, peaks", &named),
    ] {
        query(&history, what, asked);
        resident.tell("answering");
    }
    pace(&history, &mut machine, |done| done < 1000);
    resident.tell("with ticks");
    let asking = std::sync::atomic::AtomicBool::new(true);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..10 {
                history.snapshot().answer(top.clone()).for_each(drop);
                history.snapshot().answer(recent.clone()).for_each(drop);
            }
            asking.store(false, std::sync::atomic::Ordering::Relaxed);
        });
        println!("while answers are made:");
        pace(&history, &mut machine, |_| {
            asking.load(std::sync::atomic::Ordering::Relaxed)
        });
    });
    resident.tell("with ticks while answering");
}
