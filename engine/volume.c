/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/volume.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/copytree.h"
#include "base/path.h"
#include "engine/ident.h"

#define VOLUMES "volumes"
#define DATA    "_data"

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
	return ident_random(arena);
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

bool volume_copy_up(int root, const char *target, const char *path, struct error *err)
{
	autoclose int from = -1;
	struct stat status;

	if (!path_open(root, target, PATH_IN_ROOT, O_RDONLY | O_DIRECTORY, 0, &from, err))
		return err->kind == ERROR_NOT_FOUND;
	autoclose int to = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (to < 0 || fstat(from, &status) < 0)
		return error_sys(err, "copy into volume %s", path);
	if (!copy_tree(from, to, err))
		return error_in(err, "copy %s into its volume", target);
	if (fchown(to, status.st_uid, status.st_gid) < 0 || fchmod(to, status.st_mode & 07777) < 0)
		return error_sys(err, "set the owner of volume %s", path);
	return true;
}
