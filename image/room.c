/* SPDX-License-Identifier: Apache-2.0 */
#include "image/room.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "image/layout.h"
#include "image/limits.h"
#include "image/prune.h"

/* -- the disk -----------------------------------------------------------------------------------
 */

/* Leaves some of the disk to others: a full one stops the whole device. Negative: less than that
 * is left. False if the file system does not say. */
static bool find_free(int fd, int64_t *bytes)
{
	struct statvfs info;

	if (fstatvfs(fd, &info) < 0)
		return false;

	int64_t unit = (int64_t)info.f_frsize;
	int64_t share = (int64_t)info.f_blocks * unit / 100 * RESERVE_PERCENT;

	*bytes = (int64_t)info.f_bavail * unit - (share < RESERVE_BYTES ? share : RESERVE_BYTES);
	return true;
}

bool room_check_disk(int fd, struct error *err)
{
	int64_t free;

	if (!find_free(fd, &free) || free >= 0)
		return true;
	error_set(err, ERROR_NO_SPACE, "no space left on device");
	err->sys = ENOSPC; /* which it is, a little early */
	return false;
}

/* -- the limit ----------------------------------------------------------------------------------
 */

/* Bytes of all layers. One that goes meanwhile counts for nothing. */
static bool find_used(const struct store *store, int64_t *bytes, struct error *err)
{
	autodir DIR *dir = file_list(store->root, LAYOUT_LAYERS);

	*bytes = 0;
	if (!dir)
		return error_sys(err, "read %s", LAYOUT_LAYERS);
	for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
		autoclose int layer = openat(dirfd(dir), entry->d_name,
					     O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		struct layer_info info;
		struct error ignored;

		if (entry->d_name[0] != '.' && layer >= 0 &&
		    layer_info_read(layer, &info, &ignored))
			*bytes += info.size + info.kept_size;
	}
	return true;
}

bool room_of_limit(const struct store *store, int64_t *bytes, struct error *err)
{
	int64_t used;

	*bytes = INT64_MAX;
	if (store->limit <= 0)
		return true;
	if (!find_used(store, &used, err))
		return false;
	*bytes = used < store->limit ? store->limit - used : 0;
	return true;
}

bool room_exceeded(const struct store *store, struct error *err)
{
	return error_set(err, ERROR_NO_SPACE,
			 "no space left on device: the images would exceed the store's limit of "
			 "%lld bytes: remove some, or raise store-limit in daemon.json",
			 (long long)store->limit);
}

/* -- before the first byte ----------------------------------------------------------------------
 */

static bool check(const struct store *store, int64_t wanted, struct error *err)
{
	int64_t free, left;

	if (!room_of_limit(store, &left, err))
		return false;
	if (wanted > left)
		return room_exceeded(store, err);
	if (!find_free(store->root, &free) || wanted <= free)
		return true;
	return error_set(err, ERROR_NO_SPACE,
			 "no space left on device: the image needs %lld bytes at least, and the "
			 "store's file system has %lld to give: remove images (docker image prune)",
			 (long long)wanted, (long long)(free > 0 ? free : 0));
}

/* What a pull could go on with some day is worth less than this one. */
bool room_check(const struct store *store, int64_t wanted, struct error *err)
{
	struct error ignored;

	if (check(store, wanted, err))
		return true;
	return err->kind == ERROR_NO_SPACE && prune_rubbish(store, true, NULL, &ignored) &&
	       check(store, wanted, err);
}
