/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/path.h"
#include "base/proc.h"
#include "runtime/specpart.h"

#define LOCK_WAIT_MS   10000
#define LOCK_STEP_MS   5
#define STATE_SIZE_MAX (16 << 20) /* annotations and hooks come from a config of half that */

/* -- directories ----------------------------------------------------------------------------- */

void state_dir_init(struct state_dir *dir)
{
	dir->root = -1;
	dir->dir = -1;
}

void state_dir_close(struct state_dir *dir)
{
	mem_cleanup_close(&dir->dir);
	mem_cleanup_close(&dir->root);
	state_dir_init(dir);
}

bool state_check_id(const char *id, struct error *err)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				      "0123456789_+-.";

	if (id[0] == '\0')
		return error_set(err, ERROR_INPUT, "container id cannot be empty");
	if (id[strspn(id, allowed)] != '\0' || !path_is_component(id) || strlen(id) > STATE_ID_MAX)
		return error_set(err, ERROR_INPUT,
				 "invalid container ID format: letters, digits and _+-. only, "
				 "%d at most",
				 STATE_ID_MAX);
	return true;
}

/* Whoever may write to the root could put a state of his own there, and with it the pids we kill
 * and the groups we remove. */
static bool check_root(int root, const char *name, struct error *err)
{
	struct stat info;

	if (fstat(root, &info) < 0)
		return error_sys(err, "look at state directory %s", name);
	if (info.st_uid != geteuid() || info.st_mode & (S_IWGRP | S_IWOTH))
		return error_set(err, ERROR_DENIED,
				 "state directory %s must belong to the caller and be writable by "
				 "nobody else: use another --root",
				 name);
	return true;
}

/* What an ordinary user may have forgotten. */
static const char *advice(int reason)
{
	return reason == EACCES && geteuid() != 0 ? " (set XDG_RUNTIME_DIR, or use --root)" : "";
}

static bool open_root(const char *name, int *root, struct error *err)
{
	*root = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*root < 0)
		return error_sys(err, "open state directory %s%s", name, advice(errno));
	return check_root(*root, name, err);
}

static bool lock(const struct state_dir *dir, const char *id, int mode, struct error *err)
{
	const struct timespec pause = { .tv_nsec = LOCK_STEP_MS * 1000000L };

	for (int waited = 0; flock(dir->dir, mode | LOCK_NB) < 0; waited += LOCK_STEP_MS) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return error_sys(err, "lock container %s", id);
		if (waited >= LOCK_WAIT_MS)
			return error_set(err, ERROR_EXISTS,
					 "container %s is being created or started by another "
					 "process (is a hook hanging?): try again later",
					 id);
		nanosleep(&pause, NULL);
	}
	return true;
}

bool state_lock(const struct state_dir *dir, const char *id, struct error *err)
{
	return lock(dir, id, LOCK_EX, err);
}

bool state_settle(const struct state_dir *dir, const char *id, struct error *err)
{
	if (!lock(dir, id, LOCK_SH, err))
		return false;
	state_unlock(dir);
	return true;
}

void state_unlock(const struct state_dir *dir)
{
	flock(dir->dir, LOCK_UN);
}

bool state_reserve(const char *root, const char *id, struct state_dir *dir, struct error *err)
{
	if (!state_check_id(id, err))
		return false;
	if (!open_root(root, &dir->root, err)) {
		if (err->kind != ERROR_NOT_FOUND)
			return false;
		/* Sticky, or those who clean $XDG_RUNTIME_DIR up might take it for old. */
		if (!path_make_own_dirs(root, 0700 | S_ISVTX, err))
			return error_in(err, "make state directory%s", advice(err->sys));
		if (!open_root(root, &dir->root, err))
			return false;
	}
	if (mkdirat(dir->root, id, 0711) < 0) {
		if (errno == EEXIST)
			return error_set(err, ERROR_EXISTS,
					 "container with given ID already exists: %s", id);
		return error_sys(err, "make state directory of %s", id);
	}
	dir->dir = openat(dir->root, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir->dir < 0) {
		error_sys(err, "open state directory of %s", id);
		unlinkat(dir->root, id, AT_REMOVEDIR);
		return false;
	}
	return state_lock(dir, id, err);
}

bool state_find(const char *root, const char *id, struct state_dir *dir, struct error *err)
{
	if (!state_check_id(id, err))
		return false;
	if (!open_root(root, &dir->root, err))
		return err->kind == ERROR_NOT_FOUND
			       ? error_set(err, ERROR_NOT_FOUND, "container does not exist: %s", id)
			       : false;
	dir->dir = openat(dir->root, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir->dir < 0 && errno == ENOENT)
		return error_set(err, ERROR_NOT_FOUND, "container does not exist: %s", id);
	if (dir->dir < 0)
		return error_sys(err, "open state directory of %s", id);
	return true;
}

/* Someone may have forced the container away and another may have taken its name. */
static bool is_same(const struct state_dir *dir, const char *id)
{
	struct stat ours, named;

	return fstat(dir->dir, &ours) == 0 &&
	       fstatat(dir->root, id, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
	       ours.st_ino == named.st_ino && ours.st_dev == named.st_dev;
}

bool state_remove(const struct state_dir *dir, const char *id, struct error *err)
{
	static const char *const files[] = { STATE_FILE, STATE_CONFIG, STATE_FIFO, STATE_RESULT };

	if (!is_same(dir, id))
		return true;
	for (size_t i = 0; i < COUNT_OF(files); i++)
		unlinkat(dir->dir, files[i], 0);
	if (unlinkat(dir->root, id, AT_REMOVEDIR) == 0 || errno == ENOENT)
		return true;
	return path_remove_tree(dir->root, id, err);
}

/* -- writing --------------------------------------------------------------------------------- */

static void write_cgroup(struct jsonout *out, const struct cgroup *cgroup)
{
	jsonout_bool(out, "cgroup_unified", cgroup->is_unified);
	jsonout_object(out, "cgroup_paths");
	for (size_t i = 0; i < cgroup->count; i++)
		jsonout_text(out, cgroup->places[i].controllers, cgroup->places[i].path);
	jsonout_object_end(out);
	if (cgroup->unit.name) {
		jsonout_text(out, "systemd_unit", cgroup->unit.name);
		jsonout_bool(out, "systemd_user", cgroup->unit.is_user);
		jsonout_bool(out, "systemd_started", cgroup->unit.is_started);
	}
}

static void write_rdt(struct jsonout *out, const struct rdt *rdt)
{
	if (!rdt->group)
		return;
	jsonout_text(out, "intel_rdt_root", rdt->root);
	jsonout_text(out, "intel_rdt_path", rdt->group);
	if (rdt->monitor)
		jsonout_text(out, "intel_rdt_monitor", rdt->monitor);
	jsonout_bool(out, "intel_rdt_own", rdt->is_own);
}

/* The names are runc's where it has one: monitoring tools read them. */
bool state_save(const struct state_dir *dir, const struct state *state, struct error *err)
{
	autobuf struct buf text = { 0 };
	struct jsonout out;

	buf_init(&text, STATE_SIZE_MAX);
	jsonout_init(&out, &text, false);
	jsonout_object(&out, NULL);
	jsonout_text(&out, "id", state->id);
	jsonout_int(&out, "init_process_pid", state->pid);
	jsonout_int(&out, "init_process_start", (int64_t)state->start_time);
	jsonout_text(&out, "created", state->created);
	jsonout_text(&out, "ociVersion", state->version);
	jsonout_text(&out, "bundle", state->bundle);
	jsonout_bool(&out, "own_pid_namespace", state->has_pid_namespace);
	jsonout_bool(&out, "no_new_keyring", state->is_without_keyring);
	if (state->root_mount)
		jsonout_int(&out, "root_mount", state->root_mount);
	jsonout_object(&out, "config");
	jsonout_text(&out, "rootfs", state->rootfs);
	jsonout_object_end(&out);
	write_cgroup(&out, &state->cgroup);
	write_rdt(&out, &state->rdt);
	if (state->annotations)
		jsonout_json(&out, "annotations", state->annotations);
	if (state->raw_hooks)
		jsonout_json(&out, "hooks", state->raw_hooks);
	jsonout_object_end(&out);
	jsonout_done(&out);
	return buf_check(&text, STATE_FILE, err) &&
	       file_replace(dir->dir, STATE_FILE, text.data, text.length, 0600, FILE_VOLATILE, err);
}

bool state_save_config(const struct state_dir *dir, const struct buf *text, struct error *err)
{
	autoclose int fd =
		openat(dir->dir, STATE_CONFIG, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0)
		return error_sys(err, "make %s", STATE_CONFIG);
	return file_write(fd, STATE_CONFIG, text->data, text->length, err);
}

void state_write(struct jsonout *out, const struct state *state, enum container_status status,
		 pid_t pid)
{
	jsonout_text(out, "ociVersion", state->version);
	jsonout_text(out, "id", state->id);
	jsonout_int(out, "pid", status == CONTAINER_STOPPED ? 0 : pid);
	jsonout_text(out, "status", container_status_name(status));
	jsonout_text(out, "bundle", state->bundle);
	jsonout_text(out, "rootfs", state->rootfs);
	jsonout_text(out, "created", state->created);
	if (state->annotations && state->annotations->count > 0)
		jsonout_json(out, "annotations", state->annotations);
}

/* -- reading --------------------------------------------------------------------------------- */

static bool read_cgroup(const struct json *root, struct cgroup *cgroup, struct error *err)
{
	const struct json *paths;

	if (!json_bool_or(root, "cgroup_unified", false, &cgroup->is_unified, err) ||
	    !json_object_or_null(root, "cgroup_paths", &paths, err))
		return false;
	for (const struct json *item = paths ? paths->child : NULL; item; item = item->next) {
		const char *path;

		if (!json_as_text(item, &path, err))
			return false;
		if (cgroup->count == CGROUP_PLACES_MAX)
			return json_wrong(item, err, "too many control groups");
		cgroup->places[cgroup->count++] = (struct cgroup_place){
			.controllers = mem_strdup(item->key), .path = mem_strdup(path), .dir = -1
		};
	}
	return true;
}

static bool read_rdt(const struct json *root, struct rdt *rdt, struct error *err)
{
	return json_text_or(root, "intel_rdt_root", NULL, &rdt->root, err) &&
	       json_text_or(root, "intel_rdt_path", NULL, &rdt->group, err) &&
	       json_text_or(root, "intel_rdt_monitor", NULL, &rdt->monitor, err) &&
	       json_bool_or(root, "intel_rdt_own", false, &rdt->is_own, err);
}

static bool read_unit(const struct json *root, struct cgroup_unit *unit, struct error *err)
{
	const char *name;

	if (!json_text_or(root, "systemd_unit", NULL, &name, err) ||
	    !json_bool_or(root, "systemd_user", false, &unit->is_user, err) ||
	    !json_bool_or(root, "systemd_started", false, &unit->is_started, err))
		return false;
	unit->name = mem_strdup(name);
	return true;
}

static bool read_state(const struct json *root, struct state *state, struct error *err)
{
	struct spec hooks = { 0 };
	struct spec_reader reader = { .arena = state->arena, .spec = &hooks, .err = err };
	int64_t pid, start;

	if (!json_text(root, "id", &state->id, err) ||
	    !json_int(root, "init_process_pid", &pid, err) ||
	    !json_int(root, "init_process_start", &start, err) ||
	    !json_text(root, "created", &state->created, err) ||
	    !json_text(root, "ociVersion", &state->version, err) ||
	    !json_text(root, "bundle", &state->bundle, err) ||
	    !json_bool_or(root, "own_pid_namespace", false, &state->has_pid_namespace, err) ||
	    !json_bool_or(root, "no_new_keyring", false, &state->is_without_keyring, err) ||
	    !json_int_or(root, "root_mount", 0, &state->root_mount, err) ||
	    !json_text(json_get(root, "config"), "rootfs", &state->rootfs, err) ||
	    !json_object_or_null(root, "annotations", &state->annotations, err) ||
	    !json_object_or_null(root, "hooks", &state->raw_hooks, err) ||
	    !spec_read_hooks(&reader, root) || !read_cgroup(root, &state->cgroup, err) ||
	    !read_rdt(root, &state->rdt, err) || !read_unit(root, &state->cgroup.unit, err))
		return false;
	if (pid < 1 || pid > INT32_MAX)
		return json_wrong(json_get(root, "init_process_pid"), err, "not a process id");
	memcpy(state->hooks, hooks.hooks, sizeof(state->hooks));
	state->pid = (pid_t)pid;
	state->start_time = (unsigned long long)start;
	return true;
}

bool state_load(const struct state_dir *dir, struct arena *arena, struct state *state,
		struct error *err)
{
	autobuf struct buf text = { 0 };
	const struct json *root;
	struct stat info;

	*state = (struct state){ .arena = arena };
	buf_init(&text, STATE_SIZE_MAX);
	if (!file_read(dir->dir, STATE_FILE, &text, err))
		return err->kind == ERROR_NOT_FOUND
			       ? error_set(err, ERROR_NOT_FOUND, "container does not exist")
			       : false;
	if (fstat(dir->dir, &info) == 0)
		state->owner = info.st_uid;
	if (!json_parse(arena, "container state", text.data, text.length, &root, err))
		return false;
	if (root->type != JSON_OBJECT)
		return json_expected(root, "an object", err);
	if (json_get(root, "init_process_pid") && !json_get(root, "ociVersion"))
		return error_set(err, ERROR_UNSUPPORTED,
				 "it is runc's container: use runc for it, or another --root");
	return read_state(root, state, err);
}

void state_done(struct state *state)
{
	cgroup_done(&state->cgroup);
}

enum container_status state_status(const struct state_dir *dir, const struct state *state)
{
	struct stat info;

	if (!proc_is_alive(state->pid, state->start_time))
		return CONTAINER_STOPPED;
	if (cgroup_is_frozen(&state->cgroup))
		return CONTAINER_PAUSED;
	return fstatat(dir->dir, STATE_FIFO, &info, AT_SYMLINK_NOFOLLOW) == 0 ? CONTAINER_CREATED
									      : CONTAINER_RUNNING;
}
