/* SPDX-License-Identifier: MIT */
/*
 * What crosses between the programs and the agent. Every struct here is a map key, a map value or
 * a ring-buffer record; a change of any of them needs a new ABI_VERSION, because maps stay pinned
 * while agents come and go. So does a new map.
 *
 * An agent takes over the maps of older layouts by the names of their fields, which the kernel
 * keeps with each map. Therefore:
 * - a field keeps its name and its meaning, or it gets a new name;
 * - a new field is right when it is 0: that is what it is in entries that are taken over;
 * - `struct control` never changes: both layouts share that map while one replaces the other, so
 *   that one write of `active_generation` ends the one and begins the other;
 * - causes of loss are only added at the end of their enum.
 */
#ifndef NETMON_ABI_H
#define NETMON_ABI_H

/* For the tests of the takeover only: another layout, in which every field is somewhere else. */
#ifdef NEXT_LAYOUT
enum { ABI_VERSION = 3 };
#define MOVED __u64 moved;
#else
enum { ABI_VERSION = 2 };
#define MOVED
#endif
enum { ABI_MAGIC = 0x6e65746d /* "netm" */ };
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

/* What an older layout had counted is kept under a CPU that no kernel has; programs leave it be. */
enum { CPU_CARRIED = 0xffffffff };

/* Cumulative, never reset. */
struct flow {
	__u64 bytes;
	__u64 calls;
};

struct traffic {
	MOVED
	struct flow flows[FLOWS];
};

/* What a process is, as of its first traffic; name and arguments follow exec and prctl. */
struct process {
	MOVED
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
	SOCKET_CONSUMED = 16, /* MPTCP: `rx_seq` says how much of what was consumed is counted */
};

/* What became of a TCP connection. */
enum fate {
	FATE_ESTABLISHED = 1, /* it stood */
	FATE_FAILED = 2,      /* its connect() failed */
	FATE_RESET = 4,	      /* by the peer; with FATE_FAILED: refused */
};

/* What the kernel measures of a TCP connection, in its units. */
struct health {
	__u32 rtt;	     /* us * 8; 0: not measured yet */
	__u32 rtt_variation; /* us * 4 */
	__u32 retransmits;   /* segments */
	/* Ticks of the kernel; UNTOLD: it does not tell. */
	__u32 busy;	 /* with data to send */
	__u32 by_window; /* of these: held up by the peer's window */
	__u32 by_buffer; /* of these: held up by the send buffer */
};
enum { UNTOLD = 0xffffffff };

/*
 * What is remembered of an open socket, keyed by its address in the kernel. Of a process that uses
 * it after another did, the bytes are in `sharers`.
 */
struct socket_state {
	MOVED
	struct process_key owner; /* who used it last, or opened it; tgid 0: nobody yet */
	__u32 rx_seq;		  /* TCP: copied_seq up to which bytes are counted */
	__u32 tx_seq;		  /* TCP: write_seq up to which bytes are counted (hook set K) */
	__u8 remote[16];	  /* the peer as the kernel keeps it, to notice a new one */
	__u16 remote_port;	  /* network order */
	__u16 local_port;	  /* host order */
	__u16 family;		  /* AF_* of the socket, not of the traffic */
	__u16 protocol;
	__u8 flow; /* FLOW_* bits of its traffic, without direction */
	__u8 flags;
	__u8 state;  /* TCP state; UDP: TCP_ESTABLISHED when connected */
	__u8 shared; /* other processes than `user` have moved bytes */
	__u8 fate;   /* enum fate; written under the lock of the socket */
	__u8 zero[3];
	struct process_key user; /* who used it first; tgid 0: nobody yet */
	struct flow flows[DIRECTIONS]; /* of `user` */
	__u32 flows_cpu;   /* that added to them last, if not under the lock of the socket */
	__u32 flows_turns; /* ticks / 256, and in the low byte how often the CPU changed in these */
	__u64 id;		 /* never used again; 0: taken over, and not looked at since */
	__u64 opened;		 /* boot clock, ns; 0: before the counters looked */
	__u8 local[16];		 /* as `remote` */
	__u32 flows_spread; /* CPUs got in each other's way: each has its own in `sharers` */
	__u32 last_zero;
	__u32 interface;	 /* index of the device last used; 0: unknown */
	__u32 namespace;	 /* inode number of its network namespace */
	struct health health;	 /* TCP, once it is closed */
};

/* What a process moved over a socket that is not in the entry of the socket. */
enum part {
	PART_LATER,   /* it has used the socket after another did */
	PART_CARRIED, /* in an older layout; programs leave these be */
	PART_CPU,     /* and above: on this CPU, of whichever process */
};

struct sharer_key {
	__u64 id; /* of the socket */
	__u64 start;
	__u32 tgid;
	__u32 part; /* enum part */
};

struct sharer {
	struct flow flows[DIRECTIONS];
};

/* A socket that is gone; also what the iterator tells of one that is not. */
struct sight {
	struct socket_state socket;
	__u64 time; /* boot clock, ns; of one that is open its address in the kernel */
};

/* The peer that a thread named in the call it is in: unconnected UDP has it nowhere else. */
struct peer {
	MOVED
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
	/* Bytes are in the totals of their process and in no connection. */
	LOSS_CONNECTION_MAP_FULL,
	LOSS_CLOSED_RING_FULL, /* nobody learns what became of a connection; totals have it */
	LOSSES,
};

enum hint_kind { HINT_EXIT, HINT_RENAME };

/* Tells the agent which process to look at again; the map has the facts. */
struct hint {
	struct process_key process;
	__u32 kind;
	__u32 zero;
};

/*
 * The schema record and the switches: one entry, read by every program, written by the agent. The
 * same in every layout, see above.
 */
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
_Static_assert(sizeof(struct control) == 40, "the layout of this struct is for ever");

/*
 * What was counted before the maps or the programs that are there now: one entry, never touched by
 * programs, written before it begins to matter.
 */
struct carried {
	struct traffic unattributed; /* in the maps of older layouts */
	__u64 losses[LOSSES];	     /* likewise */
	/* Skipped events up to the first of the programs of an even and of an odd generation. */
	__u64 missed_events[2];
};

/* What one agent leaves for the next: one entry, never touched by programs. */
struct handover {
	__u64 seq;	/* of the last tick */
	__u64 seq_time; /* its end, boot clock, ns */
	__u32 restarts; /* agents that took over */
	__u32 agent;	/* pid of the agent in charge */
};

#endif
