/* SPDX-License-Identifier: MIT */
/*
 * MPTCP receive where its splice goes past the calls (7.0): by how much was taken out of the socket,
 * looked at whenever somebody gives its lock back. That heals missed events, as for TCP.
 */
#ifndef NETMON_MPTCP_H
#define NETMON_MPTCP_H

#include "socket.h"

/* Set before loading: RX of MPTCP is counted here, not by call results. */
const volatile bool counts_consumed = false;

/* Whether what a call says it received is counted here. A socket without an entry is not. */
static __always_inline bool counted_as_consumed(const struct sock *sk, __u16 protocol)
{
	struct socket_state *socket;
	__u64 id = (__u64)sk;

	if (protocol != IPPROTO_MPTCP)
		return false;
	socket = bpf_map_lookup_elem(&sockets, &id);
	if (!socket || !(socket->flags & SOCKET_CONSUMED))
		return false;
	if (counts_consumed)
		return true;
	/* `rx_seq` is out of step from here on. */
	socket->flags &= ~SOCKET_CONSUMED;
	return false;
}

static __always_inline bool kernel_thread(void)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();

	return BPF_CORE_READ(task, flags) & PF_KTHREAD;
}

/* The lock of a socket is given back, by whoever had it: a process, or a worker of the kernel. */
static __always_inline void mptcp_consumed(const struct sock *sk)
{
	struct duty duty = duty_now();
	struct socket_state fresh, *socket;
	struct process_key owner;
	__u32 consumed, bytes;
	__u64 id = (__u64)sk;

	if (!duty.control)
		return;
	consumed = mptcp_consumed_seq(sk);
	socket = bpf_map_lookup_elem(&sockets, &id);
	if (!socket) {
		__u8 state = FIELD(struct sock, sk, __sk_common.skc_state);

		/* The end of a socket without a file is not seen: only what a process holds. */
		if (kernel_thread() || (state != TCP_ESTABLISHED && state != TCP_SYN_SENT))
			return;
		socket = socket_of(duty, sk, &fresh);
		if (socket == &fresh)
			return;
		if (consumed && !(socket->flags & SOCKET_IGNORED))
			lose(duty, LOSS_SOCKET_UNKNOWN);
		return;
	}
	if (socket->flags & SOCKET_IGNORED)
		return;
	if (!(socket->flags & SOCKET_CONSUMED)) {
		/* Of programs that counted what calls returned. */
		begin_consumed(sk, socket);
		return;
	}
	bytes = consumed - socket->rx_seq;
	if (!bytes)
		return;
	/* It was disconnected, and began anew. */
	if ((__s32)bytes < 0)
		bytes = consumed;
	socket->rx_seq = consumed;
	if (!kernel_thread()) {
		count_socket(duty, sk, socket, RX, bytes, ONE_WRITER);
		return;
	}
	/* The event of whoever took it was skipped. */
	owner = socket->owner;
	count_moved(duty, socket, &owner, CALLER_IS_ANYBODY, flow_of(sk, socket, RX), RX, bytes,
		    ONE_WRITER);
}

#endif
