/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_PROBE_H
#define RUNTIME_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/proc.h"

/*
 * Health checks, as far as the monitor goes: it executes a command every so often while its
 * container runs, one at a time. What is checked, how long that may take and what it means is the
 * command's business; the monitor only wants to know whether it ended with 0.
 */

struct probe_options {
	const char *const *argv; /* NULL: no health check */
	int64_t interval;        /* milliseconds from the end of one to the next */
	int64_t first_interval;  /* until one succeeds, during … */
	int64_t start_period;    /* … so many milliseconds after the start */
};

struct probe {
	const struct probe_options *options;
	struct proc proc; /* pidfd -1: none runs */
	int64_t begun;    /* when the container started; milliseconds, monotonic */
	int64_t due;      /* when the next one is; 0: none is */
	bool was_good;    /* one has succeeded */
};

void probe_init(struct probe *probe, const struct probe_options *options);
/* A run of the container begins; it ends. */
void probe_begin(struct probe *probe, int64_t now);
void probe_end(struct probe *probe);
/* Milliseconds until probe_start is to be called; -1: nothing is due. */
int64_t probe_left(const struct probe *probe, int64_t now);
/* Starts the command if it is due. */
void probe_start(struct probe *probe, int64_t now);
/* probe->proc.pidfd is readable: the command has ended. */
void probe_finish(struct probe *probe, int64_t now);

#endif
