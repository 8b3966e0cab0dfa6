//! Every place where a packet can be seen, in the order in which it gets there.

use std::fmt;

/// How many there are.
pub const POINTS: usize = TABLE.len();

/// Which packets come by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Those that arrive.
    Receive,
    /// Those that leave.
    Send,
    /// Both.
    Any,
}

/// How a point is hooked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Classic tracepoint.
    Tracepoint,
    /// Entry of a function.
    Kprobe,
    /// Netfilter program, one for each network namespace and family.
    Netfilter,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Kind::Tracepoint => "tracepoint",
            Kind::Kprobe => "kprobe",
            Kind::Netfilter => "netfilter",
        })
    }
}

/// A place in the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Point {
    /// What is hooked: a function, a tracepoint, or a hook of netfilter.
    pub name: &'static str,
    /// How.
    pub kind: Kind,
    /// What happens there.
    pub purpose: &'static str,
    /// Which packets come by.
    pub direction: Direction,
}

/// The place of a point in this table, as in `enum point` of `trace_abi.h`.
pub const TABLE: [Point; 39] = {
    use Direction::Any;
    use Direction::Receive;
    use Direction::Send;
    use Kind::Kprobe;
    use Kind::Netfilter;
    use Kind::Tracepoint;
    [
        point(
            "netif_rx",
            Tracepoint,
            "a virtual device has a packet",
            Receive,
        ),
        point(
            "netif_receive_skb",
            Tracepoint,
            "the device has handed it up",
            Receive,
        ),
        point(
            "NF_INET_PRE_ROUTING",
            Netfilter,
            "IP has it, before routing",
            Receive,
        ),
        point("ip_rcv_core", Kprobe, "IPv4 looks at its header", Receive),
        point("ip6_rcv_core", Kprobe, "IPv6 looks at its header", Receive),
        point(
            "NF_INET_LOCAL_IN",
            Netfilter,
            "it is for this host",
            Receive,
        ),
        point(
            "ip_local_deliver_finish",
            Kprobe,
            "IPv4 hands it to a protocol",
            Receive,
        ),
        point("ip6_input", Kprobe, "IPv6: it is for this host", Receive),
        point("tcp_v4_rcv", Kprobe, "TCP looks for its socket", Receive),
        point("tcp_v6_rcv", Kprobe, "TCP looks for its socket", Receive),
        point("tcp_v4_do_rcv", Kprobe, "a TCP socket takes it", Receive),
        point("tcp_v6_do_rcv", Kprobe, "a TCP socket takes it", Receive),
        point(
            "tcp_probe",
            Tracepoint,
            "an established connection takes it",
            Receive,
        ),
        point(
            "tcp_queue_rcv",
            Kprobe,
            "TCP payload waits to be read",
            Receive,
        ),
        point(
            "__udp_enqueue_schedule_skb",
            Kprobe,
            "a datagram waits to be read",
            Receive,
        ),
        point("sock_def_readable", Kprobe, "the process is woken", Receive),
        point("sk_data_ready", Tracepoint, "the process is woken", Receive),
        point(
            "skb_copy_datagram_iovec",
            Tracepoint,
            "a call copies it to the process",
            Receive,
        ),
        point(
            "skb_consume_udp",
            Kprobe,
            "a call has taken a datagram",
            Receive,
        ),
        point(
            "tcp_rcv_space_adjust",
            Tracepoint,
            "a call has read from TCP",
            Receive,
        ),
        point(
            "sock_recv_length",
            Tracepoint,
            "a call has received",
            Receive,
        ),
        point("tcp_sendmsg", Kprobe, "a call sends on TCP", Send),
        point("udp_sendmsg", Kprobe, "a call sends on UDP over IPv4", Send),
        point("udpv6_sendmsg", Kprobe, "a call sends on UDP", Send),
        point("__tcp_transmit_skb", Kprobe, "TCP makes a segment", Send),
        point("__ip_queue_xmit", Kprobe, "TCP hands it to IPv4", Send),
        point("inet6_csk_xmit", Kprobe, "TCP hands it to IPv6", Send),
        point(
            "NF_INET_LOCAL_OUT",
            Netfilter,
            "IP has it from this host",
            Send,
        ),
        point("ip_output", Kprobe, "IPv4 has routed it", Send),
        point("ip6_output", Kprobe, "IPv6 has routed it", Send),
        point("NF_INET_POST_ROUTING", Netfilter, "IP has routed it", Send),
        point(
            "net_dev_queue",
            Tracepoint,
            "it goes to the queue of a device",
            Send,
        ),
        point(
            "net_dev_start_xmit",
            Tracepoint,
            "it is handed to the device",
            Send,
        ),
        point("net_dev_xmit", Tracepoint, "the device has answered", Send),
        point("sock_send_length", Tracepoint, "a call has sent", Send),
        point(
            "tcp_retransmit_skb",
            Tracepoint,
            "TCP sends a segment again",
            Any,
        ),
        point("tcp_send_reset", Tracepoint, "TCP resets a connection", Any),
        point(
            "tcp_receive_reset",
            Tracepoint,
            "the peer has reset a connection",
            Any,
        ),
        point("kfree_skb", Tracepoint, "the kernel drops it", Any),
    ]
};

const fn point(
    name: &'static str,
    kind: Kind,
    purpose: &'static str,
    direction: Direction,
) -> Point {
    Point {
        name,
        kind,
        purpose,
        direction,
    }
}
