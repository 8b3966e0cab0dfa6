/* SPDX-License-Identifier: MIT */
/* Who wants to know of a packet, how much of it, and telling them. */
#ifndef NETMON_TRACE_TELL_H
#define NETMON_TRACE_TELL_H

#include "trace_slots.h"

/* 1 if an address is not in a prefix, else 0. */
static __always_inline __u64 outside(const struct prefix *prefix, const __u64 *address, __u32 family)
{
	__u64 differs = ((prefix->address[0] ^ address[0]) & prefix->mask[0]) |
			((prefix->address[1] ^ address[1]) & prefix->mask[1]) |
			(prefix->family ^ family);

	return (differs | -differs) >> 63;
}

/* Without a jump per comparison: the verifier would go through all ways there are. */
static __always_inline bool outside_all(const struct filter *f, const struct event *e)
{
	__u64 all = 1;
	int i;

	for (i = 0; i < PREFIXES && i < f->prefix_count; i++) {
		all &= outside(&f->prefixes[i], e->source, e->family);
		all &= outside(&f->prefixes[i], e->destination, e->family);
		barrier_var(all);
	}
	return all;
}

/* Each list ends in a jump: a variable that says "found" would double the verifier's work per list. */

/* What most filters do not ask for. */
static __noinline int takes_also(const struct filter *f, struct sight_of *s)
{
	const struct event *e = &s->event;
	int i;

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

/*
 * Whether a viewer's filter takes the packet. Points that do not know what it asks for: no. Part of
 * its callers, like all that is done for every packet: a return costs some 10 ns where the kernel makes
 * returns safe (SRSO).
 */
static __always_inline int takes(const struct filter *f, struct sight_of *s)
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
	if (f->prefix_count && outside_all(f, e))
		return 0;
	if (f->device_count | f->pid_count)
		return takes_also(f, s);
	return 1;
}

/* How often a CPU looks whether another is done giving a ticket, some 50 ns each time. One that waits
 * for itself, in an interrupt of its own, gives up as well, and so does one whose other is a virtual
 * CPU that stands still. */
enum { GRACE_NS = 20000000, SECOND_NS = 1000000000, PATIENCE = 32 };

static __always_inline bool enter(struct bucket *b)
{
	int i;

	for (i = 0; i < PATIENCE; i++) {
		__sync_fetch_and_add(&b->inside, 1);
		if (*(volatile __u64 *)&b->inside == 1)
			return true;
		__sync_fetch_and_add(&b->inside, -1);
	}
	return false;
}

/* Gives a ticket if there is one. See struct bucket. */
static __always_inline bool take_ticket(const struct filter *f, struct bucket *b, __u64 time,
					__u64 jiffies)
{
	__u64 block = b->tickets / f->block;
	__u64 gate = 0;

	if (block >= f->blocks)
		gate = b->ends[(block - f->blocks) & (BLOCKS_KEPT - 1)] + SECOND_NS;
	if (time < gate) {
		/* Nobody needs to look at the clock before the next jiffy is over: they are at
		 * most 10 ms. */
		if (gate - time > GRACE_NS)
			b->shut = jiffies + 1;
		return false;
	}
	b->tickets++;
	if (b->latest < time)
		b->latest = time;
	b->ends[block & (BLOCKS_KEPT - 1)] = b->latest;
	return true;
}

/* Whether this slot may tell one more event now. */
static __noinline int admit(const struct filter *f, struct bucket *b, struct event *e,
			    __u64 jiffies)
{
	bool given = false;

	if (!e->time)
		e->time = bpf_ktime_get_boot_ns();
	if (!f->block)
		return 1;
	if (enter(b)) {
		given = take_ticket(f, b, e->time, jiffies);
		__sync_fetch_and_add(&b->inside, -1);
	}
	if (!given)
		__sync_fetch_and_add(&b->breaks, 1);
	return given;
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

/* Who takes what is to be told. */
static __always_inline void add_slot(struct event *e, __u32 slot, const struct filter *filter,
				     const struct bucket *bucket)
{
	if (!e->slots)
		__builtin_memset(e->breaks, 0, sizeof(e->breaks));
	e->slots |= 1 << slot;
	e->breaks[slot] = bucket->breaks;
	e->headers |= filter->headers;
}

/* What somebody takes. */
static __noinline void send(struct sight_of *s, struct tally *tallies)
{
	struct event *e = &s->event;
	struct bucket *bucket;
	__u32 i, key;

	e->cpu = bpf_get_smp_processor_id();
	find_device(s);
	find_owner(s);
	find_name(e);
	if (!put(s))
		return;
	for (i = 0; i < SLOTS; i++) {
		if (!(e->slots & 1 << i))
			continue;
		tallies[i].lost++;
		key = i;
		bucket = bpf_map_lookup_elem(&buckets, &key);
		if (bucket)
			__sync_fetch_and_add(&bucket->breaks, 1);
	}
}

/* Counts the packet for each slot that takes it, and tells those whose turn it is. */
static __always_inline void tell_counted(struct sight_of *s, struct tally *tallies)
{
	struct event *e = &s->event;
	__u32 i, key, slots = s->wanted;
	struct filter *filter;
	struct bucket *bucket;
	struct tally *tally;
	__u64 jiffies;

	for (i = 0; i < SLOTS && slots >> i; i++) {
		if (!(slots >> i & 1))
			continue;
		key = i;
		filter = bpf_map_lookup_elem(&filters, &key);
		if (!filter || !takes(filter, s))
			continue;
		bucket = bpf_map_lookup_elem(&buckets, &key);
		if (!bucket)
			continue;
		tally = &tallies[i];
		tally->matched++;
		if (e->known & KNOWN_LENGTH)
			tally->bytes += e->length;
		if (filter->counts_only)
			continue;
		jiffies = bpf_jiffies64();
		if (jiffies <= bucket->shut || !admit(filter, bucket, e, jiffies))
			tally->suppressed++;
		else
			add_slot(e, i, filter, bucket);
	}
	if (e->slots)
		send(s, tallies);
}

static __always_inline void tell(struct sight_of *s)
{
	tell_counted(s, s->tallies);
}

#endif
