/* SPDX-License-Identifier: Apache-2.0 */
#include "compose/projectplace.h"

#include <ctype.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/path.h"
#include "compose/dotenv.h"
#include "compose/tree.h"

#define FILES_MAX 64

static const char *absolute(struct arena *arena, const char *base, const char *path)
{
	autofree char *clean =
		path_clean(*path == '/' ? path : arena_printf(arena, "%s/%s", base, path));

	return arena_strdup(arena, clean);
}

static const char *parent_of(struct arena *arena, const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == path ? "/" : arena_strndup(arena, path, (size_t)(slash - path));
}

/* -- names that compose files have --------------------------------------------------------------
 */

static const char *const names[] = { "compose.yaml", "compose.yml", "docker-compose.yml",
				     "docker-compose.yaml", NULL };
static const char *const overrides[] = { "compose.override.yml", "compose.override.yaml",
					 "docker-compose.override.yml",
					 "docker-compose.override.yaml", NULL };

static void find_in(struct project *project, const char *directory, const char *const *candidates,
		    struct texts *found)
{
	for (; *candidates; candidates++) {
		const char *path = absolute(&project->arena, directory, *candidates);

		if (access(path, F_OK) == 0)
			texts_add(found, path);
	}
}

static const char *names_of(struct project *project, const struct texts *found)
{
	const char *list = strrchr(found->items[0], '/') + 1;

	for (size_t i = 1; i < found->count; i++)
		list = arena_printf(&project->arena, "%s, %s", list,
				    strrchr(found->items[i], '/') + 1);
	return list;
}

static void warn_of_many(struct project *project, const char *kind, const struct texts *found)
{
	texts_add(&project->warnings,
		  arena_printf(&project->arena, "Found multiple %s files with supported names: %s",
			       kind, names_of(project, found)));
	texts_add(&project->warnings, arena_printf(&project->arena, "Using %s", found->items[0]));
}

/* Here, or in the nearest directory above that has one; with what overrides it. */
static bool search(struct project *project, const char *directory, bool is_classic,
		   struct error *err)
{
	autotexts struct texts found = { 0 }, over = { 0 };

	for (;;) {
		find_in(project, directory, names, &found);
		if (found.count || strcmp(directory, "/") == 0)
			break;
		directory = parent_of(&project->arena, directory);
	}
	if (!found.count)
		return true;
	if (found.count > 1)
		warn_of_many(project, "config", &found);
	texts_add(&project->files, found.items[0]);
	find_in(project, directory, overrides, &over);
	if (over.count > 1 && is_classic)
		return error_set(err, ERROR_INPUT,
				 "Multiple override files found: %s. You may only use a single "
				 "override file.",
				 names_of(project, &over));
	if (over.count > 1)
		warn_of_many(project, "override", &over);
	if (over.count)
		texts_add(&project->files, over.items[0]);
	return true;
}

/* -- from the environment -----------------------------------------------------------------------
 */

/* COMPOSE_FILE, COMPOSE_ENV_FILES: several in one text. */
static void add_listed(struct project *project, const char *base, const char *text,
		       const char *separator, struct texts *into)
{
	char *rest = arena_strdup(&project->arena, text);

	for (char *name; (name = strsep(&rest, separator)) && into->count < FILES_MAX;) {
		if (*name)
			texts_add(into, absolute(&project->arena, base, name));
	}
}

static bool read_env_files(struct project *project, const struct texts *files, struct error *err)
{
	for (size_t i = 0; i < files->count; i++) {
		const char *path = files->items[i];

		if (dotenv_read(&project->given, &project->environment, &project->arena, path, err))
			continue;
		return err->kind == ERROR_NOT_FOUND
			       ? error_set(err, ERROR_INPUT, "couldn't find env file: %s", path)
			       : false;
	}
	return true;
}

static void add_usual(struct project *project, const char *directory, struct texts *files)
{
	const char *path = absolute(&project->arena, directory, ".env");

	struct stat about;

	/* A directory is none. */
	if (stat(path, &about) == 0 && !S_ISDIR(about.st_mode))
		texts_add(files, path);
}

/* --env-file, COMPOSE_ENV_FILES, or .env beside the compose file. */
static bool read_environment(struct project *project, const struct project_request *request,
			     const char *here, const char *directory, struct error *err)
{
	const char *listed = variables_get(&project->environment, "COMPOSE_ENV_FILES");
	autotexts struct texts files = { 0 };

	project->given.count = 0;
	for (size_t i = 0; i < request->env_files.count; i++)
		texts_add(&files, absolute(&project->arena, here, request->env_files.items[i]));
	if (!files.count && listed)
		add_listed(project, here, listed, ",", &files);
	if (!files.count && !variables_is_true(&project->environment, "COMPOSE_DISABLE_ENV_FILE")) {
		add_usual(project, directory, &files);
		/* The files were found further up: what is here counts more. */
		if (!request->files.count && !request->directory && strcmp(directory, here) != 0)
			add_usual(project, here, &files);
	}
	return read_env_files(project, &files, err);
}

/* -- files --------------------------------------------------------------------------------------
 */

static bool choose_files(struct project *project, const struct project_request *request,
			 const char *here, struct error *err)
{
	const char *start =
		request->directory ? absolute(&project->arena, here, request->directory) : here;

	for (size_t i = 0; i < request->files.count; i++) {
		const char *name = request->files.items[i];

		texts_add(&project->files,
			  strcmp(name, "-") == 0 ? name : absolute(&project->arena, here, name));
	}
	if (project->files.count)
		return true;
	if (!read_environment(project, request, here, start, err))
		return false; /* it may hold COMPOSE_FILE */

	const char *listed = variables_get(&project->environment, "COMPOSE_FILE");
	const char *separator = variables_get(&project->environment, "COMPOSE_PATH_SEPARATOR");

	if (listed && *listed)
		add_listed(project, here, listed, separator && *separator ? separator : ":",
			   &project->files);
	else
		return search(project, start, request->is_classic, err);
	return true;
}

bool projectplace_find(struct project *project, const struct project_request *request,
		       bool needs_files, struct error *err)
{
	char here[PATH_MAX];

	if (!getcwd(here, sizeof(here)))
		return error_sys(err, "find the working directory");
	variables_add_process(&project->environment, &project->arena);
	project->environment.next = &project->given;
	if (!choose_files(project, request, here, err))
		return false;
	if (needs_files && !project->files.count)
		return error_set(err, ERROR_NOT_FOUND, "no configuration file provided: not found");

	const char *first = project->files.count ? project->files.items[0] : "-";

	if (request->directory)
		project->directory = absolute(&project->arena, here, request->directory);
	else if (strcmp(first, "-") != 0)
		project->directory = parent_of(&project->arena, first);
	else
		project->directory = arena_strdup(&project->arena, here);
	return read_environment(project, request, here, project->directory, err);
}

/* -- the name -----------------------------------------------------------------------------------
 */

const char *project_normal_name(struct arena *arena, const char *text)
{
	char *name = arena_strdup(arena, text), *end = name;

	for (const char *next = name; *next; next++) {
		char c = (char)tolower((unsigned char)*next);

		if (islower((unsigned char)c) || isdigit((unsigned char)c) ||
		    ((c == '_' || c == '-') && end > name))
			*end++ = c;
	}
	*end = '\0';
	return name;
}

bool projectplace_name(struct project *project, const struct project_request *request,
		       const struct json *document, struct error *err)
{
	const char *name = request->name;

	if (!name || !*name)
		name = variables_get(&project->environment, "COMPOSE_PROJECT_NAME");

	bool is_given = name && *name; /* what is not one is refused; of a file's `name` left out */

	if (!is_given)
		name = tree_text(document, "name");
	project->is_named = name && *name;
	if (!project->is_named)
		name = strrchr(project->directory, '/') + 1;
	project->name = project_normal_name(&project->arena, name);
	if (is_given && !request->is_classic && strcmp(project->name, name) != 0)
		return error_set(
			err, ERROR_INPUT,
			"invalid project name \"%s\": must consist only of lowercase "
			"alphanumeric characters, hyphens, and underscores as well as start with "
			"a letter or number",
			name);
	if (!*project->name && !project->is_named && !project->files.count)
		return error_set(err, ERROR_NOT_FOUND, "no configuration file provided: not found");
	return *project->name ||
	       error_set(
		       err, ERROR_INPUT,
		       "project name must not be empty: give one with -p or COMPOSE_PROJECT_NAME");
}
