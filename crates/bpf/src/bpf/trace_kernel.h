/* SPDX-License-Identifier: MIT */
/* Kernel types that only the packet trace reads; see kernel.h. */
#ifndef NETMON_TRACE_KERNEL_H
#define NETMON_TRACE_KERNEL_H

#include "kernel.h"

/* include/uapi/linux/if_ether.h, netfilter.h, in6.h */
enum { ETH_P_IP = 0x0800, ETH_P_IPV6 = 0x86DD, ETH_P_8021Q = 0x8100, ETH_P_8021AD = 0x88A8 };
enum { NF_ACCEPT = 1 };
enum {
	NEXTHDR_HOP = 0,
	NEXTHDR_ROUTING = 43,
	NEXTHDR_FRAGMENT = 44,
	NEXTHDR_AUTH = 51,
	NEXTHDR_DEST = 60,
};
enum { TCP_TIME_WAIT = 6, TCP_NEW_SYN_RECV = 12 };
enum { TCPHDR_FIN = 1, TCPHDR_SYN = 2 };

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

/* include/net/tcp.h: what TCP keeps in sk_buff.cb. */
struct tcp_skb_cb {
	__u32 seq;
	__u32 end_seq;
	__u8 tcp_flags;
};

struct nf_hook_state {
	__u8 hook;
	struct net_device *in;
	struct net_device *out;
	struct sock *sk;
};

struct bpf_nf_ctx {
	const struct nf_hook_state *state;
	struct sk_buff *skb;
};

/* Classic tracepoint records, include/trace/events/{net,skb,tcp,sock}.h */
struct trace_event_raw_net_dev_template {
	void *skbaddr;
};

struct trace_event_raw_net_dev_start_xmit {
	const void *skbaddr;
};

struct trace_event_raw_net_dev_xmit {
	void *skbaddr;
	int rc;
	__u32 __data_loc_name;
};

/* A field is there only if its kind is the same: an enum, not an integer. */
enum skb_drop_reason { SKB_NOT_DROPPED_YET };

struct trace_event_raw_kfree_skb {
	void *skbaddr;
	void *location;
	void *rx_sk;	 /* 6.11 */
	enum skb_drop_reason reason; /* 5.17 */
};

struct trace_event_raw_skb_copy_datagram_iovec {
	const void *skbaddr;
	int len;
};

struct trace_event_raw_tcp_probe {
	const void *skbaddr; /* 6.8 */
	const void *skaddr;
};

struct trace_event_raw_sk_data_ready {
	const void *skaddr;
};

#pragma clang attribute pop

/* include/uapi/linux/bpf.h: what a raw tracepoint is called with, its TP_PROTO. */
struct bpf_raw_tracepoint_args {
	__u64 args[0];
};

/*
 * tcp_retransmit_skb and tcp_send_reset: the record has had several names, and these two right after
 * the common eight bytes under each of them.
 */
struct tcp_skb_record {
	__u64 common;
	const void *skbaddr;
	const void *skaddr;
};

#endif
