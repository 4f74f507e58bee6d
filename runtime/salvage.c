/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/salvage.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "runtime/spec.h"

#define TEXT_MAX (1 << 20)
#define GROUPS   "/sys/fs/cgroup/"

/* Behind `"key":`, or NULL. A quote inside a text is escaped, so this is no text's content. */
static const char *find(const char *text, const char *key)
{
	autofree char *wanted = mem_printf("\"%s\":", key);
	const char *at = strstr(text, wanted);

	return at ? at + strlen(wanted) : NULL;
}

static unsigned long long find_number(const char *text, const char *key)
{
	const char *at = find(text, key);
	char *end = NULL;
	unsigned long long number = at ? strtoull(at, &end, 10) : 0;

	return end && (*end == ',' || *end == '}') ? number : 0; /* else it may be cut off */
}

/* A whole text at `at`, and what follows it; NULL if it is none, is cut off or has escapes. */
static char *take(const char **at)
{
	const char *start = *at + 1;
	size_t length = **at == '"' ? strcspn(start, "\"\\") : 0;

	if (length == 0 || start[length] != '"')
		return NULL;
	*at = start + length + 1;
	return mem_printf("%.*s", (int)length, start);
}

static void find_groups(const char *text, struct cgroup *cgroup)
{
	const char *unified = find(text, "cgroup_unified"), *at = find(text, "cgroup_paths");

	cgroup->is_unified = unified && strncmp(unified, "true", 4) == 0;
	if (!at || *at++ != '{')
		return;
	while (cgroup->count < CGROUP_PLACES_MAX) {
		bool is_nameless = strncmp(at, "\"\":", 3) == 0; /* v2 */
		autofree char *name = is_nameless ? mem_strdup("") : take(&at);

		at += is_nameless ? 2 : 0;

		autofree char *path = name && *at++ == ':' ? take(&at) : NULL;

		if (!path)
			return;
		if (strncmp(path, GROUPS, strlen(GROUPS)) == 0)
			cgroup->places[cgroup->count++] = (struct cgroup_place){
				.controllers = take_text(&name), .path = take_text(&path), .dir = -1
			};
		if (*at++ != ',')
			return;
	}
}

/* The mount of a container without a mount namespace: its number tells it from others there. */
static void find_root(const char *text, struct arena *arena, struct state *state)
{
	const char *at = find(text, "rootfs");
	autofree char *path = at ? take(&at) : NULL;

	if (!path || path[0] != '/')
		return;
	state->rootfs = arena_strdup(arena, path);
	state->root_mount = (int64_t)find_number(text, "root_mount");
}

/* Where the container's groups were to be, for a state that does not tell any more where they are.
 * A path that is not absolute leads from whoever asked for it. */
static void find_planned_groups(const struct state_dir *dir, struct arena *arena,
				struct cgroup *cgroup)
{
	autobuf struct buf text = { 0 };
	struct spec spec;
	struct error ignored;

	buf_init(&text, SPEC_SIZE_MAX);
	if (!file_read(dir->dir, STATE_CONFIG, &text, &ignored) ||
	    !spec_parse(arena, text.data, text.length, &spec, &ignored) || !spec.cgroups_path ||
	    spec.cgroups_path[0] != '/')
		return;

	const struct cgroup_wish wish = { .path = spec.cgroups_path, .id = "" };

	if (!cgroup_find(cgroup, &wish, &ignored))
		cgroup_done(cgroup);
}

void salvage_state(const struct state_dir *dir, struct arena *arena, struct state *state)
{
	autobuf struct buf text = { 0 };
	struct error ignored;
	unsigned long long pid;

	*state = (struct state){ 0 };
	buf_init(&text, TEXT_MAX);
	(void)!file_read(dir->dir, STATE_FILE, &text, &ignored);
	if (text.length > 0) {
		pid = find_number(text.data, "init_process_pid");
		state->pid = pid > 0 && pid <= INT32_MAX ? (pid_t)pid : 0;
		state->start_time = find_number(text.data, "init_process_start");
		find_groups(text.data, &state->cgroup);
		find_root(text.data, arena, state);
	}
	if (state->cgroup.count == 0)
		find_planned_groups(dir, arena, &state->cgroup);
}
