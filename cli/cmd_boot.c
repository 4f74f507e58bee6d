/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "cli/containerverbs.h"
#include "cli/running.h"
#include "engine/claim.h"
#include "engine/control.h"
#include "engine/find.h"

/*
 * `mooring boot` and `mooring shutdown`: what a daemon does when the machine starts and stops, once
 * each. packaging/ has them called by systemd or an init script.
 */

#define BOOTED        "booted" /* in RUN, which does not outlive the machine: boot has been here */
#define DONE          "1\n"
#define STOPPERS_MAX  64 /* containers that are stopped at a time */
#define CONTAINER_MAX 65536

struct fleet {
	struct engine engine;
	struct arena arena;
	struct container *containers; /* the oldest first */
	size_t count;
};

static int compare_age(const void *left, const void *right)
{
	const struct container *one = left;
	const struct container *other = right;

	return strcmp(one->created, other->created);
}

/* What cannot be read is told and left alone: one bad record must not keep the others down. */
static bool gather(const struct cli *cli, struct fleet *fleet, struct error *err)
{
	autotexts struct texts ids = { 0 };

	if (!engine_open(cli->root, cli->run, &fleet->engine, err) ||
	    !find_all(&fleet->engine, &fleet->arena, &ids, err))
		return false;
	if (ids.count > CONTAINER_MAX)
		return error_set(err, ERROR_INPUT, "more than %d containers", CONTAINER_MAX);
	fleet->containers = mem_array(ids.count + 1, sizeof(struct container));
	for (size_t i = 0; i < ids.count; i++) {
		struct container *container = &fleet->containers[fleet->count];

		if (container_read(&fleet->engine, &fleet->arena, ids.items[i], container, err)) {
			fleet->count++;
			continue;
		}
		container_done(container);
		*container = (struct container){ 0 };
		if (err->kind != ERROR_NOT_FOUND) /* being made or removed */
			log_warning("%s", err->text);
	}
	qsort(fleet->containers, fleet->count, sizeof(struct container), compare_age);
	return true;
}

static void disband(struct fleet *fleet)
{
	for (size_t i = 0; i < fleet->count; i++)
		container_done(&fleet->containers[i]);
	free(fleet->containers);
	engine_close(&fleet->engine);
	arena_done(&fleet->arena);
}

/* Booting. ------------------------------------------------------------------------------------ */

/* Somebody who starts the service by hand must not get containers back that were stopped since. One
 * that was killed in the middle has not been here: the mark, which is locked meanwhile, is empty.
 */
static bool open_mark(const struct cli *cli, int *mark, bool *is_first, struct error *err)
{
	autofree char *path = mem_printf("%s/" BOOTED, cli->run);
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	struct stat info;

	*is_first = false;
	if (mkdir(cli->run, 0711) < 0 && errno != EEXIST)
		return error_sys(err, "make %s", cli->run);
	*mark = open(path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (*mark < 0)
		return error_sys(err, "make %s", path);
	/* A lock that children do not inherit: they may outlive one that is killed. */
	while (fcntl(*mark, F_SETLKW, &lock) < 0)
		if (errno != EINTR)
			return error_sys(err, "lock %s", path);
	if (fstat(*mark, &info) < 0)
		return error_sys(err, "look at %s", path);
	*is_first = info.st_size == 0;
	return true;
}

static bool start(struct fleet *fleet, const struct container *container, struct error *err)
{
	autoclose int lock = -1;
	int code;

	if (!claim_lock(&fleet->engine, container->id, &lock, err))
		return false;
	const struct running running = { .engine = &fleet->engine,
					 .container = container,
					 .lock = &lock };

	return running_detached(&running, &code, err);
}

static int start_all(struct fleet *fleet)
{
	int code = 0;

	for (size_t i = 0; i < fleet->count; i++) {
		const struct container *container = &fleet->containers[i];
		struct status status;
		struct error err;

		status_read(&fleet->engine, &fleet->arena, container->id, &status);
		if (!policy_starts_at_boot(&fleet->engine, container, &status))
			continue;
		if (!start(fleet, container, &err)) {
			log_error("%s is not started: %s", container->name, err.text);
			code = 1;
		}
	}
	return code;
}

static int boot(const struct cli *cli, const void *of, const struct texts *arguments)
{
	struct fleet fleet = { .engine = ENGINE_EMPTY };
	autoclose int mark = -1;
	struct error err;
	bool is_first;
	int code;

	(void)of;
	(void)arguments;
	if (!open_mark(cli, &mark, &is_first, &err))
		return command_failed_plainly(&err);
	if (!is_first)
		return 0;
	code = gather(cli, &fleet, &err) ? start_all(&fleet) : command_failed_plainly(&err);
	disband(&fleet);
	/* What could not be started is tried again, when its cause may have gone. */
	if (code == 0 && !file_write(mark, BOOTED, DONE, strlen(DONE), &err))
		log_warning("%s", err.text);
	return code;
}

const struct command cmd_boot = {
	.name = "mooring boot",
	.usage = "",
	.summary = "Start the containers whose restart policy asks for it, once after the machine "
		   "has started",
	.run = boot,
};

/* Shutting down. ------------------------------------------------------------------------------ */

static int stop(struct fleet *fleet, const struct container *container)
{
	const struct stopping stopping = { .seconds = control_stop_seconds(container),
					   .cause = POLICY_SHUTDOWN };
	struct error err;

	if (control_stop(&fleet->engine, container, &stopping, &err))
		return 0;
	log_error("%s: %s", container->name, err.text);
	return 1;
}

/* Waits for one of them; *code becomes 1 if it failed. */
static void reap(int *running, int *code)
{
	int status;

	if (wait(&status) < 0)
		return;
	--*running;
	if (status != 0)
		*code = 1;
}

/* All at a time, or the machine would be switched off before the last one's turn: each in a process
 * of its own. */
static int stop_all(struct fleet *fleet)
{
	int running = 0;
	int code = 0;

	for (size_t i = 0; i < fleet->count; i++) {
		if (!status_is_running(&fleet->engine, fleet->containers[i].id))
			continue;
		if (running == STOPPERS_MAX)
			reap(&running, &code);
		pid_t child = fork();

		if (child == 0)
			_exit(stop(fleet, &fleet->containers[i]));
		if (child > 0)
			running++;
		else
			code |= stop(fleet, &fleet->containers[i]);
	}
	while (running > 0)
		reap(&running, &code);
	return code;
}

static int shut_down(const struct cli *cli, const void *of, const struct texts *arguments)
{
	autofree char *mark = mem_printf("%s/" BOOTED, cli->run);
	struct fleet fleet = { .engine = ENGINE_EMPTY };
	struct error err;
	int code;

	(void)of;
	(void)arguments;
	unlink(mark); /* the next boot is a first one, even if we are killed */
	code = gather(cli, &fleet, &err) ? stop_all(&fleet) : command_failed_plainly(&err);
	disband(&fleet);
	return code;
}

const struct command cmd_shutdown = {
	.name = "mooring shutdown",
	.usage = "",
	.summary = "Stop all containers; `mooring boot` starts again what ran",
	.run = shut_down,
};
