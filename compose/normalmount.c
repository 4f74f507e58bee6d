/* SPDX-License-Identifier: Apache-2.0 */
#include "compose/normal.h"

#include <string.h>

#include "base/mem.h"
#include "base/path.h"
#include "compose/tree.h"

/* `volumes` of a service: "[SOURCE:]TARGET[:MODES]" or mappings; becomes mappings. */

static bool is_path(const char *source)
{
	return *source == '.' || *source == '/' || *source == '~';
}

static struct json *nested(const struct normal *normal, struct json *mount, const char *key)
{
	struct json *found = tree_find(mount, key);

	return found ? found : tree_put(normal->arena, mount, key, JSON_OBJECT, NULL);
}

static bool is_mode(const char *mode)
{
	static const char *const modes[] = { "rw",      "ro",       "z",         "Z",
					     "nocopy",  "cached",   "delegated", "consistent",
					     "private", "rprivate", "shared",    "rshared",
					     "slave",   "rslave" };

	for (size_t i = 0; i < COUNT_OF(modes); i++) {
		if (strcmp(modes[i], mode) == 0)
			return true;
	}
	return false;
}

/* One of the words behind the second colon. */
static void apply_mode(const struct normal *normal, struct json *mount, const char *mode)
{
	if (strcmp(mode, "ro") == 0)
		(void)tree_put_bool(normal->arena, mount, "read_only", true);
	else if (strcmp(mode, "z") == 0 || strcmp(mode, "Z") == 0)
		(void)tree_put_text(normal->arena, nested(normal, mount, "bind"), "selinux", mode);
	else if (strcmp(mode, "nocopy") == 0)
		(void)tree_put_bool(normal->arena, nested(normal, mount, "volume"), "nocopy", true);
	else if (is_mode(mode) &&
		 (strstr(mode, "private") || strstr(mode, "shared") || strstr(mode, "slave")))
		(void)tree_put_text(normal->arena, nested(normal, mount, "bind"), "propagation",
				    mode);
}

static bool apply_modes(const struct normal *normal, struct json *mount, char *modes,
			const struct json *value, struct error *err)
{
	for (char *mode; (mode = strsep(&modes, ","));) {
		/* 2 passes over what it does not know; with 1 the engine refused it. */
		if (normal->is_classic && !is_mode(mode))
			return json_wrong(value, err, "invalid mode: %.100s", mode);
		apply_mode(normal, mount, mode);
	}
	return true;
}

static void set_source(const struct normal *normal, struct json *mount, const char *source)
{
	bool is_bind = is_path(source);

	(void)tree_put_text(normal->arena, mount, "type", is_bind ? "bind" : "volume");
	(void)tree_put_text(normal->arena, mount, "source",
			    is_bind ? normal_path(normal, source) : source);
}

/* "/data/" is where "/data" is: what else is there is found by it. */
static void set_target(const struct normal *normal, struct json *mount, const char *target)
{
	autofree char *clean = *target == '/' ? path_clean(target) : mem_strdup(target);

	(void)tree_put_text(normal->arena, mount, "target", arena_strdup(normal->arena, clean));
}

static bool read_short(const struct normal *normal, struct json *value, struct error *err)
{
	char *rest = arena_strdup(normal->arena, value->text);
	struct json *mount = json_new(normal->arena, NULL, NULL, JSON_OBJECT, NULL);
	const char *first = strsep(&rest, ":");
	const char *second = strsep(&rest, ":");
	const char *target = second ? second : first;

	if (!*target || (second && !*first))
		return json_wrong(value, err, "invalid spec: %.100s: empty section between colons",
				  value->text);
	if (rest && strchr(rest, ':'))
		return json_wrong(value, err, "invalid spec: %.100s: too many colons", value->text);
	if (second)
		set_source(normal, mount, first);
	else
		(void)tree_put_text(normal->arena, mount, "type", "volume");
	set_target(normal, mount, target);
	if (rest && !apply_modes(normal, mount, rest, value, err))
		return false;
	if (strcmp(tree_text(mount, "type"), "bind") == 0)
		(void)tree_put_bool(normal->arena, nested(normal, mount, "bind"),
				    "create_host_path", true);
	tree_become(value, mount);
	return true;
}

static const struct normal_key bind_keys[] = {
	{ "create_host_path", normal_bool },
	{ "propagation", normal_text },
	{ "recursive", normal_text },
	{ "selinux", normal_text },
	{ NULL, NULL },
};

static const struct normal_key volume_keys[] = {
	{ "nocopy", normal_bool },
	{ "subpath", normal_text },
	{ "labels", normal_map },
	{ NULL, NULL },
};

static const struct normal_key tmpfs_keys[] = {
	{ "mode", normal_mode },
	{ "size", normal_size },
	{ NULL, NULL },
};

static const struct normal_key image_keys[] = {
	{ "subpath", normal_text },
	{ NULL, NULL },
};

static bool check_type(const struct json *value, struct error *err)
{
	const char *type = tree_text(value, "type");

	if (!type)
		return json_wrong(value, err, "missing property 'type'");
	bool is_image = strcmp(type, "image") == 0;

	if (strcmp(type, "bind") != 0 && strcmp(type, "volume") != 0 &&
	    strcmp(type, "tmpfs") != 0 && !is_image)
		return json_wrong(value, err, "type '%.100s' is not supported by this runtime",
				  type);
	if (!tree_text(value, "target"))
		return json_wrong(value, err, "missing property 'target'");
	return (strcmp(type, "bind") != 0 && !is_image) || tree_text(value, "source") ||
	       json_wrong(value, err, "%s mount needs a 'source'",
			  is_image ? "an image" : "a bind");
}

static bool read_long(const struct normal *normal, struct json *value, struct error *err)
{
	static const struct normal_key keys[] = {
		{ "type", normal_text },         { "source", normal_text },
		{ "target", normal_text },       { "read_only", normal_bool },
		{ "bind", .keys = bind_keys },   { "volume", .keys = volume_keys },
		{ "tmpfs", .keys = tmpfs_keys }, { "consistency", normal_text },
		{ "image", .keys = image_keys }, { NULL, NULL },
	};

	if (!normal_members(normal, value, keys, err) || !check_type(value, err))
		return false;
	set_target(normal, value, tree_text(value, "target"));
	if (strcmp(tree_text(value, "type"), "bind") == 0)
		(void)tree_put_text(normal->arena, value, "source",
				    normal_path(normal, tree_text(value, "source")));
	return true;
}

bool normal_mounts(const struct normal *normal, struct json *value, struct error *err)
{
	if (value->type != JSON_ARRAY)
		return json_wrong(value, err, "must be a list");
	for (struct json *item = value->child; item; item = item->next) {
		if (item->type != JSON_TEXT && item->type != JSON_OBJECT)
			return json_wrong(item, err, "must be a string or a mapping");
		if (normal_is_open(normal, item))
			continue;
		if (!(item->type == JSON_TEXT ? read_short(normal, item, err)
					      : read_long(normal, item, err)))
			return false;
	}
	return true;
}

/* {source: S, target: T, permissions: P} becomes "S:T:P", which is what a device is elsewhere. */
static bool device(const struct normal *normal, struct json *value, struct error *err)
{
	static const struct normal_key keys[] = { { "source", normal_text },
						  { "target", normal_text },
						  { "permissions", normal_text },
						  { NULL, NULL } };

	if (value->type != JSON_OBJECT)
		return normal_text(normal, value, err);
	if (!normal_members(normal, value, keys, err))
		return false;

	const char *source = tree_text(value, "source"), *target = tree_text(value, "target");
	const char *permissions = tree_text(value, "permissions");

	if (!source)
		return json_wrong(value, err, "missing property 'source'");
	tree_reset(value, JSON_TEXT,
		   arena_printf(normal->arena, "%s:%s%s%s", source, target ? target : source,
				permissions ? ":" : "", permissions ? permissions : ""));
	return true;
}

bool normal_devices(const struct normal *normal, struct json *value, struct error *err)
{
	if (value->type != JSON_ARRAY)
		return json_wrong(value, err, "must be a list");
	for (struct json *item = value->child; item; item = item->next) {
		if (!device(normal, item, err))
			return false;
	}
	return true;
}
