/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/running.h"

#include <stdio.h>
#include <unistd.h>

#include "engine/attach.h"

void running_report(const char *verb, const struct error *err)
{
	fprintf(stderr,
		"docker: Error response from daemon: %s\n\nRun 'docker %s --help' for more "
		"information\n",
		err->text, verb);
}

static void show_warning(const struct launched *launched)
{
	if (*launched->warning)
		fprintf(stderr, "WARNING: %s\n", launched->warning);
}

static void let_go(int *lock)
{
	mem_cleanup_close(lock);
	*lock = -1;
}

static bool start(const struct running *running, struct launched *launched, int *code,
		  struct error *err)
{
	const struct launch launch = { .engine = running->engine,
				       .container = running->container,
				       .lock = *running->lock,
				       .wants_stdin = running->wants_stdin,
				       .wants_stdout = running->wants_stdout,
				       .wants_stderr = running->wants_stderr };
	enum launch_fault fault;
	bool is_started = launch_container(&launch, launched, &fault, err);

	*code = is_started ? 0 : (int)fault;
	if (!is_started)
		return false;
	show_warning(launched);
	if (!running->container->is_removed_on_exit)
		let_go(running->lock);
	return true;
}

bool running_attached(const struct running *running, int *code, struct error *err)
{
	struct launched launched;
	autoclose int signals = -1;

	if (running->passes_signals && !attach_open_signals(&signals, err))
		return false;
	if (!start(running, &launched, code, err))
		return false;
	const struct attach attach = { .launched = &launched,
				       .in = running->wants_stdin ? STDIN_FILENO : -1,
				       .out = running->wants_stdout ? STDOUT_FILENO : -1,
				       .errors = running->wants_stderr ? STDERR_FILENO : -1,
				       .signals = signals };
	bool is_done = attach_until_exit(&attach, code, err);
	launched_close(&launched);
	return is_done;
}

bool running_detached(const struct running *running, int *code, struct error *err)
{
	struct launched launched;

	if (!start(running, &launched, code, err))
		return false;
	launch_detach(launched.client);
	let_go(running->lock);
	launched_close(&launched);
	return true;
}
