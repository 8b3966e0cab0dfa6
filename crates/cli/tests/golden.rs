//! What other programs read from this one, to the letter: scenario 42. Formats of other tools are
//! frozen; none of these may change without a reason that is told to users.
// Helpers of tests may panic as tests may.
#![allow(clippy::unwrap_used)]

mod support;

use support::agent::FakeAgent;
use support::packets;
use support::program::printed;
use support::program::run;
use support::schema::assert_fits;

fn watched(args: &[&str]) -> String {
    let all = [&["watch", "-n", "3"], args].concat();
    printed(&FakeAgent::three_ticks(), &all)
}

#[test]
fn scenario_42_csv_of_a_stream() {
    let text = watched(&["-f", "csv"]);
    let header = "time,interval_s,id,pid,ppid,start_time,state,uid,user,name,unit,container,\
        conns_tcp,conns_udp,rx_bytes,tx_bytes,rx_bytes_per_s,tx_bytes_per_s,rx_bytes_total,\
        tx_bytes_total,rx_peak_bytes_per_s,tx_peak_bytes_per_s,lower_bound";
    assert_eq!(text.lines().next(), Some(header));
    insta::assert_snapshot!("csv", text);
}

#[test]
fn scenario_42_json_lines_of_a_stream() {
    let text = watched(&["-j"]);
    let kinds: Vec<_> = assert_fits(&text).into_iter().collect();
    assert_eq!(kinds, ["bye", "hello", "sample"]);
    insta::assert_snapshot!("jsonl", text);
}

#[test]
fn scenario_42_formats_of_other_tools() {
    for (name, args) in [
        ("procnetmon2", &["--format", "compat:procnetmon2"][..]),
        (
            "procnetmon2_json",
            &["--format", "compat:procnetmon2", "-j"],
        ),
        ("net_proc_watch", &["--format", "compat:net-proc-watch"]),
        (
            "net_proc_watch_json",
            &["--format", "compat:net-proc-watch", "-j"],
        ),
        ("nethogs", &["--format", "compat:nethogs"]),
    ] {
        insta::assert_snapshot!(name, watched(args));
    }
}

#[test]
fn scenario_42_a_trace() {
    let trace = |args: &[&str]| {
        let agent = FakeAgent::tracing(packets::usual());
        let outcome = run(&agent.socket(), &[&["trace", "-n", "3"], args].concat());
        assert_eq!(outcome.code, 0, "{}", outcome.stderr);
        outcome.stdout
    };
    let table = trace(&[]);
    assert_eq!(
        table.lines().next(),
        Some(
            "KERNEL FUNCTION   SRC IP          DST IP          SRC PORT DST PORT SEQ        \
             ACK SEQ    TIMESTAMP"
        )
    );
    insta::assert_snapshot!("trace", table);
    let csv = trace(&["-f", "csv"]);
    let header = "time,function,src_ip,dst_ip,src_port,dst_port,seq,ack_seq,len,flags,interface,\
        cpu,pid,name,since_prev_us";
    assert_eq!(csv.lines().next(), Some(header));
    insta::assert_snapshot!("trace_csv", csv);
    let json = trace(&["-f", "jsonl"]);
    assert_fits(&json);
    insta::assert_snapshot!("trace_jsonl", json);
}
