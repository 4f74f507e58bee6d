/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "runtime/verb.h"

static const char *help_of(const struct flag *flags)
{
	while (flags->name && strcmp(flags->name, "help") != 0)
		flags++;
	return flags->name ? *flags->value : NULL;
}

bool verb_take_id(const struct flag *flags, int argc, char **argv, const char **id, int *status,
		  struct error *err)
{
	int next = 1;

	*id = NULL;
	*status = -1;
	if (!flag_parse(flags, argc, argv, &next, err))
		return false;
	if (next < argc) {
		*id = argv[next++];
		if (!flag_parse(flags, argc, argv, &next, err))
			return false;
	}
	if (verb_wants_help(help_of(flags), argv[0], "ID", flags)) {
		*status = 0;
		return false;
	}
	return (*id && next == argc) ||
	       error_set(err, ERROR_INPUT, "\"%s\" requires exactly 1 argument(s)", argv[0]);
}
