/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/prunefilter.h"

#include <string.h>

#include "cli/dockerconfig.h"
#include "cli/filter.h"

static bool is_given(const struct texts *given, const char *name, const char *value)
{
	size_t at = 0;

	for (const char *one; (one = filter_next(given, name, &at));)
		if (strcmp(one, value) == 0)
			return true;
	return false;
}

/* Does the command line say the opposite of "label=VALUE", "label!=VALUE"? */
static bool is_contradicted(const struct texts *given, const char *filter)
{
	static const char *const opposites[][2] = { { "label=", FILTER_NO_LABEL },
						    { FILTER_NO_LABEL "=", "label" } };

	for (size_t i = 0; i < COUNT_OF(opposites); i++) {
		size_t length = strlen(opposites[i][0]);

		if (strncmp(filter, opposites[i][0], length) == 0)
			return is_given(given, opposites[i][1], filter + length);
	}
	return false;
}

bool prunefilter_gather(const struct cli *cli, struct arena *arena, const struct texts *given,
			struct texts *filters, struct error *err)
{
	const struct json *root;
	const char **own;
	size_t count;

	for (size_t i = 0; i < given->count; i++)
		texts_add_in(filters, arena, given->items[i]);
	if (!dockerconfig_read(arena, cli->docker_config, &root, err) ||
	    !json_text_array(arena, root, "pruneFilters", &own, &count, err))
		return false;
	for (size_t i = 0; i < count; i++)
		if (strchr(own[i], '=') && !is_contradicted(given, own[i]))
			texts_add_in(filters, arena, own[i]);
	return true;
}
