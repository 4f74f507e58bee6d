/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/containerverbs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/proc.h"
#include "cli/asking.h"
#include "cli/dfverbose.h"
#include "cli/filter.h"
#include "cli/human.h"
#include "cli/jsonmaker.h"
#include "cli/listing.h"
#include "cli/moment.h"
#include "cli/prunefilter.h"
#include "cli/volumerows.h"
#include "engine/find.h"
#include "engine/status.h"
#include "engine/tree.h"

/*
 * system df and system prune: what everything takes, and the removal of all that nobody uses.
 */

#define OUTPUT_MAX  (16 << 20) /* bytes that one prune may print */
#define WARNING_MAX (1 << 20)

/* df. ----------------------------------------------------------------------------------------- */

struct df_values {
	const char *format;
	bool is_verbose;
};

static const struct opt df_opts[] = {
	{ "format", 0, OPT_TEXT, offsetof(struct df_values, format), "string",
	  "Format output: 'table', 'table TEMPLATE', 'json' or 'TEMPLATE'", NULL },
	{ "verbose", 'v', OPT_BOOL, offsetof(struct df_values, is_verbose), NULL,
	  "Show detailed information on space usage", NULL },
	{ .name = NULL },
};

static const struct listing_field df_fields[] = {
	{ "Type", "TYPE" }, { "TotalCount", "TOTAL" },        { "Active", "ACTIVE" },
	{ "Size", "SIZE" }, { "Reclaimable", "RECLAIMABLE" }, { .name = NULL },
};

static const struct listing df_listing = {
	.fields = df_fields,
	.table = "{{.Type}}\t{{.TotalCount}}\t{{.Active}}\t{{.Size}}\t{{.Reclaimable}}",
	.raw = "type: {{.Type}}\ntotal: {{.TotalCount}}\nactive: {{.Active}}\nsize: {{.Size}}\n"
	       "reclaimable: {{.Reclaimable}}\n",
	.raw_quiet = "",
	.type = "*formatter.diskUsageImagesContext", /* the first row's, which fails first */
};

struct share {
	size_t total, active;
	int64_t bytes, reclaimable;
};

/* A layer of an image. */
struct holding {
	const struct digest *chain;
	bool is_used; /* by a container, through that image */
};

/* Those of one layer beside each other, a used one first. */
static int compare_holdings(const void *a, const void *b)
{
	const struct holding *one = a;
	const struct holding *other = b;
	int order = strcmp(one->chain->text, other->chain->text);

	return order ? order : other->is_used - one->is_used;
}

/* Each layer once, however many images have it: what is on the disk, and what goes if all unused
 * images go. */
static bool add_layers(const struct engine *engine, struct holding *holdings, size_t count,
		       struct share *share, struct error *err)
{
	qsort(holdings, count, sizeof(*holdings), compare_holdings);
	for (size_t i = 0; i < count; i++) {
		int64_t bytes;

		if (i > 0 && strcmp(holdings[i].chain->text, holdings[i - 1].chain->text) == 0)
			continue;
		if (!store_layer_size(&engine->store, holdings[i].chain, &bytes, err))
			return false;
		share->bytes += bytes;
		if (!holdings[i].is_used)
			share->reclaimable += bytes;
	}
	return true;
}

static bool count_images(struct engine *engine, struct arena *arena, struct share *share,
			 struct error *err)
{
	const struct store_usage usage = engine_usage(engine);
	struct store_image *images;
	size_t count = 0;

	if (!store_list(&engine->store, arena, &images, &share->total, err))
		return false;
	for (size_t i = 0; i < share->total; i++)
		count += images[i].layer_count;

	struct holding *holdings = arena_array(arena, count + 1, sizeof(*holdings));
	size_t used = 0;

	for (size_t i = 0; i < share->total; i++) {
		struct store_user user;
		struct error ignored; /* while nobody can tell, it is not removed */
		bool is_used = !usage.find(usage.context, &images[i].id, &user, &ignored) ||
			       user.container[0];

		share->active += is_used;
		for (size_t k = 0; k < images[i].layer_count; k++)
			holdings[used++] = (struct holding){ &images[i].chains[k], is_used };
	}
	return add_layers(engine, holdings, count, share, err);
}

static bool count_containers(struct engine *engine, struct arena *arena, struct share *share,
			     struct error *err)
{
	autotexts struct texts ids = { 0 };

	if (!find_all(engine, arena, &ids, err))
		return false;
	share->total = ids.count;
	for (size_t i = 0; i < ids.count; i++) {
		int64_t bytes = tree_size(
			arena_printf(arena, "%s/containers/%s/upper", engine->root, ids.items[i]));
		bool is_active = status_is_running(engine, ids.items[i]);

		share->active += is_active;
		share->bytes += bytes;
		if (!is_active)
			share->reclaimable += bytes;
	}
	return true;
}

static bool count_volumes(struct engine *engine, struct arena *arena, struct share *share,
			  struct error *err)
{
	autotexts struct texts names = { 0 };
	struct error ignored; /* one that has just been removed */

	if (!volume_list(engine, arena, &names, err))
		return false;
	share->total = names.count;
	for (size_t i = 0; i < names.count; i++) {
		struct volume volume;
		const struct volume_query query = { .name = names.items[i] };
		const char *user;
		bool is_active = !volume_user(engine, arena, &query, &user, &ignored) || user;
		int64_t bytes = volume_read(engine, arena, names.items[i], &volume, &ignored)
					? volumerows_size(&volume)
					: 0;

		share->active += is_active;
		share->bytes += bytes;
		if (!is_active)
			share->reclaimable += bytes;
	}
	return true;
}

/* "1.98MB (100%)"; of nothing there is no share. */
static void add_row(const struct jsonmaker *rows, const char *type, const struct share *share)
{
	struct jsonmaker row = jsonmaker_nested(rows, NULL, JSON_OBJECT);
	struct arena *arena = rows->arena;
	char size[HUMAN_MAX];
	char rest[HUMAN_MAX];

	human_size(share->reclaimable, 4, rest);
	jsonmaker_text(&row, "Active", arena_printf(arena, "%zu", share->active));
	jsonmaker_text(&row, "Reclaimable",
		       share->bytes > 0
			       ? arena_printf(arena, "%s (%d%%)", rest,
					      (int)(100 * share->reclaimable / share->bytes))
			       : arena_strdup(arena, rest));
	jsonmaker_text(&row, "Size", arena_strdup(arena, human_size(share->bytes, 4, size)));
	jsonmaker_text(&row, "TotalCount", arena_printf(arena, "%zu", share->total));
	jsonmaker_text(&row, "Type", type);
}

static int run_df(const struct cli *cli, const void *of, const struct texts *arguments)
{
	const struct df_values *values = of;
	autoengine struct engine engine = ENGINE_EMPTY;
	autoarena struct arena arena = { 0 };
	struct jsonmaker rows = { &arena, json_new(&arena, NULL, NULL, JSON_ARRAY, NULL) };
	struct share images = { 0 }, containers = { 0 }, volumes = { 0 };
	const struct share builds = { 0 };
	struct error err;

	(void)arguments;
	if (!engine_open(cli->root, cli->run, &engine, &err))
		return command_failed(&err);
	if (values->is_verbose)
		return dfverbose_print(&engine, &arena, values->format, &err)
			       ? 0
			       : command_failed_plainly(&err);
	if (!count_images(&engine, &arena, &images, &err) ||
	    !count_containers(&engine, &arena, &containers, &err) ||
	    !count_volumes(&engine, &arena, &volumes, &err))
		return command_failed(&err);
	add_row(&rows, "Images", &images);
	add_row(&rows, "Containers", &containers);
	add_row(&rows, "Local Volumes", &volumes);
	add_row(&rows, "Build Cache", &builds);
	return listing_print(&df_listing, values->format, false, rows.parent, &err)
		       ? 0
		       : command_failed_plainly(&err);
}

/* prune. -------------------------------------------------------------------------------------- */

struct prune_values {
	bool is_all, is_forced, with_volumes;
	struct texts filters;
};

static const struct opt prune_opts[] = {
	{ "all", 'a', OPT_BOOL, offsetof(struct prune_values, is_all), NULL,
	  "Remove all unused images not just dangling ones", NULL },
	{ "filter", 0, OPT_LIST, offsetof(struct prune_values, filters), "filter",
	  "Provide filter values (e.g. \"label=<key>=<value>\")", filter_check },
	{ "force", 'f', OPT_BOOL, offsetof(struct prune_values, is_forced), NULL,
	  "Do not prompt for confirmation", NULL },
	{ "volumes", 0, OPT_BOOL, offsetof(struct prune_values, with_volumes), NULL,
	  "Prune anonymous volumes", NULL },
	{ .name = NULL },
};

/* "1.5MB" of another command's last line. */
static int64_t read_size(const char *text)
{
	static const char *const units[] = { "B", "kB", "MB", "GB", "TB" };
	char *end = NULL;
	double number = strtod(text, &end);

	for (size_t i = 0; i < COUNT_OF(units); i++, number *= 1000)
		if (strcmp(end, units[i]) == 0)
			return (int64_t)number;
	return 0;
}

/* Prints what the command says, but for its total, which is added. True if it said anything. */
static bool pass_on(char *text, int64_t *bytes)
{
	bool has_said = false;

	static const char total[] = "Total reclaimed space: ";

	for (char *line; (line = strsep(&text, "\n"));) {
		if (strncmp(line, total, sizeof(total) - 1) == 0) {
			*bytes += read_size(line + sizeof(total) - 1);
		} else if (*line) {
			printf("%s\n", line);
			has_said = true;
		}
	}
	return has_said;
}

/* The one prune is the other commands', one after the other. */
static bool run_prune_of(const char *kind, const struct texts *filters, bool is_all, int64_t *bytes,
			 struct error *err)
{
	autofree char *program = NULL;
	autotexts struct texts argv = { 0 };
	autobuf struct buf output;
	int status;

	buf_init(&output, OUTPUT_MAX);
	if (!proc_helper("mooring", &program, err))
		return false;
	const char *const words[] = { program, kind, "prune", "-f" };
	texts_add_all(&argv, words, COUNT_OF(words));
	if (is_all)
		texts_add(&argv, "-a");
	for (size_t i = 0; i < filters->count; i++) {
		texts_add(&argv, "--filter");
		texts_add(&argv, filters->items[i]);
	}
	if (!proc_output(argv.items, &output, &status, err))
		return false;
	if (output.data && pass_on(output.data, bytes))
		printf("\n");
	return status == 0 || error_set(err, ERROR_SYSTEM, "%s prune failed", kind);
}

/* Before anything is removed: what one of the commands would refuse later. */
static bool check_filters(const struct texts *filters, struct error *err)
{
	static const char *const names[] = { "label", FILTER_NO_LABEL, "until", NULL };
	int64_t until;

	return filter_names(filters, names, err) && filter_until(filters, &until, err);
}

/* What is said of the filters: each once, in their order; nothing where there are none. */
static void add_filters(struct buf *warning, const struct texts *filters)
{
	autotexts struct texts sorted = { 0 };

	texts_add_all(&sorted, (const char *const *)filters->items, filters->count);
	if (sorted.count == 0)
		return;
	texts_sort(&sorted);
	buf_add_text(warning, "\n  Items to be pruned will be filtered with:\n");
	for (size_t i = 0; i < sorted.count; i++)
		if (i == 0 || strcmp(sorted.items[i], sorted.items[i - 1]) != 0)
			buf_printf(warning, "  - %s\n", sorted.items[i]);
}

static bool ask(const struct prune_values *values, const struct texts *filters)
{
	autobuf struct buf warning;

	buf_init(&warning, WARNING_MAX);
	buf_printf(&warning,
		   "WARNING! This will remove:\n"
		   "  - all stopped containers\n"
		   "  - all networks not used by at least one container\n"
		   "%s  - all %s\n"
		   "  - all %s\n",
		   values->with_volumes
			   ? "  - all anonymous volumes not used by at least one container\n"
			   : "",
		   values->is_all ? "images without at least one container associated to them"
				  : "dangling images",
		   values->is_all ? "build cache" : "dangling build cache");
	add_filters(&warning, filters);
	return asking_yes(warning.data);
}

static int run_prune(const struct cli *cli, const void *of, const struct texts *arguments)
{
	const struct prune_values *values = of;
	autoarena struct arena arena = { 0 };
	struct texts filters = { 0 };
	int64_t bytes = 0;
	size_t at = 0;
	char size[HUMAN_MAX];
	struct error err;

	(void)arguments;
	if (!prunefilter_gather(cli, &arena, &values->filters, &filters, &err) ||
	    !check_filters(&filters, &err))
		return command_failed(&err);
	if (values->with_volumes && filter_next(&filters, "until", &at)) {
		error_set(&err, ERROR_INPUT,
			  "ERROR: The \"until\" filter is not supported with \"--volumes\"");
		return command_failed_plainly(&err);
	}
	if (!values->is_forced && !ask(values, &filters))
		return 0;
	setenv("MOORING_ROOT", cli->root, 1);
	setenv("MOORING_RUN", cli->run, 1);
	setenv("DOCKER_CONFIG", "/dev/null", 1); /* what it says is among the filters, read once */
	fflush(stdout);
	if (!run_prune_of("container", &filters, false, &bytes, &err) ||
	    !run_prune_of("network", &filters, false, &bytes, &err) ||
	    (values->with_volumes && !run_prune_of("volume", &filters, false, &bytes, &err)) ||
	    !run_prune_of("image", &filters, values->is_all, &bytes, &err))
		return command_failed(&err);
	printf("Total reclaimed space: %s\n", human_size(bytes, 4, size));
	return 0;
}

const struct command cmd_system_df = {
	.name = "docker system df",
	.usage = "[OPTIONS]",
	.summary = "Show docker disk usage",
	.opts = df_opts,
	.values_size = sizeof(struct df_values),
	.run = run_df,
};

const struct command cmd_system_prune = {
	.name = "docker system prune",
	.usage = "[OPTIONS]",
	.summary = "Remove unused data",
	.opts = prune_opts,
	.values_size = sizeof(struct prune_values),
	.run = run_prune,
};
