/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/enter.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/proc.h"
#include "engine/bundle.h"
#include "engine/ident.h"
#include "engine/linktarget.h"
#include "engine/network.h"
#include "engine/status.h"

#define PROCESS_MAX       (8 << 20)                     /* bytes of the process object */
#define NOT_RUNNING       "Container %s is not running" /* docker's words */
#define START_STEP_MS     2
#define START_PATIENCE_MS 10000

static bool check_state(const struct container *container, const struct status *status,
			struct error *err)
{
	if (status->state == STATUS_RESTARTING)
		return error_set(err, ERROR_EXISTS,
				 "Container %s is restarting, wait until the container is running",
				 container->id);
	if (status->state == STATUS_PAUSED)
		return error_set(err, ERROR_EXISTS,
				 "Container %s is paused, unpause the container before exec",
				 container->name);
	if (status->pid == 0)
		return error_set(err, ERROR_NOT_FOUND, NOT_RUNNING, container->id);
	return true;
}

/* One that is just being started is waited for: others see it as running already. */
static void await_start(const struct engine *engine, struct arena *arena, const char *id,
			struct status *status)
{
	const struct timespec step = { .tv_nsec = START_STEP_MS * 1000000L };

	status_read(engine, arena, id, status);
	for (int waited = 0;
	     status->state == STATUS_RUNNING && status->pid == 0 && waited < START_PATIENCE_MS;
	     waited += START_STEP_MS) {
		nanosleep(&step, NULL);
		status_read(engine, arena, id, status);
	}
}

/* The directory of the container's init in /proc: whatever is opened below it is that one's. */
static bool open_init(const struct status *status, int *init, struct error *err)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d", (int)status->pid);
	autoclose int dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return error_sys(err, "open the container's process");
	/* The number may have been given to somebody else before it was opened. */
	if (!proc_is_alive(status->pid, status->start_time))
		return error_set(err, ERROR_NOT_FOUND, "the container has just ended");
	*init = take_fd(&dir);
	return true;
}

/* Where the accounts are looked up: as init sees it. */
static bool open_root(int init, int *root, struct error *err)
{
	*root = openat(init, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return *root >= 0 || error_sys(err, "open the container's root");
}

/* The container's options, with what the new program has of its own. */
static void change(const struct enter *enter, struct container *process)
{
	const struct texts nothing = { 0 };

	container_copy(enter->container, process);
	texts_done(&process->entrypoint);
	process->entrypoint = nothing;
	texts_done(&process->command);
	process->command = nothing;
	texts_add_all(&process->command, enter->command.items, enter->command.count);
	texts_add_all(&process->env, enter->env.items, enter->env.count);
	process->has_init = false;
	process->has_tty = enter->has_tty;
	if (enter->user)
		process->user = enter->user;
	if (enter->workdir)
		process->workdir = enter->workdir;
	if (enter->is_privileged)
		process->is_privileged = true;
}

/* What the links that still lead somewhere say. */
static void add_links(const struct engine *engine, struct arena *arena, struct bundle *bundle)
{
	const struct container *container = bundle->container;
	struct endpoints endpoints;
	struct error ignored;

	if (container->links.count && endpoints_read(engine, arena, container->id, &endpoints) &&
	    !link_target_env(engine, arena, container, &endpoints, &bundle->link_env, &ignored))
		log_debug("%s", ignored.text);
}

static bool write_process(const struct engine *engine, const struct container *process, int root,
			  struct arena *arena, struct buf *text, struct error *err)
{
	struct bundle bundle = { .container = process };
	struct jsonout out;

	if (!user_find(root, arena, process->user, &process->groups, &bundle.user, err) ||
	    !confine_read(arena, process, &bundle.confinement, err))
		return false;
	add_links(engine, arena, &bundle);
	jsonout_init(&out, text, false);
	bool is_done = bundle_write_process(&out, NULL, &bundle, arena, err);
	texts_done(&bundle.link_env);
	jsonout_done(&out);
	return is_done && buf_check(text, "the command", err);
}

/* A file without a name, inherited by the program that reads it. */
static bool keep_process(const struct buf *text, struct arena *arena, const char **path,
			 struct error *err)
{
	autoclose int fd = memfd_create("process", 0);

	if (fd < 0)
		return error_sys(err, "make a file in memory");
	if (!file_write(fd, "process", text->data, text->length, err))
		return false;
	*path = arena_printf(arena, "/proc/self/fd/%d", fd);
	take_fd(&fd);
	return true;
}

static bool make_argv(struct engine *engine, struct arena *arena, const struct enter *enter,
		      const char *process, struct texts *argv, struct error *err)
{
	autofree char *program = NULL;

	if (!proc_helper("mooring-runc", &program, err))
		return false;
	const char *const words[] = { arena_strdup(arena, program),
				      "--root",
				      arena_printf(arena, "%s/runc", engine->run),
				      "exec",
				      "--for-docker",
				      "--process",
				      process };
	texts_add_all(argv, words, COUNT_OF(words));
	if (enter->is_detached)
		texts_add(argv, "--detach");
	if (!enter->is_interactive)
		texts_add(argv, "--no-input");
	if (enter->has_tty)
		texts_add(argv, "--tty");
	if (enter->gives_pipes)
		texts_add(argv, "--pipes");
	if (enter->detach_keys && *enter->detach_keys) {
		texts_add(argv, "--detach-keys");
		texts_add(argv, enter->detach_keys);
	}
	if (enter->exec_id) {
		const char *const told[] = { "--journal", engine->run, "--exec-id",
					     enter->exec_id };

		texts_add_all(argv, told, COUNT_OF(told));
	}
	texts_add(argv, enter->container->id);
	texts_add(argv, enter->command.items[0]);
	return true;
}

/* The container's config names no network namespace (see prepare.c), so that the runtime would
 * leave the program in ours. */
static bool join_network(const struct container *container, int init, struct error *err)
{
	if (strcmp(container->network, NETWORK_HOST) == 0)
		return true;
	autoclose int network = openat(init, "ns/net", O_RDONLY | O_CLOEXEC);

	return (network >= 0 && setns(network, CLONE_NEWNET) == 0) ||
	       error_sys(err, "join the container's network");
}

/* A container may end at any moment meanwhile. Whatever failed by that, this is the reason. */
static bool explain_end(const struct enter *enter, const struct status *status, struct error *err)
{
	if (proc_is_ending(status->pid, status->start_time)) {
		if (enter->has_reached)
			*enter->has_reached = false;
		error_set(err, ERROR_NOT_FOUND, NOT_RUNNING, enter->container->id);
	}
	return false;
}

bool enter_prepare(struct engine *engine, struct arena *arena, const struct enter *enter,
		   struct texts *argv, struct error *err)
{
	struct container process = { 0 };
	autoclose int init = -1;
	autoclose int root = -1;
	autobuf struct buf text;
	struct status status;
	const char *path = NULL;

	buf_init(&text, PROCESS_MAX);
	await_start(engine, arena, enter->container->id, &status);
	if (!check_state(enter->container, &status, err))
		return false;
	if (!open_init(&status, &init, err) || !open_root(init, &root, err) ||
	    !join_network(enter->container, init, err))
		return explain_end(enter, &status, err);
	if (enter->has_reached)
		*enter->has_reached = true;
	change(enter, &process);
	bool is_done = write_process(engine, &process, root, arena, &text, err) &&
		       keep_process(&text, arena, &path, err) &&
		       make_argv(engine, arena, enter, path, argv, err);
	container_done(&process);
	return is_done || explain_end(enter, &status, err);
}

const char *enter_new_id(struct arena *arena)
{
	return ident_random(arena);
}
