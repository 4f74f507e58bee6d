/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "cli/asking.h"
#include "cli/dockerconfig.h"
#include "cli/filter.h"
#include "cli/human.h"
#include "cli/inspection.h"
#include "cli/listing.h"
#include "cli/prunefilter.h"
#include "cli/volumerows.h"
#include "cli/volumeverbs.h"

/* create. ------------------------------------------------------------------------------------- */

struct create_values {
	const char *driver, *name;
	struct texts options, labels;
};

static bool check_driver(const char *text, struct error *err)
{
	return strcmp(text, "local") == 0 || strcmp(text, "") == 0 ||
	       error_set(err, ERROR_NOT_FOUND,
			 "error looking up volume plugin %s: plugin \"%s\" not found", text, text);
}

static bool check_pair(const char *text, struct error *err)
{
	const char *equals = strchr(text, '=');

	return (equals && equals > text) ||
	       error_set(err, ERROR_INPUT, "invalid argument: %s is not KEY=VALUE", text);
}

static const struct opt create_opts[] = {
	{ "driver", 'd', OPT_TEXT, offsetof(struct create_values, driver), "string",
	  "Specify volume driver name (default \"local\")", NULL },
	{ "label", 0, OPT_LIST, offsetof(struct create_values, labels), "list",
	  "Set metadata for a volume", opt_check_label },
	{ "name", 0, OPT_TEXT, offsetof(struct create_values, name), "string", NULL, NULL },
	{ "opt", 'o', OPT_LIST, offsetof(struct create_values, options), "map",
	  "Set driver specific options", check_pair },
	{ .name = NULL },
};

static int run_create(const struct cli *cli, const void *of, const struct texts *arguments)
{
	const struct create_values *values = of;
	autoengine struct engine engine = ENGINE_EMPTY;
	autoarena struct arena arena = { 0 };
	const char *name = arguments->count ? arguments->items[0] : values->name;
	struct volume volume = { .name = name && *name ? name : volume_anonymous_name(&arena),
				 .options = values->options,
				 .labels = values->labels };
	struct error err;

	volume.is_anonymous = volume.name != name && !volume.options.count && !volume.labels.count;
	if (arguments->count && values->name && *values->name) {
		error_set(&err, ERROR_INPUT,
			  "conflicting options: cannot specify a volume-name through both --name "
			  "and as a positional arg");
		return command_failed_plainly(&err);
	}
	if (!(check_driver(values->driver ? values->driver : "", &err) ||
	      error_in(&err, "create %s", volume.name)) ||
	    !volume_check_name(volume.name, &err) ||
	    !engine_open(cli->root, cli->run, &engine, &err) ||
	    !volume_create(&engine, &volume, &err))
		return command_failed(&err);
	puts(volume.name);
	return 0;
}

/* ls. ----------------------------------------------------------------------------------------- */

struct list_values {
	bool is_quiet;
	struct texts filters;
	const char *format;
};

static const struct opt list_opts[] = {
	{ "filter", 'f', OPT_LIST, offsetof(struct list_values, filters), "filter",
	  "Provide filter values (e.g. 'dangling=true')", filter_check },
	{ "format", 0, OPT_TEXT, offsetof(struct list_values, format), "string",
	  "Format output: 'table', 'table TEMPLATE', 'json' or 'TEMPLATE'", NULL },
	{ "quiet", 'q', OPT_BOOL, offsetof(struct list_values, is_quiet), NULL,
	  "Only display volume names", NULL },
	{ .name = NULL },
};

static int run_ls(const struct cli *cli, const void *of, const struct texts *arguments)
{
	static const struct listing_field fields[] = {
		{ "Driver", "DRIVER" }, { "Name", "VOLUME NAME" },
		{ "Scope", "SCOPE" },   { "Mountpoint", "MOUNTPOINT" },
		{ "Labels", "LABELS" }, { "Links", "LINKS" },
		{ "Size", "SIZE" },     { "Availability", "AVAILABILITY" },
		{ "Group", "GROUP" },   { "Status", "STATUS" },
		{ .name = NULL }
	};
	static const struct listing listing = { .fields = fields,
						.table = "{{.Driver}}\t{{.Name}}",
						.quiet = "{{.Name}}",
						.raw = "name: {{.Name}}\ndriver: {{.Driver}}\n",
						.raw_quiet = "name: {{.Name}}",
						.type = "*formatter.volumeContext" };
	const struct list_values *values = of;
	autoengine struct engine engine = ENGINE_EMPTY;
	autoarena struct arena arena = { 0 };
	const char *format = values->format;
	const struct volumerows options = { .filters = &values->filters };
	const struct json *rows;
	struct error err;

	(void)arguments;
	if (!values->is_quiet)
		format = dockerconfig_choice(&arena, cli->docker_config, "volumesFormat", format);
	if (!engine_open(cli->root, cli->run, &engine, &err) ||
	    !volumerows_make(&engine, &arena, &options, &rows, &err))
		return command_failed(&err);
	return listing_print(&listing, format, values->is_quiet, rows, &err)
		       ? 0
		       : command_failed_plainly(&err);
}

/* inspect. ------------------------------------------------------------------------------------ */

static bool add(struct engine *engine, struct arena *arena, struct json *objects,
		const void *values, const char *name, struct error *err)
{
	struct volume volume;

	(void)values;
	if (!volume_read(engine, arena, name, &volume, err))
		return false;
	volumerows_inspect(arena, objects, &volume);
	return true;
}

static int run_inspect(const struct cli *cli, const void *of, const struct texts *arguments)
{
	const struct inspection_values *values = of;
	const struct inspection inspection = { .format = values->format, .add = add };

	return inspection_run(cli, &inspection, arguments);
}

/* rm and prune. ------------------------------------------------------------------------------- */

struct rm_values {
	bool is_forced;
};

static const struct opt rm_opts[] = {
	{ "force", 'f', OPT_BOOL, offsetof(struct rm_values, is_forced), NULL,
	  "Force the removal of one or more volumes", NULL },
	{ .name = NULL },
};

static bool remove_one(struct engine *engine, struct arena *arena, const char *name,
		       struct error *err)
{
	const struct volume_query query = { .name = name };
	const char *user;

	if (!volume_user(engine, arena, &query, &user, err))
		return error_in(err, "remove %s", name);
	if (user)
		return error_set(err, ERROR_EXISTS, "remove %s: volume is in use - [%s]", name,
				 user);
	return volume_remove(engine, name, FILE_DURABLE, err);
}

static int run_rm(const struct cli *cli, const void *of, const struct texts *arguments)
{
	const struct rm_values *values = of;
	autoengine struct engine engine = ENGINE_EMPTY;
	autoarena struct arena arena = { 0 };
	struct error err;
	int code = 0;

	if (!engine_open(cli->root, cli->run, &engine, &err))
		return command_failed(&err);
	for (size_t i = 0; i < arguments->count; i++) {
		bool is_done = remove_one(&engine, &arena, arguments->items[i], &err);

		if (is_done || (values->is_forced && err.kind == ERROR_NOT_FOUND))
			puts(arguments->items[i]);
		else
			code = command_failed(&err);
	}
	return code;
}

struct prune_values {
	bool is_forced, is_all;
	struct texts filters;
};

static const struct opt prune_opts[] = {
	{ "all", 'a', OPT_BOOL, offsetof(struct prune_values, is_all), NULL,
	  "Remove all unused volumes, not just anonymous ones", NULL },
	{ "filter", 0, OPT_LIST, offsetof(struct prune_values, filters), "filter",
	  "Provide filter values (e.g. 'label=…')", filter_check },
	{ "force", 'f', OPT_BOOL, offsetof(struct prune_values, is_forced), NULL,
	  "Do not prompt for confirmation", NULL },
	{ .name = NULL },
};

/* Volumes with options of the driver stay, as with docker: what they are is elsewhere. */
static int prune(struct engine *engine, struct arena *arena, const struct texts *filters,
		 bool is_all)
{
	autotexts struct texts names = { 0 };
	char text[HUMAN_MAX];
	int64_t reclaimed = 0;
	size_t removed = 0;
	struct error err;

	if (!volumerows_find(engine, arena, filters, &names, &err))
		return command_failed(&err);
	for (size_t i = 0; i < names.count; i++) {
		struct volume volume;
		int64_t size;

		if (!volume_read(engine, arena, names.items[i], &volume, &err) ||
		    volume.options.count || (!is_all && !volume.is_anonymous))
			continue;
		size = volumerows_size(&volume);
		if (!remove_one(engine, arena, volume.name, &err)) /* in use */
			continue;
		if (removed++ == 0)
			puts("Deleted Volumes:");
		puts(volume.name);
		reclaimed += size;
	}
	printf("%sTotal reclaimed space: %s\n", removed ? "\n" : "",
	       human_size(reclaimed, 4, text));
	return 0;
}

static int run_prune(const struct cli *cli, const void *of, const struct texts *arguments)
{
	const struct prune_values *values = of;
	autoengine struct engine engine = ENGINE_EMPTY;
	autoarena struct arena arena = { 0 };
	struct texts filters = { 0 };
	size_t at = 0;
	struct error err;

	(void)arguments;
	if (!prunefilter_gather(cli, &arena, &values->filters, &filters, &err))
		return command_failed(&err);

	const char *all = filter_next(&filters, "all", &at);
	bool is_all =
		values->is_all || (all && (strcmp(all, "1") == 0 || strcmp(all, "true") == 0));

	if (!values->is_forced &&
	    !asking_yes(is_all ? "WARNING! This will remove all local volumes not used by at least "
				 "one container."
			       : "WARNING! This will remove anonymous local volumes not used by at "
				 "least one container."))
		return 0;
	if (!engine_open(cli->root, cli->run, &engine, &err))
		return command_failed(&err);
	return prune(&engine, &arena, &filters, is_all);
}

const struct command cmd_volume_create = {
	.name = "docker volume create",
	.usage = "[OPTIONS] [VOLUME]",
	.summary = "Create a volume",
	.opts = create_opts,
	.values_size = sizeof(struct create_values),
	.most = 1,
	.run = run_create,
};

const struct command cmd_volume_ls = {
	.name = "docker volume ls",
	.usage = "[OPTIONS]",
	.summary = "List volumes",
	.opts = list_opts,
	.values_size = sizeof(struct list_values),
	.run = run_ls,
};

const struct command cmd_volume_inspect = {
	.name = "docker volume inspect",
	.usage = "[OPTIONS] VOLUME [VOLUME...]",
	.summary = "Display detailed information on one or more volumes",
	.opts = inspection_opts,
	.values_size = sizeof(struct inspection_values),
	.least = 1,
	.most = ARGUMENTS_ANY,
	.run = run_inspect,
};

const struct command cmd_volume_rm = {
	.name = "docker volume rm",
	.usage = "[OPTIONS] VOLUME [VOLUME...]",
	.summary = "Remove one or more volumes",
	.opts = rm_opts,
	.values_size = sizeof(struct rm_values),
	.least = 1,
	.most = ARGUMENTS_ANY,
	.run = run_rm,
};

const struct command cmd_volume_prune = {
	.name = "docker volume prune",
	.usage = "[OPTIONS]",
	.summary = "Remove unused local volumes",
	.opts = prune_opts,
	.values_size = sizeof(struct prune_values),
	.run = run_prune,
};
