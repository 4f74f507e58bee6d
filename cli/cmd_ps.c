/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/containerverbs.h"

#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "cli/containerrows.h"
#include "cli/dockerconfig.h"
#include "cli/filter.h"
#include "cli/listing.h"
#include "cli/template.h"

struct values {
	bool is_all, is_latest, is_whole, is_quiet, has_size;
	struct opt_number last;
	struct texts filters;
	const char *format;
};

static const struct opt opts[] = {
	{ "all", 'a', OPT_BOOL, offsetof(struct values, is_all), NULL,
	  "Show all containers (default shows just running)", NULL },
	{ "filter", 'f', OPT_LIST, offsetof(struct values, filters), "filter",
	  "Filter output based on conditions provided", filter_check },
	{ "format", 0, OPT_TEXT, offsetof(struct values, format), "string",
	  "Format output: 'table', 'table TEMPLATE', 'json' or 'TEMPLATE'", NULL },
	{ "last", 'n', OPT_NUMBER, offsetof(struct values, last), "int",
	  "Show n last created containers (includes all states)", NULL },
	{ "latest", 'l', OPT_BOOL, offsetof(struct values, is_latest), NULL,
	  "Show the latest created container (includes all states)", NULL },
	{ "no-trunc", 0, OPT_BOOL, offsetof(struct values, is_whole), NULL, "Don't truncate output",
	  NULL },
	{ "quiet", 'q', OPT_BOOL, offsetof(struct values, is_quiet), NULL,
	  "Only display container IDs", NULL },
	{ "size", 's', OPT_BOOL, offsetof(struct values, has_size), NULL,
	  "Display total file sizes", NULL },
	{ .name = NULL },
};

static const struct listing_field fields[] = {
	{ "ID", "CONTAINER ID" },
	{ "Image", "IMAGE" },
	{ "Command", "COMMAND" },
	{ "RunningFor", "CREATED" },
	{ "CreatedAt", "CREATED AT" },
	{ "Status", "STATUS" },
	{ "State", "STATE" },
	{ "Ports", "PORTS" },
	{ "Names", "NAMES" },
	{ "Labels", "LABELS" },
	{ "Mounts", "MOUNTS" },
	{ "Networks", "NETWORKS" },
	{ "LocalVolumes", "LOCAL VOLUMES" },
	{ "Size", "SIZE" },
	{ .name = NULL },
};

#define RAW                                                                                        \
	"container_id: {{.ID}}\nimage: {{.Image}}\ncommand: {{.Command}}\ncreated_at: "            \
	"{{.CreatedAt}}\nstate: {{- pad .State 1 0}}\nstatus: {{- pad .Status 1 0}}\n"             \
	"names: {{.Names}}\nlabels: {{- pad .Labels 1 0}}\nports: {{- pad .Ports 1 0}}\n"
#define ROW_TYPE "*formatter.ContainerContext"

static const struct listing listing = {
	.fields = fields,
	.raw = RAW,
	.raw_quiet = "container_id: {{.ID}}",
	.unreadable = "failed to parse template",
	.trouble = "failed to execute template",
	.type = ROW_TYPE,
	.table = "{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{."
		 "Names}}",
	.quiet = "{{.ID}}",
};

static const struct listing sized = {
	.fields = fields,
	.raw = RAW "size: {{.Size}}\n",
	.raw_quiet = "container_id: {{.ID}}",
	.unreadable = "failed to parse template",
	.trouble = "failed to execute template",
	.type = ROW_TYPE,
	.table = "{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{."
		 "Names}}\t{{.Size}}",
	.quiet = "{{.ID}}",
};

/* NULL where somebody's own says what is printed. */
static const char *usual_template(const struct values *values, const char *format)
{
	if (format && *format)
		return NULL;
	if (values->is_quiet)
		return listing.quiet;
	return values->has_size ? sized.table : listing.table;
}

/* Measured where a template of one's own looks at it, too. */
static bool wants_size(const struct values *values, const char *format)
{
	autoarena struct arena arena = { 0 };
	struct template template;
	struct error ignored; /* who prints it tells */

	return values->has_size ||
	       (format &&
		template_parse(&arena, template_unescape(&arena, format), &template, &ignored) &&
		template_names(&template, "Size"));
}

static int run(const struct cli *cli, const void *of, const struct texts *arguments)
{
	const struct values *values = of;
	autoarena struct arena arena = { 0 };
	const char *format = values->format;

	if (!values->is_quiet)
		format = dockerconfig_choice(&arena, cli->docker_config, "psFormat", format);
	const struct containerrows options = { .is_all = values->is_all,
					       .is_whole = values->is_whole,
					       .has_sizes = wants_size(values, format),
					       .last = values->is_latest ? 1 : values->last.value,
					       .filters = &values->filters,
					       .now = time(NULL),
					       .template = usual_template(values, format) };
	autoengine struct engine engine = ENGINE_EMPTY;
	const struct json *rows;
	struct error err;

	(void)arguments;
	if (!engine_open(cli->root, cli->run, &engine, &err))
		return command_failed(&err);
	if (!containerrows_make(&options, &engine, &arena, &rows, &err))
		return command_failed(&err);
	return listing_print(values->has_size ? &sized : &listing, format, values->is_quiet, rows,
			     &err)
		       ? 0
		       : command_failed_plainly(&err);
}

const struct command cmd_ps = {
	.name = "docker ps",
	.usage = "[OPTIONS]",
	.summary = "List containers",
	.opts = opts,
	.values_size = sizeof(struct values),
	.run = run,
};
