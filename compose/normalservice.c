/* SPDX-License-Identifier: Apache-2.0 */
#include "compose/normal.h"

#include <ctype.h>
#include <string.h>

#include "compose/hook.h"
#include "compose/shellwords.h"
#include "compose/tree.h"

/* The keys of a service, and those of the mappings in it. */

static bool command(const struct normal *normal, struct json *value, struct error *err)
{
	autotexts struct texts words = { 0 };
	struct error reason;

	if (value->type == JSON_ARRAY)
		return normal_strings(normal, value, err);
	if (value->type != JSON_TEXT)
		return json_wrong(value, err, "must be a string or a list");
	if (!shellwords_split(normal->arena, value->text, &words, &reason))
		return json_wrong(value, err, "%s", reason.text);
	tree_reset(value, JSON_ARRAY, NULL);
	for (size_t i = 0; i < words.count; i++)
		(void)tree_add_text(normal->arena, value, words.items[i]);
	return true;
}

static bool build(const struct normal *normal, struct json *value, struct error *err)
{
	/* There is no builder: what stands there is only printed. */
	static const struct normal_key keys[] = {
		{ "additional_contexts", NULL },
		{ "args", normal_map },
		{ "cache_from", NULL },
		{ "cache_to", NULL },
		{ "context", normal_string },
		{ "dockerfile", normal_string },
		{ "dockerfile_inline", normal_string },
		{ "entitlements", NULL },
		{ "extra_hosts", NULL },
		{ "isolation", normal_string },
		{ "labels", normal_map },
		{ "network", normal_string },
		{ "no_cache", NULL },
		{ "no_cache_filter", NULL },
		{ "platforms", NULL },
		{ "privileged", NULL },
		{ "provenance", NULL },
		{ "pull", NULL },
		{ "sbom", NULL },
		{ "secrets", NULL },
		{ "shm_size", NULL },
		{ "ssh", NULL },
		{ "tags", NULL },
		{ "target", normal_string },
		{ "ulimits", NULL },
		{ NULL, NULL },
	};
	const char *context = tree_scalar(value);

	if (context) {
		tree_reset(value, JSON_OBJECT, NULL);
		(void)tree_put_text(normal->arena, value, "context", normal_path(normal, context));
	}
	if (!normal_members(normal, value, keys, err))
		return false;
	if (!tree_find(value, "dockerfile") && !tree_find(value, "dockerfile_inline"))
		(void)tree_put_text(normal->arena, value, "dockerfile", "Dockerfile");
	return true;
}

/* -- depends_on, networks: a list of names or a mapping -----------------------------------------
 */

/* [a, b] becomes {a: {}, b: {}}. */
static bool names_to_mapping(const struct normal *normal, struct json *value, struct error *err)
{
	struct json *map = json_new(normal->arena, NULL, NULL, JSON_OBJECT, NULL);

	if (value->type == JSON_OBJECT)
		return true;
	if (value->type != JSON_ARRAY || value->count > 1024)
		return json_wrong(value, err, "must be a mapping or a list");
	for (struct json *item = value->child; item; item = item->next) {
		if (!normal_text(normal, item, err))
			return false;
		(void)tree_put(normal->arena, map, item->text, JSON_OBJECT, NULL);
	}
	tree_become(value, map);
	return true;
}

static bool condition(const struct normal *normal, struct json *value, struct error *err)
{
	return normal_text(normal, value, err) &&
	       (strcmp(value->text, "service_started") == 0 ||
		strcmp(value->text, "service_healthy") == 0 ||
		strcmp(value->text, "service_completed_successfully") == 0 ||
		json_wrong(value, err,
			   "value must be one of 'service_started', 'service_healthy', "
			   "'service_completed_successfully'"));
}

static bool depends_on(const struct normal *normal, struct json *value, struct error *err)
{
	static const struct normal_key keys[] = { { "condition", condition },
						  { "required", normal_bool },
						  { "restart", normal_bool },
						  { NULL, NULL } };

	if (!names_to_mapping(normal, value, err))
		return false;
	for (struct json *item = value->child; item; item = item->next) {
		if (item->type == JSON_NULL)
			tree_reset(item, JSON_OBJECT, NULL);
		if (!normal_members(normal, item, keys, err))
			return false;
		if (!tree_find(item, "condition"))
			(void)tree_put_text(normal->arena, item, "condition", "service_started");
		if (!tree_find(item, "required"))
			(void)tree_put_bool(normal->arena, item, "required", true);
	}
	return true;
}

static bool networks(const struct normal *normal, struct json *value, struct error *err)
{
	static const struct normal_key keys[] = {
		{ "aliases", normal_strings },        { "driver_opts", normal_map },
		{ "gw_priority", normal_number },     { "interface_name", normal_text },
		{ "ipv4_address", normal_text },      { "ipv6_address", normal_text },
		{ "link_local_ips", normal_strings }, { "mac_address", normal_text },
		{ "priority", normal_number },        { NULL, NULL },
	};

	if (!names_to_mapping(normal, value, err))
		return false;
	for (struct json *item = value->child; item; item = item->next) {
		if (item->type == JSON_NULL)
			tree_reset(item, JSON_OBJECT, NULL);
		if (!normal_members(normal, item, keys, err))
			return false;
	}
	return true;
}

/* -- lists whose elements have a short form -----------------------------------------------------
 */

/* Each element that is a text becomes {KEY: text}. */
static bool long_elements(const struct normal *normal, struct json *value, const char *key,
			  const struct normal_key *keys, struct error *err)
{
	if (tree_scalar(value) && !normal_list(normal, value, err))
		return false;
	if (value->type != JSON_ARRAY)
		return json_wrong(value, err, "must be a list");
	for (struct json *item = value->child; item; item = item->next) {
		const char *text = tree_scalar(item);

		if (text) {
			tree_reset(item, JSON_OBJECT, NULL);
			(void)tree_put_text(normal->arena, item, key, text);
		}
		if (!normal_members(normal, item, keys, err))
			return false;
		if (!tree_text(item, key))
			return json_wrong(item, err, "missing property '%s'", key);
	}
	return true;
}

/* "NAME = VALUE" would be a variable that no program asks for. */
static bool environment(const struct normal *normal, struct json *value, struct error *err)
{
	if (!normal_map(normal, value, err))
		return false;
	for (const struct json *item = value->child; item; item = item->next) {
		size_t length = strlen(item->key);

		if (length && isspace((unsigned char)item->key[length - 1]))
			return json_wrong(value, err,
					  "environment variable %.100s is declared with a trailing "
					  "space",
					  item->key);
	}
	return true;
}

static bool path(const struct normal *normal, struct json *value, struct error *err)
{
	if (!normal_text(normal, value, err))
		return false;
	value->text = normal_path(normal, value->text);
	return true;
}

static bool env_file(const struct normal *normal, struct json *value, struct error *err)
{
	static const struct normal_key keys[] = { { "path", path },
						  { "required", normal_bool },
						  { "format", normal_text },
						  { NULL, NULL } };

	return long_elements(normal, value, "path", keys, err);
}

static bool label_file(const struct normal *normal, struct json *value, struct error *err)
{
	if (!normal_list(normal, value, err))
		return false;
	for (struct json *item = value->child; item; item = item->next)
		item->text = normal_path(normal, item->text);
	return true;
}

/* secrets, configs */
static bool files(const struct normal *normal, struct json *value, struct error *err)
{
	static const struct normal_key keys[] = {
		{ "source", normal_text }, { "target", normal_text }, { "uid", normal_text },
		{ "gid", normal_text },    { "mode", normal_mode },   { NULL, NULL }
	};

	return long_elements(normal, value, "source", keys, err);
}

/* -- other mappings -----------------------------------------------------------------------------
 */

static bool test(const struct normal *normal, struct json *value, struct error *err)
{
	const char *text = tree_scalar(value);

	if (text) {
		tree_reset(value, JSON_ARRAY, NULL);
		(void)tree_add_text(normal->arena, value, "CMD-SHELL");
		(void)tree_add_text(normal->arena, value, text);
		return true;
	}
	if (!normal_list(normal, value, err))
		return false;
	return (value->child && (strcmp(value->child->text, "CMD") == 0 ||
				 strcmp(value->child->text, "CMD-SHELL") == 0 ||
				 strcmp(value->child->text, "NONE") == 0)) ||
	       json_wrong(value, err, "must start either by \"CMD\", \"CMD-SHELL\" or \"NONE\"");
}

static const struct normal_key healthcheck_keys[] = {
	{ "disable", normal_bool },          { "interval", normal_duration },
	{ "retries", normal_number },        { "start_interval", normal_duration },
	{ "start_period", normal_duration }, { "test", test },
	{ "timeout", normal_duration },      { NULL, NULL },
};

static const struct normal_key logging_keys[] = {
	{ "driver", normal_text },
	{ "options", normal_map },
	{ NULL, NULL },
};

static bool ulimits(const struct normal *normal, struct json *value, struct error *err)
{
	static const struct normal_key keys[] = { { "soft", normal_number },
						  { "hard", normal_number },
						  { NULL, NULL } };

	if (!normal_object(normal, value, err))
		return false;
	for (struct json *item = value->child; item; item = item->next) {
		if (item->type != JSON_OBJECT ? !normal_number(normal, item, err)
					      : !normal_members(normal, item, keys, err))
			return false;
		if (item->type == JSON_OBJECT &&
		    (!tree_find(item, "soft") || !tree_find(item, "hard")))
			return json_wrong(item, err, "needs 'soft' and 'hard'");
	}
	return true;
}

static bool extends(const struct normal *normal, struct json *value, struct error *err)
{
	static const struct normal_key keys[] = { { "service", normal_text },
						  { "file", normal_text },
						  { NULL, NULL } };
	const char *service = tree_scalar(value);

	if (service) {
		tree_reset(value, JSON_OBJECT, NULL);
		(void)tree_put_text(normal->arena, value, "service", service);
	}
	return normal_members(normal, value, keys, err) &&
	       (tree_find(value, "service") ||
		json_wrong(value, err, "missing property 'service'"));
}

/* {name: address} or ["name:address", "name=address"]; becomes the list with colons. */
static bool extra_hosts(const struct normal *normal, struct json *value, struct error *err)
{
	struct json *list = json_new(normal->arena, NULL, NULL, JSON_ARRAY, NULL);

	if (value->type == JSON_ARRAY) {
		if (!normal_list(normal, value, err))
			return false;
		for (struct json *item = value->child; item; item = item->next) {
			char *text = arena_strdup(normal->arena, item->text);
			size_t length = strcspn(text, "=:");

			if (text[length])
				text[length] = ':';
			item->text = text;
		}
		return true;
	}
	if (!normal_object(normal, value, err))
		return false;
	for (struct json *item = value->child; item; item = item->next) {
		if (!normal_list(normal, item, err))
			return false;
		for (struct json *address = item->child; address; address = address->next)
			(void)tree_add_text(
				normal->arena, list,
				arena_printf(normal->arena, "%s:%s", item->key, address->text));
	}
	tree_become(value, list);
	return true;
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

static const struct normal_key rollout_keys[] = {
	{ "delay", normal_duration },
	{ "failure_action", normal_string },
	{ "max_failure_ratio", normal_number },
	{ "monitor", normal_duration },
	{ "order", normal_string },
	{ "parallelism", normal_number },
	{ NULL, NULL },
};

static const struct normal_key blkio_keys[] = {
	{ "device_read_bps", NULL },
	{ "device_read_iops", NULL },
	{ "device_write_bps", NULL },
	{ "device_write_iops", NULL },
	{ "weight", normal_number },
	{ "weight_device", NULL },
	{ NULL, NULL },
};

static const struct normal_key credential_keys[] = {
	{ "config", normal_string },
	{ "file", normal_string },
	{ "registry", normal_string },
	{ NULL, NULL },
};

static const struct normal_key deploy_keys[] = {
	{ "endpoint_mode", normal_text },
	{ "labels", normal_map },
	{ "mode", normal_text },
	{ "placement", .keys = placement_keys },
	{ "replicas", normal_number },
	{ "resources", .keys = resources_keys },
	{ "restart_policy", .keys = restart_policy_keys },
	{ "rollback_config", .keys = rollout_keys },
	{ "update_config", .keys = rollout_keys },
	{ NULL, NULL },
};

/* post_start, pre_stop */
static bool hooks(const struct normal *normal, struct json *value, struct error *err)
{
	static const struct normal_key keys[] = {
		{ "command", command },           { "environment", normal_map },
		{ "privileged", normal_bool },    { "user", normal_string },
		{ "working_dir", normal_string }, { NULL, NULL },
	};

	if (value->type != JSON_ARRAY || value->count > HOOKS_MAX)
		return json_wrong(value, err, "must be a list of at most %d hooks", HOOKS_MAX);
	for (struct json *item = value->child; item; item = item->next) {
		const struct json *words;

		if (!normal_members(normal, item, keys, err))
			return false;
		words = json_get(item, "command");
		if (!words || (words->type == JSON_ARRAY && !words->child))
			return json_wrong(item, err, "missing property 'command'");
	}
	return true;
}

static bool not_supported(const struct normal *normal, struct json *value, struct error *err)
{
	(void)normal;
	return json_wrong(value, err, "not supported by this runtime");
}

/* `restart: no` without quotes is text here already; `false` is what some write instead. */
static bool restart(const struct normal *normal, struct json *value, struct error *err)
{
	if (value->type == JSON_BOOL && !value->boolean)
		tree_reset(value, JSON_TEXT, "no");
	return normal_string(normal, value, err);
}

/* One long list, in the order of the alphabet. */
static const struct normal_key keys[] = {
	{ "annotations", normal_map },
	{ "attach", normal_bool },
	{ "blkio_config", .keys = blkio_keys },
	{ "build", build },
	{ "cap_add", normal_strings },
	{ "cap_drop", normal_strings },
	{ "cgroup", normal_string },
	{ "cgroup_parent", normal_string },
	{ "command", command },
	{ "configs", files },
	{ "container_name", normal_string },
	{ "cpu_count", normal_number },
	{ "cpu_percent", normal_number },
	{ "cpu_period", normal_text },
	{ "cpu_quota", normal_text },
	{ "cpu_rt_period", normal_text },
	{ "cpu_rt_runtime", normal_text },
	{ "cpu_shares", normal_number },
	{ "cpus", normal_number },
	{ "cpuset", normal_string },
	{ "credential_spec", .keys = credential_keys },
	{ "depends_on", depends_on },
	{ "deploy", .keys = deploy_keys },
	{ "develop", NULL },
	{ "device_cgroup_rules", normal_strings },
	{ "devices", normal_devices },
	{ "dns", normal_list },
	{ "dns_opt", normal_strings },
	{ "dns_search", normal_list },
	{ "domainname", normal_string },
	{ "entrypoint", command },
	{ "env_file", env_file },
	{ "environment", environment },
	{ "expose", normal_texts },
	{ "extends", extends },
	{ "external_links", normal_strings },
	{ "extra_hosts", extra_hosts },
	{ "gpus", NULL },
	{ "group_add", normal_texts },
	{ "healthcheck", .keys = healthcheck_keys },
	{ "hostname", normal_string },
	{ "image", normal_string },
	{ "init", normal_bool },
	{ "ipc", normal_string },
	{ "isolation", normal_string },
	{ "label_file", label_file },
	{ "labels", normal_map },
	{ "links", normal_strings },
	{ "logging", .keys = logging_keys },
	{ "mac_address", normal_string },
	{ "mem_limit", normal_size },
	{ "mem_reservation", normal_size },
	{ "mem_swappiness", normal_number },
	{ "memswap_limit", normal_size },
	{ "models", not_supported },
	{ "network_mode", normal_string },
	{ "networks", networks },
	{ "oom_kill_disable", normal_bool },
	{ "oom_score_adj", normal_number },
	{ "pid", normal_string },
	{ "pids_limit", normal_number },
	{ "platform", normal_string },
	{ "ports", normal_ports },
	{ "post_start", hooks },
	{ "pre_stop", hooks },
	{ "privileged", normal_bool },
	{ "profiles", normal_strings },
	{ "provider", not_supported },
	{ "pull_policy", normal_string },
	{ "read_only", normal_bool },
	{ "restart", restart },
	{ "runtime", normal_string },
	{ "scale", normal_number },
	{ "secrets", files },
	{ "security_opt", normal_strings },
	{ "shm_size", normal_size },
	{ "stdin_open", normal_bool },
	{ "stop_grace_period", normal_duration },
	{ "stop_signal", normal_string },
	{ "storage_opt", normal_map },
	{ "sysctls", normal_map },
	{ "tmpfs", normal_list },
	{ "tty", normal_bool },
	{ "ulimits", ulimits },
	{ "user", normal_string },
	{ "userns_mode", normal_string },
	{ "uts", normal_string },
	{ "volumes", normal_mounts },
	{ "volumes_from", normal_strings },
	{ "working_dir", normal_string },
	{ NULL, NULL },
};

static bool refuse_option(const struct json *service, const char *key, struct error *err)
{
	return error_set(err, ERROR_INPUT,
			 "The Compose file '%.200s' is invalid because: Unsupported config option "
			 "for services.%.100s: '%.100s'",
			 service->parent->parent->key, service->key, key);
}

bool normal_service(const struct normal *normal, struct json *service, struct error *err)
{
	if (service->type != JSON_OBJECT)
		return json_wrong(service, err, "must be a mapping");
	for (const struct json *member = service->child; normal->is_classic && member;
	     member = member->next) {
		if (!normal_knows(keys, member->key))
			return refuse_option(service, member->key, err);
	}
	return normal_members(normal, service, keys, err);
}
