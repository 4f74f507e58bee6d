/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/log.h"
#include "base/proc.h"
#include "runtime/container.h"
#include "runtime/flag.h"
#include "runtime/foreground.h"
#include "runtime/verb.h"

/*
 * create and run: the verbs that make containers.
 */

struct making {
	struct container_options options;
	bool is_detached, is_kept, is_without_subreaper;
};

/* 0, or what the verb returns. */
static int parse(const struct globals *globals, int argc, char **argv, struct making *making,
		 struct error *err)
{
	struct container_options *options = &making->options;
	const char *preserve = NULL, *no_pivot = NULL, *no_keyring = NULL, *detach = NULL;
	const char *keep = NULL, *no_subreaper = NULL;
	bool is_run = strcmp(argv[0], "run") == 0;
	const struct flag flags[] = {
		{ "bundle", 'b', "DIR", "the bundle; default: this directory", &options->bundle },
		{ "config", 'f', "FILE", NULL, &options->config }, /* crun has it */
		{ "console-socket", 0, "PATH", "socket that receives the terminal's master",
		  &options->console_socket },
		{ "pidfd-socket", 0, "PATH", "socket that receives a pidfd of the container's init",
		  &options->pidfd_socket },
		{ "pid-file", 0, "PATH", "file that receives the pid of the container's init",
		  &options->pid_file },
		{ "no-pivot", 0, NULL, "for a root file system on a ramdisk", &no_pivot },
		{ "no-new-keyring", 0, NULL, "stay in the caller's session keyring", &no_keyring },
		{ "preserve-fds", 0, "N", "pass N descriptors on, from 3 (and $LISTEN_FDS) up",
		  &preserve },
		{ is_run ? "detach" : NULL, 'd', NULL, "return once the program runs", &detach },
		{ "keep", 0, NULL, "do not delete the container when it ends", &keep },
		{ "no-subreaper", 0, NULL, "do not adopt the container's orphans", &no_subreaper },
		{ 0 },
	};
	int next;

	container_options_init(options);
	options->state_root = globals->root;
	options->rootless = globals->rootless;
	options->is_systemd = globals->is_systemd;
	options->is_without_cgroups = globals->is_without_cgroups;
	if (!verb_parse(flags, argc, argv, &next, err))
		return VERB_MISUSED;
	if (!options->bundle || !options->bundle[0])
		options->bundle = ".";
	options->id = argv[next];
	making->is_detached = flag_is_set(detach);
	making->is_kept = flag_is_set(keep);
	making->is_without_subreaper = flag_is_set(no_subreaper);
	options->is_without_pivot = flag_is_set(no_pivot);
	options->is_without_keyring = flag_is_set(no_keyring);
	return service_read(&options->service, err) &&
			       verb_take_preserved(preserve, options->service.listen_count,
						   &options->preserve_fds, err)
		       ? 0
		       : -1;
}

int verb_create(const struct globals *globals, int argc, char **argv, struct error *err)
{
	enum container_fault fault;
	struct making making = { 0 };
	int status = parse(globals, argc, argv, &making, err);

	if (status < 0)
		return status;
	return container_create(&making.options, &fault, err) ? 0 : -1;
}

/* -- run ------------------------------------------------------------------------------------- */

static int run_in_foreground(const struct making *making, struct container *container,
			     struct error *err)
{
	struct foreground child = { .pid = container_pid(container),
				    .pidfd = container_pidfd(container),
				    .master = container_take_terminal(container),
				    .keeper = -1,
				    .notify_socket = container_notify_socket(container),
				    .notify = making->options.service.notify };
	enum foreground_end end;
	int status;

	if (!foreground_wait(&child, &end, err) || !container_wait(container, &status, err))
		return -1;
	if (making->is_kept)
		container_forget(container);
	else if (!container_release(container, err))
		log_warning("%s", err->text); /* the container's status is what was asked for */
	return proc_exit_code(status);
}

/* Before the start, so that no signal gets lost between it and the waiting. */
static bool prepare_foreground(struct making *making, struct error *err)
{
	foreground_prepare();
	if (!making->is_without_subreaper)
		prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	if (making->options.console_socket)
		return error_set(err, ERROR_INPUT,
				 "cannot use console socket if runc will not detach or allocate "
				 "tty");
	making->options.takes_terminal = making->options.is_screen_ours = true;
	return true;
}

/* A service manager that cannot be reached does not end what is running already. */
static void leave_running(const struct making *making, struct container *container)
{
	int notify_socket = container_notify_socket(container);
	struct error err;

	if (notify_socket >= 0 &&
	    !service_await(notify_socket, making->options.service.notify, container_pid(container),
			   container_pidfd(container), &err))
		log_warning("%s", err.text);
	container_forget(container);
}

int verb_run(const struct globals *globals, int argc, char **argv, struct error *err)
{
	struct making making = { 0 };
	struct container *container;
	enum container_fault fault;
	int status = parse(globals, argc, argv, &making, err);

	if (status < 0)
		return status;
	if (!making.is_detached && !prepare_foreground(&making, err))
		return -1;
	if (!container_launch(&making.options, &container, &fault, err))
		return -1;
	if (!making.is_detached)
		return run_in_foreground(&making, container, err);
	leave_running(&making, container);
	return 0;
}
