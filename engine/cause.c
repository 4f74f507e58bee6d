/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/cause.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/statvfs.h>

#include "base/file.h"
#include "base/mem.h"

/* What failed has given back what it had made by the time somebody looks. */
#define FULL_BYTES (64 << 10)
#define FULL_FILES 16

static bool is_full(const struct statvfs *disk)
{
	return disk->f_bfree * disk->f_frsize < FULL_BYTES ||
	       (disk->f_files > 0 && disk->f_ffree < FULL_FILES);
}

/* Whether it says so or not: ext4 takes nothing any more when it has met an error. */
static bool is_read_only(const char *place)
{
	autoclose int file = open(place, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);

	return file < 0 && errno == EROFS;
}

static bool is_at_fault(const char *place, int sys)
{
	struct statvfs disk;

	return sys == EROFS ? is_read_only(place)
			    : sys == ENOSPC && statvfs(place, &disk) == 0 && is_full(&disk);
}

bool cause_add(const char *root, const char *run, struct error *err)
{
	const char *const places[] = { root, run };

	for (size_t i = 0; i < COUNT_OF(places); i++)
		if (is_at_fault(places[i], err->sys))
			return file_add_remedy(places[i], err);
	return false;
}
