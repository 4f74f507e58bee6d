/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/spec.h"

#include <string.h>

#include "base/file.h"
#include "runtime/specpart.h"

/* -- pieces the other parts use too ---------------------------------------------------------- */

bool spec_list(struct spec_reader *reader, const struct json *object, const char *key,
	       const struct json **list)
{
	if (!json_array_or_null(object, key, list, reader->err))
		return false;
	if (*list && (*list)->count > SPEC_LIST_MAX)
		return json_wrong(*list, reader->err, "more than %d entries", SPEC_LIST_MAX);
	return true;
}

bool spec_structs(struct spec_reader *reader, const struct json *object, const char *key,
		  size_t size, const struct json **list, void *structs, size_t *count)
{
	if (!spec_list(reader, object, key, list))
		return false;
	*count = *list ? (*list)->count : 0;

	void *made = arena_array(reader->arena, *count + 1, size);

	memcpy(structs, &made, sizeof(made));
	if (!*list)
		return true;
	for (const struct json *item = (*list)->child; item; item = item->next)
		if (item->type != JSON_OBJECT)
			return json_expected(item, "an object", reader->err);
	return true;
}

bool spec_number(struct spec_reader *reader, const struct json *object, const char *key,
		 int64_t least, int64_t most, int64_t *number)
{
	const struct json *value = json_get(object, key);

	*number = SPEC_UNSET;
	if (!value)
		return true;
	if (!json_as_int(value, number, reader->err))
		return false;
	if (*number < least || *number > most)
		return json_wrong(value, reader->err, "must be from %lld to %lld, found %lld",
				  (long long)least, (long long)most, (long long)*number);
	return true;
}

bool spec_absolute(struct spec_reader *reader, const struct json *object, const char *key,
		   const char **path)
{
	if (!json_text_or(object, key, NULL, path, reader->err))
		return false;
	if (*path && (*path)[0] != '/')
		return json_wrong(json_get(object, key), reader->err,
				  "must be an absolute path, found \"%s\"", *path);
	return true;
}

bool spec_pairs(struct spec_reader *reader, const struct json *object, const char *key,
		struct spec_pair **pairs, size_t *count)
{
	const struct json *map;

	if (!json_object_or_null(object, key, &map, reader->err))
		return false;
	*count = map ? map->count : 0;
	if (*count > SPEC_LIST_MAX)
		return json_wrong(map, reader->err, "more than %d entries", SPEC_LIST_MAX);
	*pairs = arena_array(reader->arena, *count + 1, sizeof(**pairs));
	for (const struct json *item = map ? map->child : NULL; item; item = item->next) {
		(*pairs)[item->index].name = item->key;
		if (!json_as_text(item, &(*pairs)[item->index].value, reader->err))
			return false;
	}
	return true;
}

/* -- hooks ----------------------------------------------------------------------------------- */

static bool read_hook(struct spec_reader *reader, const struct json *item, struct spec_hook *hook)
{
	size_t count;

	if (!spec_absolute(reader, item, "path", &hook->path))
		return false;
	if (!hook->path)
		return json_wrong(item, reader->err, "path: missing");
	if (!json_text_array(reader->arena, item, "args", &hook->args, &count, reader->err))
		return false;
	if (count == 0) {
		hook->args = arena_array(reader->arena, 2, sizeof(*hook->args));
		hook->args[0] = hook->path;
	}
	return json_text_array(reader->arena, item, "env", &hook->env, &count, reader->err) &&
	       spec_number(reader, item, "timeout", 1, 1 << 30, &hook->timeout);
}

bool spec_read_hooks(struct spec_reader *reader, const struct json *root)
{
	static const char *const names[HOOK_KINDS] = { "prestart",        "createRuntime",
						       "createContainer", "startContainer",
						       "poststart",       "poststop" };
	const struct json *hooks;

	if (!json_object_or_null(root, "hooks", &hooks, reader->err))
		return false;
	reader->spec->raw_hooks = hooks;
	for (int kind = 0; kind < HOOK_KINDS; kind++) {
		struct spec_hook_list *into = &reader->spec->hooks[kind];
		const struct json *list;

		if (!spec_structs(reader, hooks, names[kind], sizeof(*into->hooks), &list,
				  &into->hooks, &into->count))
			return false;
		for (const struct json *item = list ? list->child : NULL; item; item = item->next)
			if (!read_hook(reader, item, &into->hooks[item->index]))
				return false;
	}
	return true;
}

/* -- top level ------------------------------------------------------------------------------- */

/* Any 1.x is read: later ones only add. */
static bool read_version(struct spec_reader *reader, const struct json *root)
{
	if (!json_text(root, "ociVersion", &reader->spec->version, reader->err))
		return false;
	if (strncmp(reader->spec->version, "1.", 2) != 0)
		return json_wrong(json_get(root, "ociVersion"), reader->err,
				  "unsupported version \"%.40s\": expected 1.x",
				  reader->spec->version);
	return true;
}

static bool read_root(struct spec_reader *reader, const struct json *root)
{
	const struct json *section;

	if (!json_object_or_null(root, "root", &section, reader->err))
		return false;
	if (!section)
		return json_wrong(root, reader->err, "root: missing");
	if (!json_text(section, "path", &reader->spec->root_path, reader->err) ||
	    !json_bool_or(section, "readonly", false, &reader->spec->is_root_readonly, reader->err))
		return false;
	if (reader->spec->root_path[0] == '\0')
		return json_wrong(json_get(section, "path"), reader->err, "must not be empty");
	return true;
}

static bool read_annotations(struct spec_reader *reader, const struct json *root)
{
	const struct json **annotations = &reader->spec->annotations;
	const char *text;

	if (!json_object_or_null(root, "annotations", annotations, reader->err))
		return false;
	for (const struct json *item = *annotations ? (*annotations)->child : NULL; item;
	     item = item->next)
		if (!json_as_text(item, &text, reader->err))
			return false;
	return true;
}

static bool read_names(struct spec_reader *reader, const struct json *root)
{
	struct spec *spec = reader->spec;

	if (!json_text_or(root, "hostname", "", &spec->hostname, reader->err) ||
	    !json_text_or(root, "domainname", "", &spec->domainname, reader->err))
		return false;
	spec->hostname = spec->hostname[0] ? spec->hostname : NULL;
	spec->domainname = spec->domainname[0] ? spec->domainname : NULL;
	if ((spec->hostname || spec->domainname) && !spec->namespaces[NAMESPACE_UTS].is_wanted)
		return json_wrong(json_get(root, spec->hostname ? "hostname" : "domainname"),
				  reader->err, "cannot be set without a uts namespace of its own");
	return true;
}

/* What would change how the process runs, and is not here yet, is refused rather than dropped. */
bool spec_refuse(struct spec_reader *reader, const struct json *object, const char *const *keys)
{
	for (; *keys; keys++) {
		const struct json *found = json_get(object, *keys);
		bool is_empty = found && ((found->type == JSON_TEXT && !found->text[0]) ||
					  (found->type == JSON_OBJECT && !found->count));

		if (found && !is_empty) {
			json_wrong(found, reader->err, "not supported by this runtime");
			reader->err->kind = ERROR_UNSUPPORTED;
			return false;
		}
	}
	return true;
}

static bool read_process(struct spec_reader *reader, const struct json *root)
{
	const struct json *process;

	if (!json_object_or_null(root, "process", &process, reader->err))
		return false;
	if (!process)
		return json_wrong(root, reader->err, "process property must not be empty");
	return spec_read_process(reader, process);
}

bool spec_parse(struct arena *arena, const char *text, size_t length, struct spec *spec,
		struct error *err)
{
	static const char *const unsupported[] = { "intelRdt", "memoryPolicy", "netDevices", NULL };
	struct spec_reader reader = { .arena = arena, .spec = spec, .err = err };
	const struct json *root;

	*spec = (struct spec){ .personality = SPEC_UNSET };
	if (!json_parse(arena, "config.json", text, length, &root, err))
		return false;
	if (root->type != JSON_OBJECT)
		return json_expected(root, "an object", err);
	return read_version(&reader, root) && read_root(&reader, root) &&
	       read_process(&reader, root) && spec_read_mounts(&reader, root) &&
	       spec_refuse(&reader, json_get(root, "linux"), unsupported) &&
	       spec_read_linux(&reader, root) && read_names(&reader, root) &&
	       spec_read_hooks(&reader, root) && read_annotations(&reader, root);
}

bool spec_load(struct arena *arena, int bundle, struct spec *spec, struct error *err)
{
	autobuf struct buf text = { 0 };

	buf_init(&text, SPEC_SIZE_MAX);
	if (!file_read(bundle, "config.json", &text, err)) {
		if (err->kind == ERROR_NOT_FOUND)
			return error_set(err, ERROR_NOT_FOUND,
					 "JSON specification file config.json not found");
		return false;
	}
	return spec_parse(arena, text.data, text.length, spec, err);
}
