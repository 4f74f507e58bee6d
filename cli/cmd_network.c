/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/networkverbs.h"

#include <stdio.h>
#include <string.h>

#include "cli/asking.h"
#include "cli/dockerconfig.h"
#include "cli/filter.h"
#include "cli/inspection.h"
#include "cli/listing.h"
#include "cli/moment.h"
#include "cli/networkrows.h"
#include "cli/prunefilter.h"
#include "engine/bridge.h"
#include "engine/lease.h"
#include "engine/names.h"
#include "image/config.h"

/*
 * Networks: list, look at, remove. Create is cmd_network_create.c's.
 */

/* ls. ----------------------------------------------------------------------------------------- */

struct list_values {
	bool is_quiet, is_whole;
	struct texts filters;
	const char *format;
};

static const struct opt list_opts[] = {
	{ "filter", 'f', OPT_LIST, offsetof(struct list_values, filters), "filter",
	  "Provide filter values (e.g. 'driver=bridge')", filter_check },
	{ "format", 0, OPT_TEXT, offsetof(struct list_values, format), "string",
	  "Format output: 'table', 'table TEMPLATE', 'json' or 'TEMPLATE'", NULL },
	{ "no-trunc", 0, OPT_BOOL, offsetof(struct list_values, is_whole), NULL,
	  "Do not truncate the output", NULL },
	{ "quiet", 'q', OPT_BOOL, offsetof(struct list_values, is_quiet), NULL,
	  "Only display network IDs", NULL },
	{ .name = NULL },
};

static int run_ls(const struct cli *cli, const void *of, const struct texts *arguments)
{
	static const struct listing_field fields[] = {
		{ "ID", "NETWORK ID" }, { "Name", "NAME" },
		{ "Driver", "DRIVER" }, { "Scope", "SCOPE" },
		{ "IPv6", "IPV6" },     { "Internal", "INTERNAL" },
		{ "IPv4", "IPV4" },     { "CreatedAt", "CREATED AT" },
		{ "Labels", "LABELS" }, { .name = NULL }
	};
	static const struct listing listing = {
		.fields = fields,
		.table = "{{.ID}}\t{{.Name}}\t{{.Driver}}\t{{.Scope}}",
		.quiet = "{{.ID}}",
		.raw = "network_id: {{.ID}}\nname: {{.Name}}\ndriver: {{.Driver}}\nscope: "
		       "{{.Scope}}\n",
		.raw_quiet = "network_id: {{.ID}}",
		.type = "*network.networkContext"
	};
	static const char *const known[] = { "name", "id",       "driver", "scope",
					     "type", "dangling", "label",  NULL };
	const struct list_values *values = of;
	autoengine struct engine engine = ENGINE_EMPTY;
	autoarena struct arena arena = { 0 };
	const char *format = values->format;
	const struct json *rows;
	struct error err;

	(void)arguments;
	if (!values->is_quiet)
		format = dockerconfig_choice(&arena, cli->docker_config, "networksFormat", format);
	if (!engine_open(cli->root, cli->run, &engine, &err) ||
	    !filter_names(&values->filters, known, &err) ||
	    !networkrows_make(&engine, &arena, &values->filters, values->is_whole, &rows, &err))
		return command_failed(&err);
	return listing_print(&listing, format, values->is_quiet, rows, &err)
		       ? 0
		       : command_failed_plainly(&err);
}

/* inspect. ------------------------------------------------------------------------------------ */

struct inspect_values {
	const char *format;
};

static const struct opt inspect_opts[] = {
	{ "format", 'f', OPT_TEXT, offsetof(struct inspect_values, format), "string",
	  "Format output using a custom template", NULL },
	{ "verbose", 'v', OPT_IGNORED_BOOL, 0, NULL, NULL, NULL },
	{ .name = NULL },
};

static bool add_network(struct engine *engine, struct arena *arena, struct json *objects,
			const void *of, const char *name, struct error *err)
{
	struct network network;

	(void)of;
	if (!network_find(engine, arena, name, &network, err))
		return false;
	networkrows_inspect(engine, arena, objects, &network);
	return true;
}

static int run_inspect(const struct cli *cli, const void *of, const struct texts *arguments)
{
	const struct inspect_values *values = of;

	return inspection_run(cli, &(struct inspection){ values->format, add_network, NULL },
			      arguments);
}

/* rm and prune. ------------------------------------------------------------------------------- */

struct rm_values {
	bool is_forced;
};

static const struct opt rm_opts[] = {
	{ "force", 'f', OPT_BOOL, offsetof(struct rm_values, is_forced), NULL,
	  "Do not error if the network does not exist", NULL },
	{ .name = NULL },
};

/* Some network is made from this one. */
static bool is_depended_on(const struct engine *engine, struct arena *arena,
			   const struct network *network)
{
	struct network *all;
	struct error ignored;
	size_t count;

	if (!network_list(engine, arena, &all, &count, &ignored))
		return true;
	for (size_t i = 0; i < count; i++) {
		if (strcmp(all[i].config_from, network->name) == 0)
			return true;
	}
	return false;
}

/* Under the lock of its leases, so that nobody joins meanwhile. */
static bool remove_locked(const struct engine *engine, const struct lease_book *book,
			  struct arena *arena, const struct network *network, struct error *err)
{
	autotexts struct texts ids = { 0 };

	lease_holders(engine, network, arena, &ids);
	if (network->is_config_only && is_depended_on(engine, arena, network))
		return error_set(err, ERROR_DENIED,
				 "error while removing network: configuration network \"%s\" is in "
				 "use",
				 network->name);
	if (ids.count)
		return error_set(err, ERROR_EXISTS,
				 "error while removing network: network %s id %s has active "
				 "endpoints",
				 network->name, network->id);
	return bridge_remove(engine, book, network, err) && network_remove(engine, network, err);
}

static bool remove_network(const struct engine *engine, struct arena *arena,
			   const struct network *network, struct error *err)
{
	struct lease_book book;

	if (network->is_predefined)
		return error_set(err, ERROR_DENIED,
				 "%s is a pre-defined network and cannot be removed",
				 network->name);
	if (!lease_open(engine, network, &book, err))
		return false;

	bool is_done = remove_locked(engine, &book, arena, network, err);

	if (is_done)
		lease_forget(engine, network);
	lease_close(&book);
	if (is_done)
		names_revive(engine); /* or takes away what the last resolver has left */
	return is_done;
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
		struct network network;

		bool is_found = network_find(&engine, &arena, arguments->items[i], &network, &err);
		if (is_found && remove_network(&engine, &arena, &network, &err))
			puts(arguments->items[i]);
		else if (is_found || !values->is_forced || err.kind != ERROR_NOT_FOUND)
			code = command_failed(&err);
	}
	if (code)
		fprintf(stderr, "exit status %d\n", code);
	return code;
}

struct prune_values {
	bool is_forced;
	struct texts filters;
};

static const struct opt prune_opts[] = {
	{ "filter", 0, OPT_LIST, offsetof(struct prune_values, filters), "filter",
	  "Provide filter values (e.g. 'label=…')", filter_check },
	{ "force", 'f', OPT_BOOL, offsetof(struct prune_values, is_forced), NULL,
	  "Do not prompt for confirmation", NULL },
	{ .name = NULL },
};

static bool is_older(const struct network *network, int64_t until)
{
	int64_t seconds;
	long nanoseconds;

	return !until ||
	       (image_time_parse(network->created, &seconds, &nanoseconds) && seconds < until);
}

static int prune(const struct engine *engine, struct arena *arena, const struct texts *filters)
{
	static const char *const known[] = { "label", FILTER_NO_LABEL, "until", NULL };
	const struct json *rows;
	struct error err;
	size_t removed = 0;
	int64_t until;

	if (!filter_names(filters, known, &err) || !filter_until(filters, &until, &err) ||
	    !networkrows_make(engine, arena, filters, true, &rows, &err))
		return command_failed(&err);
	for (const struct json *row = rows->child; row; row = row->next) {
		struct network network;

		/* What is in use, or has gone by itself, stays out of the list; and what others are
		 * made from stays. */
		if (!network_find(engine, arena, json_get(row, "Name")->text, &network, &err) ||
		    network.is_config_only || !is_older(&network, until) ||
		    !remove_network(engine, arena, &network, &err))
			continue;
		if (removed++ == 0)
			puts("Deleted Networks:");
		puts(network.name);
	}
	if (removed)
		putchar('\n');
	return 0;
}

static int run_prune(const struct cli *cli, const void *of, const struct texts *arguments)
{
	const struct prune_values *values = of;
	autoengine struct engine engine = ENGINE_EMPTY;
	autoarena struct arena arena = { 0 };
	struct texts filters = { 0 };
	struct error err;

	(void)arguments;
	if (!values->is_forced &&
	    !asking_yes("WARNING! This will remove all custom networks not used by at least one "
			"container."))
		return 0;
	if (!prunefilter_gather(cli, &arena, &values->filters, &filters, &err) ||
	    !engine_open(cli->root, cli->run, &engine, &err))
		return command_failed(&err);
	return prune(&engine, &arena, &filters);
}

const struct command cmd_network_ls = {
	.name = "docker network ls",
	.usage = "[OPTIONS]",
	.summary = "List networks",
	.opts = list_opts,
	.values_size = sizeof(struct list_values),
	.run = run_ls,
};

const struct command cmd_network_inspect = {
	.name = "docker network inspect",
	.usage = "[OPTIONS] NETWORK [NETWORK...]",
	.summary = "Display detailed information on one or more networks",
	.opts = inspect_opts,
	.values_size = sizeof(struct inspect_values),
	.least = 1,
	.most = ARGUMENTS_ANY,
	.run = run_inspect,
};

const struct command cmd_network_rm = {
	.name = "docker network rm",
	.usage = "NETWORK [NETWORK...]",
	.summary = "Remove one or more networks",
	.opts = rm_opts,
	.values_size = sizeof(struct rm_values),
	.least = 1,
	.most = ARGUMENTS_ANY,
	.run = run_rm,
};

const struct command cmd_network_prune = {
	.name = "docker network prune",
	.usage = "[OPTIONS]",
	.summary = "Remove all unused networks",
	.opts = prune_opts,
	.values_size = sizeof(struct prune_values),
	.run = run_prune,
};
