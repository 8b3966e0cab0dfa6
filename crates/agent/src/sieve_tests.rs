use netmon_api::v1;
use netmon_bpf::abi::Flow;

use super::*;
use crate::frame::FlowCount;
use crate::ledger::tests::facts;
use crate::rate::Peaks;

const SECOND: u64 = 1_000_000_000;

fn row(pid: u32, rx: u64, total: u64) -> Row {
    Row {
        facts: Arc::new(facts(pid, None)),
        flows: vec![FlowCount {
            rx,
            rx_total: Flow {
                bytes: total,
                calls: 1,
            },
            ..FlowCount::default()
        }],
        connections: None,
        trouble: None,
        peaks: Peaks::default(),
        peaks_with_loopback: Peaks::default(),
    }
}

fn tick() -> TickFacts {
    TickFacts {
        length: SECOND,
        time: SECOND,
        ..TickFacts::default()
    }
}

fn frame(rows: Vec<Row>) -> Frame {
    Frame {
        tick: tick(),
        news: Vec::new(),
        rows,
        forgotten: Vec::new(),
        connections: None,
    }
}

fn selection(expression: &str) -> Selection {
    let filter = v1::Filter {
        expression: expression.to_owned(),
        ..v1::Filter::default()
    };
    Selection::new(Some(filter)).unwrap()
}

fn pids(frame: &Frame) -> (Vec<u32>, Vec<u32>) {
    let rows = frame.rows.iter().map(|row| row.facts.id.pid).collect();
    (rows, frame.forgotten.iter().map(|id| id.pid).collect())
}

#[test]
fn a_process_is_told_while_its_rate_is_high_and_forgotten_when_it_is_not() {
    let fast = selection("rx>1K");
    let none = ByProcess::default();
    let mut sieve = Sieve::new(&fast, &[row(7, 0, 5000)], &tick(), &none);
    let told = sieve.pass(
        &frame(vec![row(7, 3000, 8000)]),
        &fast,
        false,
        ByProcess::default,
    );
    assert_eq!(pids(&told), (vec![7], vec![]));
    assert_eq!(told.news.len(), 1, "it is described when it comes");
    assert_eq!(told.rows[0].flows[0].rx_total.bytes, 8000);
    let told = sieve.pass(
        &frame(vec![row(7, 2000, 10_000)]),
        &fast,
        false,
        ByProcess::default,
    );
    assert_eq!((pids(&told), told.news.len()), ((vec![7], vec![]), 0));
    let told = sieve.pass(&frame(vec![]), &fast, false, ByProcess::default);
    assert_eq!(
        pids(&told),
        (vec![], vec![7]),
        "a frame without it is a rate of 0"
    );
    let told = sieve.pass(
        &frame(vec![row(7, 1, 10_001)]),
        &fast,
        false,
        ByProcess::default,
    );
    assert_eq!(pids(&told), (vec![], vec![]));
}

#[test]
fn one_that_is_idle_matches_without_a_row_of_its_own() {
    let idle = selection("is:idle");
    let none = ByProcess::default();
    let mut sieve = Sieve::new(&idle, &[row(7, 9, 9)], &tick(), &none);
    assert!(!sieve.shows(facts(7, None).id));
    assert_eq!(
        pids(&sieve.pass(&frame(vec![]), &idle, false, ByProcess::default)),
        (vec![7], vec![])
    );
}

#[test]
fn who_is_dropped_is_forgotten_if_it_was_told() {
    let all = selection("pid:7,8");
    let none = ByProcess::default();
    let mut sieve = Sieve::new(&all, &[row(7, 0, 1), row(9, 0, 1)], &tick(), &none);
    let mut gone = frame(vec![]);
    gone.forgotten = vec![facts(7, None).id, facts(9, None).id];
    assert_eq!(
        pids(&sieve.pass(&gone, &all, false, ByProcess::default)),
        (vec![], vec![7])
    );
    assert_eq!(
        pids(&sieve.pass(&gone, &all, false, ByProcess::default)),
        (vec![], vec![])
    );
}

#[test]
fn a_word_about_connections_takes_who_has_one() {
    use crate::connections::tests::reading;
    let connection = |pid, id| {
        let reading = reading(pid, id, (1, 1), 0);
        Arc::new(ConnectionRow {
            key: (reading.process, id),
            seq: 0,
            rx: 0,
            tx: 0,
            rx_total: reading.rx,
            tx_total: reading.tx,
            kind: crate::connection::Kind::Socket(crate::connection::Socket {
                reading,
                interface: Some("eth0".into()),
                closed: None,
            }),
        })
    };
    let all = ByProcess::new(vec![connection(9, 3), connection(7, 2), connection(7, 1)]);
    assert_eq!(all.of(facts(7, None).id).len(), 2);
    let rows = [row(7, 0, 1), row(8, 0, 1)];
    for (expression, expected) in [
        ("port:80 iface:eth0", true),
        ("host:10.0.0.0/8 state:established", true),
        ("iface:eth1", false),
        ("proto:udp", false),
    ] {
        let sieve = Sieve::new(&selection(expression), &rows, &tick(), &all);
        assert_eq!(sieve.shows(facts(7, None).id), expected, "{expression}");
        assert!(!sieve.shows(facts(8, None).id), "{expression}");
    }
}
