/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How this works: mount(2) takes its options in one page, and a layer's path has 69 bytes. Standing
 * in ROOT/layers about 50 layers fit; for more, each layer is opened and named by its descriptor
 * from /proc/self/fd. Both work on every kernel that has overlayfs, and need fewer system calls
 * than fsopen and one fsconfig per layer.
 */
#include "image/rootfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "image/footing.h"
#include "image/layout.h"
#include "image/limits.h"

#define OPTIONS_MAX 4095 /* the kernel cuts the rest off in silence */

/* Layers come from strangers: none of the attributes that lead elsewhere may work. */
#define OPTIONS "metacopy=off,redirect_dir=nofollow,index=off"

/* ':' separates lower layers, ',' options. */
static void add_escaped(struct buf *buf, const char *path)
{
	for (; *path; path++) {
		if (strchr(":,\\", *path))
			buf_add_char(buf, '\\');
		buf_add_char(buf, *path);
	}
}

static void add_rest(struct buf *options, const struct rootfs *rootfs)
{
	buf_add_text(options, ",upperdir=");
	add_escaped(options, rootfs->upper);
	buf_add_text(options, ",workdir=");
	add_escaped(options, rootfs->work);
	buf_add_text(options, "," OPTIONS);
	if (rootfs->is_volatile)
		buf_add_text(options, ",volatile");
	if (rootfs->is_rootless)
		buf_add_text(options, ",userxattr");
}

static bool mount_overlay(const struct rootfs *rootfs, const char *options, struct error *err)
{
	if (mount("overlay", rootfs->target, "overlay", 0, options) == 0)
		return true;
	if (errno == ENODEV)
		return error_sys(err, "mount overlay (the kernel needs CONFIG_OVERLAY_FS)");
	if (errno == EINVAL || errno == ENOENT)
		return error_sys(err,
				 "mount overlay on %s (is a layer missing? is %s on a file system "
				 "that can be an overlay's upper directory?)",
				 rootfs->target, rootfs->upper);
	return error_sys(err, "mount overlay on %s", rootfs->target);
}

/* Named from ROOT/layers, the working directory. The top layer comes first. */
static bool mount_by_name(const struct rootfs *rootfs, bool *is_too_long, struct error *err)
{
	autobuf struct buf options;

	buf_init(&options, OPTIONS_MAX);
	buf_add_text(&options, "lowerdir=");
	for (size_t i = rootfs->layer_count; i-- > 0;)
		buf_printf(&options, "%s/diff%s", digest_hex(&rootfs->chains[i]),
			   i || !rootfs->is_bare ? ":" : "");
	if (!rootfs->is_bare)
		buf_add_text(&options, "../" LAYOUT_FOOTING);
	add_rest(&options, rootfs);
	*is_too_long = options.is_cut;
	return options.is_cut || mount_overlay(rootfs, options.data, err);
}

static bool mount_open_layers(const struct rootfs *rootfs, const int *layers, int footing,
			      struct error *err)
{
	autobuf struct buf options;

	buf_init(&options, OPTIONS_MAX);
	buf_add_text(&options, "lowerdir=");
	for (size_t i = rootfs->layer_count; i-- > 0;)
		buf_printf(&options, "%d%s", layers[i], i || !rootfs->is_bare ? ":" : "");
	if (!rootfs->is_bare)
		buf_printf(&options, "%d", footing);
	add_rest(&options, rootfs);
	if (chdir("/proc/self/fd") < 0)
		return error_sys(err, "open /proc/self/fd");
	return buf_check(&options, "the overlay's mount options", err) &&
	       mount_overlay(rootfs, options.data, err);
}

static bool mount_by_descriptor(int parent, const struct rootfs *rootfs, struct error *err)
{
	autoclose int footing =
		openat(parent, "../" LAYOUT_FOOTING, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int layers[LIMIT_LAYERS];
	size_t opened = 0;
	bool is_good = footing >= 0 || error_sys(err, "open " LAYOUT_FOOTING);

	for (; is_good && opened < rootfs->layer_count; opened++) {
		char name[DIGEST_HEX_LENGTH + sizeof("/diff")];

		snprintf(name, sizeof(name), "%s/diff", digest_hex(&rootfs->chains[opened]));
		layers[opened] = openat(parent, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (layers[opened] < 0)
			is_good = error_sys(err, "open layer %s", name);
	}
	is_good = is_good && mount_open_layers(rootfs, layers, footing, err);
	while (opened > 0)
		mem_cleanup_close(&layers[--opened]);
	return is_good;
}

/*
 * Opened by path, not from store->root: that descriptor may be of the mount namespace which the
 * caller has left, and the kernel takes no lower layer from there.
 */
static bool mount_layers(const struct store *store, const struct rootfs *rootfs, struct error *err)
{
	autofree char *path = mem_printf("%s/" LAYOUT_LAYERS, store->path);
	autoclose int layers = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	bool is_too_long;

	if (layers < 0 || fchdir(layers) < 0)
		return error_sys(err, "open %s", path);
	if (!mount_by_name(rootfs, &is_too_long, err))
		return false;
	return !is_too_long || mount_by_descriptor(layers, rootfs, err);
}

/* The kernel leaves this mark so that what may not have reached the disk is not mounted again. Ours
 * is mounted again only while the machine goes on, and nothing can be lost. */
static void forget_volatile(const struct rootfs *rootfs)
{
	autofree char *mark = mem_printf("%s/work/incompat/volatile", rootfs->work);
	autofree char *dirty = mem_printf("%s/dirty", mark);

	unlink(dirty);
	rmdir(mark);
}

/* It is there but for the first time; or a layer is missing. Some kernels (6.1) have left their
 * mark before they look for the layers. */
static bool mount_on_footing(const struct store *store, const struct rootfs *rootfs,
			     struct error *err)
{
	if (mount_layers(store, rootfs, err))
		return true;
	if (err->sys != ENOENT || !footing_make(store, err))
		return false;
	if (rootfs->is_volatile)
		forget_volatile(rootfs);
	return mount_layers(store, rootfs, err);
}

bool rootfs_mount(const struct store *store, const struct rootfs *rootfs, struct error *err)
{
	if (rootfs->layer_count > LIMIT_LAYERS)
		return error_set(err, ERROR_UNSUPPORTED, "%zu layers are more than %d",
				 rootfs->layer_count, LIMIT_LAYERS);
	if (rootfs->layer_count == 0) { /* nothing to lay over */
		if (mount(rootfs->upper, rootfs->target, NULL, MS_BIND, NULL) < 0)
			return error_sys(err, "mount %s on %s", rootfs->upper, rootfs->target);
		return true;
	}

	autoclose int before = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (rootfs->is_volatile)
		forget_volatile(rootfs);
	bool is_mounted = mount_on_footing(store, rootfs, err);

	if (!is_mounted && err->sys == EINVAL && rootfs->is_volatile) { /* before Linux 5.10 */
		struct rootfs lasting = *rootfs;

		lasting.is_volatile = false;
		is_mounted = mount_layers(store, &lasting, err);
	}

	if (before >= 0 && fchdir(before) < 0)
		return is_mounted ? error_sys(err, "return to the working directory") : false;
	return is_mounted;
}
