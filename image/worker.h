/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IMAGE_WORKER_H
#define IMAGE_WORKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/digest.h"
#include "base/error.h"

/*
 * A part of the work in a process of its own: forked, left with the descriptors it is given,
 * confined by its own first act, and ended by its result. It dies with us.
 */
struct worker_result {
	bool is_good;
	bool is_cut_off;  /* pump: its reader went away, whose error is the one that counts */
	struct error err; /* unless is_good */
	int64_t in, out;  /* pump: bytes; layer: entries, bytes of files */
	struct digest in_digest, out_digest; /* pump */
};

struct worker {
	pid_t pid;
	int result; /* becomes readable at the end; -1: not running */
};

struct worker_task {
	bool (*run)(void *context, struct worker_result *result, struct error *err);
	void *context;
	const int *fds; /* what it may keep */
	size_t fd_count;
};

must_check bool worker_start(const struct worker_task *task, struct worker *worker,
			     struct error *err);

/* Waits for the result. Fails only if there is none (the process was killed); a task that failed is
 * a result. */
must_check bool worker_finish(struct worker *worker, struct worker_result *result,
			      struct error *err);

/* Ends it without a result; not running: nothing happens. */
void worker_kill(struct worker *worker);

#endif
