/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
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

/* -- read-only ------------------------------------------------------------------------------- */

static bool make_readonly(const struct rootfs *rootfs, const char *path, struct error *err)
{
	autoclose int target = -1;
	autoclose int tree = -1;

	if (!path_open(rootfs->root, path, PATH_IN_ROOT, O_PATH, 0, &target, err))
		return is_missing(err);
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
	if (!path_open(rootfs->root, path, PATH_IN_ROOT, O_PATH, 0, &target, err))
		return is_missing(err);
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
	struct mask mask = { .null = -1, .empty = -1 };
	bool is_root_readonly = spec->is_root_readonly;
	bool is_good = true;

	for (size_t i = 0; is_good && i < spec->readonly_path_count; i++)
		if (is_root(spec->readonly_paths[i]))
			is_root_readonly = true;
		else
			is_good = make_readonly(rootfs, spec->readonly_paths[i], err) ||
				  error_in(err, "read-only path");
	for (size_t i = 0; is_good && i < spec->masked_path_count; i++)
		is_good = mask_path(rootfs, &mask, spec->masked_paths[i], err) ||
			  error_in(err, "masked path %s", spec->masked_paths[i]);
	mem_cleanup_close(&mask.null);
	mem_cleanup_close(&mask.empty);
	return is_good && finish_readonly(rootfs, is_root_readonly, err);
}
