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
#include "compose/format1.h"
#include "compose/merge.h"
#include "compose/normal.h"
#include "compose/substitute.h"
#include "compose/tree.h"

/* A document, and where it came from. */
struct source {
	struct reading *reading;
	const char *path;      /* NULL: standard input */
	const char *directory; /* what its relative paths start from */
	size_t depth;          /* how many files stand between it and the project */
	struct alteration *alterations;
};

static bool load(struct source *source, struct json **document, struct error *err);

static struct normal normal_for(const struct source *source)
{
	return (struct normal){ .arena = source->reading->arena,
				.directory = source->directory,
				.home = getenv("HOME"),
				.keeps_variables = !source->reading->environment,
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

/* The document that `extends.file` names; its own extends are resolved. */
static bool load_extended(const struct source *source, const char *file, struct json **document,
			  struct error *err)
{
	const struct normal normal = normal_for(source);
	const char *path = normal_path(&normal, file);
	struct source other = { .reading = source->reading,
				.path = path,
				.directory = directory_of(source->reading->arena, path),
				.depth = source->depth + 1 };

	return load(&other, document, err);
}

static bool find_extended(const struct source *source, struct json *services,
			  const struct json *extends, size_t depth, struct json **base,
			  struct error *err)
{
	const char *name = tree_text(extends, "service"), *file = tree_text(extends, "file");
	struct json *document;

	if (file) {
		if (!load_extended(source, file, &document, err))
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
		if (!extend_service(source, services, service, 0, err))
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

static bool include_file(const struct source *source, struct json *document, const char *file,
			 const char *directory, struct error *err)
{
	const struct normal normal = normal_for(source);
	const char *path = normal_path(&normal, file);
	struct source other = { .reading = source->reading,
				.path = path,
				.directory = directory ? normal_path(&normal, directory)
						       : directory_of(source->reading->arena, path),
				.depth = source->depth + 1 };
	struct json *included;

	return load(&other, &included, err) && add_included(source, document, included, err);
}

static bool include_entry(const struct source *source, struct json *document,
			  const struct json *entry, struct error *err)
{
	const struct json *path = entry->type == JSON_OBJECT ? json_get(entry, "path") : entry;
	const char *directory = tree_text(entry, "project_directory");

	if (tree_scalar(path))
		return include_file(source, document, tree_scalar(path), directory, err);
	if (!path || path->type != JSON_ARRAY)
		return json_wrong(entry, err, "must be a path, or a mapping with 'path'");
	for (const struct json *item = path->child; item; item = item->next) {
		if (!tree_scalar(item))
			return json_wrong(item, err, "must be a string");
		if (!include_file(source, document, tree_scalar(item), directory, err))
			return false;
	}
	return true;
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

static bool parse(struct source *source, const char *name, const char *text, size_t length,
		  struct json **document, struct error *err)
{
	struct reading *reading = source->reading;
	const struct substitute substitute = { .arena = reading->arena,
					       .variables = reading->environment,
					       .unset = reading->unset };
	const struct normal normal = normal_for(source);
	const struct yaml_tagged *tagged;
	const struct json *root;

	if (!yaml_parse_tagged(reading->arena, name, text, length, &root, &tagged, err) ||
	    !alteration_read(reading->arena, tagged, &source->alterations, err))
		return false;
	*document = tree_copy(reading->arena, NULL, name, root);
	alteration_of_own(source->alterations, *document);
	return (!reading->environment || substitute_tree(&substitute, *document, err)) &&
	       take_format1(reading, *document, err) && normal_document(&normal, *document, err) &&
	       extend_services(source, *document, err) && include_files(source, *document, err);
}

static bool read_source(const struct source *source, struct buf *text, struct error *err)
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

static bool load(struct source *source, struct json **document, struct error *err)
{
	autobuf struct buf text;

	buf_init(&text, READING_FILE_MAX);
	if (source->depth > READING_DEPTH_MAX || ++source->reading->file_count > READING_FILES_MAX)
		return error_set(err, ERROR_INPUT,
				 "%s: too many files extend or include each other",
				 source->path ? source->path : "-");
	if (!read_source(source, &text, err))
		return false;
	return parse(source, source->path ? source->path : "-", text.length ? text.data : "",
		     text.length, document, err);
}

bool reading_text(struct reading *reading, const char *name, const char *text, size_t length,
		  struct json **document, struct error *err)
{
	struct source source = { .reading = reading, .directory = reading->directory };

	if (!parse(&source, name, text, length, document, err))
		return false;
	settle_format1(reading, *document);
	return true;
}

bool reading_files(struct reading *reading, const struct texts *files, struct json **document,
		   struct error *err)
{
	*document = NULL;
	for (size_t i = 0; i < files->count; i++) {
		bool is_input = strcmp(files->items[i], "-") == 0;
		struct source source = { .reading = reading,
					 .path = is_input ? NULL : files->items[i],
					 .directory = reading->directory };
		struct json *next;

		if (!load(&source, &next, err))
			return false;
		if (*document) {
			alteration_of_base(source.alterations, *document);
			merge_document(reading->arena, *document, next);
		} else {
			*document = next;
		}
	}
	if (*document)
		settle_format1(reading, *document);
	return *document ||
	       error_set(err, ERROR_NOT_FOUND, "no configuration file provided: not found");
}
