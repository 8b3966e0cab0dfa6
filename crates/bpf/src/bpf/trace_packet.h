/* SPDX-License-Identifier: MIT */
/* What a packet is: read from its headers, or from the socket where it has none yet. */
#ifndef NETMON_TRACE_PACKET_H
#define NETMON_TRACE_PACKET_H

#include "trace_load.h"
#include "trace_abi.h"

enum { EXTENSIONS_MOST = 6, FRAGMENT_OFFSET = 0x1fff };

/* The linear part of a buffer, and where its IP header is. */
struct span {
	__u64 ip;
	__u64 end;
	__u32 rest; /* bytes from the IP header on, beyond the linear part too */
	__u32 zero;
};

/* Ports, and what TCP says. `rest`: bytes from here on. */
static __always_inline void read_transport(struct event *e, __u64 at, __u64 end, __u32 rest)
{
	union header h;
	__u32 size = 8;

	if (e->protocol == IPPROTO_TCP) {
		if (at + sizeof(h.tcp) > end || !load(&h, at, sizeof(h.tcp)))
			return;
		e->sequence = bpf_ntohl(h.tcp.sequence);
		e->acknowledgment = bpf_ntohl(h.tcp.acknowledgment);
		e->flags = h.tcp.flags;
		e->known |= KNOWN_SEQUENCE | KNOWN_ACKNOWLEDGMENT | KNOWN_FLAGS;
		size = (h.tcp.offset >> 4) * 4;
	} else if (e->protocol == IPPROTO_UDP || e->protocol == IPPROTO_UDPLITE) {
		if (at + size > end || !load(&h, at, sizeof(h.ports)))
			return;
	} else {
		size = 0;
	}
	if (size) {
		e->source_port = bpf_ntohs(h.ports[0]);
		e->destination_port = bpf_ntohs(h.ports[1]);
		e->known |= KNOWN_PORTS;
	}
	if (rest >= size) {
		e->length = rest - size;
		e->known |= KNOWN_LENGTH;
	}
}

static __always_inline int read_ipv4(struct event *e, struct span *span)
{
	union header h;
	__u32 length, size;

	if (span->ip + sizeof(h.v4) > span->end || !load(&h, span->ip, sizeof(h.v4)))
		return 0;
	size = (h.v4.version_length & 15) * 4;
	if (h.v4.version_length >> 4 != 4 || size < sizeof(h.v4))
		return 0;
	/* 0: more than 64 KiB together (BIG TCP). */
	length = bpf_ntohs(h.v4.total_length);
	if (!length)
		length = span->rest;
	if (length < size)
		return 0;
	e->family = 4;
	e->protocol = h.v4.protocol;
	e->source[0] = e->destination[0] = 0;
	e->source[1] = mapped(h.v4.source);
	e->destination[1] = mapped(h.v4.destination);
	if (h.v4.fragment & bpf_htons(FRAGMENT_OFFSET)) {
		/* A later fragment has no header but this one. */
		e->length = length - size;
		e->known |= KNOWN_LENGTH;
		return 1;
	}
	read_transport(e, span->ip + size, span->end, length - size);
	return 1;
}

static __noinline int read_ipv6(struct event *e, struct span *span)
{
	union header h;
	__u32 rest, used = sizeof(h.v6), size;
	__u8 next;
	int i;

	if (span->ip + sizeof(h.v6) > span->end || !load(&h, span->ip, sizeof(h.v6)))
		return 0;
	if ((h.v6.version_flow & 0xf0) != 0x60)
		return 0;
	e->family = 6;
	e->source[0] = joined(h.v6.source[0], h.v6.source[1]);
	e->source[1] = joined(h.v6.source[2], h.v6.source[3]);
	e->destination[0] = joined(h.v6.destination[0], h.v6.destination[1]);
	e->destination[1] = joined(h.v6.destination[2], h.v6.destination[3]);
	rest = bpf_ntohs(h.v6.payload_length);
	if (!rest && span->rest > sizeof(h.v6))
		rest = span->rest - sizeof(h.v6);
	next = h.v6.next;
	for (i = 0; i < EXTENSIONS_MOST; i++) {
		if (next != NEXTHDR_HOP && next != NEXTHDR_ROUTING && next != NEXTHDR_FRAGMENT &&
		    next != NEXTHDR_DEST && next != NEXTHDR_AUTH)
			break;
		if (span->ip + used + sizeof(h.bytes) > span->end ||
		    !load(&h, span->ip + used, sizeof(h.bytes)))
			return 1;
		size = 8 + h.bytes[1] * 8;
		if (next == NEXTHDR_FRAGMENT)
			size = 8;
		else if (next == NEXTHDR_AUTH)
			size = 8 + h.bytes[1] * 4;
		if (size > rest)
			return 1;
		used += size;
		rest -= size;
		if (next == NEXTHDR_FRAGMENT && (h.bytes[2] || h.bytes[3] & 0xf8)) {
			e->protocol = h.bytes[0];
			e->length = rest;
			e->known |= KNOWN_LENGTH;
			return 1;
		}
		next = h.bytes[0];
	}
	e->protocol = next;
	read_transport(e, span->ip + used, span->end, rest);
	return 1;
}

/* Which IP a buffer says it has, 0 if it has another protocol. */
static __always_inline __u32 family_of(__be16 protocol)
{
	if (protocol == bpf_htons(ETH_P_IP))
		return 4;
	return protocol == bpf_htons(ETH_P_IPV6) ? 6 : 0;
}

static __always_inline int read_ip(struct event *e, struct span *span, __u32 family)
{
	if (family == 4)
		return read_ipv4(e, span);
	return family == 6 && read_ipv6(e, span);
}

/* After the network header was set; also where `data` is at another header. */
static __always_inline int read_packet(struct event *e, struct span *span,
					const struct sk_buff *skb, enum trust trust)
{
	struct buffer b;

	read_buffer(&b, skb, trust);
	e->skb = (__u64)skb;
	span->ip = b.head + b.network_header;
	span->end = b.end;
	span->rest = b.len + (__u32)(b.data - span->ip);
	return read_ip(e, span, family_of(b.protocol));
}

/* As a device hands it up: the header is at `data`, and nothing says so yet. */
static __always_inline int read_arriving(struct event *e, struct span *span,
					const struct sk_buff *skb, enum trust trust)
{
	struct buffer b;
	union header tag;

	read_buffer(&b, skb, trust);
	e->skb = (__u64)skb;
	span->ip = b.data;
	span->end = b.end;
	span->rest = b.len;
	/* A VLAN tag that the device has not taken off. */
	if (b.protocol == bpf_htons(ETH_P_8021Q) || b.protocol == bpf_htons(ETH_P_8021AD)) {
		if (span->ip + sizeof(tag.ports) > span->end ||
		    !load(&tag, span->ip, sizeof(tag.ports)))
			return 0;
		b.protocol = tag.ports[1];
		span->ip += sizeof(tag.ports);
		span->rest -= sizeof(tag.ports);
	}
	return read_ip(e, span, family_of(b.protocol));
}

enum way { INCOMING, OUTGOING };

static __always_inline void turn_around(struct event *e)
{
	__u64 address[2] = { e->source[0], e->source[1] };
	__u16 port = e->source_port;

	e->source[0] = e->destination[0];
	e->source[1] = e->destination[1];
	e->destination[0] = address[0];
	e->destination[1] = address[1];
	e->source_port = e->destination_port;
	e->destination_port = port;
}

/* Addresses and ports of a socket, also of one in TIME_WAIT; 0 if it is of another family. */
static __noinline int read_socket(struct event *e, const struct sock *sk, enum way way)
{
	struct ends ends;

	if (!load_ends(&ends, sk))
		return 0;
	e->family = 4;
	if (ends.family == AF_INET6 &&
	    (ends.destination[0] || (__u32)ends.destination[1] != bpf_htonl(0xffff)))
		e->family = 6;
	e->source[0] = ends.source[0];
	e->source[1] = ends.source[1];
	e->destination[0] = ends.destination[0];
	e->destination[1] = ends.destination[1];
	e->source_port = ends.source_port;
	e->destination_port = bpf_ntohs(ends.destination_port);
	e->known |= KNOWN_PORTS;
	if (way == INCOMING)
		turn_around(e);
	return 1;
}

/* TCP or UDP, with UDP-Lite; raw sockets and others are not ours. */
static __always_inline int read_transport_socket(struct event *e, const struct sock *sk,
						 enum way way)
{
	__u16 protocol, type;

	load_kind(sk, &protocol, &type);
	if (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP && protocol != IPPROTO_UDPLITE &&
	    protocol != IPPROTO_MPTCP)
		return 0;
	if (type == SOCK_RAW)
		return 0;
	e->protocol = protocol == IPPROTO_MPTCP ? IPPROTO_TCP : protocol;
	return read_socket(e, sk, way);
}

/* A segment that TCP is about to send, or sends again: its numbers are in its control block. */
static __always_inline int read_segment(struct event *e, const struct sock *sk,
					const struct sk_buff *skb)
{
	const struct tcp_skb_cb *cb =
		(const void *)skb + bpf_core_field_offset(struct sk_buff, cb);
	const struct tcp_sock *tcp = (const struct tcp_sock *)sk;
	__u32 begin = BPF_CORE_READ(cb, seq), end = BPF_CORE_READ(cb, end_seq);
	__u8 flags;

	e->skb = (__u64)skb;
	e->protocol = IPPROTO_TCP;
	if (!read_socket(e, sk, OUTGOING))
		return 0;
	BPF_CORE_READ_INTO(&flags, cb, tcp_flags);
	e->sequence = begin;
	e->acknowledgment = BPF_CORE_READ(tcp, rcv_nxt);
	e->flags = flags;
	/* SYN and FIN take a number each. */
	e->length = end - begin - !!(flags & TCPHDR_SYN) - !!(flags & TCPHDR_FIN);
	e->known |= KNOWN_SEQUENCE | KNOWN_ACKNOWLEDGMENT | KNOWN_FLAGS | KNOWN_LENGTH;
	return 1;
}

#endif
