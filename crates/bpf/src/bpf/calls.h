/* SPDX-License-Identifier: MIT */
/* What send and receive calls returned: UDP, and TCP under kTLS or MPTCP. */
#ifndef NETMON_CALLS_H
#define NETMON_CALLS_H

#include "mptcp.h"
#include "tcp.h"

/* Set before loading: results tell only about sockets whose bytes are not seen elsewhere (K). */
const volatile bool only_upper_protocols = false;

static __always_inline bool counted_protocol(__u16 family, __u16 protocol)
{
	if (family != AF_INET && family != AF_INET6)
		return false;
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP ||
	       protocol == IPPROTO_UDPLITE || protocol == IPPROTO_MPTCP;
}

static __always_inline bool upper_protocol(const struct sock *sk, __u16 protocol)
{
	return protocol == IPPROTO_MPTCP || (protocol == IPPROTO_TCP && has_upper_protocol(sk));
}

/* TCP that is counted by call results because it could have no entry. */
static __always_inline bool without_entry(const struct sock *sk, __u16 protocol)
{
	__u64 id = (__u64)sk;

	return protocol == IPPROTO_TCP && sockets_overflowed() &&
	       !bpf_map_lookup_elem(&sockets, &id);
}

/* Set K counts streams and datagrams elsewhere. */
static __always_inline bool counted_elsewhere(const struct sock *sk, __u16 protocol)
{
	return only_upper_protocols && !upper_protocol(sk, protocol) &&
	       !without_entry(sk, protocol);
}

/* A call that moved nothing may have named a peer: it must not pass for the next call's. */
static __always_inline void nothing_moved(__u16 protocol)
{
	__u32 thread = (__u32)bpf_get_current_pid_tgid();
	struct peer *peer;

	if (protocol != IPPROTO_UDP && protocol != IPPROTO_UDPLITE)
		return;
	peer = bpf_map_lookup_elem(&peers, &thread);
	if (peer)
		peer->fresh[RX] = peer->fresh[TX] = 0;
}

/* A send call has returned. */
static __always_inline void call_sent(const struct sock *sk, __u16 family, __u16 protocol, int ret)
{
	struct socket_state fresh, *socket;
	struct duty duty;

	if (!counted_protocol(family, protocol))
		return;
	if (ret <= 0) {
		nothing_moved(protocol);
		return;
	}
	if (counted_elsewhere(sk, protocol))
		return;
	duty = duty_now();
	if (!duty.control)
		return;
	socket = socket_of(duty, sk, &fresh);
	if (!(socket->flags & SOCKET_IGNORED))
		count_socket(duty, sk, socket, TX, ret, MANY_WRITERS);
}

/* A receive call has returned. Peeked bytes come again; the error queue holds no payload. */
static __always_inline void call_received(const struct sock *sk, __u16 family, __u16 protocol,
					  int ret, int flags)
{
	struct socket_state fresh, *socket;
	struct duty duty;

	if (!counted_protocol(family, protocol))
		return;
	if (ret <= 0 || flags & (MSG_PEEK | MSG_ERRQUEUE)) {
		nothing_moved(protocol);
		return;
	}
	if (counted_elsewhere(sk, protocol))
		return;
	duty = duty_now();
	if (!duty.control || counted_as_consumed(sk, protocol))
		return;
	if (protocol == IPPROTO_TCP && !has_upper_protocol(sk)) {
		/* tcp_consumed has it, unless the socket could have no entry. */
		if (!without_entry(sk, protocol))
			return;
	}
	socket = socket_of(duty, sk, &fresh);
	if (!(socket->flags & SOCKET_IGNORED))
		count_socket(duty, sk, socket, RX, ret, MANY_WRITERS);
}

/* An unconnected UDP call names its peer; what it is counted as follows in the same call. */
static __always_inline void peer_named(struct bpf_sock_addr *call, __u32 direction, __u8 flow)
{
	__u32 thread = (__u32)bpf_get_current_pid_tgid();
	struct peer none = {}, *peer;
	struct duty duty = duty_now();
	struct bpf_sock *sk = call->sk;
	__u64 id;

	if (!sk || !duty.control)
		return;
	peer = bpf_map_lookup_elem(&peers, &thread);
	if (!peer) {
		bpf_map_update_elem(&peers, &thread, &none, BPF_NOEXIST);
		peer = bpf_map_lookup_elem(&peers, &thread);
	}
	if (!peer) {
		lose(duty, LOSS_PEER_MAP_FULL);
		return;
	}
	id = (__u64)sk;
	peer->sk = id;
	peer->flow[direction] = flow;
	peer->fresh[direction] = 1;
	if (sk->state == TCP_ESTABLISHED) {
		struct socket_state *socket = bpf_map_lookup_elem(&sockets, &id);

		if (socket)
			socket->flags |= SOCKET_ADDRESSED;
	}
}

/* Other CPUs use the entry at the same time: never half a flow in it, and no write without need. */
static __always_inline void went(struct socket_state *socket, __u8 flow, int interface)
{
	if (socket->flow != flow)
		socket->flow = flow;
	if (interface && socket->interface != interface)
		socket->interface = interface;
}

/* A UDP datagram on its way down (hook set K): per datagram, so its own device decides. */
static __always_inline void datagram_sent(const struct sk_buff *skb, __u8 family)
{
	const struct sock *sk = FIELD(struct sk_buff, skb, sk);
	struct socket_state fresh, *socket;
	struct duty duty = duty_now();
	struct dst_entry *route;
	__u32 headers, bytes;
	struct process_key key;
	__u8 flow = FLOW_TRANSPORT | family;
	int interface = 0;

	if (!duty.control || !sk)
		return;
	socket = socket_of(duty, sk, &fresh);
	if (socket->flags & SOCKET_IGNORED ||
	    (socket->protocol != IPPROTO_UDP && socket->protocol != IPPROTO_UDPLITE))
		return;
	headers = FIELD(struct sk_buff, skb, transport_header) -
		  FIELD(struct sk_buff, skb, network_header) + 8;
	bytes = FIELD(struct sk_buff, skb, len) - headers;
	if ((int)bytes <= 0)
		return;
	/* The lowest bit says whether the route is counted, not where it is. */
	route = (struct dst_entry *)(FIELD(struct sk_buff, skb, _skb_refdst) & ~1UL);
	if (route) {
		struct net_device *device = BPF_CORE_READ(route, dev);

		if (BPF_CORE_READ(device, flags) & IFF_LOOPBACK)
			flow |= FLOW_LOOPBACK;
		interface = BPF_CORE_READ(device, ifindex);
	}
	went(socket, flow, interface);
	key = current_key();
	count_moved(duty, socket, &key, CALLER_IS_PROCESS, flow, TX, bytes, MANY_WRITERS);
}

/* A UDP datagram handed to the application (hook set K). A peek passes a negative length. */
static __always_inline void datagram_received(const struct sock *sk, const struct sk_buff *skb,
					      int bytes)
{
	struct socket_state fresh, *socket;
	struct duty duty = duty_now();
	struct process_key key;
	__u8 flow = FLOW_TRANSPORT;
	int interface;

	if (!duty.control || bytes <= 0)
		return;
	socket = socket_of(duty, sk, &fresh);
	if (socket->flags & SOCKET_IGNORED)
		return;
	if (FIELD(struct sk_buff, skb, protocol) == bpf_htons(0x86dd /* ETH_P_IPV6 */))
		flow |= FLOW_FAMILY;
	interface = FIELD(struct sk_buff, skb, skb_iif);
	if (interface == LOOPBACK_IFINDEX)
		flow |= FLOW_LOOPBACK;
	went(socket, flow, interface);
	key = current_key();
	count_moved(duty, socket, &key, CALLER_IS_PROCESS, flow, RX, bytes, MANY_WRITERS);
}

#endif
