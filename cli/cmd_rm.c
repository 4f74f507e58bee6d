/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/containerverbs.h"

#include <stdio.h>

#include "cli/asking.h"
#include "cli/each.h"
#include "engine/claim.h"
#include "engine/control.h"
#include "engine/find.h"
#include "engine/status.h"

struct values {
	bool is_forced, with_volumes;
};

static const struct opt opts[] = {
	{ "force", 'f', OPT_BOOL, offsetof(struct values, is_forced), NULL,
	  "Force the removal of a running container (uses SIGKILL)", NULL },
	{ "link", 'l', OPT_MISSING_BOOL, 0, NULL, NULL, NULL },
	{ "volumes", 'v', OPT_BOOL, offsetof(struct values, with_volumes), NULL,
	  "Remove anonymous volumes associated with the container", NULL },
	{ .name = NULL },
};

static bool remove_one(const struct each *each, const struct container *container,
		       struct error *err)
{
	const struct values *values = each->values;
	const struct removal removal = { .is_forced = values->is_forced,
					 .with_volumes = values->with_volumes,
					 .lock = -1 };

	return control_remove(each->engine, container, &removal, err);
}

/* A container that is missing is told, and with --force no failure. */
static int run(const struct cli *cli, const void *of, const struct texts *arguments)
{
	const struct values *values = of;
	autoengine struct engine engine = ENGINE_EMPTY;
	autoarena struct arena arena = { 0 };
	const struct each each = { .engine = &engine, .arena = &arena, .values = values };
	struct error err;
	int code = 0;

	if (!engine_open(cli->root, cli->run, &engine, &err))
		return command_failed(&err);
	for (size_t i = 0; i < arguments->count; i++) {
		char id[CONTAINER_ID_LENGTH + 1];
		struct container container = { 0 };

		if (find_one(&engine, arguments->items[i], id, &err) &&
		    container_read(&engine, &arena, id, &container, &err) &&
		    remove_one(&each, &container, &err)) {
			puts(arguments->items[i]);
		} else {
			bool is_no_matter = values->is_forced && err.kind == ERROR_NOT_FOUND;

			command_failed(&err);
			code = is_no_matter ? code : 1;
		}
		container_done(&container);
	}
	claim_sweep(&engine);
	return code;
}

const struct command cmd_rm = {
	.name = "docker rm",
	.usage = "[OPTIONS] CONTAINER [CONTAINER...]",
	.summary = "Remove one or more containers",
	.opts = opts,
	.values_size = sizeof(struct values),
	.least = 1,
	.most = ARGUMENTS_ANY,
	.run = run,
};

/* container prune. ---------------------------------------------------------------------------- */

struct prune_values {
	bool is_forced;
};

static const struct opt prune_opts[] = {
	{ "filter", 0, OPT_MISSING_TEXT, 0, "filter", NULL, NULL },
	{ "force", 'f', OPT_BOOL, offsetof(struct prune_values, is_forced), NULL,
	  "Do not prompt for confirmation", NULL },
	{ .name = NULL },
};

static bool prune_one(struct engine *engine, struct arena *arena, const char *id, bool *is_first,
		      struct error *err)
{
	const struct removal removal = { .with_volumes = false, .lock = -1 };
	struct container container = { 0 };
	bool is_done = true;

	if (!container_read(engine, arena, id, &container, err))
		return err->kind == ERROR_NOT_FOUND;
	if (!status_is_running(engine, id) && !status_is_locked(engine, id)) {
		is_done = control_remove(engine, &container, &removal, err);
		if (is_done)
			printf("%s%s\n", *is_first ? "Deleted Containers:\n" : "", id);
		*is_first = false;
	}
	container_done(&container);
	return is_done;
}

static int run_prune(const struct cli *cli, const void *of, const struct texts *arguments)
{
	const struct prune_values *values = of;
	autoengine struct engine engine = ENGINE_EMPTY;
	autoarena struct arena arena = { 0 };
	autotexts struct texts ids = { 0 };
	struct error err;
	bool is_first = true;

	(void)arguments;
	if (!values->is_forced && !asking_yes("WARNING! This will remove all stopped containers."))
		return 0;
	if (!engine_open(cli->root, cli->run, &engine, &err) ||
	    !find_all(&engine, &arena, &ids, &err))
		return command_failed(&err);
	claim_sweep(&engine);
	for (size_t i = 0; i < ids.count; i++) {
		if (!prune_one(&engine, &arena, ids.items[i], &is_first, &err))
			return command_failed(&err);
	}
	printf("%sTotal reclaimed space: 0B\n", is_first ? "" : "\n");
	return 0;
}

const struct command cmd_container_prune = {
	.name = "docker container prune",
	.usage = "[OPTIONS]",
	.summary = "Remove all stopped containers",
	.opts = prune_opts,
	.values_size = sizeof(struct prune_values),
	.run = run_prune,
};
