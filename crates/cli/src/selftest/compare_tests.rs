//! Claims about comparing truth and counts.

use proptest::prop_assert;
use proptest::prop_assert_eq;
use proptest::proptest;

use super::compare::compare;
use super::compare::Counted;
use super::compare::Verdict;
use super::truth::Account;
use super::truth::Bytes;
use super::truth::Cell;
use super::truth::Entry;
use super::truth::Transport;

const TICKS: u64 = 100;
const START_NS: u64 = 123_456_789_012;
const START_TICKS: u64 = 12_345;

fn kind(transport: Transport, peer: &str) -> Cell {
    Cell::of(transport, peer.parse().unwrap())
}

fn lo() -> Cell {
    kind(Transport::Tcp, "127.0.0.1")
}

fn account(cells: &[(Cell, u64, u64)]) -> Account {
    let entry = |&(cell, rx, tx): &(Cell, u64, u64)| Entry {
        cell,
        bytes: Bytes { rx, tx },
    };
    Account {
        process: "client".to_owned(),
        pid: 7,
        start_ticks: START_TICKS,
        name: "netmon".to_owned(),
        cells: cells.iter().map(entry).collect(),
    }
}

fn counted(cells: &[(Cell, u64, u64)]) -> Counted {
    Counted {
        pid: 7,
        start_ns: START_NS,
        name: "netmon".to_owned(),
        cells: cells
            .iter()
            .map(|&(cell, rx, tx)| (cell, Bytes { rx, tx }))
            .collect(),
    }
}

fn verdicts(account: &Account, counted: &[Counted]) -> Vec<String> {
    let lines = compare(account, counted, TICKS);
    lines.iter().map(|line| line.verdict.to_string()).collect()
}

#[test]
fn difference_is_counted_minus_true() {
    for (rx, tx, expected) in [
        (100, 200, "ok"),
        (107, 200, "rx+7"),
        (100, 188, "tx-12"),
        (99, 201, "tx+1 rx-1"),
        (0, 0, "tx-200 rx-100"),
        (100, u64::MAX, "tx+18446744073709551415"),
    ] {
        let rows = [counted(&[(lo(), rx, tx)])];
        assert_eq!(verdicts(&account(&[(lo(), 100, 200)]), &rows), [expected]);
    }
}

#[test]
fn bytes_in_another_kind_are_off_in_both() {
    for other in [
        kind(Transport::Udp, "127.0.0.1"),
        kind(Transport::Tcp, "::1"),
        kind(Transport::Tcp, "10.0.0.1"),
    ] {
        let rows = [counted(&[(other, 100, 200)])];
        let mut found = verdicts(&account(&[(lo(), 100, 200)]), &rows);
        found.sort();
        assert_eq!(found, ["tx+200 rx+100", "tx-200 rx-100"], "{other:?}");
    }
}

#[test]
fn unknown_process_is_missing_only_if_it_had_traffic() {
    assert_eq!(verdicts(&account(&[(lo(), 1, 0)]), &[]), ["missing"]);
    assert_eq!(verdicts(&account(&[]), &[]), ["ok"]);
    assert_eq!(verdicts(&account(&[]), &[counted(&[(lo(), 0, 0)])]), ["ok"]);
    assert_eq!(
        verdicts(&account(&[]), &[counted(&[(lo(), 5, 0)])]),
        ["rx+5"]
    );
}

#[test]
fn row_of_another_start_is_another_process() {
    let truth = account(&[(lo(), 1, 2)]);
    for (start_ns, expected) in [
        (START_TICKS * 10_000_000, "ok"),
        (START_TICKS * 10_000_000 + 9_999_999, "ok"),
        (START_TICKS * 10_000_000 - 1, "missing"),
        ((START_TICKS + 1) * 10_000_000, "missing"),
        (0, "missing"),
        (u64::MAX, "missing"),
    ] {
        let row = Counted {
            start_ns,
            ..counted(&[(lo(), 1, 2)])
        };
        assert_eq!(verdicts(&truth, &[row]), [expected], "{start_ns}");
    }
}

#[test]
fn wrong_name_is_told_without_control_characters() {
    let row = Counted {
        name: "x\x1b[31m".to_owned(),
        ..counted(&[(lo(), 1, 2)])
    };
    let [found] = &verdicts(&account(&[(lo(), 1, 2)]), &[row])[..] else {
        panic!("one line")
    };
    assert!(
        found.starts_with("name x") && !found.contains('\x1b'),
        "{found}"
    );
}

proptest! {
    #[test]
    fn exact_means_equal(rx: u64, tx: u64, counted_rx: u64, counted_tx: u64, same: bool) {
        let (counted_rx, counted_tx) = if same { (rx, tx) } else { (counted_rx, counted_tx) };
        let lines = compare(
            &account(&[(lo(), rx, tx)]),
            &[counted(&[(lo(), counted_rx, counted_tx)])],
            TICKS,
        );
        prop_assert_eq!(lines.len(), 1);
        let exact = lines.iter().all(|line| line.verdict == Verdict::Exact);
        prop_assert_eq!(exact, (rx, tx) == (counted_rx, counted_tx));
        prop_assert!(lines.iter().all(|line| line.counted.is_some()));
    }
}
