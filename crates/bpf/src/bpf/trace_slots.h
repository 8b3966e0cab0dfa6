/* SPDX-License-Identifier: MIT */
/* Who wants to know of a packet, how much of it, and telling them. */
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

/* By slot * POINTS + point. Per CPU; atomic where another program may come in the middle. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SLOTS * POINTS);
	__type(key, __u32);
	__type(value, struct tally);
} tallies SEC(".maps");

/* Full: counted as lost, per slot and point. Room for what one viewer is told in a second, all at once
 * at its begin. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 2 * 1024 * 1024);
} events SEC(".maps");

/* Never read: puts the layout of ring records into the object's type information. */
const volatile struct event event_layout = {};

enum { GRACE_NS = 20000000, SECOND_NS = 1000000000 };

/* What a program found out and what it knows besides. */
struct sight_of {
	struct event event;
	struct span span;
	__u64 device;  /* struct net_device *, 0: none */
	__u64 sk;      /* whose owner is the process; 0: none */
	__u32 current; /* the running task is the process */
	__u32 taken;   /* netfilter: this entry is in use */
};

/*
 * Not on the stack: there the verifier follows each value, and goes through all their combinations.
 * On a CPU at most one of the classic tracepoint and kprobe programs runs, and nothing interrupts it
 * with another: they share the first entry. Netfilter programs may be interrupted or put aside in the
 * middle for another, so they take an entry that is free.
 */
enum { SIGHT_SHARED, SIGHT_NETFILTER, SIGHTS = 5 };

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SIGHTS);
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

/* NULL when nobody watches. Not for netfilter programs. */
static __always_inline struct sight_of *look(enum point point)
{
	__u32 key = SIGHT_SHARED;
	struct sight_of *s;

	if (!watched())
		return 0;
	s = bpf_map_lookup_elem(&sights, &key);
	if (s) {
		__builtin_memset(s, 0, sizeof(*s));
		s->event.point = point;
	}
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
		}
	}
}

static __always_inline void find_name(struct event *e)
{
	struct process_key key = { .start = e->start, .tgid = e->tgid };
	struct process *process;

	if (!e->tgid || e->comm[0])
		return;
	process = bpf_map_lookup_elem(&processes, &key);
	if (process)
		bpf_probe_read_kernel(e->comm, sizeof(e->comm), process->comm);
}

static __noinline void find_device(struct sight_of *s)
{
	const struct net_device *device = (const struct net_device *)s->device;

	if (!device || s->event.interface)
		return;
	s->event.interface = BPF_CORE_READ(device, ifindex);
	BPF_CORE_READ_STR_INTO((char(*)[DEVICE_LEN]) & s->event.device, device, name);
}

static __always_inline bool in_prefix(const struct prefix *prefix, const __u64 *address,
				      __u32 family)
{
	return !(((prefix->address[0] ^ address[0]) & prefix->mask[0]) |
		 ((prefix->address[1] ^ address[1]) & prefix->mask[1]) | (prefix->family ^ family));
}

/*
 * Whether a viewer's filter takes the packet. Points that do not know what it asks for: no.
 * Each list ends in a jump: a variable that says "found" would double the verifier's work per list.
 */
static __noinline int takes(const struct filter *f, struct sight_of *s)
{
	const struct event *e = &s->event;
	int i;

	if (f->family && f->family != e->family)
		return 0;
	if (f->protocol && f->protocol != e->protocol &&
	    !(f->protocol == IPPROTO_UDP && e->protocol == IPPROTO_UDPLITE))
		return 0;
	if (f->port_count) {
		if (!(e->known & KNOWN_PORTS))
			return 0;
		for (i = 0; i < PORTS; i++)
			if (i < f->port_count && (f->ports[i] == e->source_port ||
						  f->ports[i] == e->destination_port))
				goto port;
		return 0;
	}
port:
	if (f->prefix_count) {
		for (i = 0; i < PREFIXES; i++)
			if (i < f->prefix_count &&
			    (in_prefix(&f->prefixes[i], e->source, e->family) ||
			     in_prefix(&f->prefixes[i], e->destination, e->family)))
				goto prefix;
		return 0;
	}
prefix:
	if (f->device_count) {
		find_device(s);
		for (i = 0; i < DEVICES; i++)
			if (i < f->device_count && f->devices[i][0] == e->device[0] &&
			    f->devices[i][1] == e->device[1])
				goto device;
		return 0;
	}
device:
	if (f->pid_count) {
		find_owner(s);
		for (i = 0; i < PIDS; i++)
			if (i < f->pid_count && e->tgid && f->pids[i] == e->tgid)
				return 1;
		return 0;
	}
	return 1;
}

/* Whether this slot may tell one more event now. See struct bucket. */
static __noinline int admit(const struct filter *f, struct bucket *b, struct event *e)
{
	__u64 jiffies = bpf_jiffies64(), block, before, gate;
	__u32 size = f->block;

	if (jiffies <= b->shut)
		return 0;
	if (!e->time)
		e->time = bpf_ktime_get_boot_ns();
	if (!size)
		return 1;
	block = *(volatile __u64 *)&b->tickets / size;
	before = block >= f->blocks ? b->ends[(block - f->blocks) & (BLOCKS_KEPT - 1)] : 0;
	gate = before ? before + SECOND_NS : 0;
	if (e->time < gate) {
		/* Nobody needs to look at the clock before the next jiffy is over: they are at
		 * most 10 ms. */
		if (gate - e->time > GRACE_NS)
			b->shut = jiffies + 1;
		__sync_fetch_and_add(&b->breaks, 1);
		return 0;
	}
	__sync_fetch_and_add(&b->tickets, 1);
	/* Others may have been as fast: the ticket is at most this one. */
	block = (*(volatile __u64 *)&b->tickets - 1) / size;
	before = block >= f->blocks ? b->ends[(block - f->blocks) & (BLOCKS_KEPT - 1)] : 0;
	if (before && e->time < before + SECOND_NS) {
		__sync_fetch_and_add(&b->breaks, 1);
		return 0;
	}
	if (b->ends[block & (BLOCKS_KEPT - 1)] < e->time)
		b->ends[block & (BLOCKS_KEPT - 1)] = e->time;
	return 1;
}

/* How many bytes of headers there are to copy; payload is nobody's business. */
static __always_inline __u32 header_size(const struct sight_of *s)
{
	const struct event *e = &s->event;
	__u64 linear = s->span.end - s->span.ip;
	__u32 size;

	if (!s->span.ip || s->span.end < s->span.ip || !(e->known & KNOWN_LENGTH) ||
	    s->span.rest < e->length)
		return 0;
	size = s->span.rest - e->length;
	if (size > linear)
		size = linear;
	return size > HEADER_LEN ? HEADER_LEN : size;
}

struct event_with_header {
	struct event event;
	__u8 header[HEADER_LEN];
};

static __noinline int put(struct sight_of *s)
{
	struct event_with_header *record;
	__u32 size = s->event.headers ? header_size(s) : 0;

	if (!size)
		return bpf_ringbuf_output(&events, &s->event, sizeof(s->event), BPF_RB_NO_WAKEUP);
	record = bpf_ringbuf_reserve(&events, sizeof(*record), 0);
	if (!record)
		return -1;
	__builtin_memcpy(&record->event, &s->event, sizeof(record->event));
	barrier_var(size);
	size &= 2 * HEADER_LEN - 1;
	if (size > HEADER_LEN)
		size = HEADER_LEN;
	if (!bpf_probe_read_kernel(record->header, size, (const void *)s->span.ip))
		record->event.header_length = size;
	bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
	return 0;
}

static __always_inline void add(const struct sight_of *s, __u64 *count, __u64 more)
{
	if (s->taken)
		__sync_fetch_and_add(count, more);
	else
		*count += more;
}

/* Counts the packet for each slot that takes it, and tells those whose turn it is. */
static __noinline void tell(struct sight_of *s)
{
	struct event *e = &s->event;
	__u32 i, key, slots = watched();
	struct filter *filter;
	struct bucket *bucket;
	struct tally *tally;

	for (i = 0; i < SLOTS; i++) {
		if (!(slots & 1 << i))
			continue;
		key = i;
		filter = bpf_map_lookup_elem(&filters, &key);
		bucket = bpf_map_lookup_elem(&buckets, &key);
		key = i * POINTS + e->point;
		tally = bpf_map_lookup_elem(&tallies, &key);
		if (!filter || !bucket || !tally || !takes(filter, s))
			continue;
		add(s, &tally->matched, 1);
		if (e->length)
			add(s, &tally->bytes, e->length);
		if (filter->counts_only)
			continue;
		if (!admit(filter, bucket, e)) {
			add(s, &tally->suppressed, 1);
			continue;
		}
		e->slots |= 1 << i;
		e->breaks[i] = bucket->breaks;
		e->headers |= filter->headers;
	}
	if (!e->slots)
		return;
	e->cpu = bpf_get_smp_processor_id();
	find_device(s);
	find_owner(s);
	find_name(e);
	if (!put(s))
		return;
	for (i = 0; i < SLOTS; i++) {
		if (!(e->slots & 1 << i))
			continue;
		key = i;
		bucket = bpf_map_lookup_elem(&buckets, &key);
		key = i * POINTS + e->point;
		tally = bpf_map_lookup_elem(&tallies, &key);
		if (!bucket || !tally)
			continue;
		add(s, &tally->lost, 1);
		__sync_fetch_and_add(&bucket->breaks, 1);
	}
}

#endif
