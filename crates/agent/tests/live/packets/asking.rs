//! What cannot be asked, and how many may.

use std::time::Duration;

use netmon_api::endpoint::connect;
use netmon_api::endpoint::Client;
use netmon_api::v1;
use tokio_stream::StreamExt as _;
use tonic::Code;
use tonic::Status;

use super::begin;
use super::PATIENCE;
use crate::stage::ready;
use crate::stage::Stage;

/// The first message of a trace, which says whether there is one.
async fn first(client: &mut Client) -> Result<v1::WatchPacketsResponse, Status> {
    let request = v1::WatchPacketsRequest::default();
    let mut messages = client.watch_packets(request).await?.into_inner();
    messages.next().await.unwrap()
}

#[tokio::test]
async fn what_cannot_be_asked_is_said() {
    if !ready() {
        return;
    }
    let stage = Stage::with_agent("asked");
    let mut client = connect(&stage.socket(), PATIENCE).await.unwrap();
    let filter = |filter| v1::WatchPacketsRequest {
        filter: Some(filter),
        ..v1::WatchPacketsRequest::default()
    };
    let cases = [
        (
            filter(v1::PacketFilter {
                ports: vec![70_000],
                ..Default::default()
            }),
            "70000 is not a port; give one from 1 to 65535",
        ),
        (
            filter(v1::PacketFilter {
                ports: vec![1, 2, 3, 4, 5],
                ..Default::default()
            }),
            "5 ports are too many; give at most 4",
        ),
        (
            filter(v1::PacketFilter {
                addresses: vec![v1::AddressPrefix {
                    address: vec![10, 0, 0, 1],
                    length: 33,
                }],
                ..Default::default()
            }),
            "10.0.0.1/33 is not a prefix; give a length from 0 to 32",
        ),
        (
            filter(v1::PacketFilter {
                interfaces: vec!["a-name-that-is-too-long".to_owned()],
                ..Default::default()
            }),
            "\"a-name-that-is-too-long\" is not an interface; give a name such as eth0, of at most 15 bytes",
        ),
    ];
    for (request, text) in cases {
        let refused = client.watch_packets(request).await.unwrap_err();
        assert_eq!(
            (refused.code(), refused.message()),
            (Code::InvalidArgument, text)
        );
    }
    let mut viewers = Vec::new();
    for _ in 0..8 {
        viewers.push(begin(&stage).await);
    }
    let refused = first(&mut client).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted, "{refused:?}");
    viewers.pop();
    // A seat is free again when the agent has noticed and it has rested.
    for attempt in 0.. {
        match first(&mut client).await {
            Ok(_) => break,
            Err(refused) => assert_eq!(refused.code(), Code::ResourceExhausted),
        }
        assert!(attempt < 50, "no seat is free again");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn an_agent_may_refuse_to_trace() {
    if !ready() {
        return;
    }
    let mut stage = Stage::empty("notrace");
    stage.start(&["--no-trace"]);
    let mut client = connect(&stage.socket(), PATIENCE).await.unwrap();
    let refused = first(&mut client).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert!(refused.message().contains("--no-trace"), "{refused:?}");
    let about = client
        .get_agent(v1::GetAgentRequest {})
        .await
        .unwrap()
        .into_inner();
    assert!(about.trace_points.iter().all(|point| !point.available));
}
