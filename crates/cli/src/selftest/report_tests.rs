//! What the result looks like.

use super::compare::Comparison;
use super::compare::Verdict;
use super::crowd::Crowd;
use super::ends::Path;
use super::losses::Losses;
use super::plan::runs;
use super::report::json;
use super::report::summary;
use super::report::table;
use super::report::Finding;
use super::report::Findings;
use super::report::Summary;
use super::truth::Bytes;
use super::truth::Cell;
use super::truth::Transport;

fn line(process: &str, truth: Bytes, counted: Option<Bytes>, verdict: Verdict) -> Comparison {
    let cell = Some(Cell::of(Transport::Tcp, "127.0.0.1".parse().unwrap()));
    Comparison {
        process: process.to_owned(),
        pid: 7,
        cell,
        truth,
        counted,
        verdict,
    }
}

fn findings() -> Findings {
    let bytes = |rx, tx| Bytes { rx, tx };
    let exact = |process, rx, tx| line(process, bytes(rx, tx), Some(bytes(rx, tx)), Verdict::Exact);
    let results = [
        Finding::Compared(vec![exact("client", 0, 100), exact("server", 100, 0)]),
        Finding::Compared(vec![
            line(
                "client",
                bytes(7, 100),
                Some(bytes(7, 112)),
                Verdict::Off { rx: 0, tx: 12 },
            ),
            line("server", bytes(100, 7), None, Verdict::Missing),
        ]),
        Finding::Compared(vec![
            exact("short life", 0, 1000),
            exact("short life", 0, 2000),
            exact("short life", 0, 3000),
            exact("server", 6000, 0),
        ]),
        Finding::Skipped("no TLS in this kernel".to_owned()),
        Finding::Failed("client: Connection reset by peer".to_owned()),
    ];
    runs("tcp_*", &[Path::Lo], false)
        .into_iter()
        .zip(results)
        .collect()
}

#[test]
fn table_has_a_line_per_process_and_one_for_many_alike() {
    insta::assert_snapshot!(table(&findings()) + &summary(&findings(), None), @r"
    CASE            PATH  FAMILY  PROCESS          SENT  COUNTED  RECEIVED  COUNTED  RESULT
    tcp_basic       lo    ipv4    client            100      100         0        0  ok
    tcp_basic       lo    ipv4    server              0        0       100      100  ok
    tcp_basic       lo    ipv6    client            100      112         7        7  tx+12 (tcp ipv4 loopback)
    tcp_basic       lo    ipv6    server              7      n/a       100      n/a  missing
    tcp_basic       lo    mapped  short life (x3)  6000     6000         0        0  ok
    tcp_basic       lo    mapped  server              0        0      6000     6000  ok
    tcp_dual_stack  lo    ipv6    -                   -        -         -        -  skipped: no TLS in this kernel
    tcp_partial     lo    ipv4    -                   -        -         -        -  failed: client: Connection reset by peer
    5 cases, 2 exact, 1 off, 1 skipped, 1 failed
    ");
}

#[test]
fn json_has_every_process_and_null_for_unknown() {
    let document: serde_json::Value = serde_json::from_str(&json(&findings(), None)).unwrap();
    assert_eq!(document["summary"]["off"], 1);
    assert_eq!(
        document["cases"][2]["processes"].as_array().map(Vec::len),
        Some(4)
    );
    let missing = &document["cases"][1]["processes"][1];
    assert_eq!(missing["tx_bytes"], 7);
    assert!(missing["tx_bytes_counted"].is_null());
    assert_eq!(missing["result"], "missing");
    assert_eq!(document["cases"][3]["reason"], "no TLS in this kernel");
}

#[test]
fn anything_off_or_failed_is_not_clean() {
    for (kept, clean) in [(&[0, 2, 3][..], true), (&[0, 1], false), (&[0, 4], false)] {
        let findings = findings().into_iter().enumerate();
        let kept: Findings = findings
            .filter(|(at, _)| kept.contains(at))
            .map(|(_, finding)| finding)
            .collect();
        assert_eq!(Summary::of(&kept).is_clean(), clean);
    }
}

fn crowd() -> (Findings, Losses) {
    let bytes = |tx| Bytes { rx: 0, tx };
    let lives = (1..=2000).map(|number| match number {
        7 => line("life", bytes(7), None, Verdict::Missing),
        // More than is shown.
        100..130 => {
            let off = Verdict::Off { rx: 0, tx: -1 };
            line("life", bytes(number), Some(bytes(number - 1)), off)
        }
        1500 => {
            let off = Verdict::Off { rx: 0, tx: 12 };
            line("life", bytes(1500), Some(bytes(1512)), off)
        }
        _ => line("life", bytes(number), Some(bytes(number)), Verdict::Exact),
    });
    let losses = vec![("missed_events".to_owned(), 31)];
    let crowd = Crowd::of(lives.collect(), Some(losses.clone()));
    let run = runs("load_storm", &[Path::Lo], false)[0];
    (vec![(run, Finding::Crowd(crowd))], losses)
}

#[test]
fn crowd_is_counted_and_its_first_faults_are_named() {
    let (findings, losses) = crowd();
    insta::assert_snapshot!(table(&findings) + &summary(&findings, Some(&losses)), @r"
    CASE        PATH  FAMILY  PROCESS          SENT  COUNTED  RECEIVED  COUNTED  RESULT
    load_storm  lo    ipv4    life (x2000)  2001000  2000975         0        0  1968 of 2000 exact, 1 missing, 31 off (tcp ipv4 loopback)
    load_storm  lo    ipv4    life             1500     1512         0        0  tx+12 (tcp ipv4 loopback)
    load_storm  lo    ipv4    life                7      n/a         0      n/a  missing
    load_storm  lo    ipv4    life              100       99         0        0  tx-1 (tcp ipv4 loopback)
    load_storm  lo    ipv4    life              101      100         0        0  tx-1 (tcp ipv4 loopback)
    load_storm  lo    ipv4    life              102      101         0        0  tx-1 (tcp ipv4 loopback)
    load_storm  lo    ipv4    -                   -        -         -        -  lost meanwhile: missed_events 31
    lost events: missed_events 31
    1 cases, 0 exact, 1 off, 0 skipped
    ");
    let none = Losses::new();
    assert!(summary(&findings, Some(&none)).starts_with("lost events: none\n"));
    let document: serde_json::Value =
        serde_json::from_str(&json(&findings, Some(&losses))).unwrap();
    let case = &document["cases"][0];
    assert_eq!(case["result"], "off");
    let group = &case["groups"][0];
    let counts = ["processes", "exact", "missing", "off"].map(|key| group[key].as_u64().unwrap());
    assert_eq!(counts, [2000, 1968, 1, 31]);
    let wrong = case["processes"].as_array().unwrap();
    assert_eq!(wrong.len(), 20);
    // Whoever looks for what no loss explains finds it among them.
    assert_eq!(wrong[0]["result"], "tx+12");
    assert_eq!(case["losses"]["missed_events"], 31);
    assert_eq!(case["lost_events"], 31);
    assert_eq!(document["lost_events"], 31);
    let others: serde_json::Value =
        serde_json::from_str(&json(&super::report_tests::findings(), None)).unwrap();
    assert!(others["lost_events"].is_null());
    assert!(others["cases"][0].get("groups").is_none());
}
