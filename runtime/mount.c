/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/mount.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/copytree.h"
#include "base/path.h"
#include "runtime/kernel.h"
#include "runtime/mountpart.h"
#include "runtime/sync.h"

/*
 * The config's mounts, one after the other. The target is resolved once, below the root, to a
 * descriptor, and only that is used from then on (mounttarget.c). Binds are in mountbind.c, mounts
 * of cgroups in cgroupmount.c. Another file system is mounted on "." after fchdir to the target,
 * which is one call instead of eight; where its root is needed afterwards, it is made detached
 * first.
 */

/* -- pieces ---------------------------------------------------------------------------------- */

bool mount_copy_of(int source, int target, const char *name, struct error *err)
{
	autoclose int tree = kernel_clone_tree(source, "", false);

	if (tree < 0)
		return error_sys(err, "clone the mount of %s", name);
	if (kernel_attach(tree, target) < 0)
		return error_sys(err, "mount %s", name);
	return true;
}

bool mount_make_empty(int *mounted, struct error *err)
{
	const struct kernel_mount wanted = { .type = "tmpfs",
					     .data = "nr_blocks=1,nr_inodes=1",
					     .flags =
						     MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC };

	*mounted = kernel_new_mount(&wanted);
	return *mounted >= 0 || error_sys(err, "make an empty tmpfs");
}

/* A bind is cut off from its source's propagation unless the options say otherwise. */
static bool set_propagation(const struct spec_mount *wanted, int mounted, struct error *err)
{
	unsigned long propagation = wanted->propagation;

	if (!propagation && wanted->is_bind)
		propagation = MS_PRIVATE | MS_REC;
	/* A slave that is shared on: one call for each. */
	if (propagation & MS_SLAVE && propagation & MS_SHARED) {
		if (kernel_set_propagation(mounted, propagation & ~(unsigned long)MS_SHARED) < 0)
			return error_sys(err, "set the propagation of %s", wanted->destination);
		propagation &= ~(unsigned long)MS_SLAVE;
	}
	if (propagation && kernel_set_propagation(mounted, propagation) < 0)
		return error_sys(err, "set the propagation of %s", wanted->destination);
	return true;
}

bool mount_finish(const struct spec_mount *wanted, int mounted, struct error *err)
{
	if (!set_propagation(wanted, mounted, err))
		return false;
	if (!wanted->recursive_set && !wanted->recursive_clear)
		return true;
	if (kernel_set_attributes(mounted, true, wanted->recursive_set, wanted->recursive_clear) ==
	    0)
		return true;
	if (errno == ENOSYS)
		return error_set(err, ERROR_UNSUPPORTED,
				 "the recursive options of %s need Linux 5.12 or later",
				 wanted->destination);
	return error_sys(err, "set the recursive options of %s", wanted->destination);
}

/* -- new file systems ------------------------------------------------------------------------ */

static bool is_tmpfs(const struct spec_mount *wanted)
{
	return !wanted->is_bind && strcmp(wanted->type, "tmpfs") == 0;
}

/* Filled before it becomes read-only: see rootfs_protect. */
static bool is_readonly_later(const struct mount_job *job)
{
	return job->wanted->flags & MS_RDONLY &&
	       (is_tmpfs(job->wanted) || strcmp(job->destination, "/dev") == 0);
}

static bool has_data(const char *data, const char *name)
{
	size_t length = strlen(name);

	for (const char *at = data; (at = strstr(at, name)) != NULL; at += length)
		if (at == data || at[-1] == ',')
			return true;
	return false;
}

#define DATA_MAX 4095 /* mount(2) copies one page */

/* A tmpfs without mode= takes over the mode of the directory it covers (think of /tmp); where there
 * was none it is open to all users, as the kernel makes it. Procfs, sysfs and mqueue take no label
 * by option: theirs come from the policy. */
static bool compose_data(const struct mount_job *job, struct buf *data, struct error *err)
{
	const struct spec_mount *wanted = job->wanted;
	const char *label = job->rootfs->spec->mount_label;
	struct stat info;

	buf_init(data, DATA_MAX);
	buf_add_text(data, wanted->data);
	if (is_tmpfs(wanted) && !job->is_made && !has_data(wanted->data, "mode=") &&
	    fstat(job->target, &info) == 0)
		buf_printf(data, "%smode=%o", data->length > 0 ? "," : "", info.st_mode & 07777);
	if (label && strcmp(wanted->type, "proc") != 0 && strcmp(wanted->type, "sysfs") != 0 &&
	    strcmp(wanted->type, "mqueue") != 0 && !has_data(wanted->data, "context="))
		buf_printf(data, "%scontext=\"%s\"", data->length > 0 ? "," : "", label);
	return buf_check(data, "mount options", err);
}

static bool copy_up(int from_path, int to_path, struct error *err)
{
	autoclose int from = openat(from_path, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	autoclose int to = openat(to_path, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (from < 0 || to < 0)
		return error_sys(err, "open what to copy");
	return copy_tree(from, to, err) || error_in(err, "tmpcopyup");
}

static void keep_unfinished(struct rootfs *rootfs, int *mounted)
{
	rootfs->unfinished =
		mem_resize(rootfs->unfinished, rootfs->unfinished_count + 1, sizeof(int));
	rootfs->unfinished[rootfs->unfinished_count++] = take_fd(mounted);
}

/* Where the new root is needed: to fill it, or to change it later. */
static bool mount_detached(struct mount_job *job, const char *data, struct error *err)
{
	const struct spec_mount *wanted = job->wanted;
	bool is_later = is_readonly_later(job);
	struct kernel_mount make = { .type = wanted->type,
				     .source = wanted->source ? wanted->source : wanted->type,
				     .data = data,
				     .flags = wanted->flags };
	autoclose int mounted = -1;

	if (is_later)
		make.flags &= ~(unsigned long)MS_RDONLY;
	mounted = kernel_new_mount(&make);
	if (mounted < 0)
		return error_sys(err, "make %s for %s", wanted->type, wanted->destination);
	if (wanted->has_copy_up && !copy_up(job->target, mounted, err))
		return false;
	if (kernel_attach(mounted, job->target) < 0)
		return error_sys(err, "mount %s at %s", wanted->type, wanted->destination);
	if (!mount_finish(wanted, mounted, err))
		return false;
	if (is_later)
		keep_unfinished(job->rootfs, &mounted);
	return true;
}

static bool mount_new(struct mount_job *job, struct error *err)
{
	const struct spec_mount *wanted = job->wanted;
	autobuf struct buf data = { 0 };

	if (!mount_open_directory(job, err) || !compose_data(job, &data, err))
		return false;
	if (!(wanted->flags & MS_REMOUNT) &&
	    (is_readonly_later(job) || wanted->has_copy_up || wanted->propagation ||
	     wanted->recursive_set || wanted->recursive_clear))
		return mount_detached(job, data.data, err);
	if (fchdir(job->target) < 0 ||
	    mount(wanted->source ? wanted->source : wanted->type, ".", wanted->type,
		  wanted->flags & ~(unsigned long)MS_REC, data.length > 0 ? data.data : NULL) < 0)
		return error_sys(err, "mount %s at %s", wanted->type, wanted->destination);
	return true;
}

/* -- one after the other --------------------------------------------------------------------- */

static bool is_cgroup(const struct spec_mount *wanted)
{
	return !wanted->is_bind && strncmp(wanted->type, "cgroup", 6) == 0;
}

/* Some callers write where the place is on the host, and runc understands them. */
static char *inside(const struct rootfs *rootfs, char *destination)
{
	size_t length = strlen(rootfs->path);

	return strncmp(destination, rootfs->path, length) == 0 && destination[length] == '/'
		       ? destination + length
		       : destination;
}

static bool mount_one(struct rootfs *rootfs, size_t i, struct error *err)
{
	const struct spec_mount *wanted = &rootfs->spec->mounts[i];
	autofree char *destination = path_clean(wanted->destination);
	struct mount_job job = { rootfs, wanted, inside(rootfs, destination), -1, false };
	bool is_good = mount_check_name(&job, err);

	if (is_good && wanted->is_bind)
		is_good = mount_bind(&job, err);
	else if (is_good && is_cgroup(wanted))
		is_good = mount_cgroup(&job, err);
	else if (is_good)
		is_good = mount_new(&job, err);
	mem_cleanup_close(&job.target);
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
	struct sync_message done = { .step = SYNC_SOURCED };

	for (size_t i = 0; i < rootfs->spec->mount_count; i++)
		if (!is_late(rootfs->spec, i) && !mount_one(rootfs, i, err))
			return false;
	return !rootfs_needs_help(rootfs->spec) || sync_send(rootfs->sync, &done, err);
}

bool rootfs_mount_cgroups(struct rootfs *rootfs, struct error *err)
{
	for (size_t i = 0; i < rootfs->spec->mount_count; i++)
		if (is_late(rootfs->spec, i) && !mount_one(rootfs, i, err))
			return false;
	return true;
}
