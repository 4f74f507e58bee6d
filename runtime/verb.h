/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_VERB_H
#define RUNTIME_VERB_H

#include "base/buf.h"
#include "runtime/container.h"
#include "runtime/flag.h"

/* What stands before the verb on the command line. */
struct globals {
	char **argv;         /* the whole command line */
	const char *program; /* argv[0] without directories */
	bool is_runc;        /* it is installed under that name, in its place */
	const char *root;
	const char *log; /* NULL: standard error */
	bool is_log_json;
	enum container_rootless rootless;
	bool is_root_chosen;     /* --root was given */
	bool is_systemd;         /* --systemd-cgroup */
	bool is_without_cgroups; /* --cgroup-manager disabled */
};

#define VERB_MISUSED (-2)

/* One verb: argv[0] is its name. Returns the exit status, or with err filled: VERB_MISUSED where
 * verb_parse fails, -1 otherwise. */
typedef int verb_function(const struct globals *globals, int argc, char **argv, struct error *err);

verb_function verb_create, verb_run, verb_start, verb_state, verb_kill, verb_delete, verb_list,
	verb_spec, verb_pause, verb_resume, verb_ps, verb_exec, verb_update, verb_features,
	verb_events;

struct verb {
	const char *name;
	verb_function *function;
	const char *summary;
	const char *operands; /* as the usage line has them */
	int least, most;      /* number of operands; most is -1: any */
	const char *details;  /* NULL: the summary says it all */
	const char *prefix;   /* in front of its errors, as callers expect; NULL: none */
	int failure;          /* exit status with an error; 0: 1, as most */
	bool makes_container; /* our own program gets into a container's reach */
	bool ends_flags;      /* what follows the first operand are operands, dash or not */
};

/* NULL: there is none of that name. */
const struct verb *verb_find(const char *name);
/* "   NAME   SUMMARY" for each, and the help of one with `flags`, which may be NULL. */
void verb_print_all(void);
void verb_print_help(const struct verb *verb, const struct flag *flags);

/*
 * Parses the flags of the verb argv[0] and counts its operands: the first is argv[*next] then, the
 * last argv[argc - 1]. --help prints the help and ends the program; a wrong usage prints it too.
 */
must_check bool verb_parse(const struct flag *flags, int argc, char **argv, int *next,
			   struct error *err);

/* As verb_parse, for a verb whose only operand is the id. *status is what to return on failure. */
must_check bool verb_take_id(const struct flag *flags, int argc, char **argv, const char **id,
			     int *status, struct error *err);

#define VERB_OUTPUT_MAX (64 << 20) /* bytes that a verb with lists may print */

/* Writes all of it to standard output. */
must_check bool verb_print(const struct buf *text, struct error *err);

/* --preserve-fds: descriptors 3 to 2+before+count must be open, before anything of ours could take
 * their numbers. */
must_check bool verb_take_preserved(const char *text, unsigned int before, unsigned int *count,
				    struct error *err);

#endif
