/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_SUPERVISE_H
#define RUNTIME_SUPERVISE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "runtime/probe.h"

/*
 * The monitor's life from the launch of its container to the last exit record. The messages to the
 * client are those of docs/architecture.md.
 */

struct supervise_options {
	const char *state_root, *id;
	const char *bundle, *exit_file, *log_file; /* absolute; log_file NULL: no log */
	const char *journal;      /* the directory of base/journal.h; NULL: nothing is told */
	const char *restart_file; /* see restart.h; NULL: it is never restarted */
	const char *log_attrs;    /* see jsonlog.h; NULL: none */
	int64_t log_max_size;     /* 0: never rotated */
	int log_max_files;
	const char *log_press;    /* see jsonlog.h; NULL: rotated files stay as they are */
	int client, in, out, err; /* descriptors, -1: none; taken over */
	int door;  /* a listening socket for clients that come later; -1: none; taken over */
	int guard; /* kept open until the container has ended for good; -1: none; taken over */
	struct probe_options probe;
	int stop_signal;
	int stop_seconds; /* from the stop signal to SIGKILL */
};

/* Returns when the container is gone and recorded, or was never started. True: somebody was
 * attached to the end and knows; false: the exit command is due. */
bool supervise(const struct supervise_options *options);

#endif
