/* SPDX-License-Identifier: MIT */
/* The maps of the trace, and what a program knows of a packet while it looks at one. */
#ifndef NETMON_TRACE_SLOTS_H
#define NETMON_TRACE_SLOTS_H

#include "trace_packet.h"
#include "abi.h"

/* Of the pinned maps, see maps.h: who used a socket last, and what it is called. Only read. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64);
	__type(value, struct socket_state);
} sockets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct process_key);
	__type(value, struct process);
} processes SEC(".maps");

/* Bit mask of the slots in use. Written by the agent. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} active SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SLOTS);
	__type(key, __u32);
	__type(value, struct filter);
} filters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SLOTS);
	__type(key, __u32);
	__type(value, struct bucket);
} buckets SEC(".maps");

/* Full: counted as lost, per slot and point. Room for what one viewer is told in a second, all at once
 * at its begin. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 2 * 1024 * 1024);
} events SEC(".maps");

/* Never read: puts the layout of ring records into the object's type information. */
const volatile struct event event_layout = {};

/*
 * What a program found out and what it knows besides, and what it has counted. Not on the stack: there
 * the verifier follows each value, and goes through all their combinations.
 *
 * Programs interrupt each other: one in a softirq that of a call, and any of these a netfilter program,
 * which may also be put aside for another of its kind. So each point has an entry of its own: it is
 * hooked by one program, which the kernel does not start inside itself. Netfilter programs take an
 * entry that is free, and give it back. So nobody else adds to a tally in the middle of an addition.
 */
struct sight_of {
	struct span span;
	__u64 device;  /* struct net_device *, 0: none */
	__u64 sk;      /* whose owner is the process; 0: none */
	__u32 current; /* the running task is the process */
	__u32 wanted;  /* slots in use */
	struct event event;
	__u64 taken; /* netfilter: this entry is in use */
	struct tally tallies[SLOTS];
};

/* By point, and what more of them netfilter has. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, ROWS);
	__type(key, __u32);
	__type(value, struct sight_of);
} sights SEC(".maps");

/* Netfilter programs that found no free entry. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} misses SEC(".maps");

/* The slots in use. */
static __always_inline __u32 watched(void)
{
	__u32 zero = 0;
	__u32 *slots = bpf_map_lookup_elem(&active, &zero);

	return slots ? *(volatile __u32 *)slots : 0;
}

static __always_inline void begin(struct sight_of *s, enum point point, __u32 slots)
{
	s->span.ip = s->device = s->sk = 0;
	s->current = 0;
	s->wanted = slots;
	__builtin_memset(&s->event, 0, offsetof(struct event, source));
	s->event.point = point;
}

/* NULL when nobody watches. Not for netfilter programs. */
static __always_inline struct sight_of *look(enum point point)
{
	__u32 key = point, slots = watched();
	struct sight_of *s;

	if (!slots)
		return 0;
	s = bpf_map_lookup_elem(&sights, &key);
	if (s)
		begin(s, point, slots);
	return s;
}

/* The process: the running one, or who used the socket last. */
static __noinline void find_owner(struct sight_of *s)
{
	struct event *e = &s->event;
	struct task_struct *task;
	struct socket_state *state;
	__u64 sk = s->sk;

	if (e->tgid)
		return;
	if (s->current) {
		task = (struct task_struct *)bpf_get_current_task();
		if (BPF_CORE_READ(task, flags) & PF_KTHREAD)
			return;
		e->tgid = BPF_CORE_READ(task, tgid);
		e->start = BPF_CORE_READ(task, group_leader, start_boottime);
		BPF_CORE_READ_STR_INTO(&e->comm, task, group_leader, comm);
	} else if (sk) {
		state = bpf_map_lookup_elem(&sockets, &sk);
		if (state) {
			e->tgid = state->owner.tgid;
			e->start = state->owner.start;
			e->comm[0] = 0;
		}
	}
}

/* After find_owner(). */
static __always_inline void find_name(struct event *e)
{
	struct process_key key = { .start = e->start, .tgid = e->tgid };
	struct process *process;

	if (e->tgid && e->comm[0])
		return;
	__builtin_memset(e->comm, 0, sizeof(e->comm));
	if (!e->tgid) {
		e->start = 0;
		return;
	}
	process = bpf_map_lookup_elem(&processes, &key);
	if (process)
		bpf_probe_read_kernel(e->comm, sizeof(e->comm), process->comm);
}

static __noinline void find_device(struct sight_of *s)
{
	const struct net_device *device = (const struct net_device *)s->device;

	if (!device || s->event.interface)
		return;
	s->event.interface = read_index(s->device);
	BPF_CORE_READ_STR_INTO((char(*)[DEVICE_LEN]) & s->event.device, device, name);
}

#endif
