/* SPDX-License-Identifier: Apache-2.0 */
#include "compose/projectfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/path.h"
#include "compose/tree.h"

#define HASH_SHOWN 12

static const struct json *find(const struct project *project, const char *section, const char *name)
{
	return tree_find(json_get(project->tree, section), name);
}

bool projectfile_content(const struct project *project, const char *section, const char *name,
			 const char **content, struct error *err)
{
	const struct json *item = find(project, section, name);
	const char *variable = tree_text(item, "environment");

	*content = tree_text(item, "content");
	if (*content || !variable)
		return true;
	*content = variables_get(&project->environment, variable);
	return *content || error_set(err, ERROR_NOT_FOUND,
				     "environment variable \"%s\" required by %.*s \"%s\" is not "
				     "set",
				     variable, (int)strlen(section) - 1, section, name);
}

/* Only root reads what is above it; the container's user may read the file. */
static bool write_content(const char *path, const char *content, struct error *err)
{
	autofree char *directory = mem_strdup(path);

	*strrchr(directory, '/') = '\0';
	return path_make_own_dirs(directory, 0700, err) &&
	       file_replace(AT_FDCWD, path, content, strlen(content), 0444, FILE_DURABLE, err);
}

static const char *place(const struct project *project, struct arena *arena)
{
	return arena_printf(arena, "%s/compose/%s", project->store, project->name);
}

bool projectfile_path(struct project *project, const struct service *service, const char *section,
		      const char *name, const char **path, struct error *err)
{
	const struct json *item = find(project, section, name);
	const char *content;

	*path = tree_text(item, "file");
	if (*path)
		return access(*path, F_OK) == 0 ||
		       error_set(err, ERROR_NOT_FOUND, "%.*s \"%s\": no such file: %s",
				 (int)strlen(section) - 1, section, name, *path);
	if (!projectfile_content(project, section, name, &content, err))
		return false;
	if (!content)
		return error_set(err, ERROR_UNSUPPORTED,
				 "unsupported external %.*s %s: there is no swarm here",
				 (int)strlen(section) - 1, section, name);
	*path = arena_printf(&project->arena, "%s/%s-%.*s/%s-%s", place(project, &project->arena),
			     service->name, HASH_SHOWN, service->hash, section, name);
	return write_content(*path, content, err);
}

void projectfile_remove(const struct project *project)
{
	autoarena struct arena arena = { 0 };
	struct error ignored; /* not there, most of the time */

	(void)!path_remove_tree(AT_FDCWD, place(project, &arena), &ignored);
}
