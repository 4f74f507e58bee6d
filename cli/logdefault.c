/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/logdefault.h"

bool logdefault_read(const struct json *daemon, struct arena *arena, const char **driver,
		     struct texts *options, struct error *err)
{
	const struct json *given;

	if (!json_text_or(daemon, "log-driver", "json-file", driver, err) ||
	    !json_object_or_null(daemon, "log-opts", &given, err))
		return false;
	for (const struct json *item = given ? given->child : NULL; item; item = item->next) {
		if (item->type != JSON_TEXT)
			return json_expected(item, "a text", err);
		texts_add(options, arena_printf(arena, "%s=%s", item->key, item->text));
	}
	return true;
}
