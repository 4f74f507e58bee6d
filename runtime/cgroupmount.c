/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/path.h"
#include "runtime/kernel.h"
#include "runtime/mount.h"

/*
 * Mounts of type cgroup. On v2 the tree itself; on v1 a tmpfs with one directory per hierarchy, on
 * which lies the container's own group (or, in a cgroup namespace, the hierarchy, whose top is the
 * container's group then).
 */

static const char *directory_name(const struct cgroup_place *place)
{
	return strncmp(place->controllers, "name=", 5) == 0 ? place->controllers + 5
							    : place->controllers;
}

static bool bind_group(const struct cgroup_place *place, int target, struct error *err)
{
	autoclose int tree = kernel_clone_tree(AT_FDCWD, place->path, false);

	if (tree < 0)
		return error_sys(err, "clone the mount of cgroup %s", place->path);
	if (kernel_attach(tree, target) < 0)
		return error_sys(err, "mount cgroup %s", place->path);
	return true;
}

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

static bool mount_place(const struct rootfs *rootfs, const struct cgroup_place *place, int top,
			struct error *err)
{
	bool has_namespace = rootfs->spec->namespaces[NAMESPACE_CGROUP].is_wanted;
	const char *name = directory_name(place);
	autoclose int target = -1;

	if (mkdirat(top, name, 0755) < 0 && errno != EEXIST)
		return error_sys(err, "make directory for cgroup %s", name);
	target = openat(top, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (target < 0)
		return error_sys(err, "open directory for cgroup %s", name);
	if (has_namespace ? !mount_hierarchy(place, target, err) : !bind_group(place, target, err))
		return false;
	return link_controllers(place->controllers, top, err);
}

static bool mount_v1(struct rootfs *rootfs, const struct spec_mount *wanted, int target,
		     struct error *err)
{
	uint64_t attributes = rootfs_attributes(wanted->flags);
	autoclose int top = -1;

	if (fchdir(target) < 0 ||
	    mount("tmpfs", ".", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=755") < 0)
		return error_sys(err, "mount tmpfs for cgroups");
	if (!path_open(rootfs->root, wanted->destination, PATH_IN_ROOT, O_PATH | O_DIRECTORY, 0,
		       &top, err))
		return false;
	for (size_t i = 0; i < rootfs->cgroup->count; i++)
		if (!mount_place(rootfs, &rootfs->cgroup->places[i], top, err))
			return false;
	/* At once for all of them, and only now: the tmpfs had to be filled. */
	if (attributes && kernel_set_attributes(top, true, attributes, 0) < 0)
		return error_sys(err, "set the options of the cgroup mounts");
	return true;
}

static bool mount_v2(struct rootfs *rootfs, const struct spec_mount *wanted, int target,
		     struct error *err)
{
	unsigned long flags = wanted->flags & ~(unsigned long)(MS_BIND | MS_REC);
	int tree;

	if (rootfs->spec->namespaces[NAMESPACE_CGROUP].is_wanted) {
		if (fchdir(target) == 0 && mount("cgroup2", ".", "cgroup2", flags, NULL) == 0)
			return true;
		if (errno != EPERM && errno != EBUSY)
			return error_sys(err, "mount cgroup2");
	}
	tree = kernel_clone_tree(AT_FDCWD, rootfs->cgroup->places[0].path, false);
	if (tree < 0)
		return error_sys(err, "clone the mount of cgroup %s",
				 rootfs->cgroup->places[0].path);
	return rootfs_bind(tree, target, rootfs_attributes(wanted->flags), err);
}

/* A container without groups of its own: an empty place keeps those of the host out of its sight
 * and reach (CVE-2023-25809). */
static bool mount_nothing(int target, struct error *err)
{
	int empty = kernel_new_tmpfs();

	if (empty < 0)
		return error_sys(err, "make an empty tmpfs");
	return rootfs_bind(empty, target, 0, err);
}

bool rootfs_mount_cgroup(struct rootfs *rootfs, const struct spec_mount *wanted, int target,
			 struct error *err)
{
	if (rootfs->cgroup->count == 0)
		return mount_nothing(target, err);
	return rootfs->cgroup->is_unified ? mount_v2(rootfs, wanted, target, err)
					  : mount_v1(rootfs, wanted, target, err);
}
