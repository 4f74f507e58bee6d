/* SPDX-License-Identifier: Apache-2.0 */
#include "compose/creation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/duration.h"
#include "compose/fleet.h"
#include "compose/shellwords.h"
#include "compose/tree.h"
#include "engine/find.h"

#define PORT_MAX 65535

void creation_add(struct texts *arguments, const char *option, const char *value)
{
	texts_add(arguments, option);
	texts_add(arguments, value);
}

static void add_pair(const struct creation *creation, struct texts *arguments, const char *option,
		     const char *key, const char *value)
{
	creation_add(arguments, option,
		     arena_printf(&creation->project->arena, "%s=%s", key, value));
}

/* -- what is said by one option each ------------------------------------------------------------
 */

enum simple_kind {
	SIMPLE_TEXT,
	SIMPLE_FLAG, /* the option alone, if true */
	SIMPLE_LIST, /* the option for each */
	SIMPLE_MAP,  /* the option for each, KEY=VALUE */
	SIMPLE_SECONDS,
};

/* In the order of the alphabet; long, but one line a key. */
static const struct {
	const char *key, *option;
	enum simple_kind kind;
} simples[] = {
	{ "annotations", "--annotation", SIMPLE_MAP },
	{ "cap_add", "--cap-add", SIMPLE_LIST },
	{ "cap_drop", "--cap-drop", SIMPLE_LIST },
	{ "cgroup", "--cgroupns", SIMPLE_TEXT },
	{ "cgroup_parent", "--cgroup-parent", SIMPLE_TEXT },
	{ "device_cgroup_rules", "--device-cgroup-rule", SIMPLE_LIST },
	{ "devices", "--device", SIMPLE_LIST },
	{ "dns", "--dns", SIMPLE_LIST },
	{ "dns_opt", "--dns-option", SIMPLE_LIST },
	{ "dns_search", "--dns-search", SIMPLE_LIST },
	{ "domainname", "--domainname", SIMPLE_TEXT },
	{ "environment", "--env", SIMPLE_MAP },
	{ "extra_hosts", "--add-host", SIMPLE_LIST },
	{ "group_add", "--group-add", SIMPLE_LIST },
	{ "hostname", "--hostname", SIMPLE_TEXT },
	{ "init", "--init", SIMPLE_FLAG },
	{ "isolation", "--isolation", SIMPLE_TEXT },
	{ "label_file", "--label-file", SIMPLE_LIST },
	{ "labels", "--label", SIMPLE_MAP },
	{ "mac_address", "--mac-address", SIMPLE_TEXT },
	{ "oom_kill_disable", "--oom-kill-disable", SIMPLE_FLAG },
	{ "oom_score_adj", "--oom-score-adj", SIMPLE_TEXT },
	{ "platform", "--platform", SIMPLE_TEXT },
	{ "privileged", "--privileged", SIMPLE_FLAG },
	{ "read_only", "--read-only", SIMPLE_FLAG },
	{ "runtime", "--runtime", SIMPLE_TEXT },
	{ "security_opt", "--security-opt", SIMPLE_LIST },
	{ "shm_size", "--shm-size", SIMPLE_TEXT },
	{ "stdin_open", "--interactive", SIMPLE_FLAG },
	{ "stop_grace_period", "--stop-timeout", SIMPLE_SECONDS },
	{ "stop_signal", "--stop-signal", SIMPLE_TEXT },
	{ "sysctls", "--sysctl", SIMPLE_MAP },
	{ "tmpfs", "--tmpfs", SIMPLE_LIST },
	{ "tty", "--tty", SIMPLE_FLAG },
	{ "user", "--user", SIMPLE_TEXT },
	{ "userns_mode", "--userns", SIMPLE_TEXT },
	{ "uts", "--uts", SIMPLE_TEXT },
	{ "working_dir", "--workdir", SIMPLE_TEXT },
};

/* The next whole one: less patience than was asked for would kill. */
static const char *whole_seconds(struct arena *arena, const char *text)
{
	double seconds = 0;

	(void)duration_parse(text, &seconds);

	long long whole = (long long)seconds;

	return arena_printf(arena, "%lld", whole + ((double)whole < seconds));
}

static void add_simple(const struct creation *creation, struct texts *arguments, size_t index)
{
	const struct json *value = json_get(creation->service->tree, simples[index].key);
	const char *option = simples[index].option;
	enum simple_kind kind = simples[index].kind;

	if (!value)
		return;
	if (kind == SIMPLE_FLAG && value->boolean)
		texts_add(arguments, option);
	else if (kind == SIMPLE_TEXT)
		creation_add(arguments, option, tree_scalar(value));
	else if (kind == SIMPLE_SECONDS)
		creation_add(arguments, option,
			     whole_seconds(&creation->project->arena, tree_scalar(value)));
	for (const struct json *item = value->child; item; item = item->next) {
		const char *text = tree_scalar(item);

		if (kind == SIMPLE_MAP && item->type == JSON_NULL)
			creation_add(arguments, option,
				     item->key); /* none, not the image's either */
		else if (kind == SIMPLE_MAP)
			add_pair(creation, arguments, option, item->key, text ? text : "");
		else if (kind == SIMPLE_LIST)
			creation_add(arguments, option, text);
	}
}

/* -- other containers ---------------------------------------------------------------------------
 */

const char *creation_container(const struct creation *creation, const char *name)
{
	char id[CONTAINER_ID_LENGTH + 1];
	struct error ignored; /* docker says what is not there */

	if (!find_one(&creation->fleet->engine, name, id, &ignored))
		return name;
	return arena_strdup(&creation->project->arena, id);
}

static bool is_planned(const struct creation *creation, const struct service *service)
{
	for (size_t i = 0; creation->plan && i < creation->plan->count; i++) {
		if (creation->plan->instances[i].service == service)
			return true;
	}
	return false;
}

static bool next_planned(const struct creation *creation, const struct service *service, int after,
			 struct creation_peer *peer)
{
	bool is_found = false;

	for (size_t i = 0; i < creation->plan->count; i++) {
		const struct instance *one = &creation->plan->instances[i];

		if (one->service != service || one->action == INSTANCE_REMOVE || !one->id ||
		    one->number <= after || (is_found && one->number >= peer->number))
			continue;
		*peer = (struct creation_peer){ one->id, one->name, one->number };
		is_found = true;
	}
	return is_found;
}

bool creation_next_peer(const struct creation *creation, const struct service *service, int after,
			struct creation_peer *peer)
{
	const struct fleet *fleet = creation->fleet;
	bool is_found = false;

	if (is_planned(creation, service))
		return next_planned(creation, service, after, peer);
	for (size_t i = 0; i < fleet->count; i++) {
		const struct member *one = &fleet->members[i];

		if (!fleet_is_of(one, service->name) || one->number <= after ||
		    (is_found && one->number >= peer->number))
			continue;
		*peer = (struct creation_peer){ one->container.id, one->container.name,
						one->number };
		is_found = true;
	}
	return is_found;
}

bool creation_lender(const struct creation *creation, const struct service *service,
		     const char *what, const char **id, struct error *err)
{
	bool is_network = strncmp(what, "network", 7) == 0;
	struct creation_peer peer;

	*id = NULL;
	if (creation_next_peer(creation, service, 0, &peer)) {
		*id = peer.id;
		return true;
	}
	if (!creation->project->is_classic)
		return error_set(err, ERROR_NOT_FOUND,
				 "cannot share %s with service %s: container missing", what,
				 service->name);
	if (strcmp(what, "volume") != 0) /* lender.h: only a dry run has none */
		fprintf(stderr,
			"Service %s is trying to use reuse the %s of another service that is not "
			"running.\n",
			service->name, is_network ? "network stack" : what);
	return true;
}

/* -- pid, ipc: a container of a service ---------------------------------------------------------
 */

static bool add_mode(const struct creation *creation, struct texts *arguments, const char *key,
		     const char *what, struct error *err)
{
	const struct project *project = creation->project;
	const char *mode = tree_text(creation->service->tree, key), *id = NULL;
	const struct service *other =
		mode && strncmp(mode, "service:", 8) == 0 ? project_find(project, mode + 8) : NULL;

	if (!mode)
		return true;
	if (other && !creation_lender(creation, other, what, &id, err))
		return false;
	if (other && !id)
		return true;
	if (!other && strncmp(mode, "container:", 10) == 0)
		id = creation_container(creation, mode + 10);
	if (id)
		mode = arena_printf(&creation->project->arena, "container:%s", id);
	creation_add(arguments, arena_printf(&creation->project->arena, "--%s", key), mode);
	return true;
}

/* -- health checks, logs, restart ---------------------------------------------------------------
 */

/* Word by word: --health-cmd knows commands for a shell only. */
static void add_health_test(struct texts *arguments, const struct json *test)
{
	for (const struct json *word = test->child; word; word = word->next)
		creation_add(arguments, "--health-test", word->text);
}

static bool add_health(const struct creation *creation, struct texts *arguments, struct error *err)
{
	static const char *const options[][2] = { { "interval", "--health-interval" },
						  { "timeout", "--health-timeout" },
						  { "retries", "--health-retries" },
						  { "start_period", "--health-start-period" },
						  { "start_interval", "--health-start-interval" } };
	const struct json *health = json_get(creation->service->tree, "healthcheck");
	const struct json *test = json_get(health, "test");

	if (!health)
		return true;
	if (tree_bool(health, "disable") || (test && strcmp(test->child->text, "NONE") == 0)) {
		texts_add(arguments, "--no-healthcheck");
		return true;
	}
	if (json_get(health, "start_interval") && !json_get(health, "start_period"))
		return error_set(err, ERROR_INPUT,
				 "healthcheck.start_interval requires healthcheck.start_period to "
				 "be set");
	if (test)
		add_health_test(arguments, test);
	for (size_t i = 0; i < COUNT_OF(options); i++) {
		const char *value = tree_text(health, options[i][0]);

		if (value)
			creation_add(arguments, options[i][1], value);
	}
	return true;
}

static void add_logging(const struct creation *creation, struct texts *arguments)
{
	const struct json *logging = json_get(creation->service->tree, "logging");
	const struct json *options = json_get(logging, "options");
	const char *driver = tree_text(logging, "driver");

	if (driver)
		creation_add(arguments, "--log-driver", driver);
	if (driver && strcmp(driver, "none") == 0)
		return; /* it has no options; a file's mean nothing then */
	for (const struct json *item = options ? options->child : NULL; item; item = item->next) {
		const char *text = tree_scalar(item);

		add_pair(creation, arguments, "--log-opt", item->key, text ? text : "");
	}
}

/* deploy.restart_policy says the same in other words. */
static const char *restart_of(struct arena *arena, const struct json *tree)
{
	const struct json *policy = json_get(json_get(tree, "deploy"), "restart_policy");
	const char *condition = tree_text(policy, "condition");
	const char *most = tree_text(policy, "max_attempts");

	if (json_get(tree, "restart") || !policy)
		return tree_text(tree, "restart");
	if (condition && strcmp(condition, "none") == 0)
		return "no";
	if (condition && strcmp(condition, "on-failure") == 0)
		return most ? arena_printf(arena, "on-failure:%s", most) : "on-failure";
	return "always";
}

static void add_restart(const struct creation *creation, struct texts *arguments)
{
	const char *restart = restart_of(&creation->project->arena, creation->service->tree);

	if (restart && *restart && !creation->is_oneoff)
		creation_add(arguments, "--restart", restart);
}

/* -- ports --------------------------------------------------------------------------------------
 */

static void add_ports(const struct creation *creation, struct texts *arguments)
{
	const struct json *ports = json_get(creation->service->tree, "ports");

	if (!creation->has_ports)
		return;
	for (const struct json *port = ports ? ports->child : NULL; port; port = port->next) {
		const char *address = tree_text(port, "host_ip");
		const char *published = tree_text(port, "published");
		bool is_v6 = address && strchr(address, ':');

		creation_add(arguments, "--publish",
			     arena_printf(&creation->project->arena, "%s%s%s%s%s%s%s/%s",
					  is_v6 ? "[" : "", address ? address : "",
					  is_v6 ? "]" : "", address ? ":" : "",
					  published ? published : "",
					  address || published ? ":" : "",
					  tree_text(port, "target"), tree_text(port, "protocol")));
	}
}

/* Numbers that are no ports occur, and docker's compose minds them not. */
static void add_exposed(const struct creation *creation, struct texts *arguments)
{
	const struct json *list = json_get(creation->service->tree, "expose");

	for (const struct json *item = list ? list->child : NULL; item; item = item->next) {
		if (strtol(item->text, NULL, 10) <= PORT_MAX)
			creation_add(arguments, "--expose", item->text);
	}
}

/* -- labels -------------------------------------------------------------------------------------
 */

/* "NAME:service_started:false,…": for commands that have no files. */
static const char *dependencies_text(const struct creation *creation)
{
	static const char *const conditions[] = {
		[CONDITION_STARTED] = "service_started",
		[CONDITION_HEALTHY] = "service_healthy",
		[CONDITION_COMPLETED] = "service_completed_successfully",
	};
	const struct service *service = creation->service;
	const char *text = "";

	for (size_t i = 0; i < service->dependency_count; i++) {
		const struct dependency *needed = &service->dependencies[i];

		text = arena_printf(
			&creation->project->arena, "%s%s%s:%s:%s", text, *text ? "," : "",
			creation->project->services[needed->service].name,
			conditions[needed->condition], needed->restarts ? "true" : "false");
	}
	return text;
}

static void add_labels(const struct creation *creation, struct texts *arguments)
{
	const struct project *project = creation->project;
	struct arena *arena = &creation->project->arena;
	const struct {
		const char *key, *value;
	} labels[] = {
		{ LABEL_PROJECT, project->name },
		{ LABEL_SERVICE, creation->service->name },
		{ LABEL_NUMBER, arena_printf(arena, "%d", creation->number) },
		{ LABEL_ONEOFF, creation->is_oneoff ? "True" : "False" },
		{ LABEL_HASH, creation->service->hash },
		{ LABEL_DIRECTORY, project->directory },
		{ LABEL_DEPENDENCIES, dependencies_text(creation) },
		{ LABEL_FILES, texts_join(&project->files, arena, ",") },
		{ LABEL_VERSION, creation->version },
	};

	for (size_t i = 0; i < COUNT_OF(labels); i++)
		add_pair(creation, arguments, "--label", labels[i].key, labels[i].value);
}

/* -- the command --------------------------------------------------------------------------------
 */

/* Docker's option takes one word; the others stand before the command's. */
static bool add_entrypoint(const struct creation *creation, struct texts *arguments,
			   struct error *err)
{
	const struct json *own = json_get(creation->service->tree, "entrypoint");
	autotexts struct texts words = { 0 };

	if (!creation->entrypoint && !own)
		return true;
	if (creation->entrypoint &&
	    !shellwords_split(&creation->project->arena, creation->entrypoint, &words, err))
		return error_in(err, "--entrypoint");
	for (const struct json *word = !creation->entrypoint ? own->child : NULL; word;
	     word = word->next)
		texts_add(&words, word->text);
	creation_add(arguments, "--entrypoint", words.count ? words.items[0] : "");
	if (!words.count)
		texts_add(arguments, "--image-command");
	for (size_t i = 1; i < words.count; i++)
		creation_add(arguments, "--entrypoint-word", words.items[i]);
	return true;
}

static void add_command(const struct creation *creation, struct texts *words)
{
	const struct json *command = json_get(creation->service->tree, "command");

	if (creation->command) {
		texts_add_all(words, creation->command->items, creation->command->count);
		return;
	}
	if (creation->entrypoint)
		return; /* another program has other arguments */
	for (const struct json *word = command ? command->child : NULL; word; word = word->next)
		texts_add(words, word->text);
}

bool creation_arguments(const struct creation *creation, struct texts *arguments, struct error *err)
{
	autotexts struct texts words = { 0 };

	creation_add(arguments, "--name", creation->name);
	for (size_t i = 0; i < COUNT_OF(simples); i++)
		add_simple(creation, arguments, i);
	if (!add_mode(creation, arguments, "pid", "PID namespace", err) ||
	    !add_mode(creation, arguments, "ipc", "IPC namespace", err) ||
	    !add_health(creation, arguments, err))
		return false;
	add_logging(creation, arguments);
	add_restart(creation, arguments);
	add_ports(creation, arguments);
	add_exposed(creation, arguments);
	creation_limits(creation, arguments);
	if (!creation_networks(creation, arguments, err) ||
	    !creation_mounts(creation, arguments, err))
		return false;
	add_labels(creation, arguments);
	if (!add_entrypoint(creation, arguments, err))
		return false;
	if (creation->extra)
		texts_add_all(arguments, creation->extra->items, creation->extra->count);
	add_command(creation, &words);
	texts_add(arguments, creation->service->image);
	texts_add_all(arguments, words.items, words.count);
	return true;
}

/* -- what is left out ---------------------------------------------------------------------------
 */

static void warn_of(const struct service *service, const struct json *tree, const char *before,
		    const char *const *keys)
{
	for (; *keys; keys++) {
		if (json_get(tree, *keys))
			fprintf(stderr,
				"service \"%s\": %s%s is not supported by this runtime: ignored\n",
				service->name, before, *keys);
	}
}

/* A file of the host's own is mounted as it is. */
static void warn_of_owners(const struct project *project, const struct service *service,
			   const char *section)
{
	const struct json *list = json_get(service->tree, section);

	for (const struct json *item = list ? list->child : NULL; item; item = item->next) {
		const struct json *source =
			tree_find(json_get(project->tree, section), tree_text(item, "source"));

		if (tree_text(source, "file") &&
		    (tree_text(item, "uid") || tree_text(item, "gid") || tree_text(item, "mode")))
			fprintf(stderr,
				"%s `uid`, `gid` and `mode` are not supported, they will be "
				"ignored\n",
				section);
	}
}

/* When an image was fetched is not kept. */
static void warn_of_policy(const struct service *service)
{
	const char *policy = tree_text(service->tree, "pull_policy");

	if (policy && (strcmp(policy, "daily") == 0 || strcmp(policy, "weekly") == 0 ||
		       strcmp(policy, "refresh") == 0 || strncmp(policy, "every_", 6) == 0))
		fprintf(stderr,
			"service \"%s\": pull_policy: \"%s\" is not supported: the image is pulled "
			"only where it is missing\n",
			service->name, policy);
}

void creation_warn(const struct project *project, const struct service *service)
{
	static const char *const keys[] = { "credential_spec", "develop", "gpus", "storage_opt",
					    NULL };
	static const char *const deployed[] = { "endpoint_mode",   "labels",        "placement",
						"rollback_config", "update_config", NULL };
	static const char *const reserved[] = { "devices", NULL };
	const struct json *deploy = json_get(service->tree, "deploy");

	warn_of_policy(service);
	warn_of_owners(project, service, "secrets");
	warn_of_owners(project, service, "configs");
	warn_of(service, service->tree, "", keys);
	warn_of(service, deploy, "deploy.", deployed);
	warn_of(service, json_get(json_get(deploy, "resources"), "reservations"),
		"deploy.resources.reservations.", reserved);
}
