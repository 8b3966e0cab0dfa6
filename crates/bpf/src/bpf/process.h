/* SPDX-License-Identifier: MIT */
/* Who is calling, what it is, and adding to its counters. */
#ifndef NETMON_PROCESS_H
#define NETMON_PROCESS_H

#include "maps.h"

static const struct traffic no_traffic;
static const struct process no_process;

static __always_inline struct process_key key_of(struct task_struct *task)
{
	struct process_key key = {};

	key.tgid = BPF_CORE_READ(task, tgid);
	key.start = BPF_CORE_READ(task, group_leader, start_boottime);
	return key;
}

/*
 * The calling process. The leader's start stands for all its threads, also after the leader has
 * exited: it stays a zombie until the last thread is gone.
 */
static __always_inline struct process_key current_key(void)
{
	struct process_key key = {};

	/* Reading through a typed pointer saves two helper calls; 5.10 has none to give. */
	if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_get_current_task_btf)) {
		struct task_struct *task = bpf_get_current_task_btf();

		key.tgid = task->tgid;
		key.start = task->group_leader->start_boottime;
		return key;
	}
	return key_of((struct task_struct *)bpf_get_current_task());
}

/* The calling task's leader name and command line. May miss arguments that are swapped out. */
static __always_inline void describe(struct process *process, struct task_struct *task)
{
	unsigned long start = BPF_CORE_READ(task, mm, arg_start);
	unsigned long length = BPF_CORE_READ(task, mm, arg_end) - start;
	long refused;

	BPF_CORE_READ_STR_INTO(&process->comm, task, group_leader, comm);
	process->args_len = 0;
	if (length >= ARGS_LEN) {
		length = ARGS_LEN;
		refused = bpf_probe_read_user(process->args, ARGS_LEN, (void *)start);
	} else {
		/* 6.1 forgets a comparison when the value compared was spilled before: mask it. */
		barrier_var(length);
		length &= ARGS_LEN - 1;
		refused = bpf_probe_read_user(process->args, length, (void *)start);
	}
	if (!refused)
		process->args_len = length;
}

/* Makes the entry of a process at its first traffic. */
static __always_inline bool known(struct duty duty, const struct process_key *key)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct process *process = bpf_map_lookup_elem(&processes, key);

	if (process)
		return true;
	/* Kernel threads that use a socket of somebody: no process of a user to give it to. */
	if (BPF_CORE_READ(task, flags) & PF_KTHREAD)
		return false;
	bpf_map_update_elem(&processes, key, &no_process, BPF_NOEXIST);
	process = bpf_map_lookup_elem(&processes, key);
	if (!process) {
		lose(duty, LOSS_PROCESS_MAP_FULL);
		return false;
	}
	describe(process, task);
	process->cgroup = bpf_get_current_cgroup_id();
	process->uid = BPF_CORE_READ(task, cred, uid.val);
	process->parent = BPF_CORE_READ(task, real_parent, tgid);
	BPF_CORE_READ_STR_INTO(&process->parent_comm, task, real_parent, group_leader, comm);
	process->first_seen = bpf_ktime_get_boot_ns();
	return true;
}

enum caller { CALLER_IS_PROCESS, CALLER_IS_ANYBODY };

/* The counters of a process on this CPU, made if needed; NULL when there is no room. */
static __always_inline struct traffic *first_here(struct duty duty,
						  const struct process_key *process,
						  const struct traffic_key *key, enum caller caller)
{
	struct traffic *counters;

	/* Only the process itself can be described; in an interrupt somebody else is current. */
	if (caller == CALLER_IS_PROCESS ? !known(duty, process) :
					  !bpf_map_lookup_elem(&processes, process))
		return 0;
	bpf_map_update_elem(&traffic, key, &no_traffic, BPF_NOEXIST);
	counters = bpf_map_lookup_elem(&traffic, key);
	if (!counters)
		lose(duty, LOSS_PROCESS_MAP_FULL);
	return counters;
}

/*
 * Adds to one flow of a process, or to `unattributed` when it cannot have an entry. Who only follows
 * makes the process known, to see its end whichever generation is in charge by then. Whether it was
 * added to the process.
 */
static __always_inline bool count(struct duty duty, const struct process_key *process,
				  enum caller caller, __u32 flow, __u64 bytes)
{
	struct traffic_key key = {
		.start = process->start,
		.tgid = process->tgid,
		.cpu = bpf_get_smp_processor_id(),
	};
	struct traffic *counters;
	__u32 zero = 0;
	bool attributed;

	if (!duty.counts) {
		if (caller == CALLER_IS_PROCESS)
			known(duty, process);
		return false;
	}
	counters = bpf_map_lookup_elem(&traffic, &key);
	if (!counters)
		counters = first_here(duty, process, &key, caller);
	attributed = counters;
	if (!counters)
		counters = bpf_map_lookup_elem(&unattributed, &zero);
	if (!counters)
		return false;
	flow &= FLOWS - 1;
	counters->flows[flow].bytes += bytes;
	counters->flows[flow].calls += 1;
	return attributed;
}

/* An agent looks at everything when it starts: who only follows need not tell it. */
static __always_inline void hint(struct duty duty, const struct process_key *key, __u32 kind)
{
	struct hint record = { .process = *key, .kind = kind };

	if (duty.counts && bpf_ringbuf_output(&hints, &record, sizeof(record), 0))
		lose(duty, LOSS_HINT_RING_FULL);
}

/* exec and prctl: only processes that have traffic are renamed; others are named when they do. */
static __always_inline void renamed(void)
{
	struct duty duty = duty_now();
	struct process_key key;
	struct process *process;

	if (!duty.control)
		return;
	key = current_key();
	process = bpf_map_lookup_elem(&processes, &key);
	if (!process)
		return;
	describe(process, (struct task_struct *)bpf_get_current_task());
	hint(duty, &key, HINT_RENAME);
}

/*
 * A thread ends; the last one ends the process. Runs before the task closes its files, so the
 * sockets outlive this mark, but no payload moves after it. Two threads may both be the last.
 */
static __always_inline void thread_exited(void)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	__u32 thread = (__u32)bpf_get_current_pid_tgid();
	struct duty duty = duty_now();
	struct signal_struct *signal;
	struct process_key key;
	struct process *process;

	if (!duty.control)
		return;
	bpf_map_delete_elem(&peers, &thread);
	signal = BPF_CORE_READ(task, signal);
	if (BPF_CORE_READ(signal, live.counter) != 0)
		return;
	key = current_key();
	process = bpf_map_lookup_elem(&processes, &key);
	if (!process || process->exited)
		return;
	if (BPF_CORE_READ(signal, flags) & SIGNAL_GROUP_EXIT)
		process->exit_status = BPF_CORE_READ(signal, group_exit_code);
	else
		process->exit_status = BPF_CORE_READ(task, group_leader, exit_code);
	process->exited = bpf_ktime_get_boot_ns();
	hint(duty, &key, HINT_EXIT);
}

#endif
