// SPDX-License-Identifier: MIT
/*
 * The packet trace: the hooks. Attached only while somebody watches packets, and never pinned. Which
 * of them are loaded is decided in trace/plan.rs. Classic tracepoints and entry kprobes, because
 * others lose events where the kernel preempts; netfilter programs stand in for kprobes.
 *
 * While a classic tracepoint or a kprobe program runs, an interrupt on the same CPU runs none: what
 * it would have seen is missed. The kernel counts that from 6.3 or so on.
 */
#include "trace_slots.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

/* A packet with its IP header in place. `device`: 0, where the buffer has no device now. */
static __always_inline int packet(struct sight_of *s, const struct sk_buff *skb,
				  const void *device, const void *sk)
{
	if (!s || !read_packet(&s->event, &s->span, skb))
		return 0;
	s->device = (__u64)device;
	s->sk = (__u64)sk;
	tell(s);
	return 0;
}

/* The same where the device has it. */
static __always_inline int packet_on_device(enum point point, const struct sk_buff *skb)
{
	struct sight_of *s = look(point);

	if (!s || !read_packet(&s->event, &s->span, skb))
		return 0;
	read_ends(skb, &s->device, &s->sk);
	tell(s);
	return 0;
}

static __always_inline int arriving(enum point point, const struct sk_buff *skb)
{
	struct sight_of *s = look(point);

	if (!s || !read_arriving(&s->event, &s->span, skb))
		return 0;
	read_ends(skb, &s->device, &s->sk);
	tell(s);
	return 0;
}

/* A socket without a packet. */
static __always_inline int socket(enum point point, const struct sock *sk, enum way way,
				  bool current)
{
	struct sight_of *s = look(point);

	if (!s || !read_transport_socket(&s->event, sk, way))
		return 0;
	s->sk = (__u64)sk;
	s->current = current;
	tell(s);
	return 0;
}

/* ---- receive: tracepoints ---- */

/* Any context. Only devices without NAPI, loopback and veth among them. */
SEC("?tp/net/netif_rx")
int netif_rx(struct trace_event_raw_net_dev_template *ctx)
{
	return arriving(POINT_NETIF_RX, ctx->skbaddr);
}

/* Softirq. After GRO: one buffer may be several segments. */
SEC("?tp/net/netif_receive_skb")
int netif_receive_skb(struct trace_event_raw_net_dev_template *ctx)
{
	return arriving(POINT_NETIF_RECEIVE_SKB, ctx->skbaddr);
}

/* Softirq, established connections only. */
SEC("?tp/tcp/tcp_probe")
int tcp_probe(struct trace_event_raw_tcp_probe *ctx)
{
	if (!bpf_core_field_exists(ctx->skbaddr))
		return 0;
	return packet(look(POINT_TCP_PROBE), ctx->skbaddr, 0, ctx->skaddr);
}

/* Softirq or process context. */
SEC("?tp/sock/sk_data_ready")
int sk_data_ready(struct trace_event_raw_sk_data_ready *ctx)
{
	return socket(POINT_SK_DATA_READY, ctx->skaddr, INCOMING, false);
}

/* Process context: a call copies out of this buffer. */
SEC("?tp/skb/skb_copy_datagram_iovec")
int skb_copy_datagram_iovec(struct trace_event_raw_skb_copy_datagram_iovec *ctx)
{
	struct sight_of *s = look(POINT_SKB_COPY_DATAGRAM);

	if (!s)
		return 0;
	if (!read_packet(&s->event, &s->span, ctx->skbaddr))
		return 0;
	s->current = true;
	tell(s);
	return 0;
}

/* Process context: a call has taken bytes, however it did. */
SEC("?tp/tcp/tcp_rcv_space_adjust")
int tcp_rcv_space_adjust(struct trace_event_raw_tcp_event_sk *ctx)
{
	return socket(POINT_TCP_RCV_SPACE_ADJUST, ctx->skaddr, INCOMING, true);
}

/* The result of a call, for which the socket has no packet to show. */
static __always_inline int called(enum point point, const struct trace_event_raw_sock_msg_length *ctx,
				  enum way way)
{
	struct sight_of *s = look(point);

	if (!s || ctx->ret <= 0 || !read_transport_socket(&s->event, ctx->sk, way))
		return 0;
	s->event.length = ctx->ret;
	s->event.known |= KNOWN_LENGTH;
	s->sk = (__u64)ctx->sk;
	s->current = true;
	tell(s);
	return 0;
}

/* Process context: a call has got bytes. Looking without taking is not told. */
SEC("?tp/sock/sock_recv_length")
int sock_recv_length(struct trace_event_raw_sock_msg_length *ctx)
{
	if (ctx->flags & (MSG_PEEK | MSG_ERRQUEUE))
		return 0;
	return called(POINT_SOCK_RECV_LENGTH, ctx, INCOMING);
}

/* ---- send: tracepoints ---- */

/* Process context: a call has handed over bytes. */
SEC("?tp/sock/sock_send_length")
int sock_send_length(struct trace_event_raw_sock_msg_length *ctx)
{
	return called(POINT_SOCK_SEND_LENGTH, ctx, OUTGOING);
}

/* Any context, before the queue of the device. */
SEC("?tp/net/net_dev_queue")
int net_dev_queue(struct trace_event_raw_net_dev_template *ctx)
{
	return packet_on_device(POINT_NET_DEV_QUEUE, ctx->skbaddr);
}

/*
 * When net_dev_xmit fires, the buffer is the device's or gone. What it was is kept from
 * net_dev_start_xmit on: the same CPU, with softirqs off in between.
 */
enum { HANDED = 4 };

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, HANDED);
	__type(key, __u32);
	__type(value, struct sight_of);
} handed SEC(".maps");

static __always_inline struct sight_of *handed_of(const void *skb)
{
	__u32 key = (__u64)skb >> 8 & (HANDED - 1);

	return bpf_map_lookup_elem(&handed, &key);
}

SEC("?tp/net/net_dev_start_xmit")
int net_dev_start_xmit(struct trace_event_raw_net_dev_start_xmit *ctx)
{
	const struct sk_buff *skb = ctx->skbaddr;
	struct sight_of *s = look(POINT_NET_DEV_START_XMIT), *kept = handed_of(skb);

	if (!s || !kept)
		return 0;
	if (!read_packet(&s->event, &s->span, skb)) {
		kept->event.skb = 0;
		return 0;
	}
	read_ends(skb, &s->device, &s->sk);
	*kept = *s;
	tell(s);
	return 0;
}

SEC("?tp/net/net_dev_xmit")
int net_dev_xmit(struct trace_event_raw_net_dev_xmit *ctx)
{
	struct sight_of *kept = handed_of(ctx->skbaddr);

	if (!watched() || !kept || kept->event.skb != (__u64)ctx->skbaddr)
		return 0;
	kept->event.point = POINT_NET_DEV_XMIT;
	/* A device on a device is answered too; and the headers are gone with the buffer. */
	kept->event.slots = kept->event.headers = 0;
	kept->event.time = 0;
	kept->span.ip = 0;
	tell(kept);
	return 0;
}

/* ---- both ways ---- */

/* Any context. Only drops: what was used up is freed as consumed. */
SEC("?tp/skb/kfree_skb")
int kfree_skb(struct trace_event_raw_kfree_skb *ctx)
{
	const struct sk_buff *skb = ctx->skbaddr;
	struct net_device *device;
	struct sight_of *s = look(POINT_KFREE_SKB);
	__u32 arrived;

	if (!s)
		return 0;
	/* Early on the network header is not set. */
	if (!read_packet(&s->event, &s->span, skb) && !read_arriving(&s->event, &s->span, skb))
		return 0;
	s->event.symbol = (__u64)ctx->location;
	if (bpf_core_field_exists(ctx->reason)) {
		s->event.reason = ctx->reason;
		s->event.known |= KNOWN_REASON;
	}
	s->sk = (__u64)BPF_CORE_READ(skb, sk);
	if (!s->sk && bpf_core_field_exists(ctx->rx_sk))
		s->sk = (__u64)ctx->rx_sk;
	/* TCP and UDP use this field for something else; then it is not the device it came in by. */
	device = BPF_CORE_READ(skb, dev);
	arrived = BPF_CORE_READ(skb, skb_iif);
	if (arrived && device && BPF_CORE_READ(device, ifindex) == arrived)
		s->device = (__u64)device;
	tell(s);
	return 0;
}

/* Softirq or process context, under the socket lock. */
SEC("?tp/tcp/tcp_retransmit_skb")
int tcp_retransmit_skb(struct tcp_skb_record *ctx)
{
	struct sight_of *s = look(POINT_TCP_RETRANSMIT_SKB);

	if (!s)
		return 0;
	if (!read_segment(&s->event, ctx->skaddr, ctx->skbaddr))
		return 0;
	s->sk = (__u64)ctx->skaddr;
	tell(s);
	return 0;
}

/* Softirq or process context. The buffer is what the reset answers, if anything. */
SEC("?tp/tcp/tcp_send_reset")
int tcp_send_reset(struct tcp_skb_record *ctx)
{
	const struct sock *sk = ctx->skaddr;
	struct sight_of *s = look(POINT_TCP_SEND_RESET);
	__u8 state = sk ? BPF_CORE_READ(sk, __sk_common.skc_state) : TCP_LISTEN;

	if (!s)
		return 0;
	s->event.protocol = IPPROTO_TCP;
	if (state == TCP_LISTEN || state == TCP_NEW_SYN_RECV) {
		if (!ctx->skbaddr || !read_packet(&s->event, &s->span, ctx->skbaddr))
			return 0;
		turn_around(&s->event);
		/* Numbers and buffer are those of the other packet. */
		s->event.known &= KNOWN_PORTS;
		s->event.skb = s->event.length = 0;
		s->span.ip = 0;
	} else if (!read_socket(&s->event, sk, OUTGOING)) {
		return 0;
	}
	s->sk = (__u64)sk;
	tell(s);
	return 0;
}

/* Softirq. */
SEC("?tp/tcp/tcp_receive_reset")
int tcp_receive_reset(struct trace_event_raw_tcp_event_sk *ctx)
{
	const struct sock *sk = ctx->skaddr;
	struct sight_of *s = look(POINT_TCP_RECEIVE_RESET);

	if (!s)
		return 0;
	s->event.protocol = IPPROTO_TCP;
	if (!read_socket(&s->event, sk, INCOMING))
		return 0;
	s->sk = (__u64)sk;
	tell(s);
	return 0;
}

#include "trace_functions.h"
