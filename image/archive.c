/* SPDX-License-Identifier: Apache-2.0 */
#include "image/archive.h"

#include "base/mem.h"
#include "base/texts.h"
#include "image/helper.h"

static void add_platform(struct texts *argv, const char *platform)
{
	if (!platform)
		return;
	texts_add(argv, "--platform");
	texts_add(argv, platform);
}

bool image_load(const struct store *store, int fd, const char *platform,
		const struct image_watcher *watcher, struct error *err)
{
	autotexts struct texts argv = { 0 };
	const char *const fixed[] = { "load", "--root", store->path };
	struct helper helper = { .fds = { { fd, 0 } }, .fd_count = 1, .watcher = watcher };
	struct digest id;

	texts_add_all(&argv, fixed, COUNT_OF(fixed));
	add_platform(&argv, platform);
	helper.argv = argv.items;
	return helper_run(&helper, &id, err);
}

bool image_save(const struct store *store, const struct texts *names, const char *platform, int fd,
		struct error *err)
{
	autotexts struct texts argv = { 0 };
	const char *const fixed[] = { "save", "--root", store->path };
	struct helper helper = { .fds = { { fd, 1 } }, .fd_count = 1 };
	struct digest id;

	texts_add_all(&argv, fixed, COUNT_OF(fixed));
	add_platform(&argv, platform);
	texts_add(&argv, "--");
	texts_add_all(&argv, names->items, names->count);
	helper.argv = argv.items;
	return helper_run(&helper, &id, err);
}

bool image_pack(const struct store *store, const struct image_packing *packing, struct error *err)
{
	autotexts struct texts argv = { 0 };
	const char *const fixed[] = { "pack", "--root", store->path, "--" };
	struct helper helper = { .fds = { { packing->dir, 0 }, { packing->to, 1 } },
				 .fd_count = 2 };
	struct digest id;

	texts_add_all(&argv, fixed, COUNT_OF(fixed));
	if (packing->only)
		texts_add(&argv, packing->only);
	if (packing->only && packing->as)
		texts_add(&argv, packing->as);
	helper.argv = argv.items;
	return helper_run(&helper, &id, err);
}
