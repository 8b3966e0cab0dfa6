use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::row::Counter;
use crate::row::Extent;
use crate::row::Facts;
use crate::row::Peaks;
use crate::row::State;
use crate::row::TcpHealth;

fn row(pid: u32, rx: u64) -> ProcessRow {
    let mut flows = Flows::default();
    flows.external[0][0].tick.rx = rx;
    ProcessRow {
        facts: Arc::new(Facts {
            id: ProcessId { pid, start_ns: 0 },
            state: State::Live,
            start_time: Timestamp::UNIX_EPOCH,
            first_seen: Timestamp::UNIX_EPOCH,
            parent_pid: None,
            parent_name: None,
            uid: 0,
            user: None,
            name: String::new(),
            exe: None,
            args: Vec::new(),
            cgroup: None,
            unit: None,
            container: None,
            exit: None,
        }),
        flows,
        tcp_connections: None,
        udp_connections: None,
        peaks: Peaks::default(),
        peaks_with_loopback: Peaks::default(),
        health: TcpHealth::default(),
    }
}

fn sample(seq: u64, ms: Option<u64>, rows: &[(u32, u64)]) -> Sample {
    let mut flows = Flows::default();
    flows.external[0][0].tick.rx = rows.iter().map(|(_, rx)| rx).sum();
    Sample {
        seq,
        time: Timestamp::UNIX_EPOCH,
        length: ms.map(Duration::from_millis),
        merged: 1,
        extent: Extent::All,
        flows,
        unattributed: Counter::default(),
        processes: 0,
        processes_active: 0,
        tcp_connections: None,
        udp_connections: None,
        lower_bound: false,
        rows: rows.iter().map(|(pid, rx)| row(*pid, *rx)).collect(),
        connections: Vec::new(),
    }
}

#[test]
fn a_step_is_as_long_as_its_ticks() {
    let mut merge = Merge::new(2);
    assert_eq!(merge.push(sample(1, Some(1000), &[])), None);
    let merged = merge.push(sample(2, Some(1800), &[])).unwrap();
    assert_eq!(
        (merged.seq, merged.merged, merged.length),
        (2, 2, Some(Duration::from_millis(2800)))
    );
}

#[test]
fn one_unknown_length_makes_the_step_unknown() {
    let mut merge = Merge::new(2);
    merge.push(sample(1, None, &[]));
    assert_eq!(merge.push(sample(2, Some(1000), &[])).unwrap().length, None);
}

#[test]
fn ticks_that_were_merged_before_count_as_many() {
    let mut merge = Merge::new(3);
    merge.push(sample(1, Some(1000), &[]));
    let two = Sample {
        merged: 2,
        ..sample(3, Some(2000), &[])
    };
    assert_eq!(merge.push(two).unwrap().merged, 3);
}

#[test]
fn one_lossy_tick_makes_the_step_a_lower_bound() {
    let mut merge = Merge::new(2);
    merge.push(Sample {
        lower_bound: true,
        ..sample(1, Some(1000), &[])
    });
    assert!(merge.push(sample(2, Some(1000), &[])).unwrap().lower_bound);
}

proptest! {
    #[test]
    fn no_byte_is_lost_or_counted_twice(
        step in 1_u32..5,
        ticks in prop::collection::vec(prop::collection::btree_map(0_u32..5, 0_u64..1000, 0..5), 0..20),
    ) {
        let mut merge = Merge::new(step);
        let mut merged: BTreeMap<u32, u64> = BTreeMap::new();
        let (mut all, mut machine, mut samples) = (0, 0, Vec::new());
        let mut expected: BTreeMap<u32, u64> = BTreeMap::new();
        for (seq, tick) in (0..).zip(&ticks) {
            let rows: Vec<_> = tick.iter().map(|(pid, rx)| (*pid, *rx)).collect();
            for (pid, rx) in &rows {
                *expected.entry(*pid).or_default() += rx;
                all += rx;
            }
            samples.extend(merge.push(sample(seq, Some(1000), &rows)));
        }
        samples.extend(merge.flush());
        for sample in samples {
            machine += sample.flows.external[0][0].tick.rx;
            for row in &sample.rows {
                *merged.entry(row.facts.id.pid).or_default() += row.flows.external[0][0].tick.rx;
            }
        }
        prop_assert_eq!(merged, expected);
        prop_assert_eq!(machine, all);
    }
}
