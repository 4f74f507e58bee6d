/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/path.h"
#include "runtime/exec.h"

/*
 * The control groups of an exec: the container's, or groups below them.
 */

/* As runc's callers know them. */
static bool check_below(const struct cgroup_place *place, const char *below, const char *path,
			struct error *err)
{
	size_t length = strlen(place->path);
	struct stat info;

	if (strncmp(path, place->path, length) != 0 ||
	    (path[length] != '\0' && path[length] != '/'))
		return error_set(err, ERROR_INPUT,
				 "bad sub cgroup path: %s is not a sub cgroup path", below);
	if (lstat(path, &info) < 0 || !S_ISDIR(info.st_mode))
		return error_set(err, ERROR_NOT_FOUND,
				 "error adding pid to cgroup: open %s/cgroup.procs: no such file "
				 "or directory",
				 path);
	return true;
}

/* `taken` has what was chosen before for each place. */
static bool choose(struct cgroup *cgroup, size_t index, const char *below, char **taken,
		   struct error *err)
{
	const struct cgroup_place *place = &cgroup->places[index];
	autofree char *joined = mem_printf("%s/%s", place->path, below);
	autofree char *path = path_clean(joined);

	if (!check_below(place, below, path, err))
		return false;
	if (taken[index] && strcmp(taken[index], path) != 0)
		return error_set(err, ERROR_INPUT,
				 "invalid --cgroup argument(s): controller %s specified multiple "
				 "times",
				 place->controllers);
	free(taken[index]);
	taken[index] = take_text(&path);
	return true;
}

static bool choose_by_name(struct cgroup *cgroup, const char *name, const char *below, char **taken,
			   struct error *err)
{
	const struct cgroup_place *place = cgroup->is_unified ? NULL : cgroup_place(cgroup, name);

	if (!place)
		return error_set(err, ERROR_INPUT, "unknown controller %s in SubCgroupPaths", name);
	return choose(cgroup, (size_t)(place - cgroup->places), below, taken, err);
}

/* "cpu,cpuacct:path", or a path for all of them. */
static bool choose_by_text(struct cgroup *cgroup, const char *text, bool is_alone, char **taken,
			   struct error *err)
{
	const char *colon = strchr(text, ':');
	autofree char *names = colon ? mem_printf("%.*s", (int)(colon - text), text) : NULL;
	char *rest = names;

	if (!colon && !is_alone)
		return error_set(err, ERROR_INPUT,
				 "invalid --cgroup argument: %s (missing <controller>: prefix)",
				 text);
	for (size_t i = 0; !colon && i < cgroup->count; i++)
		if (!choose(cgroup, i, text, taken, err))
			return false;
	for (char *name; (name = strsep(&rest, ",")) != NULL;) {
		if (name[0] == '\0')
			return error_set(err, ERROR_INPUT,
					 "invalid --cgroup argument: %s (empty <controller> "
					 "prefix)",
					 text);
		if (!choose_by_name(cgroup, name, colon + 1, taken, err))
			return false;
	}
	return true;
}

bool exec_find_cgroups(const struct flag_list *wanted, struct cgroup *cgroup, struct error *err)
{
	char *taken[CGROUP_PLACES_MAX] = { NULL };
	bool is_good = true;

	for (size_t i = 0; is_good && i < wanted->count; i++)
		is_good = choose_by_text(cgroup, wanted->values[i], wanted->count == 1, taken, err);
	for (size_t i = 0; i < cgroup->count; i++) {
		if (!taken[i])
			continue;
		free(cgroup->places[i].path);
		cgroup->places[i].path = taken[i];
	}
	return is_good;
}

#define LINES_MAX 65536 /* bytes of /proc/PID/cgroup */

bool exec_follow_init(pid_t init, struct cgroup *cgroup, struct error *err)
{
	autofree char *name = mem_printf("/proc/%d/cgroup", init);
	autobuf struct buf text = { 0 };
	char *line, *end;

	buf_init(&text, LINES_MAX);
	if (!file_read(AT_FDCWD, name, &text, err))
		return false;
	line = text.data ? strstr(text.data, "0::/") : NULL;
	if (!line || (line != text.data && line[-1] != '\n') || strstr(line, "/.."))
		return error_set(err, ERROR_NOT_FOUND, "%s names no group of ours", name);
	end = strchr(line, '\n');
	if (end)
		*end = '\0';
	free(cgroup->places[0].path);
	cgroup->places[0].path = mem_printf("/sys/fs/cgroup%s", line + strlen("0::"));
	return true;
}
