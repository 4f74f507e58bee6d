/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/container.h"
#include "runtime/verb.h"

/*
 * pause and resume: one id, nothing to choose.
 */

typedef bool change_function(const char *state_root, const char *id, struct error *err);

static int change(change_function *function, const struct globals *globals, int argc, char **argv,
		  struct error *err)
{
	const struct flag flags[] = { { 0 } };
	const char *id;
	int status;

	if (!verb_take_id(flags, argc, argv, &id, &status, err))
		return status;
	return function(globals->root, id, err) ? 0 : -1;
}

int verb_pause(const struct globals *globals, int argc, char **argv, struct error *err)
{
	return change(container_pause, globals, argc, argv, err);
}

int verb_resume(const struct globals *globals, int argc, char **argv, struct error *err)
{
	return change(container_resume, globals, argc, argv, err);
}
