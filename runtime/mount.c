/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/mount.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/path.h"
#include "runtime/kernel.h"

/*
 * How a mount is made. The target is resolved once, below the root, to a descriptor, and only that
 * is used from then on. A bind is a detached copy of its source (open_tree), gets its attributes
 * while nobody can see it, and is attached to the target (move_mount). A new file system is mounted
 * on "." after fchdir to the target, which is one call instead of eight.
 */

#define PROC_ROOT_INODE 1

/* -- the root -------------------------------------------------------------------------------- */

/* pivot_root refuses a root whose parent mount is shared; with a shared tree asked for, the one
 * mount the root lies on must be private. Found by trying, from the root upwards. */
static bool make_parent_private(const char *path, struct error *err)
{
	autofree char *name = mem_strdup(path);

	for (;;) {
		if (mount(NULL, name[0] ? name : "/", NULL, MS_PRIVATE, NULL) == 0)
			return true;
		if (errno != EINVAL || name[0] == '\0')
			return error_sys(err, "make the mount of %s private", path);
		*strrchr(name, '/') = '\0';
	}
}

bool rootfs_open(struct rootfs *rootfs, struct error *err)
{
	unsigned long propagation = rootfs->spec->root_propagation;
	autoclose int tree = -1;
	autoclose int target = -1;

	if (!propagation)
		propagation = MS_SLAVE | MS_REC;
	if (mount(NULL, "/", NULL, propagation, NULL) < 0)
		return error_sys(err, "set the propagation of /");
	if (propagation & (MS_SHARED | MS_UNBINDABLE) && !make_parent_private(rootfs->path, err))
		return false;
	target = open(rootfs->path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (target < 0)
		return error_sys(err, "open root file system %s", rootfs->path);
	tree = kernel_clone_tree(target, "", true);
	if (tree < 0)
		return error_sys(err, "clone the mount of root file system %s", rootfs->path);
	if (kernel_attach(tree, target) < 0)
		return error_sys(err, "mount root file system %s", rootfs->path);
	rootfs->root = take_fd(&tree);
	return true;
}

/* With a working directory in the new root, pivot_root(".", ".") stacks the old root on top of the
 * new one, where umount finds it. Nothing of the detaching may reach the host: see
 * rootfs_open for why the tree is a slave, and make it one if the config wanted it shared. */
bool rootfs_pivot(struct rootfs *rootfs, struct error *err)
{
	autoclose int old = -1;
	unsigned long propagation = rootfs->spec->root_propagation;
	bool is_shared = propagation & (MS_SHARED | MS_UNBINDABLE);

	if (is_shared) {
		old = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (old < 0)
			return error_sys(err, "open the old root");
	}
	if (fchdir(rootfs->root) < 0 || kernel_pivot_root(".", ".") < 0)
		return error_sys(err, "pivot_root to %s", rootfs->path);
	if (is_shared && (fchdir(old) < 0 || mount(NULL, ".", NULL, MS_SLAVE | MS_REC, NULL) < 0))
		return error_sys(err, "detach the old root's propagation");
	if (umount2(".", MNT_DETACH) < 0)
		return error_sys(err, "detach the old root");
	if (chdir("/") < 0)
		return error_sys(err, "enter the new root");
	if (is_shared && mount(NULL, "/", NULL, propagation, NULL) < 0)
		return error_sys(err, "set the propagation of the new root");
	return true;
}

/* -- pieces ---------------------------------------------------------------------------------- */

uint64_t rootfs_attributes(unsigned long flags)
{
	static const struct {
		unsigned long flag;
		uint64_t attribute;
	} pairs[] = {
		{ MS_RDONLY, MOUNT_ATTR_RDONLY },
		{ MS_NOSUID, MOUNT_ATTR_NOSUID },
		{ MS_NODEV, MOUNT_ATTR_NODEV },
		{ MS_NOEXEC, MOUNT_ATTR_NOEXEC },
		{ MS_NOATIME, MOUNT_ATTR_NOATIME },
		{ MS_STRICTATIME, MOUNT_ATTR_STRICTATIME },
		{ MS_NODIRATIME, MOUNT_ATTR_NODIRATIME },
		{ MS_NOSYMFOLLOW, MOUNT_ATTR_NOSYMFOLLOW },
	};
	uint64_t attributes = 0;

	for (size_t i = 0; i < COUNT_OF(pairs); i++)
		if (flags & pairs[i].flag)
			attributes |= pairs[i].attribute;
	return attributes;
}

bool rootfs_bind(int tree, int target, uint64_t attributes, struct error *err)
{
	bool is_good = true;

	if (attributes && kernel_set_attributes(tree, false, attributes, 0) < 0)
		is_good = error_sys(err, "set mount attributes");
	else if (kernel_attach(tree, target) < 0)
		is_good = error_sys(err, "attach mount");
	close(tree);
	return is_good;
}

bool rootfs_open_file_target(const struct rootfs *rootfs, const char *name, int *fd,
			     struct error *err)
{
	autofree char *path = path_clean(name);
	char *base = strrchr(path, '/');
	autoclose int dir = -1;

	if (path_open(rootfs->root, name, PATH_IN_ROOT, O_PATH, 0, fd, err))
		return true;
	if (err->kind != ERROR_NOT_FOUND)
		return false;
	*base++ = '\0';
	if (!path_make_dirs(rootfs->root, path, 0755, &dir, err))
		return false;
	*fd = openat(dir, base, O_RDONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (*fd < 0)
		return error_sys(err, "create mount point %s", name);
	return true;
}

static bool is_on_procfs(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC;
}

/* What lxcfs and its like put over single files of a real procfs. Anything else there could fake
 * what later steps, or the container's own, read and write. */
static bool may_cover_proc(const char *destination)
{
	static const char *const files[] = { "cpuinfo",
					     "diskstats",
					     "meminfo",
					     "stat",
					     "swaps",
					     "uptime",
					     "loadavg",
					     "slabinfo",
					     "sys/kernel/ns_last_pid",
					     "sys/crypto/fips_enabled" };

	for (size_t i = 0; i < COUNT_OF(files); i++)
		if (strcmp(destination + strlen("/proc/"), files[i]) == 0)
			return true;
	return false;
}

static bool is_inside_proc(const struct spec_mount *wanted, const char *destination,
			   struct error *err)
{
	return json_wrong(wanted->place, err, "\"%s\" cannot be mounted because it is inside /proc",
			  destination);
}

/* By its text, before anything is made there. */
static bool check_name(const struct spec_mount *wanted, const char *destination, struct error *err)
{
	if (strncmp(destination, "/proc/", 6) == 0 && !may_cover_proc(destination))
		return is_inside_proc(wanted, destination, err);
	return true;
}

/* By what was found there: links may have led anywhere below the root. */
static bool check_proc(const struct spec_mount *wanted, const char *destination, int target,
		       int tree, struct error *err)
{
	struct stat info;

	if (strncmp(destination, "/proc/", 6) == 0)
		return true; /* one of the few that may be covered */
	if (is_on_procfs(target))
		return is_inside_proc(wanted, destination, err);
	if (strcmp(destination, "/proc") != 0 || strcmp(wanted->type, "proc") == 0)
		return true;
	if (tree >= 0 && is_on_procfs(tree) && fstat(tree, &info) == 0 &&
	    info.st_ino == PROC_ROOT_INODE)
		return true;
	return json_wrong(wanted->place, err, "only procfs can be mounted on /proc");
}

static bool check_not_root(const struct rootfs *rootfs, const struct spec_mount *wanted, int target,
			   struct error *err)
{
	struct stat root, here;

	if (fstat(rootfs->root, &root) < 0 || fstat(target, &here) < 0)
		return error_sys(err, "look at mount point %s", wanted->destination);
	if (root.st_dev == here.st_dev && root.st_ino == here.st_ino)
		return json_wrong(wanted->place, err, "mountpoint \"%s\" is on the top of rootfs",
				  wanted->destination);
	return true;
}

/* -- binds ----------------------------------------------------------------------------------- */

static bool open_source(const struct rootfs *rootfs, const struct spec_mount *wanted, int *tree,
			struct error *err)
{
	autofree char *path = wanted->source[0] == '/'
				      ? NULL
				      : mem_printf("%s/%s", rootfs->bundle, wanted->source);

	*tree = kernel_clone_tree(AT_FDCWD, path ? path : wanted->source,
				  wanted->flags & MS_REC ? true : false);
	if (*tree < 0)
		return error_sys(err, "mount source %s", wanted->source);
	return true;
}

bool rootfs_open_sources(struct rootfs *rootfs, struct error *err)
{
	const struct spec *spec = rootfs->spec;

	rootfs->sources = mem_array(spec->mount_count + 1, sizeof(int));
	for (size_t i = 0; i < spec->mount_count; i++) {
		rootfs->sources[i] = -1;
		if (spec->mounts[i].is_bind &&
		    !open_source(rootfs, &spec->mounts[i], &rootfs->sources[i], err))
			return false;
	}
	return true;
}

static bool set_bind_attributes(int tree, const struct spec_mount *wanted, struct error *err)
{
	const unsigned long atimes = MS_NOATIME | MS_RELATIME | MS_STRICTATIME;
	uint64_t set = rootfs_attributes(wanted->flags);
	uint64_t clear = rootfs_attributes(wanted->cleared);

	if ((wanted->flags | wanted->cleared) & atimes)
		clear = (clear & ~(uint64_t)(MOUNT_ATTR_NOATIME | MOUNT_ATTR_STRICTATIME)) |
			MOUNT_ATTR__ATIME;
	if ((set || clear) && kernel_set_attributes(tree, false, set, clear) < 0)
		return error_sys(err, "set the options of bind mount %s", wanted->source);
	return true;
}

static bool set_recursive_attributes(int mounted, const struct spec_mount *wanted,
				     struct error *err)
{
	if (!wanted->recursive_set && !wanted->recursive_clear)
		return true;
	if (kernel_set_attributes(mounted, true, wanted->recursive_set, wanted->recursive_clear) <
	    0)
		return error_sys(err, "set the recursive options of %s", wanted->destination);
	return true;
}

/* A bind is cut off from its source's propagation unless the options say otherwise. */
static bool set_propagation(int mounted, const struct spec_mount *wanted, struct error *err)
{
	unsigned long propagation = wanted->propagation;

	if (!propagation && wanted->is_bind)
		propagation = MS_PRIVATE | MS_REC;
	if (propagation && kernel_set_propagation(mounted, (propagation & MS_REC) != 0,
						  propagation & ~(unsigned long)MS_REC) < 0)
		return error_sys(err, "set the propagation of %s", wanted->destination);
	return true;
}

static bool mount_bind(const struct rootfs *rootfs, const struct spec_mount *wanted, int prepared,
		       const char *destination, struct error *err)
{
	autoclose int tree = prepared;
	autoclose int target = -1;
	struct stat source;

	if (tree < 0 && !open_source(rootfs, wanted, &tree, err))
		return false;
	if (fstat(tree, &source) < 0)
		return error_sys(err, "look at mount source %s", wanted->source);
	if (S_ISDIR(source.st_mode)
		    ? !path_make_dirs(rootfs->root, wanted->destination, 0755, &target, err)
		    : !rootfs_open_file_target(rootfs, wanted->destination, &target, err))
		return false;
	if (!check_proc(wanted, destination, target, tree, err) ||
	    !check_not_root(rootfs, wanted, target, err) || !set_bind_attributes(tree, wanted, err))
		return false;
	if (kernel_attach(tree, target) < 0)
		return error_sys(err, "mount %s at %s", wanted->source, wanted->destination);
	return set_propagation(tree, wanted, err) && set_recursive_attributes(tree, wanted, err);
}

/* -- new file systems ------------------------------------------------------------------------ */

/* proc and sysfs are what everything after them trusts: no link may lead elsewhere. */
static bool needs_plain_directory(const struct spec_mount *wanted)
{
	return strcmp(wanted->type, "proc") == 0 || strcmp(wanted->type, "sysfs") == 0;
}

static bool open_plain_directory(const struct rootfs *rootfs, const char *destination, int *target,
				 struct error *err)
{
	autoclose int made = -1;
	struct error first;

	if (path_open(rootfs->root, destination + 1, PATH_NO_LINKS, O_PATH | O_DIRECTORY, 0, target,
		      &first))
		return true;
	if (first.kind != ERROR_NOT_FOUND)
		return error_set(err, ERROR_INPUT, "%s must be mounted on ordinary directory",
				 destination);
	return path_make_dirs(rootfs->root, destination, 0755, &made, err) &&
	       path_open(rootfs->root, destination + 1, PATH_NO_LINKS, O_PATH | O_DIRECTORY, 0,
			 target, err);
}

/* A tmpfs without mode= takes over the mode of the directory it covers (think of /tmp). */
static void inherit_mode(const struct spec_mount *wanted, int target, char *data, size_t size)
{
	struct stat info;

	snprintf(data, size, "%s", wanted->data);
	if (strcmp(wanted->type, "tmpfs") == 0 && !strstr(data, "mode=") &&
	    fstat(target, &info) == 0)
		snprintf(data, size, "%s%smode=%o", wanted->data, wanted->data[0] ? "," : "",
			 info.st_mode & 07777);
}

/* tmpfs is filled before it becomes read-only: see rootfs_protect. */
static bool is_readonly_later(const struct spec_mount *wanted)
{
	return wanted->flags & MS_RDONLY && !wanted->is_bind && strcmp(wanted->type, "tmpfs") == 0;
}

static bool mount_new(const struct rootfs *rootfs, const struct spec_mount *wanted, int target,
		      struct error *err)
{
	unsigned long flags = wanted->flags & ~(unsigned long)(MS_BIND | MS_REC);
	autoclose int mounted = -1;
	char data[4200];

	inherit_mode(wanted, target, data, sizeof(data));
	if (is_readonly_later(wanted))
		flags &= ~(unsigned long)MS_RDONLY;
	if (fchdir(target) < 0 || mount(wanted->source ? wanted->source : wanted->type, ".",
					wanted->type, flags, data[0] ? data : NULL) < 0)
		return error_sys(err, "mount %s at %s", wanted->type, wanted->destination);
	if (!wanted->propagation && !wanted->recursive_set && !wanted->recursive_clear)
		return true;
	return path_open(rootfs->root, wanted->destination, PATH_IN_ROOT, O_PATH, 0, &mounted,
			 err) &&
	       set_propagation(mounted, wanted, err) &&
	       set_recursive_attributes(mounted, wanted, err);
}

static bool mount_file_system(struct rootfs *rootfs, const struct spec_mount *wanted,
			      const char *destination, struct error *err)
{
	autoclose int target = -1;

	if (needs_plain_directory(wanted)
		    ? !open_plain_directory(rootfs, destination, &target, err)
		    : !path_make_dirs(rootfs->root, wanted->destination, 0755, &target, err))
		return false;
	if (!check_proc(wanted, destination, target, -1, err) ||
	    !check_not_root(rootfs, wanted, target, err))
		return false;
	if (strncmp(wanted->type, "cgroup", 6) == 0)
		return rootfs_mount_cgroup(rootfs, wanted, target, err);
	return mount_new(rootfs, wanted, target, err);
}

static bool is_cgroup(const struct spec_mount *wanted)
{
	return !wanted->is_bind && strncmp(wanted->type, "cgroup", 6) == 0;
}

static bool mount_one(struct rootfs *rootfs, size_t i, struct error *err)
{
	const struct spec_mount *wanted = &rootfs->spec->mounts[i];
	autofree char *destination = path_clean(wanted->destination);
	int prepared = rootfs->sources ? take_fd(&rootfs->sources[i]) : -1;
	bool is_good = check_name(wanted, destination, err);

	if (is_good && wanted->is_bind)
		is_good = mount_bind(rootfs, wanted, prepared, destination, err);
	else if (is_good)
		is_good = mount_file_system(rootfs, wanted, destination, err);
	return is_good ||
	       error_in(err, "error mounting \"%s\" to rootfs at \"%s\"",
			wanted->source ? wanted->source : wanted->type, wanted->destination);
}

/* Mounts of cgroups wait, and so do later ones that lie below them or cover them. */
static bool is_late(const struct spec *spec, size_t i)
{
	const char *destination = spec->mounts[i].destination;

	if (is_cgroup(&spec->mounts[i]))
		return true;
	for (size_t before = 0; before < i; before++) {
		const char *covered = spec->mounts[before].destination;
		size_t ours = strlen(destination), theirs = strlen(covered);

		if (is_cgroup(&spec->mounts[before]) &&
		    strncmp(destination, covered, ours < theirs ? ours : theirs) == 0)
			return true;
	}
	return false;
}

bool rootfs_mount(struct rootfs *rootfs, struct error *err)
{
	for (size_t i = 0; i < rootfs->spec->mount_count; i++)
		if (!is_late(rootfs->spec, i) && !mount_one(rootfs, i, err))
			return false;
	return true;
}

bool rootfs_mount_cgroups(struct rootfs *rootfs, struct error *err)
{
	for (size_t i = 0; i < rootfs->spec->mount_count; i++)
		if (is_late(rootfs->spec, i) && !mount_one(rootfs, i, err))
			return false;
	return true;
}

/* -- masked and read-only -------------------------------------------------------------------- */

static bool make_readonly(const struct rootfs *rootfs, const char *path, struct error *err)
{
	autoclose int target = -1;
	int tree;

	if (!path_open(rootfs->root, path, PATH_IN_ROOT, O_PATH, 0, &target, err))
		return err->kind == ERROR_NOT_FOUND;
	tree = kernel_clone_tree(target, "", true);
	if (tree < 0)
		return error_sys(err, "make %s read-only", path);
	return rootfs_bind(tree, target, MOUNT_ATTR_RDONLY, err);
}

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
	int tree;

	if (mask->empty < 0) {
		mask->empty = kernel_new_tmpfs();
		if (mask->empty < 0)
			return error_sys(err, "make an empty tmpfs");
		if (kernel_attach(mask->empty, target) < 0)
			return error_sys(err, "attach an empty tmpfs");
		return true;
	}
	tree = kernel_clone_tree(mask->empty, "", false);
	if (tree < 0)
		return error_sys(err, "clone an empty tmpfs");
	return rootfs_bind(tree, target, 0, err);
}

static bool mask_path(const struct rootfs *rootfs, struct mask *mask, const char *path,
		      struct error *err)
{
	autoclose int target = -1;
	struct stat info;
	int tree;

	if (!path_open(rootfs->root, path, PATH_IN_ROOT, O_PATH, 0, &target, err))
		return err->kind == ERROR_NOT_FOUND;
	if (fstat(target, &info) < 0)
		return error_sys(err, "look at %s", path);
	if (S_ISDIR(info.st_mode))
		return mask_directory(mask, target, err);
	if (mask->null < 0 && !open_null(rootfs, &mask->null, err))
		return false;
	tree = kernel_clone_tree(mask->null, "", false);
	if (tree < 0)
		return error_sys(err, "clone the null device");
	return rootfs_bind(tree, target, 0, err);
}

static bool finish_readonly(const struct rootfs *rootfs, struct error *err)
{
	for (size_t i = 0; i < rootfs->spec->mount_count; i++) {
		const struct spec_mount *wanted = &rootfs->spec->mounts[i];
		autoclose int mounted = -1;

		if (!is_readonly_later(wanted))
			continue;
		if (!path_open(rootfs->root, wanted->destination, PATH_IN_ROOT, O_PATH, 0, &mounted,
			       err))
			return false;
		if (kernel_set_attributes(mounted, false, MOUNT_ATTR_RDONLY, 0) < 0)
			return error_sys(err, "make %s read-only", wanted->destination);
	}
	if (rootfs->spec->is_root_readonly &&
	    kernel_set_attributes(rootfs->root, false, MOUNT_ATTR_RDONLY, 0) < 0)
		return error_sys(err, "make the root file system read-only");
	return true;
}

bool rootfs_protect(struct rootfs *rootfs, struct error *err)
{
	const struct spec *spec = rootfs->spec;
	struct mask mask = { .null = -1, .empty = -1 };
	bool is_good = true;

	for (size_t i = 0; is_good && i < spec->readonly_path_count; i++)
		is_good = make_readonly(rootfs, spec->readonly_paths[i], err) ||
			  error_in(err, "read-only path");
	for (size_t i = 0; is_good && i < spec->masked_path_count; i++)
		is_good = mask_path(rootfs, &mask, spec->masked_paths[i], err) ||
			  error_in(err, "masked path %s", spec->masked_paths[i]);
	mem_cleanup_close(&mask.null);
	mem_cleanup_close(&mask.empty);
	return is_good && finish_readonly(rootfs, err);
}
