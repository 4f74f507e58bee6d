/* SPDX-License-Identifier: Apache-2.0 */
#include "compose/format1.h"

#include <string.h>

#include "compose/tree.h"

#define CONTAINER "container:"

static bool has_section(const struct json *document, const char *name)
{
	const struct json *section = json_get(document, name);

	return section && (section->child || section->type == JSON_TEXT);
}

bool format1_is(const struct json *document)
{
	const struct json *version = json_get(document, "version");

	return document->type == JSON_OBJECT && document->child &&
	       (!version || version->type == JSON_OBJECT) && !has_section(document, "services") &&
	       !has_section(document, "networks") && !has_section(document, "volumes") &&
	       !json_get(document, "include") && !json_get(document, "name");
}

/* -- keys ---------------------------------------------------------------------------------------
 */

/* Moves service[from] to service[object][to]. */
static void move_into(struct arena *arena, struct json *service, const char *from,
		      const char *object, const char *to)
{
	struct json *value = tree_find(service, from), *into = tree_find(service, object);

	if (!value)
		return;
	if (!into)
		into = tree_put(arena, service, object, JSON_OBJECT, NULL);
	if (into->type == JSON_OBJECT)
		(void)tree_copy(arena, into, to, value);
	tree_remove(service, value);
}

static void rename_keys(struct arena *arena, struct json *service)
{
	struct json *net = tree_find(service, "net"), *build = tree_find(service, "build");
	const char *context = tree_scalar(build);

	if (net)
		net->key = "network_mode";
	if (context && tree_find(service, "dockerfile")) {
		tree_reset(build, JSON_OBJECT, NULL);
		(void)tree_put_text(arena, build, "context", context);
	}
	move_into(arena, service, "dockerfile", "build", "dockerfile");
	move_into(arena, service, "log_driver", "logging", "driver");
	move_into(arena, service, "log_opt", "logging", "options");
}

static const char *kind_of(const struct json *value)
{
	return value->type == JSON_ARRAY  ? "an array"
	       : value->type == JSON_BOOL ? "a boolean"
	       : value->type == JSON_TEXT ? "a string"
					  : "a number";
}

bool format1_convert(struct arena *arena, struct json *document, struct error *err)
{
	struct json *services = json_new(arena, NULL, NULL, JSON_OBJECT, NULL);

	for (const struct json *item = document->child; item; item = item->next) {
		if (item->type != JSON_OBJECT && item->type != JSON_NULL)
			return json_wrong(document, err,
					  "services '%.100s' must be a mapping not %s", item->key,
					  kind_of(item));
		rename_keys(arena, tree_copy(arena, services, item->key, item));
	}
	tree_reset(document, JSON_OBJECT, NULL);
	tree_become(tree_put(arena, document, "services", JSON_OBJECT, NULL), services);
	return true;
}

/* -- names --------------------------------------------------------------------------------------
 */

static bool is_service(const struct json *services, const char *name, size_t length)
{
	for (const struct json *service = services->child; service; service = service->next) {
		if (strncmp(service->key, name, length) == 0 && !service->key[length])
			return true;
	}
	return false;
}

static void settle_mode(struct arena *arena, const struct json *services, struct json *service)
{
	const char *mode = tree_text(service, "network_mode");
	const char *name = mode && strncmp(mode, CONTAINER, sizeof(CONTAINER) - 1) == 0
				   ? mode + sizeof(CONTAINER) - 1
				   : NULL;

	if (!mode && !tree_find(service, "networks"))
		(void)tree_put_text(arena, service, "network_mode", "bridge");
	else if (name && is_service(services, name, strlen(name)))
		(void)tree_put_text(arena, service, "network_mode",
				    arena_printf(arena, "service:%s", name));
}

static void settle_volumes_from(struct arena *arena, const struct json *services,
				const struct json *service)
{
	struct json *list = tree_find(service, "volumes_from");

	for (struct json *item = list ? list->child : NULL; item; item = item->next) {
		if (!is_service(services, item->text, strcspn(item->text, ":")) &&
		    strncmp(item->text, CONTAINER, sizeof(CONTAINER) - 1) != 0)
			item->text = arena_printf(arena, CONTAINER "%s", item->text);
	}
}

/* A named volume belongs to no project. */
static void declare_volumes(struct arena *arena, struct json *document, const struct json *service)
{
	const struct json *mounts = json_get(service, "volumes");
	struct json *volumes = tree_find(document, "volumes");

	if (!volumes)
		volumes = tree_put(arena, document, "volumes", JSON_OBJECT, NULL);
	for (const struct json *item = mounts ? mounts->child : NULL; item; item = item->next) {
		const char *source = tree_text(item, "source"), *type = tree_text(item, "type");

		if (source && type && strcmp(type, "volume") == 0 && !tree_find(volumes, source))
			(void)tree_put_text(arena,
					    tree_put(arena, volumes, source, JSON_OBJECT, NULL),
					    "name", source);
	}
}

void format1_settle(struct arena *arena, struct json *document)
{
	const struct json *services = json_get(document, "services");

	for (struct json *service = services ? services->child : NULL; service;
	     service = service->next) {
		settle_mode(arena, services, service);
		settle_volumes_from(arena, services, service);
		declare_volumes(arena, document, service);
	}
}
