/* SPDX-License-Identifier: Apache-2.0 */
#include "compose/normal.h"

#include <ctype.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "compose/hook.h"
#include "compose/merge.h"
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
	bool is_list = value->type == JSON_ARRAY;

	if ((is_list && !normal_unique(normal, value, err)) ||
	    !names_to_mapping(normal, value, err))
		return false;
	for (struct json *item = value->child; item; item = item->next) {
		if (!normal_members(normal, item, keys, err))
			return false;
		if (!is_list)
			continue; /* another file may say the rest */
		(void)tree_put_text(normal->arena, item, "condition", "service_started");
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

	return (!tree_scalar(value) || normal_list(normal, value, err)) &&
	       long_elements(normal, value, "path", keys, err);
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
bool normal_files(const struct normal *normal, struct json *value, struct error *err)
{
	static const struct normal_key keys[] = {
		{ "source", normal_text }, { "target", normal_text }, { "uid", normal_string },
		{ "gid", normal_string },  { "mode", normal_mode },   { NULL, NULL }
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
	return !value->child || strcmp(value->child->text, "CMD") == 0 ||
	       strcmp(value->child->text, "CMD-SHELL") == 0 ||
	       strcmp(value->child->text, "NONE") == 0 ||
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
	{ "options", normal_options },
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

/* "host:[::1]" is "host:::1". */
static const char *without_brackets(char *text, size_t at)
{
	size_t length = strlen(text);

	if (text[at] != '[' || text[length - 1] != ']')
		return text;
	memmove(text + at, text + at + 1, length - at - 2);
	text[length - 2] = '\0';
	return text;
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

			if (!text[length])
				return json_wrong(item, err,
						  "invalid additional host, missing IP: %.100s",
						  text);
			text[length] = ':';
			item->text = without_brackets(text, length + 1);
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

static bool throttles(const struct normal *normal, struct json *value, struct error *err)
{
	static const struct normal_key keys[] = { { "path", normal_string },
						  { "rate", normal_size },
						  { "weight", normal_integer },
						  { NULL, NULL } };

	return long_elements(normal, value, "path", keys, err);
}

static const struct normal_key blkio_keys[] = {
	{ "device_read_bps", throttles },
	{ "device_read_iops", throttles },
	{ "device_write_bps", throttles },
	{ "device_write_iops", throttles },
	{ "weight", normal_integer },
	{ "weight_device", throttles },
	{ NULL, NULL },
};

static const struct normal_key credential_keys[] = {
	{ "config", normal_string },
	{ "file", normal_string },
	{ "registry", normal_string },
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

static bool cgroup(const struct normal *normal, struct json *value, struct error *err)
{
	static const char *const kinds[] = { "host", "private", NULL };

	return normal_choice(normal, value, kinds, err);
}

/* "2d12h": whole numbers of weeks, days, hours, minutes, seconds. */
static bool is_span(const char *text)
{
	bool is_one = *text != '\0';

	while (*text) {
		size_t digits = strspn(text, "0123456789");

		if (!digits || !text[digits] || !strchr("wdhms", text[digits]))
			return false;
		text += digits + 1;
	}
	return is_one;
}

static bool pull_policy(const struct normal *normal, struct json *value, struct error *err)
{
	static const char *const policies[] = { "always",  "never",  "if_not_present",
						"missing", "build",  "refresh",
						"daily",   "weekly", NULL };

	if (value->type == JSON_TEXT && strncmp(value->text, "every_", 6) == 0)
		return is_span(value->text + 6) ||
		       json_wrong(value, err, "\"%.100s\" is no every_ and a time, as every_12h",
				  value->text);
	if (!normal_choice(normal, value, policies, err))
		return false;
	if (strcmp(value->text, "if_not_present") == 0)
		value->text = "missing";
	return true;
}

static bool check_bounds(const struct normal *normal, struct json *value, long least, long most,
			 struct error *err)
{
	if (!normal_integer(normal, value, err) || normal_is_open(normal, value))
		return normal_is_open(normal, value);

	long number = strtol(value->text, NULL, 10);

	return (number >= least && number <= most) ||
	       json_wrong(value, err, "must be between %ld and %ld", least, most);
}

static bool cpu_count(const struct normal *normal, struct json *value, struct error *err)
{
	return check_bounds(normal, value, 0, LONG_MAX, err);
}

static bool cpu_percent(const struct normal *normal, struct json *value, struct error *err)
{
	return check_bounds(normal, value, 0, 100, err);
}

static bool oom_score(const struct normal *normal, struct json *value, struct error *err)
{
	return check_bounds(normal, value, -1000, 1000, err);
}

/* One long list, in the order of the alphabet. */
static const struct normal_key keys[] = {
	{ "annotations", normal_labels },
	{ "attach", normal_bool },
	{ "blkio_config", .keys = blkio_keys },
	{ "build", normal_build },
	{ "cap_add", normal_strings },
	{ "cap_drop", normal_strings },
	{ "cgroup", cgroup },
	{ "cgroup_parent", normal_string },
	{ "command", command, .keeps_null = true },
	{ "configs", normal_files },
	{ "container_name", normal_string },
	{ "cpu_count", cpu_count },
	{ "cpu_percent", cpu_percent },
	{ "cpu_period", normal_integer },
	{ "cpu_quota", normal_integer },
	{ "cpu_rt_period", normal_text },
	{ "cpu_rt_runtime", normal_text },
	{ "cpu_shares", normal_number },
	{ "cpus", normal_number },
	{ "cpuset", normal_string },
	{ "credential_spec", .keys = credential_keys },
	{ "depends_on", depends_on },
	{ "deploy", .keys = normal_deploy },
	{ "develop", NULL },
	{ "device_cgroup_rules", normal_strings },
	{ "devices", normal_devices },
	{ "dns", normal_list },
	{ "dns_opt", normal_strings },
	{ "dns_search", normal_list },
	{ "domainname", normal_string },
	{ "entrypoint", command, .keeps_null = true },
	{ "env_file", env_file },
	{ "environment", environment },
	{ "expose", normal_texts },
	{ "extends", extends },
	{ "external_links", normal_strings },
	{ "extra_hosts", extra_hosts },
	{ "gpus", NULL },
	{ "group_add", normal_unique },
	{ "healthcheck", .keys = healthcheck_keys },
	{ "hostname", normal_string },
	{ "image", normal_string },
	{ "init", normal_bool },
	{ "ipc", normal_string },
	{ "isolation", normal_string },
	{ "label_file", label_file },
	{ "labels", normal_labels },
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
	{ "oom_score_adj", oom_score },
	{ "pid", normal_string },
	{ "pids_limit", normal_number },
	{ "platform", normal_string },
	{ "ports", normal_ports },
	{ "post_start", hooks },
	{ "pre_stop", hooks },
	{ "privileged", normal_bool },
	{ "profiles", normal_strings },
	{ "provider", not_supported },
	{ "pull_policy", pull_policy },
	{ "pull_refresh_after", normal_string },
	{ "read_only", normal_bool },
	{ "restart", restart },
	{ "runtime", normal_string },
	{ "scale", normal_number },
	{ "secrets", normal_files },
	{ "security_opt", normal_unique },
	{ "shm_size", normal_size },
	{ "stdin_open", normal_bool },
	{ "stop_grace_period", normal_duration },
	{ "stop_signal", normal_string },
	{ "storage_opt", normal_options },
	{ "sysctls", normal_labels },
	{ "tmpfs", normal_list },
	{ "tty", normal_bool },
	{ "ulimits", ulimits },
	{ "use_api_socket", not_supported },
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
	if (!normal_members(normal, service, keys, err))
		return false;
	merge_doubles(normal->arena, service);
	return true;
}
