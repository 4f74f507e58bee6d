/* SPDX-License-Identifier: Apache-2.0 */
#include "image/archive.h"

#include "base/mem.h"
#include "base/texts.h"
#include "image/helper.h"
#include "image/integrity.h"

static void add_platform(struct texts *argv, const char *platform)
{
	if (!platform)
		return;
	texts_add(argv, "--platform");
	texts_add(argv, platform);
}

static bool run(struct helper *helper, struct error *err)
{
	struct digest id;
	bool is_good = helper_run(helper, &id, err);

	texts_done(&helper->arguments);
	return is_good;
}

bool image_load(const struct store *store, int fd, const char *platform,
		const struct image_watcher *watcher, struct error *err)
{
	struct helper helper = { .command = "load",
				 .store = store,
				 .fds = { { fd, 0 } },
				 .fd_count = 1,
				 .watcher = watcher };

	add_platform(&helper.arguments, platform);
	return run(&helper, err);
}

bool image_save(const struct store *store, const struct texts *names, const char *platform, int fd,
		struct error *err)
{
	struct helper helper = { .command = "save",
				 .store = store,
				 .fds = { { fd, 1 } },
				 .fd_count = 1,
				 .is_reading = true };

	add_platform(&helper.arguments, platform);
	texts_add(&helper.arguments, "--");
	texts_add_all(&helper.arguments, names->items, names->count);
	return run(&helper, err);
}

bool image_verify(const struct store *store, const struct texts *names,
		  const struct image_watcher *watcher, struct error *err)
{
	struct helper helper = { .command = "verify", .store = store, .watcher = watcher };

	texts_add(&helper.arguments, "--");
	texts_add_all(&helper.arguments, names->items, names->count);
	return run(&helper, err);
}
