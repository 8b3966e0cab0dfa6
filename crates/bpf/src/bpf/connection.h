/* SPDX-License-Identifier: MIT */
/* What a process moved over one socket, why that was slow, and what is left when it is closed. */
#ifndef NETMON_CONNECTION_H
#define NETMON_CONNECTION_H

#include "field.h"
#include "process.h"

static const struct sharer unused_part;

/*
 * Two sockets are never given the same: for 200 days and up to 1024 CPUs because only one is opened
 * on a CPU at a time, and past that two would have to be opened at the very same nanosecond.
 */
static __always_inline __u64 new_id(__u64 now)
{
	return now << 10 | (bpf_get_smp_processor_id() & 1023);
}

static __always_inline void identify(const struct sock *sk, struct socket_state *socket)
{
	__u64 now = bpf_ktime_get_boot_ns();

	socket->id = new_id(now);
	socket->opened = now;
	socket->namespace = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
}

/* The index of the device that the socket last received over; 0: unknown. */
static __always_inline int received_over(const struct sock *sk)
{
	int interface = 0;

	if (bpf_core_field_exists(struct sock, sk_rx_dst_ifindex))
		interface = FIELD(struct sock, sk, sk_rx_dst_ifindex);
	else if (bpf_core_field_exists(struct inet_sock___rx_dst, rx_dst_ifindex))
		bpf_probe_read_kernel(&interface, sizeof(interface),
				      (const void *)sk + bpf_core_field_offset(struct inet_sock___rx_dst,
									       rx_dst_ifindex));
	return interface;
}

/*
 * The device of the connection's traffic. What comes in may take another one than what goes out:
 * the direction with more bytes decides. Unknown when the socket does not tell, as for UDP without
 * a peer: then what was noted before stays.
 */
static __always_inline void note_interface(const struct sock *sk, struct socket_state *socket)
{
	int interface = received_over(sk);
	const struct dst_entry *route;
	const struct net_device *device;

	if (!interface || socket->flows[TX].bytes >= socket->flows[RX].bytes) {
		route = FIELD(struct sock, sk, sk_dst_cache);
		if (route) {
			device = FIELD(struct dst_entry, route, dev);
			interface = FIELD(struct net_device, device, ifindex);
		}
	}
	if (!interface)
		interface = FIELD(struct sock, sk, __sk_common.skc_bound_dev_if);
	if (interface)
		socket->interface = interface;
}

static __always_inline void measure(const struct sock *sk, struct health *health)
{
	__u32 busy, by_window, by_buffer, running;
	__u8 kind;

	health->rtt = FIELD(struct tcp_sock, sk, srtt_us);
	health->rtt_variation = FIELD(struct tcp_sock, sk, mdev_us);
	health->retransmits = FIELD(struct tcp_sock, sk, total_retrans);
	if (!bpf_core_field_exists(struct tcp_sock, chrono_stat)) {
		health->busy = health->by_window = health->by_buffer = UNTOLD;
		return;
	}
	busy = FIELD(struct tcp_sock, sk, chrono_stat[0]);
	by_window = FIELD(struct tcp_sock, sk, chrono_stat[1]);
	by_buffer = FIELD(struct tcp_sock, sk, chrono_stat[2]);
	busy += by_window + by_buffer;
	kind = BPF_CORE_READ_BITFIELD_PROBED((const struct tcp_sock *)sk, chrono_type);
	/* Most have nothing to send. */
	if (kind) {
		running = (__u32)bpf_jiffies64() - FIELD(struct tcp_sock, sk, chrono_start);
		busy += running;
		by_window += kind == TCP_CHRONO_RWND_LIMITED ? running : 0;
		by_buffer += kind == TCP_CHRONO_SNDBUF_LIMITED ? running : 0;
	}
	health->busy = busy;
	health->by_window = by_window;
	health->by_buffer = by_buffer;
}

static __always_inline bool same_process(const struct process_key *a, const struct process_key *b)
{
	return a->start == b->start && a->tgid == b->tgid;
}

static __always_inline struct sharer *part_of(const struct socket_state *socket,
					      const struct process_key *process, __u32 part)
{
	struct sharer_key key = {
		.id = socket->id,
		.start = process->start,
		.tgid = process->tgid,
		.part = part,
	};
	struct sharer *sharer = bpf_map_lookup_elem(&sharers, &key);

	if (!sharer) {
		bpf_map_update_elem(&sharers, &key, &unused_part, BPF_NOEXIST);
		sharer = bpf_map_lookup_elem(&sharers, &key);
	}
	return sharer;
}

/* The first use, or a socket of several processes; NULL when there is no room. */
static __always_inline struct flow *flow_of_another(struct duty duty, struct socket_state *socket,
						    const struct process_key *process,
						    __u32 direction)
{
	struct sharer *sharer;

	if (!process->tgid)
		return 0;
	if (!same_process(&socket->owner, process))
		socket->owner = *process;
	if (!socket->user.tgid) {
		socket->user = *process;
		socket->flags |= SOCKET_USED;
		/* Taken over from a layout that gave none. */
		if (!socket->id)
			socket->id = new_id(bpf_ktime_get_boot_ns());
	}
	if (same_process(&socket->user, process))
		return &socket->flows[direction];
	if (!socket->shared)
		socket->shared = 1;
	sharer = part_of(socket, process, PART_LATER);
	if (sharer)
		return &sharer->flows[direction];
	lose(duty, LOSS_CONNECTION_MAP_FULL);
	return 0;
}

/* TCP changes its sequence numbers under the lock of the socket; calls return without it. */
enum writers { ONE_WRITER, MANY_WRITERS };

/*
 * Threads of several CPUs use one socket, and the cell that they add to doubles what an event costs:
 * after 255 changes of CPU within 256 ticks each has its own from then on.
 */
static __always_inline void another_cpu(struct socket_state *socket, __u32 cpu)
{
	__u32 turns = socket->flows_turns, now = (__u32)bpf_jiffies64() & ~255U;

	socket->flows_cpu = cpu;
	if ((turns & ~255U) != now)
		socket->flows_turns = now;
	else if ((turns & 255) == 255)
		socket->flows_spread = 1;
	else
		socket->flows_turns = turns + 1;
}

static __always_inline void add_atomically(struct flow *moved, __u64 bytes)
{
	__sync_fetch_and_add(&moved->bytes, bytes);
	__sync_fetch_and_add(&moved->calls, 1);
}

/* `bytes` moved through a socket: in the totals of the process, and in its connection. */
static __always_inline void count_moved(struct duty duty, struct socket_state *socket,
					const struct process_key *process, enum caller caller,
					__u32 flow, __u32 direction, __u64 bytes,
					enum writers writers)
{
	__u32 cpu = bpf_get_smp_processor_id();
	struct flow *moved = &socket->flows[direction];
	struct sharer *alone;

	if (socket->shared || !same_process(&socket->user, process))
		moved = flow_of_another(duty, socket, process, direction);
	/* What is in no process is in no connection of it; who follows adds to none. */
	if (!count(duty, process, caller, flow | direction, bytes) || !moved)
		return;
	if (writers == ONE_WRITER) {
		moved->bytes += bytes;
		moved->calls += 1;
		return;
	}
	if (socket->flows_spread) {
		alone = part_of(socket, process, PART_CPU + cpu);
		if (alone) {
			/* Nobody else's, unless tasks are preempted in here. */
			add_atomically(&alone->flows[direction], bytes);
			return;
		}
	} else if (socket->flows_cpu != cpu) {
		another_cpu(socket, cpu);
	}
	add_atomically(moved, bytes);
}

/* A socket is gone: tells what there was, if it was a connection of somebody. */
static __always_inline void tell_closed(struct duty duty, const struct socket_state *socket)
{
	struct sight *record;

	if (!duty.counts || !socket->owner.tgid || socket->flags & SOCKET_IGNORED)
		return;
	if (!(socket->flags & SOCKET_USED) && !socket->user.tgid &&
	    !(socket->fate & (FATE_ESTABLISHED | FATE_FAILED)))
		return;
	record = bpf_ringbuf_reserve(&closed, sizeof(*record), 0);
	if (!record) {
		lose(duty, LOSS_CLOSED_RING_FULL);
		return;
	}
	__builtin_memcpy(&record->socket, socket, sizeof(*socket));
	record->time = bpf_ktime_get_boot_ns();
	/* The agent looks at every tick. */
	bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
}

#endif
