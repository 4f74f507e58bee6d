/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/containerverbs.h"

#include <stdio.h>
#include <string.h>

#include "cli/asking.h"
#include "cli/filter.h"
#include "cli/inspection.h"
#include "cli/jsonmaker.h"
#include "cli/listing.h"

/*
 * context, of which there is one: this machine. And builder prune, where nothing was built. Scripts
 * ask such things before they go to work.
 */

#define CONTEXT  "default"
#define ENDPOINT "unix:///var/run/docker.sock"

struct values {
	const char *format;
	bool is_quiet;
};

static const struct opt list_opts[] = {
	{ "format", 0, OPT_TEXT, offsetof(struct values, format), "string",
	  "Format output using a custom template", NULL },
	{ "quiet", 'q', OPT_BOOL, offsetof(struct values, is_quiet), NULL,
	  "Only show context names", NULL },
	{ .name = NULL },
};

static int run_ls(const struct cli *cli, const void *of, const struct texts *arguments)
{
	static const struct listing_field fields[] = { { "Name", "NAME" },
						       { "Description", "DESCRIPTION" },
						       { "DockerEndpoint", "DOCKER ENDPOINT" },
						       { "Error", "ERROR" },
						       { "Current", "" },
						       { NULL, NULL } };
	static const struct listing listing = {
		.fields = fields,
		.table = "{{.Name}}{{if .Current}} *{{end}}\t{{.Description}}\t"
			 "{{.DockerEndpoint}}\t{{.Error}}",
		.quiet = "{{.Name}}",
	};
	const struct values *values = of;
	autoarena struct arena arena = { 0 };
	struct jsonmaker list = { &arena, json_new(&arena, NULL, NULL, JSON_ARRAY, NULL) };
	struct jsonmaker row = jsonmaker_nested(&list, NULL, JSON_OBJECT);
	struct error err;

	(void)cli;
	(void)arguments;
	jsonmaker_bool(&row, "Current", true);
	jsonmaker_text(&row, "Description", "Current DOCKER_HOST based configuration");
	jsonmaker_text(&row, "DockerEndpoint", ENDPOINT);
	jsonmaker_text(&row, "Error", "");
	jsonmaker_text(&row, "Name", CONTEXT);
	return listing_print(&listing, values->format, values->is_quiet, list.parent, &err)
		       ? 0
		       : command_failed_plainly(&err);
}

static int run_show(const struct cli *cli, const void *values, const struct texts *arguments)
{
	(void)cli;
	(void)values;
	(void)arguments;
	puts(CONTEXT);
	return 0;
}

static int refuse(const char *name)
{
	fprintf(stderr, "context \"%s\": context not found\n", name);
	return 1;
}

static int run_use(const struct cli *cli, const void *values, const struct texts *arguments)
{
	(void)cli;
	(void)values;
	if (strcmp(arguments->items[0], CONTEXT) != 0)
		return refuse(arguments->items[0]);
	puts(CONTEXT);
	fprintf(stderr, "Current context is now \"%s\"\n", CONTEXT);
	return 0;
}

static int run_inspect(const struct cli *cli, const void *of, const struct texts *arguments)
{
	const struct inspection_values *values = of;
	autoarena struct arena arena = { 0 };
	struct jsonmaker list = { &arena, json_new(&arena, NULL, NULL, JSON_ARRAY, NULL) };
	struct jsonmaker object = jsonmaker_nested(&list, NULL, JSON_OBJECT);

	(void)cli;
	if (arguments->count && strcmp(arguments->items[0], CONTEXT) != 0)
		return refuse(arguments->items[0]);
	jsonmaker_text(&object, "Name", CONTEXT);
	jsonmaker_nested(&object, "Metadata", JSON_OBJECT);
	struct jsonmaker endpoints = jsonmaker_nested(&object, "Endpoints", JSON_OBJECT);
	struct jsonmaker docker = jsonmaker_nested(&endpoints, "docker", JSON_OBJECT);
	jsonmaker_text(&docker, "Host", ENDPOINT);
	jsonmaker_bool(&docker, "SkipTLSVerify", false);
	jsonmaker_nested(&object, "TLSMaterial", JSON_OBJECT);
	struct jsonmaker storage = jsonmaker_nested(&object, "Storage", JSON_OBJECT);
	jsonmaker_text(&storage, "MetadataPath", "<IN MEMORY>");
	jsonmaker_text(&storage, "TLSPath", "<IN MEMORY>");
	return inspection_finish(values->format, list.parent, 0);
}

const struct command cmd_context_ls = {
	.name = "docker context ls",
	.usage = "[OPTIONS]",
	.summary = "List contexts",
	.opts = list_opts,
	.values_size = sizeof(struct values),
	.is_for_anyone = true,
	.run = run_ls,
};

const struct command cmd_context_show = {
	.name = "docker context show",
	.usage = "",
	.summary = "Print the name of the current context",
	.is_for_anyone = true,
	.run = run_show,
};

const struct command cmd_context_use = {
	.name = "docker context use",
	.usage = "CONTEXT",
	.summary = "Set the current docker context",
	.least = 1,
	.most = 1,
	.is_for_anyone = true,
	.run = run_use,
};

const struct command cmd_context_inspect = {
	.name = "docker context inspect",
	.usage = "[OPTIONS] [CONTEXT]",
	.summary = "Display detailed information on one context",
	.opts = inspection_opts,
	.values_size = sizeof(struct inspection_values),
	.most = 1,
	.is_for_anyone = true,
	.run = run_inspect,
};

/* builder prune. ------------------------------------------------------------------------------ */

struct prune_values {
	bool is_forced;
	int64_t keep; /* bytes of a cache that there is none of */
};

static const struct opt prune_opts[] = {
	{ "all", 'a', OPT_IGNORED_BOOL, 0, NULL, "Remove all unused build cache", NULL },
	{ "filter", 0, OPT_IGNORED_TEXT, 0, "filter", "Provide filter values", filter_check },
	{ "force", 'f', OPT_BOOL, offsetof(struct prune_values, is_forced), NULL,
	  "Do not prompt for confirmation", NULL },
	{ "keep-storage", 0, OPT_SIZE, offsetof(struct prune_values, keep), "bytes",
	  "Disk space to keep", NULL },
	{ .name = NULL },
};

static int run_prune(const struct cli *cli, const void *of, const struct texts *arguments)
{
	const struct prune_values *values = of;

	(void)cli;
	(void)arguments;
	if (values->is_forced || asking_yes("WARNING! This will remove all dangling build cache."))
		puts("Total reclaimed space: 0B");
	return 0;
}

const struct command cmd_builder_prune = {
	.name = "docker builder prune",
	.usage = "[OPTIONS]",
	.summary = "Remove build cache",
	.opts = prune_opts,
	.values_size = sizeof(struct prune_values),
	.is_for_anyone = true,
	.run = run_prune,
};
