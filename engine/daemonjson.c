/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/daemonjson.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "engine/netdefaults.h"

#define DAEMON_JSON_MAX (1 << 20)

bool daemonjson_read(const char *config, struct arena *arena, const struct json **root,
		     struct error *err)
{
	const char *name = arena_printf(arena, "%s/daemon.json", config);
	autobuf struct buf text;

	*root = json_new(arena, NULL, "daemon.json", JSON_OBJECT, NULL);
	buf_init(&text, DAEMON_JSON_MAX);
	if (!file_read(AT_FDCWD, name, &text, err))
		return err->kind == ERROR_NOT_FOUND || err->sys == ENOTDIR;
	return json_parse(arena, name, text.data ? text.data : "", text.length, root, err) &&
	       ((*root)->type == JSON_OBJECT || json_expected(*root, "an object", err));
}

bool daemonjson_find(const struct json **root, struct error *err)
{
	static struct arena kept;
	static const struct json *found;

	if (!found) {
		const char *config = getenv("MOORING_CONFIG");
		const struct json *fresh;

		if (!daemonjson_read(config ? config : "/etc/mooring", &kept, &fresh, err) &&
		    err->sys != EACCES)
			return false;
		found = fresh;
	}
	*root = found;
	return true;
}

bool daemonjson_check(const char *config, const struct json *root, struct error *err)
{
	autoarena struct arena arena = { 0 };
	struct netdefaults networks;
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
					 "%s/daemon.json: %s is not supported: take it out and %s",
					 config, missing[i].key, missing[i].remedy);
	}
	return netdefaults_parse(&arena, root, &networks, err);
}
