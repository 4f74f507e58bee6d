/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/volume.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/copytree.h"
#include "base/file.h"
#include "base/json.h"
#include "base/jsonout.h"
#include "base/path.h"
#include "engine/find.h"
#include "engine/happening.h"
#include "engine/ident.h"
#include "engine/status.h"
#include "engine/volumedir.h"
#include "engine/volumemount.h"

#define VOLUMES        VOLUMEDIR_ALL
#define DATA           VOLUMEDIR_DATA
#define DEFINITION     VOLUMEDIR_DEFINITION
#define DEFINITION_MAX (1 << 20)

bool volume_check_name(const char *name, struct error *err)
{
	if (strlen(name) < 2)
		return error_set(err, ERROR_INPUT,
				 "create %s: volume name is too short, names should be at least "
				 "two alphanumeric characters",
				 name);
	return find_is_name(name) ||
	       error_set(
		       err, ERROR_INPUT,
		       "create %s: \"%s\" includes invalid characters for a local volume name, "
		       "only \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you intended to pass a "
		       "host directory, use absolute path",
		       name, name);
}

/* On disk. ------------------------------------------------------------------------------------ */

static const char *path_of(const struct engine *engine, struct arena *arena, const char *name)
{
	return arena_printf(arena, "%s/" VOLUMES "/%s/" DATA, engine->root, name);
}

static bool is_volume_name(const char *text)
{
	return path_is_component(text) && text[0] != '.';
}

static bool open_volumes(const struct engine *engine, int *dir, struct error *err)
{
	*dir = openat(engine->store.root, VOLUMES, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return *dir >= 0 || errno == ENOENT || error_sys(err, "open the volumes");
}

static const char *time_text(struct arena *arena, time_t seconds)
{
	char text[32];
	struct tm parts;

	gmtime_r(&seconds, &parts);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts);
	return arena_strdup(arena, text);
}

static void write_definition(const struct volume *volume, struct buf *text)
{
	autoarena struct arena arena = { 0 };
	struct jsonout out;

	jsonout_init(&out, text, false);
	jsonout_object(&out, NULL);
	jsonout_text(&out, "created", time_text(&arena, time(NULL)));
	jsonout_texts(&out, "options", volume->options.items, volume->options.count);
	jsonout_texts(&out, "labels", volume->labels.items, volume->labels.count);
	jsonout_object_end(&out);
	jsonout_done(&out);
}

bool volume_create(const struct engine *engine, const struct volume *volume, struct error *err)
{
	autoarena struct arena arena = { 0 };
	autobuf struct buf text;
	bool is_new;

	buf_init(&text, DEFINITION_MAX);
	if (!volume_check_options(&volume->options, err))
		return error_in(err, "create %s", volume->name);
	if (access(path_of(engine, &arena, volume->name), F_OK) == 0)
		return true;
	write_definition(volume, &text);
	/* Without a definition it is one that nobody named: see read_definition. */
	if (!buf_check(&text, DEFINITION, err) ||
	    !volumedir_make(engine->store.root, volume->name, volume->is_anonymous ? NULL : &text,
			    &is_new, err))
		return false;
	if (is_new)
		happening_volume(engine, volume->name, "create");
	return true;
}

static bool read_definition(const struct engine *engine, struct arena *arena, struct volume *volume,
			    struct error *err)
{
	autofree char *file = mem_printf(VOLUMES "/%s/" DEFINITION, volume->name);
	autobuf struct buf text;
	const struct json *root;

	buf_init(&text, DEFINITION_MAX);
	if (!file_read(engine->store.root, file, &text, err)) {
		volume->is_anonymous = find_is_id(volume->name);
		return err->kind == ERROR_NOT_FOUND;
	}
	return json_parse(arena, DEFINITION, text.data, text.length, &root, err) &&
	       json_text_or(root, "created", volume->created, &volume->created, err) &&
	       json_text_array(arena, root, "options", &volume->options.items,
			       &volume->options.count, err) &&
	       json_text_array(arena, root, "labels", &volume->labels.items, &volume->labels.count,
			       err);
}

bool volume_read(const struct engine *engine, struct arena *arena, const char *name,
		 struct volume *volume, struct error *err)
{
	struct stat status;

	*volume = (struct volume){ .name = name, .path = path_of(engine, arena, name) };
	if (!is_volume_name(name) || stat(volume->path, &status) < 0)
		return error_set(err, ERROR_NOT_FOUND, "get %s: no such volume", name);
	volume->created = time_text(arena, status.st_mtime);
	return read_definition(engine, arena, volume, err) || error_in(err, "volume %s", name);
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
		if (volumedir_is_rubbish(dirfd(dir), entry->d_name))
			volumedir_bury(dirfd(dir), entry->d_name);
		else if (entry->d_name[0] != '.') /* is ours: no volume's name begins so */
			texts_add(names, arena_strdup(arena, entry->d_name));
	}
	return true;
}

bool volume_remove(const struct engine *engine, const char *name, enum file_lasting lasting,
		   struct error *err)
{
	autoarena struct arena arena = { 0 };
	autoclose int dir = -1;

	if (!open_volumes(engine, &dir, err))
		return false;
	if (dir < 0 || !is_volume_name(name) || faccessat(dir, name, F_OK, 0) != 0)
		return error_set(err, ERROR_NOT_FOUND, "get %s: no such volume", name);
	/* What is mounted there is not the volume's to lose. */
	if (!volume_unmount(path_of(engine, &arena, name), err) ||
	    !volumedir_remove(engine->store.root, name, lasting, err))
		return false;
	happening_volume(engine, name, "destroy");
	return true;
}

/* For containers. ----------------------------------------------------------------------------- */

bool volume_create_all(const struct engine *engine, const struct container *container,
		       struct error *err)
{
	for (size_t i = 0; i < container->mount_count; i++) {
		const struct container_mount *mount = &container->mounts[i];
		const struct volume volume = { .name = mount->source,
					       .options = mount->volume_options,
					       .labels = mount->volume_labels,
					       .is_anonymous = mount->is_anonymous &&
							       !mount->volume_options.count &&
							       !mount->volume_labels.count };

		if (mount->kind == MOUNT_VOLUME && !volume_create(engine, &volume, err))
			return false;
	}
	return true;
}

static bool is_empty_dir(int fd)
{
	autodir DIR *dir = file_list(fd, ".");

	if (!dir)
		return false;
	for (struct dirent *entry; (entry = readdir(dir));) {
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			return false;
	}
	return true;
}

bool volume_use(const struct engine *engine, struct arena *arena, const char *name,
		const char **path, bool *is_empty, struct error *err)
{
	*path = path_of(engine, arena, name);
	autoclose int dir = open(*path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0) {
		bool is_new;

		*is_empty = true;
		return volumedir_make(engine->store.root, name, NULL, &is_new, err);
	}
	*is_empty = is_empty_dir(dir) || volumedir_is_half_copied(dir);
	return true;
}

static bool copy_all(int from, int to, const char *target, enum file_lasting lasting,
		     struct error *err)
{
	if (is_empty_dir(from))
		return true;
	return (volumedir_begin_copy(to, err) && copy_tree(from, to, err) &&
		volumedir_end_copy(to, lasting, err)) ||
	       error_in(err, "copy %s into its volume", target);
}

bool volume_copy_up(int root, const char *target, const char *path, enum file_lasting lasting,
		    struct error *err)
{
	autoclose int from = -1;
	struct stat status;

	if (!path_open(root, target, PATH_IN_ROOT, O_RDONLY | O_DIRECTORY, 0, &from, err))
		return err->kind == ERROR_NOT_FOUND;
	autoclose int to = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (to < 0 || fstat(from, &status) < 0)
		return error_sys(err, "copy into volume %s", path);
	/* Owner and mode come before the mark goes: without it nobody comes back. */
	if (fchown(to, status.st_uid, status.st_gid) < 0 || fchmod(to, status.st_mode & 07777) < 0)
		return error_sys(err, "set the owner of volume %s", path);
	return copy_all(from, to, target, lasting, err);
}

const char *volume_anonymous_name(struct arena *arena)
{
	return ident_random(arena);
}

static bool has_volume(const struct container *container, const char *name)
{
	for (size_t i = 0; i < container->mount_count; i++) {
		const struct container_mount *mount = &container->mounts[i];

		if (mount->kind == MOUNT_VOLUME && strcmp(mount->source, name) == 0)
			return true;
	}
	return false;
}

/* Whether the container has the volume. One that has just gone has none. */
static bool look_at_user(const struct engine *engine, const char *id,
			 const struct volume_query *query, bool *is_user, struct error *err)
{
	autoarena struct arena arena = { 0 };
	struct container container = { 0 };
	bool is_read = container_read(engine, &arena, id, &container, err);

	*is_user = is_read && has_volume(&container, query->name) &&
		   (!query->is_running || status_is_running(engine, id));
	container_done(&container);
	return is_read || err->kind == ERROR_NOT_FOUND ||
	       error_in(err, "see whether container %.12s has volume %s", id, query->name);
}

bool volume_user(const struct engine *engine, struct arena *arena, const struct volume_query *query,
		 const char **user, struct error *err)
{
	autotexts struct texts ids = { 0 };
	bool is_known = find_all(engine, arena, &ids, err);

	*user = NULL;
	for (size_t i = 0; is_known && i < ids.count && !*user; i++) {
		bool is_user = false;

		if (query->except && strcmp(query->except, ids.items[i]) == 0)
			continue;
		is_known = look_at_user(engine, ids.items[i], query, &is_user, err);
		if (is_user)
			*user = ids.items[i];
	}
	return is_known;
}

static bool may_be_used(const struct engine *engine, const struct volume_query *query)
{
	autoarena struct arena arena = { 0 };
	struct error ignored;
	const char *user;

	return !volume_user(engine, &arena, query, &user, &ignored) || user;
}

bool volume_remove_anonymous(const struct engine *engine, const struct container *container,
			     struct error *err)
{
	enum file_lasting lasting = container->is_removed_on_exit ? FILE_VOLATILE : FILE_DURABLE;

	for (size_t i = 0; i < container->mount_count; i++) {
		const struct container_mount *mount = &container->mounts[i];
		const struct volume_query query = { .name = mount->source,
						    .except = container->id };

		if (mount->kind != MOUNT_VOLUME || !mount->is_anonymous ||
		    may_be_used(engine, &query))
			continue;
		if (!volume_remove(engine, mount->source, lasting, err) &&
		    err->kind != ERROR_NOT_FOUND)
			return false;
	}
	return true;
}

bool volume_mount_all(const struct engine *engine, const struct container *container, bool *has_any,
		      struct error *err)
{
	for (size_t i = 0; i < container->mount_count; i++) {
		const struct container_mount *mount = &container->mounts[i];
		autoarena struct arena arena = { 0 };
		struct volume volume;

		if (mount->kind != MOUNT_VOLUME || mount->is_anonymous)
			continue;
		if (!volume_read(engine, &arena, mount->source, &volume, err)) {
			if (err->kind != ERROR_NOT_FOUND) /* it is made later */
				return false;
			continue;
		}
		if (!volume.options.count)
			continue;
		*has_any = true;
		if (!volume_mount(&volume, err))
			return error_in(err, "error while mounting volume '%s'", volume.path);
	}
	return true;
}

bool volume_unmount_all(const struct engine *engine, const struct container *container,
			struct error *err)
{
	for (size_t i = 0; i < container->mount_count; i++) {
		const struct container_mount *mount = &container->mounts[i];
		autoarena struct arena arena = { 0 };
		const struct volume_query query = { .name = mount->source,
						    .except = container->id,
						    .is_running = true };
		struct volume volume;

		if (mount->kind != MOUNT_VOLUME || mount->is_anonymous ||
		    !volume_read(engine, &arena, mount->source, &volume, err) ||
		    !volume.options.count || may_be_used(engine, &query))
			continue;
		if (!volume_unmount(volume.path, err))
			return error_in(err, "volume %s", mount->source);
	}
	return true;
}
