//! The API as another program uses it.

use std::time::Duration;

use netmon_api::endpoint::connect;
use netmon_api::v1;
use netmon_api::v1::watch_traffic_response::Event;
use tokio_stream::StreamExt;
use tonic::transport::Channel;
use tonic::transport::Endpoint;
use tonic::Code;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::HealthCheckRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use tonic_reflection::pb::v1::ServerReflectionRequest;

use crate::stage::ready;
use crate::stage::Stage;

const SERVICE: &str = "netmon.v1.NetmonService";

async fn channel(stage: &Stage) -> Channel {
    let uri = format!("unix:{}", stage.socket().display());
    Endpoint::from_shared(uri).unwrap().connect().await.unwrap()
}

#[tokio::test]
async fn health_and_reflection_know_the_service() {
    if !ready() {
        return;
    }
    let stage = Stage::with_agent("reflection");
    let mut health = HealthClient::new(channel(&stage).await);
    let service = SERVICE.to_owned();
    let answer = health
        .check(HealthCheckRequest { service })
        .await
        .unwrap()
        .into_inner();
    assert_eq!(answer.status(), ServingStatus::Serving);

    let mut reflection = ServerReflectionClient::new(channel(&stage).await);
    let question = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let answers = reflection
        .server_reflection_info(tokio_stream::once(question))
        .await
        .unwrap();
    let answer = answers.into_inner().next().await.unwrap().unwrap();
    let Some(MessageResponse::ListServicesResponse(list)) = answer.message_response else {
        panic!("{answer:?}");
    };
    assert!(
        list.service.iter().any(|found| found.name == SERVICE),
        "{list:?}"
    );
}

#[tokio::test]
async fn a_stream_begins_with_a_snapshot_and_goes_on_with_one_update_per_tick() {
    if !ready() {
        return;
    }
    let stage = Stage::with_agent("stream");
    let mut client = connect(&stage.socket(), Duration::from_secs(3))
        .await
        .unwrap();
    let agent = client
        .get_agent(v1::GetAgentRequest {})
        .await
        .unwrap()
        .into_inner();
    assert_eq!(agent.tick_ns, 1_000_000_000);
    let asked = std::env::var("NETMON_TEST_HOOKS").ok();
    let possible = asked.map_or_else(
        || {
            ["tracepoint", "kprobe", "fexit"]
                .map(str::to_owned)
                .to_vec()
        },
        |asked| vec![asked],
    );
    assert!(possible.contains(&agent.hook_set), "{}", agent.hook_set);
    let mut stream = client
        .watch_traffic(v1::WatchTrafficRequest::default())
        .await
        .unwrap()
        .into_inner();
    let mut seq = None;
    for _ in 0..3 {
        match stream.next().await.unwrap().unwrap().event.unwrap() {
            Event::Snapshot(part) => {
                assert!(seq.is_none() && part.last, "{part:?}");
                seq = part.tick.map(|tick| tick.seq);
            }
            Event::Update(update) => {
                let tick = update.tick.unwrap();
                assert_eq!(Some(tick.seq), seq.map(|seq| seq + 1));
                assert_eq!(tick.merged, 1);
                seq = Some(tick.seq);
            }
            Event::Gap(gap) => panic!("nothing was missed: {gap:?}"),
        }
    }
    let names = vec!["[".to_owned()];
    let filter = Some(v1::Filter {
        names,
        ..v1::Filter::default()
    });
    let refused = client
        .list_processes(v1::ListProcessesRequest { filter })
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert!(refused.message().contains("'['"), "{refused}");
}
