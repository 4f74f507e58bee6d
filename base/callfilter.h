/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_CALLFILTER_H
#define BASE_CALLFILTER_H

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/*
 * A filter of system calls (seccomp(2)) for a program of ours that knows its few calls by number:
 * rules are asked in their order, the first that fits says what becomes of a call. Containers have
 * a compiler of their own (runtime/seccomp.h).
 *
 *     callfilter_begin(&filter);
 *     callfilter_calls(&filter, allowed, COUNT_OF(allowed), SECCOMP_RET_ALLOW);
 *     callfilter_load(&filter, CALLFILTER_REFUSE, err)
 */

#define CALLFILTER_RULES_MAX 512
#define CALLFILTER_REFUSE    (SECCOMP_RET_ERRNO | 1U /* EPERM */)

struct callfilter {
	struct sock_filter rules[CALLFILTER_RULES_MAX];
	size_t count;
};

/* Another architecture's numbers mean other calls: who makes one is killed. */
void callfilter_begin(struct callfilter *filter);
/* `verdict` is a SECCOMP_RET_…. Each call takes two rules: too many are a mistake of ours. */
void callfilter_calls(struct callfilter *filter, const int *numbers, size_t count,
		      uint32_t verdict);
/* Only if this argument (from 0) has any of the bits, in its low half. Takes five rules. */
void callfilter_bits(struct callfilter *filter, int number, int argument, uint32_t bits,
		     uint32_t verdict);
/* Loads it, for this process and those it starts; every other call gets the verdict `otherwise`.
 * Sets no_new_privs. ERROR_UNSUPPORTED if the kernel has no such filters. */
must_check bool callfilter_load(struct callfilter *filter, uint32_t otherwise, struct error *err);

#endif
