/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
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
	tree_put_change *put;
	void *context;
	int *layers; /* the image's, the highest first */
	size_t layer_count;
};

/* A directory that is being looked through, and those above. A container may have millions of
 * files: nothing is kept but the way to where we are. */
struct level {
	struct level *above;
	const char *path; /* "" for the root */
	int dir, depth;
	bool is_due; /* has changed as soon as something in it has */
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
static enum finding look_in_layer(int layer, const char *path, struct stat *info)
{
	autoclose int dir = fcntl(layer, F_DUPFD_CLOEXEC, 3);
	autofree char *copy = mem_strdup(path);
	char *rest = copy;
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
		enum finding found = look_in_layer(differ->layers[i], path, info);

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

static void tell_due(const struct differ *differ, struct level *level)
{
	if (!level)
		return;
	tell_due(differ, level->above);
	if (level->is_due)
		differ->put(differ->context, 'C', level->path);
	level->is_due = false;
}

static void tell(const struct differ *differ, struct level *above, char kind, const char *path)
{
	tell_due(differ, above);
	differ->put(differ->context, kind, path);
}

static bool walk(const struct differ *differ, struct level *level, struct error *err);

/* A directory is changed if something in it is, or itself. */
static bool compare_directory(const struct differ *differ, struct level *above, const char *name,
			      const char *path, const struct stat *info, struct error *err)
{
	autoclose int below =
		openat(above->dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat old;

	if (below < 0)
		return errno == ENOENT || error_sys(err, "open %s", path);
	if (above->depth >= DEPTH_MAX)
		return error_set(err, ERROR_INPUT, "%s: directories are too deep", path);

	bool was_there = is_in_image(differ, path, &old);
	bool is_changed = was_there && (!S_ISDIR(old.st_mode) || old.st_mode != info->st_mode ||
					old.st_uid != info->st_uid || old.st_gid != info->st_gid ||
					is_opaque(below));
	struct level level = { above, path, below, above->depth + 1, was_there && !is_changed };

	if (is_changed)
		tell(differ, above, 'C', path);
	else if (!was_there && !is_ours(path))
		tell(differ, above, 'A', path);
	return walk(differ, &level, err);
}

static bool compare(const struct differ *differ, struct level *level, const char *name,
		    const char *path, struct error *err)
{
	struct stat info;
	struct stat old;

	if (strlen(path) > PATH_MAX)
		return error_set(err, ERROR_INPUT, "%.200s…: name too long", path);
	if (fstatat(level->dir, name, &info, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT || error_sys(err, "look at %s", path);
	if (S_ISDIR(info.st_mode))
		return compare_directory(differ, level, name, path, &info, err);

	bool was_there = is_in_image(differ, path, &old);

	if (is_whiteout(&info) ? was_there : was_there || !is_ours(path))
		tell(differ, level, is_whiteout(&info) ? 'D' : was_there ? 'C' : 'A', path);
	return true;
}

/* The names in a directory, sorted; the texts live in `arena`. */
static bool list(const struct level *level, struct arena *arena, struct texts *names,
		 struct error *err)
{
	autodir DIR *entries = file_list(level->dir, ".");
	struct dirent *entry;
	bool is_read;

	if (!entries)
		return error_sys(err, "list /%s", level->path);
	while ((is_read = file_next(entries, level->path, &entry, err)) && entry)
		texts_add(names, arena_strdup(arena, entry->d_name));
	texts_sort(names);
	return is_read;
}

static bool walk(const struct differ *differ, struct level *level, struct error *err)
{
	autoarena struct arena arena = { 0 };
	autotexts struct texts names = { 0 };

	if (!list(level, &arena, &names, err))
		return false;
	for (size_t i = 0; i < names.count; i++) {
		autofree char *path =
			mem_printf("%s%s%s", level->path, *level->path ? "/" : "", names.items[i]);

		if (!compare(differ, level, names.items[i], path, err))
			return false;
	}
	return true;
}

static bool open_layers(const struct engine *engine, const struct container *container,
			struct differ *differ, struct error *err)
{
	for (size_t i = container->layer_count; i-- > 0;) {
		autofree char *path = mem_printf("%s/layers/%s/diff", engine->root,
						 digest_hex(&container->chains[i]));
		int layer = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		if (layer < 0)
			return error_sys(err, "open %s", path);
		differ->layers[differ->layer_count++] = layer;
	}
	return true;
}

bool tree_diff(const struct engine *engine, const struct container *container, tree_put_change *put,
	       void *context, struct error *err)
{
	autofree char *path = mem_printf("%s/containers/%s/upper", engine->root, container->id);
	autofree int *layers = mem_array(container->layer_count + 1, sizeof(int));
	autoclose int upper = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct differ differ = { .put = put, .context = context, .layers = layers };
	struct level top = { NULL, "", upper, 0, false };

	if (upper < 0)
		return error_sys(err, "open %s", path);
	bool is_done = open_layers(engine, container, &differ, err) && walk(&differ, &top, err);
	for (size_t i = 0; i < differ.layer_count; i++)
		close(differ.layers[i]);
	return is_done;
}
