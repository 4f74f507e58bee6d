/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_SCRIPT_H
#define LIFECYCLE_SCRIPT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/loop.h"
#include "lifecycle/account.h"

/*
 * One script of a component: a shell in a session of its own, its output line by line, its timeout,
 * and the end of all its processes.
 */

#define SCRIPT_LINE_MAX 16384 /* a longer line is cut into several */

enum script_stream {
	SCRIPT_STDOUT,
	SCRIPT_STDERR,
	SCRIPT_STREAMS,
};

struct script_result {
	bool is_timeout;
	int code; /* 0 to 255, or 128 + the signal */
};

struct script_options {
	const char *shell;
	const char *text;
	const char *directory;
	const char *const *env;
	const struct account *account; /* NULL: our own */
	const int *groups;             /* cgroup.procs files that it joins */
	size_t group_count;
	int64_t timeout; /* milliseconds; 0: none */
	/* True: it has ended when it and both streams have, as Greengrass has it for all but
	 * install and shutdown; false: when it has, and the streams get five seconds more. */
	bool waits_for_streams;
	void (*on_line)(void *context, enum script_stream stream, const char *line);
	/* Once: the script ended, or its time is over and its processes are gone. */
	void (*on_end)(void *context, const struct script_result *result);
	void *context;
};

struct script;

/* The texts and the account are needed only during the call, the context until the end. */
must_check bool script_start(struct script **script, struct loop *loop,
			     const struct script_options *options, struct error *err);

/* To be called at SIGCHLD. */
void script_look(struct script *script);

/* Ends what is left of it: SIGTERM to all its processes, five seconds, SIGKILL. Then calls on_gone
 * and nothing else any more (no on_end); the script is to be freed then, or later. */
void script_stop(struct script *script, void (*on_gone)(void *context));

/* Of a script that is gone. NULL is fine. */
void script_free(struct script *script);

/* The leader's pid, which is the session's number too. */
pid_t script_pid(const struct script *script);

#endif
