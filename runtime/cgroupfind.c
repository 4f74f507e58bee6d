/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/file.h"
#include "base/path.h"
#include "runtime/cgroupsystemd.h"

/*
 * Where a container's groups shall be. /proc/self/cgroup names the hierarchies and our own group in
 * each. They are mounted below /sys/fs/cgroup by custom; only where nothing is found there, the
 * mount table is read.
 */

#define ROOT          "/sys/fs/cgroup"
#define HYBRID        ROOT "/unified"
#define SELF_MAX      65536     /* bytes of /proc/self/cgroup */
#define MOUNTINFO_MAX (8 << 20) /* bytes of /proc/self/mountinfo */

struct search {
	struct cgroup *cgroup;
	const char *wanted; /* as a path from the hierarchy's top, or from our own group */
	bool is_relative;
	const char *mounts; /* of mountinfo; NULL: look below ROOT */
};

/* What is mounted at `mount` is the group `top` of the hierarchy, mostly "/". */
static void add_place(struct search *search, const char *controllers, const char *mount,
		      const char *top, const char *own)
{
	struct cgroup_place *place = &search->cgroup->places[search->cgroup->count++];
	autofree char *below = mem_printf("%s%s", search->is_relative ? own : "", search->wanted);
	autofree char *cleaned = path_clean(below);
	size_t hidden = strcmp(top, "/") == 0 ? 0 : strlen(top);

	if (strncmp(cleaned, top, hidden) != 0 || (cleaned[hidden] != '/' && cleaned[hidden]))
		hidden = 0; /* not a group above what is mounted: it comes below */
	*place = (struct cgroup_place){ .controllers = mem_strdup(controllers),
					.path = mem_printf("%s%s", mount, cleaned + hidden),
					.top = strlen(mount),
					.dir = -1 };
}

/* -- the mount table -------------------------------------------------------------------------- */

static bool has_word(const char *list, const char *word)
{
	size_t length = strlen(word);

	for (const char *at = list; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
		if (strncmp(at, word, length) == 0 && (at[length] == '\0' || at[length] == ','))
			return true;
	return false;
}

/* Backslash and three octal digits stand for blanks and the like. */
static void decode(char *text)
{
	char *to = text;

	for (const char *from = text; *from; to++)
		if (from[0] == '\\' && from[1] && from[2] && from[3]) {
			*to = (char)((from[1] - '0') * 64 + (from[2] - '0') * 8 + from[3] - '0');
			from += 4;
		} else {
			*to = *from++;
		}
	*to = '\0';
}

/* "36 35 0:30 /top /mount opts shared:1 - cgroup2 source super". Cuts the line into pieces. */
static bool read_mount(char *line, char **top, char **mount, char **type, char **super)
{
	char *dash = strstr(line, " - ");
	char *fields[5], *rest = line, *tail = dash ? dash + 3 : NULL;

	if (!dash)
		return false;
	*dash = '\0';
	for (size_t i = 0; i < COUNT_OF(fields); i++)
		if ((fields[i] = strsep(&rest, " ")) == NULL)
			return false;
	*top = fields[3];
	*mount = fields[4];
	*type = strsep(&tail, " ");
	(void)strsep(&tail, " ");
	*super = tail;
	decode(*top);
	decode(*mount);
	return tail != NULL;
}

/* The table also lists mounts that others hide. */
static bool is_visible(const char *mount, bool is_unified)
{
	struct statfs fs;

	return statfs(mount, &fs) == 0 &&
	       fs.f_type == (is_unified ? CGROUP2_SUPER_MAGIC : CGROUP_SUPER_MAGIC);
}

/* Adds the place if this hierarchy is mounted anywhere. */
static void look_up(struct search *search, const char *controllers, const char *own)
{
	autofree char *copy = mem_strdup(search->mounts);
	autofree char *first = mem_strdup(controllers);
	const char *wanted = controllers[0] ? "cgroup" : "cgroup2";
	char *rest = copy, *top, *mount, *type, *super;

	if (strncmp(first, "name=", 5) != 0)
		first[strcspn(first, ",")] = '\0';
	for (char *line; (line = strsep(&rest, "\n")) != NULL;)
		if (read_mount(line, &top, &mount, &type, &super) && strcmp(type, wanted) == 0 &&
		    (!first[0] || has_word(super, first)) && is_visible(mount, !first[0])) {
			add_place(search, controllers, mount, top, own);
			return;
		}
}

/* -- our own groups -----------------------------------------------------------------------------
 */

/* Our own group holds processes, so it may not hand controllers down: its parent has to. */
static void add_unified(struct search *search, char *own)
{
	char *slash = strrchr(own, '/');

	if (slash)
		slash[slash == own] = '\0';
	if (search->mounts)
		look_up(search, "", own);
	else
		add_place(search, "", ROOT, "/", own);
}

static void add_v1(struct search *search, const char *controllers, const char *own)
{
	const char *name = strncmp(controllers, "name=", 5) == 0 ? controllers + 5 : controllers;
	autofree char *mount = mem_printf(ROOT "/%s", name);
	struct stat info;

	if (search->mounts)
		look_up(search, controllers, own);
	else if (stat(mount, &info) == 0) /* else: in the kernel, but not mounted */
		add_place(search, controllers, mount, "/", own);
}

/* The v2 tree of a hybrid host has no controllers to hand down. Where systemd makes the groups it
 * makes this one too. */
static void add_hybrid(struct search *search, const char *own)
{
	if (!search->mounts && !search->cgroup->unit.name && is_visible(HYBRID, true))
		add_place(search, "", HYBRID, "/", own);
}

/* One line of /proc/self/cgroup: "4:memory:/a/b", "1:name=systemd:/", "0::/". */
static void find_line(struct search *search, char *line)
{
	char *controllers = strchr(line, ':');
	char *own = controllers ? strchr(controllers + 1, ':') : NULL;

	if (!own || search->cgroup->count == CGROUP_PLACES_MAX)
		return;
	*own++ = '\0';
	controllers++;
	if (*controllers == '\0' && search->cgroup->is_unified)
		add_unified(search, own);
	else if (*controllers == '\0')
		add_hybrid(search, own);
	else if (!search->cgroup->is_unified)
		add_v1(search, controllers, own);
}

static bool find_lines(struct search *search, struct error *err)
{
	autobuf struct buf text = { 0 };
	char *rest;

	buf_init(&text, SELF_MAX);
	if (!file_read(AT_FDCWD, "/proc/self/cgroup", &text, err))
		return false;
	rest = text.data;
	for (char *line; rest && (line = strsep(&rest, "\n")) != NULL;)
		find_line(search, line);
	return true;
}

/* v1 first, as below ROOT: a v2 tree beside it has few controllers or none. */
static bool find_elsewhere(struct search *search, struct error *err)
{
	autobuf struct buf text = { 0 };

	buf_init(&text, MOUNTINFO_MAX);
	if (!file_read(AT_FDCWD, "/proc/self/mountinfo", &text, err))
		return false;
	buf_add_text(&text, "");
	search->mounts = text.data;
	search->cgroup->is_unified = false;
	if (!find_lines(search, err))
		return false;
	if (search->cgroup->count > 0)
		return true;
	search->cgroup->is_unified = true;
	return find_lines(search, err);
}

static bool find_places(struct search *search, struct error *err)
{
	search->cgroup->is_unified = is_visible(ROOT, true);
	if (!find_lines(search, err))
		return false;
	return search->cgroup->count > 0 || find_elsewhere(search, err);
}

bool cgroup_find(struct cgroup *cgroup, const struct cgroup_wish *wish, struct error *err)
{
	const char *path = wish->path && wish->path[0] ? wish->path : wish->id;
	struct search search = { .cgroup = cgroup };
	autofree char *unit = NULL;

	*cgroup = (struct cgroup){ 0 };
	if (wish->is_systemd) {
		if (!cgroupsystemd_name(&cgroup->unit, wish, &unit, err))
			return false;
		path = unit;
	}

	/* Even a relative one does not climb: ".." ends at its start. */
	autofree char *cleaned = path_clean(path);

	if (strcmp(cleaned, "/") == 0)
		return error_set(err, ERROR_INPUT,
				 "linux.cgroupsPath: \"%s\" names no group of the container's own",
				 path);
	search.wanted = cleaned;
	search.is_relative = path[0] != '/';
	if (!find_places(&search, err))
		return false;
	if (cgroup->unit.is_user && !cgroup->is_unified)
		return error_set(err, ERROR_UNSUPPORTED,
				 "the systemd cgroup driver of a user needs cgroup v2: leave "
				 "--systemd-cgroup out");
	return true;
}

const struct cgroup_place *cgroup_place(const struct cgroup *cgroup, const char *controller)
{
	for (size_t i = 0; i < cgroup->count; i++)
		if (cgroup->is_unified || has_word(cgroup->places[i].controllers, controller))
			return &cgroup->places[i];
	return NULL;
}
