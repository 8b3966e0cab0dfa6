/* SPDX-License-Identifier: MIT */
/* The packet trace's hooks on functions of the kernel, and what stands in for them. */
#ifndef NETMON_TRACE_FUNCTIONS_H
#define NETMON_TRACE_FUNCTIONS_H

/*
 * ---- netfilter: the stages of IP where there are no kprobes (6.4) ----
 * Any context. Per network namespace; the agent attaches one link for each hook and family.
 */

enum { NF_INET_PRE_ROUTING, NF_INET_LOCAL_IN, NF_INET_FORWARD, NF_INET_LOCAL_OUT,
       NF_INET_POST_ROUTING };

/* An entry of this hook that no other netfilter program on this CPU has; it is given back by `taken`. */
static __always_inline struct sight_of *take(enum point point, __u32 hook)
{
	__u32 key = point, i;
	struct sight_of *s;
	__u64 *missed;

	for (i = 0; i < NF_PLACES; i++) {
		s = bpf_map_lookup_elem(&sights, &key);
		if (s && __sync_val_compare_and_swap(&s->taken, 0, 1) == 0)
			return s;
		key = POINTS + i * NF_POINTS + hook;
	}
	key = 0;
	missed = bpf_map_lookup_elem(&misses, &key);
	if (missed)
		__sync_fetch_and_add(missed, 1);
	return 0;
}

SEC("?netfilter")
int netfilter(struct bpf_nf_ctx *ctx)
{
	const struct nf_hook_state *state = ctx->state;
	const struct sk_buff *skb = ctx->skb;
	const struct net_device *device = state->in;
	__u32 slots = watched(), hook = 0;
	enum point point = POINT_NF_PRE_ROUTING;
	struct sight_of *s;

	if (!slots)
		return NF_ACCEPT;
	switch (state->hook) {
	case NF_INET_PRE_ROUTING:
		break;
	case NF_INET_LOCAL_IN:
		point = POINT_NF_LOCAL_IN;
		hook = 1;
		break;
	case NF_INET_LOCAL_OUT:
		point = POINT_NF_LOCAL_OUT;
		hook = 2;
		device = state->out;
		break;
	default:
		point = POINT_NF_POST_ROUTING;
		hook = 3;
		device = state->out;
		break;
	}
	s = take(point, hook);
	if (!s)
		return NF_ACCEPT;
	begin(s, point, slots);
	packet(s, skb, VOUCHED, device, skb->sk);
	*(volatile __u64 *)&s->taken = 0;
	return NF_ACCEPT;
}

/* ---- receive: entries of functions; softirq unless said ---- */

/* `dev` is the buffer's device up to here and no further. */
#define ON_RECEIVE(function, point, argument)                   \
	SEC("?kprobe/" #function)                               \
	int function(struct pt_regs *ctx)                       \
	{                                                       \
		return packet_on_device(point, argument(ctx), ADDRESS);  \
	}

/* A socket and a buffer, which has its headers but no device any more. */
#define ON_QUEUE(function, point)                                         \
	SEC("?kprobe/" #function)                                         \
	int function(struct pt_regs *ctx)                                 \
	{                                                                 \
		return packet(look(point), ARG2(ctx), ADDRESS, 0, ARG1(ctx));      \
	}

ON_RECEIVE(ip_rcv_core, POINT_IP_RCV_CORE, ARG1)
ON_RECEIVE(ip6_rcv_core, POINT_IP6_RCV_CORE, ARG1)
ON_RECEIVE(ip_local_deliver_finish, POINT_IP_LOCAL_DELIVER_FINISH, (void *)ARG3)
ON_RECEIVE(ip6_input, POINT_IP6_INPUT, ARG1)
ON_RECEIVE(tcp_v4_rcv, POINT_TCP_V4_RCV, ARG1)
ON_RECEIVE(tcp_v6_rcv, POINT_TCP_V6_RCV, ARG1)
/* These two also in process context, from the backlog of a socket that was in use. */
ON_QUEUE(tcp_v4_do_rcv, POINT_TCP_V4_DO_RCV)
ON_QUEUE(tcp_v6_do_rcv, POINT_TCP_V6_DO_RCV)
ON_QUEUE(tcp_queue_rcv, POINT_TCP_QUEUE_RCV)
ON_QUEUE(__udp_enqueue_schedule_skb, POINT_UDP_ENQUEUE)

/* Process context. A negative length: the call only looks. */
SEC("?kprobe/skb_consume_udp")
int skb_consume_udp(struct pt_regs *ctx)
{
	struct sight_of *s;

	if ((__s32)ARG3(ctx) < 0)
		return 0;
	s = look(POINT_SKB_CONSUME_UDP);
	if (!s)
		return 0;
	s->current = true;
	return packet(s, ARG2(ctx), ADDRESS, 0, ARG1(ctx));
}

SEC("?kprobe/sock_def_readable")
int sock_def_readable(struct pt_regs *ctx)
{
	return socket(POINT_SOCK_DEF_READABLE, ARG1(ctx), INCOMING, false);
}

/* ---- send: entries of functions ---- */

/* Process context: what a call is asked to send, whether it does or not. */
static __always_inline int asked(enum point point, const struct sock *sk, __u64 size)
{
	struct sight_of *s = look(point);

	if (!s || !read_transport_socket(&s->event, sk, OUTGOING))
		return 0;
	s->event.length = size;
	s->event.known |= KNOWN_LENGTH;
	s->sk = (__u64)sk;
	s->current = true;
	tell(s);
	return 0;
}

#define ON_CALL(function, point)                                                    \
	SEC("?kprobe/" #function)                                                   \
	int function(struct pt_regs *ctx)                                           \
	{                                                                           \
		return asked(point, ARG1(ctx), ARG3(ctx));                          \
	}

ON_CALL(tcp_sendmsg, POINT_TCP_SENDMSG)
ON_CALL(udp_sendmsg, POINT_UDP_SENDMSG)
ON_CALL(udpv6_sendmsg, POINT_UDPV6_SENDMSG)

/* Any context. The buffer is TCP's own; what goes down from here is mostly a clone of it. */
SEC("?kprobe/__tcp_transmit_skb")
int __tcp_transmit_skb(struct pt_regs *ctx)
{
	struct sight_of *s = look(POINT_TCP_TRANSMIT_SKB);

	if (!s || !read_segment(&s->event, ARG1(ctx), ARG2(ctx)))
		return 0;
	s->sk = (__u64)ARG1(ctx);
	tell(s);
	return 0;
}

/* The header of TCP is there, that of IP is not. */
static __always_inline int before_ip(enum point point, const struct sock *sk,
				     const struct sk_buff *skb)
{
	struct sight_of *s = look(point);
	__u64 head, at;
	__u32 rest;

	if (!s || !read_transport_socket(&s->event, sk, OUTGOING))
		return 0;
	s->event.skb = (__u64)skb;
	head = (__u64)BPF_CORE_READ(skb, head);
	at = head + BPF_CORE_READ(skb, transport_header);
	rest = BPF_CORE_READ(skb, len) + (__u32)((__u64)BPF_CORE_READ(skb, data) - at);
	read_transport(&s->event, at, head + BPF_CORE_READ(skb, tail), rest);
	s->sk = (__u64)sk;
	tell(s);
	return 0;
}

SEC("?kprobe/__ip_queue_xmit")
int __ip_queue_xmit(struct pt_regs *ctx)
{
	return before_ip(POINT_IP_QUEUE_XMIT, ARG1(ctx), ARG2(ctx));
}

SEC("?kprobe/inet6_csk_xmit")
int inet6_csk_xmit(struct pt_regs *ctx)
{
	return before_ip(POINT_INET6_CSK_XMIT, ARG1(ctx), ARG2(ctx));
}

/* The lowest bit of a buffer's route says whether it counts as a user of it. */
static __always_inline const struct net_device *route_device(const struct sk_buff *skb)
{
	__u64 route = BPF_CORE_READ(skb, _skb_refdst) & ~1ULL;

	return route ? BPF_CORE_READ((const struct dst_entry *)route, dev) : 0;
}

/* (net, sk, skb); the device is not the buffer's yet. */
#define ON_OUTPUT(function, point)                                                  \
	SEC("?kprobe/" #function)                                                   \
	int function(struct pt_regs *ctx)                                           \
	{                                                                           \
		const struct sk_buff *skb = (void *)ARG3(ctx);                      \
                                                                                    \
		return packet(look(point), skb, ADDRESS, route_device(skb), ARG2(ctx));      \
	}

ON_OUTPUT(ip_output, POINT_IP_OUTPUT)
ON_OUTPUT(ip6_output, POINT_IP6_OUTPUT)

#endif
