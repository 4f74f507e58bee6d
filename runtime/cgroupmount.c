/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/kernel.h"
#include "runtime/mountpart.h"

/*
 * Mounts of type cgroup. On v2 the tree itself; on v1 a tmpfs with one directory per hierarchy, on
 * which lies the container's own group (or, in a cgroup namespace, the hierarchy, whose top is the
 * container's group then). A container without groups sees none: what the host shows at the place,
 * perhaps through a bind of its /sys, may be writable (CVE-2023-25809).
 */

static const char *directory_name(const struct cgroup_place *place)
{
	return strncmp(place->controllers, "name=", 5) == 0 ? place->controllers + 5
							    : place->controllers;
}

/* MOUNT_ATTR_* of the mount's options. */
static uint64_t attributes_of(const struct mount_job *job)
{
	return kernel_attributes(job->wanted->flags);
}

static bool bind_group(const struct cgroup_place *place, int target, uint64_t attributes,
		       struct error *err)
{
	autoclose int tree = kernel_clone_tree(AT_FDCWD, place->path, false);

	if (tree < 0)
		return error_sys(err, "clone the mount of cgroup %s", place->path);
	if (kernel_attach_as(tree, target, attributes, 0) < 0)
		return error_sys(err, "mount cgroup %s", place->path);
	return true;
}

/* -- v1 -------------------------------------------------------------------------------------- */

static bool mount_hierarchy(const struct cgroup_place *place, int target, struct error *err)
{
	autofree char *data =
		mem_printf("%s%s", strncmp(place->controllers, "name=", 5) == 0 ? "none," : "",
			   place->controllers);

	if (fchdir(target) < 0 || mount("cgroup", ".", "cgroup", 0, data) < 0)
		return error_sys(err, "mount cgroup hierarchy %s", place->controllers);
	return true;
}

/* "cpu,cpuacct" is one directory; programs look for both "cpu" and "cpuacct". */
static bool link_controllers(const char *controllers, int top, struct error *err)
{
	autofree char *copy = mem_strdup(controllers);
	char *rest = copy;

	if (!strchr(controllers, ','))
		return true;
	for (char *name; (name = strsep(&rest, ",")) != NULL;)
		if (symlinkat(controllers, top, name) < 0 && errno != EEXIST)
			return error_sys(err, "link cgroup controller %s", name);
	return true;
}

static bool mount_place(const struct mount_job *job, const struct cgroup_place *place, int top,
			struct error *err)
{
	const char *name = directory_name(place);
	autoclose int target = -1;

	if (!name[0])
		return true; /* a hybrid host's v2 tree, of which the container needs to know
				nothing */
	if (mkdirat(top, name, 0755) < 0 && errno != EEXIST)
		return error_sys(err, "make directory for cgroup %s", name);
	target = openat(top, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (target < 0)
		return error_sys(err, "open directory for cgroup %s", name);
	if (job->rootfs->spec->namespaces[NAMESPACE_CGROUP].is_wanted
		    ? !mount_hierarchy(place, target, err)
		    : !bind_group(place, target, 0, err))
		return false;
	return link_controllers(place->controllers, top, err);
}

/* All of them at once, and only now: the tmpfs had to be filled. Before Linux 5.12 one by one. */
static bool set_options(const struct mount_job *job, int top, struct error *err)
{
	const struct cgroup *cgroup = job->rootfs->cgroup;
	uint64_t attributes = attributes_of(job);
	bool is_set = !attributes || kernel_set_attributes(top, true, attributes, 0) == 0;

	if (!is_set && errno != ENOSYS)
		return error_sys(err, "set the options of the cgroup mounts");
	for (size_t i = 0; !is_set && i < cgroup->count; i++) {
		const char *name = directory_name(&cgroup->places[i]);
		autoclose int mounted = -1;

		if (!name[0]) /* not mounted */
			continue;
		mounted = openat(top, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (mounted < 0 || kernel_set_attributes(mounted, false, attributes, 0) < 0)
			return error_sys(err, "set the options of a cgroup mount");
	}
	if (!is_set && kernel_set_attributes(top, false, attributes, 0) < 0)
		return error_sys(err, "set the options of the cgroup mounts");
	return mount_finish(job->wanted, top, err);
}

static bool mount_v1(struct mount_job *job, struct error *err)
{
	const struct cgroup *cgroup = job->rootfs->cgroup;
	const struct kernel_mount tmpfs = { .type = "tmpfs",
					    .data = "mode=755",
					    .flags = MS_NOSUID | MS_NODEV | MS_NOEXEC };
	autoclose int top = kernel_new_mount(&tmpfs);

	if (top < 0 || kernel_attach(top, job->target) < 0)
		return error_sys(err, "mount tmpfs for cgroups");
	for (size_t i = 0; i < cgroup->count; i++)
		if (!mount_place(job, &cgroup->places[i], top, err))
			return false;
	return set_options(job, top, err);
}

/* -- v2 -------------------------------------------------------------------------------------- */

static bool mount_v2(struct mount_job *job, struct error *err)
{
	const struct spec *spec = job->rootfs->spec;
	unsigned long flags = job->wanted->flags & ~(unsigned long)MS_REC;

	if (spec->namespaces[NAMESPACE_CGROUP].is_wanted) {
		if (fchdir(job->target) == 0 && mount("cgroup2", ".", "cgroup2", flags, NULL) == 0)
			return true;
		if (errno != EPERM && errno != EBUSY)
			return error_sys(err, "mount cgroup2");
	}
	return bind_group(&job->rootfs->cgroup->places[0], job->target, attributes_of(job), err);
}

static bool hide(const struct mount_job *job, struct error *err)
{
	autoclose int empty = -1;

	return mount_make_empty(&empty, err) &&
	       (kernel_attach(empty, job->target) == 0 || error_sys(err, "hide the cgroups"));
}

bool mount_cgroup(struct mount_job *job, struct error *err)
{
	const struct cgroup *cgroup = job->rootfs->cgroup;

	if (!mount_open_directory(job, err))
		return false;
	if (cgroup->count == 0)
		return hide(job, err);
	return cgroup->is_unified ? mount_v2(job, err) : mount_v1(job, err);
}
