/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_RUNNING_H
#define CLI_RUNNING_H

#include <stdbool.h>

#include "base/error.h"
#include "cli/command.h"
#include "engine/attach.h"
#include "engine/engine.h"
#include "engine/launch.h"

/*
 * What `run` and `start -a` have in common: a container in the foreground.
 */
struct running {
	struct engine *engine;
	const struct container *container;
	int *lock;        /* of the container; closed once it runs, unless we are to remove it */
	bool is_made_now; /* it was made for this start */
	bool wants_stdin, wants_stdout, wants_stderr;
	enum attach_signals on_signal;
	const char *detach_keys; /* NULL: docker's */
};

/* Starts it, connects it to our stdio, waits until it ends or the user leaves it. *code is the exit
 * code of the command: the container's, or 125 … 127. Fails if it could not be started, or our
 * output broke. */
must_check bool running_attached(const struct running *running, enum attach_end *end, int *code,
				 struct error *err);
/* Joins one that runs already (`lock` is not used), until it ends or the user leaves it. *code is
 * the container's. */
must_check bool running_join(const struct running *running, enum attach_end *end, int *code,
			     struct error *err);
/* For the `check` of --detach-keys. */
bool running_check_keys(const char *text, struct error *err);
/* Starts it and leaves it alone. */
must_check bool running_detached(const struct running *running, int *code, struct error *err);

/* "docker: Error response from daemon: TEXT" and the hint docker's run gives. */
void running_report(const char *verb, const struct error *err);
void running_refuse(const char *verb, const struct error *err); /* what docker's client refuses */

#endif
