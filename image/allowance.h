/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IMAGE_ALLOWANCE_H
#define IMAGE_ALLOWANCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/*
 * How much memory the decompressors of one mooring-unpack may have together. Each runs in a process
 * of its own (pump.h), and takes what it needs before it starts; where others have too much of it,
 * it waits until they have ended.
 *
 * Two eventfds: whoever takes memory has `turn` meanwhile, so that no two hold a part each and wait
 * for the rest; `spare` counts the KiB that nobody has.
 */
struct allowance {
	int turn, spare; /* -1: nobody to share with, only the ceiling counts */
	int64_t kib;     /* of all together */
	bool is_ceiling; /* the user's: more is refused. Otherwise, who wants more has it alone */
};

/* `memory`: bytes that all processes of a pull or load may have together; 0: what is usual. */
must_check bool allowance_open(int64_t memory, struct allowance *allowance, struct error *err);
void allowance_close(struct allowance *allowance);

/* All of it is spare again: nobody is left who took any, however he ended. */
void allowance_reset(const struct allowance *allowance);

/* The bytes that one decompressor may have at most; with those of the ceiling, if there is none. */
int64_t allowance_most(const struct allowance *allowance) must_check;

/* Takes what a decompressor of `bytes` needs, and waits for it; *held is what to give back: the
 * caller's before, too (0: nothing). `what` is for the message. Fails with ERROR_UNSUPPORTED
 * beyond allowance_most. */
must_check bool allowance_take(const struct allowance *allowance, const char *what, int64_t bytes,
			       int64_t *held, struct error *err);
void allowance_give(const struct allowance *allowance, int64_t *held);

#endif
