//! A subscription against an agent in this process.

use std::time::Duration;

use netmon_api::v1;
use netmon_api::v1::watch_traffic_response::Event as Wire;

use self::agent::FakeAgent;
use self::agent::Script;
use self::agent::Step;
use super::Details;
use super::Event;
use super::Follow;
use super::Reconnect;
use crate::session::Session;
use crate::target::Origin;
use crate::target::Target;
use crate::target::Wait;

// The same agent as in the tests of the program, of which these need a part.
#[allow(dead_code)]
#[path = "../../tests/support/agent.rs"]
mod agent;
#[allow(dead_code)]
#[path = "../../tests/support/connection.rs"]
mod connection;
#[allow(dead_code)]
#[path = "../../tests/support/packets.rs"]
mod packets;
#[allow(dead_code)]
#[path = "../../tests/support/past.rs"]
mod past;
#[allow(dead_code)]
#[path = "../../tests/support/reply.rs"]
mod reply;
#[allow(dead_code)]
#[path = "../../tests/support/sample.rs"]
mod sample;

fn tick(seq: u64) -> v1::Tick {
    v1::Tick {
        seq,
        end_time: sample::at(i64::try_from(seq).unwrap()),
        length_ns: 1_000_000_000,
        ..v1::Tick::default()
    }
}

fn snapshot(seq: u64, connections: Vec<v1::Connection>) -> Step {
    Step::event(Wire::Snapshot(v1::Snapshot {
        tick: Some(tick(seq)),
        connections,
        ..sample::snapshot()
    }))
}

fn updates(seqs: std::ops::RangeInclusive<u64>) -> Vec<Step> {
    let update = |seq| {
        Step::event(Wire::Update(v1::Update {
            tick: Some(tick(seq)),
            ..v1::Update::default()
        }))
    };
    seqs.map(update).collect()
}

// The old subscription has ticks 1 to `old`, the new one begins with `new`; both then idle.
async fn switched(old: u64, new: u64, last: u64) -> (Vec<(u64, bool)>, FakeAgent) {
    let mut first = vec![snapshot(1, Vec::new())];
    first.extend(updates(2..=old));
    first.push(Step::Idle);
    let mut second = vec![snapshot(new, connection::connections())];
    second.extend(updates(new + 1..=last));
    second.push(Step::Idle);
    let agent = FakeAgent::start(Script {
        watches: vec![first, second],
        ..Script::default()
    });
    let target = Target {
        socket: agent.socket(),
        origin: Origin::Other,
        connect_timeout: Duration::from_secs(3),
        wait: Wait::No,
    };
    let session = Session::open(&target).await.unwrap();
    let mut watch = session.watch(Follow {
        filter: v1::Filter::default(),
        reconnect: Reconnect::Never,
        details: Details::None,
    });
    let mut seen = Vec::new();
    let mut details = Details::None;
    while seen.last().is_none_or(|(seq, _)| *seq < last) {
        let event = tokio::time::timeout(Duration::from_secs(5), watch.next()).await;
        match event.expect("an event").expect("a stream") {
            Event::Sample(sample) => seen.push((sample.seq, details == Details::Connections)),
            Event::Details {
                details: new,
                again,
            } => {
                details = new;
                if let Some(sample) = again {
                    let last = seen.last().map(|(seq, _)| *seq);
                    assert_eq!(Some(sample.seq), last);
                    assert!(!sample.connections.is_empty());
                }
            }
            other => panic!("{other:?}"),
        }
        if seen.len() == 1 {
            watch.want(Details::Connections);
        }
    }
    (seen, agent)
}

#[tokio::test]
async fn another_subscription_takes_over_without_a_hole() {
    for (old, new) in [(1, 1), (2, 2), (4, 4), (4, 3), (6, 3), (9, 5), (3, 4)] {
        let (seen, agent) = switched(old, new, 10).await;
        let seqs: Vec<_> = seen.iter().map(|(seq, _)| *seq).collect();
        assert_eq!(seqs, (1..=10).collect::<Vec<_>>(), "{old} {new}");
        assert_eq!(seen.last(), Some(&(10, true)), "{old} {new}");
        let requests = agent.requests();
        let asked: Vec<_> = requests.iter().map(|request| request.connections).collect();
        assert_eq!(asked, [false, true]);
        assert!(requests[1].since_seq.is_some());
    }
}

#[tokio::test]
async fn asking_for_what_there_is_asks_for_nothing() {
    let agent = FakeAgent::start(Script {
        watches: vec![[vec![snapshot(1, Vec::new())], updates(2..=5)].concat()],
        ..Script::default()
    });
    let target = Target {
        socket: agent.socket(),
        origin: Origin::Other,
        connect_timeout: Duration::from_secs(3),
        wait: Wait::No,
    };
    let session = Session::open(&target).await.unwrap();
    let mut watch = session.watch(Follow {
        filter: v1::Filter::default(),
        reconnect: Reconnect::Never,
        details: Details::None,
    });
    watch.want(Details::Connections);
    watch.want(Details::None);
    for _ in 0..5 {
        let event = watch.next().await;
        assert!(matches!(event, Some(Event::Sample(_))), "{event:?}");
    }
}
