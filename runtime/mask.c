/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/path.h"
#include "runtime/kernel.h"
#include "runtime/mountpart.h"

/*
 * What the container shall not write, and what it shall not see: done before pivot_root, by
 * descriptors, before any code of the container's runs.
 */

/* Nothing there, or nothing could be: then there is nothing to protect. */
static bool is_missing(const struct error *err)
{
	return err->sys == ENOENT || err->sys == ENOTDIR;
}

static bool is_root(const char *path)
{
	autofree char *cleaned = path_clean(path);

	return strcmp(cleaned, "/") == 0;
}

/* -- where ----------------------------------------------------------------------------------- */

/*
 * Most paths are in /proc and /sys. If a neighbour can rename what lies below the root, these
 * mounts may be somewhere else by now: then nothing would be found to protect, and all be seen
 * elsewhere. So they are opened once, seen to be what the config wanted there, and searched by
 * descriptor.
 */
struct tree {
	const char *path, *type;
	unsigned long magic;
	int top; /* -1: none, or not needed yet */
};

struct trees {
	struct tree of[2];
};

static void trees_init(struct trees *trees)
{
	*trees = (struct trees){ { { "/proc", "proc", PROC_SUPER_MAGIC, -1 },
				   { "/sys", "sysfs", SYSFS_MAGIC, -1 } } };
}

static void trees_done(struct trees *trees)
{
	for (size_t i = 0; i < COUNT_OF(trees->of); i++)
		mem_cleanup_close(&trees->of[i].top);
}

static bool is_mounted(const struct spec *spec, const struct tree *tree)
{
	for (size_t i = 0; i < spec->mount_count; i++)
		if (!spec->mounts[i].is_bind && strcmp(spec->mounts[i].type, tree->type) == 0 &&
		    strcmp(spec->mounts[i].destination, tree->path) == 0)
			return true;
	return false;
}

static bool open_top(const struct rootfs *rootfs, struct tree *tree, struct error *err)
{
	struct statfs fs;

	if (tree->top >= 0)
		return true;
	if (!path_open(rootfs->root, tree->path + 1, PATH_NO_LINKS, O_PATH | O_DIRECTORY, 0,
		       &tree->top, err))
		return error_in(err, "%s was replaced meanwhile", tree->path);
	if (fstatfs(tree->top, &fs) < 0 || (unsigned long)fs.f_type != tree->magic)
		return error_set(err, ERROR_DENIED, "%s was replaced meanwhile", tree->path);
	return true;
}

/* The tree of a path, and the rest of the path. */
static struct tree *tree_of(const struct spec *spec, struct trees *trees, const char *path,
			    const char **rest)
{
	for (size_t i = 0; i < COUNT_OF(trees->of); i++) {
		struct tree *tree = &trees->of[i];
		size_t length = strlen(tree->path);

		if (strncmp(path, tree->path, length) != 0 ||
		    (path[length] != '/' && path[length] != '\0') || !is_mounted(spec, tree))
			continue;
		*rest = path + length + strspn(path + length, "/");
		return tree;
	}
	return NULL;
}

/* *target stays -1 if nothing is there. */
static bool open_path(const struct rootfs *rootfs, struct trees *trees, const char *path,
		      int *target, struct error *err)
{
	const char *rest;
	struct tree *tree = tree_of(rootfs->spec, trees, path, &rest);

	if (tree && !open_top(rootfs, tree, err))
		return false;
	return (tree ? path_open(tree->top, rest, PATH_BENEATH, O_PATH, 0, target, err)
		     : path_open(rootfs->root, path, PATH_IN_ROOT, O_PATH, 0, target, err)) ||
	       is_missing(err);
}

/* -- read-only ------------------------------------------------------------------------------- */

static bool make_readonly(const struct rootfs *rootfs, struct trees *trees, const char *path,
			  struct error *err)
{
	autoclose int target = -1;
	autoclose int tree = -1;

	if (!open_path(rootfs, trees, path, &target, err))
		return false;
	if (target < 0)
		return true;
	tree = kernel_clone_tree(target, "", true);
	if (tree < 0 || kernel_attach_as(tree, target, MOUNT_ATTR_RDONLY, 0) < 0)
		return error_sys(err, "make %s read-only", path);
	return true;
}

/* -- masked ---------------------------------------------------------------------------------- */

/* The source of all masked files. It has to be the null device itself: what an image may have put
 * in its place would be handed out instead of hidden (CVE-2025-31133). */
static bool open_null(const struct rootfs *rootfs, int *null, struct error *err)
{
	struct stat info;

	if (!path_open(rootfs->root, "dev/null", PATH_NO_LINKS, O_PATH, 0, null, err))
		return error_in(err, "find the null device for masked paths");
	if (fstat(*null, &info) < 0)
		return error_sys(err, "look at /dev/null");
	if (!S_ISCHR(info.st_mode) || info.st_rdev != makedev(1, 3))
		return error_set(err, ERROR_DENIED,
				 "/dev/null of the container is not the null device");
	return true;
}

struct mask {
	struct trees *trees;
	int null;  /* covers files; -1 until needed */
	int empty; /* an empty read-only tmpfs, which covers directories; -1 until needed */
};

/* All masked directories share one empty file system: the first is mounted, the rest are copies of
 * its mount. */
static bool mask_directory(struct mask *mask, int target, struct error *err)
{
	if (mask->empty >= 0)
		return mount_copy_of(mask->empty, target, "an empty tmpfs", err);
	if (!mount_make_empty(&mask->empty, err))
		return false;
	if (kernel_attach(mask->empty, target) < 0)
		return error_sys(err, "mount an empty tmpfs");
	return true;
}

static bool mask_path(const struct rootfs *rootfs, struct mask *mask, const char *path,
		      struct error *err)
{
	autoclose int target = -1;
	struct stat info;

	if (is_root(path))
		return error_set(err, ERROR_INPUT, "the root itself cannot be masked");
	if (!open_path(rootfs, mask->trees, path, &target, err))
		return false;
	if (target < 0)
		return true;
	if (fstat(target, &info) < 0)
		return error_sys(err, "look at %s", path);
	if (S_ISDIR(info.st_mode))
		return mask_directory(mask, target, err);
	if (mask->null < 0 && !open_null(rootfs, &mask->null, err))
		return false;
	return mount_copy_of(mask->null, target, "the null device", err);
}

/* -- all of it ------------------------------------------------------------------------------- */

static bool finish_readonly(struct rootfs *rootfs, bool is_root_readonly, struct error *err)
{
	for (size_t i = 0; i < rootfs->unfinished_count; i++) {
		if (kernel_set_attributes(rootfs->unfinished[i], false, MOUNT_ATTR_RDONLY, 0) < 0)
			return error_sys(err, "make a tmpfs read-only");
		close(rootfs->unfinished[i]);
	}
	rootfs->unfinished_count = 0;
	if (is_root_readonly &&
	    kernel_set_attributes(rootfs->root, false, MOUNT_ATTR_RDONLY, 0) < 0)
		return error_sys(err, "make the root file system read-only");
	return true;
}

bool rootfs_protect(struct rootfs *rootfs, struct error *err)
{
	const struct spec *spec = rootfs->spec;
	struct trees trees;
	struct mask mask = { .trees = &trees, .null = -1, .empty = -1 };
	bool is_root_readonly = spec->is_root_readonly;
	bool is_good = true;

	trees_init(&trees);
	for (size_t i = 0; is_good && i < spec->readonly_path_count; i++)
		if (is_root(spec->readonly_paths[i]))
			is_root_readonly = true;
		else
			is_good = make_readonly(rootfs, &trees, spec->readonly_paths[i], err) ||
				  error_in(err, "read-only path");
	for (size_t i = 0; is_good && i < spec->masked_path_count; i++)
		is_good = mask_path(rootfs, &mask, spec->masked_paths[i], err) ||
			  error_in(err, "masked path %s", spec->masked_paths[i]);
	mem_cleanup_close(&mask.null);
	mem_cleanup_close(&mask.empty);
	trees_done(&trees);
	return is_good && finish_readonly(rootfs, is_root_readonly, err);
}
