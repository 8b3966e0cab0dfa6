// SPDX-License-Identifier: MIT
/*
 * The packet trace: the hooks. Attached only while somebody watches packets, and never pinned. Which
 * of them are loaded is decided in trace/plan.rs. Netfilter programs stand in for kprobes.
 *
 * While a classic tracepoint or a kprobe program runs, an interrupt on the same CPU runs none of these:
 * what they would have seen is missed. The kernel counts that from 6.3 or so on. A BTF tracepoint (a
 * raw one whose arguments have types) costs less, fills in no record, and keeps only itself from
 * running. But it does not keep the kernel from putting its task aside, and then it is missed by all
 * others on that CPU: it is for where that cannot happen. Both forms of a point are here; one of them
 * is loaded.
 */
#include "trace_tell.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

/* What is called with a tracepoint: the fields of its record, or its arguments. */
#define BOTH(system, name, record, fields, arguments)           \
	SEC("?tp/" #system "/" #name)                           \
	int name(struct trace_event_raw_##record *ctx)          \
	{                                                       \
		return on_##name(UNPACK fields, ADDRESS);       \
	}                                                       \
	SEC("?tp_btf/" #name)                                   \
	int btf_##name(struct bpf_raw_tracepoint_args *ctx)     \
	{                                                       \
		return on_##name(UNPACK arguments, VOUCHED);    \
	}
#define UNPACK(...) __VA_ARGS__
#define ARGUMENT(n) ((void *)ctx->args[n])

/* A packet with its IP header in place. `device`: 0, where the buffer has no device now. */
static __always_inline int packet(struct sight_of *s, const struct sk_buff *skb,
				  enum trust trust, const void *device, const void *sk)
{
	if (!s || !read_packet(&s->event, &s->span, skb, trust))
		return 0;
	s->device = (__u64)device;
	s->sk = (__u64)sk;
	tell(s);
	return 0;
}

/* The same where the device has it. */
static __always_inline int packet_on_device(enum point point, const struct sk_buff *skb,
					    enum trust trust)
{
	struct sight_of *s = look(point);

	if (!s || !read_packet(&s->event, &s->span, skb, trust))
		return 0;
	read_ends(skb, trust, &s->device, &s->sk);
	tell(s);
	return 0;
}

static __always_inline int arriving(enum point point, const struct sk_buff *skb, enum trust trust)
{
	struct sight_of *s = look(point);

	if (!s || !read_arriving(&s->event, &s->span, skb, trust))
		return 0;
	read_ends(skb, trust, &s->device, &s->sk);
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

/* Interrupts, or with softirqs off. Only devices without NAPI, loopback and veth among them. */
static __always_inline int on_netif_rx(const void *skb, enum trust trust)
{
	return arriving(POINT_NETIF_RX, skb, trust);
}

BOTH(net, netif_rx, net_dev_template, (ctx->skbaddr), (ARGUMENT(0)))

/* Softirq. After GRO: one buffer may be several segments. */
static __always_inline int on_netif_receive_skb(const void *skb, enum trust trust)
{
	return arriving(POINT_NETIF_RECEIVE_SKB, skb, trust);
}

BOTH(net, netif_receive_skb, net_dev_template, (ctx->skbaddr), (ARGUMENT(0)))

/* Softirq or process context, established connections only. */
static __always_inline int on_tcp_probe(const void *sk, const void *skb, enum trust trust)
{
	return packet(look(POINT_TCP_PROBE), skb, trust, 0, sk);
}

BOTH(tcp, tcp_probe, tcp_probe,
     (bpf_core_field_exists(ctx->skaddr) ? ctx->skaddr : 0,
      bpf_core_field_exists(ctx->skbaddr) ? ctx->skbaddr : 0),
     (ARGUMENT(0), ARGUMENT(1)))

/* Softirq or process context. */
static __always_inline int on_sk_data_ready(const void *sk, enum trust trust)
{
	return socket(POINT_SK_DATA_READY, sk, INCOMING, false);
}

BOTH(sock, sk_data_ready, sk_data_ready, (ctx->skaddr), (ARGUMENT(0)))

/* Process context: a call copies out of this buffer. */
static __always_inline int on_skb_copy_datagram_iovec(const void *skb, enum trust trust)
{
	struct sight_of *s = look(POINT_SKB_COPY_DATAGRAM);

	if (!s || !read_packet(&s->event, &s->span, skb, trust))
		return 0;
	s->current = true;
	tell(s);
	return 0;
}

BOTH(skb, skb_copy_datagram_iovec, skb_copy_datagram_iovec, (ctx->skbaddr), (ARGUMENT(0)))

/* Process context: a call has taken bytes, however it did. */
static __always_inline int on_tcp_rcv_space_adjust(const void *sk, enum trust trust)
{
	return socket(POINT_TCP_RCV_SPACE_ADJUST, sk, INCOMING, true);
}

BOTH(tcp, tcp_rcv_space_adjust, tcp_event_sk, (ctx->skaddr), (ARGUMENT(0)))

/* The result of a call, for which the socket has no packet to show. */
static __always_inline int called(enum point point, const struct sock *sk, int result, enum way way)
{
	struct sight_of *s = look(point);

	if (!s || result <= 0 || !read_transport_socket(&s->event, sk, way))
		return 0;
	s->event.length = result;
	s->event.known |= KNOWN_LENGTH;
	s->sk = (__u64)sk;
	s->current = true;
	tell(s);
	return 0;
}

/* Process context: a call has got bytes. Looking without taking is not told. */
static __always_inline int on_sock_recv_length(const void *sk, int result, int flags, enum trust trust)
{
	if (flags & (MSG_PEEK | MSG_ERRQUEUE))
		return 0;
	return called(POINT_SOCK_RECV_LENGTH, sk, result, INCOMING);
}

BOTH(sock, sock_recv_length, sock_msg_length, (ctx->sk, ctx->ret, ctx->flags),
     (ARGUMENT(0), ctx->args[1], ctx->args[2]))

/* ---- send: tracepoints ---- */

/* Process context: a call has handed over bytes. */
static __always_inline int on_sock_send_length(const void *sk, int result, enum trust trust)
{
	return called(POINT_SOCK_SEND_LENGTH, sk, result, OUTGOING);
}

BOTH(sock, sock_send_length, sock_msg_length, (ctx->sk, ctx->ret), (ARGUMENT(0), ctx->args[1]))

/* With softirqs off, before the queue of the device. */
static __always_inline int on_net_dev_queue(const void *skb, enum trust trust)
{
	return packet_on_device(POINT_NET_DEV_QUEUE, skb, trust);
}

BOTH(net, net_dev_queue, net_dev_template, (ctx->skbaddr), (ARGUMENT(0)))

/*
 * When net_dev_xmit fires, the buffer is the device's or gone. What it was stays here from
 * net_dev_start_xmit on: the same CPU, with softirqs off in between, and both hooked in the same form.
 * A device may stand on another. Without tallies: those are of the point.
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

static __always_inline void tell_handed(struct sight_of *kept, __u32 point)
{
	struct sight_of *s = bpf_map_lookup_elem(&sights, &point);

	if (s)
		tell_counted(kept, s->tallies);
}

static __always_inline int on_net_dev_start_xmit(const struct sk_buff *skb, enum trust trust)
{
	struct sight_of *kept = handed_of(skb);
	__u32 slots = watched();

	if (!kept)
		return 0;
	/* Also forgets what was here, for net_dev_xmit. */
	begin(kept, POINT_NET_DEV_START_XMIT, slots);
	if (!slots)
		return 0;
	if (!read_packet(&kept->event, &kept->span, skb, trust)) {
		kept->event.skb = 0;
		return 0;
	}
	read_ends(skb, trust, &kept->device, &kept->sk);
	tell_handed(kept, POINT_NET_DEV_START_XMIT);
	return 0;
}

BOTH(net, net_dev_start_xmit, net_dev_start_xmit, (ctx->skbaddr), (ARGUMENT(0)))

static __always_inline int on_net_dev_xmit(const void *skb, enum trust trust)
{
	struct sight_of *kept = handed_of(skb);
	__u32 slots = watched();

	if (!slots || !kept || kept->event.skb != (__u64)skb)
		return 0;
	kept->event.point = POINT_NET_DEV_XMIT;
	kept->wanted = slots;
	/* A device on a device is answered too; and the headers are gone with the buffer. */
	kept->event.slots = kept->event.headers = kept->event.header_length = 0;
	kept->event.time = 0;
	kept->span.ip = 0;
	tell_handed(kept, POINT_NET_DEV_XMIT);
	return 0;
}

BOTH(net, net_dev_xmit, net_dev_xmit, (ctx->skbaddr), (ARGUMENT(0)))

/* ---- both ways ---- */

/* Both know as much of a drop. */
#define TELLS_REASON bpf_core_field_exists(struct trace_event_raw_kfree_skb, reason)
#define TELLS_RECEIVER bpf_core_field_exists(struct trace_event_raw_kfree_skb, rx_sk)

/* Any context. Only drops: what was used up is freed as consumed. `reason`: 0, if the kernel has none. */
static __always_inline int on_kfree_skb(const struct sk_buff *skb, const void *location,
					__u32 reason, const void *receiver, enum trust trust)
{
	struct sight_of *s = look(POINT_KFREE_SKB);
	__u32 arrived;
	__u64 device;

	if (!s)
		return 0;
	/* Early on the network header is not set. */
	if (!read_packet(&s->event, &s->span, skb, trust) &&
	    !read_arriving(&s->event, &s->span, skb, trust))
		return 0;
	s->event.symbol = (__u64)location;
	if (TELLS_REASON) {
		s->event.reason = reason;
		s->event.known |= KNOWN_REASON;
	}
	/* TCP and UDP use this field for something else; then it is not the device it came in by. */
	read_ends(skb, trust, &device, &s->sk);
	arrived = read_arrived(skb, trust);
	if (arrived && device && read_index(device) == arrived)
		s->device = device;
	if (!s->sk)
		s->sk = (__u64)receiver;
	tell(s);
	return 0;
}

BOTH(skb, kfree_skb, kfree_skb,
     (ctx->skbaddr, ctx->location, TELLS_REASON ? ctx->reason : 0, TELLS_RECEIVER ? ctx->rx_sk : 0),
     (ARGUMENT(0), ARGUMENT(1), TELLS_REASON ? ctx->args[2] : 0, TELLS_RECEIVER ? ARGUMENT(3) : 0))

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
		if (!ctx->skbaddr || !read_packet(&s->event, &s->span, ctx->skbaddr, ADDRESS))
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
