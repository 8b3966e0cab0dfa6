/* SPDX-License-Identifier: MIT */
/* Reading the kernel's memory: headers, buffers, sockets. */
#ifndef NETMON_TRACE_LOAD_H
#define NETMON_TRACE_LOAD_H

#include "trace_kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "mapped() and joined() are for little endian"
#endif

/* Loads through a typed pointer cost a nanosecond, those by the helper twenty (6.2). */
extern void *bpf_rdonly_cast(const void *object, __u32 type) __ksym __weak;

#define TYPED(type, at) \
	((const type *)bpf_rdonly_cast((const void *)(at), bpf_core_type_id_kernel(type)))

/* The last 8 bytes of an IPv4 address as an IPv6 one. */
static __always_inline __u64 mapped(__be32 address)
{
	return (__u64)address << 32 | bpf_htonl(0xffff);
}

static __always_inline __u64 joined(__u32 first, __u32 second)
{
	return first | (__u64)second << 32;
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
	__be32 source[4];
	__be32 destination[4];
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

union header {
	__u32 words[10];
	struct ipv4_header v4;
	struct ipv6_header v6;
	struct tcp_header tcp;
	__u16 ports[2];
	__u8 bytes[8];
};

/*
 * `size` bytes from `at` on, a constant multiple of 4; the caller has made sure that they are in the
 * buffer. An address of IPv6 is the kernel's type that is nothing but words.
 */
static __always_inline bool load(union header *header, __u64 at, __u32 size)
{
	const struct in6_addr *words;

	if (!bpf_ksym_exists(bpf_rdonly_cast))
		return !bpf_probe_read_kernel(header, size, (const void *)at);
	words = TYPED(struct in6_addr, at);
	header->words[0] = words->in6_u.u6_addr32[0];
	if (size > 4)
		header->words[1] = words->in6_u.u6_addr32[1];
	if (size > 8)
		header->words[2] = words->in6_u.u6_addr32[2];
	if (size > 12)
		header->words[3] = words->in6_u.u6_addr32[3];
	if (size > 16) {
		words = TYPED(struct in6_addr, at + 16);
		header->words[4] = words->in6_u.u6_addr32[0];
	}
	if (size > 20) {
		header->words[5] = words->in6_u.u6_addr32[1];
		header->words[6] = words->in6_u.u6_addr32[2];
		header->words[7] = words->in6_u.u6_addr32[3];
		words = TYPED(struct in6_addr, at + 32);
		header->words[8] = words->in6_u.u6_addr32[0];
		header->words[9] = words->in6_u.u6_addr32[1];
	}
	return true;
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

/*
 * Where from a program has a pointer: an argument that the kernel vouches for (netfilter, BTF
 * tracepoints) is read as it is, any other address with a check.
 */
enum trust { ADDRESS, VOUCHED };

static __always_inline void read_buffer(struct buffer *b, const struct sk_buff *skb,
					enum trust trust)
{
	if (trust == VOUCHED || bpf_ksym_exists(bpf_rdonly_cast)) {
		const struct sk_buff *typed = trust == VOUCHED ? skb : TYPED(struct sk_buff, skb);

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

/* The device a buffer is on, and the socket it is of. */
static __always_inline void read_ends(const struct sk_buff *skb, enum trust trust, __u64 *device,
				      __u64 *sk)
{
	if (trust == VOUCHED || bpf_ksym_exists(bpf_rdonly_cast)) {
		const struct sk_buff *typed = trust == VOUCHED ? skb : TYPED(struct sk_buff, skb);

		*device = (__u64)typed->dev;
		*sk = (__u64)typed->sk;
		return;
	}
	*device = (__u64)BPF_CORE_READ(skb, dev);
	*sk = (__u64)BPF_CORE_READ(skb, sk);
}

/* The index of the device it came in by; 0: none. */
static __always_inline __u32 read_arrived(const struct sk_buff *skb, enum trust trust)
{
	if (trust == VOUCHED)
		return skb->skb_iif;
	if (bpf_ksym_exists(bpf_rdonly_cast))
		return TYPED(struct sk_buff, skb)->skb_iif;
	return BPF_CORE_READ(skb, skb_iif);
}

static __always_inline __u32 read_index(__u64 device)
{
	if (bpf_ksym_exists(bpf_rdonly_cast))
		return TYPED(struct net_device, device)->ifindex;
	return BPF_CORE_READ((const struct net_device *)device, ifindex);
}

/* Both addresses and ports of a socket, as it sends. */
struct ends {
	__u64 source[2];
	__u64 destination[2];
	__u16 family;
	__u16 source_port;
	__be16 destination_port;
};

/* Also of a socket in TIME_WAIT; 0 if it is of another family. */
static __always_inline int load_ends(struct ends *ends, const struct sock *sk)
{
	const struct sock_common *c;

	ends->source[0] = ends->destination[0] = 0;
	if (!bpf_ksym_exists(bpf_rdonly_cast)) {
		ends->family = BPF_CORE_READ(sk, __sk_common.skc_family);
		if (ends->family == AF_INET6) {
			BPF_CORE_READ_INTO(&ends->source, sk, __sk_common.skc_v6_rcv_saddr);
			BPF_CORE_READ_INTO(&ends->destination, sk, __sk_common.skc_v6_daddr);
		} else if (ends->family == AF_INET) {
			ends->source[1] = mapped(BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr));
			ends->destination[1] = mapped(BPF_CORE_READ(sk, __sk_common.skc_daddr));
		} else {
			return 0;
		}
		ends->source_port = BPF_CORE_READ(sk, __sk_common.skc_num);
		ends->destination_port = BPF_CORE_READ(sk, __sk_common.skc_dport);
		return 1;
	}
	c = &TYPED(struct sock, sk)->__sk_common;
	ends->family = c->skc_family;
	if (ends->family == AF_INET6) {
		ends->source[0] = joined(c->skc_v6_rcv_saddr.in6_u.u6_addr32[0],
					 c->skc_v6_rcv_saddr.in6_u.u6_addr32[1]);
		ends->source[1] = joined(c->skc_v6_rcv_saddr.in6_u.u6_addr32[2],
					 c->skc_v6_rcv_saddr.in6_u.u6_addr32[3]);
		ends->destination[0] = joined(c->skc_v6_daddr.in6_u.u6_addr32[0],
					      c->skc_v6_daddr.in6_u.u6_addr32[1]);
		ends->destination[1] = joined(c->skc_v6_daddr.in6_u.u6_addr32[2],
					      c->skc_v6_daddr.in6_u.u6_addr32[3]);
	} else if (ends->family == AF_INET) {
		ends->source[1] = mapped(c->skc_rcv_saddr);
		ends->destination[1] = mapped(c->skc_daddr);
	} else {
		return 0;
	}
	ends->source_port = c->skc_num;
	ends->destination_port = c->skc_dport;
	return 1;
}

/* Protocol and type of a whole socket. */
static __always_inline void load_kind(const struct sock *sk, __u16 *protocol, __u16 *type)
{
	if (bpf_ksym_exists(bpf_rdonly_cast)) {
		const struct sock *typed = TYPED(struct sock, sk);

		*protocol = typed->sk_protocol;
		*type = typed->sk_type;
		return;
	}
	*protocol = BPF_CORE_READ(sk, sk_protocol);
	*type = BPF_CORE_READ(sk, sk_type);
}

#endif
