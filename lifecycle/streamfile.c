/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/streamfile.h"

#include <string.h>

#include "lifecycle/nucleus.h"
#include "lifecycle/stream/filegrant.h"
#include "lifecycle/unitstep.h"

#define DIRECTORIES_MAX  16
#define FILE_DIRECTORIES "MOORING_S3_FILE_DIRECTORIES"

/* A list in the configuration, or one path, or several with ":" between. */
static void add_directories(struct arena *arena, const struct json *configuration,
			    const char **directories, size_t count)
{
	const struct json *value = json_get(configuration, FILE_DIRECTORIES);
	char *rest = NULL;

	for (const struct json *item = value ? value->child : NULL; item && count < DIRECTORIES_MAX;
	     item = item->next)
		if (item->type == JSON_TEXT && item->text[0] == '/')
			directories[count++] = item->text;
	if (!value || value->type != JSON_TEXT)
		return;
	for (char *part = strtok_r(arena_strdup(arena, value->text), ":", &rest);
	     part && count < DIRECTORIES_MAX; part = strtok_r(NULL, ":", &rest))
		if (part[0] == '/')
			directories[count++] = part;
}

/* Who runs the component's run script, or the default user for who has no token. */
static bool find_account(const struct nucleus *nucleus, const struct unit *unit,
			 struct account *found, const struct account **account, struct error *err)
{
	const struct service_step *step;

	if (!unit) {
		*account = nucleus->account;
		return true;
	}
	step = &unit->service->steps[STEP_RUN];
	if (!step->script)
		step = &unit->service->steps[STEP_STARTUP];
	return unitstep_account(unit, step, found, account, err);
}

bool streamfile_open(struct nucleus *nucleus, const struct json *configuration,
		     const struct json *packet, int *fd, struct error *err)
{
	autoarena struct arena arena = { 0 };
	const char *directories[DIRECTORIES_MAX + 2] = { NULL };
	const struct unit *unit = NULL;
	const char *component, *path;
	struct account found;
	struct file_grant grant = { .directories = directories };
	size_t count = 0;

	if (!json_text(packet, "component", &component, err) ||
	    !json_text(packet, "path", &path, err))
		return false;
	if (component[0]) {
		unit = supervisor_find(&nucleus->supervisor, component);
		if (!unit)
			return error_set(err, ERROR_DENIED, "%s: %s is not deployed any more", path,
					 component);
		directories[count++] = unit->work;
	}
	add_directories(&arena, configuration, directories, count);
	return find_account(nucleus, unit, &found, &grant.account, err) &&
	       file_grant_open(&grant, path, fd, err);
}
