/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/logdefault.h"

#include <errno.h>
#include <fcntl.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/json.h"

#define DAEMON_JSON_MAX (1 << 20)

bool logdefault_read(const char *config, struct arena *arena, const char **driver,
		     struct texts *options, struct error *err)
{
	const char *name = arena_printf(arena, "%s/daemon.json", config);
	const struct json *root, *given;
	autobuf struct buf text;

	*driver = "json-file";
	buf_init(&text, DAEMON_JSON_MAX);
	if (!file_read(AT_FDCWD, name, &text, err))
		return err->kind == ERROR_NOT_FOUND || err->sys == ENOTDIR;
	if (!json_parse(arena, name, text.data ? text.data : "", text.length, &root, err) ||
	    !json_text_or(root, "log-driver", *driver, driver, err) ||
	    !json_object_or_null(root, "log-opts", &given, err))
		return false;
	for (const struct json *item = given ? given->child : NULL; item; item = item->next) {
		if (item->type != JSON_TEXT)
			return json_expected(item, "a text", err);
		texts_add(options, arena_printf(arena, "%s=%s", item->key, item->text));
	}
	return true;
}
