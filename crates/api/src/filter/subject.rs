//! What a filter asks of a row. Whoever has rows implements this; `None` is "not known".

use std::borrow::Cow;
use std::net::IpAddr;
use std::time::Duration;

/// A text of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// comm of the leader.
    Name,
    /// File name of the executable, without its directory.
    Executable,
    /// Arguments, joined by spaces.
    CommandLine,
    /// Name of the user.
    User,
    /// systemd unit.
    Unit,
    /// Path in the cgroup tree, from `/`.
    Cgroup,
    /// Name of the container; a pod's as `namespace/pod/container`.
    Container,
    /// Full id of the container.
    ContainerId,
}

/// A number that is compared with a size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// Bytes per second received in the last tick.
    Rx,
    /// Bytes per second sent in the last tick.
    Tx,
    /// The sum of both.
    Rate,
    /// Bytes received and sent since first seen.
    Total,
    /// Highest rate of a tick, bytes per second.
    Peak,
}

/// TCP or UDP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

/// By address: an IPv4 address mapped into IPv6 is IPv4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// States of a socket, as the kernel has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum SocketState {
    Established,
    SynSent,
    SynReceived,
    FinWait1,
    FinWait2,
    TimeWait,
    Close,
    CloseWait,
    LastAck,
    Listen,
    Closing,
}

/// A process.
pub trait Subject {
    /// Process id.
    fn pid(&self) -> Option<u32>;
    /// User id.
    fn uid(&self) -> Option<u32>;
    /// A text. Called at most a few times for each word of the filter.
    fn text(&self, field: Field) -> Option<Cow<'_, str>>;
    /// A number; its unit is with [`Measure`].
    fn measure(&self, measure: Measure) -> Option<u64>;
    /// Open sockets with a peer.
    fn connection_count(&self) -> Option<u64>;
    /// Since its start; of an ended process how long it lived.
    fn age(&self) -> Option<Duration>;
    /// Whether it has ended.
    fn exited(&self) -> Option<bool>;
    /// Whether it moved bytes in the last tick.
    fn active(&self) -> Option<bool>;
    /// Whether it has traffic that stays on the machine.
    fn loopback(&self) -> Option<bool>;
    /// Its connections, as far as they are known.
    fn connections(&self) -> impl Iterator<Item = impl Connection>;
}

/// A connection of a process, or a socket without one.
pub trait Connection {
    /// Address of the other end.
    fn remote_address(&self) -> Option<IpAddr>;
    /// Its name, if somebody looked it up.
    fn remote_name(&self) -> Option<&str>;
    /// Port at this end.
    fn local_port(&self) -> Option<u16>;
    /// Port at the other end.
    fn remote_port(&self) -> Option<u16>;
    /// Transport.
    fn transport(&self) -> Option<Transport>;
    /// Address family.
    fn family(&self) -> Option<Family>;
    /// State.
    fn state(&self) -> Option<SocketState>;
    /// Name of the interface.
    fn interface(&self) -> Option<&str>;
    /// Whether it stays on the machine.
    fn loopback(&self) -> Option<bool>;
    /// Whether it moved bytes in the last tick.
    fn active(&self) -> Option<bool>;
    /// A number of its own.
    fn measure(&self, measure: Measure) -> Option<u64>;
    /// Since it was made or first seen.
    fn age(&self) -> Option<Duration>;
}
