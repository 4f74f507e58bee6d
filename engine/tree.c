/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/path.h"
#include "base/proc.h"
#include "engine/claim.h"
#include "engine/imagemount.h"
#include "engine/mounts.h"
#include "engine/status.h"
#include "engine/userns.h"
#include "engine/volume.h"
#include "image/rootfs.h"

/* A container that runs. ---------------------------------------------------------------------- */

static bool open_running(const struct engine *engine, const struct container *container,
			 const struct status *status, enum tree_view view, int *root,
			 struct error *err)
{
	autofree char *seen = mem_printf("/proc/%d/root", (int)status->pid);
	/* Init's parent is its monitor, in whose mount namespace the root is mounted and nothing
	 * on it. */
	autofree char *bare =
		mem_printf("/proc/%d/root%s/containers/%s/rootfs", (int)proc_parent(status->pid),
			   engine->root, container->id);
	autoclose int dir =
		open(view == TREE_ROOT ? bare : seen, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0)
		return error_sys(err, "open the files of container %s", container->name);
	/* The number may have been given to somebody else before it was opened. */
	if (!proc_is_alive(status->pid, status->start_time))
		return error_set(err, ERROR_NOT_FOUND, "container %s has just ended",
				 container->name);
	*root = take_fd(&dir);
	return true;
}

/* One that does not run. ---------------------------------------------------------------------- */

static bool mount_root(const struct engine *engine, const struct container *container,
		       const char *path, int *root, struct error *err)
{
	autofree char *upper = mem_printf("%s/upper", path);
	autofree char *work = mem_printf("%s/work", path);
	autofree char *target = mem_printf("%s/rootfs", path);
	const struct rootfs rootfs = { .chains = container->chains,
				       .layer_count = container->layer_count,
				       .upper = upper,
				       .work = work,
				       .target = target,
				       .is_rootless = userns_is_inside() };
	autoclose int store_root = open(engine->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const struct store store = { .root = store_root, .path = engine->root };

	if (store_root < 0)
		return error_sys(err, "open %s", engine->root);
	if (!rootfs_mount(&store, &rootfs, err))
		return error_in(err, "root file system");
	*root = open(target, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return *root >= 0 || error_sys(err, "open the root file system");
}

/* All of it; -1: it is not there any more. */
static int open_whole(const struct engine *engine, const struct container *container, size_t number)
{
	const struct container_mount *wanted = &container->mounts[number];
	autoarena struct arena arena = { 0 };
	const char *path = wanted->source;
	struct error ignored;

	if (wanted->kind == MOUNT_VOLUME)
		path = arena_printf(&arena, "%s/volumes/%s/_data", engine->root, wanted->source);
	else if (wanted->kind == MOUNT_IMAGE &&
		 !imagemount_make(engine, &arena, container, number, &path, &ignored))
		return -1;
	return open(path, O_PATH | O_CLOEXEC);
}

/* Of a volume or an image perhaps a part, which others' links must not lead out of it. */
static int open_source(const struct engine *engine, const struct container *container,
		       size_t number)
{
	const struct container_mount *wanted = &container->mounts[number];
	autoclose int whole = open_whole(engine, container, number);
	struct error ignored;
	int part = -1;

	if (whole < 0 || wanted->kind == MOUNT_BIND || !wanted->subpath || !*wanted->subpath)
		return take_fd(&whole);
	return path_open(whole, wanted->subpath, PATH_BENEATH, O_PATH, 0, &part, &ignored) ? part
											   : -1;
}

/* What is mounted there. All it must not lose is said again: in a user namespace the kernel
 * insists. */
static bool make_readonly(int root, const char *target)
{
	autoclose int mounted = -1;
	struct error ignored;
	struct statvfs fs;

	if (!path_open(root, target, PATH_IN_ROOT, O_PATH, 0, &mounted, &ignored) ||
	    fstatvfs(mounted, &fs) < 0)
		return false;
	autofree char *path = mem_printf("/proc/self/fd/%d", mounted);
	unsigned long flags = MS_BIND | MS_REMOUNT | MS_RDONLY;
	flags |= fs.f_flag & ST_NOSUID ? MS_NOSUID : 0;
	flags |= fs.f_flag & ST_NODEV ? MS_NODEV : 0;
	flags |= fs.f_flag & ST_NOEXEC ? MS_NOEXEC : 0;
	flags |= fs.f_flag & ST_NOATIME ? MS_NOATIME : 0;
	flags |= fs.f_flag & ST_NODIRATIME ? MS_NODIRATIME : 0;
	flags |= fs.f_flag & ST_RELATIME ? MS_RELATIME : 0;
	return mount(NULL, path, NULL, flags, NULL) == 0;
}

/* Nothing that is there is opened, but by O_PATH: who shares a volume in which it lies may put a
 * FIFO or a device there at any moment. */
static bool make_file(int root, const char *target, int *place, struct error *err)
{
	autofree char *path = path_past_links(root, target, err);
	char *base = path ? strrchr(path, '/') : NULL;
	autoclose int above = -1;

	if (!base)
		return false;
	*base++ = '\0';
	if (!path_make_dirs(root, path, 0755, &above, err))
		return false;
	*place = openat(above, base, O_RDONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (*place < 0 && errno == EEXIST) /* since a moment ago */
		*place = openat(above, base, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	return *place >= 0 || error_sys(err, "make %s", target);
}

/* What it is mounted on, made as its start would make it where the container was never started. */
static bool open_place(int root, const char *target, int source, int *place, struct error *err)
{
	struct stat info;

	if (path_open(root, target, PATH_IN_ROOT, O_PATH, 0, place, err))
		return true;
	if (fstat(source, &info) < 0)
		return error_sys(err, "look at what is mounted on %s", target);
	return S_ISDIR(info.st_mode) ? path_make_dirs(root, target, 0755, place, err)
				     : make_file(root, target, place, err);
}

/* An empty volume gets what the image has there, as at the container's start; but not one on which
 * something is mounted then. */
static bool fill_volume(const struct engine *engine, const struct container_mount *wanted, int root,
			struct error *err)
{
	autoarena struct arena arena = { 0 };
	struct volume volume = { 0 };
	bool is_empty = false;
	struct error ignored; /* one that is missing is made */
	const char *path;

	if (wanted->kind != MOUNT_VOLUME || !wanted->is_copied_up ||
	    (wanted->subpath && *wanted->subpath))
		return true;
	if (volume_read(engine, &arena, wanted->source, &volume, &ignored) && volume.options.count)
		return true;
	return volume_use(engine, &arena, wanted->source, &path, &is_empty, err) &&
	       (!is_empty || volume_copy_up(root, wanted->target, path, FILE_DURABLE, err));
}

/* All before anything is mounted: a link of the image's may lead to what the user mounts, and that
 * is not the image's. */
static bool fill_volumes(const struct engine *engine, const struct container *container, int root,
			 struct error *err)
{
	for (size_t i = 0; i < container->mount_count; i++)
		if (!fill_volume(engine, &container->mounts[i], root, err))
			return false;
	return true;
}

/* What is not there any more is not seen either, and is not counted. */
static bool mount_one(const struct engine *engine, const struct container *container, size_t number,
		      int root, size_t *count, struct error *err)
{
	const struct container_mount *wanted = &container->mounts[number];
	autoclose int from = -1, place = -1;
	struct error ignored;

	if (wanted->kind == MOUNT_TMPFS)
		return true;
	from = open_source(engine, container, number);
	if (from < 0 || !open_place(root, wanted->target, from, &place, &ignored))
		return true;
	autofree char *source = mem_printf("/proc/self/fd/%d", from);
	autofree char *target = mem_printf("/proc/self/fd/%d", place);
	if (mount(source, target, NULL, MS_BIND | MS_REC, NULL) < 0)
		return true;
	++*count;
	return !wanted->is_readonly || make_readonly(root, wanted->target) ||
	       error_sys(err, "make %s read-only", wanted->target);
}

/* As at its start: docker has it from the creation on. */
static void make_workdir(const struct container *container, int root)
{
	autoclose int fd = -1;
	struct error ignored; /* the start will say what is wrong */

	if (*container->workdir && !path_make_dirs(root, container->workdir, 0755, &fd, &ignored))
		return;
}

static bool open_stopped(struct engine *engine, const struct container *container,
			 enum tree_view view, int *root, struct error *err)
{
	autofree char *path = mem_printf("%s/containers/%s", engine->root, container->id);
	size_t mounted = 0;

	if (unshare(CLONE_NEWNS) < 0)
		return error_sys(err, "make a mount namespace (are you root?)");
	if (mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL) < 0)
		return error_sys(err, "make mounts private");
	if (!mount_root(engine, container, path, root, err))
		return false;
	if (view == TREE_VOLUMES) {
		make_workdir(container, *root);
		if (!fill_volumes(engine, container, *root, err))
			return false;
	}
	for (size_t i = 0; view == TREE_VOLUMES && i < container->mount_count; i++)
		if (!mounts_is_hidden(container, &container->mounts[i]) &&
		    !mount_one(engine, container, i, *root, &mounted, err))
			return false;
	if (!mounted)
		return true;
	/* A descriptor from before the mounts leads below them. */
	autofree char *target = mem_printf("%s/rootfs", path);
	mem_cleanup_close(root);
	*root = open(target, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return *root >= 0 || error_sys(err, "open the root file system");
}

bool tree_open(struct engine *engine, const struct container *container, enum tree_view view,
	       int *root, int *lock, struct error *err)
{
	autoarena struct arena arena = { 0 };
	struct status status;

	*root = *lock = -1;
	status_read(engine, &arena, container->id, &status);
	if (status_has_process(&status))
		return open_running(engine, container, &status, view, root, err);
	return claim_lock(engine, container->id, lock, err) &&
	       open_stopped(engine, container, view, root, err);
}

const char *tree_refusal(const struct container *container, int root, int dir, const char *name)
{
	autoclose int file = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	int place = file < 0 ? dir : file; /* a single file may be mounted */
	struct stat top, info;
	struct statvfs fs;

	if (fstat(root, &top) < 0 || fstat(place, &info) < 0 || fstatvfs(place, &fs) < 0)
		return NULL; /* writing will tell */
	if (top.st_dev == info.st_dev)
		return container->is_readonly ? "container rootfs is marked read-only" : NULL;
	return fs.f_flag & ST_RDONLY ? "mounted volume is marked read-only" : NULL;
}
