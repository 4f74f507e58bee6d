/* SPDX-License-Identifier: Apache-2.0 */
#include "compose/normal.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/duration.h"
#include "base/path.h"
#include "base/size.h"
#include "compose/tree.h"

#define MODE_MAX 07777

/* -- values of one kind -------------------------------------------------------------------------
 */

bool normal_is_open(const struct normal *normal, const struct json *value)
{
	return normal->keeps_variables && value->type == JSON_TEXT && strchr(value->text, '$');
}

bool normal_string(const struct normal *normal, struct json *value, struct error *err)
{
	(void)normal;
	return value->type == JSON_TEXT || json_wrong(value, err, "must be a string");
}

bool normal_text(const struct normal *normal, struct json *value, struct error *err)
{
	(void)normal;
	if (value->type != JSON_TEXT && value->type != JSON_NUMBER)
		return json_wrong(value, err, "must be a string");
	value->type = JSON_TEXT;
	return true;
}

bool normal_bool(const struct normal *normal, struct json *value, struct error *err)
{
	static const char *const yes[] = { "true", "yes", "on", "y", "1" };
	static const char *const no[] = { "false", "no", "off", "n", "0" };

	if (value->type == JSON_BOOL || normal_is_open(normal, value))
		return true;
	for (size_t i = 0; value->type == JSON_TEXT && i < COUNT_OF(yes); i++) {
		bool is_yes = strcasecmp(value->text, yes[i]) == 0;

		if (is_yes || strcasecmp(value->text, no[i]) == 0) {
			tree_reset(value, JSON_BOOL, NULL);
			value->boolean = is_yes;
			return true;
		}
	}
	return json_wrong(value, err, "must be a boolean");
}

bool normal_number(const struct normal *normal, struct json *value, struct error *err)
{
	const char *text = tree_scalar(value);
	char *end = NULL;

	if (normal_is_open(normal, value))
		return true;
	if (text && value->type != JSON_BOOL && *text)
		(void)strtod(text, &end);
	if (!end || *end || !strchr("-0123456789.", *text))
		return json_wrong(value, err, "must be a number");
	value->type = JSON_TEXT; /* "0644" is no number of JSON's */
	return true;
}

bool normal_integer(const struct normal *normal, struct json *value, struct error *err)
{
	if (!normal_number(normal, value, err))
		return false;
	return normal_is_open(normal, value) || !value->text[strspn(value->text, "-0123456789")] ||
	       json_wrong(value, err, "must be an integer");
}

bool normal_choice(const struct normal *normal, struct json *value, const char *const *choices,
		   struct error *err)
{
	const char *list = "";

	if (!normal_string(normal, value, err))
		return false;
	for (; *choices; choices++) {
		if (strcmp(value->text, *choices) == 0)
			return true;
		list = arena_printf(normal->arena, "%s%s\"%s\"", list, *list ? ", " : "", *choices);
	}
	return json_wrong(value, err, "must be one of the following: %s", list);
}

/* A number is one (288 is 0440: JSON has no other), while 0440 and 0o440 are octal, as YAML has it,
 * and so is what stands between quotes. */
bool normal_mode(const struct normal *normal, struct json *value, struct error *err)
{
	const char *text = tree_scalar(value);
	bool is_decimal = value->type == JSON_NUMBER;
	unsigned long mode;
	char *end;

	if (normal_is_open(normal, value))
		return true;
	if (text && (strncmp(text, "0o", 2) == 0 || strncmp(text, "0O", 2) == 0))
		text += 2;
	if (!text || value->type == JSON_BOOL || !isdigit((unsigned char)*text))
		return json_wrong(value, err, "must be a number");
	mode = strtoul(text, &end, is_decimal ? 10 : 8);
	if (*end || mode > MODE_MAX)
		return json_wrong(
			value, err,
			"\"%.100s\" is no number of permissions (0440, or 288 in decimal)",
			tree_scalar(value));
	tree_reset(value, JSON_TEXT, arena_printf(normal->arena, "%04lo", mode));
	return true;
}

bool normal_duration(const struct normal *normal, struct json *value, struct error *err)
{
	double seconds;

	if (!normal_text(normal, value, err))
		return false;
	return normal_is_open(normal, value) || duration_parse(value->text, &seconds) ||
	       json_wrong(value, err, "invalid duration \"%.100s\" (as in 1m30s)", value->text);
}

bool normal_size(const struct normal *normal, struct json *value, struct error *err)
{
	struct error reason;
	int64_t bytes;

	if (!normal_text(normal, value, err))
		return false;
	return normal_is_open(normal, value) || size_parse(value->text, &bytes, &reason) ||
	       json_wrong(value, err, "%s", reason.text);
}

bool normal_object(const struct normal *normal, struct json *value, struct error *err)
{
	(void)normal;
	return value->type == JSON_OBJECT || json_wrong(value, err, "must be a mapping");
}

static bool list_of(const struct normal *normal, struct json *value,
		    bool (*normalise)(const struct normal *, struct json *, struct error *),
		    struct error *err)
{
	if (value->type != JSON_ARRAY)
		return json_wrong(value, err, "must be a list");
	for (struct json *item = value->child; item; item = item->next) {
		if (!normalise(normal, item, err))
			return false;
	}
	return true;
}

bool normal_strings(const struct normal *normal, struct json *value, struct error *err)
{
	return list_of(normal, value, normal_string, err);
}

bool normal_texts(const struct normal *normal, struct json *value, struct error *err)
{
	return list_of(normal, value, normal_text, err);
}

bool normal_unique(const struct normal *normal, struct json *value, struct error *err)
{
	if (!normal_texts(normal, value, err))
		return false;
	for (const struct json *item = value->child; item; item = item->next) {
		for (const struct json *other = value->child; other != item; other = other->next) {
			if (strcmp(item->text, other->text) == 0)
				return json_wrong(value, err, "\"%.100s\" stands there twice",
						  item->text);
		}
	}
	return true;
}

bool normal_list(const struct normal *normal, struct json *value, struct error *err)
{
	if (value->type == JSON_TEXT) {
		const char *text = value->text;

		tree_reset(value, JSON_ARRAY, NULL);
		(void)tree_add_text(normal->arena, value, text);
		return true;
	}
	return normal_strings(normal, value, err);
}

static bool map_from_list(const struct normal *normal, struct json *value, struct error *err)
{
	struct json *map = json_new(normal->arena, NULL, NULL, JSON_OBJECT, NULL);

	for (struct json *item = value->child; item; item = item->next) {
		if (!normal_text(normal, item, err))
			return false;

		size_t length = strcspn(item->text, "=");
		const char *key = arena_strndup(normal->arena, item->text, length);

		if (length == 0)
			return json_wrong(item, err, "\"%.100s\" has no name", item->text);
		if (item->text[length])
			(void)tree_put_text(normal->arena, map, key, item->text + length + 1);
		else
			(void)tree_put(normal->arena, map, key, JSON_NULL, NULL);
	}
	tree_become(value, map);
	value->type = JSON_OBJECT;
	return true;
}

/* A list of "K=V", or a mapping of scalars: becomes a mapping of texts; "K" alone has null. */
bool normal_map(const struct normal *normal, struct json *value, struct error *err)
{
	if (value->type == JSON_ARRAY)
		return value->count <= 4096 ? map_from_list(normal, value, err)
					    : json_wrong(value, err, "has too many members");
	if (value->type != JSON_OBJECT)
		return json_wrong(value, err, "must be a mapping or a list");
	for (struct json *member = value->child; member; member = member->next) {
		if (member->type == JSON_NULL)
			continue;
		if (!tree_scalar(member))
			return json_wrong(member, err, "must be a string, number, boolean or null");
		tree_reset(member, JSON_TEXT, tree_scalar(member));
	}
	return true;
}

bool normal_labels(const struct normal *normal, struct json *value, struct error *err)
{
	if (!normal_map(normal, value, err))
		return false;
	for (struct json *member = value->child; member; member = member->next) {
		if (member->type == JSON_NULL)
			tree_reset(member, JSON_TEXT, "");
	}
	return true;
}

bool normal_options(const struct normal *normal, struct json *value, struct error *err)
{
	return normal_object(normal, value, err) && normal_labels(normal, value, err);
}

const char *normal_path(const struct normal *normal, const char *path)
{
	const char *whole = path;

	if (normal->keeps_variables && *path == '$')
		return path;
	if (*path == '~' && (path[1] == '/' || !path[1]) && normal->home)
		whole = arena_printf(normal->arena, "%s%s", normal->home, path + 1);
	else if (*path != '/')
		whole = arena_printf(normal->arena, "%s/%s", normal->directory, path);

	autofree char *clean = path_clean(whole);

	return arena_strdup(normal->arena, clean);
}

static bool path_text(const struct normal *normal, struct json *value, struct error *err)
{
	if (!normal_text(normal, value, err))
		return false;
	value->text = normal_path(normal, value->text);
	return true;
}

/* -- mappings -----------------------------------------------------------------------------------
 */

static const struct normal_key *find_key(const struct normal_key *keys, const char *name)
{
	for (; keys->name; keys++) {
		if (strcmp(keys->name, name) == 0)
			return keys;
	}
	return NULL;
}

bool normal_knows(const struct normal_key *keys, const char *name)
{
	return strncmp(name, "x-", 2) == 0 || find_key(keys, name);
}

static bool normalise_member(const struct normal *normal, const struct normal_key *key,
			     struct json *value, struct error *err)
{
	if (normal_is_open(normal, value))
		return true;
	if (key->keys)
		return normal_members(normal, value, key->keys, err);
	return !key->normalise || key->normalise(normal, value, err);
}

bool normal_members(const struct normal *normal, struct json *object, const struct normal_key *keys,
		    struct error *err)
{
	if (!normal_object(normal, object, err))
		return false;
	for (struct json *member = object->child, *next; member; member = next) {
		const struct normal_key *key = find_key(keys, member->key);

		next = member->next;
		if (strncmp(member->key, "x-", 2) == 0)
			continue;
		if (!key)
			return json_wrong(object, err, "additional properties '%.100s' not allowed",
					  member->key);
		if (member->type == JSON_NULL && !key->keeps_null)
			tree_remove(object, member);
		else if (member->type != JSON_NULL && !normalise_member(normal, key, member, err))
			return false;
	}
	return true;
}

static bool external(const struct normal *normal, struct json *value, struct error *err)
{
	if (value->type != JSON_OBJECT)
		return normal_bool(normal, value, err);

	static const struct normal_key keys[] = { { "name", normal_text }, { NULL, NULL } };

	return normal_members(normal, value, keys, err);
}

/* `external: {name: N}` is the old way to say `external: true` and `name: N`. */
static bool settle_old_external(const struct normal *normal, struct json *resource,
				struct error *err)
{
	struct json *value = tree_find(resource, "external");

	if (!value || value->type != JSON_OBJECT)
		return true;

	const char *name = tree_text(value, "name"), *other = tree_text(resource, "name");

	if (name && other && strcmp(name, other) != 0)
		return json_wrong(resource, err, "name and external.name conflict; only use name");
	tree_reset(value, JSON_BOOL, NULL);
	value->boolean = true;
	if (name && !other)
		(void)tree_put_text(normal->arena, resource, "name", name);
	return true;
}

/* Nothing else is said of what others make: of volumes; of the rest, 1 refuses it, and for 2 it
 * means nothing. */
static bool settle_external(const struct normal *normal, struct json *resource, bool is_volume,
			    struct error *err)
{
	if (!settle_old_external(normal, resource, err))
		return false;
	if (!tree_bool(resource, "external") || !(is_volume || normal->is_classic))
		return true;
	for (const struct json *member = resource->child; member; member = member->next) {
		if (strcmp(member->key, "external") != 0 && strcmp(member->key, "name") != 0 &&
		    strncmp(member->key, "x-", 2) != 0)
			return json_wrong(resource, err,
					  "conflicting parameters \"external\" and \"%.100s\" "
					  "specified",
					  member->key);
	}
	return true;
}

/* A volume that is a directory of the host's: it is found as other paths are. */
static void settle_device(const struct normal *normal, const struct json *volume)
{
	const struct json *options = tree_find(volume, "driver_opts");
	struct json *device = options ? tree_find(options, "device") : NULL;
	const char *driver = tree_text(volume, "driver"), *how = tree_text(options, "o");

	if (device && device->text && driver && strcmp(driver, "local") == 0 && how &&
	    strcmp(how, "bind") == 0)
		device->text = normal_path(normal, device->text);
}

static bool addresses(const struct normal *normal, struct json *value, struct error *err)
{
	static const struct normal_key keys[] = {
		{ "aux_addresses", normal_options },
		{ "gateway", normal_string },
		{ "ip_range", normal_string },
		{ "subnet", normal_string },
		{ NULL, NULL },
	};

	if (value->type != JSON_ARRAY)
		return json_wrong(value, err, "must be a list");
	for (struct json *item = value->child; item; item = item->next) {
		if (!normal_members(normal, item, keys, err))
			return false;
	}
	return true;
}

static const struct normal_key ipam_keys[] = {
	{ "config", addresses },
	{ "driver", normal_string },
	{ "options", normal_map },
	{ NULL, NULL },
};

static const struct normal_key network_keys[] = {
	{ "attachable", normal_bool },
	{ "driver", normal_text },
	{ "driver_opts", normal_map },
	{ "enable_ipv4", normal_bool },
	{ "enable_ipv6", normal_bool },
	{ "external", external },
	{ "internal", normal_bool },
	{ "ipam", .keys = ipam_keys },
	{ "labels", normal_labels },
	{ "name", normal_text },
	{ NULL, NULL },
};

static const struct normal_key volume_keys[] = {
	{ "driver", normal_text },   { "driver_opts", normal_map }, { "external", external },
	{ "labels", normal_labels }, { "name", normal_text },       { NULL, NULL },
};

static const struct normal_key file_keys[] = {
	{ "content", normal_text },         { "driver", normal_text },
	{ "driver_opts", normal_map },      { "environment", normal_text },
	{ "external", external },           { "file", path_text },
	{ "labels", normal_labels },        { "name", normal_text },
	{ "template_driver", normal_text }, { NULL, NULL },
};

/* A name becomes part of those that things have in docker, and of files. */
static bool is_name(const char *name)
{
	size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "0123456789._-");

	return length > 0 && !name[length] && length <= 128;
}

static bool refuse_name(const struct json *section, const char *name, struct error *err)
{
	return json_wrong(section, err,
			  "additional properties '%.100s' not allowed (a name is letters, digits, "
			  "'.', '_' and '-')",
			  name);
}

/* {name: {…} or nothing, …} */
static bool resources(const struct normal *normal, struct json *section,
		      const struct normal_key *keys, struct error *err)
{
	if (!normal_object(normal, section, err))
		return false;
	for (struct json *item = section->child; item; item = item->next) {
		if (!is_name(item->key))
			return refuse_name(section, item->key, err);
		if (item->type == JSON_NULL)
			tree_reset(item, JSON_OBJECT, NULL);
		if (!normal_members(normal, item, keys, err) ||
		    !settle_external(normal, item, keys == volume_keys, err))
			return false;
		if (keys == volume_keys)
			settle_device(normal, item);
	}
	return true;
}

static bool networks(const struct normal *normal, struct json *value, struct error *err)
{
	return resources(normal, value, network_keys, err);
}

static bool volumes(const struct normal *normal, struct json *value, struct error *err)
{
	return resources(normal, value, volume_keys, err);
}

static bool files(const struct normal *normal, struct json *value, struct error *err)
{
	for (const struct json *item = value->child; item; item = item->next) {
		if (item->type != JSON_OBJECT)
			return json_wrong(item, err, "must be a mapping");
	}
	return resources(normal, value, file_keys, err);
}

static bool services(const struct normal *normal, struct json *value, struct error *err)
{
	if (!normal_object(normal, value, err))
		return false;
	for (struct json *service = value->child; service; service = service->next) {
		if (!is_name(service->key))
			return refuse_name(value, service->key, err);
		if (service->type == JSON_NULL && normal->has_empty_services)
			tree_reset(service, JSON_OBJECT, NULL);
		if (!normal_service(normal, service, err))
			return false;
	}
	return true;
}

bool normal_document(const struct normal *normal, struct json *document, struct error *err)
{
	static const struct normal_key keys[] = {
		{ "version", normal_string }, { "name", normal_string }, { "services", services },
		{ "networks", networks },     { "volumes", volumes },    { "secrets", files },
		{ "configs", files },         { "include", NULL },       { NULL, NULL },
	};

	if (document->type != JSON_OBJECT)
		return json_wrong(document, err, "Top-level object must be a mapping");
	return normal_members(normal, document, keys, err);
}
