/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/imageverbs.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "cli/dockerconfig.h"
#include "cli/filter.h"
#include "cli/imagerows.h"
#include "cli/listing.h"
#include "engine/engine.h"

struct values {
	bool has_digests, is_whole, is_quiet;
	struct texts filters;
	const char *format;
};

static const struct opt opts[] = {
	/* Every image we have is one that docker shows without it. */
	{ "all", 'a', OPT_IGNORED_BOOL, 0, NULL,
	  "Show all images (default hides intermediate images)", NULL },
	{ "digests", 0, OPT_BOOL, offsetof(struct values, has_digests), NULL, "Show digests",
	  NULL },
	{ "filter", 'f', OPT_LIST, offsetof(struct values, filters), "filter",
	  "Filter output based on conditions provided", filter_check },
	{ "format", 0, OPT_TEXT, offsetof(struct values, format), "string",
	  "Format output: 'table', 'table TEMPLATE', 'json' or 'TEMPLATE'", NULL },
	{ "no-trunc", 0, OPT_BOOL, offsetof(struct values, is_whole), NULL, "Don't truncate output",
	  NULL },
	{ "quiet", 'q', OPT_BOOL, offsetof(struct values, is_quiet), NULL, "Only show image IDs",
	  NULL },
	{ .name = NULL },
};

static const struct listing_field fields[] = {
	{ "ID", "IMAGE ID" },
	{ "Repository", "REPOSITORY" },
	{ "Tag", "TAG" },
	{ "Digest", "DIGEST" },
	{ "CreatedSince", "CREATED" },
	{ "CreatedAt", "CREATED AT" },
	{ "Size", "SIZE" },
	{ "Containers", "CONTAINERS" },
	{ "VirtualSize", "SIZE" },
	{ "SharedSize", "SHARED SIZE" },
	{ "UniqueSize", "UNIQUE SIZE" },
	{ .name = NULL },
};

#define RAW_NAME  "repository: {{.Repository}}\ntag: {{.Tag}}\n"
#define RAW_REST  "image_id: {{.ID}}\ncreated_at: {{.CreatedAt}}\nvirtual_size: {{.Size}}\n"
#define DIGEST    "{{.Digest}}"
#define IN_COLUMN "\t" DIGEST

#define COLUMNS   "{{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}"
#define COLUMNS_WITH_DIGESTS                                                                       \
	"{{.Repository}}\t{{.Tag}}\t{{.Digest}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}"

/* A table of one's own gets the digests as its last column, if it has none. */
static const char *add_digests(struct arena *arena, const char *format)
{
	if (!format || strncmp(format, "table", 5) != 0 || !format[5 + strspn(format + 5, " ")] ||
	    strstr(format, DIGEST))
		return format;
	return arena_printf(arena, "%s" IN_COLUMN, format);
}

/* `docker images ls`, where `docker image ls` was meant. */
static void hint(const struct cli *cli, const char *pattern)
{
	static const char *const verbs[] = { "build", "history", "import", "inspect", "list",
					     "load",  "ls",      "prune",  "pull",    "push",
					     "rm",    "save",    "tag" };
	bool is_images = false;

	for (const char *const *word = cli->argv; *word; word++)
		is_images |= strcmp(*word, "images") == 0;
	for (size_t i = 0; is_images && pattern && i < COUNT_OF(verbs); i++) {
		if (strcmp(verbs[i], pattern) == 0)
			fprintf(stderr,
				"No images found matching \"%s\": did you mean \"docker image "
				"%s\"?\n",
				pattern, pattern);
	}
}

static bool list(const struct cli *cli, const struct values *values, const char *pattern,
		 struct error *err)
{
	const struct imagerows options = { .pattern = pattern,
					   .filters = &values->filters,
					   .is_whole = values->is_whole,
					   .now = time(NULL) };
	const struct listing listing = { .fields = fields,
					 .table = values->has_digests ? COLUMNS_WITH_DIGESTS
								      : COLUMNS,
					 .quiet = "{{.ID}}",
					 .raw = values->has_digests ? RAW_NAME "digest: " DIGEST
									       "\n" RAW_REST
								    : RAW_NAME RAW_REST,
					 .raw_quiet = "image_id: {{.ID}}",
					 .type = "*formatter.imageContext" };
	autoengine struct engine engine = ENGINE_EMPTY;
	autoarena struct arena arena = { 0 };
	const char *format = values->format;
	const struct json *rows;

	if (!values->is_quiet)
		format = dockerconfig_choice(&arena, cli->docker_config, "imagesFormat", format);
	if (values->has_digests)
		format = add_digests(&arena, format);
	if (!engine_open(cli->root, cli->run, &engine, err) ||
	    !imagerows_make(&options, &engine.store, &arena, &rows, err))
		return error_in(err, "Error response from daemon");
	if (!rows->child)
		hint(cli, pattern);
	return listing_print(&listing, format, values->is_quiet, rows, err);
}

static int run(const struct cli *cli, const void *values, const struct texts *arguments)
{
	struct error err;

	if (!list(cli, values, arguments->count ? arguments->items[0] : NULL, &err))
		return command_failed_plainly(&err);
	return 0;
}

const struct command cmd_images = {
	.name = "docker images",
	.usage = "[OPTIONS] [REPOSITORY[:TAG]]",
	.summary = "List images",
	.opts = opts,
	.values_size = sizeof(struct values),
	.most = 1,
	.run = run,
};
