/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/containerverbs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/caller.h"
#include "base/file.h"
#include "cli/dockerconfig.h"
#include "cli/human.h"
#include "cli/pulling.h"
#include "cli/running.h"
#include "cli/runopts.h"
#include "engine/claim.h"
#include "engine/control.h"
#include "engine/engine.h"
#include "engine/kernellimit.h"
#include "engine/launch.h"
#include "registry/reference.h"

#define EXIT_OURS 125 /* what docker exits with when the container was never started */

/* A container that is being made for this command. */
struct job {
	const struct cli *cli;
	const struct runopts *values;
	const struct texts *arguments;
	struct engine engine;
	struct arena arena;
	struct container container;
	bool is_started_next;
	bool is_clients; /* what failed is what docker's client would have refused */
	int lock;
};

static void job_init(struct job *job, const struct cli *cli, const void *values,
		     const struct texts *arguments)
{
	*job = (struct job){ .cli = cli,
			     .values = values,
			     .arguments = arguments,
			     .engine = ENGINE_EMPTY,
			     .lock = -1 };
}

static void job_done(struct job *job)
{
	mem_cleanup_close(&job->lock);
	container_done(&job->container);
	engine_close(&job->engine);
	arena_done(&job->arena);
}

/* Before anything is made: a second run must not overwrite the first one's file. */
static bool check_cidfile(const char *path, struct error *err)
{
	struct stat status;

	if (path && lstat(path, &status) == 0)
		return error_set(err, ERROR_EXISTS,
				 "container ID file found, make sure the other container isn't "
				 "running or delete %s",
				 path);
	return true;
}

static bool write_cidfile(const struct job *job, struct error *err)
{
	const char *path = job->values->cidfile;
	char words[HUMAN_MAX];

	if (!path)
		return true;
	autoclose int file = caller_open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (file < 0)
		return error_set(err, ERROR_SYSTEM,
				 "failed to create the container ID file: open %s: %s", path,
				 human_errno(errno, words));
	return file_write(file, path, job->container.id, CONTAINER_ID_LENGTH, err);
}

/* A container that the caller was to find by its file, and cannot, goes again. */
static bool hand_over(struct job *job, struct error *err)
{
	const struct removal removal = { .with_volumes = true, .lock = job->lock };
	struct error other;

	if (write_cidfile(job, err))
		return true;
	if (!control_remove(&job->engine, &job->container, &removal, &other))
		fprintf(stderr, "docker: %s\n", other.text);
	return false;
}

static bool pull(const struct job *job, struct error *err)
{
	bool is_quiet = job->values->is_quiet;
	const struct pulling pulling = { .reference = job->arguments->items[0],
					 .platform = job->values->platform,
					 .out = is_quiet ? NULL : stderr };
	struct reference reference;
	struct digest id;

	if (!pulling_run(job->cli, &job->engine.store, &pulling, &id, err) ||
	    !reference_parse(&reference, pulling.reference, err))
		return false;
	pulling_tell(&job->engine, &reference);
	return true;
}

static bool create_once(struct job *job, struct error *err)
{
	struct mounts mounts = { .arena = &job->arena, .declared = &job->container.volumes };
	struct create create = { .container = &job->container,
				 .mounts = &mounts,
				 .has_entrypoint = job->values->entrypoint != NULL,
				 .has_image_command = job->values->has_image_command,
				 .platform = job->values->platform,
				 .is_started_next = job->is_started_next };
	struct runopts values = *job->values;
	char warning[ERROR_TEXT_MAX] = "";
	autotexts struct texts discarded = { 0 };

	values.config = job->cli->config;
	container_done(&job->container);
	job->is_clients = true;
	if (!runopts_read(&values, job->arguments, &job->arena, &job->container, err))
		return false;
	dockerconfig_add_proxies(&job->arena, job->cli->docker_config, &job->container.env);
	job->is_clients = false;
	if (!runopts_complete(&values, &job->arena, &job->container, &mounts, err) ||
	    !create_check(&create, err) || !kernellimit_discard(&job->container, &discarded, err) ||
	    !create_container(&job->engine, &job->arena, &create, &job->lock, warning, err))
		return false;
	if (*warning)
		fprintf(stderr, "WARNING: %s\n", warning);
	for (size_t i = 0; i < discarded.count; i++)
		fprintf(stderr, "WARNING: %s\n", discarded.items[i]);
	return true;
}

static bool wants_pull(const struct runopts *values, const char *policy)
{
	return strcmp(values->pull && *values->pull ? values->pull : "missing", policy) == 0;
}

/* With the tag that was left out, as docker says it. */
static void tell_missing(const char *image)
{
	struct reference reference;
	struct error ignored; /* an odd name is shown as it is */
	autofree char *familiar = reference_parse(&reference, image, &ignored)
					  ? reference_familiar(&reference)
					  : mem_strdup(image);

	fprintf(stderr, "Unable to find image '%s' locally\n", familiar);
}

/* Docker's client takes it for a mistake: there it is the container's own loopback. */
static void warn_about_dns(const struct texts *servers)
{
	for (size_t i = 0; i < servers->count; i++) {
		const char *server = servers->items[i];

		if (strncmp(server, "127.", 4) == 0 || strcmp(server, "::1") == 0)
			fprintf(stderr,
				"WARNING: Localhost DNS setting (--dns=%s) may fail in "
				"containers.\n",
				server);
	}
}

/* A whole ID is no name that a registry could have: *err says what is not here. */
static bool is_id(const char *image, struct error *err)
{
	struct digest id;
	struct error ignored;

	if (!digest_parse(&id, image, &ignored) && !digest_parse_hex(&id, image, &ignored))
		return false;
	error_set(err, ERROR_NOT_FOUND, "No such image: %s", id.text);
	return true;
}

/* Creates the container, fetching its image as --pull says. */
static bool create(struct job *job, struct error *err)
{
	const struct runopts *values = job->values;

	if (!check_cidfile(values->cidfile, err) ||
	    !engine_open(job->cli->root, job->cli->run, &job->engine, err))
		return false;
	warn_about_dns(&values->container.dns);
	if (values->container.has_no_oom_kill && !values->memory.value)
		fputs("WARNING: Disabling the OOM killer on containers without setting a "
		      "'-m/--memory' limit may be dangerous.\n",
		      stderr);
	if (wants_pull(values, "always") && !pull(job, err))
		return false;
	if (create_once(job, err))
		return hand_over(job, err);
	bool is_image_missing =
		!job->is_clients && err->kind == ERROR_NOT_FOUND && strstr(err->text, "image");
	if (!is_image_missing || is_id(job->arguments->items[0], err) ||
	    !wants_pull(values, "missing"))
		return false;
	if (!values->is_quiet)
		tell_missing(job->arguments->items[0]);
	return pull(job, err) && create_once(job, err) && hand_over(job, err);
}

/* What the client itself refuses, with docker's exit code 1. */
static bool check_client(const struct runopts *values, struct error *err)
{
	if (values->is_detached && values->attach.count)
		return error_set(err, ERROR_INPUT,
				 "conflicting options: cannot specify both --attach and --detach");
	if (values->container.has_tty && values->container.has_open_stdin && !values->is_detached &&
	    !isatty(STDIN_FILENO))
		return error_set(err, ERROR_INPUT, "the input device is not a TTY");
	return true;
}

static void warn_about_ports(const struct runopts *values)
{
	if (texts_has(&values->net.networks, "host") &&
	    (values->net.publish.count || values->net.publishes_all))
		fprintf(stderr, "WARNING: Published ports are discarded when using host network "
				"mode\n");
}

/* The container is over (or never began), and --rm was given: it goes, with what it had. */
static void remove_if_asked(struct job *job)
{
	struct error err;

	if (job->container.is_removed_on_exit &&
	    !control_remove_ended(&job->engine, &job->container, job->lock, &err))
		fprintf(stderr, "docker: %s\n", err.text);
}

/* Docker's client makes its exit code of the daemon's words, in which Go's names of system errors
 * are small. */
static int code_of(const char *text)
{
	if (strcasestr(text, "executable file not found") ||
	    strcasestr(text, "no such file or directory"))
		return LAUNCH_FAULT_NOT_FOUND;
	if (strcasestr(text, "permission denied") || strcasestr(text, "is a directory"))
		return LAUNCH_FAULT_NOT_EXECUTABLE;
	return LAUNCH_FAULT_OTHER;
}

static int report(const struct job *job, const struct error *err, int code)
{
	if (job->values->is_one_off)
		return command_failed(err);
	running_report("run", err);
	return code == EXIT_OURS ? code_of(err->text) : code;
}

/* Nothing was created. */
static int refuse(const struct job *job, const char *verb, const struct error *err)
{
	if (job->values->is_one_off)
		return job->is_clients ? command_failed_plainly(err) : command_failed(err);
	if (job->is_clients)
		running_refuse(verb, err);
	else
		running_report(verb, err);
	return job->is_clients ? EXIT_OURS : code_of(err->text);
}

static int run_detached(struct job *job, const struct running *running)
{
	struct error err;
	int code = EXIT_OURS;
	bool is_started = running_detached(running, &code, &err);

	puts(job->container.id);
	if (is_started)
		return 0;
	remove_if_asked(job);
	return report(job, &err, code);
}

static int run_attached(struct job *job, const struct running *running)
{
	enum attach_end end = ATTACH_DETACHED;
	struct error err;
	int code = EXIT_OURS;

	if (!running->wants_stdout &&
	    !running->wants_stderr) { /* -a stdin: nothing else is shown */
		puts(job->container.id);
		fflush(stdout);
	}
	if (running_attached(running, &end, &code, &err)) {
		if (end == ATTACH_EXITED)
			remove_if_asked(job);
		return code;
	}
	if (code != 0) { /* it was never started */
		remove_if_asked(job);
		return report(job, &err, code);
	}
	fprintf(stderr, "%s\n", err.text);
	return end == ATTACH_EXITED ? EXIT_OURS : 1; /* its monitor is gone; our output is broken */
}

static int run(const struct cli *cli, const void *of, const struct texts *arguments)
{
	const struct runopts *values = of;
	struct error err;
	struct job job;
	int code;

	if (!check_client(values, &err))
		return command_failed_plainly(&err);
	job_init(&job, cli, values, arguments);
	job.is_started_next = true;
	if (!create(&job, &err)) {
		code = refuse(&job, "run", &err);
	} else {
		const char *keys = !job.container.has_tty
					   ? NULL
					   : dockerconfig_choice(&job.arena, cli->docker_config,
								 "detachKeys", values->detach_keys);
		const struct running running = {
			.engine = &job.engine,
			.container = &job.container,
			.is_made_now = true,
			.lock = &job.lock,
			.wants_stdin = runopts_attaches(values, RUNOPTS_STDIN),
			.wants_stdout = runopts_attaches(values, RUNOPTS_STDOUT),
			.wants_stderr = runopts_attaches(values, RUNOPTS_STDERR),
			.on_signal = values->is_without_proxy ? ATTACH_SIGNALS_DROP
							      : ATTACH_SIGNALS_PASS,
			.detach_keys = keys,
		};

		warn_about_ports(values);
		code = values->is_detached ? run_detached(&job, &running)
					   : run_attached(&job, &running);
		claim_sweep(&job.engine); /* what killed ones left; last, so that nobody waits */
	}
	job_done(&job);
	return code;
}

static int run_create(const struct cli *cli, const void *values, const struct texts *arguments)
{
	struct error err;
	struct job job;
	int code = 0;

	job_init(&job, cli, values, arguments);
	if (create(&job, &err))
		puts(job.container.id);
	else
		code = job.is_clients ? refuse(&job, "create", &err) : command_failed(&err);
	job_done(&job);
	return code;
}

const struct command cmd_run = {
	.name = "docker run",
	.usage = "[OPTIONS] IMAGE [COMMAND] [ARG...]",
	.summary = "Create and run a new container from an image",
	.opts = runopts_run,
	.values_size = sizeof(struct runopts),
	.least = 1,
	.most = ARGUMENTS_ANY,
	.stops_at_argument = true,
	.run = run,
};

const struct command cmd_create = {
	.name = "docker create",
	.usage = "[OPTIONS] IMAGE [COMMAND] [ARG...]",
	.summary = "Create a new container",
	.opts = runopts_create,
	.values_size = sizeof(struct runopts),
	.least = 1,
	.most = ARGUMENTS_ANY,
	.stops_at_argument = true,
	.run = run_create,
};
