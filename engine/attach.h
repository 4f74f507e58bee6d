/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_ATTACH_H
#define ENGINE_ATTACH_H

#include <stdbool.h>

#include "base/error.h"
#include "engine/launch.h"
#include "runtime/detachkeys.h"

/*
 * The foreground: streams between the caller's descriptors and a container, signals to it, until it
 * ends. Byte for byte, nothing is buffered here beyond what a pipe holds.
 */
struct attach {
	struct launched *launched; /* its pipes are closed on the way */
	int in, out, errors;       /* the caller's; -1: not connected */
	int signals;               /* of attach_open_signals */
	enum attach_signals {
		ATTACH_SIGNALS_PASS,   /* to the container */
		ATTACH_SIGNALS_DROP,   /* nobody hears of them */
		ATTACH_SIGNALS_DETACH, /* we go away, the container stays */
	} on_signal;
	/* The container has a terminal, and ours is its screen: `in`, if that is one, is in raw
	 * mode meanwhile, and the size goes with ours. */
	bool has_tty;
	struct detachkeys keys; /* by which the user leaves; none: empty */
	/* Called once when the container's processes are gone, before all of their output has
	 * come: nothing that takes long. NULL: none. */
	void (*on_ended)(void *context);
	void *context;
};

enum attach_end {
	ATTACH_EXITED,   /* the container has ended */
	ATTACH_DETACHED, /* it goes on */
};

/* *code is the container's exit code; 0 if it goes on. Fails if the caller's output breaks (the
 * container goes on, detached) or the monitor vanishes (then *end is ATTACH_EXITED). */
must_check bool attach_run(const struct attach *attach, enum attach_end *end, int *code,
			   struct error *err);

/* Blocks every signal worth passing on and opens a signalfd for them: before the launch, so that
 * none is lost. */
must_check bool attach_open_signals(int *fd, struct error *err);

/* The size of the caller's terminal; false if it has none. */
bool attach_screen_size(unsigned short *rows, unsigned short *columns);

/* Joins a container that runs already, through its monitor's door: *launched is like that of who
 * started it, but when it vanishes, that means nothing to the container. */
struct attach_wishes {
	bool wants_stdin, wants_stdout, wants_stderr;
};
must_check bool attach_join(const struct engine *engine, const struct container *container,
			    const struct attach_wishes *wishes, struct launched *launched,
			    struct error *err);

#endif
