/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/texts.h"
#include "cli/opt.h"

/*
 * A verb of the command line as data: its options, its arguments and the function that does it. The
 * table of all of them is in verbs.c; each cmd_*.c defines one or a few.
 */

/* Where everything is; places.h finds out, once. */
struct cli {
	const char *root;          /* MOORING_ROOT, /var/lib/mooring */
	const char *run;           /* MOORING_RUN, /run/mooring */
	const char *config;        /* MOORING_CONFIG, /etc/mooring */
	const char *docker_config; /* docker's own: --config, DOCKER_CONFIG, ~/.docker; NULL without
				      a home */
	const char *const *argv;   /* all words: "docker" or "docker-compose" first */
	int usage_code;            /* what mistakes in options give; 0: docker's 125 */
	const char *called;        /* "docker container rm" where that is what the user typed; NULL:
				      the command's own name */
};

#define ARGUMENTS_ANY ((size_t)-1)

struct command {
	const char *name;       /* as docker's messages call it: "docker images" */
	const char *usage;      /* what follows the name: "[OPTIONS] [REPOSITORY[:TAG]]" */
	const char *summary;    /* one line of help */
	const struct opt *opts; /* NULL: none */
	size_t values_size;     /* of the struct that opts fill in */
	size_t least, most;     /* arguments */
	bool stops_at_argument;
	bool is_for_anyone; /* touches neither images nor containers: needs not be root */

	/* The exit code. `values` is the struct of values_size, filled in. */
	int (*run)(const struct cli *cli, const void *values, const struct texts *arguments);
};

/* Reads argv (what follows the verb) by the command's table and runs it; help, mistakes and wrong
 * counts of arguments are told with docker's words and exit codes (0, 125 or cli->usage_code, 1).
 */
int command_run(const struct command *command, const struct cli *cli, const char *const *argv);

/* The failure with its cause, where the store's disk is full or read-only and it does not say so.
 */
void command_explain(const struct error *err, struct error *explained);

/* Tell a failure on stderr; the result is 1, the exit code. */
int command_failed(const struct error *err);         /* "Error response from daemon: TEXT" */
int command_failed_plainly(const struct error *err); /* "TEXT": what the client itself refuses */

#endif
