/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/gotype.h"

#include <string.h>

#define HEALTHCHECK "Healthcheck"

/* The container itself has no key; an item of a list goes by the list's. */
static const struct {
	const char *object, *key;
	enum json_type type; /* JSON_NULL: a pointer */
} members[] = {
	{ "", "SizeRw", JSON_NULL },
	{ "", "SizeRootFs", JSON_NULL },
	{ "State", "Health", JSON_NULL },
	{ "Config", "ExposedPorts", JSON_OBJECT },
	{ "Config", HEALTHCHECK, JSON_NULL },
	{ "Config", "ArgsEscaped", JSON_BOOL },
	{ "Config", "NetworkDisabled", JSON_BOOL },
	{ "Config", "MacAddress", JSON_TEXT },
	{ "Config", "StopSignal", JSON_TEXT },
	{ "Config", "StopTimeout", JSON_NULL },
	{ "Config", "Shell", JSON_ARRAY },
	{ HEALTHCHECK, "Interval", JSON_NUMBER },
	{ HEALTHCHECK, "Timeout", JSON_NUMBER },
	{ HEALTHCHECK, "StartPeriod", JSON_NUMBER },
	{ HEALTHCHECK, "StartInterval", JSON_NUMBER },
	{ HEALTHCHECK, "Retries", JSON_NUMBER },
	{ "HostConfig", "Annotations", JSON_OBJECT },
	{ "HostConfig", "Init", JSON_NULL },
	{ "HostConfig", "Mounts", JSON_ARRAY },
	{ "HostConfig", "StorageOpt", JSON_OBJECT },
	{ "HostConfig", "Sysctls", JSON_OBJECT },
	{ "HostConfig", "Tmpfs", JSON_OBJECT },
	{ "Mounts", "Name", JSON_TEXT },
	{ "Mounts", "Driver", JSON_TEXT },
};

static const char *name_of(const struct json *object)
{
	if (object->key)
		return object->key;
	if (object->parent && object->parent->key)
		return object->parent->key;
	return json_get(object, "HostConfig") ? "" : NULL;
}

const struct json *gotype_empty(struct arena *arena, const struct json *object, const char *key)
{
	const char *name = name_of(object);

	for (size_t i = 0; name && i < COUNT_OF(members); i++) {
		if (strcmp(members[i].object, name) == 0 && strcmp(members[i].key, key) == 0)
			return json_new(arena, NULL, key, members[i].type,
					members[i].type == JSON_NUMBER ? "0" : "");
	}
	return NULL;
}

bool gotype_is_duration(const struct json *value)
{
	static const char *const keys[] = { "Interval", "Timeout", "StartPeriod", "StartInterval" };
	bool is_check = value->parent
				? value->parent->key && strcmp(value->parent->key, HEALTHCHECK) == 0
				: true; /* an empty one, by gotype_empty */

	if (value->type != JSON_NUMBER || !value->key || !is_check)
		return false;
	for (size_t i = 0; i < COUNT_OF(keys); i++) {
		if (strcmp(value->key, keys[i]) == 0)
			return true;
	}
	return false;
}
