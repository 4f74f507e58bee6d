/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_HOOK_H
#define RUNTIME_HOOK_H

#include "runtime/spec.h"
#include "runtime/state.h"

/* Where hooks of one kind run. */
struct hook_place {
	enum hook_kind kind;
	const char *directory;  /* their working directory; NULL: ours */
	const char *const *env; /* of those that name none; NULL: our caller's */
	enum container_status status;
	pid_t pid; /* the container's init, as the hook sees it */
};

/* Runs the hooks of one kind in order, each with the state on its stdin. The first failure stops
 * (but poststop hooks all get their turn):
 * "error running createRuntime hook #0: exit status 1, stdout: …, stderr: …". */
must_check bool hook_run(const struct spec_hook_list *hooks, const struct hook_place *place,
			 const struct state *state, struct error *err);

#endif
