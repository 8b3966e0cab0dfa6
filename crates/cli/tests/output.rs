//! What every format prints for the sample machine.
// Helpers of tests may panic as tests may.
#![allow(clippy::unwrap_used)]

mod support;

use support::agent::FakeAgent;
use support::agent::Script;
use support::program::printed;
use support::program::run;
use support::reply;
use support::sample;

#[test]
fn processes_prints_a_table_that_fits_80_columns() {
    insta::assert_snapshot!(printed(&FakeAgent::usual(), &["processes"]));
}

#[test]
fn top_rows_leave_the_totals_alone() {
    insta::assert_snapshot!(printed(&FakeAgent::usual(), &["ps", "--top", "2"]));
}

#[test]
fn a_selection_sums_what_it_holds() {
    insta::assert_snapshot!(printed(&FakeAgent::usual(), &["ps", "-p", "1187,744"]));
}

#[test]
fn ended_processes_have_columns_of_their_own() {
    insta::assert_snapshot!(printed(&FakeAgent::usual(), &["ps", "--state", "exited"]));
    insta::assert_snapshot!(printed(&FakeAgent::usual(), &["ps", "--state", "all"]));
}

#[test]
fn wide_prints_all_columns() {
    insta::assert_snapshot!(printed(&FakeAgent::usual(), &["ps", "-f", "wide", "-a"]));
}

#[test]
fn csv_holds_raw_numbers() {
    insta::assert_snapshot!(printed(&FakeAgent::usual(), &["ps", "-f", "csv", "-a"]));
}

#[test]
fn json_is_one_document() {
    let text = printed(
        &FakeAgent::usual(),
        &["ps", "-j", "--top", "1", "-a", "--cmdline"],
    );
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    insta::assert_snapshot!(serde_json::to_string_pretty(&document).unwrap());
}

#[test]
fn watch_repeats_the_table() {
    insta::assert_snapshot!(printed(&FakeAgent::three_ticks(), &["watch", "-n", "2"]));
}

#[test]
fn csv_has_one_header_for_many_ticks() {
    let text = printed(
        &FakeAgent::three_ticks(),
        &["watch", "-n", "3", "-f", "csv", "--top", "1"],
    );
    insta::assert_snapshot!(text);
}

#[test]
fn json_lines_begin_with_hello_and_end_with_bye() {
    insta::assert_snapshot!(printed(
        &FakeAgent::three_ticks(),
        &["watch", "-n", "2", "-j", "-p", "21934"]
    ));
}

#[test]
fn flat_lines_are_rows() {
    let args = [
        "watch",
        "-n",
        "2",
        "-j",
        "--flatten",
        "--top",
        "1",
        "--no-header",
    ];
    insta::assert_snapshot!(printed(&FakeAgent::three_ticks(), &args));
}

#[test]
fn an_interval_joins_ticks() {
    let args = [
        "watch",
        "--interval",
        "3s",
        "-n",
        "1",
        "-f",
        "csv",
        "--top",
        "1",
        "--columns",
        "time,interval,pid,rx_tick,rx,rx_total",
    ];
    insta::assert_snapshot!(printed(&FakeAgent::three_ticks(), &args));
}

#[test]
fn compat_formats_look_like_the_tools_they_stand_in_for() {
    let text = |args: &[&str]| {
        let mut all = vec!["watch", "-n", "2"];
        all.extend(args);
        printed(&FakeAgent::three_ticks(), &all)
    };
    insta::assert_snapshot!("nethogs", text(&["-f", "compat:nethogs"]));
    insta::assert_snapshot!("net_proc_watch", text(&["-f", "compat:net-proc-watch"]));
    insta::assert_snapshot!(
        "net_proc_watch_json",
        text(&["-f", "compat:net-proc-watch", "-j"])
    );
    insta::assert_snapshot!("procnetmon2", text(&["-f", "compat:procnetmon2"]));
    insta::assert_snapshot!(
        "procnetmon2_json",
        text(&["-f", "compat:procnetmon2", "-j"])
    );
}

#[test]
fn a_part_of_the_traffic_has_no_known_peaks() {
    let columns = "pid,name,rx,tx,peak,total";
    let args = ["ps", "--proto", "udp", "--columns", columns];
    insta::assert_snapshot!(printed(&FakeAgent::usual(), &args));
}

#[test]
fn loopback_is_shown_when_asked_for() {
    let columns = "pid,name,rx,tx,rx_total";
    let args = [
        "ps",
        "--loopback",
        "only",
        "--top",
        "1",
        "--columns",
        columns,
    ];
    insta::assert_snapshot!(printed(&FakeAgent::usual(), &args));
}

#[test]
fn what_is_not_counted_is_not_shown_as_zero() {
    let agent = FakeAgent::start(Script {
        agent: reply::agent_without("udp_rx", "no such tracepoint"),
        ..Script::default()
    });
    let outcome = run(&agent.socket(), &["ps", "--top", "2"]);
    insta::assert_snapshot!(format!("{}{}", outcome.stderr, outcome.stdout));
    let tcp = printed(&agent, &["ps", "--top", "2", "--proto", "tcp"]);
    assert!(tcp.contains("8.90MiB"), "{tcp}");
}

#[test]
fn bytes_without_a_process_are_a_row_of_their_own() {
    let mut list = sample::snapshot();
    let tick = list.tick.as_mut().unwrap();
    tick.unattributed_rx_bytes = 1 << 20;
    tick.unattributed_rx_bytes_total = 5 << 20;
    let agent = FakeAgent::start(Script {
        list,
        ..Script::default()
    });
    insta::assert_snapshot!(printed(&agent, &["ps", "--top", "1"]));
}

#[test]
fn the_first_tick_of_an_agent_has_no_rates() {
    let mut list = sample::snapshot();
    list.tick.as_mut().unwrap().length_ns = 0;
    let agent = FakeAgent::start(Script {
        list,
        ..Script::default()
    });
    insta::assert_snapshot!(printed(&agent, &["ps", "--top", "1"]));
}

#[test]
fn status_tells_what_is_counted_and_what_not() {
    let scrub =
        |text: String, agent: &FakeAgent| text.replace(agent.socket().to_str().unwrap(), "SOCKET");
    let healthy = FakeAgent::usual();
    insta::assert_snapshot!("status", scrub(printed(&healthy, &["status"]), &healthy));
    insta::assert_snapshot!("status_json", printed(&healthy, &["status", "--json"]));
    let mut reply = reply::agent_without("udp_rx", "no such tracepoint");
    reply.losses[0].events = 1204;
    reply.capabilities[9].reason = Some("records sent by the kernel only".to_owned());
    let degraded = FakeAgent::start(Script {
        agent: reply,
        ..Script::default()
    });
    insta::assert_snapshot!(
        "status_degraded",
        scrub(printed(&degraded, &["status"]), &degraded)
    );
    let check = run(&healthy.socket(), &["status", "--check"]);
    assert_eq!(
        (check.code, check.stdout.as_str()),
        (0, "ok: netmon-agent 0.1.0, up 3d04h, nothing lost\n")
    );
    let check = run(&degraded.socket(), &["status", "--check"]);
    assert_eq!(
        (check.code, check.stdout.as_str()),
        (
            1,
            "degraded: udp_rx missing (no such tracepoint); \
             1204 events lost (process_map_full)\n"
        )
    );
}
