/* SPDX-License-Identifier: Apache-2.0 */
#include "compose/normal.h"

#include <string.h>

#include "compose/tree.h"

/* What a service says to others than its containers: to a builder, and to who deploys it. */

/* A directory, or what a builder would fetch. */
static const char *context_path(const struct normal *normal, const char *text)
{
	static const char *const heads[] = { "git@", "github.com/", "service:" };

	for (size_t i = 0; i < COUNT_OF(heads); i++) {
		if (strncmp(text, heads[i], strlen(heads[i])) == 0)
			return text;
	}
	return strstr(text, "://") ? text : normal_path(normal, text);
}

static bool context(const struct normal *normal, struct json *value, struct error *err)
{
	if (!normal_string(normal, value, err))
		return false;
	value->text = context_path(normal, value->text);
	return true;
}

static bool contexts(const struct normal *normal, struct json *value, struct error *err)
{
	if (!normal_labels(normal, value, err))
		return false;
	for (struct json *item = value->child; item; item = item->next)
		item->text = context_path(normal, item->text);
	return true;
}

bool normal_build(const struct normal *normal, struct json *value, struct error *err)
{
	/* There is no builder: what stands there is only printed. */
	static const struct normal_key keys[] = {
		{ "additional_contexts", contexts },
		{ "args", normal_map },
		{ "cache_from", NULL },
		{ "cache_to", NULL },
		{ "context", context },
		{ "dockerfile", normal_string },
		{ "dockerfile_inline", normal_string },
		{ "entitlements", NULL },
		{ "extra_hosts", NULL },
		{ "isolation", normal_string },
		{ "labels", normal_labels },
		{ "network", normal_string },
		{ "no_cache", NULL },
		{ "no_cache_filter", NULL },
		{ "platforms", NULL },
		{ "privileged", NULL },
		{ "provenance", NULL },
		{ "pull", NULL },
		{ "sbom", NULL },
		{ "secrets", normal_files },
		{ "shm_size", NULL },
		{ "ssh", NULL },
		{ "tags", NULL },
		{ "target", normal_string },
		{ "ulimits", NULL },
		{ NULL, NULL },
	};
	if (value->type == JSON_TEXT) {
		const char *text = value->text;

		tree_reset(value, JSON_OBJECT, NULL);
		(void)tree_put_text(normal->arena, value, "context", text);
	}
	return normal_members(normal, value, keys, err);
}

static const struct normal_key limits_keys[] = {
	{ "cpus", normal_number }, { "memory", normal_size },     { "pids", normal_number },
	{ "devices", NULL },       { "generic_resources", NULL }, { NULL, NULL },
};

static const struct normal_key resources_keys[] = {
	{ "limits", .keys = limits_keys },
	{ "reservations", .keys = limits_keys },
	{ NULL, NULL },
};

static const struct normal_key restart_policy_keys[] = {
	{ "condition", normal_text },
	{ "delay", normal_duration },
	{ "max_attempts", normal_number },
	{ "window", normal_duration },
	{ NULL, NULL },
};

/* Of swarm's settings only the keys are looked at. */
static const struct normal_key placement_keys[] = {
	{ "constraints", NULL },
	{ "max_replicas_per_node", NULL },
	{ "preferences", NULL },
	{ NULL, NULL },
};

static bool order(const struct normal *normal, struct json *value, struct error *err)
{
	static const char *const orders[] = { "start-first", "stop-first", NULL };

	return normal_choice(normal, value, orders, err);
}

static const struct normal_key rollout_keys[] = {
	{ "delay", normal_duration },
	{ "failure_action", normal_string },
	{ "max_failure_ratio", normal_number },
	{ "monitor", normal_duration },
	{ "order", order },
	{ "parallelism", normal_number },
	{ NULL, NULL },
};

const struct normal_key normal_deploy[] = {
	{ "endpoint_mode", normal_text },
	{ "labels", normal_labels },
	{ "mode", normal_text },
	{ "placement", .keys = placement_keys },
	{ "replicas", normal_number },
	{ "resources", .keys = resources_keys },
	{ "restart_policy", .keys = restart_policy_keys },
	{ "rollback_config", .keys = rollout_keys },
	{ "update_config", .keys = rollout_keys },
	{ NULL, NULL },
};
