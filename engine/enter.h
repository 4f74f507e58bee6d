/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_ENTER_H
#define ENGINE_ENTER_H

#include <stdbool.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/texts.h"
#include "engine/container.h"
#include "engine/engine.h"

/*
 * docker exec: one more program in a container that runs. The caller becomes `mooring-runc exec`,
 * so that nothing stands between its streams and the program.
 */
struct enter {
	const struct container *container;
	struct texts command;
	struct texts env;    /* "KEY=VALUE" of its own; the container's are there too */
	const char *user;    /* NULL: the container's */
	const char *workdir; /* absolute; NULL: the container's */
	const char *exec_id; /* as docker events tell of it (enter_new_id); NULL: of its end nothing
				is told */
	const char *detach_keys;
	bool *has_reached; /* set once the container is there to be entered: what fails from then
			      on is the new program's; NULL: nobody asks */
	bool is_privileged;
	bool has_tty;
	bool is_interactive; /* the program reads our stdin */
	bool is_detached;
	bool gives_pipes; /* the program has pipes, and never our own streams */
};

/* Fails with ERROR_NOT_FOUND if the container does not run, ERROR_EXISTS if it is paused or about
 * to be restarted; docker's words. Otherwise `argv` (texts in `arena`) is what to execute; it keeps
 * a descriptor open that the program reads. */
must_check bool enter_prepare(struct engine *engine, struct arena *arena, const struct enter *enter,
			      struct texts *argv, struct error *err);

/* 64 random hex digits. */
const char *enter_new_id(struct arena *arena);

#endif
