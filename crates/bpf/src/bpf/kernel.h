/* SPDX-License-Identifier: MIT */
/*
 * The kernel types that netmon's programs read: only the fields used, relocated to the running
 * kernel when the programs are loaded (CO-RE). A full vmlinux.h would be 2.8 MB of one kernel's
 * opinion; this is what we rely on.
 */
#ifndef NETMON_KERNEL_H
#define NETMON_KERNEL_H

typedef unsigned char __u8;
typedef signed char __s8;
typedef unsigned short __u16;
typedef short __s16;
typedef unsigned int __u32;
typedef int __s32;
typedef unsigned long long __u64;
typedef long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;
typedef _Bool bool;
enum { false = 0, true = 1 };

/* include/uapi/linux/bpf.h */
enum bpf_map_type {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_RINGBUF = 27,
};
enum { BPF_ANY = 0, BPF_NOEXIST = 1 };
enum { BPF_RB_NO_WAKEUP = 1 };
enum { EEXIST = 17, EPIPE = 32, ECONNRESET = 104, ECONNREFUSED = 111 };

struct bpf_sock {
	__u32 bound_dev_if;
	__u32 family;
	__u32 type;
	__u32 protocol;
	__u32 mark;
	__u32 priority;
	__u32 src_ip4;
	__u32 src_ip6[4];
	__u32 src_port;
	__be16 dst_port;
	__u16 : 16;
	__u32 dst_ip4;
	__u32 dst_ip6[4];
	__u32 state;
};

struct bpf_sock_addr {
	__u32 user_family;
	__u32 user_ip4;
	__u32 user_ip6[4];
	__u32 user_port;
	__u32 family;
	__u32 type;
	__u32 protocol;
	__u32 msg_src_ip4;
	__u32 msg_src_ip6[4];
	union {
		struct bpf_sock *sk;
		__u64 : 64;
	} __attribute__((aligned(8)));
};

/* include/uapi/linux/in.h, include/linux/socket.h, include/linux/net.h */
enum { AF_INET = 2, AF_INET6 = 10 };
enum { IPPROTO_TCP = 6, IPPROTO_UDP = 17, IPPROTO_UDPLITE = 136, IPPROTO_MPTCP = 262 };
enum { SOCK_RAW = 3 };
enum { MSG_PEEK = 0x2, MSG_ERRQUEUE = 0x2000 };
/* include/net/sock.h, enum sock_flags: the peer's FIN was received. */
enum { SOCK_DONE = 1 };
/* include/uapi/linux/if.h; the loopback device is always the first of its namespace. */
enum { IFF_LOOPBACK = 8, LOOPBACK_IFINDEX = 1 };
/* include/linux/sched.h, include/linux/sched/signal.h */
enum { PF_KTHREAD = 0x00200000, SIGNAL_GROUP_EXIT = 0x4 };
/* include/net/tcp_states.h */
enum {
	TCP_ESTABLISHED = 1,
	TCP_SYN_SENT = 2,
	TCP_SYN_RECV = 3,
	TCP_FIN_WAIT1 = 4,
	TCP_CLOSE = 7,
	TCP_CLOSE_WAIT = 8,
	TCP_LAST_ACK = 9,
	TCP_LISTEN = 10,
};
/* include/linux/tcp.h, enum tcp_chrono: what holds a sender up; 0: it has nothing to send. */
enum { TCP_CHRONO_BUSY = 1, TCP_CHRONO_RWND_LIMITED, TCP_CHRONO_SNDBUF_LIMITED, TCP_CHRONOS = 3 };

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

/* Helpers appear over the years; asking BTF for the number tells whether this kernel has one. */
enum bpf_func_id { BPF_FUNC_get_current_task_btf = 158, BPF_FUNC_sock_from_file = 162 };

struct in6_addr {
	union {
		__be32 u6_addr32[4];
	} in6_u;
};

struct proto;

struct ns_common {
	unsigned int inum;
};

struct net {
	struct ns_common ns;
};

typedef struct {
	struct net *net;
} possible_net_t;

struct sock_common {
	__be32 skc_daddr;
	__be32 skc_rcv_saddr;
	__be16 skc_dport;
	__u16 skc_num;
	unsigned short skc_family;
	volatile unsigned char skc_state;
	int skc_bound_dev_if;
	possible_net_t skc_net;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
	struct proto *skc_prot;
	unsigned long skc_flags;
};

struct net_device {
	unsigned int flags;
	int ifindex;
	char name[16];
};

struct dst_entry {
	struct net_device *dev;
};

typedef struct {
	int owned;
} socket_lock_t;

struct sock {
	struct sock_common __sk_common;
	socket_lock_t sk_lock;
	__u32 sk_max_ack_backlog;
	int sk_rx_dst_ifindex;
	__u16 sk_protocol;
	__u16 sk_type;
	int sk_err;
	struct dst_entry *sk_dst_cache;
	__u8 sk_kern_sock : 1;
};

struct inet_sock {
	struct sock sk;
};

/* Before 5.17 the interface a socket last received on was kept here. */
struct inet_sock___rx_dst {
	int rx_dst_ifindex;
};

struct tcp_ulp_ops;

struct inet_connection_sock {
	struct inet_sock icsk_inet;
	const struct tcp_ulp_ops *icsk_ulp_ops;
};

struct tcp_sock {
	struct inet_connection_sock inet_conn;
	__u32 copied_seq;
	__u32 rcv_nxt;
	__u32 write_seq;
	__u32 snd_una;
	__u64 bytes_acked;
	__u64 bytes_received;
	__u32 srtt_us;
	__u32 mdev_us;
	__u32 total_retrans;
	__u32 chrono_start;
	__u32 chrono_stat[TCP_CHRONOS];
	__u8 chrono_type : 2;
};

/* Begins with a struct sock. How much the application has taken out: from 6.9 on. */
struct mptcp_sock {
	__u64 bytes_consumed;
};

/* The send path before 6.5: protocols that can take pages have a sendpage of their own. */
struct proto___sendpage {
	void *sendpage;
};

struct socket {
	struct sock *sk;
};

struct file_operations;

struct file {
	const struct file_operations *f_op;
	void *private_data;
};

struct sk_buff {
	struct sock *sk;
	unsigned int len;
	__be16 protocol;
	__u16 transport_header;
	__u16 network_header;
	int skb_iif;
	unsigned long _skb_refdst;
	struct net_device *dev;
	char cb[48];
	unsigned int tail;
	unsigned char *head;
	unsigned char *data;
};

typedef struct {
	int counter;
} atomic_t;

struct signal_struct {
	atomic_t live;
	int group_exit_code;
	unsigned int flags;
};

struct mm_struct {
	unsigned long arg_start;
	unsigned long arg_end;
};

typedef struct {
	unsigned int val;
} kuid_t;

struct cred {
	kuid_t uid;
};

struct task_struct {
	unsigned int flags;
	int exit_code;
	int pid;
	int tgid;
	struct task_struct *real_parent;
	struct task_struct *group_leader;
	__u64 start_boottime;
	const struct cred *cred;
	struct mm_struct *mm;
	struct signal_struct *signal;
	char comm[16];
};

struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
};

struct bpf_map;

struct bpf_iter__bpf_map_elem {
	struct bpf_iter_meta *meta;
	struct bpf_map *map;
	void *key;
	void *value;
};

struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	__u32 fd;
	struct file *file;
};

/* Classic tracepoint records, include/trace/events/{sock,tcp,sched,task}.h */
struct trace_event_raw_sock_msg_length {
	const void *sk;
	__u16 family;
	__u16 protocol;
	int ret;
	int flags;
};

struct trace_event_raw_tcp_event_sk {
	const void *skaddr;
};

struct trace_event_raw_inet_sock_set_state {
	const void *skaddr;
	int oldstate;
	int newstate;
	__u16 protocol;
};

struct trace_event_raw_task_rename {
	int pid;
	char newcomm[16];
};

#if defined(__TARGET_ARCH_x86)
struct pt_regs {
	unsigned long di;
	unsigned long si;
	unsigned long dx;
};
#define ARG1(regs) ((void *)BPF_CORE_READ(regs, di))
#define ARG2(regs) ((void *)BPF_CORE_READ(regs, si))
#define ARG3(regs) BPF_CORE_READ(regs, dx)
#elif defined(__TARGET_ARCH_arm64)
struct pt_regs {
	__u64 regs[31];
};
#define ARG1(r) ((void *)BPF_CORE_READ(r, regs[0]))
#define ARG2(r) ((void *)BPF_CORE_READ(r, regs[1]))
#define ARG3(r) BPF_CORE_READ(r, regs[2])
#endif

#pragma clang attribute pop

#endif
