/* SPDX-License-Identifier: MIT */
/* What a packet is: read from its headers, or from the socket where it has none yet. */
#ifndef NETMON_TRACE_PACKET_H
#define NETMON_TRACE_PACKET_H

#include "trace_kernel.h"
#include "trace_abi.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "mapped() is for little endian"
#endif

/* The last 8 bytes of an IPv4 address as an IPv6 one. */
static __always_inline __u64 mapped(__be32 address)
{
	return (__u64)address << 32 | bpf_htonl(0xffff);
}

struct ipv4_header {
	__u8 version_length;
	__u8 tos;
	__be16 total_length;
	__be16 id;
	__be16 fragment;
	__u8 ttl;
	__u8 protocol;
	__u16 checksum;
	__be32 source;
	__be32 destination;
};

struct ipv6_header {
	__be32 version_flow;
	__be16 payload_length;
	__u8 next;
	__u8 hop_limit;
	__u64 source[2];
	__u64 destination[2];
};

struct tcp_header {
	__be16 source;
	__be16 destination;
	__be32 sequence;
	__be32 acknowledgment;
	__u8 offset; /* words, in the high four bits */
	__u8 flags;
	__be16 window;
};

enum { EXTENSIONS_MOST = 6, FRAGMENT_OFFSET = 0x1fff };

/* The linear part of a buffer, and where its IP header is. */
struct span {
	__u64 ip;
	__u64 end;
	__u32 rest; /* bytes from the IP header on, beyond the linear part too */
};

/* Ports, and what TCP says. `rest`: bytes from here on. */
static __noinline void read_transport(struct event *e, __u64 at, __u64 end, __u32 rest)
{
	struct tcp_header tcp;
	__u32 size = 8;

	if (e->protocol == IPPROTO_TCP) {
		if (at + sizeof(tcp) > end ||
		    bpf_probe_read_kernel(&tcp, sizeof(tcp), (const void *)at))
			return;
		e->sequence = bpf_ntohl(tcp.sequence);
		e->acknowledgment = bpf_ntohl(tcp.acknowledgment);
		e->flags = tcp.flags;
		e->known |= KNOWN_SEQUENCE | KNOWN_ACKNOWLEDGMENT | KNOWN_FLAGS;
		size = (tcp.offset >> 4) * 4;
	} else if (e->protocol == IPPROTO_UDP || e->protocol == IPPROTO_UDPLITE) {
		if (at + 8 > end || bpf_probe_read_kernel(&tcp, 8, (const void *)at))
			return;
	} else {
		size = 0;
	}
	if (size) {
		e->source_port = bpf_ntohs(tcp.source);
		e->destination_port = bpf_ntohs(tcp.destination);
		e->known |= KNOWN_PORTS;
	}
	if (rest >= size) {
		e->length = rest - size;
		e->known |= KNOWN_LENGTH;
	}
}

static __noinline int read_ipv4(struct event *e, struct span *span)
{
	struct ipv4_header ip;
	__u32 length, header;

	if (span->ip + sizeof(ip) > span->end ||
	    bpf_probe_read_kernel(&ip, sizeof(ip), (const void *)span->ip))
		return 0;
	header = (ip.version_length & 15) * 4;
	if (ip.version_length >> 4 != 4 || header < sizeof(ip))
		return 0;
	/* 0: more than 64 KiB together (BIG TCP). */
	length = bpf_ntohs(ip.total_length);
	if (!length)
		length = span->rest;
	if (length < header)
		return 0;
	e->family = 4;
	e->protocol = ip.protocol;
	e->source[0] = e->destination[0] = 0;
	e->source[1] = mapped(ip.source);
	e->destination[1] = mapped(ip.destination);
	if (ip.fragment & bpf_htons(FRAGMENT_OFFSET)) {
		/* A later fragment has no header but this one. */
		e->length = length - header;
		e->known |= KNOWN_LENGTH;
		return 1;
	}
	read_transport(e, span->ip + header, span->end, length - header);
	return 1;
}

static __noinline int read_ipv6(struct event *e, struct span *span)
{
	struct ipv6_header ip;
	__u32 rest, used = sizeof(ip), size;
	__u8 next, option[8];
	int i;

	if (span->ip + sizeof(ip) > span->end ||
	    bpf_probe_read_kernel(&ip, sizeof(ip), (const void *)span->ip))
		return 0;
	if ((ip.version_flow & 0xf0) != 0x60)
		return 0;
	e->family = 6;
	e->source[0] = ip.source[0];
	e->source[1] = ip.source[1];
	e->destination[0] = ip.destination[0];
	e->destination[1] = ip.destination[1];
	rest = bpf_ntohs(ip.payload_length);
	if (!rest && span->rest > sizeof(ip))
		rest = span->rest - sizeof(ip);
	next = ip.next;
	for (i = 0; i < EXTENSIONS_MOST; i++) {
		if (next != NEXTHDR_HOP && next != NEXTHDR_ROUTING && next != NEXTHDR_FRAGMENT &&
		    next != NEXTHDR_DEST && next != NEXTHDR_AUTH)
			break;
		if (span->ip + used + sizeof(option) > span->end ||
		    bpf_probe_read_kernel(option, sizeof(option), (const void *)(span->ip + used)))
			return 1;
		size = 8 + option[1] * 8;
		if (next == NEXTHDR_FRAGMENT)
			size = 8;
		else if (next == NEXTHDR_AUTH)
			size = 8 + option[1] * 4;
		if (size > rest)
			return 1;
		used += size;
		rest -= size;
		if (next == NEXTHDR_FRAGMENT && (option[2] || option[3] & 0xf8)) {
			e->protocol = option[0];
			e->length = rest;
			e->known |= KNOWN_LENGTH;
			return 1;
		}
		next = option[0];
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

/* Of a buffer, what it takes to find its headers. */
struct buffer {
	__u64 head;
	__u64 data;
	__u64 end; /* of the linear part */
	__u32 len;
	__u16 network_header;
	__be16 protocol;
};

/* Loads through a typed pointer cost a fifth of what the helper does (6.2). */
extern void *bpf_rdonly_cast(const void *object, __u32 type) __ksym __weak;

static __always_inline void read_buffer(struct buffer *b, const struct sk_buff *skb)
{
	if (bpf_ksym_exists(bpf_rdonly_cast)) {
		const struct sk_buff *typed =
			bpf_rdonly_cast(skb, bpf_core_type_id_kernel(struct sk_buff));

		b->head = (__u64)typed->head;
		b->data = (__u64)typed->data;
		b->end = b->head + typed->tail;
		b->len = typed->len;
		b->network_header = typed->network_header;
		b->protocol = typed->protocol;
		return;
	}
	b->head = (__u64)BPF_CORE_READ(skb, head);
	b->data = (__u64)BPF_CORE_READ(skb, data);
	b->end = b->head + BPF_CORE_READ(skb, tail);
	b->len = BPF_CORE_READ(skb, len);
	b->network_header = BPF_CORE_READ(skb, network_header);
	b->protocol = BPF_CORE_READ(skb, protocol);
}

/* After the network header was set; also where `data` is at another header. */
static __noinline int read_packet(struct event *e, struct span *span, const struct sk_buff *skb)
{
	struct buffer b;

	read_buffer(&b, skb);
	e->skb = (__u64)skb;
	span->ip = b.head + b.network_header;
	span->end = b.end;
	span->rest = b.len + (__u32)(b.data - span->ip);
	return read_ip(e, span, family_of(b.protocol));
}

/* As a device hands it up: the header is at `data`, and nothing says so yet. */
static __noinline int read_arriving(struct event *e, struct span *span, const struct sk_buff *skb)
{
	struct buffer b;
	__be16 tag[2];

	read_buffer(&b, skb);
	e->skb = (__u64)skb;
	span->ip = b.data;
	span->end = b.end;
	span->rest = b.len;
	/* A VLAN tag that the device has not taken off. */
	if (b.protocol == bpf_htons(ETH_P_8021Q) || b.protocol == bpf_htons(ETH_P_8021AD)) {
		if (span->ip + sizeof(tag) > span->end ||
		    bpf_probe_read_kernel(tag, sizeof(tag), (const void *)span->ip))
			return 0;
		b.protocol = tag[1];
		span->ip += sizeof(tag);
		span->rest -= sizeof(tag);
	}
	return read_ip(e, span, family_of(b.protocol));
}

/* The device a buffer is on, and the socket it is of. */
static __always_inline void read_ends(const struct sk_buff *skb, __u64 *device, __u64 *sk)
{
	if (bpf_ksym_exists(bpf_rdonly_cast)) {
		const struct sk_buff *typed =
			bpf_rdonly_cast(skb, bpf_core_type_id_kernel(struct sk_buff));

		*device = (__u64)typed->dev;
		*sk = (__u64)typed->sk;
		return;
	}
	*device = (__u64)BPF_CORE_READ(skb, dev);
	*sk = (__u64)BPF_CORE_READ(skb, sk);
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
	__u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);

	if (family == AF_INET6) {
		BPF_CORE_READ_INTO(&e->source, sk, __sk_common.skc_v6_rcv_saddr);
		BPF_CORE_READ_INTO(&e->destination, sk, __sk_common.skc_v6_daddr);
		e->family = 6;
		if (e->destination[0] == 0 && (__u32)e->destination[1] == bpf_htonl(0xffff))
			e->family = 4;
	} else if (family == AF_INET) {
		e->family = 4;
		e->source[0] = e->destination[0] = 0;
		e->source[1] = mapped(BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr));
		e->destination[1] = mapped(BPF_CORE_READ(sk, __sk_common.skc_daddr));
	} else {
		return 0;
	}
	e->source_port = BPF_CORE_READ(sk, __sk_common.skc_num);
	e->destination_port = bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport));
	e->known |= KNOWN_PORTS;
	if (way == INCOMING)
		turn_around(e);
	return 1;
}

/* A whole socket, not one in TIME_WAIT or one that only half stands. */
static __always_inline bool is_whole(const struct sock *sk)
{
	__u8 state = BPF_CORE_READ(sk, __sk_common.skc_state);

	return state != TCP_TIME_WAIT && state != TCP_NEW_SYN_RECV;
}

/* TCP or UDP, with UDP-Lite; raw sockets and others are not ours. */
static __always_inline int read_transport_socket(struct event *e, const struct sock *sk,
						 enum way way)
{
	__u16 protocol = BPF_CORE_READ(sk, sk_protocol);

	if (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP && protocol != IPPROTO_UDPLITE &&
	    protocol != IPPROTO_MPTCP)
		return 0;
	if (BPF_CORE_READ(sk, sk_type) == SOCK_RAW)
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
