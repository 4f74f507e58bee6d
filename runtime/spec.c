/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/spec.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/stat.h>

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

bool spec_unsigned(struct spec_reader *reader, const struct json *object, const char *key,
		   uint64_t *number)
{
	const struct json *value = json_get(object, key);
	char *end;

	*number = 0;
	if (!value)
		return true;
	if (value->type != JSON_NUMBER)
		return json_expected(value, "a number", reader->err);
	errno = 0;
	*number = strtoull(value->text, &end, 10);
	if (errno || *end || value->text[0] == '-')
		return json_wrong(value, reader->err, "must be a whole number from 0 to %llu",
				  ULLONG_MAX);
	return true;
}

bool spec_text(struct spec_reader *reader, const struct json *object, const char *key,
	       const char **text)
{
	if (!json_text_or(object, key, "", text, reader->err))
		return false;
	if (**text == '\0')
		*text = NULL;
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
	if (json_get(item, "env") &&
	    !json_text_array(reader->arena, item, "env", &hook->env, &count, reader->err))
		return false;
	return spec_number(reader, item, "timeout", 1, 1 << 30, &hook->timeout);
}

static const char *const hook_names[HOOK_KINDS] = {
	[HOOK_PRESTART] = "prestart",
	[HOOK_CREATE_RUNTIME] = "createRuntime",
	[HOOK_CREATE_CONTAINER] = "createContainer",
	[HOOK_START_CONTAINER] = "startContainer",
	[HOOK_POSTSTART] = "poststart",
	[HOOK_POSTSTOP] = "poststop",
};

const char *spec_hook_name(size_t i)
{
	return i < HOOK_KINDS ? hook_names[i] : NULL;
}

bool spec_read_hooks(struct spec_reader *reader, const struct json *root)
{
	const struct json *hooks;

	if (!json_object_or_null(root, "hooks", &hooks, reader->err))
		return false;
	reader->spec->raw_hooks = hooks;
	for (int kind = 0; kind < HOOK_KINDS; kind++) {
		struct spec_hook_list *into = &reader->spec->hooks[kind];
		const struct json *list;

		if (!spec_structs(reader, hooks, hook_names[kind], sizeof(*into->hooks), &list,
				  &into->hooks, &into->count))
			return false;
		for (const struct json *item = list ? list->child : NULL; item; item = item->next)
			if (!read_hook(reader, item, &into->hooks[item->index]))
				return false;
	}
	return true;
}

/* -- top level ------------------------------------------------------------------------------- */

/* Semantic versioning: three numbers, then what a pre-release or a build adds. */
static bool is_version(const char *text)
{
	for (int part = 0; part < 3; part++) {
		size_t digits = strspn(text, "0123456789");

		if (digits == 0 || (digits > 1 && text[0] == '0') ||
		    (part < 2 && text[digits] != '.'))
			return false;
		text += digits + (part < 2);
	}
	if (*text == '\0')
		return true;
	if ((*text != '-' && *text != '+') || text[1] == '\0')
		return false;
	for (text++; *text; text++)
		if (!isalnum((unsigned char)*text) && !strchr("-+.", *text))
			return false;
	return true;
}

/* Any 1.x is read: later ones only add. */
static bool read_version(struct spec_reader *reader, const struct json *root)
{
	const char **version = &reader->spec->version;

	if (!json_text(root, "ociVersion", version, reader->err))
		return false;
	if (!is_version(*version))
		return json_wrong(json_get(root, "ociVersion"), reader->err,
				  "\"%.40s\" is no semantic version like 1.2.0", *version);
	if (strncmp(*version, "1.", 2) != 0)
		return json_wrong(json_get(root, "ociVersion"), reader->err,
				  "unsupported version \"%.40s\": expected 1.x", *version);
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
		else if (item->key[0] == '\0')
			return json_wrong(item, reader->err, "a key must not be empty");
	return true;
}

/* A name of the machine that the container sees. */
static bool read_name(struct spec_reader *reader, const struct json *root, const char *key,
		      const char **name)
{
	if (!spec_text(reader, root, key, name))
		return false;
	if (*name && strlen(*name) > HOST_NAME_MAX)
		return json_wrong(json_get(root, key), reader->err, "longer than %d bytes",
				  HOST_NAME_MAX);
	if (*name && !reader->spec->namespaces[NAMESPACE_UTS].is_wanted)
		return json_wrong(json_get(root, key), reader->err,
				  "cannot be set without a uts namespace of its own");
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
	struct spec_reader reader = { .arena = arena, .spec = spec, .err = err };
	const struct json *root;

	*spec = (struct spec){ .personality = PER_LINUX };
	if (!json_parse(arena, "config.json", text, length, &root, err))
		return false;
	if (root->type != JSON_OBJECT)
		return json_expected(root, "an object", err);
	return read_version(&reader, root) && read_root(&reader, root) &&
	       read_process(&reader, root) && spec_read_linux(&reader, root) &&
	       spec_read_mounts(&reader, root) &&
	       read_name(&reader, root, "hostname", &spec->hostname) &&
	       read_name(&reader, root, "domainname", &spec->domainname) &&
	       spec_read_hooks(&reader, root) && read_annotations(&reader, root);
}

/* Whatever the name stands for: no FIFO may keep us waiting, no device be read. */
static bool open_config(int dir, const char *name, int *fd, struct error *err)
{
	struct stat info;

	*fd = openat(dir, name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (*fd < 0 && errno == ENOENT)
		return error_set(err, ERROR_NOT_FOUND, "JSON specification file %s not found",
				 name);
	if (*fd < 0 || fstat(*fd, &info) < 0)
		return error_sys(err, "open %s", name);
	if (!S_ISREG(info.st_mode))
		return error_set(err, ERROR_INPUT, "%s is not a regular file", name);
	return true;
}

bool spec_load(struct arena *arena, int dir, const char *name, struct buf *text, struct spec *spec,
	       struct error *err)
{
	autoclose int fd = -1;

	buf_init(text, SPEC_SIZE_MAX);
	return open_config(dir, name, &fd, err) && file_read_fd(fd, name, text, err) &&
	       spec_parse(arena, text->data, text->length, spec, err);
}
