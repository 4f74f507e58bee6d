/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/hostroot.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "runtime/kernel.h"

static bool open_place(const char *path, int *place, struct error *err)
{
	*place = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return *place >= 0 || error_sys(err, "open root file system %s", path);
}

bool hostroot_make(struct rootfs *rootfs, int64_t *number, struct error *err)
{
	autoclose int place = -1;
	struct stat info;

	if (!open_place(rootfs->path, &place, err))
		return false;
	if (fstat(place, &info) < 0)
		return error_sys(err, "look at root file system %s", rootfs->path);
	rootfs->root = kernel_clone_tree(place, "", true);
	if (rootfs->root < 0)
		return error_sys(err, "clone the mount of root file system %s", rootfs->path);
	rootfs->root_dev = info.st_dev;
	rootfs->root_ino = info.st_ino;
	return file_mount_number(rootfs->root, number, err);
}

/* A tree that passes things on passes on this mount, too, and makes it one of its kind: it is cut
 * off only then, while there is nothing below. */
bool hostroot_attach(const struct rootfs *rootfs, struct error *err)
{
	autoclose int place = -1;

	if (!open_place(rootfs->path, &place, err))
		return false;
	if (kernel_attach(rootfs->root, place) < 0)
		return error_sys(err, "mount root file system %s", rootfs->path);
	if (kernel_set_propagation(rootfs->root, MS_PRIVATE | MS_REC) < 0)
		return error_sys(err, "cut off root file system %s", rootfs->path);
	return true;
}

bool hostroot_open(const struct state *state, int *root, struct error *err)
{
	autoclose int place = -1;
	int64_t number;

	if (!open_place(state->rootfs, &place, err) || !file_mount_number(place, &number, err))
		return false;
	if (number != state->root_mount)
		return error_set(err, ERROR_NOT_FOUND, "%s is not mounted any more", state->rootfs);
	*root = take_fd(&place);
	return true;
}

/* A bind below may share the host's mounts (rshared): what comes off it would come off there, too,
 * were it not cut off first. */
bool hostroot_remove(const struct state *state, struct error *err)
{
	autoclose int root = -1;
	struct error ignored;

	if (state->root_mount == 0 || !hostroot_open(state, &root, &ignored))
		return true; /* it has none, or who knows it has unmounted it */
	if (kernel_set_propagation(root, MS_PRIVATE | MS_REC) < 0)
		return error_sys(err, "cut off root file system %s", state->rootfs);
	if (umount2(state->rootfs, MNT_DETACH | UMOUNT_NOFOLLOW) < 0)
		return error_sys(err, "unmount root file system %s", state->rootfs);
	return true;
}
