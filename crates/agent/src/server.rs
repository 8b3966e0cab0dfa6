//! The gRPC server around the service: limits, spans, health, reflection, and its end.

use std::future::Future;
use std::time::Duration;

use netmon_api::v1::netmon_service_server::NetmonServiceServer;
use netmon_api::FILE_DESCRIPTORS;
use tokio::net::UnixListener;
use tokio_stream::wrappers::UnixListenerStream;
use tonic::transport::server::UdsConnectInfo;
use tonic::transport::Server;

use crate::service::Service;

/// Calls and streams that one connection may have open; a viewer has one or two.
const CALLS_PER_CONNECTION: u32 = 16;
/// Until the answer begins; streams go on as long as they like.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// A viewer that is gone without a word is noticed after so long.
const PING_EVERY: Duration = Duration::from_secs(60);

/// Serves until `stop` completes and every call has ended.
///
/// # Errors
/// When the transport fails.
pub async fn serve(
    listener: UnixListener,
    service: Service,
    stop: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let (health, health_service) = tonic_health::server::health_reporter();
    health.set_serving::<NetmonServiceServer<Service>>().await;
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(FILE_DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1()?;
    Server::builder()
        .max_concurrent_streams(CALLS_PER_CONNECTION)
        .timeout(ANSWER_WITHIN)
        .http2_keepalive_interval(Some(PING_EVERY))
        .trace_fn(|request| {
            let peer = request.extensions().get::<UdsConnectInfo>();
            let uid = peer.and_then(|peer| peer.peer_cred).map(|cred| cred.uid());
            tracing::debug_span!("call", path = request.uri().path(), uid)
        })
        .add_service(health_service)
        .add_service(reflection)
        .add_service(NetmonServiceServer::new(service))
        .serve_with_incoming_shutdown(UnixListenerStream::new(listener), stop)
        .await?;
    Ok(())
}
