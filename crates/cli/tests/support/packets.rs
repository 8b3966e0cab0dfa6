//! A trace of packets: a TCP connection's first segments, one of IPv6, a datagram, a drop.

use std::time::Duration;

use netmon_api::v1;
use netmon_api::v1::watch_packets_response::Event;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use super::sample::at;
use super::sample::id;

/// What happens next on a trace. After the last step the stream ends.
#[derive(Debug, Clone)]
pub enum Step {
    /// This is sent.
    Send(Box<v1::WatchPacketsResponse>),
    /// The stream ends with an error.
    Fail(Status),
    /// This much time passes.
    Wait(Duration),
    /// Nothing happens any more.
    Idle,
}

impl Step {
    /// Sends `event`.
    pub fn event(event: Event) -> Self {
        Self::Send(Box::new(v1::WatchPacketsResponse { event: Some(event) }))
    }
}

/// Plays `steps`.
pub fn play(steps: Vec<Step>) -> ReceiverStream<Result<v1::WatchPacketsResponse, Status>> {
    let (sender, receiver) = tokio::sync::mpsc::channel(4);
    tokio::spawn(async move {
        for step in steps {
            let sent = match step {
                Step::Send(response) => sender.send(Ok(*response)).await,
                Step::Fail(status) => sender.send(Err(status)).await,
                Step::Wait(span) => {
                    tokio::time::sleep(span).await;
                    Ok(())
                }
                Step::Idle => {
                    sender.closed().await;
                    return;
                }
            };
            if sent.is_err() {
                return;
            }
        }
    });
    ReceiverStream::new(receiver)
}

/// Eight points, of which two are not there and one is not needed.
pub fn points() -> Vec<v1::TracePoint> {
    use v1::Direction::{Any, Receive, Send};
    let point = |name: &str, kind: &str, purpose: &str, direction: v1::Direction| v1::TracePoint {
        name: name.to_owned(),
        kind: kind.to_owned(),
        purpose: purpose.to_owned(),
        direction: direction.into(),
        available: true,
        reason: None,
    };
    let none = |name, purpose, direction| v1::TracePoint {
        available: false,
        reason: Some("this kernel has no kprobes".to_owned()),
        ..point(name, "kprobe", purpose, direction)
    };
    vec![
        point(
            "netif_receive_skb",
            "tracepoint",
            "from the device",
            Receive,
        ),
        none("ip_rcv_core", "IP takes it", Receive),
        point("NF_INET_LOCAL_IN", "netfilter", "for this machine", Receive),
        point("tcp_probe", "tracepoint", "TCP takes it", Receive),
        none("__tcp_transmit_skb", "TCP makes it", Send),
        point("net_dev_queue", "tracepoint", "to the device", Send),
        point("kfree_skb", "tracepoint", "dropped", Any),
        v1::TracePoint {
            reason: Some("not needed: sk_data_ready tells it".to_owned()),
            ..none("sock_def_readable", "the process is woken", Receive)
        },
    ]
}

/// The first message.
pub fn started() -> Step {
    Step::event(Event::Started(v1::TraceStarted { points: points() }))
}

/// A segment of a connection at a point, `micros` after 17:56:05.
pub fn segment(point: u32, packet: u64, micros: i32) -> v1::PacketEvent {
    let mut header = vec![0x45, 0, 0, 60, 0, 0, 0x40, 0, 64, 6, 0, 0];
    header.extend([203, 0, 113, 9, 10, 0, 0, 5]);
    header.extend(50122_u16.to_be_bytes());
    header.extend(443_u16.to_be_bytes());
    header.extend(2_718_281_828_u32.to_be_bytes());
    header.extend(3_141_592_653_u32.to_be_bytes());
    header.extend([0x50, 0x18, 1, 0, 0, 0, 0, 0]);
    v1::PacketEvent {
        time: at(0).map(|time| prost_types::Timestamp {
            nanos: micros * 1000 + 250,
            ..time
        }),
        point,
        packet,
        source_address: vec![203, 0, 113, 9],
        destination_address: vec![10, 0, 0, 5],
        source_port: Some(50122),
        destination_port: Some(443),
        protocol: 6,
        sequence: Some(2_718_281_828),
        acknowledgment: Some(3_141_592_653),
        flags: Some(24),
        length: Some(20),
        interface: Some("eth0".to_owned()),
        cpu: 1,
        process: None,
        process_name: None,
        drop_reason: None,
        header: Some(header),
        symbol: Some("ffffffff81a2b3c4".to_owned()),
    }
}

/// What the trace tells: a segment on its way up, one of IPv6 on its way down, a dropped datagram.
pub fn events() -> Vec<v1::PacketEvent> {
    let nginx = |event: v1::PacketEvent| v1::PacketEvent {
        process: Some(id(1187)),
        process_name: Some("nginx".to_owned()),
        ..event
    };
    let six = |last| {
        let mut address = vec![0x20, 1, 0xd, 0xb8, 0, 4, 0xaa, 0xbb];
        address.extend([0; 7]);
        address.push(last);
        address
    };
    let mut header6 = vec![0x60, 0, 0, 0, 0, 20, 6, 64];
    header6.extend(six(5));
    header6.extend(six(0x19));
    header6.extend(443_u16.to_be_bytes());
    header6.extend(40112_u16.to_be_bytes());
    header6.extend([0, 0, 0, 7, 0, 0, 0, 0, 0x50, 0x02, 1, 0, 0, 0, 0, 0]);
    let probe = v1::PacketEvent {
        interface: None,
        acknowledgment: None,
        flags: None,
        header: None,
        symbol: None,
        ..nginx(segment(3, 17, 419))
    };
    let sent = v1::PacketEvent {
        source_address: six(5),
        destination_address: six(0x19),
        source_port: Some(443),
        destination_port: Some(40112),
        sequence: Some(7),
        acknowledgment: Some(0),
        flags: Some(2),
        length: Some(0),
        header: Some(header6),
        ..nginx(segment(5, 18, 2000))
    };
    let mut udp = vec![0x45, 0, 0, 40, 0, 0, 0x40, 0, 64, 17, 0, 0];
    udp.extend([127, 0, 0, 1, 127, 0, 0, 1]);
    udp.extend(4000_u16.to_be_bytes());
    udp.extend(9_u16.to_be_bytes());
    udp.extend([0, 20, 0, 0]);
    let dropped = v1::PacketEvent {
        source_address: vec![127, 0, 0, 1],
        destination_address: vec![127, 0, 0, 1],
        source_port: Some(4000),
        destination_port: Some(9),
        protocol: 17,
        sequence: None,
        acknowledgment: None,
        flags: None,
        length: Some(12),
        interface: Some("lo".to_owned()),
        cpu: 0,
        drop_reason: Some("NO_SOCKET".to_owned()),
        header: Some(udp),
        ..segment(6, 19, 3000)
    };
    vec![
        segment(0, 17, 412),
        segment(2, 17, 415),
        probe,
        sent,
        dropped,
    ]
}

/// Events as one message.
pub fn told(events: Vec<v1::PacketEvent>) -> Step {
    Step::event(Event::Events(v1::PacketEvents { events }))
}

/// Counts after `seconds`: each point that is there matched `events` a second.
pub fn counts(seconds: u64, events: u64, suppressed: u64, last: bool) -> Step {
    let count = |point: &v1::TracePoint| match point.available {
        false => v1::PointStatistics::default(),
        true => v1::PointStatistics {
            matched: events * seconds,
            told: (events - suppressed) * seconds,
            suppressed: suppressed * seconds,
            lost: 0,
            bytes: events * seconds * 20,
        },
    };
    Step::event(Event::Statistics(v1::TraceStatistics {
        points: points().iter().map(count).collect(),
        last,
        elapsed_ns: seconds * 1_000_000_000,
    }))
}

/// The events, then counts every 200 ms.
pub fn usual() -> Vec<Step> {
    let mut steps = vec![started(), told(events())];
    for second in 1..50 {
        steps.push(Step::Wait(Duration::from_millis(200)));
        steps.push(counts(second, 1, 0, false));
    }
    steps
}
