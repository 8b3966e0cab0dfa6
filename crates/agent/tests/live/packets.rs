//! Packets on their way through the kernel, as a client of the API is told them.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::process::Command;
use std::time::Duration;

use netmon_api::endpoint::connect;
use netmon_api::v1;
use netmon_api::v1::watch_packets_response::Event as Message;
use tokio_stream::StreamExt;

use crate::network::Network;
use crate::stage::Stage;

mod asking;
mod datagrams;
mod ending;
mod flood;
mod segments;

const PATIENCE: Duration = Duration::from_secs(10);

/// What a trace has told.
#[derive(Default)]
struct Seen {
    points: Vec<v1::TracePoint>,
    events: Vec<v1::PacketEvent>,
    counts: Vec<v1::PointStatistics>,
    last: bool,
    /// Most events in one second, by the times of the events.
    second: usize,
}

impl Seen {
    fn name(&self, event: &v1::PacketEvent) -> &str {
        &self.points[event.point as usize].name
    }

    fn available(&self) -> BTreeSet<&str> {
        let points = self.points.iter().filter(|point| point.available);
        points.map(|point| point.name.as_str()).collect()
    }

    /// What was seen at a point, in order.
    fn at<'a>(&'a self, point: &'a str) -> impl Iterator<Item = &'a v1::PacketEvent> {
        self.events
            .iter()
            .filter(move |event| self.name(event) == point)
    }

    fn print(&self) {
        for event in &self.events {
            let ip = |bytes: &[u8]| address(bytes).map(|a| a.to_string()).unwrap_or_default();
            eprintln!(
                "{:<24} #{:<3} {}:{:?} > {}:{:?} seq {:?} ack {:?} flags {:?} len {:?} {:?} {:?} {:?}",
                self.name(event),
                event.packet,
                ip(&event.source_address),
                event.source_port,
                ip(&event.destination_address),
                event.destination_port,
                event.sequence,
                event.acknowledgment,
                event.flags,
                event.length,
                event.interface,
                event.process_name,
                event.drop_reason,
            );
        }
    }

    /// matched = told + suppressed + lost, exactly, at every point.
    fn adds_up(&self) {
        assert!(self.last, "the last statistics");
        for (point, count) in self.points.iter().zip(&self.counts) {
            let parts = count.told + count.suppressed + count.lost;
            assert_eq!(count.matched, parts, "{}: {count:?}", point.name);
        }
    }

    fn sum(&self, of: impl Fn(&v1::PointStatistics) -> u64) -> u64 {
        self.counts.iter().map(of).sum()
    }
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    match bytes.len() {
        4 => Some(<[u8; 4]>::try_from(bytes).unwrap().into()),
        16 => Some(<[u8; 16]>::try_from(bytes).unwrap().into()),
        _ => None,
    }
}

fn prefix(text: &str) -> v1::AddressPrefix {
    let (address, length) = text.split_once('/').unwrap();
    let address = match address.parse().unwrap() {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    };
    v1::AddressPrefix {
        address,
        length: length.parse().unwrap(),
    }
}

fn asked(addresses: &[&str], ports: &[u32], seconds: u64) -> v1::WatchPacketsRequest {
    v1::WatchPacketsRequest {
        filter: Some(v1::PacketFilter {
            addresses: addresses.iter().map(|text| prefix(text)).collect(),
            ports: ports.to_vec(),
            ..v1::PacketFilter::default()
        }),
        duration_ns: Some(seconds * 1_000_000_000),
        ..v1::WatchPacketsRequest::default()
    }
}

/// Traces while `work` runs on a thread of its own; until the agent ends it.
async fn trace(
    stage: &Stage,
    request: v1::WatchPacketsRequest,
    keep: bool,
    work: impl FnOnce() + Send + 'static,
) -> Seen {
    let mut client = connect(&stage.socket(), PATIENCE).await.unwrap();
    let mut messages = client.watch_packets(request).await.unwrap().into_inner();
    let mut work = Some(work);
    let mut working = None;
    let mut seen = Seen::default();
    let mut seconds = BTreeMap::<i64, usize>::new();
    while let Some(message) = messages.next().await {
        match message.unwrap().event.unwrap() {
            Message::Started(started) => {
                seen.points = started.points;
                working = work.take().map(|work| tokio::task::spawn_blocking(work));
            }
            Message::Events(events) => {
                assert!(events.events.len() <= 512);
                for event in &events.events {
                    *seconds
                        .entry(event.time.as_ref().unwrap().seconds)
                        .or_default() += 1;
                }
                if keep {
                    seen.events.extend(events.events);
                }
            }
            Message::Statistics(statistics) => {
                seen.counts = statistics.points;
                seen.last = statistics.last;
            }
        }
    }
    seen.second = seconds.into_values().max().unwrap_or(0);
    working.unwrap().await.unwrap();
    seen
}

fn run(mut command: Command) {
    let done = command.status().unwrap();
    assert!(done.success(), "{command:?}");
}

fn python(network: &Network, host: usize, script: &str) -> Command {
    let mut command = network.on(host, "python3");
    command.args(["-c", script]);
    command
}

async fn begin(stage: &Stage) -> tonic::Streaming<v1::WatchPacketsResponse> {
    let mut client = connect(&stage.socket(), PATIENCE).await.unwrap();
    let request = v1::WatchPacketsRequest::default();
    let mut messages = client.watch_packets(request).await.unwrap().into_inner();
    let first = messages.next().await.unwrap().unwrap().event.unwrap();
    assert!(matches!(first, Message::Started(_)), "{first:?}");
    messages
}
