//! From a socket path to a client, with the cause kept when it fails.

use std::io;
use std::path::Path;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;
use tonic::transport::Channel;
use tonic::transport::Endpoint;
use tower::service_fn;

use crate::v1::netmon_service_client::NetmonServiceClient;

/// Where an agent listens unless told otherwise.
pub const DEFAULT_SOCKET: &str = "/run/netmon/agent.sock";

/// A client of the agent's API over one Unix-socket connection. Cheap to clone.
pub type Client = NetmonServiceClient<Channel>;

/// Connects to the agent's socket. Waits at most `timeout` for the connection.
///
/// A connection alone proves little: a listener that never calls accept() looks connected. Give
/// the first call its own deadline.
///
/// # Errors
/// The `io::Error` of connect(2): `NotFound`, `PermissionDenied`, `ConnectionRefused` (also for a
/// file that is not a listening socket), or `TimedOut`.
pub async fn connect(socket: &Path, timeout: Duration) -> io::Result<Client> {
    // Connecting here, not inside tonic, keeps the error kind: tonic says "transport error".
    let stream = match tokio::time::timeout(timeout, UnixStream::connect(socket)).await {
        Ok(connected) => connected?,
        Err(_) => return Err(io::ErrorKind::TimedOut.into()),
    };
    let mut first = Some(TokioIo::new(stream));
    let channel = Endpoint::from_static("http://netmon.invalid")
        .connect_with_connector(service_fn(move |_| {
            let stream = first.take();
            // One connection per client: reconnecting is the caller's decision, made with
            // `since_seq`, never a silent second stream.
            async move { stream.ok_or_else(|| io::Error::from(io::ErrorKind::NotConnected)) }
        }))
        .await
        .map_err(io::Error::other)?;
    Ok(NetmonServiceClient::new(channel))
}
