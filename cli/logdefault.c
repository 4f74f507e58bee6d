/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/logdefault.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/json.h"

#define DAEMON_JSON_MAX (1 << 20)

/* What dockerd would confine containers by and we do not: not to be passed over in silence. */
static bool check_confinement(const char *name, const struct json *root, struct error *err)
{
	static const struct {
		const char *key, *remedy;
	} missing[] = {
		{ "icc", "use networks of your own, which do not reach each other" },
		{ "userns-remap", "use rootless containers (man mooring-docker)" },
		{ "no-new-privileges", "give docker run --security-opt no-new-privileges" },
		{ "seccomp-profile", "give docker run --security-opt seccomp=FILE" },
		{ "default-ulimits", "give docker run --ulimit" },
		{ "selinux-enabled", "label containers by other means" },
		{ "authorization-plugins", "decide by the group docker who may use it" },
	};

	for (size_t i = 0; i < COUNT_OF(missing); i++) {
		const struct json *item = json_get(root, missing[i].key);
		bool is_usual = !item || item->type == JSON_NULL ||
				(item->type == JSON_TEXT && !*item->text) ||
				(item->type == JSON_BOOL &&
				 item->boolean == (strcmp(missing[i].key, "icc") == 0));

		if (!is_usual)
			return error_set(err, ERROR_UNSUPPORTED,
					 "%s: %s is not supported: take it out and %s", name,
					 missing[i].key, missing[i].remedy);
	}
	return true;
}

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
	    !check_confinement(name, root, err) ||
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
