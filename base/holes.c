/* SPDX-License-Identifier: Apache-2.0 */
#include "base/holes.h"

#include <errno.h>
#include <sys/sendfile.h>
#include <unistd.h>

#define BLOCK 4096 /* so much is data, where what we were told has changed since */

/* Where data begins again, `size` if nowhere. What knows of no holes has none. */
static off_t find_data(int in, off_t at, off_t size)
{
	off_t found = lseek(in, at, SEEK_DATA);

	if (found < 0)
		return errno == ENXIO ? size : at;
	return found < size ? found : size;
}

static off_t find_hole(int in, off_t at, off_t size)
{
	off_t found = lseek(in, at, SEEK_HOLE);

	if (found < 0 && errno != ENXIO)
		return size;
	if (found <= at)
		found = at + BLOCK;
	return found < size ? found : size;
}

static bool copy_extent(int in, int out, off_t at, off_t end)
{
	if (lseek(out, at, SEEK_SET) < 0)
		return false;
	while (at < end) {
		ssize_t moved = sendfile(out, in, &at, (size_t)(end - at));

		if (moved < 0 && errno != EINTR)
			return false;
		if (moved == 0)
			break;
	}
	return true;
}

bool holes_copy(int in, int out, const char *name, off_t size, struct error *err)
{
	off_t end;

	for (off_t at = find_data(in, 0, size); at < size; at = find_data(in, end, size)) {
		end = find_hole(in, at, size);
		if (!copy_extent(in, out, at, end))
			return error_sys(err, "copy %s", name);
	}
	return ftruncate(out, size) == 0 || error_sys(err, "copy %s", name);
}
