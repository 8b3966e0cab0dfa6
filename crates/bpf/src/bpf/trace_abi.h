/* SPDX-License-Identifier: MIT */
/*
 * What crosses between the programs of the packet trace and the agent. Nothing of it is pinned: it
 * lives as long as somebody watches packets, and both sides are of one build.
 */
#ifndef NETMON_TRACE_ABI_H
#define NETMON_TRACE_ABI_H

enum { SLOTS = 8, PREFIXES = 4, PORTS = 4, DEVICES = 4, PIDS = 4, DEVICE_LEN = 16 };
/* What follows an event whose viewer asked for headers. */
enum { HEADER_LEN = 128 };

/* Where a packet is seen, in the order in which it gets there. Mirrored in trace/point.rs. */
enum point {
	POINT_NETIF_RX,
	POINT_NETIF_RECEIVE_SKB,
	POINT_NF_PRE_ROUTING,
	POINT_IP_RCV_CORE,
	POINT_IP6_RCV_CORE,
	POINT_NF_LOCAL_IN,
	POINT_IP_LOCAL_DELIVER_FINISH,
	POINT_IP6_INPUT,
	POINT_TCP_V4_RCV,
	POINT_TCP_V6_RCV,
	POINT_TCP_V4_DO_RCV,
	POINT_TCP_V6_DO_RCV,
	POINT_TCP_PROBE,
	POINT_TCP_QUEUE_RCV,
	POINT_UDP_ENQUEUE,
	POINT_SOCK_DEF_READABLE,
	POINT_SK_DATA_READY,
	POINT_SKB_COPY_DATAGRAM,
	POINT_SKB_CONSUME_UDP,
	POINT_TCP_RCV_SPACE_ADJUST,
	POINT_SOCK_RECV_LENGTH,
	POINT_TCP_SENDMSG,
	POINT_UDP_SENDMSG,
	POINT_UDPV6_SENDMSG,
	POINT_TCP_TRANSMIT_SKB,
	POINT_IP_QUEUE_XMIT,
	POINT_INET6_CSK_XMIT,
	POINT_NF_LOCAL_OUT,
	POINT_IP_OUTPUT,
	POINT_IP6_OUTPUT,
	POINT_NF_POST_ROUTING,
	POINT_NET_DEV_QUEUE,
	POINT_NET_DEV_START_XMIT,
	POINT_NET_DEV_XMIT,
	POINT_SOCK_SEND_LENGTH,
	POINT_TCP_RETRANSMIT_SKB,
	POINT_TCP_SEND_RESET,
	POINT_TCP_RECEIVE_RESET,
	POINT_KFREE_SKB,
	POINTS,
};

/* Addresses are 16 bytes in network order everywhere; IPv4 is ::ffff:a.b.c.d. */
struct prefix {
	__u64 address[2];
	__u64 mask[2];
	__u32 family; /* 4 or 6 */
	__u32 zero;
};

/*
 * Netfilter programs that can be in the middle of a packet on one CPU; each but the first has entries
 * of its own among the sights. Mirrored in trace/abi.rs.
 */
enum { NF_PLACES = 4, NF_POINTS = 4, ROWS = POINTS + (NF_PLACES - 1) * NF_POINTS };

/* What one viewer wants. Written by the agent while the slot is not active. What is looked at for each
 * packet is together. */
struct filter {
	/* How many of each count; 0: all are taken. */
	__u8 prefix_count;
	__u8 port_count;
	__u8 device_count;
	__u8 pid_count;
	__u8 protocol; /* IP protocol, UDP-Lite with UDP; 0: any */
	__u8 family;   /* 4, 6; 0: any */
	__u8 counts_only;
	__u8 headers;
	__u16 ports[PORTS];
	__u32 pids[PIDS];
	/* At most `blocks` blocks of `block` events in a second; block 0: no limit. */
	__u32 block;
	__u32 blocks;
	__u64 devices[DEVICES][2]; /* names, padded with NUL */
	struct prefix prefixes[PREFIXES];
};

/*
 * Which of its events a viewer is told. Tickets are numbered and come in blocks; a block begins no
 * earlier than a second after the latest ticket up to the end of the block that is `blocks` before it,
 * so no second has more than blocks * block of them. One CPU at a time gives tickets: it has added
 * itself to `inside` and then found nobody else there, which needs no atomic that 5.10 lacks.
 */
enum { BLOCKS_KEPT = 256, BLOCKS_MOST = 128 };
struct bucket {
	__u64 inside;
	__u64 tickets;
	__u64 latest; /* boot clock, ns: of all tickets so far */
	__u64 shut;   /* jiffies: nobody gets one until then */
	__u64 breaks; /* how often events of this slot were left out or lost */
	__u64 ends[BLOCKS_KEPT]; /* latest, when the last ticket of a block was given */
};

/* Of one slot at one point, on one CPU; matched = suppressed + lost + sent to the ring. Nobody else
 * adds to it in the middle of an addition, see struct sight_of. */
struct tally {
	__u64 matched;
	__u64 suppressed;
	__u64 lost;
	__u64 bytes; /* payload of those matched */
};

enum known {
	KNOWN_PORTS = 1,
	KNOWN_SEQUENCE = 2,
	KNOWN_ACKNOWLEDGMENT = 4,
	KNOWN_FLAGS = 8,
	KNOWN_LENGTH = 16,
	KNOWN_REASON = 32,
};

/*
 * A packet at a point. With headers, HEADER_LEN bytes follow. In the order in which it is found out:
 * most packets are only counted.
 */
struct event {
	/* Cleared for each packet. */
	__u64 time; /* boot clock, ns */
	__u64 skb;  /* address; 0: none */
	__u32 tgid; /* 0: unknown */
	__u32 interface; /* index; 0: the point knows no device */
	__u8 point;
	__u8 slots; /* bit mask of who takes it */
	__u8 family; /* 4, 6 */
	__u8 protocol;
	__u8 flags; /* of TCP */
	__u8 known; /* enum known */
	__u8 header_length; /* of the bytes that follow, how many are the packet's */
	__u8 headers; /* some slot asked for them */
	/* Found out for each packet, as far as `known` says; addresses are always. */
	__u64 source[2];
	__u64 destination[2];
	__u32 sequence;
	__u32 acknowledgment;
	__u32 length;
	__u16 source_port; /* host order */
	__u16 destination_port;
	/* Drops only; other points never have any. */
	__u64 symbol; /* which code dropped it */
	__u32 reason;
	/* Found out for those that are told. */
	__u32 cpu;
	__u64 start; /* of the process, boot clock, ns */
	__u16 breaks[SLOTS]; /* of the slots that take it */
	__u64 device[2]; /* name, padded with NUL */
	char comm[16];
};

#endif
