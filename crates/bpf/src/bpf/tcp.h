/* SPDX-License-Identifier: MIT */
/* TCP: streams are counted by how far their sequence numbers moved, which heals missed events. */
#ifndef NETMON_TCP_H
#define NETMON_TCP_H

#include "socket.h"

/* Set before loading: TX of TCP is counted here (hook set K), not by call results. */
const volatile bool counts_written = false;

/* The try to connect that an entry is of has come to something. */
static __always_inline void now_established(const struct sock *sk, struct socket_state *socket)
{
	const struct tcp_sock *tcp = (const struct tcp_sock *)sk;

	socket->rx_seq = first_rx_seq(tcp);
	socket->tx_seq = first_tx_seq(tcp, true);
	socket->state = TCP_ESTABLISHED;
	socket->fate |= FATE_ESTABLISHED;
	socket->remote_port = FIELD(struct sock, sk, __sk_common.skc_dport);
	socket->local_port = FIELD(struct sock, sk, __sk_common.skc_num);
	read_remote(sk, socket, (__be32 *)socket->remote);
	classify(sk, socket);
}

/*
 * The connection stands: from here on its bytes are counted. `active`: by its own connect(). `fresh`:
 * room on the stack, of which there is little.
 */
static __always_inline void established(struct duty duty, const struct sock *sk, bool active,
					struct socket_state *fresh)
{
	const struct tcp_sock *tcp = (const struct tcp_sock *)sk;
	struct socket_state *socket;
	__u64 id = (__u64)sk;
	struct process_key key;

	socket = bpf_map_lookup_elem(&sockets, &id);
	if (!active || !socket || socket->state != TCP_SYN_SENT) {
		/*
		 * Accepted, or the event of its connect() was skipped. A Fast Open child may have
		 * been read before: then it has an entry.
		 */
		__builtin_memset(fresh, 0, sizeof(*fresh));
		describe_socket(sk, fresh);
		if (fresh->flags & SOCKET_IGNORED)
			return;
		fresh->state = TCP_ESTABLISHED;
		fresh->fate = FATE_ESTABLISHED;
		fresh->rx_seq = first_rx_seq(tcp);
		fresh->tx_seq = first_tx_seq(tcp, active);
		/* An entry with another peer belonged to a socket whose end was missed. */
		if (socket && socket->state != TCP_SYN_SENT &&
		    socket->remote_port == fresh->remote_port &&
		    socket->local_port == fresh->local_port &&
		    ((__u64 *)socket->remote)[0] == ((__u64 *)fresh->remote)[0] &&
		    ((__u64 *)socket->remote)[1] == ((__u64 *)fresh->remote)[1]) {
			socket->state = TCP_ESTABLISHED;
			socket->fate |= FATE_ESTABLISHED;
			return;
		}
		if (socket)
			tell_closed(duty, socket);
		if (bpf_map_update_elem(&sockets, &id, fresh, BPF_ANY))
			socket_map_full(duty);
		return;
	}
	now_established(sk, socket);
	if (counts_written && !has_upper_protocol(sk)) {
		__u32 written = FIELD(struct tcp_sock, tcp, write_seq);
		__u32 with_syn = written - socket->tx_seq;

		/* Fast Open: sent by whoever connected, acknowledged in nobody's context. */
		if (with_syn) {
			socket->tx_seq = written;
			key = socket->owner;
			count_moved(duty, socket, &key, CALLER_IS_ANYBODY, socket->flow, TX,
				    with_syn, ONE_WRITER);
		}
	}
}

/* Nothing is measured from here on, and an abort forgets what was: the last moment to look. */
static __always_inline void ended(const struct sock *sk, struct socket_state *socket, int before)
{
	int error = FIELD(struct sock, sk, sk_err);

	measure(sk, &socket->health);
	note_interface(sk, socket);
	/* Who gives up while connecting has no error. */
	if (before == TCP_SYN_SENT && error)
		socket->fate |= FATE_FAILED;
	/* EPIPE: the peer had finished before. */
	if (error == ECONNRESET || error == EPIPE || error == ECONNREFUSED)
		socket->fate |= FATE_RESET;
}

/*
 * Whether an entry is of this very connection: the end of an older one may have been skipped. A
 * closed socket that still has data has given its own port back.
 */
static __always_inline bool same_connection(const struct sock *sk,
					    const struct socket_state *socket)
{
	__u16 local_port = FIELD(struct sock, sk, __sk_common.skc_num);

	return socket->remote_port == FIELD(struct sock, sk, __sk_common.skc_dport) &&
	       (!local_port || socket->local_port == local_port);
}

/*
 * The last look at the streams: nothing is read or written from here on, and the FIN has no sequence
 * number yet. Finds nothing unless events were skipped. `user`: who moved what is found.
 */
static __always_inline void catch_up(struct duty duty, const struct sock *sk,
				     struct socket_state *socket, const struct process_key *user,
				     enum caller caller)
{
	const struct tcp_sock *tcp = (const struct tcp_sock *)sk;
	__u32 consumed = consumed_seq(tcp), written = FIELD(struct tcp_sock, tcp, write_seq);
	__u32 rx = consumed - socket->rx_seq;
	__u32 tx = counts_written ? written - socket->tx_seq : 0;

	if (!rx && !tx)
		return;
	socket->rx_seq = consumed;
	socket->tx_seq = written;
	if (rx)
		count_moved(duty, socket, user, caller, socket->flow, RX, rx, ONE_WRITER);
	if (tx)
		count_moved(duty, socket, user, caller, socket->flow, TX, tx, ONE_WRITER);
}

/*
 * An open connection is closed: by the calling process, which may be the only one to know an accepted
 * socket, or by an interrupt or anybody (`state` is TCP_CLOSE then).
 */
static __always_inline void closing(struct duty duty, const struct sock *sk,
				    struct socket_state *socket, int state)
{
	struct process_key key = socket->owner;
	enum caller caller = CALLER_IS_ANYBODY;

	if (state != TCP_CLOSE) {
		key = current_key();
		caller = CALLER_IS_PROCESS;
		if (!socket->owner.tgid && known(duty, &key))
			socket->owner = key;
	}
	if (!has_upper_protocol(sk))
		catch_up(duty, sk, socket, &key, caller);
}

/* A try to connect, by the calling process; whatever was known here is of an older socket. */
static __always_inline void connecting(struct duty duty, const struct sock *sk,
				       struct socket_state *fresh)
{
	__u64 id = (__u64)sk;

	__builtin_memset(fresh, 0, sizeof(*fresh));
	describe_socket(sk, fresh);
	if (fresh->flags & SOCKET_IGNORED)
		return;
	fresh->state = TCP_SYN_SENT;
	fresh->owner = current_key();
	/*
	 * Data may go with the SYN, and it is counted where nobody can be described; and it may
	 * fail, which is told of a process that never moves a byte.
	 */
	known(duty, &fresh->owner);
	if (bpf_map_update_elem(&sockets, &id, fresh, BPF_ANY))
		socket_map_full(duty);
}

/*
 * The entry of an open connection that is about to end. All its events may have been skipped, also the
 * end of an older socket at this address. NULL: it has none.
 */
static __always_inline struct socket_state *entry_at_end(struct duty duty, const struct sock *sk,
							 struct socket_state *fresh)
{
	__u64 id = (__u64)sk;
	struct socket_state *socket = bpf_map_lookup_elem(&sockets, &id);

	if (socket && socket->state == TCP_SYN_SENT) {
		now_established(sk, socket);
	} else if (socket && !(socket->flags & SOCKET_IGNORED) && !same_connection(sk, socket)) {
		tell_closed(duty, socket);
		bpf_map_delete_elem(&sockets, &id);
		socket = 0;
	}
	if (!socket && duty.control->seeded) {
		socket = socket_of(duty, sk, fresh);
		if (socket == fresh)
			return 0;
	}
	return socket;
}

static __always_inline void state_changed(const struct sock *sk, int before, int state)
{
	struct duty duty = duty_now();
	struct socket_state fresh, *socket;
	bool ends = (before == TCP_ESTABLISHED || before == TCP_CLOSE_WAIT) &&
		    (state == TCP_FIN_WAIT1 || state == TCP_LAST_ACK || state == TCP_CLOSE);
	__u64 id = (__u64)sk;

	if (!duty.control)
		return;
	if (state == TCP_ESTABLISHED) {
		established(duty, sk, before == TCP_SYN_SENT, &fresh);
		return;
	}
	if (ends) {
		socket = entry_at_end(duty, sk, &fresh);
	} else {
		socket = bpf_map_lookup_elem(&sockets, &id);
		/* Addresses are reused: what is there is of an older socket, or of a try that failed. */
		if (socket && (state == TCP_SYN_SENT || state == TCP_SYN_RECV))
			tell_closed(duty, socket);
		if (state == TCP_SYN_SENT) {
			connecting(duty, sk, &fresh);
			return;
		}
		if (state == TCP_SYN_RECV) {
			bpf_map_delete_elem(&sockets, &id);
			return;
		}
	}
	if (!socket)
		return;
	if (state == TCP_CLOSE)
		ended(sk, socket, before);
	socket->state = state;
	if (ends && !(socket->flags & SOCKET_IGNORED))
		closing(duty, sk, socket, state);
}

/* Nobody can read or write it any more. Not at TCP_CLOSE: there may still be data to read. */
static __always_inline void destroyed(const struct sock *sk)
{
	struct duty duty = duty_now();
	struct socket_state *socket;
	__u64 id = (__u64)sk;

	if (!duty.control)
		return;
	socket = bpf_map_lookup_elem(&sockets, &id);
	if (!socket)
		return;
	if (socket->state != TCP_CLOSE)
		ended(sk, socket, socket->state);
	tell_closed(duty, socket);
	bpf_map_delete_elem(&sockets, &id);
}

/*
 * Bytes have left the receive queue: read, splice, zero-copy. Also in an interrupt, when another
 * part of the kernel reads the stream (sockmap, strparser): then the last user is who gets them.
 */
static __always_inline void tcp_consumed(const struct sock *sk)
{
	struct duty duty = duty_now();
	struct socket_state fresh, *socket;
	struct process_key owner;
	__u32 consumed, bytes;
	__u64 id = (__u64)sk;

	if (!duty.control || has_upper_protocol(sk))
		return;
	socket = bpf_map_lookup_elem(&sockets, &id);
	if (socket && socket->state == TCP_SYN_SENT)
		established(duty, sk, true, &fresh);
	else if (socket && !(socket->flags & SOCKET_IGNORED) && !same_connection(sk, socket)) {
		tell_closed(duty, socket);
		bpf_map_delete_elem(&sockets, &id);
	}
	socket = socket_of(duty, sk, &fresh);
	if (socket->flags & SOCKET_IGNORED)
		return;
	if (socket == &fresh) {
		/* The result of the call is counted instead, if it is one that has a result. */
		lose(duty, LOSS_SOCKET_MAP_FULL);
		return;
	}
	consumed = consumed_seq((const struct tcp_sock *)sk);
	bytes = consumed - socket->rx_seq;
	if (!bytes)
		return;
	socket->rx_seq = consumed;
	if (FIELD(struct sock, sk, sk_lock.owned)) {
		count_socket(duty, sk, socket, RX, bytes, ONE_WRITER);
		return;
	}
	owner = socket->owner;
	count_moved(duty, socket, &owner, CALLER_IS_ANYBODY, flow_of(sk, socket, RX), RX, bytes,
		    ONE_WRITER);
}

/* The application has appended bytes to the send queue. */
static __always_inline void tcp_written(const struct sock *sk)
{
	struct duty duty = duty_now();
	struct socket_state fresh, *socket;
	__u32 written, bytes;

	if (!duty.control || has_upper_protocol(sk))
		return;
	socket = socket_of(duty, sk, &fresh);
	if (socket == &fresh || socket->flags & SOCKET_IGNORED)
		return;
	if (socket->state == TCP_SYN_SENT) {
		/* Data that goes with a SYN is counted once the connection stands. */
		if (FIELD(struct sock, sk, __sk_common.skc_state) != TCP_SYN_SENT)
			established(duty, sk, true, &fresh);
		return;
	}
	written = FIELD(struct tcp_sock, sk, write_seq);
	bytes = written - socket->tx_seq;
	if (!bytes)
		return;
	socket->tx_seq = written;
	count_socket(duty, sk, socket, TX, bytes, ONE_WRITER);
}

#endif
