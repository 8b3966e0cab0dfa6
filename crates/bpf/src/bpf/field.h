/* SPDX-License-Identifier: MIT */
/* Reading what the kernel's objects hold. */
#ifndef NETMON_FIELD_H
#define NETMON_FIELD_H

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

/*
 * A field of an object in the kernel; `type` is a struct. Loads through a typed pointer (6.2) take a
 * tenth of what the helper does, and give 0 as it does where nothing is mapped.
 */
extern void *bpf_rdonly_cast(const void *object, __u32 type) __ksym __weak;

#define FIELD(type, object, field)                                                              \
	(bpf_ksym_exists(bpf_rdonly_cast) ?                                                     \
		 ((const type *)bpf_rdonly_cast(object, bpf_core_type_id_kernel(type)))->field : \
		 BPF_CORE_READ((const type *)(object), field))

#endif
