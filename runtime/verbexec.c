/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/proc.h"
#include "runtime/announce.h"
#include "runtime/detach.h"
#include "runtime/exec.h"
#include "runtime/execstreams.h"
#include "runtime/foreground.h"
#include "runtime/verb.h"

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

/* *has_ended: it was not left to go on by itself. */
static bool await(const struct command *command, const struct executed *executed,
		  struct execstreams *streams, int *status, bool *has_ended, struct error *err)
{
	const struct foreground child = { .pid = executed->pid,
					  .pidfd = executed->pidfd,
					  .master = executed->master,
					  .is_deaf = command->is_deaf,
					  .is_screen_whole = command->is_for_docker,
					  .keys = command->keys,
					  .notify_socket = -1 };
	enum foreground_end end = FOREGROUND_OVER;

	*status = 0;
	if (command->options.is_detached)
		return true;
	if (!(command->is_piped ? execstreams_run(streams, &child, err)
				: foreground_wait(&child, &end, err)))
		return false;
	if (end == FOREGROUND_LEFT)
		return foreground_leave(&child, err);
	while (waitpid(executed->pid, status, 0) < 0)
		if (errno != EINTR)
			return error_sys(err, "wait for the process");
	*has_ended = true;
	return true;
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

/* What docker exec -d leaves behind: the parent of the program, with nothing of the caller's. */
static void stay(const struct command *command, const struct executed *executed)
{
	struct foreground child = { .pid = executed->pid,
				    .pidfd = executed->pidfd,
				    .master = executed->master,
				    .notify_socket = -1 };
	int *const kept[] = { &child.pidfd, &child.master };
	struct error ignored; /* nobody is left who could be told */
	int status = 0;

	if (!detach_keep_fds(kept, COUNT_OF(kept), &ignored))
		return;
	foreground_outlast(&child);
	while (waitpid(child.pid, &status, 0) < 0)
		if (errno != EINTR)
			return;
	tell_end(command, status);
}

struct outcome {
	bool is_good;
	enum container_fault fault;
	struct error why;
};

_Noreturn static void start_and_stay(const struct command *command, int result)
{
	struct outcome outcome = { 0 };
	struct executed executed;
	struct error ignored; /* the caller sees that nothing came */

	outcome.is_good = detach_settle(&outcome.why) &&
			  exec_start(&command->options, &executed, &outcome.fault, &outcome.why);
	bool is_told = file_write(result, "pipe", &outcome, sizeof(outcome), &ignored);
	close(result);
	if (outcome.is_good && is_told)
		stay(command, &executed);
	_exit(0);
}

/*
 * docker exec -d: as pid 1 of the container's namespace ends only after all processes in it have
 * been reaped, the program needs a parent that does so. Our caller may have none above it: the
 * first process of a build's pod is often `sleep`. So a child of ours starts the program and stays.
 */
static int execute_apart(const struct command *command, struct error *err)
{
	autobuf struct buf told;
	struct outcome outcome;
	pid_t pid;
	int ends[2];

	buf_init(&told, sizeof(outcome));
	if (pipe2(ends, O_CLOEXEC) < 0) {
		error_sys(err, "make a pipe");
		return -1;
	}
	autoclose int result = ends[0];
	if (!detach_fork(&pid, err)) {
		close(ends[1]);
		return -1;
	}
	if (pid == 0)
		start_and_stay(command, ends[1]);
	close(ends[1]);
	if (!file_read_fd(result, "pipe", &told, err))
		return -1;
	if (told.length != sizeof(outcome)) {
		error_set(err, ERROR_SYSTEM, "what should start the program has ended");
		return -1;
	}
	memcpy(&outcome, told.data, sizeof(outcome));
	return outcome.is_good ? 0 : tell_docker(command, outcome.fault, &outcome.why);
}

static int execute(const struct command *command, struct execstreams *streams, struct error *err)
{
	enum container_fault fault;
	struct executed executed;
	bool has_ended = false;
	int status = 0;

	if (command->options.is_detached && command->is_for_docker)
		return execute_apart(command, err);
	if (!command->options.is_detached)
		foreground_prepare();
	if (!start(command, streams, &executed, &fault, err))
		return command->is_for_docker ? tell_docker(command, fault, err) : -1;
	if (!await(command, &executed, streams, &status, &has_ended, err))
		return -1;
	if (has_ended)
		tell_end(command, status);
	return proc_exit_code(status);
}

int verb_exec(const struct globals *globals, int argc, char **argv, struct error *err)
{
	struct command command = { .options = { 0 } };
	struct execstreams streams;
	int status = parse(globals, argc, argv, &command, err);

	execstreams_init(&streams);
	if (status == 0)
		status = execute(&command, &streams, err);
	execstreams_done(&streams);
	done(&command.options);
	return status;
}
