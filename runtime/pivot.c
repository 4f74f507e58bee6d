/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "runtime/kernel.h"
#include "runtime/mountpart.h"

/*
 * The way in: the root becomes a mount of its own. The way out: it becomes "/", and the host's tree
 * is let go of, without the host's noticing.
 */

/* -- the root -------------------------------------------------------------------------------- */

/* True if no mount of ours can reach the host's: by default, and if every one is cut off. */
static bool is_cut_off(const struct spec *spec)
{
	unsigned long propagation = spec->root_propagation;

	return !propagation || (propagation & MS_REC && propagation & (MS_SLAVE | MS_PRIVATE));
}

/* pivot_root refuses a root whose parent mount is shared; if it may be, the one mount the root lies
 * on must not pass on what happens. Found by trying, from the root upwards. */
static bool cut_off_parent(const struct rootfs *rootfs, struct error *err)
{
	unsigned long cut = rootfs->spec->root_propagation & MS_SLAVE ? MS_SLAVE : MS_PRIVATE;
	autofree char *name = mem_strdup(rootfs->path);

	for (;;) {
		if (mount(NULL, name[0] ? name : "/", NULL, cut, NULL) == 0)
			return true;
		if (errno != EINVAL || name[0] == '\0')
			return error_sys(err, "cut off the mount of %s", rootfs->path);
		*strrchr(name, '/') = '\0';
	}
}

/* Unbindable is for the container: for its making everything has to be bindable. */
static bool set_first_propagation(const struct spec *spec, struct error *err)
{
	unsigned long propagation = spec->root_propagation;

	if (!propagation || propagation & MS_UNBINDABLE)
		propagation = MS_SLAVE | MS_REC;
	if (mount(NULL, "/", NULL, propagation, NULL) < 0)
		return error_sys(err, "set the propagation of /");
	return true;
}

bool rootfs_open(struct rootfs *rootfs, struct error *err)
{
	autoclose int tree = -1;
	autoclose int target = -1;
	struct stat info;

	if (!set_first_propagation(rootfs->spec, err))
		return false;
	if (!is_cut_off(rootfs->spec) && !cut_off_parent(rootfs, err))
		return false;
	target = open(rootfs->path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (target < 0 || fstat(target, &info) < 0)
		return error_sys(err, "open root file system %s", rootfs->path);
	tree = kernel_clone_tree(target, "", true);
	if (tree < 0)
		return error_sys(err, "clone the mount of root file system %s", rootfs->path);
	if (kernel_attach(tree, target) < 0)
		return error_sys(err, "mount root file system %s", rootfs->path);
	rootfs->root_dev = info.st_dev;
	rootfs->root_ino = info.st_ino;
	rootfs->root = take_fd(&tree);
	return true;
}

/* -- pivot_root ------------------------------------------------------------------------------ */

/* With a working directory in the new root, pivot_root(".", ".") stacks the old root on top of the
 * new one, where umount finds it. */
static bool swap_roots(const struct rootfs *rootfs, struct error *err)
{
	autoclose int old = -1;
	bool is_safe = is_cut_off(rootfs->spec);

	if (!is_safe) {
		old = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (old < 0)
			return error_sys(err, "open the old root");
	}
	if (fchdir(rootfs->root) < 0 || kernel_pivot_root(".", ".") < 0)
		return error_sys(err, "pivot_root to %s", rootfs->path);
	/* Or what we unmount here would be unmounted on the host. */
	if (!is_safe && (fchdir(old) < 0 || mount(NULL, ".", NULL, MS_SLAVE | MS_REC, NULL) < 0))
		return error_sys(err, "detach the old root's propagation");
	if (umount2(".", MNT_DETACH) < 0)
		return error_sys(err, "detach the old root");
	return true;
}

/* -- without: the host's root cannot be pivoted away from (an initramfs) --------------------- */

#define MOUNTS_MAX (4 << 20) /* bytes of mountinfo */

struct place {
	const char *top; /* which part of the file system: "/" is all */
	char *path;      /* where */
	const char *type;
};

/* A line of mountinfo: id parent dev top path options [tags] - type source options. */
static bool read_place(char *line, struct place *place)
{
	char *rest = line, *field;
	int number = 0;

	*place = (struct place){ 0 };
	for (; (field = strsep(&rest, " ")) != NULL && strcmp(field, "-") != 0; number++) {
		if (number == 3)
			place->top = field;
		if (number == 4)
			place->path = field;
	}
	place->type = strsep(&rest, " ");
	return field && place->type && place->path;
}

/* Spaces and the like are written as \040. */
static void unescape(char *text)
{
	char *to = text;

	for (; *text; text++) {
		unsigned int code;

		if (*text == '\\' && sscanf(text + 1, "%3o", &code) == 1) {
			*to++ = (char)code;
			text += 3;
		} else {
			*to++ = *text;
		}
	}
	*to = '\0';
}

/* A whole procfs or sysfs that stays somewhere in the mount tree, out of sight of a root that is
 * only changed by chroot, would allow the container new ones without masks. */
static bool remove_place(const char *path, struct error *err)
{
	autoclose int target = -1;
	autoclose int empty = -1;

	if (mount(NULL, path, NULL, MS_SLAVE | MS_REC, NULL) < 0)
		return errno == EINVAL ||
		       error_sys(err, "detach %s", path); /* covered: out of reach */
	if (umount2(path, MNT_DETACH) == 0)
		return true;
	if (errno != EINVAL && errno != EPERM)
		return error_sys(err, "unmount %s", path);
	target = open(path, O_PATH | O_CLOEXEC);
	if (target < 0)
		return error_sys(err, "open %s", path);
	if (!mount_make_empty(&empty, err))
		return false;
	return kernel_attach(empty, target) == 0 || error_sys(err, "cover %s", path);
}

static bool remove_kernel_files(const struct rootfs *rootfs, struct error *err)
{
	autobuf struct buf text = { 0 };

	buf_init(&text, MOUNTS_MAX);
	if (!file_read(AT_FDCWD, "/proc/self/mountinfo", &text, err))
		return false;

	char *rest = text.data;

	for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
		struct place place;

		if (!read_place(line, &place) || strcmp(place.top, "/") != 0 ||
		    (strcmp(place.type, "proc") != 0 && strcmp(place.type, "sysfs") != 0))
			continue;

		unescape(place.path);
		if (!mount_is_within(place.path, rootfs->path) && !remove_place(place.path, err))
			return false;
	}
	return true;
}

static bool move_root(const struct rootfs *rootfs, struct error *err)
{
	if (!remove_kernel_files(rootfs, err))
		return error_in(err, "--no-pivot");
	if (fchdir(rootfs->root) < 0 || mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0)
		return error_sys(err, "move the root file system %s", rootfs->path);
	return true;
}

/* -- without a mount namespace: all but the root stays as it is ------------------------------- */

static bool change_root(const struct rootfs *rootfs, struct error *err)
{
	if (fchdir(rootfs->root) < 0 || chroot(".") < 0)
		return error_sys(err, "change the root to %s", rootfs->path);
	return true;
}

/* -- all of them ------------------------------------------------------------------------------ */

static bool leave_root(const struct rootfs *rootfs, struct error *err)
{
	if (!rootfs->spec->namespaces[NAMESPACE_MOUNT].is_wanted)
		return change_root(rootfs, err);
	return rootfs->is_without_pivot ? move_root(rootfs, err) : swap_roots(rootfs, err);
}

bool rootfs_pivot(struct rootfs *rootfs, struct error *err)
{
	unsigned long propagation = rootfs->spec->root_propagation;

	if (!leave_root(rootfs, err))
		return false;
	if (chdir("/") < 0)
		return error_sys(err, "enter the new root");
	if (propagation & (MS_SHARED | MS_UNBINDABLE) &&
	    mount(NULL, "/", NULL, propagation, NULL) < 0)
		return error_sys(err, "set the propagation of the new root");
	return true;
}
