/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/path.h"
#include "runtime/mountpart.h"

/*
 * What a mount is put on: resolved once, below the root, to a descriptor, made if it is missing,
 * and checked by that descriptor.
 */

#define PROC_ROOT_INODE 1

/* -- /proc is what the container's programs trust ------------------------------------------------
 */

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

static bool is_below_proc(const struct mount_job *job)
{
	return strncmp(job->destination, "/proc/", strlen("/proc/")) == 0;
}

static bool refuse_inside_proc(const struct mount_job *job, struct error *err)
{
	return json_wrong(job->wanted->place, err,
			  "\"%s\" cannot be mounted because it is inside /proc", job->destination);
}

bool mount_check_name(const struct mount_job *job, struct error *err)
{
	if (is_below_proc(job) && !may_cover_proc(job->destination))
		return refuse_inside_proc(job, err);
	if (strcmp(job->destination, "/") == 0)
		return json_wrong(job->wanted->place, err,
				  "mountpoint \"/\" is on the top of rootfs");
	return true;
}

static bool is_on_procfs(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC;
}

static bool is_whole_procfs(int tree)
{
	struct stat info;

	return tree >= 0 && is_on_procfs(tree) && fstat(tree, &info) == 0 &&
	       info.st_ino == PROC_ROOT_INODE;
}

/* By what was found there: links may have led anywhere below the root. */
static bool check_proc(const struct mount_job *job, int tree, struct error *err)
{
	bool is_proc = strcmp(job->destination, "/proc") == 0;

	if (is_below_proc(job))
		return true; /* one of the few that may be covered */
	if (is_on_procfs(job->target) && !(is_proc && is_whole_procfs(job->target)))
		return refuse_inside_proc(job, err);
	if (!is_proc || is_whole_procfs(tree) ||
	    (!job->wanted->is_bind && strcmp(job->wanted->type, "proc") == 0))
		return true;
	return json_wrong(job->wanted->place, err, "only procfs can be mounted on /proc");
}

static bool check_not_root(const struct mount_job *job, struct error *err)
{
	struct stat here;

	if (fstat(job->target, &here) < 0)
		return error_sys(err, "look at mount point %s", job->destination);
	if (here.st_dev == job->rootfs->root_dev && here.st_ino == job->rootfs->root_ino)
		return json_wrong(job->wanted->place, err,
				  "mountpoint \"%s\" is on the top of rootfs", job->destination);
	return true;
}

/* -- what is shared with the host ----------------------------------------------------------------
 */

/* The caller frees it. */
static char *path_of(int fd, struct error *err)
{
	char name[PATH_OF_FD_MAX], path[PATH_MAX];
	ssize_t length = readlink(path_of_fd(fd, name), path, sizeof(path) - 1);

	if (length < 0) {
		error_sys(err, "find out where a mount lies");
		return NULL;
	}
	path[length] = '\0';
	return mem_strdup(path);
}

bool mount_is_within(const char *path, const char *top)
{
	size_t length = strlen(top);

	return strncmp(path, top, length) == 0 && (path[length] == '/' || !path[length]);
}

/* Where nothing passes to the host (the mount namespace of a user namespace of its own), or where
 * the container may mount it there by itself, no link gains anything. */
static bool may_be_led(const struct spec *spec)
{
	bool is_apart = spec->namespaces[NAMESPACE_USER].is_wanted &&
			!spec->namespaces[NAMESPACE_MOUNT].path;

	return is_apart || spec_may_mount(spec);
}

bool mount_keep_shared(const struct mount_job *job, int tree, struct error *err)
{
	struct rootfs *rootfs = job->rootfs;
	char *path;

	if (may_be_led(rootfs->spec))
		return true;
	path = path_of(tree, err);
	if (!path)
		return false;
	rootfs->shared =
		mem_resize(rootfs->shared, rootfs->shared_count + 1, sizeof(*rootfs->shared));
	rootfs->shared[rootfs->shared_count++] = (struct shared_bind){
		.destination = mem_strdup(job->destination),
		.path = path,
	};
	return true;
}

static bool check_not_led(const struct mount_job *job, struct error *err)
{
	const struct rootfs *rootfs = job->rootfs;

	if (rootfs->shared_count == 0)
		return true;

	autofree char *path = path_of(job->target, err);

	if (!path)
		return false;
	for (size_t i = 0; i < rootfs->shared_count; i++) {
		const struct shared_bind *shared = &rootfs->shared[i];

		if (mount_is_within(path, shared->path) &&
		    !mount_is_within(job->destination, shared->destination))
			return json_wrong(job->wanted->place, err,
					  "a link leads \"%s\" into \"%s\", which is shared "
					  "with the host",
					  job->destination, shared->destination);
	}
	return true;
}

/* -- opening ------------------------------------------------------------------------------------
 */

/* No link may lead to where proc and sysfs are. */
static bool open_plain_directory(struct mount_job *job, struct error *err)
{
	const char *name = job->destination + 1;
	int root = job->rootfs->root;
	autoclose int made = -1;
	struct error first;

	if (path_open(root, name, PATH_NO_LINKS, O_PATH | O_DIRECTORY, 0, &job->target, &first))
		return true;
	if (first.kind != ERROR_NOT_FOUND)
		return error_set(err, ERROR_INPUT, "%s must be mounted on ordinary directory",
				 job->destination);
	return path_make_dirs(root, name, 0755, &made, err) &&
	       path_open(root, name, PATH_NO_LINKS, O_PATH | O_DIRECTORY, 0, &job->target, err);
}

/* Where a link leads nowhere yet, what it names is made: images have /etc/resolv.conf and the like
 * as links into /run. */
static bool open_file(struct mount_job *job, struct error *err)
{
	int root = job->rootfs->root;
	autoclose int dir = -1;

	if (path_open(root, job->destination, PATH_IN_ROOT, O_PATH, 0, &job->target, err))
		return true;
	if (err->kind != ERROR_NOT_FOUND)
		return false;

	autofree char *path = path_past_links(root, job->destination, err);
	char *base = path ? strrchr(path, '/') : NULL;

	if (!base)
		return false;
	*base++ = '\0';
	if (!path_make_dirs(root, path, 0755, &dir, err))
		return false;
	job->target = openat(dir, base, O_RDONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (job->target < 0)
		return error_sys(err, "create mount point %s", job->destination);
	return true;
}

static bool open_directory(struct mount_job *job, struct error *err)
{
	int root = job->rootfs->root;

	if (path_open(root, job->destination, PATH_IN_ROOT, O_PATH | O_DIRECTORY, 0, &job->target,
		      err))
		return true;
	job->is_made = err->sys == ENOENT;

	autofree char *path = path_past_links(root, job->destination, err);

	return path && path_make_dirs(root, path, 0755, &job->target, err);
}

static bool needs_plain_directory(const struct spec_mount *wanted)
{
	return !wanted->is_bind &&
	       (strcmp(wanted->type, "proc") == 0 || strcmp(wanted->type, "sysfs") == 0);
}

bool mount_open_directory(struct mount_job *job, struct error *err)
{
	if (needs_plain_directory(job->wanted) ? !open_plain_directory(job, err)
					       : !open_directory(job, err))
		return false;
	return check_proc(job, -1, err) && check_not_root(job, err) && check_not_led(job, err);
}

bool mount_open_target_of(struct mount_job *job, int tree, struct error *err)
{
	struct stat source;

	if (fstat(tree, &source) < 0)
		return error_sys(err, "look at mount source %s", job->wanted->source);
	if (S_ISDIR(source.st_mode) ? !open_directory(job, err) : !open_file(job, err))
		return false;
	return check_proc(job, tree, err) && check_not_root(job, err) && check_not_led(job, err);
}
