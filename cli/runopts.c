/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/runopts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "cli/envfile.h"
#include "cli/logdefault.h"
#include "engine/attach.h"
#include "engine/bundle.h"
#include "engine/bundledevice.h"
#include "engine/bundlelimit.h"
#include "engine/daemonjson.h"
#include "engine/hostfiles.h"
#include "engine/logging.h"
#include "engine/policy.h"
#include "engine/userns.h"

/*
 * What the option table (runtable.c) has collected becomes a container.
 */

static bool read_pairs(const struct runopts *values, struct arena *arena,
		       struct container *container, struct error *err)
{
	for (size_t i = 0; i < values->env_files.count; i++) {
		if (!envfile_read(&container->env, arena, values->env_files.items[i], true, err))
			return false;
	}
	for (size_t i = 0; i < values->env.count; i++)
		envfile_add_variable(&container->env, arena, values->env.items[i]);
	for (size_t i = 0; i < container->extra_hosts.count; i++)
		container->extra_hosts.items[i] =
			hostfiles_plain_host(arena, container->extra_hosts.items[i]);
	for (size_t i = 0; i < values->label_files.count; i++) {
		if (!envfile_read(&container->labels, arena, values->label_files.items[i], false,
				  err))
			return false;
	}
	return true;
}

/* Whose driver it is, docker asks once there is a volume. */
static bool check_volume_driver(const char *driver, const struct mounts *mounts, struct error *err)
{
	if (!driver || !*driver || strcmp(driver, "local") == 0)
		return true;
	for (size_t i = 0; i < mounts->count; i++) {
		if (mounts->items[i].kind == MOUNT_VOLUME)
			return error_set(err, ERROR_NOT_FOUND,
					 "error looking up volume plugin %s: plugin \"%s\" not "
					 "found",
					 driver, driver);
	}
	return true;
}

static bool read_mounts(const struct runopts *values, struct mounts *mounts, struct error *err)
{
	for (size_t i = 0; i < values->volumes.count; i++) {
		/* The same once more means nothing more, as with docker. */
		const struct texts before = { .items = values->volumes.items, .count = i };

		if (texts_has(&before, values->volumes.items[i]))
			continue;
		if (!mounts_add_volume(mounts, values->volumes.items[i], err))
			return false;
	}
	if (!check_volume_driver(values->volume_driver, mounts, err))
		return false;
	for (size_t i = 0; i < values->mounts.count; i++) {
		if (!mounts_add_mount(mounts, values->mounts.items[i], err))
			return false;
	}
	for (size_t i = 0; i < values->tmpfs.count; i++) {
		if (!mounts_add_tmpfs(mounts, values->tmpfs.items[i], err))
			return false;
	}
	return true;
}

/* A word of the list, or, where that is possible, another container's. */
static bool is_mode(const char *mode, const char *const *known, bool may_be_others)
{
	for (; *known; known++) {
		if (strcmp(mode, *known) == 0)
			return true;
	}
	return may_be_others && strncmp(mode, "container:", 10) == 0 && mode[10];
}

static const char *usual(const char *mode, const char *word)
{
	return *mode ? mode : word;
}

/* On v1 docker leaves a container in the machine's cgroup namespace. */
static const char *usual_cgroupns(void)
{
	return access("/sys/fs/cgroup/cgroup.controllers", F_OK) == 0 ? "private" : "host";
}

static bool read_namespaces(struct container *container, struct error *err)
{
	static const char *const plain[] = { "private", "host", NULL };

	container->pid_mode = usual(container->pid_mode, "private");
	container->uts_mode = usual(container->uts_mode, "private");
	container->ipc_mode = usual(container->ipc_mode, "private");
	container->cgroupns_mode = usual(container->cgroupns_mode, usual_cgroupns());
	if (!is_mode(container->pid_mode, plain, true))
		return error_set(err, ERROR_INPUT, "--pid: invalid PID mode");
	if (!is_mode(container->uts_mode, plain, false))
		return error_set(err, ERROR_INPUT, "--uts: invalid UTS mode");
	return is_mode(container->cgroupns_mode, plain, false) ||
	       error_set(err, ERROR_INPUT, "--cgroupns: invalid CGROUP mode");
}

static bool check_ipc(const struct container *container, struct error *err)
{
	static const char *const known[] = { "private", "shareable", "host", "none", NULL };

	return is_mode(container->ipc_mode, known, true) ||
	       error_set(err, ERROR_INPUT, "Invalid IPC mode: %s", container->ipc_mode);
}

static bool check_uts(const struct container *container, struct error *err)
{
	const char *what = *container->hostname ? "hostname" : "domainname";

	return strcmp(container->uts_mode, "host") != 0 ||
	       (!*container->hostname && !*container->domainname) ||
	       error_set(err, ERROR_INPUT, "conflicting options: %s and the UTS mode", what);
}

/* Those that need a service of somebody else's are replaced, so that recipes which name one run. */
static bool read_logging(const struct runopts *values, struct arena *arena,
			 struct container *container, struct error *err)
{
	static const char *const replaced[] = { "awslogs", "fluentd", "gelf",
						"gcplogs", "splunk",  "etwlogs" };

	autotexts struct texts options = { 0 };
	const struct json *daemon;
	const char *usual;

	if (!daemonjson_read(values->config, arena, &daemon, err) ||
	    !daemonjson_check(values->config, daemon, err) ||
	    !logdefault_read(daemon, arena, &usual, &options, err))
		return false;
	if (!*container->log_driver)
		container->log_driver = usual;
	if (strcmp(container->log_driver, usual) != 0)
		options.count = 0;
	for (size_t i = 0; i < COUNT_OF(replaced); i++) {
		if (strcmp(container->log_driver, replaced[i]) == 0) {
			fprintf(stderr, "WARNING: no log driver %s here: json-file is used\n",
				replaced[i]);
			container->log_driver = "json-file";
			return true; /* its options mean nothing here */
		}
	}
	texts_add_all(&options, values->log_opts.items, values->log_opts.count);
	logging_set_options(container, &options, arena);
	return logging_check(container, err);
}

static bool read_restart(const struct container *container, struct error *err)
{
	if (!policy_check_form(container->restart, err))
		return false;
	if (container->is_removed_on_exit && *container->restart &&
	    strcmp(container->restart, "no") != 0)
		return error_set(err, ERROR_INPUT,
				 "conflicting options: cannot specify both --restart and --rm");
	return true;
}

static void read_numbers(const struct runopts *values, struct container *container)
{
	container->memory = values->memory.value;
	container->memory_swap = values->memory_swap.value;
	container->memory_reservation = values->memory_reservation.value;
	container->nano_cpus = values->cpus.value;
	container->cpu_shares = values->cpu_shares.value;
	container->cpu_period = values->cpu_period.value;
	container->cpu_quota = values->cpu_quota.value;
	container->pids_limit = values->pids_limit.value;
	container->shm_size = values->shm_size.value;
	container->blkio_weight = values->blkio_weight.value;
	container->cpu_rt_period = values->cpu_rt_period.value;
	container->cpu_rt_runtime = values->cpu_rt_runtime.value;
	container->has_swappiness =
		values->memory_swappiness.is_set && values->memory_swappiness.value != -1;
	container->memory_swappiness = values->memory_swappiness.value;
	container->oom_score_adj = values->oom_score_adj.value;
	container->stop_timeout = values->stop_timeout.is_set ? values->stop_timeout.value : -1;
}

bool runopts_attaches(const struct runopts *values, enum runopts_stream stream)
{
	static const char *const names[] = { "stdin", "stdout", "stderr" };

	if (values->is_detached)
		return false;
	if (!values->attach.count)
		return stream != RUNOPTS_STDIN || values->container.has_open_stdin;
	for (size_t i = 0; i < values->attach.count; i++) {
		if (strcasecmp(values->attach.items[i], names[stream]) == 0)
			return stream != RUNOPTS_STDIN || values->container.has_open_stdin;
	}
	return false;
}

/* Docker's words for what is checked in its client. */
static bool read_health(const struct runopts *values, struct arena *arena,
			struct container *container, struct error *err)
{
	const struct {
		const char *name;
		const struct opt_number *from;
		int64_t *to;
	} numbers[] = {
		{ "--health-interval", &values->health_interval, &container->health_interval },
		{ "--health-timeout", &values->health_timeout, &container->health_timeout },
		{ "--health-retries", &values->health_retries, &container->health_retries },
		{ "--health-start-period", &values->health_start_period,
		  &container->health_start_period },
		{ "--health-start-interval", &values->health_start_interval,
		  &container->health_start_interval },
	};
	bool is_set = (values->health_cmd && *values->health_cmd) || values->health_test.count;

	for (size_t i = 0; i < COUNT_OF(numbers); i++) {
		if (numbers[i].from->value < 0)
			return error_set(err, ERROR_INPUT, "%s cannot be negative",
					 numbers[i].name);
		*numbers[i].to = numbers[i].from->value;
		is_set |= numbers[i].from->value != 0;
	}
	if (values->is_without_health && is_set)
		return error_set(err, ERROR_INPUT,
				 "--no-healthcheck conflicts with --health-* options");
	if (values->is_without_health)
		texts_add(&container->health_test, "NONE");
	/* Ours, for compose, which also knows tests that need no shell: one word each. */
	texts_add_all(&container->health_test, values->health_test.items,
		      values->health_test.count);
	if (values->health_cmd && *values->health_cmd) {
		texts_add(&container->health_test, "CMD-SHELL");
		texts_add(&container->health_test, arena_strdup(arena, values->health_cmd));
	}
	return true;
}

static void read_screen(struct container *container)
{
	unsigned short rows;
	unsigned short columns;

	if (!container->has_tty || !attach_screen_size(&rows, &columns))
		return;
	container->console_rows = rows;
	container->console_columns = columns;
}

/* What there is one of here, or none. */
static bool check_platform(const struct runopts *values, struct error *err)
{
	const char *runtime = values->runtime ? values->runtime : "";
	const char *isolation = values->isolation ? values->isolation : "";

	for (size_t i = 0; i < values->storage_opts.count; i++) {
		const char *option = values->storage_opts.items[i];

		if (strncasecmp(option, "size=", strlen("size=")) != 0)
			return error_set(err, ERROR_INPUT, "Unknown option %.*s",
					 (int)strcspn(option, "="), option);
	}
	if (values->storage_opts.count)
		return error_set(err, ERROR_UNSUPPORTED,
				 "--storage-opt is supported only for overlay over xfs with "
				 "'pquota' mount option");
	if (values->gpus && *values->gpus)
		return error_set(err, ERROR_UNSUPPORTED,
				 "could not select device driver \"\" with capabilities: [[gpu]]");
	if (*runtime && strcmp(runtime, "runc") != 0 &&
	    strcmp(runtime, "io.containerd.runc.v2") != 0)
		return error_set(err, ERROR_INPUT, "Unknown runtime specified %s", runtime);
	if (*isolation && strcasecmp(isolation, "default") != 0)
		return error_set(err, ERROR_INPUT,
				 "Invalid isolation: \"%s\" - linux only supports 'default'",
				 isolation);
	if (values->kernel_memory.is_set)
		fputs("WARNING: Specifying a kernel memory limit is deprecated: no kernel of today "
		      "has one. Limitation discarded.\n",
		      stderr);
	return true;
}

/* A user's own control groups are nobody's to give here: said, as docker says it. */
static void warn_about_limits(const struct container *container)
{
	bool has_limit = container->memory || container->memory_swap ||
			 container->memory_reservation || container->nano_cpus ||
			 container->cpu_shares || container->cpu_quota ||
			 (container->cpuset_cpus && *container->cpuset_cpus) ||
			 container->pids_limit > 0 || container->blkio_weight;

	if (has_limit && userns_is_inside())
		fputs("WARNING: rootless containers have no control groups to keep memory, CPU, "
		      "process and IO limits with. Limitation discarded.\n",
		      stderr);
}

static bool check_swappiness(const struct container *container, struct error *err)
{
	return !container->has_swappiness ||
	       (container->memory_swappiness >= 0 && container->memory_swappiness <= 100) ||
	       error_set(err, ERROR_INPUT,
			 "invalid value: %lld. Valid memory swappiness range is 0-100",
			 (long long)container->memory_swappiness);
}

static bool check_lists(const struct runopts *values, struct error *err)
{
	for (size_t i = 0; i < values->volumes.count; i++)
		if (!mounts_check_volume(values->volumes.items[i], err))
			return false;
	for (size_t i = 0; i < values->storage_opts.count; i++)
		if (!strchr(values->storage_opts.items[i], '='))
			return error_set(err, ERROR_INPUT, "invalid storage option");
	for (size_t i = 0; i < values->container.devices.count; i++)
		if (!device_check(values->container.devices.items[i], err))
			return false;
	return true;
}

bool runopts_read(const struct runopts *values, const struct texts *arguments, struct arena *arena,
		  struct container *container, struct error *err)
{
	container_copy(&values->container, container);
	if (container->name[0] == '/')
		container->name++;
	container->image = arguments->items[0];
	texts_add_all(&container->command, arguments->items + 1, arguments->count - 1);
	if (values->entrypoint && *values->entrypoint)
		texts_add(&container->entrypoint, values->entrypoint);
	texts_add_all(&container->entrypoint, values->entrypoint_words.items,
		      values->entrypoint_words.count);
	limit_keep_last(&container->ulimits);
	container->is_attached = !values->is_detached;
	read_numbers(values, container);
	read_screen(container);
	for (size_t i = 0; i < container->dns.count; i++)
		container->dns.items[i] = hostfiles_address(arena, container->dns.items[i]);
	warn_about_limits(container);
	return check_swappiness(container, err) && check_lists(values, err) &&
	       read_pairs(values, arena, container, err) && read_namespaces(container, err) &&
	       read_restart(container, err) && confine_take_profiles(arena, container, err) &&
	       read_health(values, arena, container, err) &&
	       netopts_read(&values->net, arena, container, err);
}

bool runopts_complete(const struct runopts *values, struct arena *arena,
		      struct container *container, struct mounts *mounts, struct error *err)
{
	return check_platform(values, err) && policy_check(container->restart, err) &&
	       check_ipc(container, err) && check_uts(container, err) &&
	       netopts_complete(&values->net, arena, container, err) &&
	       read_logging(values, arena, container, err) && read_mounts(values, mounts, err);
}
