/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/pluginverbs.h"

#include <stddef.h>
#include <stdio.h>

#include "cli/filter.h"
#include "cli/inspection.h"
#include "cli/listing.h"

/*
 * plugin, of which there are none: scripts ask which there are.
 */

struct list_values {
	bool is_quiet;
	struct texts filters;
	const char *format;
};

static const struct opt list_opts[] = {
	{ "filter", 'f', OPT_LIST, offsetof(struct list_values, filters), "filter",
	  "Provide filter values (e.g. \"enabled=true\")", filter_check },
	{ "format", 0, OPT_TEXT, offsetof(struct list_values, format), "string",
	  "Format output: 'table', 'table TEMPLATE', 'json' or 'TEMPLATE'", NULL },
	{ "no-trunc", 0, OPT_IGNORED_BOOL, 0, NULL, "Don't truncate output", NULL },
	{ "quiet", 'q', OPT_BOOL, offsetof(struct list_values, is_quiet), NULL,
	  "Only display plugin IDs", NULL },
	{ .name = NULL },
};

static int run_ls(const struct cli *cli, const void *of, const struct texts *arguments)
{
	static const char *const names[] = { "capability", "enabled", NULL };
	static const struct listing_field fields[] = { { "ID", "ID" },
						       { "Name", "NAME" },
						       { "Description", "DESCRIPTION" },
						       { "Enabled", "ENABLED" },
						       { "PluginReference", "PLUGIN REFERENCE" },
						       { .name = NULL } };
	static const struct listing listing = {
		.fields = fields,
		.table = "{{.ID}}\t{{.Name}}\t{{.Description}}\t{{.Enabled}}",
		.quiet = "{{.ID}}",
	};
	const struct list_values *values = of;
	autoarena struct arena arena = { 0 };
	struct error err;

	(void)cli;
	(void)arguments;
	if (!filter_names(&values->filters, names, &err))
		return command_failed(&err);
	return listing_print(&listing, values->format, values->is_quiet,
			     json_new(&arena, NULL, NULL, JSON_ARRAY, NULL), &err)
		       ? 0
		       : command_failed_plainly(&err);
}

static int refuse_each(const struct texts *names)
{
	fflush(stdout);
	for (size_t i = 0; i < names->count; i++)
		fprintf(stderr, "Error response from daemon: plugin \"%s\" not found\n",
			names->items[i]);
	return 1;
}

static int run_inspect(const struct cli *cli, const void *values, const struct texts *arguments)
{
	(void)cli;
	(void)values;
	puts("[]");
	return refuse_each(arguments);
}

static int run_rm(const struct cli *cli, const void *values, const struct texts *arguments)
{
	(void)cli;
	(void)values;
	return refuse_each(arguments);
}

static const struct opt rm_opts[] = {
	{ "force", 'f', OPT_IGNORED_BOOL, 0, NULL, "Force the removal of an active plugin", NULL },
	{ .name = NULL },
};

const struct command cmd_plugin_ls = {
	.name = "docker plugin ls",
	.usage = "[OPTIONS]",
	.summary = "List plugins",
	.opts = list_opts,
	.values_size = sizeof(struct list_values),
	.run = run_ls,
};

const struct command cmd_plugin_inspect = {
	.name = "docker plugin inspect",
	.usage = "[OPTIONS] PLUGIN [PLUGIN...]",
	.summary = "Display detailed information on one or more plugins",
	.opts = inspection_opts,
	.values_size = sizeof(struct inspection_values),
	.least = 1,
	.most = ARGUMENTS_ANY,
	.run = run_inspect,
};

const struct command cmd_plugin_rm = {
	.name = "docker plugin rm",
	.usage = "[OPTIONS] PLUGIN [PLUGIN...]",
	.summary = "Remove one or more plugins",
	.opts = rm_opts,
	.least = 1,
	.most = ARGUMENTS_ANY,
	.run = run_rm,
};
