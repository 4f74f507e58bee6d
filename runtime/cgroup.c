/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "runtime/cgroupfile.h"
#include "runtime/cgroupsystemd.h"
#include "runtime/unitprop.h"

/*
 * How joining works, and why. Writing a pid to a v1 cgroup.procs makes the kernel wait for a whole
 * RCU grace period (10 ms and more), because it must hold the thread group still. A single thread
 * that moves *itself* by writing "0" to `tasks` needs no such lock. So the parent makes the groups
 * and sends init their open `tasks` files (doors), and init walks through. On v2 the clone itself
 * puts init into the group (CLONE_INTO_CGROUP).
 */

/* -- files ----------------------------------------------------------------------------------- */

int cgroup_open_file(const struct cgroup_place *place, const char *file, int flags)
{
	if (place->dir >= 0)
		return openat(place->dir, file, flags | O_CLOEXEC | O_NOFOLLOW);

	autofree char *path = mem_printf("%s/%s", place->path, file);

	return open(path, flags | O_CLOEXEC | O_NOFOLLOW);
}

bool cgroup_write(const struct cgroup_place *place, const char *file, const char *value,
		  struct error *err)
{
	autoclose int fd = cgroup_open_file(place, file, O_WRONLY);

	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		return error_sys(err, "write \"%s\" to %s of cgroup %s", value, file, place->path);
	return true;
}

bool cgroup_write_number(const struct cgroup_place *place, const char *file, int64_t number,
			 struct error *err)
{
	char text[24];

	snprintf(text, sizeof(text), "%lld", (long long)number);
	return cgroup_write(place, file, text, err);
}

bool cgroup_read(const struct cgroup_place *place, const char *file, char *text, size_t size)
{
	autoclose int fd = cgroup_open_file(place, file, O_RDONLY);
	ssize_t got = fd < 0 ? -1 : read(fd, text, size - 1);

	if (got < 0)
		return false;
	text[got] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return true;
}

/* -- making ---------------------------------------------------------------------------------- */

/* A cpuset without CPUs and memory nodes accepts no process: inherit them, from the top down.
 * *is_bare: there is nothing to inherit, for the group above is as empty. */
static bool fill_cpuset(const struct cgroup_place *place, bool *is_bare, struct error *err)
{
	static const char *const files[] = { "cpuset.cpus", "cpuset.mems" };
	const char *slash = strrchr(place->path, '/');
	autofree char *above = mem_strdup(place->path);
	struct cgroup_place parent = { .path = above, .dir = -1 };
	char value[1024], inherited[1024];

	*is_bare = false;
	above[slash - place->path] = '\0';
	for (size_t i = 0; i < COUNT_OF(files); i++) {
		if (cgroup_read(place, files[i], value, sizeof(value)) && value[0])
			continue;
		if (!cgroup_read(&parent, files[i], inherited, sizeof(inherited)))
			return error_sys(err, "read %s of cgroup %s", files[i], above);
		*is_bare = *is_bare || !inherited[0];
		if (inherited[0] && !cgroup_write(place, files[i], inherited, err))
			return false;
	}
	return true;
}

static bool is_word_of(const char *words, const char *word, size_t length)
{
	for (const char *at = words; (at = strstr(at, word)) != NULL; at += length)
		if ((at == words || at[-1] == ' ') && (at[length] == ' ' || at[length] == '\0'))
			return true;
	return false;
}

/* On v2 a controller must be handed down by every group above. At once; but if one is refused
 * (it may be in use in another way), one by one, so that it does not spoil the others. */
static void hand_down(char *path)
{
	struct cgroup_place above = { .path = path, .dir = -1 };
	char there[1024], given[1024], missing[1024] = "", one[64];
	char *rest = there, *end = missing;
	struct error ignored;

	if (!cgroup_read(&above, "cgroup.controllers", there, sizeof(there)) ||
	    !cgroup_read(&above, "cgroup.subtree_control", given, sizeof(given)))
		return;
	for (char *name; (name = strsep(&rest, " ")) != NULL;)
		if (*name && !is_word_of(given, name, strlen(name)) &&
		    strlen(name) + 3 < sizeof(missing) - (size_t)(end - missing))
			end += sprintf(end, "%s+%s", end == missing ? "" : " ", name);
	if (!missing[0] || cgroup_write(&above, "cgroup.subtree_control", missing, &ignored))
		return;
	rest = missing;
	for (char *name; (name = strsep(&rest, " ")) != NULL;) {
		snprintf(one, sizeof(one), "%s", name);
		(void)!cgroup_write(&above, "cgroup.subtree_control", one, &ignored);
	}
}

/* Makes missing groups above `path`, and prepares them. */
static bool make_above(const struct cgroup *cgroup, const struct cgroup_place *place,
		       struct error *err)
{
	autofree char *path = mem_strdup(place->path);
	bool is_cpuset = strstr(place->controllers, "cpuset") != NULL;

	for (char *slash = path + place->top; *slash; slash += strcspn(slash + 1, "/") + 1) {
		struct cgroup_place here = { .path = path, .dir = -1 };
		bool is_top = slash == path + place->top;
		bool is_bare;

		*slash = '\0';
		if (!is_top && mkdir(path, 0755) < 0 && errno != EEXIST)
			return error_sys(err, "make cgroup %s", path);
		if (is_cpuset && !is_top && !fill_cpuset(&here, &is_bare, err))
			return false;
		if (cgroup->is_unified)
			hand_down(path);
		*slash = '/';
	}
	return true;
}

/* A group that was there before: joining others' processes, or a frozen group, is refused. */
static bool check_free(const struct cgroup *cgroup, const struct cgroup_place *place,
		       struct error *err)
{
	struct cgroup_pids pids = { 0 };
	bool is_known = cgroup_list_place(place, &pids, err);
	size_t count = pids.count;

	cgroup_pids_done(&pids);
	if (!is_known)
		return false;
	if (count > 0)
		return error_set(err, ERROR_EXISTS,
				 "container's cgroup is not empty: %zu process(es) found in %s",
				 count, place->path);
	if (cgroup_is_stuck(cgroup))
		return error_set(err, ERROR_EXISTS, "container's cgroup unexpectedly frozen: %s",
				 place->path);
	return true;
}

/* Somebody may have made the groups above, and left them empty. */
static bool set_up_cpuset(const struct cgroup *cgroup, const struct cgroup_place *place,
			  struct error *err)
{
	bool is_bare;

	if (strstr(place->controllers, "cpuset") == NULL)
		return true;
	return fill_cpuset(place, &is_bare, err) &&
	       (!is_bare || (make_above(cgroup, place, err) && fill_cpuset(place, &is_bare, err)));
}

static bool make_place(const struct cgroup *cgroup, struct cgroup_place *place, struct error *err)
{
	int made = cgroup->is_unified ? -1 : mkdir(place->path, 0755);

	if (made < 0 && (errno == ENOENT || cgroup->is_unified)) {
		if (!make_above(cgroup, place, err))
			return false;
		made = mkdir(place->path, 0755);
	}
	if (made < 0 && errno != EEXIST)
		return error_sys(err, "make cgroup %s", place->path);
	place->is_new = made == 0;
	place->dir = open(place->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (place->dir < 0)
		return error_sys(err, "open cgroup %s", place->path);
	if (!place->is_new && !cgroup->unit.is_started && !check_free(cgroup, place, err))
		return false;
	return set_up_cpuset(cgroup, place, err);
}

static void forget_place(struct cgroup_place *place)
{
	mem_cleanup_close(&place->dir);
	free(place->controllers);
	free(place->path);
}

bool cgroup_make(struct cgroup *cgroup, struct error *err)
{
	for (size_t i = 0; i < cgroup->count; i++)
		if (cgroup->places[i].dir < 0 && !make_place(cgroup, &cgroup->places[i], err))
			return false;
	return true;
}

const struct cgroup_place *cgroup_birthplace(const struct cgroup *cgroup)
{
	for (size_t i = 0; i < cgroup->count; i++)
		if (!cgroup->places[i].controllers[0])
			return &cgroup->places[i];
	return NULL;
}

bool cgroup_make_birthplace(struct cgroup *cgroup, struct error *err)
{
	const struct cgroup_place *found = cgroup_birthplace(cgroup);
	struct cgroup_place *place = found ? &cgroup->places[found - cgroup->places] : NULL;
	struct error failure;

	if (!place || make_place(cgroup, place, &failure))
		return true;
	if (failure.kind == ERROR_EXISTS) {
		*err = failure;
		return false;
	}
	forget_place(place);
	*place = cgroup->places[--cgroup->count];
	return true;
}

bool cgroup_limit(const struct cgroup *cgroup, const struct spec *spec, struct error *err)
{
	struct spec rounded;

	if (cgroup->unit.name) { /* so that systemd and the kernel's file say the same */
		rounded = *spec;
		rounded.resources.cpu_quota =
			unitprop_round_quota(spec->resources.cpu_quota, spec->resources.cpu_period);
		spec = &rounded;
	}
	return cgroup->is_unified ? cgroup_limit_v2(cgroup, spec, err)
				  : cgroup_limit_v1(cgroup, spec, err);
}

/* -- delegating ------------------------------------------------------------------------------ */

#define DELEGATE_MAX 4096 /* bytes of the kernel's list of files */

static bool is_writable_inside(const struct spec *spec)
{
	const struct spec_namespace *space = &spec->namespaces[NAMESPACE_CGROUP];

	for (size_t i = 0; i < spec->mount_count; i++)
		if (strncmp(spec->mounts[i].type, "cgroup", 6) == 0 &&
		    strcmp(spec->mounts[i].destination, "/sys/fs/cgroup") == 0)
			return space->is_wanted && !space->path &&
			       !(spec->mounts[i].flags & MS_RDONLY);
	return false;
}

/* The host's number of the container's user; false: not mapped. */
static bool find_owner(const struct spec *spec, uid_t *owner)
{
	*owner = spec->process.user.uid;
	if (!spec->namespaces[NAMESPACE_USER].is_wanted)
		return true;
	for (size_t i = 0; i < spec->uid_map_count; i++) {
		const struct spec_id_map *map = &spec->uid_maps[i];

		if (*owner >= map->inside && *owner - map->inside < map->count) {
			*owner += map->outside - map->inside;
			return true;
		}
	}
	return false;
}

bool cgroup_delegate(const struct cgroup *cgroup, const struct spec *spec, struct error *err)
{
	autobuf struct buf text = { 0 };
	const struct cgroup_place *place = &cgroup->places[0];
	struct error ignored;
	uid_t owner;

	if (!cgroup->is_unified || cgroup->count == 0 || !is_writable_inside(spec) ||
	    !find_owner(spec, &owner))
		return true;
	buf_init(&text, DELEGATE_MAX);
	if (!file_read(AT_FDCWD, "/sys/kernel/cgroup/delegate", &text, &ignored)) {
		buf_clear(&text);
		buf_add_text(&text, "cgroup.procs\ncgroup.subtree_control\ncgroup.threads");
	}
	if (fchown(place->dir, owner, (gid_t)-1) < 0)
		return error_sys(err, "give cgroup %s to user %u", place->path, owner);

	char *rest = text.data;

	for (char *file; (file = strsep(&rest, "\n")) != NULL;)
		if (*file &&
		    fchownat(place->dir, file, owner, (gid_t)-1, AT_SYMLINK_NOFOLLOW) < 0 &&
		    errno != ENOENT)
			return error_sys(err, "give %s of cgroup %s to user %u", file, place->path,
					 owner);
	return true;
}

/* -- joining --------------------------------------------------------------------------------- */

bool cgroup_doors(const struct cgroup *cgroup, bool is_born_there, int fds[CGROUP_PLACES_MAX],
		  size_t *count, struct error *err)
{
	*count = 0;
	for (size_t i = 0; i < cgroup->count; i++) {
		const struct cgroup_place *place = &cgroup->places[i];
		const char *file = place->controllers[0] ? "tasks" : "cgroup.procs";

		if (is_born_there && !place->controllers[0])
			continue;
		fds[*count] = cgroup_open_file(place, file, O_WRONLY);
		if (fds[*count] < 0) {
			error_sys(err, "open %s of cgroup %s", file, place->path);
			while (*count > 0)
				close(fds[--*count]);
			return false;
		}
		++*count;
	}
	return true;
}

bool cgroup_enter(const int *doors, size_t count, struct error *err)
{
	for (size_t i = 0; i < count; i++) {
		if (write(doors[i], "0", 1) < 0)
			return error_sys(err, "join cgroup %zu of %zu", i + 1, count);
		close(doors[i]);
	}
	return true;
}

bool cgroup_add(const struct cgroup *cgroup, pid_t pid, struct error *err)
{
	for (size_t i = 0; i < cgroup->count; i++)
		if (!cgroup_write_number(&cgroup->places[i], "cgroup.procs", pid, err))
			return false;
	return true;
}

/* -- removing -------------------------------------------------------------------------------- */

#define REMOVE_TRIES 10

static bool add_child(struct buf *path)
{
	int failure = errno;
	autodir DIR *dir = opendir(path->data);

	errno = failure;
	for (struct dirent *entry; dir && (entry = readdir(dir)) != NULL;)
		if (entry->d_type == DT_DIR && entry->d_name[0] != '.') {
			buf_printf(path, "/%s", entry->d_name);
			return !path->is_cut;
		}
	return false;
}

/* Removes the group, after those that the container made inside it: however many and deep, one
 * directory is open at a time. A group that holds processes is left. */
static bool remove_inside(const char *top)
{
	autobuf struct buf path = { 0 };

	buf_init(&path, PATH_MAX);
	buf_add_text(&path, top);
	for (;;) {
		if (rmdir(path.data) < 0 && errno != ENOENT) {
			if (errno != EBUSY || !add_child(&path))
				return false;
		} else if (path.length == strlen(top)) {
			return true;
		} else {
			path.length = (size_t)(strrchr(path.data, '/') - path.data);
			path.data[path.length] = '\0';
		}
	}
}

/* A process that is gone may still be on its way out. */
static bool remove_dir(const char *path, struct error *err)
{
	struct timespec pause = { .tv_nsec = 1000000 };

	for (int try = 0; !remove_inside(path); try++) {
		if (errno != EBUSY || try == REMOVE_TRIES)
			return error_sys(err, "remove cgroup %s", path);
		nanosleep(&pause, NULL);
		pause.tv_nsec *= 2;
	}
	return true;
}

bool cgroup_remove(const struct cgroup *cgroup, struct error *err)
{
	bool is_done = cgroupsystemd_stop(&cgroup->unit, err);

	for (size_t i = 0; i < cgroup->count; i++)
		if (!remove_dir(cgroup->places[i].path, err))
			is_done = false;
	return is_done;
}

void cgroup_undo(struct cgroup *cgroup)
{
	struct error ignored;

	(void)!cgroupsystemd_stop(&cgroup->unit, &ignored);
	for (size_t i = 0; i < cgroup->count; i++)
		if (cgroup->places[i].is_new)
			(void)!remove_dir(cgroup->places[i].path, &ignored);
	cgroup_close(cgroup);
}

void cgroup_close(struct cgroup *cgroup)
{
	for (size_t i = 0; i < cgroup->count; i++) {
		mem_cleanup_close(&cgroup->places[i].dir);
		cgroup->places[i].dir = -1;
	}
}

void cgroup_done(struct cgroup *cgroup)
{
	for (size_t i = 0; i < cgroup->count; i++)
		forget_place(&cgroup->places[i]);
	cgroup->count = 0;
	mem_cleanup_free(&cgroup->unit.name);
	mem_cleanup_free(&cgroup->unit.slice);
	mem_cleanup_free(&cgroup->unit.title);
	cgroup->unit = (struct cgroup_unit){ 0 };
}
