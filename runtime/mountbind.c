/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/path.h"
#include "runtime/kernel.h"
#include "runtime/mountpart.h"
#include "runtime/sync.h"

/*
 * Bind mounts. A bind is a detached copy of its source's mount (open_tree), gets its options while
 * nobody can see it, and is attached to the target (move_mount).
 */

#ifndef MOUNT_ATTR_NOSYMFOLLOW
#define MOUNT_ATTR_NOSYMFOLLOW 0x00200000
#endif

/* -- sources --------------------------------------------------------------------------------- */

bool rootfs_needs_help(const struct spec *spec)
{
	for (size_t i = 0; i < spec->mount_count; i++)
		if (spec->mounts[i].is_bind &&
		    (spec->namespaces[NAMESPACE_USER].is_wanted || spec->mounts[i].is_idmapped))
			return true;
	return false;
}

static bool ask(const struct mount_job *job, struct sync_message *message, enum sync_step answer,
		struct error *err)
{
	message->number = (size_t)(job->wanted - job->rootfs->spec->mounts);
	return sync_send(job->rootfs->sync, message, err) &&
	       sync_expect(job->rootfs->sync, answer, message, err);
}

/* In a user namespace we are nobody to directories that are closed to others: the runtime outside
 * has the rights, and opens the source as it is seen from here. */
static bool clone_out_of_reach(const struct mount_job *job, int *tree, struct error *err)
{
	struct sync_message message = { .step = SYNC_OPEN };

	if (!ask(job, &message, SYNC_OPENED, err))
		return false;
	if (message.fd_count != 1)
		return error_set(err, ERROR_CORRUPT, "no mount source came");
	*tree = kernel_clone_tree(message.fds[0], "", (job->wanted->flags & MS_REC) != 0);
	if (*tree < 0)
		error_sys(err, "mount source %s", job->wanted->source);
	close(message.fds[0]);
	return *tree >= 0;
}

static bool map_ids(const struct mount_job *job, int tree, struct error *err)
{
	struct sync_message message = { .step = SYNC_IDMAP, .fd_count = 1, .fds = { tree } };

	return ask(job, &message, SYNC_IDMAPPED, err);
}

/* As it is now, with the mounts that were made so far: it may lie below the root itself. */
static bool clone_source(const struct mount_job *job, int *tree, struct error *err)
{
	const struct spec_mount *wanted = job->wanted;
	autofree char *path = wanted->source[0] == '/'
				      ? NULL
				      : mem_printf("%s/%s", job->rootfs->bundle, wanted->source);

	*tree = kernel_clone_tree(AT_FDCWD, path ? path : wanted->source,
				  (wanted->flags & MS_REC) != 0);
	if (*tree < 0 && (errno != EACCES || !job->rootfs->is_user_namespaced))
		return error_sys(err, "mount source %s", wanted->source);
	if (*tree < 0 && !clone_out_of_reach(job, tree, err))
		return false;
	return !wanted->is_idmapped || map_ids(job, *tree, err);
}

/* -- options --------------------------------------------------------------------------------- */

struct change {
	uint64_t set, clear;
};

/*
 * As mount --bind -o has it: options given are all there are, and without any the source's remain.
 * Times of access are a matter of their own: kept, unless one of their options is set. Taking one
 * away ("atime", "norelatime") changes nothing, as mount(2) has it.
 */
static struct change all_options(const struct spec_mount *wanted)
{
	const unsigned long atimes = MS_NOATIME | MS_RELATIME | MS_STRICTATIME | MS_NODIRATIME;
	const unsigned long ours = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOSYMFOLLOW;
	struct change change = { .set = kernel_attributes(wanted->flags) };

	if ((wanted->flags | wanted->cleared) & (ours | atimes))
		change.clear = kernel_attributes(ours);
	if (wanted->flags & atimes)
		change.clear |= MOUNT_ATTR__ATIME | MOUNT_ATTR_NODIRATIME;
	change.clear &= ~change.set | MOUNT_ATTR__ATIME;
	return change;
}

/* What a mount from outside of our user namespace has is locked: it may stay where the config does
 * not speak against it. */
static struct change explicit_options(const struct spec_mount *wanted)
{
	const unsigned long atimes = MS_NOATIME | MS_RELATIME | MS_STRICTATIME;
	struct change change = { .set = kernel_attributes(wanted->flags),
				 .clear = kernel_attributes(wanted->cleared & ~atimes) };

	if (wanted->flags & atimes)
		change.clear |= MOUNT_ATTR__ATIME;
	return change;
}

/* Of all of them, not following links is never locked. */
static struct change unlocked_options(const struct spec_mount *wanted)
{
	struct change change = explicit_options(wanted);

	change.clear |= MOUNT_ATTR_NOSYMFOLLOW & ~change.set;
	return change;
}

static int attach_with_options(const struct mount_job *job, int tree)
{
	struct change change = all_options(job->wanted);

	if (kernel_attach_as(tree, job->target, change.set, change.clear) == 0)
		return 0;
	if (errno != EPERM)
		return -1;
	change = unlocked_options(job->wanted);
	return kernel_attach_as(tree, job->target, change.set, change.clear);
}

/* "remount": the options of what is mounted there already. */
static bool remount(struct mount_job *job, struct error *err)
{
	struct change change = explicit_options(job->wanted);

	if (!path_open(job->rootfs->root, job->destination, PATH_IN_ROOT, O_PATH, 0, &job->target,
		       err))
		return false;
	if (kernel_set_attributes(job->target, false, change.set, change.clear) < 0)
		return error_sys(err, "remount %s", job->destination);
	return mount_finish(job->wanted, job->target, err);
}

static bool is_directory(int fd)
{
	struct stat info;

	return fstat(fd, &info) == 0 && S_ISDIR(info.st_mode);
}

/* Callers explain what mount(2) would have said of a file on a directory; the newer call has one
 * number for many faults. */
static bool refuse(const struct mount_job *job, int tree, struct error *err)
{
	if (errno == EINVAL && is_directory(tree) != is_directory(job->target))
		errno = ENOTDIR;
	return error_sys(err, "mount %s at %s", job->wanted->source, job->destination);
}

bool mount_bind(struct mount_job *job, struct error *err)
{
	autoclose int tree = -1;

	if (job->wanted->flags & MS_REMOUNT)
		return remount(job, err);
	if (!clone_source(job, &tree, err) || !mount_open_target_of(job, tree, err))
		return false;
	if (attach_with_options(job, tree) < 0)
		return refuse(job, tree, err);
	return mount_finish(job->wanted, tree, err) &&
	       (!(job->wanted->propagation & MS_SHARED) || mount_keep_shared(job, tree, err));
}
