/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/containerverbs.h"

#include <stdio.h>
#include <unistd.h>

#include "cli/dockerconfig.h"
#include "cli/running.h"
#include "cli/single.h"
#include "engine/status.h"

struct values {
	const char *detach_keys;
	bool is_deaf, is_without_proxy;
};

static const struct opt opts[] = {
	{ "detach-keys", 0, OPT_TEXT, offsetof(struct values, detach_keys), "string",
	  "Override the key sequence for detaching a container", running_check_keys },
	{ "no-stdin", 0, OPT_BOOL, offsetof(struct values, is_deaf), NULL, "Do not attach STDIN",
	  NULL },
	{ "sig-proxy", 0, OPT_UNLESS, offsetof(struct values, is_without_proxy), NULL,
	  "Proxy all received signals to the process (default true)", NULL },
	{ .name = NULL },
};

static bool check(const struct single *single, bool wants_stdin, struct error *err)
{
	autoarena struct arena arena = { 0 };
	struct status status;

	status_read(&single->engine, &arena, single->container.id, &status);
	if (status.state == STATUS_PAUSED)
		return error_set(err, ERROR_INPUT,
				 "You cannot attach to a paused container, unpause it first");
	if (status.state == STATUS_RESTARTING)
		return error_set(err, ERROR_INPUT,
				 "You cannot attach to a restarting container, wait until it is "
				 "running");
	if (!status_has_process(&status))
		return error_set(err, ERROR_INPUT,
				 "You cannot attach to a stopped container, start it first");
	if (single->container.has_tty && wants_stdin && !isatty(STDIN_FILENO))
		return error_set(err, ERROR_INPUT, "the input device is not a TTY");
	return true;
}

static int run(const struct cli *cli, const void *of, const struct texts *arguments)
{
	const struct values *values = of;
	autosingle struct single single = SINGLE_EMPTY;
	enum attach_end end;
	struct error err;
	int code;

	if (!single_open(cli, arguments->items[0], &single, &err))
		return command_failed(&err);
	bool has_tty = single.container.has_tty;
	bool wants_stdin = !values->is_deaf && single.container.has_open_stdin;
	if (!check(&single, wants_stdin, &err))
		return command_failed_plainly(&err);
	const struct running running = {
		.engine = &single.engine,
		.container = &single.container,
		.wants_stdin = wants_stdin,
		.wants_stdout = true,
		.wants_stderr = true,
		.on_signal = has_tty || values->is_without_proxy ? ATTACH_SIGNALS_DETACH
								 : ATTACH_SIGNALS_PASS,
		.detach_keys = dockerconfig_choice(&single.arena, cli->docker_config, "detachKeys",
						   values->detach_keys),
	};
	if (!running_join(&running, &end, &code, &err))
		return command_failed_plainly(&err);
	if (end == ATTACH_EXITED)
		return code;
	fprintf(stderr, "read escape sequence\n");
	return 1;
}

const struct command cmd_attach = {
	.name = "docker attach",
	.usage = "[OPTIONS] CONTAINER",
	.summary = "Attach local standard input, output, and error streams to a running container",
	.opts = opts,
	.values_size = sizeof(struct values),
	.least = 1,
	.most = 1,
	.run = run,
};
