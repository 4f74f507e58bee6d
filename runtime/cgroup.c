/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/path.h"
#include "runtime/cgroupfile.h"

/*
 * How joining works, and why. Writing a pid to a v1 cgroup.procs makes the kernel wait for a whole
 * RCU grace period (10 ms and more), because it must hold the thread group still. A single thread
 * that moves *itself* by writing "0" to `tasks` needs no such lock. So the parent makes the groups
 * and sends init their open `tasks` files (doors), and init walks through. On v2 the clone itself
 * puts init into the group (CLONE_INTO_CGROUP).
 */

#define ROOT     "/sys/fs/cgroup"
#define SELF_MAX 65536 /* bytes of /proc/self/cgroup */

/* -- finding --------------------------------------------------------------------------------- */

static void add_place(struct cgroup *cgroup, const char *controllers, const char *mount,
		      const char *own, const char *wanted)
{
	struct cgroup_place *place = &cgroup->places[cgroup->count++];
	autofree char *below = mem_printf("%s/%s", wanted[0] == '/' ? "" : own, wanted);
	autofree char *cleaned = path_clean(below);

	place->controllers = mem_strdup(controllers);
	place->path = mem_printf(ROOT "%s%s%s", mount[0] ? "/" : "", mount, cleaned);
	place->dir = -1;
}

/* One line of /proc/self/cgroup: "4:memory:/a/b", "1:name=systemd:/", "0::/". */
static void find_line(struct cgroup *cgroup, char *line, const char *wanted)
{
	char *controllers = strchr(line, ':');
	char *own = controllers ? strchr(controllers + 1, ':') : NULL;
	struct stat info;

	if (!own || cgroup->count == CGROUP_PLACES_MAX)
		return;
	*own++ = '\0';
	controllers++;
	if (*controllers == '\0' && cgroup->is_unified) {
		/* Our own group holds processes, so it may not hand controllers down. */
		char *slash = strrchr(own, '/');

		if (slash)
			slash[slash == own] = '\0';
		add_place(cgroup, "", "", own, wanted);
	}
	if (*controllers == '\0' || cgroup->is_unified)
		return;

	const char *mount = strncmp(controllers, "name=", 5) == 0 ? controllers + 5 : controllers;
	autofree char *top = mem_printf(ROOT "/%s", mount);

	if (stat(top, &info) == 0) /* else: in the kernel, but not mounted */
		add_place(cgroup, controllers, mount, own, wanted);
}

bool cgroup_find(struct cgroup *cgroup, const char *cgroups_path, const char *id, struct error *err)
{
	autobuf struct buf text = { 0 };
	struct statfs fs;

	*cgroup = (struct cgroup){ 0 };
	if (!cgroups_path || !cgroups_path[0])
		cgroups_path = id;

	autofree char *cleaned = path_clean(cgroups_path);

	if (strcmp(cleaned, "/") == 0)
		return error_set(err, ERROR_INPUT,
				 "linux.cgroupsPath: \"%s\" names no group of the container's own",
				 cgroups_path);
	if (statfs(ROOT, &fs) < 0)
		return error_sys(err, "look at " ROOT);
	cgroup->is_unified = fs.f_type == CGROUP2_SUPER_MAGIC;
	buf_init(&text, SELF_MAX);
	if (!file_read(AT_FDCWD, "/proc/self/cgroup", &text, err))
		return false;

	char *rest = text.data;

	for (char *line; (line = strsep(&rest, "\n")) != NULL;)
		find_line(cgroup, line, cgroups_path[0] == '/' ? cleaned : cgroups_path);
	return true;
}

const struct cgroup_place *cgroup_place(const struct cgroup *cgroup, const char *controller)
{
	size_t length = strlen(controller);

	for (size_t i = 0; i < cgroup->count; i++) {
		const char *at = cgroup->places[i].controllers;

		if (cgroup->is_unified)
			return &cgroup->places[i];
		for (; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
			if (strncmp(at, controller, length) == 0 &&
			    (at[length] == '\0' || at[length] == ','))
				return &cgroup->places[i];
	}
	return NULL;
}

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

/* A cpuset without CPUs and memory nodes accepts no process: inherit them, from the top down. */
static bool fill_cpuset(const struct cgroup_place *place, struct error *err)
{
	static const char *const files[] = { "cpuset.cpus", "cpuset.mems" };
	const char *slash = strrchr(place->path, '/');
	autofree char *above = mem_strdup(place->path);
	struct cgroup_place parent = { .path = above, .dir = -1 };
	char value[1024], inherited[1024];

	above[slash - place->path] = '\0';
	for (size_t i = 0; i < COUNT_OF(files); i++) {
		if (cgroup_read(place, files[i], value, sizeof(value)) && value[0])
			continue;
		if (!cgroup_read(&parent, files[i], inherited, sizeof(inherited)))
			return error_sys(err, "read %s of cgroup %s", files[i], above);
		if (!cgroup_write(place, files[i], inherited, err))
			return false;
	}
	return true;
}

/* On v2 a controller must be handed down by every group above. One by one: a missing one, or one
 * that lives on v1, must not spoil the others. */
static void hand_down(char *path)
{
	static const char *const controllers[] = { "+cpuset",  "+cpu",  "+io",  "+memory",
						   "+hugetlb", "+pids", "+rdma" };
	struct cgroup_place above = { .path = path, .dir = -1 };
	struct error ignored;

	for (size_t i = 0; i < COUNT_OF(controllers); i++)
		(void)!cgroup_write(&above, "cgroup.subtree_control", controllers[i], &ignored);
}

/* Makes missing groups above `path`, and prepares them. */
static bool make_above(const struct cgroup *cgroup, const struct cgroup_place *place,
		       struct error *err)
{
	autofree char *path = mem_strdup(place->path);
	bool is_cpuset = strstr(place->controllers, "cpuset") != NULL;

	for (char *slash = path + strlen(ROOT); *slash; slash++) {
		slash += strcspn(slash + 1, "/") + 1;
		if (*slash == '\0')
			break;
		*slash = '\0';
		if (mkdir(path, 0755) < 0 && errno != EEXIST)
			return error_sys(err, "make cgroup %s", path);

		struct cgroup_place here = { .path = path, .dir = -1 };

		if (is_cpuset && !fill_cpuset(&here, err))
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
	if (!place->is_new && !check_free(cgroup, place, err))
		return false;
	return strstr(place->controllers, "cpuset") == NULL || fill_cpuset(place, err);
}

bool cgroup_make(struct cgroup *cgroup, struct error *err)
{
	for (size_t i = 0; i < cgroup->count; i++)
		if (!make_place(cgroup, &cgroup->places[i], err)) {
			cgroup_undo(cgroup);
			return false;
		}
	return true;
}

bool cgroup_limit(const struct cgroup *cgroup, const struct spec *spec, struct error *err)
{
	return cgroup->is_unified ? cgroup_limit_v2(cgroup, spec, err)
				  : cgroup_limit_v1(cgroup, spec, err);
}

/* -- joining --------------------------------------------------------------------------------- */

bool cgroup_doors(const struct cgroup *cgroup, int fds[CGROUP_PLACES_MAX], size_t *count,
		  struct error *err)
{
	const char *file = cgroup->is_unified ? "cgroup.procs" : "tasks";

	*count = 0;
	for (size_t i = 0; i < cgroup->count; i++) {
		fds[i] = cgroup_open_file(&cgroup->places[i], file, O_WRONLY);
		if (fds[i] < 0) {
			error_sys(err, "open %s of cgroup %s", file, cgroup->places[i].path);
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

/* Groups that the container made inside its own go first. */
static bool remove_dir(const char *path, struct error *err)
{
	struct timespec pause = { .tv_nsec = 1000000 };

	for (int try = 0; try < REMOVE_TRIES; try++) {
		if (rmdir(path) == 0 || errno == ENOENT)
			return true;
		if (errno != EBUSY)
			break;

		autodir DIR *dir = opendir(path);

		for (struct dirent *entry; dir && (entry = readdir(dir)) != NULL;) {
			if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
				continue;

			autofree char *child = mem_printf("%s/%s", path, entry->d_name);

			if (!remove_dir(child, err))
				return false;
		}
		if (rmdir(path) == 0)
			return true;
		nanosleep(&pause, NULL); /* a process that is gone may still be on its way out */
		pause.tv_nsec *= 2;
	}
	return error_sys(err, "remove cgroup %s", path);
}

bool cgroup_remove(const struct cgroup *cgroup, struct error *err)
{
	bool is_done = true;

	for (size_t i = 0; i < cgroup->count; i++)
		if (!remove_dir(cgroup->places[i].path, err))
			is_done = false;
	return is_done;
}

void cgroup_undo(struct cgroup *cgroup)
{
	struct error ignored;

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
	cgroup_close(cgroup);
	for (size_t i = 0; i < cgroup->count; i++) {
		free(cgroup->places[i].controllers);
		free(cgroup->places[i].path);
	}
	cgroup->count = 0;
}
