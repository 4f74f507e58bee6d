/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/containerverbs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/each.h"
#include "cli/running.h"
#include "engine/claim.h"
#include "engine/control.h"
#include "engine/happening.h"
#include "engine/status.h"
#include "runtime/signame.h"

/*
 * stop, restart, kill, wait: what is done to a running container.
 */

#define KILL_SIGNAL 9

struct values {
	struct opt_number seconds, same_seconds; /* --time, --timeout */
	const char *signal;
};

static const struct opt stop_opts[] = {
	{ "signal", 's', OPT_TEXT, offsetof(struct values, signal), "string",
	  "Signal to send to the container", NULL },
	{ "time", 't', OPT_NUMBER, offsetof(struct values, seconds), "int",
	  "Seconds to wait before killing the container", NULL },
	{ "timeout", 0, OPT_NUMBER, offsetof(struct values, same_seconds), "int", NULL, NULL },
	{ .name = NULL },
};

static const struct opt kill_opts[] = {
	{ "signal", 's', OPT_TEXT, offsetof(struct values, signal), "string",
	  "Signal to send to the container", NULL },
	{ .name = NULL },
};

static bool is_number(const char *text)
{
	text += *text == '-';
	return *text && !text[strspn(text, "0123456789")];
}

static bool read_signal(const char *text, int usual, int *number, struct error *err)
{
	*number = usual;
	if (!text || !*text)
		return true;
	if (!is_number(text))
		return signame_parse(text, number, err) ||
		       error_set(err, ERROR_INPUT, "Invalid signal: %s", text);
	return (signame_parse(text, number, err) && *number != 0) ||
	       error_set(err, ERROR_INPUT, "The linux daemon does not support signal %s", text);
}

/* A name that is none, and 0, are refused before anything is looked for. */
static bool check_signal(const struct values *values, struct error *err)
{
	const char *text = values->signal;
	int number;

	if (!text || !*text || (is_number(text) && strtoll(text, NULL, 10) != 0))
		return true;
	return (signame_parse(text, &number, err) && number != 0) ||
	       error_set(err, ERROR_INPUT, "Invalid signal: %s", text);
}

static bool stop_one(const struct each *each, const struct container *container, struct error *err)
{
	const struct values *values = each->values;
	struct stopping stopping = { .seconds = control_stop_seconds(container),
				     .cause = POLICY_USER };

	if (values->seconds.is_set)
		stopping.seconds = values->seconds.value;
	if (values->same_seconds.is_set)
		stopping.seconds = values->same_seconds.value;
	return read_signal(values->signal, 0, &stopping.signal, err) &&
	       control_stop(each->engine, container, &stopping, err);
}

static bool restart_one(const struct each *each, const struct container *container,
			struct error *err)
{
	autoclose int keep =
		container->is_removed_on_exit ? claim_keep(each->engine, container->id) : -1;
	autoclose int lock = -1;
	struct error other;
	int code;

	if (!stop_one(each, container, err) || !claim_lock(each->engine, container->id, &lock, err))
		return false;
	drop_fd(&keep); /* from now on the lock does it; its next end is as usual */
	const struct running running = { .engine = each->engine,
					 .container = container,
					 .lock = &lock };
	if (!running_detached(&running, &code, err)) {
		if (container->is_removed_on_exit &&
		    !control_remove_ended(each->engine, container, lock, &other))
			command_failed(&other);
		return error_in(err, "Cannot restart container %s", container->name);
	}
	happening_container(each->engine, container, "restart", NULL);
	return true;
}

static bool kill_one(const struct each *each, const struct container *container, struct error *err)
{
	const struct values *values = each->values;
	int number;

	return (read_signal(values->signal, KILL_SIGNAL, &number, err) &&
		control_kill(each->engine, container, number, err)) ||
	       error_in(err, "Cannot kill container: %s", container->name);
}

static bool wait_one(const struct each *each, const struct container *container, struct error *err)
{
	struct status status;

	if (!control_wait(each->engine, each->arena, container->id, &status, err))
		return false;
	printf("%d\n", status.exit_code);
	return true;
}

static bool check_stopping(const struct values *values, struct error *err)
{
	return !values->seconds.is_set || !values->same_seconds.is_set ||
	       error_set(err, ERROR_INPUT,
			 "conflicting options: cannot specify both --timeout and --time");
}

static int run_stop(const struct cli *cli, const void *values, const struct texts *arguments)
{
	struct error err;

	if (!check_stopping(values, &err))
		return command_failed_plainly(&err);
	return each_container(cli, values, arguments, true, stop_one);
}

static int run_restart(const struct cli *cli, const void *values, const struct texts *arguments)
{
	struct error err;

	if (!check_stopping(values, &err))
		return command_failed_plainly(&err);
	return each_container(cli, values, arguments, true, restart_one);
}

static int run_kill(const struct cli *cli, const void *values, const struct texts *arguments)
{
	struct error err;

	if (!check_signal(values, &err))
		return command_failed(&err);
	return each_container_for(cli, values, arguments, kill_one, "Cannot kill container", NULL);
}

static int run_wait(const struct cli *cli, const void *values, const struct texts *arguments)
{
	return each_container(cli, values, arguments, false, wait_one);
}

const struct command cmd_stop = {
	.name = "docker stop",
	.usage = "[OPTIONS] CONTAINER [CONTAINER...]",
	.summary = "Stop one or more running containers",
	.opts = stop_opts,
	.values_size = sizeof(struct values),
	.least = 1,
	.most = ARGUMENTS_ANY,
	.run = run_stop,
};

const struct command cmd_restart = {
	.name = "docker restart",
	.usage = "[OPTIONS] CONTAINER [CONTAINER...]",
	.summary = "Restart one or more containers",
	.opts = stop_opts,
	.values_size = sizeof(struct values),
	.least = 1,
	.most = ARGUMENTS_ANY,
	.run = run_restart,
};

const struct command cmd_kill = {
	.name = "docker kill",
	.usage = "[OPTIONS] CONTAINER [CONTAINER...]",
	.summary = "Kill one or more running containers",
	.opts = kill_opts,
	.values_size = sizeof(struct values),
	.least = 1,
	.most = ARGUMENTS_ANY,
	.run = run_kill,
};

const struct command cmd_wait = {
	.name = "docker wait",
	.usage = "CONTAINER [CONTAINER...]",
	.summary = "Block until one or more containers stop, then print their exit codes",
	.least = 1,
	.most = ARGUMENTS_ANY,
	.run = run_wait,
};
