/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/proc.h"
#include "runtime/exec.h"
#include "runtime/foreground.h"
#include "runtime/verb.h"

/*
 * exec: everything behind the id is the program's, dash or not.
 */

static void done(struct exec_options *options)
{
	free(options->changes.env.values);
	free(options->changes.groups.values);
	free(options->changes.capabilities.values);
	free(options->cgroups.values);
}

static bool parse(const struct globals *globals, int argc, char **argv,
		  struct exec_options *options, struct error *err)
{
	struct exec_changes *changes = &options->changes;
	const char *preserve = NULL, *detach = NULL, *tty = NULL, *paused = NULL;
	const struct flag flags[] = {
		{ "process", 'p', "FILE", "a process object, in place of all the rest",
		  &options->process_file },
		{ "console-socket", 0, "PATH", "receives the terminal", &options->console_socket },
		{ "pidfd-socket", 0, "PATH", "receives a pidfd", &options->pidfd_socket },
		{ "pid-file", 0, "PATH", "receives the pid", &options->pid_file },
		{ "preserve-fds", 0, "N", "pass descriptors 3 to 2+N on", &preserve },
		{ "cwd", 0, "DIR", "the working directory", &changes->cwd },
		{ "env", 'e', "NAME=VALUE", "set a variable", .list = &changes->env },
		{ "tty", 't', NULL, "with a terminal", &tty },
		{ "user", 'u', "UID[:GID]", "numbers only", &changes->user },
		{ "additional-gids", 'g', "GID", "a group more", .list = &changes->groups },
		{ "detach", 'd', NULL, "do not wait", &detach },
		{ "process-label", 0, "LABEL", "SELinux label", &changes->selinux_label },
		{ "apparmor", 0, "PROFILE", "AppArmor profile", &changes->apparmor_profile },
		{ "no-new-privs", 0, NULL, "no privileges by set-uid programs",
		  &changes->no_new_privileges },
		{ "cap", 'c', "CAP_NAME", "a capability more", .list = &changes->capabilities },
		{ "cgroup", 0, "[CONTROLLER,...:]PATH", "a group below the container's",
		  .list = &options->cgroups },
		{ "ignore-paused", 0, NULL, "in a paused container too", &paused },
		{ 0 },
	};
	int next;

	if (!verb_parse(flags, argc, argv, &next, err))
		return false;
	options->state_root = globals->root;
	options->id = argv[next];
	changes->args = (const char **)(void *)(argv + next + 1);
	changes->has_terminal = flag_is_set(tty);
	options->is_detached = flag_is_set(detach);
	options->ignores_pause = flag_is_set(paused);
	return verb_take_preserved(preserve, 0, &options->preserve_fds, err);
}

static bool await(const struct executed *executed, int *status, struct error *err)
{
	const struct foreground child = { .pid = executed->pid,
					  .pidfd = executed->pidfd,
					  .master = executed->master,
					  .notify_socket = -1 };

	if (!foreground_wait(&child, err))
		return false;
	while (waitpid(executed->pid, status, 0) < 0)
		if (errno != EINTR)
			return error_sys(err, "wait for the process");
	return true;
}

static int execute(const struct exec_options *options, struct error *err)
{
	enum container_fault fault;
	struct executed executed;
	int status = 0;

	if (!options->is_detached)
		foreground_prepare();
	if (!exec_start(options, &executed, &fault, err) ||
	    (!options->is_detached && !await(&executed, &status, err)))
		return -1;
	return proc_exit_code(status);
}

int verb_exec(const struct globals *globals, int argc, char **argv, struct error *err)
{
	struct exec_options options = { 0 };
	int status = parse(globals, argc, argv, &options, err) ? execute(&options, err) : -1;

	done(&options);
	return status;
}
