/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/containerinspection.h"

#include <stdio.h>
#include <string.h>

#include "cli/hostconfig.h"
#include "cli/jsonmaker.h"
#include "cli/netsettings.h"
#include "engine/health.h"
#include "engine/propagation.h"
#include "engine/status.h"
#include "engine/tree.h"

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

	bool has_number = false;

	for (size_t i = 0; i < COUNT_OF(numbers); i++)
		has_number |= numbers[i].value != 0;
	if (!container->health_test.count && !has_number)
		return;
	struct jsonmaker check = jsonmaker_nested(config, "Healthcheck", JSON_OBJECT);
	if (container->health_test.count)
		add_texts(&check, "Test", &container->health_test);
	for (size_t i = 0; i < COUNT_OF(numbers); i++)
		if (numbers[i].value)
			jsonmaker_number(&check, numbers[i].name, numbers[i].value);
}

static void add_volumes(const struct jsonmaker *config, const struct container *container)
{
	if (container->volumes.count)
		jsonmaker_set(config, "Volumes", container->volumes.items,
			      container->volumes.count);
	else
		jsonmaker_text(config, "Volumes", NULL);
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
	add_volumes(&config, container);
	jsonmaker_text(&config, "WorkingDir", container->workdir);
	add_texts(&config, "Entrypoint", &container->entrypoint);
	if (container->network_count && *container->networks[0].mac)
		jsonmaker_text(&config, "MacAddress", container->networks[0].mac);
	jsonmaker_text(&config, "OnBuild", NULL);
	jsonmaker_pairs(&config, "Labels", &container->labels);
	add_healthcheck(&config, container);
	if (*container->stop_signal)
		jsonmaker_text(&config, "StopSignal", container->stop_signal);
	if (container->stop_timeout >= 0)
		jsonmaker_number(&config, "StopTimeout", container->stop_timeout);
}

/* Docker shares the label of a named volume given by -v. */
static const char *mode_of(const struct container_mount *mount)
{
	bool is_shared = mount->kind == MOUNT_VOLUME && !mount->is_anonymous;

	if (mount->is_long)
		return "";
	return is_shared && !*mount->options ? "z" : mount->options;
}

static void add_mounts(const struct jsonmaker *object, const struct engine *engine,
		       const struct container *container)
{
	static const char *const types[] = {
		[MOUNT_BIND] = "bind",
		[MOUNT_VOLUME] = "volume",
		[MOUNT_TMPFS] = "tmpfs",
		[MOUNT_IMAGE] = "image",
	};
	struct jsonmaker list = jsonmaker_nested(object, "Mounts", JSON_ARRAY);

	for (size_t i = 0; i < container->mount_count; i++) {
		const struct container_mount *mount = &container->mounts[i];
		struct jsonmaker item;

		if (mount->kind == MOUNT_TMPFS && !mount->is_long)
			continue;
		item = jsonmaker_nested(&list, NULL, JSON_OBJECT);
		jsonmaker_text(&item, "Type", types[mount->kind]);
		if (mount->kind == MOUNT_VOLUME) {
			jsonmaker_text(&item, "Name", mount->source);
			jsonmaker_text(&item, "Source",
				       arena_printf(object->arena, "%s/volumes/%s/_data",
						    engine->root, mount->source));
		} else if (mount->kind == MOUNT_IMAGE) {
			jsonmaker_text(&item, "Name", mount->source);
			jsonmaker_text(&item, "Source", mount->image_id);
		} else {
			jsonmaker_text(&item, "Source", mount->source ? mount->source : "");
		}
		jsonmaker_text(&item, "Destination", mount->target);
		if (mount->kind == MOUNT_VOLUME)
			jsonmaker_text(&item, "Driver", "local");
		jsonmaker_text(&item, "Mode", mode_of(mount));
		jsonmaker_bool(&item, "RW", !mount->is_readonly);
		jsonmaker_text(&item, "Propagation",
			       mount->kind == MOUNT_BIND ? propagation_of(mount->options) : "");
	}
}

static void add_command(const struct jsonmaker *object, const struct container *container)
{
	autotexts struct texts argv = { 0 };

	container_argv(container, &argv);
	jsonmaker_text(object, "Path", argv.count ? argv.items[0] : "");
	jsonmaker_texts(object, "Args", argv.items + 1, argv.count ? argv.count - 1 : 0, false);
}

/* Files that a container has from its first start on. */
static void add_files(const struct jsonmaker *object, const struct engine *engine,
		      const struct container *container, bool is_there)
{
	/* As docker: other drivers' files are their own affair. */
	const bool has_log = strcmp(container->log_driver, "json-file") == 0;
	const struct {
		const char *key, *name;
	} files[] = { { "ResolvConfPath", "resolv.conf" },
		      { "HostnamePath", "hostname" },
		      { "HostsPath", "hosts" },
		      { "LogPath", has_log ? CONTAINER_LOG : NULL } };

	for (size_t i = 0; i < COUNT_OF(files); i++) {
		jsonmaker_text(object, files[i].key,
			       is_there && files[i].name ? directory_file(object->arena, engine,
									  container, files[i].name)
							 : "");
	}
}

static void add_driver(const struct jsonmaker *object, const struct engine *engine,
		       const struct container *container)
{
	struct jsonmaker driver = jsonmaker_nested(object, "GraphDriver", JSON_OBJECT);
	struct jsonmaker data = jsonmaker_nested(&driver, "Data", JSON_OBJECT);
	const char *lower = "";

	/* As overlayfs has it: the uppermost layer first. */
	for (size_t i = container->layer_count; i > 0; i--)
		lower = arena_printf(object->arena, "%s%s%s/layers/%s/diff", lower,
				     *lower ? ":" : "", engine->root,
				     digest_hex(&container->chains[i - 1]));
	jsonmaker_text(&data, "LowerDir", lower);
	jsonmaker_text(&data, "MergedDir",
		       directory_file(object->arena, engine, container, "rootfs"));
	jsonmaker_text(&data, "UpperDir",
		       directory_file(object->arena, engine, container, "upper"));
	jsonmaker_text(&data, "WorkDir", directory_file(object->arena, engine, container, "work"));
	jsonmaker_text(&driver, "Name", "overlay2");
}

/* Docker's way: what the container wrote, and that with its image. */
static void add_sizes(const struct jsonmaker *object, struct engine *engine,
		      const struct container *container)
{
	struct store_image image;
	struct error ignored; /* the image is gone: its size is not known */
	int64_t own = tree_size(directory_file(object->arena, engine, container, "upper"));
	bool is_found =
		store_find(&engine->store, object->arena, container->image_id, &image, &ignored);

	jsonmaker_number(object, "SizeRw", own);
	jsonmaker_number(object, "SizeRootFs", own + (is_found ? image.size : 0));
}

void containerinspection_add(struct arena *arena, struct json *objects, struct engine *engine,
			     const struct container *container, bool has_sizes)
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
	add_files(&object, engine, container, status.state != STATUS_CREATED);
	jsonmaker_text(&object, "Name", arena_printf(arena, "/%s", container->name));
	jsonmaker_number(&object, "RestartCount", status.restart_count);
	jsonmaker_text(&object, "Driver", "overlay2");
	jsonmaker_text(&object, "Platform", "linux");
	jsonmaker_text(&object, "MountLabel", "");
	jsonmaker_text(&object, "ProcessLabel", "");
	jsonmaker_text(&object, "AppArmorProfile", "");
	jsonmaker_text(&object, "ExecIDs", NULL);
	hostconfig_add(&object, engine, container);
	add_driver(&object, engine, container);
	if (has_sizes)
		add_sizes(&object, engine, container);
	add_mounts(&object, engine, container);
	add_config(&object, container);
	netsettings_add(&object, engine, container, status.pid);
}
