/* SPDX-License-Identifier: Apache-2.0 */
#include "compose/reading.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/caller.h"
#include "base/file.h"
#include "base/yaml.h"
#include "compose/alteration.h"
#include "compose/dotenv.h"
#include "compose/format1.h"
#include "compose/merge.h"
#include "compose/normal.h"
#include "compose/project.h"
#include "compose/substitute.h"
#include "compose/tree.h"

/* A document, and where it came from. */
struct source {
	struct reading *reading;
	const char *path;      /* NULL: standard input */
	const char *directory; /* what its relative paths start from */
	size_t depth;          /* how many files stand between it and the project */
	const char *only;      /* the one service that is wanted of it; NULL: all of it */
	const char *text;      /* as it was read */
	size_t length;
	struct alteration *alterations;
};

/* Lays a file's documents over *document (NULL: nothing yet). */
static bool load(struct source *source, struct json **document, struct error *err);

static struct normal normal_for(const struct source *source)
{
	return (struct normal){ .arena = source->reading->arena,
				.directory = source->directory,
				.home = getenv("HOME"),
				.keeps_variables = !source->reading->environment,
				.has_empty_services = source->only,
				.is_classic = source->reading->takes_format1 };
}

static const char *directory_of(struct arena *arena, const char *path)
{
	const char *slash = strrchr(path, '/');

	return !slash          ? "."
	       : slash == path ? "/"
			       : arena_strndup(arena, path, (size_t)(slash - path));
}

/* -- extends ------------------------------------------------------------------------------------
 */

static bool extend_service(const struct source *source, struct json *services, struct json *service,
			   size_t depth, struct error *err);

/* The document that `extends.file` names; what `name` extends itself is resolved. */
static bool load_extended(const struct source *source, const char *file, const char *name,
			  struct json **document, struct error *err)
{
	const struct normal normal = normal_for(source);
	const char *path = normal_path(&normal, file);
	struct source other = { .reading = source->reading,
				.path = path,
				.directory = directory_of(source->reading->arena, path),
				.depth = source->depth + 1,
				.only = name };

	*document = NULL;
	return load(&other, document, err);
}

static bool find_extended(const struct source *source, struct json *services,
			  const struct json *extends, size_t depth, struct json **base,
			  struct error *err)
{
	const char *name = tree_text(extends, "service"), *file = tree_text(extends, "file");
	struct json *document;

	if (file) {
		if (!load_extended(source, file, name, &document, err))
			return false;
		*base = tree_find(json_get(document, "services"), name);
	} else {
		*base = tree_find(services, name);
	}
	if (!*base)
		return json_wrong(extends, err,
				  "cannot extend service: service \"%.100s\" not found%s%s", name,
				  file ? " in " : "", file ? file : "");
	return file || extend_service(source, services, *base, depth + 1, err);
}

static bool extend_service(const struct source *source, struct json *services, struct json *service,
			   size_t depth, struct error *err)
{
	struct json *extends = tree_find(service, "extends"), *base;
	struct arena *arena = source->reading->arena;

	if (!extends || extends->type != JSON_OBJECT) /* or a name with a variable in it */
		return true;
	if (depth >= READING_DEPTH_MAX)
		return json_wrong(extends, err,
				  "Circular reference, or services extend each other "
				  "too deeply");
	if (!find_extended(source, services, extends, depth, &base, err))
		return false;
	tree_remove(service, extends);

	struct json *merged = tree_copy(arena, NULL, NULL, base);

	alteration_of_service(source->alterations, service->key, merged);
	merge_service(arena, merged, service);
	tree_become(service, merged);
	return true;
}

static bool extend_services(const struct source *source, struct json *document, struct error *err)
{
	struct json *services = tree_find(document, "services");

	for (struct json *service = services ? services->child : NULL; service;
	     service = service->next) {
		if ((!source->only || strcmp(service->key, source->only) == 0) &&
		    !extend_service(source, services, service, 0, err))
			return false;
	}
	return true;
}

/* -- include ------------------------------------------------------------------------------------
 */

/* What is included adds to the document, and may not contradict it. */
static bool add_included(const struct source *source, struct json *document,
			 const struct json *included, struct error *err)
{
	for (const struct json *section = included->child; section; section = section->next) {
		struct json *own = tree_find(document, section->key);

		if (section->type != JSON_OBJECT)
			continue; /* version, name */
		if (!own)
			own = tree_put(source->reading->arena, document, section->key, JSON_OBJECT,
				       NULL);
		for (const struct json *item = section->child; item; item = item->next) {
			const struct json *same = tree_find(own, item->key);

			if (same && !tree_is_equal(same, item))
				return json_wrong(same, err, "conflicts with imported resource");
			if (!same)
				(void)tree_copy(source->reading->arena, own, item->key, item);
		}
	}
	return true;
}

/* An entry of `include`, and the files that it names: the first, and what is laid over it. */
struct inclusion {
	const struct json *entry;
	struct texts paths;
	const char *directory;      /* what their relative paths start from */
	struct variables variables; /* what their ${…} may be that it is not here */
};

/* What 2 would fetch. */
static bool refuse_remote(const struct json *value, struct error *err)
{
	static const char *const heads[] = { "https://", "http://",     "git://", "ssh://",
					     "git@",     "github.com/", "oci://" };
	const char *text = tree_scalar(value);

	for (size_t i = 0; i < COUNT_OF(heads); i++) {
		if (strncmp(text, heads[i], strlen(heads[i])) == 0)
			return json_wrong(value, err,
					  "\"%.200s\" is not here: remote includes are not "
					  "supported; fetch it first, and include the local file",
					  text);
	}
	return true;
}

static bool list_paths(const struct source *source, const struct json *list, struct texts *paths,
		       struct error *err)
{
	const struct normal normal = normal_for(source);

	if (tree_scalar(list)) {
		texts_add(paths, normal_path(&normal, tree_scalar(list)));
		return true;
	}
	if (list->type != JSON_ARRAY)
		return json_wrong(list, err, "must be a path, or a list of paths");
	for (const struct json *item = list->child; item; item = item->next) {
		if (!tree_scalar(item))
			return json_wrong(item, err, "must be a string");
		texts_add(paths, normal_path(&normal, tree_scalar(item)));
	}
	return true;
}

static bool find_inclusion(const struct source *source, struct inclusion *inclusion,
			   struct error *err)
{
	const struct json *entry = inclusion->entry;
	const struct json *path = entry->type == JSON_OBJECT ? json_get(entry, "path") : entry;
	const char *directory = tree_text(entry, "project_directory");
	const struct normal normal = normal_for(source);

	if (!path || (path->type == JSON_ARRAY && !path->child) ||
	    (path->type != JSON_ARRAY && !tree_scalar(path)))
		return json_wrong(entry, err, "must be a path, or a mapping with 'path'");
	if (tree_scalar(path) && !refuse_remote(path, err))
		return false;
	for (const struct json *item = path->child; item; item = item->next) {
		if (tree_scalar(item) && !refuse_remote(item, err))
			return false;
	}
	if (!list_paths(source, path, &inclusion->paths, err))
		return false;
	inclusion->directory =
		directory ? normal_path(&normal, directory)
			  : directory_of(source->reading->arena, inclusion->paths.items[0]);
	return true;
}

/* Files of variables: what `env_file` lists, or .env where the included files are. */
static bool list_env_files(const struct source *source, const struct inclusion *inclusion,
			   struct texts *paths, struct error *err)
{
	const struct json *listed = tree_find(inclusion->entry, "env_file");
	const char *usual = arena_printf(source->reading->arena, "%s/.env", inclusion->directory);

	if (listed && listed->type != JSON_NULL)
		return list_paths(source, listed, paths, err);
	if (access(usual, F_OK) == 0)
		texts_add(paths, usual);
	return true;
}

/* What a variable is here counts more than what those files say. */
static bool read_inclusion_variables(const struct source *source, struct inclusion *inclusion,
				     struct error *err)
{
	const struct variables *known = source->reading->environment;
	autovariables struct variables said = { 0 };
	autotexts struct texts paths = { 0 };

	if (!known)
		return true;
	if (!list_env_files(source, inclusion, &paths, err))
		return false;
	for (size_t i = 0; i < paths.count; i++) {
		if (!dotenv_read(&said, known, source->reading->arena, paths.items[i], err))
			return false;
	}
	inclusion->variables.next = known;
	for (size_t i = 0; i < said.count; i++) {
		if (!variables_get(known, said.items[i].name))
			(void)variables_set(&inclusion->variables, said.items[i].name,
					    said.items[i].value);
	}
	return true;
}

/* `environment: [NAME]` of what is included: its value is looked for there, too. */
static void settle_environment(const struct inclusion *inclusion, struct json *document)
{
	const struct json *services = tree_find(document, "services");

	for (const struct json *service = services ? services->child : NULL; service;
	     service = service->next) {
		const struct json *map = tree_find(service, "environment");

		for (struct json *item = map && map->type == JSON_OBJECT ? map->child : NULL; item;
		     item = item->next) {
			const char *value =
				item->type == JSON_NULL
					? variables_get(&inclusion->variables, item->key)
					: NULL;

			if (value)
				tree_reset(item, JSON_TEXT, value);
		}
	}
}

static bool load_inclusion(const struct source *source, const struct inclusion *inclusion,
			   struct json **document, struct error *err)
{
	struct reading reading = *source->reading;

	*document = NULL;
	if (reading.environment)
		reading.environment = &inclusion->variables;
	for (size_t i = 0; i < inclusion->paths.count; i++) {
		struct source other = { .reading = &reading,
					.path = inclusion->paths.items[i],
					.directory = inclusion->directory,
					.depth = source->depth + 1 };

		if (!load(&other, document, err))
			return false;
	}
	source->reading->file_count = reading.file_count;
	source->reading->has_format1 = reading.has_format1;
	if (inclusion->variables.count)
		settle_environment(inclusion, *document);
	return true;
}

static bool include_entry(const struct source *source, struct json *document,
			  const struct json *entry, struct error *err)
{
	struct inclusion inclusion = { .entry = entry };
	struct json *included;
	bool is_good = find_inclusion(source, &inclusion, err) &&
		       read_inclusion_variables(source, &inclusion, err) &&
		       load_inclusion(source, &inclusion, &included, err) &&
		       add_included(source, document, included, err);

	texts_done(&inclusion.paths);
	variables_done(&inclusion.variables);
	return is_good;
}

static bool include_files(const struct source *source, struct json *document, struct error *err)
{
	struct json *include = tree_find(document, "include");

	if (!include)
		return true;
	if (include->type != JSON_ARRAY)
		return json_wrong(include, err, "must be a list");
	tree_remove(document, include);
	for (const struct json *entry = include->child; entry; entry = entry->next) {
		if (!include_entry(source, document, entry, err))
			return false;
	}
	return true;
}

/* -- one file -----------------------------------------------------------------------------------
 */

static bool take_format1(struct reading *reading, struct json *document, struct error *err)
{
	if (!reading->takes_format1 || !format1_is(document))
		return true;
	reading->has_format1 = true;
	return format1_convert(reading->arena, document, err);
}

static void settle_format1(const struct reading *reading, struct json *document)
{
	if (reading->has_format1)
		format1_settle(reading->arena, document);
}

/* *document is NULL if there is nothing in it. */
static bool parse(struct source *source, const char *name, const char *text, size_t length,
		  struct json **document, struct error *err)
{
	struct reading *reading = source->reading;
	const struct substitute substitute = { .arena = reading->arena,
					       .variables = reading->environment,
					       .unset = reading->unset,
					       .is_lenient = !reading->takes_format1 };
	const struct normal normal = normal_for(source);
	const struct yaml_tagged *tagged;
	const struct json *root;

	if (!yaml_parse_tagged(reading->arena, name, text, length, reading->takes_format1, &root,
			       &tagged, err) ||
	    !alteration_read(reading->arena, tagged, &source->alterations, err))
		return false;
	*document = NULL;
	if (root->type == JSON_NULL)
		return true;
	*document = tree_copy(reading->arena, NULL, name, root);
	alteration_of_own(source->alterations, *document);
	return (!reading->environment || substitute_tree(&substitute, *document, err)) &&
	       take_format1(reading, *document, err) && normal_document(&normal, *document, err) &&
	       extend_services(source, *document, err) &&
	       (source->only || include_files(source, *document, err));
}

static const char *name_of(const struct source *source)
{
	return source->path ? source->path : "-";
}

static bool read_text(const struct source *source, struct buf *text, struct error *err)
{
	if (!source->path)
		return file_read_fd(STDIN_FILENO, "standard input", text, err);
	if (caller_read(source->path, text, err))
		return true;
	if (err->sys)
		return error_set(err, err->kind, "open %s: %s", source->path,
				 err->kind == ERROR_NOT_FOUND ? "no such file or directory"
							      : strerror(err->sys));
	return false;
}

static bool count_file(const struct source *source, struct error *err)
{
	return (source->depth <= READING_DEPTH_MAX &&
		++source->reading->file_count <= READING_FILES_MAX) ||
	       error_set(err, ERROR_INPUT, "%s: too many files extend or include each other",
			 name_of(source));
}

static bool read_source(struct source *source, struct error *err)
{
	autobuf struct buf text;

	buf_init(&text, READING_FILE_MAX);
	if (!count_file(source, err) || !read_text(source, &text, err))
		return false;
	source->text =
		arena_strndup(source->reading->arena, text.length ? text.data : "", text.length);
	source->length = text.length;
	return true;
}

/* "---" at the start of a line ends a document, wherever it stands (YAML 1.2, 9.1.2), but not
 * before the document has begun: comments and directives come first. */
static size_t document_end(const char *text, size_t length)
{
	bool has_begun = false;

	for (size_t at = 0; at < length;) {
		const char *end = memchr(text + at, '\n', length - at);
		size_t next = end ? (size_t)(end - text) + 1 : length;
		bool is_marker = next - at >= 3 && memcmp(text + at, "---", 3) == 0 &&
				 (next - at == 3 || strchr(" \t\r\n", text[at + 3]));

		if (is_marker && has_begun)
			return at;
		if (is_marker || !strchr("%#\r\n", text[at]))
			has_begun = true;
		at = next;
	}
	return length;
}

/* The document after the first `*at` bytes, with as many lines before it as there are in the file,
 * for what messages say. */
static const char *next_document(const struct source *source, size_t *at, size_t *length)
{
	size_t start = *at, lines = 0;
	char *text;

	*length = document_end(source->text + start, source->length - start);
	*at += *length;
	for (size_t i = 0; i < start; i++)
		lines += source->text[i] == '\n';
	text = arena_alloc(source->reading->arena, lines + *length + 1);
	memset(text, '\n', lines);
	memcpy(text + lines, source->text + start, *length);
	*length += lines;
	return text;
}

static bool load_document(struct source *source, const char *text, size_t length,
			  struct json **document, struct error *err)
{
	struct json *next;

	source->alterations = NULL;
	if (!parse(source, name_of(source), text, length, &next, err))
		return false;
	if (next && *document) {
		alteration_of_base(source->alterations, *document);
		merge_document(source->reading->arena, *document, next);
	} else if (next) {
		*document = next;
	}
	return true;
}

static bool refuse_empty(const char *name, const struct json *document, struct error *err)
{
	return document || error_set(err, ERROR_INPUT, "%s: empty compose file", name);
}

static bool load_documents(struct source *source, struct json **document, struct error *err)
{
	size_t at = 0, length = document_end(source->text, source->length);

	if (!load_document(source, source->text, length, document, err))
		return false;
	for (at = length; at < source->length;) {
		const char *text = next_document(source, &at, &length);

		if (!count_file(source, err) || !load_document(source, text, length, document, err))
			return false;
	}
	return refuse_empty(name_of(source), *document, err);
}

static bool load(struct source *source, struct json **document, struct error *err)
{
	return read_source(source, err) && load_documents(source, document, err);
}

/* -- the project's name -------------------------------------------------------------------------
 */

static void take_name(const struct source *source, const char *text, size_t length)
{
	const struct reading *reading = source->reading;
	const struct substitute substitute = { .arena = reading->arena,
					       .variables = reading->environment };
	const struct yaml_tagged *tagged;
	const struct json *root;
	const char *name;
	struct error ignored; /* told of when the document is read in earnest */

	if (!yaml_parse_tagged(reading->arena, name_of(source), text, length, true, &root, &tagged,
			       &ignored))
		return;
	name = tree_text(root, "name");
	if (name && substitute_text(&substitute, name, &name, &ignored) && *name)
		reading->name->value = project_normal_name(reading->arena, name);
}

/* `name:` of any file is what ${COMPOSE_PROJECT_NAME} is in all of them, so it has to be known
 * before the first is read. Files that do not ask for it are not parsed for it, if no others do. */
static void settle_name(const struct reading *reading, const struct source *sources, size_t count)
{
	bool is_asked_for = false;

	for (size_t i = 0; i < count; i++)
		is_asked_for |= strstr(sources[i].text, reading->name->name) ||
				strstr(sources[i].text, "include") ||
				strstr(sources[i].text, "extends");
	for (size_t i = 0; i < count && is_asked_for; i++) {
		for (size_t at = 0, length; at < sources[i].length;) {
			const char *text = next_document(&sources[i], &at, &length);

			take_name(&sources[i], text, length);
		}
	}
}

bool reading_text(struct reading *reading, const char *name, const char *text, size_t length,
		  struct json **document, struct error *err)
{
	struct source source = { .reading = reading, .directory = reading->directory };

	if (!parse(&source, name, text, length, document, err) ||
	    !refuse_empty(name, *document, err))
		return false;
	settle_format1(reading, *document);
	return true;
}

bool reading_files(struct reading *reading, const struct texts *files, struct json **document,
		   struct error *err)
{
	struct source *sources = arena_array(reading->arena, files->count + 1, sizeof(*sources));

	*document = NULL;
	for (size_t i = 0; i < files->count; i++) {
		bool is_input = strcmp(files->items[i], "-") == 0;

		sources[i] = (struct source){ .reading = reading,
					      .path = is_input ? NULL : files->items[i],
					      .directory = reading->directory };
		if (!read_source(&sources[i], err))
			return false;
	}
	if (reading->name && reading->environment)
		settle_name(reading, sources, files->count);
	for (size_t i = 0; i < files->count; i++) {
		if (!load_documents(&sources[i], document, err))
			return false;
	}
	if (*document)
		settle_format1(reading, *document);
	return *document ||
	       error_set(err, ERROR_NOT_FOUND, "no configuration file provided: not found");
}
