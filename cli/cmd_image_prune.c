/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/imageverbs.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "cli/asking.h"
#include "cli/filter.h"
#include "cli/human.h"
#include "cli/moment.h"
#include "cli/prunefilter.h"
#include "engine/engine.h"
#include "image/prune.h"

struct values {
	bool is_all, is_forced;
	struct texts filters;
};

static const struct opt opts[] = {
	{ "all", 'a', OPT_BOOL, offsetof(struct values, is_all), NULL,
	  "Remove all unused images, not just dangling ones", NULL },
	{ "filter", 0, OPT_LIST, offsetof(struct values, filters), "filter",
	  "Provide filter values (\"until=<timestamp>\", \"label=<key>=<value>\")", filter_check },
	{ "force", 'f', OPT_BOOL, offsetof(struct values, is_forced), NULL,
	  "Do not prompt for confirmation", NULL },
	{ .name = NULL },
};

static bool is_wanted(void *context, const struct store_image *image)
{
	autoarena struct arena arena = { 0 };
	struct texts labels = { 0 };

	for (size_t i = 0; i < image->config.label_count; i++)
		texts_add_in(&labels, &arena,
			     arena_printf(&arena, "%s=%s", image->config.labels[i].key,
					  image->config.labels[i].value));
	return filter_are_labels(context, &labels);
}

static void tell(const struct store_removal *removal)
{
	char size[HUMAN_MAX];

	if (removal->untagged.count + removal->deleted.count > 0)
		printf("Deleted Images:\n");
	for (size_t i = 0; i < removal->untagged.count; i++)
		printf("untagged: %s\n", removal->untagged.items[i]);
	for (size_t i = 0; i < removal->deleted.count; i++)
		printf("deleted: %s\n", removal->deleted.items[i]);
	if (removal->untagged.count + removal->deleted.count > 0)
		printf("\n");
	printf("Total reclaimed space: %s\n", human_size(removal->bytes, 4, size));
}

/* dangling=false is another way to say --all. */
static bool read_dangling(const struct texts *filters, bool *is_all, struct error *err)
{
	bool is_dangling = !*is_all;

	if (!filter_truth(filters, "dangling", &is_dangling, err))
		return false;
	*is_all = !is_dangling;
	return true;
}

static bool prune(const struct cli *cli, const struct values *values, struct error *err)
{
	static const char *const names[] = { "label", FILTER_NO_LABEL, "until", "dangling", NULL };
	struct texts filters = { 0 };
	struct prune what = { .is_all = values->is_all,
			      .is_wanted = is_wanted,
			      .context = &filters };
	autoengine struct engine engine = ENGINE_EMPTY;
	autoarena struct arena arena = { 0 };
	struct store_removal removal = { 0 };

	if (!prunefilter_gather(cli, &arena, &values->filters, &filters, err) ||
	    !filter_names(&filters, names, err) || !read_dangling(&filters, &what.is_all, err) ||
	    !filter_until(&filters, &what.until, err) ||
	    !engine_open(cli->root, cli->run, &engine, err))
		return false;
	const struct store_usage usage = engine_usage(&engine);
	bool is_done = prune_images(&engine.store, &arena, &what, &usage, &removal, err);

	if (is_done)
		tell(&removal);
	store_removal_done(&removal);
	return is_done;
}

static int run(const struct cli *cli, const void *of, const struct texts *arguments)
{
	const struct values *values = of;
	struct error err;

	(void)arguments;
	if (!values->is_forced &&
	    !asking_yes(values->is_all ? "WARNING! This will remove all images without at least "
					 "one container associated to them."
				       : "WARNING! This will remove all dangling images."))
		return 0;
	return prune(cli, values, &err) ? 0 : command_failed(&err);
}

const struct command cmd_image_prune = {
	.name = "docker image prune",
	.usage = "[OPTIONS]",
	.summary = "Remove unused images",
	.opts = opts,
	.values_size = sizeof(struct values),
	.run = run,
};
