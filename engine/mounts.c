/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/mounts.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/path.h"
#include "engine/find.h"

static bool has_mount_at(const struct mounts *mounts, const char *target)
{
	for (size_t i = 0; i < mounts->count; i++) {
		if (strcmp(mounts->items[i].target, target) == 0)
			return true;
	}
	return false;
}

static bool add(struct mounts *mounts, const struct container_mount *mount, struct error *err)
{
	if (has_mount_at(mounts, mount->target))
		return error_set(err, ERROR_INPUT, "Duplicate mount point: %s", mount->target);
	if (mounts->count >= MOUNTS_MAX)
		return error_set(err, ERROR_INPUT, "more than %d mounts", MOUNTS_MAX);
	if (!mounts->items)
		mounts->items = arena_array(mounts->arena, MOUNTS_MAX, sizeof(*mounts->items));
	mounts->items[mounts->count++] = *mount;
	return true;
}

static const char *clean(struct arena *arena, const char *path)
{
	autofree char *cleaned = path_clean(path);

	return arena_strdup(arena, cleaned);
}

static bool set_target(struct arena *arena, const char *text, struct container_mount *mount,
		       struct error *err)
{
	if (text[0] != '/')
		return error_set(err, ERROR_INPUT,
				 "invalid mount path: '%s' mount path must be absolute", text);
	mount->target = clean(arena, text);
	if (strcmp(mount->target, "/") == 0)
		return error_set(err, ERROR_INPUT,
				 "invalid specification: destination can't be '/'");
	return true;
}

/* "./x", "../x", "." and ".." are paths; "rel/x" is a mistake; anything else is a volume. */
static bool set_source(struct arena *arena, const char *text, struct container_mount *mount,
		       struct error *err)
{
	char here[PATH_MAX];

	if (text[0] == '/') {
		mount->source = clean(arena, text);
		return true;
	}
	if (text[0] == '.') {
		if (!getcwd(here, sizeof(here)))
			return error_sys(err, "find the working directory");
		mount->source = clean(arena, arena_printf(arena, "%s/%s", here, text));
		return true;
	}
	if (!find_is_name(text))
		return error_set(err, ERROR_INPUT,
				 "create %s: \"%s\" includes invalid characters for a local volume "
				 "name, only \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you "
				 "intended to pass a host directory, use absolute path",
				 text, text);
	mount->kind = MOUNT_VOLUME;
	mount->source = text;
	return true;
}

static bool set_mode(struct container_mount *mount, const char *mode)
{
	static const char *const known[] = {
		"rw",    "z",      "Z",      "private",    "rprivate",  "shared",  "rshared",
		"slave", "rslave", "cached", "consistent", "delegated", "default",
	};

	if (strcmp(mode, "ro") == 0) {
		mount->is_readonly = true;
		return true;
	}
	if (strcmp(mode, "nocopy") == 0) {
		mount->is_copied_up = false;
		return true;
	}
	for (size_t i = 0; i < COUNT_OF(known); i++) {
		if (strcmp(mode, known[i]) == 0)
			return true;
	}
	return false;
}

static bool set_modes(struct arena *arena, const char *text, struct container_mount *mount,
		      struct error *err)
{
	char *rest = arena_strdup(arena, text);

	mount->options = text;
	for (char *mode; (mode = strsep(&rest, ","));) {
		if (!set_mode(mount, mode))
			return error_set(err, ERROR_INPUT, "invalid mode: %s", text);
	}
	return true;
}

bool mounts_add_volume(struct mounts *mounts, const char *text, struct error *err)
{
	struct container_mount mount = { .kind = MOUNT_BIND, .options = "", .is_copied_up = true };
	char *rest = arena_strdup(mounts->arena, text);
	const char *part[4] = { 0 };
	size_t count = 0;

	while (rest && count < COUNT_OF(part))
		part[count++] = strsep(&rest, ":");
	if (count > 3 || rest)
		return error_set(err, ERROR_INPUT, "invalid volume specification: '%s'", text);
	for (size_t i = 0; i < count; i++) {
		if (!*part[i])
			return error_set(err, ERROR_INPUT,
					 "invalid spec: %s: empty section between colons", text);
	}
	if (count == 1) {
		mount.kind = MOUNT_VOLUME;
		mount.is_anonymous = true;
		return set_target(mounts->arena, part[0], &mount, err) && add(mounts, &mount, err);
	}
	return set_target(mounts->arena, part[1], &mount, err) &&
	       set_source(mounts->arena, part[0], &mount, err) &&
	       (!part[2] || set_modes(mounts->arena, part[2], &mount, err)) &&
	       add(mounts, &mount, err);
}

bool mounts_add_tmpfs(struct mounts *mounts, const char *text, struct error *err)
{
	struct container_mount mount = { .kind = MOUNT_TMPFS, .options = "" };
	char *target = arena_strdup(mounts->arena, text);
	char *colon = strchr(target, ':');

	if (colon) {
		*colon = '\0';
		mount.options = colon + 1;
	}
	return set_target(mounts->arena, target, &mount, err) && add(mounts, &mount, err);
}

bool mounts_add_declared(struct mounts *mounts, const char *target, struct error *err)
{
	struct container_mount mount = {
		.kind = MOUNT_VOLUME, .options = "", .is_anonymous = true, .is_copied_up = true
	};

	if (!set_target(mounts->arena, target, &mount, err))
		return error_in(err, "the image's volume %s", target);
	return has_mount_at(mounts, mount.target) || add(mounts, &mount, err);
}

/* --mount. ------------------------------------------------------------------------------------ */

struct mount_text {
	const char *type, *source, *target, *options;
	const char *tmpfs_size, *tmpfs_mode;
	bool is_readonly, is_without_copy;
};

static bool parse_flag(const char *key, const char *value, bool *flag, struct error *err)
{
	if (!value || strcmp(value, "true") == 0 || strcmp(value, "1") == 0) {
		*flag = true;
		return true;
	}
	*flag = false;
	return strcmp(value, "false") == 0 || strcmp(value, "0") == 0 ||
	       error_set(err, ERROR_INPUT, "invalid value for %s: %s", key, value);
}

static bool is_one_of(const char *key, const char *a, const char *b, const char *c)
{
	return strcmp(key, a) == 0 || (b && strcmp(key, b) == 0) || (c && strcmp(key, c) == 0);
}

static bool set_key(struct mount_text *mount, const char *key, const char *value, const char *pair,
		    struct error *err)
{
	if (is_one_of(key, "readonly", "ro", NULL))
		return parse_flag(key, value, &mount->is_readonly, err);
	if (is_one_of(key, "volume-nocopy", NULL, NULL))
		return parse_flag(key, value, &mount->is_without_copy, err);
	if (!value)
		return error_set(err, ERROR_INPUT, "invalid field '%s' must be a key=value pair",
				 pair);
	if (is_one_of(key, "type", NULL, NULL))
		mount->type = value;
	else if (is_one_of(key, "source", "src", NULL))
		mount->source = value;
	else if (is_one_of(key, "target", "destination", "dst"))
		mount->target = value;
	else if (is_one_of(key, "tmpfs-size", NULL, NULL))
		mount->tmpfs_size = value;
	else if (is_one_of(key, "tmpfs-mode", NULL, NULL))
		mount->tmpfs_mode = value;
	else if (is_one_of(key, "bind-propagation", NULL, NULL))
		mount->options = value;
	else if (!is_one_of(key, "consistency", NULL, NULL))
		return is_one_of(key, "volume-driver", "volume-opt", "volume-subpath") ||
				       is_one_of(key, "volume-label", "bind-nonrecursive",
						 "bind-recursive")
			       ? error_set(err, ERROR_UNSUPPORTED, "%s is not supported yet", key)
			       : error_set(err, ERROR_INPUT, "unexpected key '%s' in '%s'", key,
					   pair);
	return true;
}

/* Commas separate, unless a pair is in double quotes. */
static char *next_pair(char **rest)
{
	char *at = *rest;

	if (!at)
		return NULL;
	if (*at != '"')
		return strsep(rest, ",");
	char *end = strchr(at + 1, '"');
	if (!end)
		return strsep(rest, ",");
	*end = '\0';
	*rest = end[1] == ',' ? end + 2 : NULL;
	return at + 1;
}

static bool parse_mount(struct arena *arena, const char *text, struct mount_text *mount,
			struct error *err)
{
	char *rest = arena_strdup(arena, text);

	*mount = (struct mount_text){ .type = "volume", .options = "" };
	for (char *pair; (pair = next_pair(&rest));) {
		char *key = arena_strdup(arena, pair);
		char *equals = strchr(key, '=');

		if (equals)
			*equals = '\0';
		if (!set_key(mount, key, equals ? equals + 1 : NULL, pair, err))
			return false;
	}
	if (!is_one_of(mount->type, "bind", "volume", "tmpfs"))
		return error_set(err, ERROR_INPUT, "invalid mount type '%s'", mount->type);
	if (!mount->target)
		return error_set(err, ERROR_INPUT, "target is required");
	return true;
}

bool mounts_check_mount(const char *text, struct error *err)
{
	autoarena struct arena arena = { 0 };
	struct mount_text mount;

	return parse_mount(&arena, text, &mount, err);
}

static const char *tmpfs_options(struct arena *arena, const struct mount_text *text)
{
	const char *mode = text->tmpfs_mode ? text->tmpfs_mode : "1777";

	if (text->tmpfs_size)
		return arena_printf(arena, "mode=%s,size=%s%s", mode, text->tmpfs_size,
				    text->is_readonly ? ",ro" : "");
	return arena_printf(arena, "mode=%s%s", mode, text->is_readonly ? ",ro" : "");
}

bool mounts_add_mount(struct mounts *mounts, const char *text, struct error *err)
{
	struct mount_text parsed;
	struct container_mount mount = { .kind = MOUNT_BIND, .is_source_needed = true };

	if (!parse_mount(mounts->arena, text, &parsed, err) ||
	    !set_target(mounts->arena, parsed.target, &mount, err))
		return false;
	mount.options = parsed.options;
	mount.is_readonly = parsed.is_readonly;
	mount.is_copied_up = !parsed.is_without_copy;
	if (strcmp(parsed.type, "tmpfs") == 0) {
		mount.kind = MOUNT_TMPFS;
		mount.options = tmpfs_options(mounts->arena, &parsed);
		return add(mounts, &mount, err);
	}
	if (strcmp(parsed.type, "volume") == 0 && !parsed.source) {
		mount.kind = MOUNT_VOLUME;
		mount.is_anonymous = true;
		return add(mounts, &mount, err);
	}
	if (!parsed.source)
		return error_set(
			err, ERROR_INPUT,
			"invalid mount config for type \"bind\": field Source must not be empty");
	if (!set_source(mounts->arena, parsed.source, &mount, err))
		return false;
	bool wants_bind = strcmp(parsed.type, "bind") == 0;
	if (wants_bind != (mount.kind == MOUNT_BIND))
		return error_set(err, ERROR_INPUT,
				 "invalid mount config for type \"%s\": invalid mount path: '%s'%s",
				 parsed.type, parsed.source,
				 wants_bind ? " mount path must be absolute" : "");
	if (wants_bind && access(mount.source, F_OK) != 0)
		return error_set(err, ERROR_INPUT,
				 "invalid mount config for type \"bind\": bind source path does "
				 "not exist: %s",
				 mount.source);
	return add(mounts, &mount, err);
}

static size_t depth(const char *path)
{
	size_t count = 0;

	for (; *path; path++)
		count += *path == '/';
	return count;
}

void mounts_sort(struct mounts *mounts)
{
	/* Insertion: the list is short, and equals keep their order. */
	for (size_t i = 1; i < mounts->count; i++) {
		struct container_mount moving = mounts->items[i];
		size_t to = i;

		while (to > 0 && depth(mounts->items[to - 1].target) > depth(moving.target)) {
			mounts->items[to] = mounts->items[to - 1];
			to--;
		}
		mounts->items[to] = moving;
	}
}
