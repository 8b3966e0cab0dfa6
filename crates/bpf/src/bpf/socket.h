/* SPDX-License-Identifier: MIT */
/* What kind of traffic a socket carries, and how far its TCP streams are counted. */
#ifndef NETMON_SOCKET_H
#define NETMON_SOCKET_H

#include "connection.h"

static __always_inline bool loopback_v4(__be32 address)
{
	return (address & bpf_htonl(0xff000000)) == bpf_htonl(0x7f000000);
}

static __always_inline bool mapped_v4(const __be32 *address)
{
	return !address[0] && !address[1] && address[2] == bpf_htonl(0xffff);
}

static __always_inline bool loopback_v6(const __be32 *address)
{
	if (mapped_v4(address))
		return loopback_v4(address[3]);
	return !address[0] && !address[1] && !address[2] && address[3] == bpf_htonl(1);
}

/* 1: over the loopback device; 0: over another; -1: the socket has no route yet. */
static __always_inline int over_loopback(const struct sock *sk)
{
	struct dst_entry *route = FIELD(struct sock, sk, sk_dst_cache);
	int interface;

	if (route)
		return !!(BPF_CORE_READ(route, dev, flags) & IFF_LOOPBACK);
	interface = received_over(sk);
	if (interface)
		return interface == LOOPBACK_IFINDEX;
	return -1;
}

/* kTLS and MPTCP subflows: the bytes of their streams are not payload, their calls tell it. */
static __always_inline bool has_upper_protocol(const struct sock *sk)
{
	return FIELD(struct inet_connection_sock, sk, icsk_ulp_ops) != 0;
}

/*
 * skc_daddr of an accepted native IPv6 socket holds rubbish: never read it for AF_INET6. A typed pointer
 * gives an address of IPv6 field by field; with the helper the type of where it goes says how much is
 * read, and all of such an address needs an array.
 */
static __always_inline void read_remote(const struct sock *sk, struct socket_state *socket,
					__be32 *remote)
{
	bool v6 = socket->family == AF_INET6;

	if (!bpf_ksym_exists(bpf_rdonly_cast)) {
		if (v6)
			BPF_CORE_READ_INTO((__be32(*)[4])remote, sk,
					   __sk_common.skc_v6_daddr.in6_u.u6_addr32);
		else
			BPF_CORE_READ_INTO(remote, sk, __sk_common.skc_daddr);
	} else if (v6) {
		remote[0] = FIELD(struct sock, sk, __sk_common.skc_v6_daddr.in6_u.u6_addr32[0]);
		remote[1] = FIELD(struct sock, sk, __sk_common.skc_v6_daddr.in6_u.u6_addr32[1]);
		remote[2] = FIELD(struct sock, sk, __sk_common.skc_v6_daddr.in6_u.u6_addr32[2]);
		remote[3] = FIELD(struct sock, sk, __sk_common.skc_v6_daddr.in6_u.u6_addr32[3]);
	} else {
		remote[0] = FIELD(struct sock, sk, __sk_common.skc_daddr);
	}
}

/*
 * Family and loopback of a socket, from its addresses and its route. A UDP socket without a peer
 * is what its bound address says; what its calls say comes before that (see udp_flow).
 */
static __always_inline void classify(const struct sock *sk, struct socket_state *socket)
{
	__be32 *local = (__be32 *)socket->local, *remote = (__be32 *)socket->remote;
	__u8 flow = socket->protocol == IPPROTO_UDP || socket->protocol == IPPROTO_UDPLITE ?
			    FLOW_TRANSPORT : 0;
	bool loopback;
	int over;

	if (socket->family == AF_INET6) {
		BPF_CORE_READ_INTO((__be32(*)[4])local, sk,
				   __sk_common.skc_v6_rcv_saddr.in6_u.u6_addr32);
		if (!mapped_v4(remote) && !mapped_v4(local))
			flow |= FLOW_FAMILY;
		loopback = loopback_v6(remote) || loopback_v6(local);
	} else {
		BPF_CORE_READ_INTO(local, sk, __sk_common.skc_rcv_saddr);
		loopback = loopback_v4(remote[0]) || loopback_v4(local[0]);
	}
	over = loopback ? 1 : over_loopback(sk);
	if (over == 1)
		flow |= FLOW_LOOPBACK;
	socket->flow = flow;
	note_interface(sk, socket);
	if (over >= 0)
		socket->flags |= SOCKET_SETTLED;
	else
		socket->flags &= ~SOCKET_SETTLED;
}

/* A socket seen for the first time. */
static __always_inline void describe_socket(const struct sock *sk, struct socket_state *socket)
{
	__u16 type;

	socket->family = FIELD(struct sock, sk, __sk_common.skc_family);
	socket->protocol = FIELD(struct sock, sk, sk_protocol);
	socket->state = FIELD(struct sock, sk, __sk_common.skc_state);
	type = FIELD(struct sock, sk, sk_type);
	/* A raw socket may say protocol 17, and the kernel has sockets of its own. */
	if ((socket->family != AF_INET && socket->family != AF_INET6) || type == SOCK_RAW ||
	    (socket->protocol != IPPROTO_TCP && socket->protocol != IPPROTO_UDP &&
	     socket->protocol != IPPROTO_UDPLITE && socket->protocol != IPPROTO_MPTCP) ||
	    BPF_CORE_READ_BITFIELD_PROBED(sk, sk_kern_sock)) {
		socket->flags = SOCKET_IGNORED;
		return;
	}
	/* The call that shows us the socket may be one that names its peer. */
	socket->flags = SOCKET_ADDRESSED;
	socket->remote_port = FIELD(struct sock, sk, __sk_common.skc_dport);
	socket->local_port = FIELD(struct sock, sk, __sk_common.skc_num);
	read_remote(sk, socket, (__be32 *)socket->remote);
	identify(sk, socket);
	classify(sk, socket);
}

/*
 * copied_seq without the FIN. The FIN takes a sequence number of its own; SOCK_DONE says that it
 * was received. Looking at sk_shutdown instead is off by one after shutdown(SHUT_RD) or close.
 * The state is read from the socket: an event that would have told it may have been skipped.
 */
static __always_inline __u32 consumed_seq(const struct tcp_sock *tcp)
{
	__u32 copied = FIELD(struct tcp_sock, tcp, copied_seq);
	__u8 state = FIELD(struct sock, tcp, __sk_common.skc_state);

	if (state == TCP_ESTABLISHED || state == TCP_SYN_RECV)
		return copied;
	if (copied == FIELD(struct tcp_sock, tcp, rcv_nxt) &&
	    FIELD(struct sock, tcp, __sk_common.skc_flags) & (1UL << SOCK_DONE))
		return copied - 1;
	return copied;
}

/* All that the application has ever read: bytes_received counts a FIN as rcv_nxt does. */
static __always_inline __u32 first_rx_seq(const struct tcp_sock *tcp)
{
	__u32 received = FIELD(struct tcp_sock, tcp, bytes_received);

	return FIELD(struct tcp_sock, tcp, rcv_nxt) - received;
}

/* The first byte ever written: everything acknowledged before it is not payload but the SYN. */
static __always_inline __u32 first_tx_seq(const struct tcp_sock *tcp, bool active)
{
	__u32 acknowledged = FIELD(struct tcp_sock, tcp, bytes_acked);

	return FIELD(struct tcp_sock, tcp, snd_una) - acknowledged + active;
}

/* A listener's limit goes to its children; it is 0 where none was set (and after listen(fd, 0)). */
static __always_inline bool accepted(const struct sock *sk)
{
	return FIELD(struct sock, sk, sk_max_ack_backlog) != 0;
}

static __always_inline __u32 mptcp_consumed_seq(const struct sock *sk)
{
	return FIELD(struct mptcp_sock, sk, bytes_consumed);
}

/*
 * From here on what is consumed counts. What came before is counted already, or was not seen: an
 * entry is made when the socket is connected or accepted, before anybody can read from it.
 */
static __always_inline void begin_consumed(const struct sock *sk, struct socket_state *socket)
{
	if (!bpf_core_field_exists(struct mptcp_sock, bytes_consumed))
		return;
	socket->rx_seq = mptcp_consumed_seq(sk);
	socket->flags |= SOCKET_CONSUMED;
}

/*
 * The entry of a socket, or `fresh` filled in when it cannot have one. A TCP socket that the
 * programs did not see being opened is younger than the counters once those older have been
 * seeded, so everything it ever read is still to be counted.
 */
static __always_inline struct socket_state *socket_of(struct duty duty, const struct sock *sk,
						      struct socket_state *fresh)
{
	const struct tcp_sock *tcp = (const struct tcp_sock *)sk;
	__u64 id = (__u64)sk;
	struct socket_state *socket = bpf_map_lookup_elem(&sockets, &id);

	if (socket)
		return socket;
	/* Not when it is declared: most events find an entry. */
	__builtin_memset(fresh, 0, sizeof(*fresh));
	describe_socket(sk, fresh);
	if (fresh->protocol != IPPROTO_TCP) {
		if (!duty.control->sockets_released)
			return fresh;
		if (fresh->protocol == IPPROTO_MPTCP)
			begin_consumed(sk, fresh);
	} else if (!(fresh->flags & SOCKET_IGNORED)) {
		/* Who is counted by call results stays so, or some bytes would count twice. */
		if (sockets_overflowed())
			return fresh;
		if (duty.control->seeded) {
			fresh->rx_seq = first_rx_seq(tcp);
			fresh->tx_seq = first_tx_seq(tcp, !accepted(sk));
		} else {
			fresh->rx_seq = consumed_seq(tcp);
			fresh->tx_seq = FIELD(struct tcp_sock, tcp, write_seq);
			fresh->opened = 0;
			lose(duty, LOSS_SOCKET_UNKNOWN);
		}
		if (fresh->state != TCP_SYN_SENT)
			fresh->fate = FATE_ESTABLISHED;
	}
	bpf_map_update_elem(&sockets, &id, fresh, BPF_NOEXIST);
	socket = bpf_map_lookup_elem(&sockets, &id);
	if (socket)
		return socket;
	if (fresh->protocol == IPPROTO_TCP)
		socket_map_full(duty);
	else if (!(fresh->flags & SOCKET_IGNORED))
		lose(duty, LOSS_CONNECTION_MAP_FULL);
	return fresh;
}

/*
 * UDP: the peer named in this call if there is one, else the connected peer, else whom the socket
 * talked to last. The peer's address is read each time because connect() may change it.
 */
static __always_inline __u8 udp_flow(const struct sock *sk, struct socket_state *socket,
				     __u32 direction)
{
	__u8 state = FIELD(struct sock, sk, __sk_common.skc_state);
	__be32 remote[4] = {};

	/* Of a connected socket every datagram comes from its peer, whose route is known. */
	if (state != TCP_ESTABLISHED || (direction == TX && socket->flags & SOCKET_ADDRESSED)) {
		__u32 thread = (__u32)bpf_get_current_pid_tgid();
		struct peer *peer = bpf_map_lookup_elem(&peers, &thread);

		if (peer && peer->sk == (__u64)sk && peer->fresh[direction]) {
			__u8 flow = peer->flow[direction] | FLOW_TRANSPORT;

			peer->fresh[direction] = 0;
			/* Other CPUs read the entry: it is written when it changes. */
			if (state != TCP_ESTABLISHED && socket->flow != flow)
				socket->flow = flow;
			return flow;
		}
		if (socket->flags & SOCKET_ADDRESSED)
			socket->flags &= ~SOCKET_ADDRESSED;
	}
	if (state != TCP_ESTABLISHED) {
		if (socket->state != state)
			socket->state = state;
		return socket->flow;
	}
	read_remote(sk, socket, remote);
	if (socket->state != state || !(socket->flags & SOCKET_SETTLED) ||
	    ((__u64 *)remote)[0] != ((__u64 *)socket->remote)[0] ||
	    ((__u64 *)remote)[1] != ((__u64 *)socket->remote)[1]) {
		__builtin_memcpy(socket->remote, remote, sizeof(remote));
		socket->remote_port = FIELD(struct sock, sk, __sk_common.skc_dport);
		socket->local_port = FIELD(struct sock, sk, __sk_common.skc_num);
		socket->state = state;
		classify(sk, socket);
	}
	return socket->flow;
}

/* Without the direction. */
static __always_inline __u8 flow_of(const struct sock *sk, struct socket_state *socket,
				     __u32 direction)
{
	if (socket->protocol == IPPROTO_UDP || socket->protocol == IPPROTO_UDPLITE)
		return udp_flow(sk, socket, direction);
	if (!(socket->flags & SOCKET_SETTLED))
		classify(sk, socket);
	return socket->flow;
}

/* `bytes` moved through this socket, for the calling process. */
static __always_inline void count_socket(struct duty duty, const struct sock *sk,
					 struct socket_state *socket, __u32 direction, __u64 bytes,
					 enum writers writers)
{
	struct process_key key = current_key();
	__u8 flow = flow_of(sk, socket, direction);

	count_moved(duty, socket, &key, CALLER_IS_PROCESS, flow, direction, bytes, writers);
}

#endif
