/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/path.h"
#include "runtime/kernel.h"
#include "runtime/mountpart.h"

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

/* The directory of a device in work. */
struct place {
	int dir;
	const char *name;
	bool is_ours; /* on a file system that we have just made: nobody else is there */
};

static const struct spec_mount *mount_of_dev(const struct spec *spec)
{
	const struct spec_mount *found = NULL;

	for (size_t i = 0; i < spec->mount_count; i++) {
		const char *destination = spec->mounts[i].destination;

		if (strcmp(destination, "/dev") == 0 || strcmp(destination, "/dev/") == 0)
			found = &spec->mounts[i];
	}
	return found;
}

static bool is_same(const struct stat *info, const struct spec_device *device)
{
	return (info->st_mode & S_IFMT) == device->type &&
	       (device->type == S_IFIFO || info->st_rdev == makedev(device->major, device->minor));
}

/* -- binds of the host's nodes --------------------------------------------------------------- */

static bool open_host_node(const struct spec_device *device, int *host, struct error *err)
{
	struct stat info;

	*host = open(device->path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (*host < 0 || fstat(*host, &info) < 0)
		return error_sys(err, "open device %s of the host", device->path);
	if (!is_same(&info, device))
		return error_set(err, ERROR_DENIED, "%s of the host is another device",
				 device->path);
	return true;
}

/* In a user namespace nobody may make device nodes: the host's is bound, if it is the one. What an
 * image has at the place is never opened: to open a device can be to start it. */
static bool bind_node(const struct place *place, const struct spec_device *device,
		      struct error *err)
{
	autoclose int host = -1;
	autoclose int target = -1;
	struct stat info;

	if (!open_host_node(device, &host, err))
		return false;
	if (mknodat(place->dir, place->name, S_IFREG | 0666, 0) < 0 && errno != EEXIST)
		return error_sys(err, "make a mount point for device %s", device->path);
	target = openat(place->dir, place->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (target < 0 || fstat(target, &info) < 0)
		return error_sys(err, "open the mount point for device %s", device->path);
	if (!S_ISREG(info.st_mode) && !is_same(&info, device))
		return error_set(err, ERROR_EXISTS,
				 "%s exists in the image and is not the device it should be",
				 device->path);
	return mount_copy_of(host, target, device->path, err);
}

/* -- nodes ----------------------------------------------------------------------------------- */

/* Something lies there already: it may stay if it is the very device. */
static bool check_existing(const struct place *place, const struct spec_device *device,
			   struct error *err)
{
	struct stat info;

	if (fstatat(place->dir, place->name, &info, AT_SYMLINK_NOFOLLOW) < 0)
		return error_sys(err, "look at device %s", device->path);
	if (!is_same(&info, device))
		return error_set(err, ERROR_EXISTS,
				 "%s exists in the image and is not the device it should be",
				 device->path);
	return true;
}

/* Between mknod and here somebody may have put another file in its place, if the directory is
 * shared: owner and mode go to what is open and was seen to be the device. */
static bool set_owner(const struct place *place, const struct spec_device *device,
		      struct error *err)
{
	autoclose int node = -1;
	struct stat info;
	char path[PATH_OF_FD_MAX];

	if (place->is_ours && device->uid == 0 && device->gid == 0)
		return true;
	node = openat(place->dir, place->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (node < 0 || fstat(node, &info) < 0)
		return error_sys(err, "open device %s", device->path);
	if (!is_same(&info, device))
		return error_set(err, ERROR_DENIED, "%s was replaced meanwhile", device->path);
	if (fchownat(node, "", device->uid, device->gid, AT_EMPTY_PATH) < 0)
		return error_sys(err, "set the owner of %s", device->path);
	path_of_fd(node, path);
	if ((info.st_mode & 07777) != device->mode && chmod(path, device->mode) < 0)
		return error_sys(err, "set the mode of %s", device->path);
	return true;
}

static bool make_node(const struct place *place, const struct spec_device *device,
		      struct error *err)
{
	mode_t mode = device->type | device->mode;

	if (mknodat(place->dir, place->name, mode, makedev(device->major, device->minor)) == 0)
		return set_owner(place, device, err);
	if (errno == EEXIST)
		return check_existing(place, device, err);
	if (errno == EPERM && device->type != S_IFIFO)
		return bind_node(place, device, err);
	return error_sys(err, "make device %s", device->path);
}

/* -- all of them ----------------------------------------------------------------------------- */

static bool make_device(const struct rootfs *rootfs, const struct place *place,
			const struct spec_device *device, struct error *err)
{
	if (rootfs->is_user_namespaced && device->type != S_IFIFO)
		return bind_node(place, device, err);
	return make_node(place, device, err);
}

static bool is_replaced(const struct spec *spec, const char *path)
{
	for (size_t i = 0; i < spec->device_count; i++) {
		autofree char *other = path_clean(spec->devices[i].path);

		if (strcmp(other, path) == 0)
			return true;
	}
	return false;
}

/* Of two devices for one place the first counts, as with runc. */
static bool is_repeated(const struct spec *spec, size_t index)
{
	const struct spec so_far = { .devices = spec->devices, .device_count = index };
	autofree char *path = path_clean(spec->devices[index].path);

	return is_replaced(&so_far, path);
}

/* Callers that list all devices of the host name it, too; but the host's would lead to the host's
 * terminals. */
static bool is_ptmx(const struct spec_device *device)
{
	autofree char *path = path_clean(device->path);

	return strcmp(path, "/dev/ptmx") == 0;
}

/* Devices of the config may be anywhere below the root. */
static bool make_configured(const struct rootfs *rootfs, const struct place *dev,
			    const struct spec_device *device, struct error *err)
{
	autofree char *path = path_clean(device->path);
	char *base = strrchr(path, '/');
	autoclose int dir = -1;

	if (base[1] == '\0')
		return error_set(err, ERROR_INPUT, "linux.devices: \"%s\" is no file name",
				 device->path);
	*base++ = '\0';
	if (strcmp(path, "/dev") == 0)
		return make_device(rootfs, &(struct place){ dev->dir, base, dev->is_ours }, device,
				   err);
	return path_make_dirs(rootfs->root, path, 0755, &dir, err) &&
	       make_device(rootfs, &(struct place){ dir, base, false }, device, err);
}

static bool is_link_to(int dir, const char *name, const char *target)
{
	char text[64];
	ssize_t length = readlinkat(dir, name, text, sizeof(text) - 1);

	if (length < 0)
		return false;
	text[length] = '\0';
	return strcmp(text, target) == 0;
}

/* Whatever an image has there, the container's own pts instance is meant. */
static bool link_ptmx(int dev, struct error *err)
{
	static const char target[] = "pts/ptmx";

	if (symlinkat(target, dev, "ptmx") == 0)
		return true;
	if (errno != EEXIST ||
	    (!is_link_to(dev, "ptmx", target) &&
	     (unlinkat(dev, "ptmx", 0) < 0 || symlinkat(target, dev, "ptmx") < 0)))
		return error_sys(err, "make link /dev/ptmx");
	return true;
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
	return link_ptmx(dev, err);
}

static bool open_dev(const struct rootfs *rootfs, int *dev, struct error *err)
{
	autoclose int made = -1;

	if (path_open(rootfs->root, "dev", PATH_NO_LINKS, O_PATH | O_DIRECTORY, 0, dev, err))
		return true;
	if (err->kind != ERROR_NOT_FOUND)
		return error_in(err, "/dev of the image must be an ordinary directory");
	return path_make_dirs(rootfs->root, "dev", 0755, &made, err) &&
	       path_open(rootfs->root, "dev", PATH_NO_LINKS, O_PATH | O_DIRECTORY, 0, dev, err);
}

bool rootfs_make_devices(struct rootfs *rootfs, struct error *err)
{
	const struct spec *spec = rootfs->spec;
	const struct spec_mount *mounted = mount_of_dev(spec);
	autoclose int dev = -1;

	if (mounted && mounted->is_bind)
		return true; /* the caller brings its own, and it is complete */
	if (!open_dev(rootfs, &dev, err))
		return false;

	struct place place = { .dir = dev,
			       .is_ours = mounted && strcmp(mounted->type, "tmpfs") == 0 };

	for (size_t i = 0; i < COUNT_OF(defaults); i++) {
		place.name = defaults[i].path + strlen("/dev/");
		if (!is_replaced(spec, defaults[i].path) &&
		    !make_device(rootfs, &place, &defaults[i], err))
			return false;
	}
	for (size_t i = 0; i < spec->device_count; i++) {
		bool is_made = is_ptmx(&spec->devices[i]) ||
			       make_configured(rootfs, &place, &spec->devices[i], err);

		if (!is_made && (err->kind != ERROR_EXISTS || !is_repeated(spec, i)))
			return false;
	}
	return make_links(dev, err);
}
