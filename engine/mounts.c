/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/mounts.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/path.h"
#include "engine/find.h"
#include "engine/mountspec.h"
#include "engine/volume.h"

/* --tmpfs. Docker keeps them apart from all other mounts. */
static bool is_short_tmpfs(const struct container_mount *mount)
{
	return mount->kind == MOUNT_TMPFS && !mount->is_long;
}

/* -v /data, or what an image declares: a wish for a volume where nothing else is mounted. */
static bool is_declared(const struct container_mount *mount)
{
	return mount->is_anonymous && !mount->is_long;
}

static struct container_mount *mount_at(const struct mounts *mounts, const char *target,
					bool is_tmpfs)
{
	for (size_t i = 0; i < mounts->count; i++) {
		struct container_mount *mount = &mounts->items[i];

		if (is_short_tmpfs(mount) == is_tmpfs && strcmp(mount->target, target) == 0)
			return mount;
	}
	return NULL;
}

static bool is_taken(const struct mounts *mounts, const char *target)
{
	return mount_at(mounts, target, false) || mount_at(mounts, target, true);
}

/* At one place there may be one --tmpfs, and beside it what --mount or --volumes-from has. */
static bool is_duplicate(const struct mounts *mounts, const struct container_mount *mount)
{
	bool is_tmpfs = is_short_tmpfs(mount);
	const struct container_mount *beside = mount_at(mounts, mount->target, !is_tmpfs);
	const struct container_mount *other = is_tmpfs ? beside : mount;

	return mount_at(mounts, mount->target, is_tmpfs) ||
	       (beside && !other->is_long && !other->is_inherited);
}

static bool add(struct mounts *mounts, const struct container_mount *mount, struct error *err)
{
	struct container_mount *other = mount_at(mounts, mount->target, false);

	if (other && is_declared(other)) {
		*other = *mount;
		return true;
	}
	if (is_duplicate(mounts, mount))
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

/* Without going above where it begins, even for a moment; links are another matter. */
static bool is_local(const char *path)
{
	size_t above = 0;

	if (*path == '/')
		return false;
	while (*path) {
		size_t length = strcspn(path, "/");

		if (length == 2 && strncmp(path, "..", 2) == 0) {
			if (above-- == 0)
				return false;
		} else if (length > 0 && !(length == 1 && *path == '.')) {
			above++;
		}
		path += length + strspn(path + length, "/");
	}
	return true;
}

/* Of a volume without a name, as docker and Dockerfiles take it: without a slash it is below the
 * root, too. */
static const char *from_root(struct arena *arena, const char *path)
{
	return is_local(path) ? arena_printf(arena, "/%s", path) : path;
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
	if (!volume_check_name(text, err))
		return false;
	mount->kind = MOUNT_VOLUME;
	mount->source = text;
	return true;
}

/* Volumes have no propagation; binds, nothing to copy. */
static bool check_mode(const struct container_mount *mount, const char *mode, struct error *err)
{
	static const char *const propagations[] = { "private", "rprivate", "shared",
						    "rshared", "slave",    "rslave" };

	if (mount->kind == MOUNT_BIND)
		return strcmp(mode, "nocopy") != 0 ||
		       error_set(err, ERROR_INPUT,
				 "invalid mount config for type \"bind\": field VolumeOptions must "
				 "not be specified");
	for (size_t i = 0; i < COUNT_OF(propagations); i++) {
		if (strcmp(mode, propagations[i]) == 0)
			return error_set(err, ERROR_INPUT,
					 "invalid mount config for type \"volume\": field "
					 "BindOptions must not be specified");
	}
	return true;
}

/* One of each kind at most. */
enum mode_kind {
	MODE_WRITE,
	MODE_LABEL,
	MODE_PROPAGATION,
	MODE_COPY,
	MODE_CONSISTENCY
};

static bool set_mode(struct container_mount *mount, const char *mode, unsigned *kinds)
{
	static const struct {
		const char *name;
		enum mode_kind kind;
	} known[] = {
		{ "rw", MODE_WRITE },
		{ "ro", MODE_WRITE },
		{ "z", MODE_LABEL },
		{ "Z", MODE_LABEL },
		{ "private", MODE_PROPAGATION },
		{ "rprivate", MODE_PROPAGATION },
		{ "shared", MODE_PROPAGATION },
		{ "rshared", MODE_PROPAGATION },
		{ "slave", MODE_PROPAGATION },
		{ "rslave", MODE_PROPAGATION },
		{ "nocopy", MODE_COPY },
		{ "cached", MODE_CONSISTENCY },
		{ "consistent", MODE_CONSISTENCY },
		{ "delegated", MODE_CONSISTENCY },
		{ "default", MODE_CONSISTENCY },
	};

	for (size_t i = 0; i < COUNT_OF(known); i++) {
		unsigned kind = 1u << known[i].kind;

		if (strcmp(mode, known[i].name) != 0)
			continue;
		if (*kinds & kind)
			return false;
		*kinds |= kind;
		mount->is_readonly = mount->is_readonly || strcmp(mode, "ro") == 0;
		mount->is_copied_up = mount->is_copied_up && known[i].kind != MODE_COPY;
		return true;
	}
	return false;
}

static bool set_modes(struct arena *arena, const char *text, struct container_mount *mount,
		      struct error *err)
{
	char *rest = arena_strdup(arena, text);
	unsigned kinds = 0;

	mount->options = text;
	for (char *mode; (mode = strsep(&rest, ","));) {
		if (!set_mode(mount, mode, &kinds))
			return error_set(err, ERROR_INPUT, "invalid mode: %s", text);
	}
	return true;
}

static bool check_modes(struct arena *arena, const char *text, const char *modes,
			const struct container_mount *mount, struct error *err)
{
	char *rest = arena_strdup(arena, modes);

	for (char *mode; (mode = strsep(&rest, ","));) {
		if (!check_mode(mount, mode, err))
			return error_in(err, "invalid volume specification: '%s'", text);
	}
	return true;
}

static bool set_volume_target(struct arena *arena, const char *text, const char *kind,
			      const char *target, struct container_mount *mount, struct error *err)
{
	return set_target(arena, target, mount, err) ||
	       error_in(err,
			"invalid volume specification: '%s': invalid mount config for type \"%s\"",
			text, kind);
}

bool mounts_check_volume(const char *text, struct error *err)
{
	size_t length = strlen(text);

	if (!length)
		return error_set(err, ERROR_INPUT, "invalid empty volume spec");
	return (text[0] != ':' && text[length - 1] != ':' && !strstr(text, "::")) ||
	       error_set(err, ERROR_INPUT, "invalid spec: %s: empty section between colons", text);
}

static bool declare(struct mounts *mounts, const struct container_mount *mount, struct error *err)
{
	if (mounts->declared && !texts_has(mounts->declared, mount->target))
		texts_add(mounts->declared, mount->target);
	return is_taken(mounts, mount->target) || add(mounts, mount, err);
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
	if (!mounts_check_volume(text, err))
		return false;
	if (count == 1) {
		mount.kind = MOUNT_VOLUME;
		mount.is_anonymous = true;
		return set_target(mounts->arena, from_root(mounts->arena, text), &mount, err) &&
		       declare(mounts, &mount, err);
	}
	return set_volume_target(mounts->arena, text,
				 part[0][0] == '/' || part[0][0] == '.' ? "bind" : "volume",
				 part[1], &mount, err) &&
	       set_source(mounts->arena, part[0], &mount, err) &&
	       (!part[2] || set_modes(mounts->arena, part[2], &mount, err)) &&
	       (!part[2] || check_modes(mounts->arena, text, part[2], &mount, err)) &&
	       add(mounts, &mount, err);
}

/* What moby takes: mount flags, and what tmpfs itself knows. */
static bool check_tmpfs_option(const char *option, size_t length, struct error *err)
{
	static const char *const known[] = {
		"",           "defaults",   "ro",          "rw",
		"suid",       "nosuid",     "dev",         "nodev",
		"exec",       "noexec",     "sync",        "async",
		"dirsync",    "remount",    "mand",        "nomand",
		"atime",      "noatime",    "diratime",    "bind",
		"nodiratime", "rbind",      "relatime",    "norelatime",
		"private",    "rprivate",   "shared",      "rshared",
		"slave",      "rslave",     "size=",       "mode=",
		"uid=",       "gid=",       "strictatime", "nostrictatime",
		"mpol=",      "nr_inodes=", "nr_blocks=",  "unbindable",
		"runbindable"
	};
	const char *equals = memchr(option, '=', length);
	size_t key = equals ? (size_t)(equals - option) + 1 : length;

	for (size_t i = 0; i < COUNT_OF(known); i++)
		if (strlen(known[i]) == key && strncmp(known[i], option, key) == 0)
			return true;
	if (!equals)
		return error_set(err, ERROR_INPUT, "invalid tmpfs option [\"%.*s\"]", (int)length,
				 option);
	return error_set(err, ERROR_INPUT, "invalid tmpfs option [\"%.*s\" \"%.*s\"]",
			 (int)(key - 1), option, (int)(length - key), option + key);
}

static bool check_tmpfs_options(const char *options, struct error *err)
{
	for (;;) {
		size_t length = strcspn(options, ",");

		if (!check_tmpfs_option(options, length, err))
			return false;
		if (!options[length])
			return true;
		options += length + 1;
	}
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
	if (!set_target(mounts->arena, target, &mount, err) ||
	    !check_tmpfs_options(mount.options, err))
		return false;
	struct container_mount *same = mount_at(mounts, mount.target, true);
	if (!same)
		return add(mounts, &mount, err);
	*same = mount; /* the last one counts */
	return true;
}

bool mounts_add_declared(struct mounts *mounts, const char *target, struct error *err)
{
	struct container_mount mount = {
		.kind = MOUNT_VOLUME, .options = "", .is_anonymous = true, .is_copied_up = true
	};

	if (!set_target(mounts->arena, from_root(mounts->arena, target), &mount, err))
		return error_in(err, "the image's volume %s", target);
	return declare(mounts, &mount, err);
}

bool mounts_inherit(struct mounts *mounts, const struct container *other, bool is_readonly,
		    struct error *err)
{
	for (size_t i = 0; i < other->mount_count; i++) {
		struct container_mount mount = other->mounts[i];
		struct container_mount *taken = mount_at(mounts, mount.target, false);

		if (mount.kind == MOUNT_TMPFS ||
		    (taken && !is_declared(taken) && !taken->is_inherited))
			continue;
		mount.is_inherited = true;
		mount.is_readonly |= is_readonly;
		mount.is_anonymous = false; /* it is the other one's, and goes with that */
		if (taken)
			*taken = mount;
		else if (!add(mounts, &mount, err))
			return false;
	}
	return true;
}

bool mounts_check_from(const char *text, struct error *err)
{
	const char *mode = strchr(text, ':');

	return (*text && *text != ':' &&
		(!mode || strcmp(mode, ":ro") == 0 || strcmp(mode, ":rw") == 0 ||
		 strcmp(mode, ":z") == 0 || strcmp(mode, ":Z") == 0)) ||
	       error_set(err, ERROR_INPUT, "invalid mode for --volumes-from: %s", text);
}

/* --mount. ------------------------------------------------------------------------------------ */

bool mounts_check_mount(const char *text, struct error *err)
{
	autoarena struct arena arena = { 0 };
	struct mountspec spec;

	return mountspec_parse(&arena, text, &spec, err);
}

static const char *tmpfs_options(struct arena *arena, const struct mountspec *spec)
{
	const char *mode = spec->tmpfs_mode ? spec->tmpfs_mode : "1777";

	if (spec->tmpfs_size)
		return arena_printf(arena, "mode=%s,size=%s%s", mode, spec->tmpfs_size,
				    spec->is_readonly ? ",ro" : "");
	return arena_printf(arena, "mode=%s%s", mode, spec->is_readonly ? ",ro" : "");
}

static bool add_tmpfs(struct mounts *mounts, const struct mountspec *spec,
		      struct container_mount *mount, struct error *err)
{
	if (spec->source)
		return error_set(
			err, ERROR_INPUT,
			"invalid mount config for type \"tmpfs\": field Source must not be "
			"specified");
	mount->kind = MOUNT_TMPFS;
	mount->options = tmpfs_options(mounts->arena, spec);
	return add(mounts, mount, err);
}

static bool add_image(struct mounts *mounts, const struct mountspec *spec,
		      struct container_mount *mount, struct error *err)
{
	if (!spec->source || !*spec->source)
		return error_set(
			err, ERROR_INPUT,
			"invalid mount config for type \"image\": field Source must not be empty");
	mount->kind = MOUNT_IMAGE;
	mount->source = spec->source;
	mount->subpath = spec->image_subpath ? spec->image_subpath : "";
	mount->image_id = "";
	mount->is_readonly = true;
	return (is_local(mount->subpath) ||
		error_set(err, ERROR_INPUT,
			  "invalid mount config for type \"image\": subpath must be a relative "
			  "path within the image")) &&
	       add(mounts, mount, err);
}

static bool add_volume(struct mounts *mounts, const struct mountspec *spec,
		       struct container_mount *mount, struct error *err)
{
	mount->kind = MOUNT_VOLUME;
	mount->source = spec->source;
	mount->is_anonymous =
		!spec->source || !*spec->source || (spec->is_anonymous && find_is_id(spec->source));
	mount->subpath = spec->subpath ? spec->subpath : "";
	mount->volume_options = spec->options;
	mount->volume_labels = spec->labels;
	if (!is_local(mount->subpath))
		return error_set(err, ERROR_INPUT,
				 "invalid mount config for type \"volume\": subpath must be a "
				 "relative path within the volume");
	if (!mount->is_anonymous && !find_is_name(spec->source))
		return error_set(
			err, ERROR_INPUT,
			"invalid mount config for type \"volume\": invalid mount path: '%s'",
			spec->source);
	return add(mounts, mount, err);
}

static bool add_bind(struct mounts *mounts, const struct mountspec *spec,
		     struct container_mount *mount, struct error *err)
{
	if (!spec->source || !*spec->source)
		return error_set(
			err, ERROR_INPUT,
			"invalid mount config for type \"bind\": field Source must not be empty");
	if (!set_source(mounts->arena, spec->source, mount, err))
		return false;
	if (mount->kind != MOUNT_BIND)
		return error_set(err, ERROR_INPUT,
				 "invalid mount config for type \"bind\": invalid mount path: '%s' "
				 "mount path must be absolute",
				 spec->source);
	if (access(mount->source, F_OK) != 0)
		return error_set(err, ERROR_INPUT,
				 "invalid mount config for type \"bind\": bind source path does "
				 "not exist: %s",
				 mount->source);
	mount->is_flat = spec->recursion == MOUNTSPEC_DISABLED;
	mount->is_readonly_top = spec->recursion == MOUNTSPEC_WRITABLE || mount->is_flat;
	return add(mounts, mount, err);
}

static bool set_spec_target(struct arena *arena, const struct mountspec *spec,
			    struct container_mount *mount, struct error *err)
{
	return set_target(arena, spec->target, mount, err) ||
	       error_in(err, "invalid mount config for type \"%s\"", spec->type);
}

bool mounts_add_mount(struct mounts *mounts, const char *text, struct error *err)
{
	struct container_mount mount = { .kind = MOUNT_BIND,
					 .is_source_needed = true,
					 .is_long = true };
	struct mountspec spec;

	if (!mountspec_parse(mounts->arena, text, &spec, err) ||
	    !set_spec_target(mounts->arena, &spec, &mount, err))
		return false;
	mount.options = spec.propagation;
	mount.is_readonly = spec.is_readonly;
	mount.is_copied_up = !spec.is_without_copy;
	if (strcmp(spec.type, "tmpfs") == 0)
		return add_tmpfs(mounts, &spec, &mount, err);
	if (strcmp(spec.type, "image") == 0)
		return add_image(mounts, &spec, &mount, err);
	return strcmp(spec.type, "volume") == 0 ? add_volume(mounts, &spec, &mount, err)
						: add_bind(mounts, &spec, &mount, err);
}

bool mounts_is_hidden(const struct container *container, const struct container_mount *mount)
{
	const struct mounts all = { .items = container->mounts, .count = container->mount_count };

	return !is_short_tmpfs(mount) && mount_at(&all, mount->target, true);
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
