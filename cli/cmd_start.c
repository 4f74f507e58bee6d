/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/containerverbs.h"

#include <stdio.h>

#include "cli/dockerconfig.h"
#include "cli/each.h"
#include "cli/running.h"
#include "engine/claim.h"
#include "engine/control.h"
#include "engine/find.h"
#include "engine/status.h"

struct values {
	bool is_attached, is_interactive;
	const char *detach_keys;
};

static const struct opt opts[] = {
	{ "attach", 'a', OPT_BOOL, offsetof(struct values, is_attached), NULL,
	  "Attach STDOUT/STDERR and forward signals", NULL },
	{ "checkpoint", 0, OPT_MISSING_TEXT, 0, "string", NULL, NULL },
	{ "checkpoint-dir", 0, OPT_MISSING_TEXT, 0, "string", NULL, NULL },
	{ "detach-keys", 0, OPT_TEXT, offsetof(struct values, detach_keys), "string",
	  "Override the key sequence for detaching a container", running_check_keys },
	{ "interactive", 'i', OPT_BOOL, offsetof(struct values, is_interactive), NULL,
	  "Attach container's STDIN", NULL },
	{ .name = NULL },
};

/* Now, and not when the pause is over. */
static bool end_pause(struct engine *engine, const struct container *container, struct error *err)
{
	const struct stopping stopping = { .seconds = control_stop_seconds(container),
					   .cause = POLICY_USER };

	return control_stop(engine, container, &stopping, err);
}

static bool check_paused(const struct engine *engine, const struct container *container,
			 struct error *err)
{
	autoarena struct arena arena = { 0 };
	struct status status;

	status_read(engine, &arena, container->id, &status);
	return status.state != STATUS_PAUSED ||
	       error_set(err, ERROR_INPUT, "cannot start a paused container, try unpause instead");
}

static bool start_one(const struct each *each, const struct container *container, struct error *err)
{
	autoclose int lock = -1;
	int code;

	struct status status;

	if (!control_await_start(each->engine, container->id, err) ||
	    !check_paused(each->engine, container, err))
		return false;
	status_read(each->engine, each->arena, container->id, &status);
	if (status_has_process(&status))
		return true;
	if (status.state == STATUS_RESTARTING && !end_pause(each->engine, container, err))
		return false;
	if (!claim_lock(each->engine, container->id, &lock, err))
		return false;
	const struct running running = { .engine = each->engine,
					 .container = container,
					 .lock = &lock };
	return running_detached(&running, &code, err);
}

static bool start_attached(struct engine *engine, const struct values *values, const char *keys,
			   const struct container *container, int *code, struct error *err)
{
	autoclose int lock = -1;
	enum attach_end end;
	const struct running running = {
		.engine = engine,
		.container = container,
		.lock = &lock,
		.wants_stdin = values->is_interactive && container->has_open_stdin,
		.wants_stdout = true,
		.wants_stderr = true,
		/* With a terminal the keys make the signals. */
		.on_signal = container->has_tty ? ATTACH_SIGNALS_DETACH : ATTACH_SIGNALS_PASS,
		.detach_keys = keys,
	};

	*code = 1;
	if (!control_await_start(engine, container->id, err) ||
	    !check_paused(engine, container, err))
		return false;
	if (status_is_running(engine, container->id))
		return running_join(&running, &end, code, err);
	if (!claim_lock(engine, container->id, &lock, err))
		return false;
	if (!running_attached(&running, &end, code, err)) {
		*code = 1;
		return false;
	}
	return end == ATTACH_DETACHED || !container->is_removed_on_exit ||
	       control_remove_ended(engine, container, lock, err);
}

static int run_attached(const struct cli *cli, const struct values *values, const char *argument)
{
	autoengine struct engine engine = ENGINE_EMPTY;
	autoarena struct arena arena = { 0 };
	char id[CONTAINER_ID_LENGTH + 1];
	struct container container = { 0 };
	struct error err;
	int code = 1;
	const char *keys =
		dockerconfig_choice(&arena, cli->docker_config, "detachKeys", values->detach_keys);

	if (!engine_open(cli->root, cli->run, &engine, &err) ||
	    !find_one(&engine, argument, id, &err) ||
	    !container_read(&engine, &arena, id, &container, &err) ||
	    !start_attached(&engine, values, keys, &container, &code, &err))
		command_failed(&err);
	container_done(&container);
	return code;
}

static int run(const struct cli *cli, const void *of, const struct texts *arguments)
{
	const struct values *values = of;
	bool is_attached = values->is_attached || values->is_interactive;

	if (is_attached && arguments->count > 1) {
		fprintf(stderr, "you cannot start and attach multiple containers at once\n");
		return 1;
	}
	if (is_attached)
		return run_attached(cli, values, arguments->items[0]);
	autotexts struct texts failed = { 0 };
	int code = each_container_for(cli, values, arguments, start_one, NULL, &failed);

	for (size_t i = 0; i < failed.count; i++)
		fprintf(stderr, "%s%s",
			i ? ", " : "Error: failed to start containers: ", failed.items[i]);
	if (failed.count)
		fputc('\n', stderr);
	return code;
}

const struct command cmd_start = {
	.name = "docker start",
	.usage = "[OPTIONS] CONTAINER [CONTAINER...]",
	.summary = "Start one or more stopped containers",
	.opts = opts,
	.values_size = sizeof(struct values),
	.least = 1,
	.most = ARGUMENTS_ANY,
	.run = run,
};
