/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

/*
 * What overlay's upper directory says about a container's changes: a character device 0:0 is a file
 * that is gone, an opaque directory hides the one below, anything else is new or has been changed.
 */

#define DEPTH_MAX 1024

struct differ {
	struct arena *arena;
	struct texts *changes;
	int *layers; /* the image's, the highest first */
	size_t layer_count;
};

static bool is_whiteout(const struct stat *info)
{
	return S_ISCHR(info->st_mode) && info->st_rdev == 0;
}

static bool is_opaque(int dir)
{
	char value[2];

	return (fgetxattr(dir, "trusted.overlay.opaque", value, sizeof(value)) == 1 ||
		fgetxattr(dir, "user.overlay.opaque", value, sizeof(value)) == 1) &&
	       value[0] == 'y';
}

enum finding {
	FOUND,
	HIDDEN, /* gone in this layer: those below do not count */
	ABSENT,
};

/* In one layer, component by component: a layer's links lead nowhere here. */
static enum finding look_in_layer(struct arena *arena, int layer, const char *path,
				  struct stat *info)
{
	autoclose int dir = fcntl(layer, F_DUPFD_CLOEXEC, 3);
	char *rest = arena_strdup(arena, path);
	bool hides = false;

	for (char *name; (name = strsep(&rest, "/"));) {
		if (fstatat(dir, name, info, AT_SYMLINK_NOFOLLOW) < 0)
			return hides ? HIDDEN : ABSENT;
		if (is_whiteout(info))
			return HIDDEN;
		if (!rest)
			return FOUND;
		int below = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (below < 0)
			return HIDDEN; /* no directory: nothing can be in it */
		mem_cleanup_close(&dir);
		dir = below;
		hides |= is_opaque(dir);
	}
	return ABSENT;
}

static bool is_in_image(const struct differ *differ, const char *path, struct stat *info)
{
	for (size_t i = 0; i < differ->layer_count; i++) {
		enum finding found = look_in_layer(differ->arena, differ->layers[i], path, info);

		if (found != ABSENT)
			return found == FOUND;
	}
	return false;
}

const char *const tree_ours[] = { "dev",          "dev/console", "dev/pts",         "dev/shm",
				  "proc",         "sys",         ".dockerenv",      "etc/hosts",
				  "etc/hostname", "etc/mtab",    "etc/resolv.conf", NULL };

static bool is_ours(const char *path)
{
	for (size_t i = 0; tree_ours[i]; i++)
		if (strcmp(tree_ours[i], path) == 0)
			return true;
	return false;
}

static void add(const struct differ *differ, char kind, const char *path)
{
	texts_add(differ->changes, arena_printf(differ->arena, "%c /%s", kind, path));
}

static bool walk(const struct differ *differ, int dir, const char *path, int depth,
		 struct error *err);

/* A directory is changed if something in it is, or itself. */
static bool compare_directory(const struct differ *differ, int dir, const char *name,
			      const char *path, const struct stat *info, int depth,
			      struct error *err)
{
	autoclose int below = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	size_t place = differ->changes->count;
	struct stat old;

	if (below < 0)
		return errno == ENOENT || error_sys(err, "open %s", path);
	bool was_there = is_in_image(differ, path, &old);
	bool is_changed = was_there && S_ISDIR(old.st_mode) &&
			  (old.st_mode != info->st_mode || old.st_uid != info->st_uid ||
			   old.st_gid != info->st_gid);
	if (!was_there && !is_ours(path))
		add(differ, 'A', path);
	else if (was_there)
		add(differ, 'C', path);
	if (!walk(differ, below, path, depth + 1, err))
		return false;
	bool is_empty = differ->changes->count == place + 1;
	if (was_there && S_ISDIR(old.st_mode) && is_empty && !is_changed && !is_opaque(below))
		differ->changes->count = place;
	return true;
}

static bool compare(const struct differ *differ, int dir, const char *name, const char *path,
		    int depth, struct error *err)
{
	struct stat info;
	struct stat old;

	if (fstatat(dir, name, &info, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT || error_sys(err, "look at %s", path);
	if (is_whiteout(&info)) {
		if (is_in_image(differ, path, &old))
			add(differ, 'D', path);
		return true;
	}
	if (S_ISDIR(info.st_mode))
		return compare_directory(differ, dir, name, path, &info, depth, err);
	if (is_in_image(differ, path, &old))
		add(differ, 'C', path);
	else if (!is_ours(path))
		add(differ, 'A', path);
	return true;
}

/* The names in a directory, sorted. */
static bool list(const struct differ *differ, int dir, const char *path, struct texts *names,
		 struct error *err)
{
	autodir DIR *entries = file_list(dir, ".");
	struct dirent *entry;
	bool is_read;

	if (!entries)
		return error_sys(err, "list /%s", path);
	while ((is_read = file_next(entries, path, &entry, err)) && entry)
		texts_add(names, arena_strdup(differ->arena, entry->d_name));
	texts_sort(names);
	return is_read;
}

static bool walk(const struct differ *differ, int dir, const char *path, int depth,
		 struct error *err)
{
	autotexts struct texts names = { 0 };

	if (depth <= DEPTH_MAX && !list(differ, dir, path, &names, err))
		return false;
	for (size_t i = 0; i < names.count; i++) {
		const char *name = names.items[i];

		if (!compare(differ, dir, name,
			     arena_printf(differ->arena, "%s%s%s", path, *path ? "/" : "", name),
			     depth, err))
			return false;
	}
	return true;
}

static bool open_layers(const struct engine *engine, const struct container *container,
			struct differ *differ, struct error *err)
{
	differ->layers = arena_array(differ->arena, container->layer_count + 1, sizeof(int));
	for (size_t i = container->layer_count; i-- > 0;) {
		const char *path = arena_printf(differ->arena, "%s/layers/%s/diff", engine->root,
						digest_hex(&container->chains[i]));
		int layer = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		if (layer < 0)
			return error_sys(err, "open %s", path);
		differ->layers[differ->layer_count++] = layer;
	}
	return true;
}

bool tree_diff(const struct engine *engine, const struct container *container, struct arena *arena,
	       struct texts *changes, struct error *err)
{
	struct differ differ = { .arena = arena, .changes = changes };
	const char *path =
		arena_printf(arena, "%s/containers/%s/upper", engine->root, container->id);
	autoclose int upper = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (upper < 0)
		return error_sys(err, "open %s", path);
	bool is_done =
		open_layers(engine, container, &differ, err) && walk(&differ, upper, "", 0, err);
	for (size_t i = 0; i < differ.layer_count; i++)
		close(differ.layers[i]);
	return is_done;
}
