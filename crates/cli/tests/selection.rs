//! What selection options ask of the agent, and what is refused before it is asked.

// Helpers of tests may panic as tests may.
#![allow(clippy::unwrap_used)]

mod support;

use support::agent::FakeAgent;
use support::agent::Script;
use support::past::Past;
use support::program::printed;
use support::program::run;
use support::reply;

// The expression that `ps` with `args` sends.
fn sent(args: &[&str]) -> String {
    let agent = FakeAgent::usual();
    let mut all = vec!["ps"];
    all.extend(args);
    printed(&agent, &all);
    // With single connections it is a stream that is asked, of which the first tick is taken.
    let streams = agent.requests();
    let filters = streams.into_iter().filter_map(|request| request.filter);
    let mut all: Vec<_> = agent.lists().into_iter().chain(filters).collect();
    assert_eq!(all.len(), 1);
    all.remove(0).expression
}

#[test]
fn every_option_is_sent() {
    for (args, expected) in [
        (&["--unit", "nginx,api"][..], "unit:nginx,api"),
        (&["--cgroup", "/system.slice"], "cgroup:/system.slice"),
        (&["--container", "web"], "container:web"),
        (&["-i", "lo"], "iface:lo"),
        (&["--interface", "lo"], "iface:lo"),
        (&["--host", "10.0.0.0/8,::1"], "host:10.0.0.0/8,::1"),
        (&["--port", "80-90", "--port", "443"], "port:80-90,443"),
        (&["--lport", "443"], "lport:443"),
        (&["--rport", "443"], "rport:443"),
        (&["--filter", "!port:22 rx>100K"], "!port:22 rx>100KiB"),
        (&["--filter", "user:root"], "user:0"),
        (&["--filter", "a or b", "--unit", "c"], "(a or b) unit:c"),
        (&[], ""),
    ] {
        let found = sent(args);
        let same = |text: &str| netmon_api::filter::Filter::parse(text).unwrap();
        assert_eq!(same(&found), same(expected), "{args:?}: {found}");
    }
    let found = sent(&["--host", "localhost"]);
    assert!(["host:127.0.0.1", "host:::1", "host:127.0.0.1,::1"].contains(&found.as_str()));
}

#[test]
fn streams_and_the_history_are_asked_the_same() {
    let agent = FakeAgent::with_past(Past::default());
    printed(&agent, &["watch", "-n", "1", "--filter", "nginx"]);
    let filter = agent.requests()[0].filter.clone().unwrap();
    assert_eq!(filter.expression, "nginx");
    run(&agent.socket(), &["query", "--unit", "nginx"]);
    let filter = agent.questions()[0].filter.clone().unwrap();
    assert_eq!(filter.expression, "unit:nginx");
    // The screen's command line reads the same options.
    printed(&agent, &["top", "-b", "-n", "1", "--filter", "api"]);
    let filter = agent.requests()[1].filter.clone().unwrap();
    assert_eq!(filter.expression, "api");
}

#[test]
fn a_selection_in_words_has_a_sum_of_its_own() {
    let text = printed(&FakeAgent::usual(), &["ps", "--filter", "x"]);
    assert!(text.contains("TOTAL     6 of 6"), "{text}");
}

#[test]
fn mistakes_are_told_before_anything_is_asked() {
    let agent = FakeAgent::usual();
    for (args, expected) in [
        (
            &["--filter", "rx>>5"][..],
            "netmon: filter: expected a size after 'rx>' at column 4\n      rx>>5\n         ^\n",
        ),
        (
            &["-i", "10.0.0.1"],
            "netmon: '10.0.0.1' is an address, not an interface. Use --host 10.0.0.1.\n",
        ),
        (
            &["--port", "70000"],
            "netmon: 70000 is not a port (1-65535). To select a process use --pid 70000.\n",
        ),
        (
            &["--host", "no.such.host.invalid"],
            "netmon: no address for host 'no.such.host.invalid'\n",
        ),
        (
            &["--filter", "user:nosuchuser"],
            "netmon: no user 'nosuchuser' on this machine\n",
        ),
    ] {
        for command in ["watch", "ps", "query"] {
            let mut all = vec![command];
            all.extend(args);
            let outcome = run(&agent.socket(), &all);
            assert_eq!((outcome.code, outcome.stderr.as_str()), (2, expected));
        }
    }
    let outcome = run(&agent.socket(), &["watch", "-i", "eth9none"]);
    assert_eq!(outcome.code, 2);
    assert!(
        outcome
            .stderr
            .starts_with("netmon: no interface 'eth9none'. Interfaces: lo"),
        "{}",
        outcome.stderr
    );
    assert!(agent.requests().is_empty() && agent.lists().is_empty());
}

#[test]
fn an_agent_that_cannot_says_why() {
    let without = |name: &str| {
        FakeAgent::start(Script {
            agent: reply::agent_without(name, "the kernel is too old"),
            ..Script::default()
        })
    };
    let agent = without("interface");
    let outcome = run(&agent.socket(), &["ps", "-i", "lo"]);
    assert_eq!(
        (outcome.code, outcome.stderr.as_str()),
        (
            9,
            "netmon: --interface is not possible: the kernel is too old\n  \
             netmon status shows what this kernel allows.\n"
        )
    );
    printed(&agent, &["ps", "--port", "80"]);
    let agent = without("connection_details");
    for args in [
        &["--port", "80"][..],
        &["--host", "10.0.0.1"],
        &["--filter", "port:80"],
    ] {
        let mut all = vec!["watch"];
        all.extend(args);
        assert_eq!(run(&agent.socket(), &all).code, 9, "{args:?}");
    }
    let mut old = reply::agent();
    old.capabilities.truncate(10);
    let agent = FakeAgent::start(Script {
        agent: old,
        ..Script::default()
    });
    let outcome = run(&agent.socket(), &["ps", "--rport", "80"]);
    assert!(outcome.stderr.contains("older"), "{}", outcome.stderr);
    let agent = FakeAgent::with_past(Past::default());
    let outcome = run(&agent.socket(), &["query", "--port", "80"]);
    assert_eq!(outcome.code, 9);
    assert!(outcome
        .stderr
        .starts_with("netmon: query with --port is not possible: the history keeps"));
}

#[test]
fn naming_the_loopback_device_includes_it() {
    let agent = FakeAgent::usual();
    let hello = |args: &[&str]| {
        let mut all = vec!["watch", "-j", "-n", "1"];
        all.extend(args);
        printed(&agent, &all).lines().next().unwrap().to_owned()
    };
    assert!(hello(&["-i", "lo"]).contains(r#""loopback":"include""#));
    assert!(hello(&["-i", "lo", "--loopback", "only"]).contains(r#""loopback":"only""#));
    assert!(hello(&[]).contains(r#""loopback":"exclude""#));
}
