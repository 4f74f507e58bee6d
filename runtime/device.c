/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/path.h"
#include "runtime/kernel.h"
#include "runtime/mount.h"

/*
 * /dev: the devices every container has, those of the config, and the customary links. Without a
 * mount of its own /dev is the image's directory and not to be trusted: it is opened once, without
 * following links, and everything happens in that descriptor.
 */

static const struct spec_device defaults[] = {
	{ "/dev/null", S_IFCHR, 1, 3, 0666, 0, 0 },    { "/dev/zero", S_IFCHR, 1, 5, 0666, 0, 0 },
	{ "/dev/full", S_IFCHR, 1, 7, 0666, 0, 0 },    { "/dev/random", S_IFCHR, 1, 8, 0666, 0, 0 },
	{ "/dev/urandom", S_IFCHR, 1, 9, 0666, 0, 0 }, { "/dev/tty", S_IFCHR, 5, 0, 0666, 0, 0 },
};

/* If the caller brings its own /dev, it is complete. */
static bool is_dev_bound(const struct spec *spec)
{
	for (size_t i = 0; i < spec->mount_count; i++)
		if (spec->mounts[i].is_bind && (strcmp(spec->mounts[i].destination, "/dev") == 0 ||
						strcmp(spec->mounts[i].destination, "/dev/") == 0))
			return true;
	return false;
}

/* Something lies there already: it may stay if it is the very device. */
static bool check_existing(int dir, const char *name, const struct spec_device *device,
			   struct error *err)
{
	struct stat info;

	if (fstatat(dir, name, &info, AT_SYMLINK_NOFOLLOW) < 0)
		return error_sys(err, "look at device %s", device->path);
	if ((info.st_mode & S_IFMT) != device->type ||
	    (device->type != S_IFIFO && info.st_rdev != makedev(device->major, device->minor)))
		return error_set(err, ERROR_EXISTS,
				 "%s exists in the image and is not the device it should be",
				 device->path);
	return true;
}

/* The new node is ours alone until the container runs; it is opened without following links, and
 * owner and mode are set through that descriptor. */
static bool set_owner(int dir, const char *name, const struct spec_device *device,
		      struct error *err)
{
	autoclose int node = -1;

	if (device->uid == 0 && device->gid == 0)
		return true;
	node = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (node < 0 || fchownat(node, "", device->uid, device->gid, AT_EMPTY_PATH) < 0)
		return error_sys(err, "set the owner of %s", device->path);
	return true;
}

/* In a user namespace nobody may make device nodes: the host's is bound, if it is the one. */
static bool bind_node(int dir, const char *name, const struct spec_device *device,
		      struct error *err)
{
	autoclose int host = open(device->path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	autoclose int target = -1;
	struct stat info;
	int tree;

	if (host < 0 || fstat(host, &info) < 0)
		return error_sys(err, "open device %s of the host", device->path);
	if ((info.st_mode & S_IFMT) != device->type ||
	    info.st_rdev != makedev(device->major, device->minor))
		return error_set(err, ERROR_DENIED, "%s of the host is another device",
				 device->path);
	target = openat(dir, name, O_RDONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0666);
	if (target < 0)
		return error_sys(err, "make a mount point for device %s", device->path);
	tree = kernel_clone_tree(host, "", false);
	if (tree < 0)
		return error_sys(err, "clone the mount of device %s", device->path);
	return rootfs_bind(tree, target, 0, err);
}

static bool make_node(int dir, const char *name, const struct spec_device *device,
		      struct error *err)
{
	mode_t mode = device->type | device->mode;

	if (mknodat(dir, name, mode, makedev(device->major, device->minor)) == 0)
		return set_owner(dir, name, device, err);
	if (errno == EEXIST)
		return check_existing(dir, name, device, err);
	if (errno == EPERM && device->type != S_IFIFO)
		return bind_node(dir, name, device, err);
	return error_sys(err, "make device %s", device->path);
}

static bool make_device(const struct rootfs *rootfs, int dir, const char *name,
			const struct spec_device *device, struct error *err)
{
	if (rootfs->is_user_namespaced && device->type != S_IFIFO)
		return bind_node(dir, name, device, err);
	return make_node(dir, name, device, err);
}

static bool is_replaced(const struct spec *spec, const char *path)
{
	for (size_t i = 0; i < spec->device_count; i++)
		if (strcmp(spec->devices[i].path, path) == 0)
			return true;
	return false;
}

/* Devices of the config may be anywhere below the root. */
static bool make_configured(const struct rootfs *rootfs, const struct spec_device *device,
			    struct error *err)
{
	autofree char *path = path_clean(device->path);
	char *base = strrchr(path, '/');
	autoclose int dir = -1;

	if (base[1] == '\0')
		return error_set(err, ERROR_INPUT, "linux.devices: \"%s\" is no file name",
				 device->path);
	*base++ = '\0';
	return path_make_dirs(rootfs->root, path, 0755, &dir, err) &&
	       make_device(rootfs, dir, base, device, err);
}

static bool make_links(int dev, struct error *err)
{
	static const char *const links[][2] = {
		{ "/proc/self/fd", "fd" },       { "/proc/self/fd/0", "stdin" },
		{ "/proc/self/fd/1", "stdout" }, { "/proc/self/fd/2", "stderr" },
		{ "/proc/kcore", "core" },
	};

	for (size_t i = 0; i < COUNT_OF(links); i++) {
		if (i == 4 && access("/proc/kcore", F_OK) < 0)
			continue;
		if (symlinkat(links[i][0], dev, links[i][1]) < 0 && errno != EEXIST)
			return error_sys(err, "make link /dev/%s", links[i][1]);
	}
	/* Whatever an image has there, the container's own pts instance is meant. */
	if (symlinkat("pts/ptmx", dev, "ptmx") == 0)
		return true;
	if (errno != EEXIST || unlinkat(dev, "ptmx", 0) < 0 ||
	    symlinkat("pts/ptmx", dev, "ptmx") < 0)
		return error_sys(err, "make link /dev/ptmx");
	return true;
}

bool rootfs_make_devices(struct rootfs *rootfs, struct error *err)
{
	const struct spec *spec = rootfs->spec;
	autoclose int dev = -1;
	autoclose int made = -1;

	if (is_dev_bound(spec))
		return true;
	if (!path_open(rootfs->root, "dev", PATH_NO_LINKS, O_PATH | O_DIRECTORY, 0, &dev, err)) {
		if (err->kind != ERROR_NOT_FOUND)
			return error_in(err, "/dev of the image must be an ordinary directory");
		if (!path_make_dirs(rootfs->root, "dev", 0755, &made, err) ||
		    !path_open(rootfs->root, "dev", PATH_NO_LINKS, O_PATH | O_DIRECTORY, 0, &dev,
			       err))
			return false;
	}
	for (size_t i = 0; i < COUNT_OF(defaults); i++)
		if (!is_replaced(spec, defaults[i].path) &&
		    !make_device(rootfs, dev, defaults[i].path + strlen("/dev/"), &defaults[i],
				 err))
			return false;
	for (size_t i = 0; i < spec->device_count; i++)
		if (!make_configured(rootfs, &spec->devices[i], err))
			return false;
	return make_links(dev, err);
}
