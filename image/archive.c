/* SPDX-License-Identifier: Apache-2.0 */
#include "image/archive.h"

#include "base/mem.h"
#include "base/texts.h"
#include "image/helper.h"

bool image_load(const struct store *store, int fd, const struct image_watcher *watcher,
		struct error *err)
{
	const char *const argv[] = { "load", "--root", store->path, NULL };
	struct helper helper = {
		.argv = argv, .fds = { { fd, 0 } }, .fd_count = 1, .watcher = watcher
	};
	struct digest id;

	return helper_run(&helper, &id, err);
}

bool image_save(const struct store *store, const char *const *names, size_t count, int fd,
		struct error *err)
{
	autotexts struct texts argv = { 0 };
	struct helper helper = { .fds = { { fd, 1 } }, .fd_count = 1 };
	struct digest id;

	texts_add(&argv, "save");
	texts_add(&argv, "--root");
	texts_add(&argv, store->path);
	texts_add(&argv, "--");
	texts_add_all(&argv, names, count);
	helper.argv = argv.items;
	return helper_run(&helper, &id, err);
}
