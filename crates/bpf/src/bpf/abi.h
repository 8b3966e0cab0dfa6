/* SPDX-License-Identifier: MIT */
/*
 * What crosses between the programs and the agent. Every struct here is a map key, a map value or
 * a ring-buffer record; a change of any of them needs a new ABI_VERSION, because maps stay pinned
 * while agents come and go.
 */
#ifndef NETMON_ABI_H
#define NETMON_ABI_H

enum { ABI_VERSION = 1, ABI_MAGIC = 0x6e65746d /* "netm" */ };
enum { COMM_LEN = 16, ARGS_LEN = 256 };

enum transport { TRANSPORT_TCP, TRANSPORT_UDP, TRANSPORTS };
enum family { FAMILY_V4, FAMILY_V6, FAMILIES };
enum direction { RX, TX, DIRECTIONS };
/* index of a flow = loopback * 8 + transport * 4 + family * 2 + direction */
enum { FLOW_FAMILY = 2, FLOW_TRANSPORT = 4, FLOW_LOOPBACK = 8, FLOWS = 16 };

/* One process for as long as the machine is up. */
struct process_key {
	__u64 start; /* of the thread-group leader, boot clock, ns */
	__u32 tgid;
	__u32 zero;
};

/*
 * The counters of one process on one CPU: a counter that two CPUs write costs several times as much.
 * Not a per-CPU map: a program can hardly allocate per-CPU memory, and in a burst of new processes
 * one in ten would have got none; here a process has entries for the CPUs it used.
 */
struct traffic_key {
	__u64 start;
	__u32 tgid;
	__u32 cpu;
};

/* Cumulative, never reset. */
struct flow {
	__u64 bytes;
	__u64 calls;
};

struct traffic {
	struct flow flows[FLOWS];
};

/* What a process is, as of its first traffic; name and arguments follow exec and prctl. */
struct process {
	__u64 first_seen; /* boot clock, ns; written last when the entry is made: 0 = not ready */
	__u64 exited;	  /* boot clock, ns; written last at exit: 0 = lives */
	__u64 cgroup;	  /* id in the v2 hierarchy */
	__u32 parent;
	__u32 uid;
	__s32 exit_status; /* as wait(2) reports it */
	__u32 args_len;	   /* bytes of args in use; more were there if it is ARGS_LEN */
	char comm[COMM_LEN];
	char parent_comm[COMM_LEN];
	char args[ARGS_LEN]; /* as in /proc/PID/cmdline: NUL between arguments */
};

enum socket_flags {
	SOCKET_IGNORED = 1,   /* not ours to count: raw, in-kernel, other protocols */
	SOCKET_SETTLED = 2,   /* loopback was decided by device or address, for good */
	SOCKET_ADDRESSED = 4, /* UDP that names the peer in each call although it is connected */
	SOCKET_USED = 8,      /* payload has moved since the counters look */
};

/* What is remembered of an open socket, keyed by its address in the kernel. */
struct socket_state {
	struct process_key owner; /* who used it last; tgid 0: nobody yet */
	__u32 rx_seq;		  /* TCP: copied_seq up to which bytes are counted */
	__u32 tx_seq;		  /* TCP: write_seq up to which bytes are counted (hook set K) */
	__u8 remote[16];	  /* the peer as the kernel keeps it, to notice a new one */
	__u16 remote_port;	  /* network order */
	__u16 local_port;	  /* host order */
	__u16 family;		  /* AF_* of the socket, not of the traffic */
	__u16 protocol;
	__u8 flow; /* FLOW_* bits of its traffic, without direction */
	__u8 flags;
	__u8 state; /* TCP state; UDP: TCP_ESTABLISHED when connected */
	__u8 zero[5];
};

/* The peer that a thread named in the call it is in: unconnected UDP has it nowhere else. */
struct peer {
	__u64 sk;
	__u8 flow[DIRECTIONS]; /* FLOW_LOOPBACK and FLOW_FAMILY bits */
	__u8 fresh[DIRECTIONS];
	__u8 nested; /* sendpage was turned into sendmsg, which counted it */
	__u8 zero[3];
};

enum loss {
	LOSS_PROCESS_MAP_FULL, /* bytes went to `unattributed` */
	LOSS_SOCKET_MAP_FULL,  /* spliced TCP bytes of that socket are missing */
	LOSS_SOCKET_UNKNOWN,   /* a socket older than the counters: its first read is missing */
	LOSS_PEER_MAP_FULL,    /* loopback or not was guessed from the socket */
	LOSS_HINT_RING_FULL,   /* the agent learns of an exit later */
	LOSSES,
};

enum hint_kind { HINT_EXIT, HINT_RENAME };

/* Tells the agent which process to look at again; the map has the facts. */
struct hint {
	struct process_key process;
	__u32 kind;
	__u32 zero;
};

/* The schema record and the switches: one entry, read by every program, written by the agent. */
struct control {
	__u32 magic;
	__u32 abi_version;
	__u32 active_generation; /* programs of any other generation do nothing */
	__u32 hook_set;
	__u32 seeded;		/* sockets older than the counters have their baselines */
	__u32 sockets_released; /* the end of UDP sockets is seen, so they may be remembered */
	__u64 created;		/* boot clock, ns */
	__u64 build;		/* which object the programs came from */
};

/* What one agent leaves for the next: one entry, never touched by programs. */
struct handover {
	__u64 seq;	/* of the last tick */
	__u64 seq_time; /* its end, boot clock, ns */
	__u32 restarts; /* agents that took over */
	__u32 agent;	/* pid of the agent in charge */
};

#endif
