/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_VERB_H
#define RUNTIME_VERB_H

#include "runtime/container.h"
#include "runtime/flag.h"

/* What stands before the verb on the command line. */
struct globals {
	const char *program; /* argv[0] without directories */
	const char *root;
	const char *log; /* NULL: standard error */
	bool is_log_json;
	enum container_rootless rootless;
	bool is_root_chosen; /* --root was given */
};

/* One verb: argv[0] is its name. Returns the exit status, or -1 with err filled. */
typedef int verb_function(const struct globals *globals, int argc, char **argv, struct error *err);

verb_function verb_create, verb_run, verb_start, verb_state, verb_kill, verb_delete, verb_list,
	verb_spec, verb_pause, verb_resume, verb_ps, verb_update, verb_events;

/* Prints the help of a verb if --help was given. */
bool verb_wants_help(const char *help, const char *verb, const char *arguments,
		     const struct flag *flags);
/* For a verb with one positional argument, the id, and flags before and after it, as callers mix
 * them. `flags` has a "help". False with *status to return: help was printed, or err is filled. */
must_check bool verb_take_id(const struct flag *flags, int argc, char **argv, const char **id,
			     int *status, struct error *err);

/* The one positional argument that most verbs have. */
must_check bool verb_one_id(int argc, char **argv, int next, const char **id, struct error *err);

#endif
