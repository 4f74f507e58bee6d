/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/running.h"

#include <stdio.h>
#include <unistd.h>

#include "base/mem.h"
#include "engine/claim.h"
#include "engine/control.h"
#include "engine/happening.h"
#include "engine/status.h"

void running_refuse(const char *verb, const struct error *err)
{
	fprintf(stderr, "docker: %s\n\nRun 'docker %s --help' for more information\n", err->text,
		verb);
}

void running_report(const char *verb, const struct error *err)
{
	struct error said;

	command_explain(err, &said);
	(void)error_in(&said, "Error response from daemon");
	running_refuse(verb, &said);
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
				       .is_made_now = running->is_made_now,
				       .wants_stdin = running->wants_stdin,
				       .wants_stdout = running->wants_stdout,
				       .wants_stderr = running->wants_stderr &&
						       !running->container->has_tty };
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

bool running_check_keys(const char *text, struct error *err)
{
	struct detachkeys keys;

	return detachkeys_parse(text, &keys, err) ||
	       error_in(err, "invalid detach keys (%s)", text);
}

static void begin_removal(void *context)
{
	const struct running *running = context;

	control_begin_removal(running->engine, running->container);
}

static bool attach(const struct running *running, struct launched *launched, int signals,
		   enum attach_end *end, int *code, struct error *err)
{
	const char *keys = running->detach_keys ? running->detach_keys : "";
	bool has_tty = running->container->has_tty;
	struct attach attach = { .launched = launched,
				 .in = running->wants_stdin ? STDIN_FILENO : -1,
				 .out = running->wants_stdout ? STDOUT_FILENO : -1,
				 .errors = running->wants_stderr && !has_tty ? STDERR_FILENO : -1,
				 .signals = signals,
				 .on_signal = running->on_signal,
				 .has_tty = has_tty };
	struct running self = *running;

	/* Whoever comes later is not who removes it. */
	if (running->lock && *running->lock >= 0) {
		attach.on_ended = begin_removal;
		attach.context = &self;
	}
	bool is_done =
		(!has_tty || !running->wants_stdin || detachkeys_parse(keys, &attach.keys, err)) &&
		attach_run(&attach, end, code, err);

	launched_close(launched);
	return is_done;
}

bool running_attached(const struct running *running, enum attach_end *end, int *code,
		      struct error *err)
{
	struct launched launched;
	autoclose int signals = -1;

	happening_container(running->engine, running->container, "attach", NULL);
	return attach_open_signals(&signals, err) && start(running, &launched, code, err) &&
	       attach(running, &launched, signals, end, code, err);
}

/* It may have ended before its monitor could answer us, or tell us. */
static bool take_record(const struct running *running, int *code)
{
	autoarena struct arena arena = { 0 };
	struct status status;

	claim_wait(running->engine, running->container->id);
	status_read(running->engine, &arena, running->container->id, &status);
	*code = status.exit_code;
	return status.state == STATUS_EXITED;
}

bool running_join(const struct running *running, enum attach_end *end, int *code, struct error *err)
{
	const struct attach_wishes wishes = { .wants_stdin = running->wants_stdin,
					      .wants_stdout = running->wants_stdout,
					      .wants_stderr = running->wants_stderr };
	struct launched launched;
	autoclose int signals = -1;

	if (!attach_open_signals(&signals, err))
		return false;
	if (!attach_join(running->engine, running->container, &wishes, &launched, err)) {
		*end = ATTACH_EXITED;
		return !status_is_running(running->engine, running->container->id) &&
		       take_record(running, code);
	}
	happening_container(running->engine, running->container, "attach", NULL);
	return attach(running, &launched, signals, end, code, err);
}

/* It has ended before we could leave it alone: its monitor leaves --rm to us. */
static void remove_ended(const struct running *running)
{
	struct error err;

	if (running->container->is_removed_on_exit &&
	    !control_remove_ended(running->engine, running->container, *running->lock, &err))
		fprintf(stderr, "docker: %s\n", err.text);
}

bool running_detached(const struct running *running, int *code, struct error *err)
{
	struct launched launched;
	struct launch_message last;

	if (!start(running, &launched, code, err))
		return false;
	if (!launch_detach(launched.client, &last))
		remove_ended(running);
	let_go(running->lock);
	launched_close(&launched);
	return true;
}
