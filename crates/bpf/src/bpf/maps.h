/* SPDX-License-Identifier: MIT */
/* Every map, who writes it, how large it gets, and what happens when it is full. */
#ifndef NETMON_MAPS_H
#define NETMON_MAPS_H

#include "abi.h"

/*
 * The sizes here are the smallest sensible ones: the agent sets the real ones before it loads the
 * programs, from the memory of the machine, and drops preallocation where the kernel has an
 * allocator that is safe in any context (6.1).
 */

/* Bytes and calls per process and CPU. The agent deletes the entries of a process after it has
 * read its final totals. Full: see `unattributed`. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct traffic_key);
	__type(value, struct traffic);
} traffic SEC(".maps");

/* What each process in `traffic` is. Made before its counters, deleted after them. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct process_key);
	__type(value, struct process);
} processes SEC(".maps");

/* Open sockets by address. Entries go when the kernel destroys the socket. Full: TCP receive is
 * counted by call results for the sockets that have no entry. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64);
	__type(value, struct socket_state);
} sockets SEC(".maps");

/* Processes that use a socket after another did, and CPUs that use one at the same time. The agent
 * deletes the entries of sockets that are gone. Full: the bytes of the former are in no connection,
 * the latter go on getting in each other's way. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct sharer_key);
	__type(value, struct sharer);
} sharers SEC(".maps");

/* Connections that were closed: struct sight. Full: they are counted as lost. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1024 * 1024);
} closed SEC(".maps");

/* Peers named by running calls, by thread id. Entries go with their thread. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, struct peer);
} peers SEC(".maps");

/* Bytes for which no process entry could be had. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct traffic);
} unattributed SEC(".maps");

/* Cumulative, by enum loss. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, LOSSES);
	__type(key, __u32);
	__type(value, __u64);
} losses SEC(".maps");

/* Full: the agent looks again at every process it knows of. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
} hints SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct control);
} control SEC(".maps");

/* 1 once `sockets` was full: some TCP sockets are counted by call results from then on. A map of
 * its own, so that the agent's writes to `control` cannot undo it. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} overflowed SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct handover);
} handover SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct carried);
} carried SEC(".maps");

/* Set before loading: which generation these programs are (see struct control). */
const volatile __u32 generation = 0;

/*
 * Set before loading on maps of a new layout: the generation that counts in the old ones, else 0.
 * As long as that one is in charge these programs follow it: they keep up with sockets, peers and
 * processes in their own maps, and add nothing to any count.
 */
const volatile __u32 follows = 0;

/* Never read: puts the layout of ring records into the object's type information. */
const volatile struct hint hint_layout = {};
const volatile struct sight sight_layout = {};

/*
 * What a program may do, decided once when it begins: asked again in the middle, an event could
 * fall to both generations.
 */
struct duty {
	const struct control *control; /* NULL: nothing */
	bool counts;		       /* else it only follows */
};

static __always_inline struct duty duty_now(void)
{
	__u32 zero = 0, active;
	struct duty duty = {};
	struct control *entry = bpf_map_lookup_elem(&control, &zero);

	if (!entry)
		return duty;
	active = *(volatile __u32 *)&entry->active_generation;
	if (active == generation) {
		duty.control = entry;
		duty.counts = true;
	} else if (follows && active == follows) {
		duty.control = entry;
	}
	return duty;
}

static __always_inline bool in_charge(void)
{
	return duty_now().control;
}

static __always_inline void lose(struct duty duty, __u32 cause)
{
	__u64 *count;

	if (!duty.counts)
		return;
	count = bpf_map_lookup_elem(&losses, &cause);
	if (count)
		*count += 1;
}

static __always_inline bool sockets_overflowed(void)
{
	__u32 zero = 0;
	__u32 *set = bpf_map_lookup_elem(&overflowed, &zero);

	return set && *set;
}

static __always_inline void socket_map_full(struct duty duty)
{
	__u32 zero = 0;
	__u32 *set = bpf_map_lookup_elem(&overflowed, &zero);

	if (set)
		*set = 1;
	lose(duty, LOSS_SOCKET_MAP_FULL);
}

#endif
