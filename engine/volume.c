/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/volume.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/path.h"

#define VOLUMES    "volumes"
#define DATA       "_data"
#define NAME_BYTES 32
#define DEPTH_MAX  256 /* directories within each other that are copied */

static bool is_empty_dir(int fd)
{
	int own = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	autodir DIR *dir = own < 0 ? NULL : fdopendir(own);

	if (!dir) {
		mem_cleanup_close(&own);
		return false;
	}
	for (struct dirent *entry; (entry = readdir(dir));) {
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			return false;
	}
	return true;
}

bool volume_use(const struct engine *engine, struct arena *arena, const char *name,
		const char **path, bool *is_empty, struct error *err)
{
	*path = arena_printf(arena, "%s/" VOLUMES "/%s/" DATA, engine->root, name);
	autoclose int dir = open(*path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0) {
		if (!path_make_own_dirs(*path, 0701, err) || chmod(*path, 0755) < 0)
			return error_in(err, "make volume %s", name);
		*is_empty = true;
		return true;
	}
	*is_empty = is_empty_dir(dir);
	return true;
}

const char *volume_anonymous_name(struct arena *arena)
{
	unsigned char bytes[NAME_BYTES] = { 0 };
	char *name = arena_alloc(arena, 2 * NAME_BYTES + 1);

	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		bytes[0] = 1; /* cannot happen for so few bytes */
	for (size_t i = 0; i < NAME_BYTES; i++)
		snprintf(name + 2 * i, 3, "%02x", bytes[i]);
	return name;
}

static bool open_volumes(const struct engine *engine, int *dir, struct error *err)
{
	*dir = openat(engine->store.root, VOLUMES, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return *dir >= 0 || errno == ENOENT || error_sys(err, "open the volumes");
}

bool volume_remove(const struct engine *engine, const char *name, struct error *err)
{
	autoclose int dir = -1;

	if (!open_volumes(engine, &dir, err))
		return false;
	if (dir < 0 || !path_is_component(name) || faccessat(dir, name, F_OK, 0) != 0)
		return error_set(err, ERROR_NOT_FOUND, "get %s: no such volume", name);
	return path_remove_tree(dir, name, err);
}

bool volume_remove_anonymous(const struct engine *engine, const struct container *container,
			     struct error *err)
{
	for (size_t i = 0; i < container->mount_count; i++) {
		const struct container_mount *mount = &container->mounts[i];

		if (mount->kind == MOUNT_VOLUME && mount->is_anonymous &&
		    !volume_remove(engine, mount->source, err) && err->kind != ERROR_NOT_FOUND)
			return false;
	}
	return true;
}

bool volume_list(const struct engine *engine, struct arena *arena, struct texts *names,
		 struct error *err)
{
	autoclose int fd = -1;

	if (!open_volumes(engine, &fd, err))
		return false;
	if (fd < 0)
		return true;
	autodir DIR *dir = fdopendir(take_fd(&fd));
	for (struct dirent *entry; dir && (entry = readdir(dir));) {
		if (path_is_component(entry->d_name))
			texts_add(names, arena_strdup(arena, entry->d_name));
	}
	return true;
}

/* Copy-up. Both sides are walked by descriptors and never follow a symlink: the image is a
 * stranger's. --------------------------------------------------------------------------------- */

static bool copy_dir(int from, int to, int depth, struct error *err);

/* From one hole to the next. A file of the image's may claim a size that no disk has. */
static bool copy_extent(int in, int out, off_t at, const char *name, struct error *err)
{
	off_t end = lseek(in, at, SEEK_HOLE);

	if (end < 0 || lseek(out, at, SEEK_SET) < 0)
		return error_sys(err, "copy %s", name);
	while (at < end) {
		ssize_t moved = sendfile(out, in, &at, (size_t)(end - at));

		if (moved < 0)
			return error_sys(err, "copy %s", name);
		if (moved == 0)
			break;
	}
	return true;
}

static bool copy_bytes(int from, const char *name, int to_dir, const struct stat *status,
		       struct error *err)
{
	autoclose int in = openat(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	autoclose int out = openat(to_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	off_t at = 0;

	if (in < 0 || out < 0)
		return error_sys(err, "copy %s", name);
	while ((at = lseek(in, at, SEEK_DATA)) >= 0) {
		if (!copy_extent(in, out, at, name, err))
			return false;
		at = lseek(in, at, SEEK_HOLE);
	}
	if (errno != ENXIO || ftruncate(out, status->st_size) < 0) /* ENXIO: nothing follows */
		return error_sys(err, "copy %s", name);
	return true;
}

static bool copy_link(int from, const char *name, int to, struct error *err)
{
	char target[PATH_MAX];
	ssize_t length = readlinkat(from, name, target, sizeof(target) - 1);

	if (length < 0)
		return error_sys(err, "copy link %s", name);
	target[length] = '\0';
	return symlinkat(target, to, name) == 0 || error_sys(err, "copy link %s", name);
}

/* The volume may be another container's too, and it may put a symlink where we have just written:
 * so the mode goes to what was opened, never to a name. */
static bool copy_mode(int to, const char *name, const struct stat *status, struct error *err)
{
	char path[sizeof("/proc/self/fd/") + 12];
	autoclose int fd = openat(to, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat found;

	if (fd < 0 || fstat(fd, &found) < 0)
		return error_sys(err, "open %s", name);
	if (((found.st_mode ^ status->st_mode) & S_IFMT) != 0)
		return error_set(err, ERROR_EXISTS, "%s was replaced meanwhile", name);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return chmod(path, status->st_mode & 07777) == 0 || error_sys(err, "chmod %s", name);
}

static bool copy_owner(int to, const char *name, const struct stat *status, struct error *err)
{
	const struct timespec times[2] = { status->st_atim, status->st_mtim };

	if (fchownat(to, name, status->st_uid, status->st_gid, AT_SYMLINK_NOFOLLOW) < 0)
		return error_sys(err, "set the owner of %s", name);
	if (!S_ISLNK(status->st_mode) && !copy_mode(to, name, status, err))
		return false;
	return utimensat(to, name, times, AT_SYMLINK_NOFOLLOW) == 0 ||
	       error_sys(err, "set the times of %s", name);
}

static bool copy_subdir(int from, const char *name, int to, int depth, struct error *err)
{
	autoclose int in = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (in < 0 || mkdirat(to, name, 0700) < 0)
		return error_sys(err, "copy directory %s", name);
	autoclose int out = openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (out < 0)
		return error_sys(err, "copy directory %s", name);
	return copy_dir(in, out, depth + 1, err);
}

static bool copy_entry(int from, const char *name, int to, int depth, struct error *err)
{
	struct stat status;
	bool is_done = true;

	if (fstatat(from, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
		return error_sys(err, "look at %s", name);
	if (S_ISDIR(status.st_mode))
		is_done = copy_subdir(from, name, to, depth, err);
	else if (S_ISREG(status.st_mode))
		is_done = copy_bytes(from, name, to, &status, err);
	else if (S_ISLNK(status.st_mode))
		is_done = copy_link(from, name, to, err);
	else if (S_ISFIFO(status.st_mode))
		is_done = mkfifoat(to, name, 0600) == 0 || error_sys(err, "copy %s", name);
	else
		return true; /* devices and sockets mean nothing in a volume */
	return is_done && copy_owner(to, name, &status, err);
}

static bool copy_dir(int from, int to, int depth, struct error *err)
{
	int own = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	autodir DIR *dir = own < 0 ? NULL : fdopendir(own);

	if (!dir) {
		mem_cleanup_close(&own);
		return error_sys(err, "read the image's directory");
	}
	if (depth > DEPTH_MAX)
		return error_set(err, ERROR_INPUT, "directories are nested more than %d deep",
				 DEPTH_MAX);
	for (struct dirent *entry; (entry = readdir(dir));) {
		if (path_is_component(entry->d_name) &&
		    !copy_entry(from, entry->d_name, to, depth, err))
			return false;
	}
	return true;
}

bool volume_copy_up(int root, const char *target, const char *path, struct error *err)
{
	autoclose int from = -1;
	struct stat status;

	if (!path_open(root, target, PATH_IN_ROOT, O_RDONLY | O_DIRECTORY, 0, &from, err))
		return err->kind == ERROR_NOT_FOUND;
	autoclose int to = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (to < 0 || fstat(from, &status) < 0)
		return error_sys(err, "copy into volume %s", path);
	if (!copy_dir(from, to, 0, err))
		return error_in(err, "copy %s into its volume", target);
	if (fchown(to, status.st_uid, status.st_gid) < 0 || fchmod(to, status.st_mode & 07777) < 0)
		return error_sys(err, "set the owner of volume %s", path);
	return true;
}
