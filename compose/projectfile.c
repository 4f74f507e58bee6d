/* SPDX-License-Identifier: Apache-2.0 */
#include "compose/projectfile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/path.h"
#include "compose/tree.h"

#define HASH_SHOWN 12
#define MODE_USUAL 0444

static const struct json *find(const struct project *project, const char *section, const char *name)
{
	return tree_find(json_get(project->tree, section), name);
}

const char *projectfile_content(const struct project *project, const char *section,
				const char *name)
{
	const struct json *item = find(project, section, name);
	const char *content = tree_text(item, "content");
	const char *variable = tree_text(item, "environment");

	return content || !variable ? content : variables_get(&project->environment, variable);
}

static bool check(const struct project *project, const char *section, const char *name,
		  struct error *err)
{
	const char *variable = tree_text(find(project, section, name), "environment");

	return !variable || projectfile_content(project, section, name) ||
	       error_set(err, ERROR_INPUT,
			 "environment variable \"%s\" required by %.*s \"%s\" is not set", variable,
			 (int)strlen(section) - 1, section, name);
}

bool projectfile_check(const struct project *project, const struct service *service,
		       struct error *err)
{
	static const char *const sections[] = { "secrets", "configs" };

	for (size_t i = 0; i < COUNT_OF(sections); i++) {
		const struct json *list = tree_find(service->tree, sections[i]);

		for (const struct json *use = list ? list->child : NULL; use; use = use->next) {
			if (!check(project, sections[i], tree_text(use, "source"), err))
				return false;
		}
	}
	return true;
}

/* "1000", nothing else: there are no names of users here. */
static bool read_id(const struct json *use, const char *key, unsigned int *id, struct error *err)
{
	const char *text = tree_text(use, key);
	unsigned long long number;
	char *end;

	*id = 0;
	if (!text)
		return true;
	number = strtoull(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || number >= UINT_MAX)
		return error_set(err, ERROR_INPUT, "%s: \"%s\" of \"%s\" must be a number", key,
				 text, tree_text(use, "source"));
	*id = (unsigned int)number;
	return true;
}

static bool read_mode(const struct json *use, mode_t *mode, struct error *err)
{
	const char *text = tree_text(use, "mode");
	unsigned long number;
	char *end;

	*mode = MODE_USUAL;
	if (!text)
		return true;
	number = strtoul(text, &end, 8);
	if (*text < '0' || *text > '7' || *end || number > 07777)
		return error_set(err, ERROR_INPUT,
				 "mode: \"%s\" of \"%s\" must be an octal number of permissions",
				 text, tree_text(use, "source"));
	*mode = (mode_t)number;
	return true;
}

/* Only root reads what is above it; the container's user may read the file, unless `use` says who
 * may. */
static bool write_content(const char *path, const char *content, const struct json *use,
			  struct error *err)
{
	autofree char *directory = mem_strdup(path);
	unsigned int uid, gid;
	mode_t mode;

	*strrchr(directory, '/') = '\0';
	if (!read_id(use, "uid", &uid, err) || !read_id(use, "gid", &gid, err) ||
	    !read_mode(use, &mode, err) || !path_make_own_dirs(directory, 0700, err) ||
	    !file_replace_outside(AT_FDCWD, path, content, strlen(content), mode, FILE_DURABLE,
				  err))
		return false;
	if (!uid && !gid)
		return true;
	/* A change of owner takes set-id bits away. */
	return (lchown(path, uid, gid) == 0 && chmod(path, mode) == 0) ||
	       error_sys(err, "give %s to %u:%u", path, uid, gid);
}

static const char *place(const struct project *project, struct arena *arena)
{
	return arena_printf(arena, "%s/compose/%s", project->store, project->name);
}

bool projectfile_path(struct project *project, const struct service *service, const char *section,
		      const struct json *use, const char **path, struct error *err)
{
	const char *name = tree_text(use, "source");
	const struct json *item = find(project, section, name);
	const char *content;

	*path = tree_text(item, "file");
	if (*path)
		return access(*path, F_OK) == 0 ||
		       error_set(err, ERROR_NOT_FOUND, "%.*s \"%s\": no such file: %s",
				 (int)strlen(section) - 1, section, name, *path);
	if (!check(project, section, name, err))
		return false;
	content = projectfile_content(project, section, name);
	if (!content)
		return error_set(err, ERROR_UNSUPPORTED,
				 "unsupported external %.*s %s: there is no swarm here",
				 (int)strlen(section) - 1, section, name);
	*path = arena_printf(&project->arena, "%s/%s-%.*s/%s-%s", place(project, &project->arena),
			     service->name, HASH_SHOWN, service->hash, section, name);
	return write_content(*path, content, use, err);
}

void projectfile_remove(const struct project *project)
{
	autoarena struct arena arena = { 0 };
	struct error ignored; /* not there, most of the time */

	(void)!path_remove_tree(AT_FDCWD, place(project, &arena), &ignored);
}
