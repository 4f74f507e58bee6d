/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_MOUNTPART_H
#define RUNTIME_MOUNTPART_H

#include "runtime/mount.h"

/*
 * How the parts that make the root file system share their work.
 */

/* A mount in work. */
struct mount_job {
	struct rootfs *rootfs;
	const struct spec_mount *wanted;
	char *destination; /* cleaned: absolute, no "." and "..", no doubled slashes */
	int target;        /* what it is mounted on, O_PATH; -1 */
	bool is_made;      /* the target was missing */
};

/* -- the target: mounttarget.c ----------------------------------------------------------------- */

/* Refuses what is inside /proc by its text, before anything is made there. */
must_check bool mount_check_name(const struct mount_job *job, struct error *err);
/* Opens job->target, a directory, made if it is missing; for proc and sysfs no link may lead to it.
 * Checks what was found there. */
must_check bool mount_open_directory(struct mount_job *job, struct error *err);
/* The same for a bind of the detached `tree`, which may be a file. */
must_check bool mount_open_target_of(struct mount_job *job, int tree, struct error *err);

/* `tree` was mounted, shared with the host: only what the config itself puts below is mounted there
 * from now on, nothing that a link leads there, unless the container may do that by itself. */
must_check bool mount_keep_shared(const struct mount_job *job, int tree, struct error *err);

/* -- after it is mounted, mount.c -------------------------------------------------------------- */

/* Propagation and recursive options of the mount whose root is open as `mounted`. */
must_check bool mount_finish(const struct spec_mount *wanted, int mounted, struct error *err);

/* -- kinds of mounts ----------------------------------------------------------------------------
 */

must_check bool mount_bind(struct mount_job *job, struct error *err);
must_check bool mount_cgroup(struct mount_job *job, struct error *err);

/* -- pieces -------------------------------------------------------------------------------------
 */

/* Whether an absolute, clean path is `top` or lies below it. */
bool mount_is_within(const char *path, const char *top);

/* Attaches a copy of the mount of what is open as `source`, a file or directory, to the target. */
must_check bool mount_copy_of(int source, int target, const char *name, struct error *err);
/* A detached, empty, read-only tmpfs, to hide what is below it. */
must_check bool mount_make_empty(int *mounted, struct error *err);

#endif
