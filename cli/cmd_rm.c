/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/containerverbs.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "cli/asking.h"
#include "cli/each.h"
#include "cli/filter.h"
#include "cli/human.h"
#include "cli/moment.h"
#include "cli/prunefilter.h"
#include "engine/claim.h"
#include "engine/control.h"
#include "engine/find.h"
#include "engine/linktarget.h"
#include "engine/status.h"
#include "engine/tree.h"
#include "engine/wreck.h"
#include "image/config.h"

struct values {
	bool is_forced, is_for_links, with_volumes;
};

static const struct opt opts[] = {
	{ "force", 'f', OPT_BOOL, offsetof(struct values, is_forced), NULL,
	  "Force the removal of a running container (uses SIGKILL)", NULL },
	{ "link", 'l', OPT_BOOL, offsetof(struct values, is_for_links), NULL,
	  "Remove the specified link", NULL },
	{ "volumes", 'v', OPT_BOOL, offsetof(struct values, with_volumes), NULL,
	  "Remove anonymous volumes associated with the container", NULL },
	{ .name = NULL },
};

/* A damaged one is removed with force alone. */
static bool read_victim(const struct each *each, const char *name, struct container *container,
			struct error *err)
{
	const struct values *values = each->values;
	char id[CONTAINER_ID_LENGTH + 1];

	if (!find_one(each->engine, name, id, err))
		return false;
	if (container_read(each->engine, each->arena, id, container, err))
		return true;
	container_done(container);
	return values->is_forced && err->kind == ERROR_CORRUPT &&
	       wreck_read(each->engine, each->arena, id, container, err);
}

static bool remove_one(const struct each *each, const char *name, struct error *err)
{
	const struct values *values = each->values;
	struct container container = { 0 };
	const struct removal removal = { .is_forced = values->is_forced,
					 .with_volumes = values->with_volumes,
					 .lock = -1 };

	if (values->is_for_links)
		return link_target_remove(each->engine, name, err);

	bool is_done = read_victim(each, name, &container, err) &&
		       control_remove(each->engine, &container, &removal, err);

	container_done(&container);
	return is_done;
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
		if (!*arguments->items[i]) {
			error_set(&err, ERROR_INPUT, "container name cannot be empty");
			code = command_failed_plainly(&err);
		} else if (remove_one(&each, arguments->items[i], &err)) {
			puts(arguments->items[i]);
		} else {
			bool is_no_matter = values->is_forced && err.kind == ERROR_NOT_FOUND;

			command_failed(&err);
			code = is_no_matter ? code : 1;
		}
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
	struct texts filters;
};

struct pruning {
	struct engine *engine;
	struct arena *arena;
	const struct texts *filters;
	int64_t until; /* seconds since 1970; 0: no limit */
	int64_t bytes; /* set free */
	bool has_any;
};

static const struct opt prune_opts[] = {
	{ "filter", 0, OPT_LIST, offsetof(struct prune_values, filters), "filter",
	  "Provide filter values (e.g. \"until=<timestamp>\")", filter_check },
	{ "force", 'f', OPT_BOOL, offsetof(struct prune_values, is_forced), NULL,
	  "Do not prompt for confirmation", NULL },
	{ .name = NULL },
};

static bool is_old_enough(const struct pruning *pruning, const struct container *container)
{
	int64_t seconds;
	long nanoseconds;

	return !pruning->until || (image_time_parse(container->created, &seconds, &nanoseconds) &&
				   seconds < pruning->until);
}

static bool prune_one(struct pruning *pruning, const char *id, struct error *err)
{
	const struct removal removal = { .with_volumes = false, .lock = -1 };
	struct engine *engine = pruning->engine;
	struct container container = { 0 };
	bool is_done = true;

	if (!container_read(engine, pruning->arena, id, &container, err)) {
		container_done(&container);
		if (err->kind == ERROR_CORRUPT) /* it must not keep the others */
			log_warning("%s", err->text);
		return err->kind == ERROR_NOT_FOUND || err->kind == ERROR_CORRUPT;
	}
	if (!status_is_running(engine, id) && !status_is_locked(engine, id) &&
	    filter_are_labels(pruning->filters, &container.labels) &&
	    is_old_enough(pruning, &container)) {
		int64_t bytes = tree_size(
			arena_printf(pruning->arena, "%s/containers/%s/upper", engine->root, id));

		is_done = control_remove(engine, &container, &removal, err);
		if (is_done) {
			printf("%s%s\n", pruning->has_any ? "" : "Deleted Containers:\n", id);
			pruning->bytes += bytes;
			pruning->has_any = true;
		}
	}
	container_done(&container);
	return is_done || err->kind == ERROR_NOT_FOUND; /* another removed it first */
}

static int run_prune(const struct cli *cli, const void *of, const struct texts *arguments)
{
	static const char *const names[] = { "label", FILTER_NO_LABEL, "until", NULL };
	const struct prune_values *values = of;
	autoengine struct engine engine = ENGINE_EMPTY;
	autoarena struct arena arena = { 0 };
	autotexts struct texts ids = { 0 };
	struct texts filters = { 0 };
	struct pruning pruning = { .engine = &engine, .arena = &arena, .filters = &filters };
	char size[HUMAN_MAX];
	struct error err;

	(void)arguments;
	if (!prunefilter_gather(cli, &arena, &values->filters, &filters, &err) ||
	    !filter_names(&filters, names, &err) || !filter_until(&filters, &pruning.until, &err))
		return command_failed(&err);
	if (!values->is_forced && !asking_yes("WARNING! This will remove all stopped containers."))
		return 0;
	if (!engine_open(cli->root, cli->run, &engine, &err) ||
	    !find_all(&engine, &arena, &ids, &err))
		return command_failed(&err);
	claim_sweep(&engine);
	for (size_t i = 0; i < ids.count; i++) {
		if (!prune_one(&pruning, ids.items[i], &err))
			return command_failed(&err);
	}
	printf("%sTotal reclaimed space: %s\n", pruning.has_any ? "\n" : "",
	       human_size(pruning.bytes, 4, size));
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
