/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/containerinspection.h"

#include <stdio.h>
#include <string.h>

#include "cli/jsonmaker.h"
#include "cli/netsettings.h"
#include "engine/health.h"
#include "engine/policy.h"
#include "engine/status.h"

/*
 * The members that tools read, with docker's names and types.
 */

static const char *directory_file(struct arena *arena, const struct engine *engine,
				  const struct container *container, const char *name)
{
	return arena_printf(arena, "%s/containers/%s/%s", engine->root, container->id, name);
}

static void add_texts(const struct jsonmaker *maker, const char *key, const struct texts *texts)
{
	jsonmaker_texts(maker, key, texts->items, texts->count, true);
}

static void add_health(const struct jsonmaker *state, const struct health *health)
{
	if (health->state == HEALTH_NONE)
		return;
	struct jsonmaker object = jsonmaker_nested(state, "Health", JSON_OBJECT);
	jsonmaker_text(&object, "Status", health_name(health->state));
	jsonmaker_number(&object, "FailingStreak", health->streak);
	struct jsonmaker log = jsonmaker_nested(&object, "Log", JSON_ARRAY);
	for (size_t i = 0; i < health->count; i++) {
		struct jsonmaker result = jsonmaker_nested(&log, NULL, JSON_OBJECT);

		jsonmaker_text(&result, "Start", health->results[i].start);
		jsonmaker_text(&result, "End", health->results[i].end);
		jsonmaker_number(&result, "ExitCode", health->results[i].code);
		jsonmaker_text(&result, "Output", health->results[i].output);
	}
}

static void add_state(const struct jsonmaker *object, const struct status *status,
		      const struct health *health)
{
	struct jsonmaker state = jsonmaker_nested(object, "State", JSON_OBJECT);

	jsonmaker_text(&state, "Status", status_name(status->state));
	bool is_restarting = status->state == STATUS_RESTARTING;

	jsonmaker_bool(&state, "Running", status_has_process(status) || is_restarting);
	jsonmaker_bool(&state, "Paused", status->state == STATUS_PAUSED);
	jsonmaker_bool(&state, "Restarting", is_restarting);
	jsonmaker_bool(&state, "OOMKilled", status->is_oom_killed);
	jsonmaker_bool(&state, "Dead", false);
	jsonmaker_number(&state, "Pid", status->pid);
	jsonmaker_number(&state, "ExitCode", status->exit_code);
	jsonmaker_text(&state, "Error", status->error);
	jsonmaker_text(&state, "StartedAt", status->started_at);
	jsonmaker_text(&state, "FinishedAt", status->finished_at);
	add_health(&state, health);
}

static void add_labels(const struct jsonmaker *config, const struct texts *labels)
{
	struct jsonmaker object = jsonmaker_nested(config, "Labels", JSON_OBJECT);

	for (size_t i = 0; i < labels->count; i++) {
		const char *pair = labels->items[i];
		size_t length = strcspn(pair, "=");

		jsonmaker_text(&object, arena_strndup(config->arena, pair, length),
			       pair[length] ? pair + length + 1 : "");
	}
}

static void add_healthcheck(const struct jsonmaker *config, const struct container *container)
{
	const struct {
		const char *name;
		int64_t value;
	} numbers[] = { { "Interval", container->health_interval },
			{ "Timeout", container->health_timeout },
			{ "StartPeriod", container->health_start_period },
			{ "StartInterval", container->health_start_interval },
			{ "Retries", container->health_retries } };

	if (!container->health_test.count)
		return;
	struct jsonmaker check = jsonmaker_nested(config, "Healthcheck", JSON_OBJECT);
	add_texts(&check, "Test", &container->health_test);
	for (size_t i = 0; i < COUNT_OF(numbers); i++)
		if (numbers[i].value)
			jsonmaker_number(&check, numbers[i].name, numbers[i].value);
}

/* The variables docker sets by itself are not in its Config.Env, but for PATH. */
static void add_config(const struct jsonmaker *object, const struct container *container)
{
	struct jsonmaker config = jsonmaker_nested(object, "Config", JSON_OBJECT);

	jsonmaker_text(&config, "Hostname", container->hostname);
	jsonmaker_text(&config, "Domainname", container->domainname);
	jsonmaker_text(&config, "User", container->user);
	jsonmaker_bool(&config, "AttachStdin", container->is_attached && container->has_open_stdin);
	jsonmaker_bool(&config, "AttachStdout", container->is_attached);
	jsonmaker_bool(&config, "AttachStderr", container->is_attached);
	jsonmaker_set(&config, "ExposedPorts", container->exposed_ports.items,
		      container->exposed_ports.count);
	jsonmaker_bool(&config, "Tty", container->has_tty);
	jsonmaker_bool(&config, "OpenStdin", container->has_open_stdin);
	jsonmaker_bool(&config, "StdinOnce", container->is_attached && container->has_open_stdin);
	add_texts(&config, "Env", &container->env);
	add_texts(&config, "Cmd", &container->command);
	jsonmaker_text(&config, "Image", container->image);
	jsonmaker_text(&config, "Volumes", NULL);
	jsonmaker_text(&config, "WorkingDir", container->workdir);
	add_texts(&config, "Entrypoint", &container->entrypoint);
	add_labels(&config, &container->labels);
	add_healthcheck(&config, container);
	if (*container->stop_signal)
		jsonmaker_text(&config, "StopSignal", container->stop_signal);
	if (container->stop_timeout >= 0)
		jsonmaker_number(&config, "StopTimeout", container->stop_timeout);
}

static void add_binds(const struct jsonmaker *host, const struct container *container)
{
	struct jsonmaker binds = jsonmaker_nested(host, "Binds", JSON_ARRAY);

	for (size_t i = 0; i < container->mount_count; i++) {
		const struct container_mount *mount = &container->mounts[i];

		if (mount->kind == MOUNT_TMPFS || mount->is_anonymous)
			continue;
		jsonmaker_text(&binds, NULL,
			       arena_printf(host->arena, "%s:%s%s%s", mount->source, mount->target,
					    *mount->options ? ":" : "", mount->options));
	}
}

static void add_policies(const struct jsonmaker *host, const struct container *container)
{
	struct jsonmaker restart = jsonmaker_nested(host, "RestartPolicy", JSON_OBJECT);
	struct jsonmaker log = jsonmaker_nested(host, "LogConfig", JSON_OBJECT);

	char policy[POLICY_NAME_MAX];
	int64_t retries;

	policy_split(container->restart, policy, &retries);
	jsonmaker_text(&restart, "Name", policy);
	jsonmaker_number(&restart, "MaximumRetryCount", retries);
	jsonmaker_text(&log, "Type", container->log_driver);
	struct jsonmaker options = jsonmaker_nested(&log, "Config", JSON_OBJECT);
	if (container->log_max_size > 0)
		jsonmaker_text(
			&options, "max-size",
			arena_printf(host->arena, "%lld", (long long)container->log_max_size));
	if (container->log_max_files > 0)
		jsonmaker_text(
			&options, "max-file",
			arena_printf(host->arena, "%lld", (long long)container->log_max_files));
}

static void add_limits(const struct jsonmaker *host, const struct container *container)
{
	int64_t swap = container->memory_swap;

	if (container->memory && !swap)
		swap = 2 * container->memory;
	jsonmaker_number(host, "Memory", container->memory);
	jsonmaker_number(host, "MemorySwap", swap);
	jsonmaker_number(host, "MemoryReservation", container->memory_reservation);
	jsonmaker_number(host, "NanoCpus", container->nano_cpus);
	jsonmaker_number(host, "CpuShares", container->cpu_shares);
	jsonmaker_number(host, "CpuPeriod", container->cpu_period);
	jsonmaker_number(host, "CpuQuota", container->cpu_quota);
	jsonmaker_text(host, "CpusetCpus", container->cpuset_cpus);
	jsonmaker_text(host, "CpusetMems", container->cpuset_mems);
	if (container->pids_limit)
		jsonmaker_number(host, "PidsLimit", container->pids_limit);
	else
		jsonmaker_text(host, "PidsLimit", NULL);
	jsonmaker_number(host, "ShmSize", container->shm_size ? container->shm_size : 64 << 20);
	jsonmaker_number(host, "OomScoreAdj", container->oom_score_adj);
}

/* "NET_ADMIN" → "CAP_NET_ADMIN" */
static void add_capabilities(const struct jsonmaker *host, const char *key,
			     const struct texts *names)
{
	if (!names->count) {
		jsonmaker_text(host, key, NULL);
		return;
	}
	struct jsonmaker list = jsonmaker_nested(host, key, JSON_ARRAY);
	for (size_t i = 0; i < names->count; i++) {
		const char *name = names->items[i];
		bool is_whole = strncmp(name, "CAP_", 4) == 0 || strcmp(name, "ALL") == 0;

		jsonmaker_text(&list, NULL,
			       is_whole ? name : arena_printf(host->arena, "CAP_%s", name));
	}
}

static void add_host_config(const struct jsonmaker *object, const struct container *container)
{
	struct jsonmaker host = jsonmaker_nested(object, "HostConfig", JSON_OBJECT);

	add_binds(&host, container);
	jsonmaker_text(&host, "NetworkMode", container->network);
	add_policies(&host, container);
	jsonmaker_bool(&host, "AutoRemove", container->is_removed_on_exit);
	jsonmaker_bool(&host, "Privileged", container->is_privileged);
	jsonmaker_bool(&host, "ReadonlyRootfs", container->is_readonly);
	add_capabilities(&host, "CapAdd", &container->cap_add);
	add_capabilities(&host, "CapDrop", &container->cap_drop);
	netsettings_add_wishes(&host, container);
	add_texts(&host, "Dns", &container->dns);
	add_texts(&host, "DnsSearch", &container->dns_search);
	add_texts(&host, "DnsOptions", &container->dns_options);
	add_texts(&host, "ExtraHosts", &container->extra_hosts);
	add_texts(&host, "GroupAdd", &container->groups);
	add_texts(&host, "SecurityOpt", &container->security);
	jsonmaker_text(&host, "IpcMode", container->ipc_mode);
	jsonmaker_text(&host, "PidMode",
		       strcmp(container->pid_mode, "private") == 0 ? "" : container->pid_mode);
	jsonmaker_text(&host, "UTSMode",
		       strcmp(container->uts_mode, "private") == 0 ? "" : container->uts_mode);
	jsonmaker_text(&host, "CgroupnsMode", container->cgroupns_mode);
	jsonmaker_text(&host, "Runtime", "runc");
	jsonmaker_bool(&host, "Init", container->has_init);
	add_limits(&host, container);
}

static void add_mounts(const struct jsonmaker *object, const struct engine *engine,
		       const struct container *container)
{
	static const char *const types[] = {
		[MOUNT_BIND] = "bind", [MOUNT_VOLUME] = "volume", [MOUNT_TMPFS] = "tmpfs"
	};
	struct jsonmaker list = jsonmaker_nested(object, "Mounts", JSON_ARRAY);

	for (size_t i = 0; i < container->mount_count; i++) {
		const struct container_mount *mount = &container->mounts[i];
		struct jsonmaker item;

		if (mount->kind == MOUNT_TMPFS)
			continue;
		item = jsonmaker_nested(&list, NULL, JSON_OBJECT);
		jsonmaker_text(&item, "Type", types[mount->kind]);
		if (mount->kind == MOUNT_VOLUME) {
			jsonmaker_text(&item, "Name", mount->source);
			jsonmaker_text(&item, "Driver", "local");
			jsonmaker_text(&item, "Source",
				       arena_printf(object->arena, "%s/volumes/%s/_data",
						    engine->root, mount->source));
		} else {
			jsonmaker_text(&item, "Source", mount->source);
		}
		jsonmaker_text(&item, "Destination", mount->target);
		jsonmaker_text(&item, "Mode", mount->options);
		jsonmaker_bool(&item, "RW", !mount->is_readonly);
		jsonmaker_text(&item, "Propagation", mount->kind == MOUNT_BIND ? "rprivate" : "");
	}
}

static void add_command(const struct jsonmaker *object, const struct container *container)
{
	autotexts struct texts argv = { 0 };

	container_argv(container, &argv);
	jsonmaker_text(object, "Path", argv.count ? argv.items[0] : "");
	jsonmaker_texts(object, "Args", argv.items + 1, argv.count ? argv.count - 1 : 0, false);
}

void containerinspection_add(struct arena *arena, struct json *objects, struct engine *engine,
			     const struct container *container)
{
	struct jsonmaker object = { arena, json_new(arena, objects, NULL, JSON_OBJECT, NULL) };
	struct status status;
	struct health health;

	status_read(engine, arena, container->id, &status);
	jsonmaker_text(&object, "Id", container->id);
	jsonmaker_text(&object, "Created", container->created);
	add_command(&object, container);
	health_read(engine, arena, container, &status, &health);
	add_state(&object, &status, &health);
	jsonmaker_text(&object, "Image", container->image_id);
	jsonmaker_text(&object, "ResolvConfPath",
		       directory_file(arena, engine, container, "resolv.conf"));
	jsonmaker_text(&object, "HostnamePath",
		       directory_file(arena, engine, container, "hostname"));
	jsonmaker_text(&object, "HostsPath", directory_file(arena, engine, container, "hosts"));
	jsonmaker_text(&object, "LogPath", directory_file(arena, engine, container, CONTAINER_LOG));
	jsonmaker_text(&object, "Name", arena_printf(arena, "/%s", container->name));
	jsonmaker_number(&object, "RestartCount", status.restart_count);
	jsonmaker_text(&object, "Driver", "overlay2");
	jsonmaker_text(&object, "Platform", "linux");
	jsonmaker_text(&object, "ExecIDs", NULL);
	add_host_config(&object, container);
	add_mounts(&object, engine, container);
	add_config(&object, container);
	netsettings_add(&object, engine, container, status_has_process(&status));
}
