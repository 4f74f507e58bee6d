/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/containerverbs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/dockerconfig.h"
#include "cli/envfile.h"
#include "cli/running.h"
#include "cli/single.h"
#include "engine/enter.h"
#include "engine/happening.h"
#include "runtime/self.h"

/*
 * docker exec: what the user wants is made a process object, and this process becomes mooring-runc,
 * which starts it and copies what goes through its streams: they are never ours.
 */

#define EXIT_NOT_EXECUTED 126

struct values {
	bool is_detached, is_interactive, is_privileged, has_tty;
	struct texts env, env_files;
	const char *user, *workdir, *detach_keys;
};

static const struct opt opts[] = {
	{ "detach", 'd', OPT_BOOL, offsetof(struct values, is_detached), NULL,
	  "Detached mode: run command in the background", NULL },
	{ "detach-keys", 0, OPT_TEXT, offsetof(struct values, detach_keys), "string",
	  "Override the key sequence for detaching a container", running_check_keys },
	{ "env", 'e', OPT_LIST, offsetof(struct values, env), "list", "Set environment variables",
	  envfile_check },
	{ "env-file", 0, OPT_LIST, offsetof(struct values, env_files), "list",
	  "Read in a file of environment variables", NULL },
	{ "interactive", 'i', OPT_BOOL, offsetof(struct values, is_interactive), NULL,
	  "Keep STDIN open even if not attached", NULL },
	{ "privileged", 0, OPT_BOOL, offsetof(struct values, is_privileged), NULL,
	  "Give extended privileges to the command", NULL },
	{ "tty", 't', OPT_BOOL, offsetof(struct values, has_tty), NULL, "Allocate a pseudo-TTY",
	  NULL },
	{ "user", 'u', OPT_TEXT, offsetof(struct values, user), "string",
	  "Username or UID (format: \"<name|uid>[:<group|gid>]\")", NULL },
	{ "workdir", 'w', OPT_TEXT, offsetof(struct values, workdir), "string",
	  "Working directory inside the container", NULL },
	{ .name = NULL },
};

static bool read_env(const struct values *values, struct arena *arena, struct texts *env,
		     struct error *err)
{
	for (size_t i = 0; i < values->env_files.count; i++) {
		if (!envfile_read(env, arena, values->env_files.items[i], true, err))
			return false;
	}
	for (size_t i = 0; i < values->env.count; i++)
		envfile_add_variable(env, arena, values->env.items[i]);
	return true;
}

static bool check(const struct values *values, struct error *err)
{
	if (values->has_tty && values->is_interactive && !values->is_detached &&
	    !isatty(STDIN_FILENO))
		return error_set(err, ERROR_INPUT, "the input device is not a TTY");
	return true;
}

/* Without -i the program finds an end, and we leave what the caller has for us to others. */
static bool settle_stdin(const struct values *values, struct error *err)
{
	if (values->is_interactive && !values->is_detached)
		return true;
	autoclose int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	return (null >= 0 && dup2(null, STDIN_FILENO) == STDIN_FILENO) ||
	       error_sys(err, "open /dev/null");
}

/* Of its end mooring-runc tells, which we are by then. */
static void tell(struct single *single, const struct enter *enter)
{
	const char *const attributes[] = {
		arena_printf(&single->arena, "execID=%s", enter->exec_id), NULL
	};
	const char *line = "";

	for (size_t i = 0; i < enter->command.count; i++)
		line = arena_printf(&single->arena, "%s %s", line, enter->command.items[i]);
	happening_container(&single->engine, &single->container,
			    arena_printf(&single->arena, "exec_create:%s", line), attributes);
	happening_container(&single->engine, &single->container,
			    arena_printf(&single->arena, "exec_start:%s", line), attributes);
}

static bool become(const struct cli *cli, const struct values *values, const struct enter *wishes,
		   const char *name, struct error *err)
{
	autosingle struct single single = SINGLE_EMPTY;
	autotexts struct texts argv = { 0 };
	struct enter enter = *wishes;

	if (!single_open(cli, name, &single, err))
		return false;
	enter.container = &single.container;
	enter.exec_id = enter_new_id(&single.arena);
	if (!enter_prepare(&single.engine, &single.arena, &enter, &argv, err))
		return false;
	if (enter.workdir && enter.workdir[0] != '/')
		return error_set(err, ERROR_INPUT,
				 "OCI runtime exec failed: exec failed: Cwd must be an absolute "
				 "path: unknown");
	if (!settle_stdin(values, err))
		return false;
	tell(&single, &enter);
	self_execute(argv.items[0], (char **)(uintptr_t)argv.items);
	return error_sys(err, "execute %s", argv.items[0]);
}

/* Docker's daemon writes it where the program would have written. */
static int tell_failed(const struct error *err)
{
	printf("%s\r\n", err->text);
	return EXIT_NOT_EXECUTED;
}

static int run(const struct cli *cli, const void *of, const struct texts *arguments)
{
	const struct values *values = of;
	autoarena struct arena arena = { 0 };
	autotexts struct texts command = { 0 };
	autotexts struct texts env = { 0 };
	bool has_reached = false;
	struct error err;

	if (!check(values, &err) || !read_env(values, &arena, &env, &err))
		return command_failed_plainly(&err);
	texts_add_all(&command, arguments->items + 1, arguments->count - 1);
	const struct enter enter = {
		.command = command,
		.env = env,
		.user = values->user && *values->user ? values->user : NULL,
		.workdir = values->workdir && *values->workdir ? values->workdir : NULL,
		.detach_keys = !values->has_tty
				       ? NULL
				       : dockerconfig_choice(&arena, cli->docker_config,
							     "detachKeys", values->detach_keys),
		.is_privileged = values->is_privileged,
		.has_tty = values->has_tty,
		.is_interactive = values->is_interactive && !values->is_detached,
		.is_detached = values->is_detached,
		.gives_pipes = !values->has_tty && !values->is_detached,
		.has_reached = &has_reached,
	};
	become(cli, values, &enter, arguments->items[0], &err);
	return has_reached && !values->is_detached ? tell_failed(&err) : command_failed(&err);
}

const struct command cmd_exec = {
	.name = "docker exec",
	.usage = "[OPTIONS] CONTAINER COMMAND [ARG...]",
	.summary = "Execute a command in a running container",
	.opts = opts,
	.values_size = sizeof(struct values),
	.least = 2,
	.most = ARGUMENTS_ANY,
	.stops_at_argument = true,
	.run = run,
};
