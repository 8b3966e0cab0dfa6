//! The sample host, played without an agent around it.

use std::collections::HashMap;

use super::scenario::Time;
use super::*;
use crate::ledger::Reading;

const MIB: f64 = 1_048_576.0;

fn web01() -> PathBuf {
    PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../cli/tests/screen/web01.toml"
    ))
}

fn started(fifo: &Path, fresh: bool) -> Simulation {
    Simulation::start(&web01(), fifo, fresh).unwrap()
}

fn totals(reading: &Reading) -> HashMap<u32, [u64; 2]> {
    let of = |traffic: &netmon_bpf::abi::Traffic, side: usize| {
        let flows = traffic.flows.iter().skip(side).step_by(2);
        flows.map(|flow| flow.bytes).sum::<u64>()
    };
    let processes = reading.processes.iter();
    processes
        .map(|(id, traffic)| (id.pid, [of(traffic, 0), of(traffic, 1)]))
        .collect()
}

/// Received and sent between two readings, MiB; and by how many processes.
fn moved(before: &Reading, after: &Reading) -> ([f64; 2], usize) {
    let (earlier, later) = (totals(before), totals(after));
    let (mut sum, mut active) = ([0; 2], 0);
    for (pid, now) in later {
        let then = earlier.get(&pid).copied().unwrap_or_default();
        active += usize::from(now != then);
        sum = [0, 1].map(|side| sum[side] + now[side] - then[side]);
    }
    (sum.map(|bytes| bytes as f64 / MIB), active)
}

fn text(number: f64) -> String {
    format!("{number:.2}")
}

#[test]
fn the_sample_host_is_what_the_screens_say() {
    let directory = tempfile::tempdir().unwrap();
    let past = started(&directory.path().join("fifo"), false).begin();
    let readings: Vec<&Reading> = past.iter().map(|collected| &collected.reading).collect();
    assert_eq!(readings.len(), 601);
    let now = readings[600];
    let end = Time::try_from("2026-11-20T17:56:05Z".to_owned()).unwrap();
    let zero = Time::try_from("2026-11-12T08:00:00Z".to_owned()).unwrap();
    assert_eq!((now.seq, now.time), (601, end.0 - zero.0));
    let (sum, active) = moved(readings[599], now);
    assert_eq!(
        (sum.map(text), active),
        (["11.26", "5.02"].map(str::to_owned), 9)
    );
    assert_eq!(now.processes.len(), 42);
    let sockets = now.socket_counts.iter().flatten();
    assert_eq!(
        sockets.map(|(_, count)| count.tcp + count.udp).sum::<u32>(),
        148
    );
    let ticks: Vec<[f64; 2]> = readings
        .windows(2)
        .map(|pair| moved(pair[0], pair[1]).0)
        .collect();
    // A terminal 160 cells wide shows 71 of them.
    for (side, ago, peak) in [(0, 32, "48.1"), (1, 23, "9.80")] {
        let visible = &ticks[529..];
        let highest = (0..71).max_by(|a, b| visible[*a][side].total_cmp(&visible[*b][side]));
        assert_eq!(highest, Some(70 - ago), "side {side}");
        assert!(
            text(visible[70 - ago][side]).starts_with(peak),
            "{:?}",
            visible[70 - ago]
        );
    }
    let ended = readings.iter().flat_map(|reading| &reading.news);
    assert_eq!(ended.filter(|facts| facts.exit.is_some()).count(), 7);
}

#[test]
fn connections_add_up_to_their_processes() {
    let directory = tempfile::tempdir().unwrap();
    let past = started(&directory.path().join("fifo"), false).begin();
    let now = &past[600].reading;
    let mut sums: HashMap<u32, [u64; 2]> = HashMap::new();
    for connection in now.connections.open.iter().flatten() {
        let sum = sums.entry(connection.process.pid).or_default();
        *sum = [sum[0] + connection.rx.bytes, sum[1] + connection.tx.bytes];
    }
    let totals = totals(now);
    for (pid, sum) in &sums {
        assert_eq!(Some(sum), totals.get(pid), "{pid}");
    }
    assert_eq!(sums.len(), 12);
}

#[test]
fn the_next_agent_goes_on_or_starts_at_zero() {
    let directory = tempfile::tempdir().unwrap();
    let fifo = directory.path().join("fifo");
    let mut first = started(&fifo, false);
    let before = first.begin().pop().unwrap();
    first.world.release("exit 31877").unwrap();
    first.kernel.released.push((601, "exit 31877".to_owned()));
    first.world.advance();
    first.kernel.tick = 601;
    first.keep();

    let mut kept = started(&fifo, false);
    let reading = kept.begin().pop().unwrap().reading;
    assert_eq!(reading.seq, before.reading.seq + 1 + 9);
    assert_eq!(reading.time - before.reading.time, 10 * STEP);
    assert_eq!(kept.ground().handover.restarts, 1);
    let (then, now) = (totals(&before.reading), totals(&reading));
    assert!(now[&21934][0] > then[&21934][0]);
    assert!(!now.contains_key(&31877), "it had ended before");

    let mut fresh = started(&fifo, true);
    let reading = fresh.begin().pop().unwrap().reading;
    assert!(
        reading.processes.is_empty(),
        "nobody has moved a byte since"
    );
    assert_eq!(fresh.ground().created, reading.time);
    assert_eq!(fresh.ground().handover, Handover::default());
    fresh.world.advance();
    let (sum, active) = moved(&reading, &fresh.world.read());
    assert_eq!(active, 8);
    assert!(sum[0] > 5.0 && sum[0] < 20.0, "{sum:?}");
}

#[test]
fn what_is_released_shows_in_the_next_tick() {
    let directory = tempfile::tempdir().unwrap();
    let mut world = started(&directory.path().join("fifo"), false).world;
    assert!(world.release("nonsense").is_err());
    world.release("lost").unwrap();
    world.release("unattributed").unwrap();
    world.advance();
    let reading = world.read();
    assert_eq!(reading.losses.bytes_lost(), 1204);
    assert_eq!(reading.unattributed.flows[0].bytes, 10 * 1024);
    world.release("exit 688").unwrap_err();
}
