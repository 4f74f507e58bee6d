/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_NUCLEUSVERBS_H
#define LIFECYCLE_NUCLEUSVERBS_H

#include <stdbool.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/texts.h"

/*
 * The command lines of mooring-nucleus, one function for each verb: arguments, output, exit code.
 * argv[0] is what getopt puts in front of its messages. `root` is what --ggcRootPath before the
 * verb said, or NULL.
 */

enum verb_exit {
	EXIT_FAILED = 1, /* nothing was changed */
	EXIT_USAGE = 2,
	EXIT_BROKEN = 3, /* a component ended BROKEN */
};

/* Options that several verbs have and that have no letter. */
enum verb_option {
	OPTION_HELP = 256,
	OPTION_REMOVE,
	OPTION_ROOT,
	OPTION_CONFIG,
	OPTION_FOREGROUND,
	OPTION_RUN_WITH,
	OPTION_LIMITS,
	OPTION_POLICY,
};

int verb_deploy(int argc, char **argv, const char *root);
int verb_deployment(int argc, char **argv, const char *root);
int verb_component(int argc, char **argv, const char *root);
int verb_logs(int argc, char **argv, const char *root);
int verb_pubsub(int argc, char **argv, const char *root);
int verb_iotcore(int argc, char **argv, const char *root);
int verb_debug_password(int argc, char **argv, const char *root);
int verb_nucleus(int argc, char **argv, const char *root);
int verb_status(int argc, char **argv, const char *root);
int verb_secret(int argc, char **argv, const char *root);

/* Prints the reason of a failure, and gives the exit code. */
int verb_report(const char *verb, const char *what, bool is_good, const struct error *err);
/* After a mistake in a command line: where the help is. */
void verb_hint(const char *verb);
/* "A,B" */
void verb_add_names(struct texts *names, struct arena *arena, const char *list);

#endif
