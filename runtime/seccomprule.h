/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_SECCOMPRULE_H
#define RUNTIME_SECCOMPRULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"
#include "base/mem.h"
#include "runtime/syscalls.h"

/*
 * A seccomp profile as a checked struct: what is left when no code looks at its JSON any more.
 */

#define SECCOMP_RULES_MAX 8192  /* sets of conditions in one profile */
#define SECCOMP_USES_MAX  65536 /* system call names in one profile */
#define SECCOMP_ARGS      6     /* arguments of a system call */

enum seccomp_compare {
	SECCOMP_EQ,
	SECCOMP_GT,
	SECCOMP_GE
};

/* (argument & mask) COMPARE value, or its opposite. */
struct seccomp_condition {
	uint8_t index;
	uint8_t compare;
	bool is_opposite;
	uint64_t mask, value;
};

/* All conditions together give the action; none means always. */
struct seccomp_rule {
	uint32_t action; /* SECCOMP_RET_… with its data */
	uint32_t count;
	struct seccomp_condition *conditions;
};

/* The rules from `first` on apply, each alone, to a system call. */
struct seccomp_use {
	const struct syscalls_entry *call;
	uint32_t first, count;
};

struct seccomp_profile {
	uint32_t default_action;
	bool is_arch_named[SECCOMP_ARCHES];
	unsigned flags;
	bool has_notify;              /* some rule is for an agent: */
	const char *agent, *metadata; /* its socket, and what it is told; NULL: nothing */
	struct seccomp_rule *rules;
	size_t rule_count;
	struct seccomp_use *uses; /* in the order of the profile */
	size_t use_count;
};

/* The i-th known name; NULL after the last. */
const char *seccomp_action_name(size_t i);
const char *seccomp_operator_name(size_t i);
const char *seccomp_arch_name(size_t i);
const char *seccomp_flag_name(size_t i);
/* The same of those flags that this kernel has. */
const char *seccomp_supported_flag(size_t i);

must_check bool seccomp_profile_parse(struct arena *arena, const struct json *json,
				      struct seccomp_profile *profile, struct error *err);

#endif
