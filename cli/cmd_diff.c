/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/containerverbs.h"

#include <stdio.h>
#include <unistd.h>

#include "cli/outputpath.h"
#include "cli/shown.h"
#include "cli/single.h"
#include "engine/happening.h"
#include "engine/tree.h"

/*
 * diff and export: what a container has of its own, and all that it has.
 */

struct values {
	const char *output;
};

static const struct opt export_opts[] = {
	{ "output", 'o', OPT_WORD, offsetof(struct values, output), "string",
	  "Write to a file, instead of STDOUT", NULL },
	{ .name = NULL },
};

static void put_change(void *context, char kind, const char *path)
{
	(void)context;
	printf("%c /", kind);
	shown_put(path);
	putchar('\n');
}

static int run_diff(const struct cli *cli, const void *values, const struct texts *arguments)
{
	autosingle struct single single = SINGLE_EMPTY;
	struct error err;

	(void)values;
	if (!single_open(cli, arguments->items[0], &single, &err) ||
	    !tree_diff(&single.engine, &single.container, put_change, NULL, &err))
		return command_failed(&err);
	return 0;
}

static bool check_output(const char *path, struct error *err)
{
	if (!path && isatty(STDOUT_FILENO))
		return error_set(err, ERROR_INPUT,
				 "cowardly refusing to save to a terminal. Use the -o flag or "
				 "redirect");
	return !path || outputpath_check(path, err) || error_in(err, "failed to export container");
}

static int run_export(const struct cli *cli, const void *of, const struct texts *arguments)
{
	const struct values *values = of;
	autosingle struct single single = SINGLE_EMPTY;
	autooutput struct output output = OUTPUT_EMPTY;
	autoclose int lock = -1;
	autoclose int root = -1;
	struct error err;

	if (!check_output(values->output, &err))
		return command_failed_plainly(&err);
	if (!single_open(cli, arguments->items[0], &single, &err) ||
	    !tree_open(&single.engine, &single.container, TREE_ROOT, &root, &lock, &err))
		return command_failed(&err);
	if (!output_open(values->output, &output, &err)) {
		error_in(&err, "failed to export container");
		return command_failed_plainly(&err);
	}
	const struct tree_archive archive = {
		.from = root, .to = output.fd, .prefix = "", .is_one_mount = true
	};
	if (!(tree_write(&archive, &err) || output_explain(&output, &err)) ||
	    !output_finish(&output, &err))
		return command_failed_plainly(&err);
	happening_container(&single.engine, &single.container, "export", NULL);
	return 0;
}

const struct command cmd_diff = {
	.name = "docker diff",
	.usage = "CONTAINER",
	.summary = "Inspect changes to files or directories on a container's filesystem",
	.least = 1,
	.most = 1,
	.run = run_diff,
};

const struct command cmd_export = {
	.name = "docker export",
	.usage = "[OPTIONS] CONTAINER",
	.summary = "Export a container's filesystem as a tar archive",
	.opts = export_opts,
	.values_size = sizeof(struct values),
	.least = 1,
	.most = 1,
	.run = run_export,
};
