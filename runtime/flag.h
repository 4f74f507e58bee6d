/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_FLAG_H
#define RUNTIME_FLAG_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/*
 * Command line flags as runc's callers write them: "--name value", "--name=value", a single dash
 * for long names too, one letter alone; "--" ends them.
 */

/* The values of a flag that may be repeated; the array is the caller's to free. */
struct flag_list {
	const char **values;
	size_t count;
};

struct flag {
	const char *name;
	char letter;            /* 0: none */
	const char *argument;   /* what the value is called in the help; NULL: a switch */
	const char *help;       /* NULL: accepted, but not shown */
	const char **value;     /* where the value goes; a switch gives "true" */
	struct flag_list *list; /* in place of `value`: may be given again and again */
};

/* Parses argv[*next] onwards and leaves *next at the first word that is no flag. `flags` ends with
 * an entry without a name. */
must_check bool flag_parse(const struct flag *flags, int argc, char *const *argv, int *next,
			   struct error *err);
/* The same, and goes on behind that word: known flags among the operands are moved in front of
 * them. */
must_check bool flag_parse_all(const struct flag *flags, int argc, char **argv, int *next,
			       struct error *err);
/* "   --bundle DIR, -b DIR   path to the bundle" for each. */
void flag_print(const struct flag *flags);

/* "true" or absent; "false" by --name=false. */
bool flag_is_set(const char *value);
/* A whole number from 0 to `most`; absent is 0. */
must_check bool flag_number(const char *name, const char *value, unsigned int most,
			    unsigned int *number, struct error *err);

#endif
