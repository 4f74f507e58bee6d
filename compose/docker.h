/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COMPOSE_DOCKER_H
#define COMPOSE_DOCKER_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/texts.h"

/*
 * Our own `docker`, executed: each check and each text of it is in one place, and is not here.
 */
#define DOCKER_OUTPUT_MAX (1 << 20) /* kept of what it writes */

/* An ID for what a dry run would have made. */
#define DOCKER_NOBODY "0000000000000000000000000000000000000000000000000000000000000000"

/* In what it says when a published port is taken. */
#define DOCKER_PORT_FAILURE "driver failed programming external connectivity"

/* Its path; the caller frees it. */
must_check bool docker_find(char **path, struct error *err);

/* A running one. What it writes can be read from `out` and `errors`. Its own session: what is typed
 * at our terminal is for us to pass on. */
struct docker_child {
	struct proc proc;
	int out, errors;
};

/* `arguments` without "docker" itself. */
must_check bool docker_start(const char *path, const struct texts *arguments,
			     struct docker_child *child, struct error *err);

/* Runs it to the end. *output (in `arena`) is what it wrote to stdout, without the last newline.
 * Another exit code than 0 is a failure, told by its own words. */
must_check bool docker_run(const char *path, const struct texts *arguments, struct arena *arena,
			   const char **output, struct error *err);
/* The same with our own streams, `out` for its stdout; *code is its exit code. */
must_check bool docker_run_here(const char *path, const struct texts *arguments, int out, int *code,
				struct error *err);
/* Becomes it, with our streams. Returns only if that fails. */
void docker_become(const char *path, const struct texts *arguments, struct error *err);

/* What it said went wrong, without what docker puts in front of it. Never empty. */
void docker_explain(const char *errors, int code, struct error *err);

#endif
