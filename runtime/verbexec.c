/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/proc.h"
#include "runtime/announce.h"
#include "runtime/exec.h"
#include "runtime/execkeeper.h"
#include "runtime/execstreams.h"
#include "runtime/foreground.h"
#include "runtime/verb.h"

#define LEFT        1 /* docker's exit code for who leaves by its keys */
#define EXEC_FAILED "OCI runtime exec failed: exec failed: %s: unknown" /* docker's words */

/*
 * exec: everything behind the id is the program's, dash or not.
 *
 * With --for-docker it is the last part of `docker exec`, which has become this program: its exit
 * codes, its words, its detach keys; and with --pipes none of the caller's streams.
 */

struct command {
	struct exec_options options;
	bool is_for_docker;
	bool is_deaf;  /* docker exec without -i */
	bool is_piped; /* and without -t: the program gets no stream of the caller's */
	struct detachkeys keys;
	const char *journal, *exec_id; /* where its end is told, and as whose; NULL: it is not */
};

static void done(struct exec_options *options)
{
	free(options->changes.env.values);
	free(options->changes.groups.values);
	free(options->changes.capabilities.values);
	free(options->cgroups.values);
}

static bool take_dockers(struct command *command, const char *is_deaf, const char *keys,
			 struct error *err)
{
	command->is_for_docker = true;
	command->is_deaf = flag_is_set(is_deaf);
	command->options.keeps_terminal = true;
	return command->is_deaf || detachkeys_parse(keys ? keys : "", &command->keys, err);
}

/* 0, or what the verb returns. */
static int parse(const struct globals *globals, int argc, char **argv, struct command *command,
		 struct error *err)
{
	struct exec_options *options = &command->options;
	struct exec_changes *changes = &options->changes;
	const char *preserve = NULL, *detach = NULL, *tty = NULL, *paused = NULL;
	const char *docker = NULL, *deaf = NULL, *piped = NULL, *keys = NULL;
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
		{ "for-docker", 0, NULL, NULL, &docker },
		{ "no-input", 0, NULL, NULL, &deaf },
		{ "pipes", 0, NULL, NULL, &piped },
		{ "detach-keys", 0, "KEYS", NULL, &keys },
		{ "journal", 0, "DIR", NULL, &command->journal },
		{ "exec-id", 0, "ID", NULL, &command->exec_id },
		{ 0 },
	};
	int next;

	if (!verb_parse(flags, argc, argv, &next, err))
		return VERB_MISUSED;
	options->state_root = globals->root;
	options->id = argv[next];
	changes->args = (const char **)(void *)(argv + next + 1);
	changes->has_terminal = flag_is_set(tty);
	options->is_detached = flag_is_set(detach);
	options->ignores_pause = flag_is_set(paused);
	options->is_screen_ours = !options->is_detached && !flag_is_set(docker);
	command->is_piped = flag_is_set(docker) && flag_is_set(piped);
	if (flag_is_set(docker) && !take_dockers(command, deaf, keys, err))
		return -1;
	return verb_take_preserved(preserve, 0, &options->preserve_fds, err) ? 0 : -1;
}

/* Docker's client knows whether the program could not be found, could not be executed, or was not
 * even tried. Its daemon tells on the stream of the program's output by then, in a terminal's form,
 * unless nobody has that stream. */
static int tell_docker(const struct command *command, enum container_fault fault,
		       const struct error *err)
{
	bool is_program = strstr(err->text, "unable to start container process") != NULL;

	if (fault == CONTAINER_FAULT_ENDED) {
		fprintf(stderr, "Error response from daemon: Container %s is not running\n",
			command->options.id);
		return 1;
	}
	if (!is_program) {
		fprintf(stderr, "Error response from daemon: %s\n", err->text);
		return 1;
	}
	if (command->options.is_detached) {
		fprintf(stderr, "Error response from daemon: " EXEC_FAILED "\n", err->text);
		return 1;
	}
	printf(EXEC_FAILED "\r\n", err->text);
	fflush(stdout);
	return fault == CONTAINER_FAULT_NOT_FOUND ? 127 : 126;
}

static bool start(const struct command *command, struct execstreams *streams,
		  struct executed *executed, enum container_fault *fault, struct error *err)
{
	*fault = CONTAINER_FAULT_OTHER;
	bool is_started =
		(!command->is_piped || execstreams_open(streams, command->is_deaf, err)) &&
		exec_start(&command->options, executed, fault, err);

	execstreams_restore(streams);
	return is_started;
}

static void tell_end(const struct command *command, int status)
{
	if (command->exec_id)
		announce_exec_end(command->journal, command->options.id, command->exec_id,
				  proc_exit_code(status));
}

static struct foreground in_foreground(const struct command *command,
				       const struct executed *executed, int line)
{
	return (struct foreground){ .pid = executed->pid,
				    .pidfd = executed->pidfd,
				    .master = executed->master,
				    .keeper = line,
				    .is_deaf = command->is_deaf,
				    .is_screen_whole = command->is_for_docker,
				    .keys = command->keys,
				    .notify_socket = -1 };
}

/* docker exec -d and -t: the program has a parent that stays (execkeeper.h). */
static int execute_kept(const struct command *command, struct error *err)
{
	const struct execkeeper_order order = { .options = &command->options,
						.journal = command->journal,
						.exec_id = command->exec_id };
	enum foreground_end end;
	enum container_fault fault;
	struct executed executed;
	autoclose int line = -1;
	int status = 0;

	if (!execkeeper_start(&order, &executed, &line, &fault, err))
		return tell_docker(command, fault, err);
	if (command->options.is_detached)
		return 0;
	const struct foreground child = in_foreground(command, &executed, line);

	if (!foreground_wait(&child, &end, err))
		return -1;
	if (end == FOREGROUND_LEFT) {
		execkeeper_leave(line);
		fprintf(stderr, "read escape sequence\n");
		return LEFT;
	}
	return execkeeper_await(line, &status, err) ? proc_exit_code(status) : -1;
}

static bool await(const struct command *command, const struct executed *executed,
		  struct execstreams *streams, int *status, struct error *err)
{
	const struct foreground child = in_foreground(command, executed, -1);
	enum foreground_end end;

	if (command->is_piped)
		return execstreams_run(streams, &child, status, err);
	if (!foreground_wait(&child, &end, err))
		return false;
	if (!proc_reap(executed->pid, status))
		return error_sys(err, "wait for the process");
	return true;
}

static int execute(const struct command *command, struct execstreams *streams, struct error *err)
{
	enum container_fault fault;
	struct executed executed;
	int status = 0;

	if (!start(command, streams, &executed, &fault, err))
		return command->is_for_docker ? tell_docker(command, fault, err) : -1;
	if (command->options.is_detached)
		return 0;
	if (!await(command, &executed, streams, &status, err))
		return -1;
	tell_end(command, status);
	return proc_exit_code(status);
}

/* The engine says so besides its process object. */
static bool has_terminal(const struct command *command)
{
	return command->options.changes.has_terminal;
}

/* Before the start, so that no signal gets lost between it and the waiting. */
static void prepare_foreground(const struct command *command)
{
	if (command->options.is_detached)
		return;
	if (command->is_for_docker && has_terminal(command) && !command->is_deaf)
		foreground_come_forward();
	foreground_prepare();
}

static bool is_kept(const struct command *command)
{
	return command->is_for_docker && (command->options.is_detached || has_terminal(command));
}

int verb_exec(const struct globals *globals, int argc, char **argv, struct error *err)
{
	struct command command = { .options = { 0 } };
	struct execstreams streams;
	int status = parse(globals, argc, argv, &command, err);

	execstreams_init(&streams);
	if (status == 0) {
		prepare_foreground(&command);
		status = is_kept(&command) ? execute_kept(&command, err)
					   : execute(&command, &streams, err);
	}
	execstreams_done(&streams);
	done(&command.options);
	return status;
}
