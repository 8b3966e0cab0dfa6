// SPDX-License-Identifier: MIT
/*
 * Counting: the hooks. Each event has up to two programs that do the same: a classic tracepoint
 * or kprobe, which loses nothing on any kernel, and a BTF one for kernels before 5.15, where a
 * classic attachment cannot be pinned. Which of them are loaded is decided in plan.rs.
 */
#include "kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include "calls.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

/* ---- every hook set: processes and TCP receive ---- */

/* Process context, every thread. */
SEC("?tp/sched/sched_process_exit")
int process_exit(void *ctx)
{
	thread_exited();
	return 0;
}

SEC("?tp_btf/sched_process_exit")
int process_exit_btf(void *ctx)
{
	thread_exited();
	return 0;
}

/* Process context, after the new image is in place. */
SEC("?tp/sched/sched_process_exec")
int process_exec(void *ctx)
{
	renamed();
	return 0;
}

SEC("?tp_btf/sched_process_exec")
int process_exec_btf(void *ctx)
{
	renamed();
	return 0;
}

/*
 * prctl(PR_SET_NAME) by the leader. Both fire before the name is set, so they carry the new one.
 * A thread's own name is not the process's; /proc/PID/comm of others is left alone.
 */
static __always_inline void name_set(__u32 thread, const char *name)
{
	__u64 current = bpf_get_current_pid_tgid();
	struct duty duty = duty_now();
	struct process *process;
	struct process_key key;

	if (!duty.control || (__u32)current != current >> 32 || thread != (__u32)current)
		return;
	key = current_key();
	process = bpf_map_lookup_elem(&processes, &key);
	if (process) {
		bpf_probe_read_kernel_str(process->comm, sizeof(process->comm), name);
		hint(duty, &key, HINT_RENAME);
	}
}

SEC("?tp/task/task_rename")
int process_rename(struct trace_event_raw_task_rename *ctx)
{
	name_set(ctx->pid, ctx->newcomm);
	return 0;
}

/* Also where the record does not say whose name it is: 6.15 to 6.18. */
SEC("?tp_btf/task_rename")
int process_rename_btf(__u64 *ctx)
{
	name_set(BPF_CORE_READ((struct task_struct *)ctx[0], pid), (const char *)ctx[1]);
	return 0;
}

/* Softirq or process context, under the socket lock. */
SEC("?tp/sock/inet_sock_set_state")
int tcp_state(struct trace_event_raw_inet_sock_set_state *ctx)
{
	if (ctx->protocol == IPPROTO_TCP)
		state_changed(ctx->skaddr, ctx->oldstate, ctx->newstate);
	return 0;
}

SEC("?tp_btf/inet_sock_set_state")
int tcp_state_btf(__u64 *ctx)
{
	const struct sock *sk = (const struct sock *)ctx[0];

	if (FIELD(struct sock, sk, sk_protocol) == IPPROTO_TCP)
		state_changed(sk, ctx[1], ctx[2]);
	return 0;
}

SEC("?tp/tcp/tcp_destroy_sock")
int tcp_destroy(struct trace_event_raw_tcp_event_sk *ctx)
{
	destroyed(ctx->skaddr);
	return 0;
}

SEC("?tp_btf/tcp_destroy_sock")
int tcp_destroy_btf(__u64 *ctx)
{
	destroyed((const struct sock *)ctx[0]);
	return 0;
}

/* Process context, under the socket lock, after copied_seq has moved. */
SEC("?tp/tcp/tcp_rcv_space_adjust")
int tcp_rx(struct trace_event_raw_tcp_event_sk *ctx)
{
	tcp_consumed(ctx->skaddr);
	return 0;
}

SEC("?tp_btf/tcp_rcv_space_adjust")
int tcp_rx_btf(__u64 *ctx)
{
	tcp_consumed((const struct sock *)ctx[0]);
	return 0;
}

/* ---- hook set T: results of calls, seen by tracepoints (6.3) ---- */

SEC("?tp/sock/sock_send_length")
int call_tx(struct trace_event_raw_sock_msg_length *ctx)
{
	call_sent(ctx->sk, ctx->family, ctx->protocol, ctx->ret);
	return 0;
}

SEC("?tp/sock/sock_recv_length")
int call_rx(struct trace_event_raw_sock_msg_length *ctx)
{
	call_received(ctx->sk, ctx->family, ctx->protocol, ctx->ret, ctx->flags);
	return 0;
}

/*
 * The release callback of MPTCP sockets, process context, under the lock. 7.0 and up, in T and K where
 * kprobes are allowed.
 */
SEC("?kprobe/mptcp_release_cb")
int msk_rx(struct pt_regs *ctx)
{
	mptcp_consumed(ARG1(ctx));
	return 0;
}

/* ---- hook sets T and F: peers of unconnected UDP, and the end of sockets ---- */

static __always_inline __u8 peer_v6(struct bpf_sock_addr *ctx)
{
	__be32 address[4] = { ctx->user_ip6[0], ctx->user_ip6[1], ctx->user_ip6[2],
			      ctx->user_ip6[3] };

	return (mapped_v4(address) ? 0 : FLOW_FAMILY) | (loopback_v6(address) ? FLOW_LOOPBACK : 0);
}

SEC("?cgroup/sendmsg4")
int udp_tx4(struct bpf_sock_addr *ctx)
{
	peer_named(ctx, TX, loopback_v4(ctx->user_ip4) ? FLOW_LOOPBACK : 0);
	return 1;
}

SEC("?cgroup/sendmsg6")
int udp_tx6(struct bpf_sock_addr *ctx)
{
	peer_named(ctx, TX, peer_v6(ctx));
	return 1;
}

SEC("?cgroup/recvmsg4")
int udp_rx4(struct bpf_sock_addr *ctx)
{
	peer_named(ctx, RX, loopback_v4(ctx->user_ip4) ? FLOW_LOOPBACK : 0);
	return 1;
}

SEC("?cgroup/recvmsg6")
int udp_rx6(struct bpf_sock_addr *ctx)
{
	peer_named(ctx, RX, peer_v6(ctx));
	return 1;
}

/* The last reference from a file is gone. TCP goes on to its own end (tcp_destroy). */
SEC("?cgroup/sock_release")
int socket_release(struct bpf_sock *ctx)
{
	struct duty duty = duty_now();
	struct socket_state *socket;
	__u64 id = (__u64)ctx;

	if (ctx->protocol == IPPROTO_TCP || !duty.control)
		return 1;
	socket = bpf_map_lookup_elem(&sockets, &id);
	if (!socket)
		return 1;
	tell_closed(duty, socket);
	bpf_map_delete_elem(&sockets, &id);
	return 1;
}

/* ---- hook set K: entries of functions ---- */

SEC("?kprobe/tcp_push")
int tcp_tx(struct pt_regs *ctx)
{
	tcp_written(ARG1(ctx));
	return 0;
}

SEC("?fentry/tcp_push")
int tcp_tx_btf(__u64 *ctx)
{
	tcp_written((const struct sock *)ctx[0]);
	return 0;
}

/* Also ICMP and raw sockets: datagram_sent leaves those out. */
SEC("?kprobe/ip_send_skb")
int udp_skb_tx4(struct pt_regs *ctx)
{
	datagram_sent(ARG2(ctx), 0);
	return 0;
}

SEC("?fentry/ip_send_skb")
int udp_skb_tx4_btf(__u64 *ctx)
{
	datagram_sent((const struct sk_buff *)ctx[1], 0);
	return 0;
}

SEC("?kprobe/ip6_send_skb")
int udp_skb_tx6(struct pt_regs *ctx)
{
	datagram_sent(ARG1(ctx), FLOW_FAMILY);
	return 0;
}

SEC("?fentry/ip6_send_skb")
int udp_skb_tx6_btf(__u64 *ctx)
{
	datagram_sent((const struct sk_buff *)ctx[0], FLOW_FAMILY);
	return 0;
}

SEC("?kprobe/skb_consume_udp")
int udp_skb_rx(struct pt_regs *ctx)
{
	datagram_received(ARG1(ctx), ARG2(ctx), ARG3(ctx));
	return 0;
}

SEC("?fentry/skb_consume_udp")
int udp_skb_rx_btf(__u64 *ctx)
{
	datagram_received((const struct sock *)ctx[0], (const struct sk_buff *)ctx[1], ctx[2]);
	return 0;
}

/* ---- hook set F, and kTLS and MPTCP in K: results of the inet calls ---- */

static __always_inline void inet_sent(const struct socket *file, int ret)
{
	const struct sock *sk = BPF_CORE_READ(file, sk);

	call_sent(sk, FIELD(struct sock, sk, __sk_common.skc_family),
		  FIELD(struct sock, sk, sk_protocol), ret);
}

static __always_inline void inet_received(const struct socket *file, int flags, int ret)
{
	const struct sock *sk = BPF_CORE_READ(file, sk);

	call_received(sk, FIELD(struct sock, sk, __sk_common.skc_family),
		      FIELD(struct sock, sk, sk_protocol), ret, flags);
}

SEC("?fexit/inet_sendmsg")
int inet_tx4(__u64 *ctx)
{
	inet_sent((const struct socket *)ctx[0], ctx[3]);
	return 0;
}

SEC("?fexit/inet6_sendmsg")
int inet_tx6(__u64 *ctx)
{
	inet_sent((const struct socket *)ctx[0], ctx[3]);
	return 0;
}

SEC("?fexit/inet_recvmsg")
int inet_rx4(__u64 *ctx)
{
	inet_received((const struct socket *)ctx[0], ctx[3], ctx[4]);
	return 0;
}

SEC("?fexit/inet6_recvmsg")
int inet_rx6(__u64 *ctx)
{
	inet_received((const struct socket *)ctx[0], ctx[3], ctx[4]);
	return 0;
}

/* Before 6.5. A protocol without sendpage goes on to sendmsg, which is counted there. */
SEC("?fexit/inet_sendpage")
int inet_page_tx(__u64 *ctx)
{
	const struct socket *file = (const struct socket *)ctx[0];
	const struct proto___sendpage *protocol =
		(const void *)BPF_CORE_READ(file, sk, __sk_common.skc_prot);
	__u32 thread = (__u32)bpf_get_current_pid_tgid();
	struct peer *peer;

	if (!in_charge())
		return 0;
	peer = bpf_map_lookup_elem(&peers, &thread);
	if (peer && peer->nested) {
		peer->nested = 0;
		if (peer->sk == (__u64)BPF_CORE_READ(file, sk))
			return 0;
	}
	if (BPF_CORE_READ(protocol, sendpage))
		inet_sent(file, ctx[5]);
	return 0;
}

/* Inside inet_sendpage: UDP over a device without scatter-gather falls back to sendmsg. */
SEC("?fexit/sock_no_sendpage")
int no_page_tx(__u64 *ctx)
{
	const struct socket *file = (const struct socket *)ctx[0];
	struct peer nested = { .sk = (__u64)BPF_CORE_READ(file, sk), .nested = 1 };
	__u32 thread = (__u32)bpf_get_current_pid_tgid();
	struct duty duty = duty_now();

	if (duty.control && bpf_map_update_elem(&peers, &thread, &nested, BPF_ANY))
		lose(duty, LOSS_PEER_MAP_FULL);
	return 0;
}

/* ssize_t (sock, ppos, pipe, len, flags): kTLS bytes that leave through a pipe. */
SEC("?fexit/tls_sw_splice_read")
int tls_splice_rx(__u64 *ctx)
{
	inet_received((const struct socket *)ctx[0], 0, ctx[5]);
	return 0;
}

SEC("?fexit/mptcp_splice_read")
int mptcp_splice_rx(__u64 *ctx)
{
	inet_received((const struct socket *)ctx[0], 0, ctx[5]);
	return 0;
}

/* ---- sockets older than the counters ---- */

/*
 * Set before loading on kernels without bpf_sock_from_file (before 5.11): its address. A ksym would
 * make libbpf read all of /proc/kallsyms for every object that is loaded, a quarter of a second.
 */
const volatile __u64 socket_file_ops = 0;

static __always_inline const struct sock *sock_of(struct file *file)
{
	const struct socket *holder;

	if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_sock_from_file)) {
		holder = bpf_sock_from_file(file);
	} else {
		if ((__u64)BPF_CORE_READ(file, f_op) != socket_file_ops)
			return 0;
		holder = BPF_CORE_READ(file, private_data);
	}
	return holder ? BPF_CORE_READ(holder, sk) : 0;
}

/* Runs once per open file of every task when the agent asks. Makes baselines and owners. */
SEC("?iter/task_file")
int seed(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct socket_state fresh = {}, *known;
	struct file *file = ctx->file;
	const struct tcp_sock *tcp;
	const struct sock *sk;
	struct duty as_asked = { .counts = true };
	struct process_key key;
	__u32 zero = 0;
	long refused;
	__u64 id;

	/* By the agent of these maps, before any generation is in charge and after. */
	as_asked.control = bpf_map_lookup_elem(&control, &zero);
	if (!task || !file || !as_asked.control)
		return 0;
	sk = sock_of(file);
	if (!sk)
		return 0;
	key = key_of(task);
	id = (__u64)sk;
	known = bpf_map_lookup_elem(&sockets, &id);
	if (known) {
		if (!known->owner.tgid)
			known->owner = key;
		/* Taken over from a layout that did not look at connections. */
		if (!known->namespace && !(known->flags & SOCKET_IGNORED)) {
			id = known->id;
			identify(sk, known);
			classify(sk, known);
			known->opened = 0;
			if (id)
				known->id = id;
		}
		return 0;
	}
	describe_socket(sk, &fresh);
	if (fresh.flags & SOCKET_IGNORED || fresh.state == TCP_LISTEN)
		return 0;
	/* Nothing would ever remove it. */
	if (fresh.protocol != IPPROTO_TCP && !as_asked.control->sockets_released)
		return 0;
	fresh.owner = key;
	fresh.opened = 0;
	if (fresh.protocol == IPPROTO_MPTCP)
		begin_consumed(sk, &fresh);
	if (fresh.protocol == IPPROTO_TCP) {
		if (fresh.state != TCP_SYN_SENT)
			fresh.fate = FATE_ESTABLISHED;
		tcp = (const struct tcp_sock *)sk;
		fresh.rx_seq = consumed_seq(tcp);
		fresh.tx_seq = FIELD(struct tcp_sock, tcp, write_seq);
	}
	/* Without a baseline it must be counted by call results, or its past would count. */
	refused = bpf_map_update_elem(&sockets, &id, &fresh, BPF_NOEXIST);
	if (refused && refused != -EEXIST)
		socket_map_full(as_asked);
	return 0;
}

/* ---- connections ---- */

/*
 * Runs once per entry of `sockets` when the agent asks, and tells of each what the entry has and
 * what the socket has to say now. The socket may end while we look, and its memory may be of another
 * one by then: its ports tell.
 */
SEC("?iter/bpf_map_elem")
int connections(struct bpf_iter__bpf_map_elem *ctx)
{
	struct socket_state *socket = ctx->value;
	const __u64 *key = ctx->key;
	struct sight sight = {};
	const struct sock *sk;

	if (!key || !socket)
		return 0;
	__builtin_memcpy(&sight.socket, socket, sizeof(*socket));
	sk = (const struct sock *)*key;
	/* The entry may be of another socket by now as well. */
	if (sight.socket.id != socket->id)
		return 0;
	/* What has no id is told apart by its address. */
	sight.time = *key;
	if (!(sight.socket.flags & SOCKET_IGNORED) && same_connection(sk, &sight.socket) &&
	    (sight.socket.protocol != IPPROTO_TCP || sight.socket.state != TCP_CLOSE)) {
		sight.socket.state = FIELD(struct sock, sk, __sk_common.skc_state);
		note_interface(sk, &sight.socket);
		if (sight.socket.protocol == IPPROTO_TCP)
			measure(sk, &sight.socket.health);
	}
	bpf_seq_write(ctx->meta->seq, &sight, sizeof(sight));
	return 0;
}
