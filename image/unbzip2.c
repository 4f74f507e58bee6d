/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bzip2, which old archives use: libarchive unpacks it, in this process.
 */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>

#include "base/mem.h"
#include "image/pump.h"

#define MEMORY (4LL << 20) /* of a decoder of the largest blocks */

struct feed {
	struct pump *pump;
	struct error *err;
	bool is_failed; /* the source's own failure is in err */
};

static ssize_t on_read(struct archive *archive, void *context, const void **block)
{
	struct feed *feed = context;
	unsigned char *bytes;
	size_t count;

	if (!pump_read(feed->pump, &bytes, &count, feed->err)) {
		feed->is_failed = true;
		archive_set_error(archive, EIO, "read");
		return -1;
	}
	*block = bytes;
	return (ssize_t)count;
}

static bool failed(struct feed *feed, struct archive *archive)
{
	if (feed->is_failed)
		return false;

	const char *text = archive_error_string(archive);

	return error_set(feed->err, ERROR_CORRUPT, "%s: %s", archive_filter_name(archive, 0),
			 text ? text : "invalid data");
}

static bool unpack(struct feed *feed, struct archive *archive)
{
	struct archive_entry *entry;
	la_ssize_t got;
	unsigned char *room;

	if (archive_read_open(archive, feed, NULL, on_read, NULL) != ARCHIVE_OK ||
	    archive_read_next_header(archive, &entry) != ARCHIVE_OK)
		return failed(feed, archive);
	do {
		if (!pump_room(feed->pump, &room, feed->err))
			return false;
		got = archive_read_data(archive, room, PUMP_ROOM);
		if (got > 0 && !pump_made(feed->pump, (size_t)got, feed->err))
			return false;
	} while (got > 0);
	return got == 0 || failed(feed, archive);
}

/* What follows the compressed data is part of the blob, and of its digest. */
static bool read_rest(struct pump *pump, struct error *err)
{
	unsigned char *bytes;
	size_t count;

	do {
		if (!pump_read(pump, &bytes, &count, err))
			return false;
	} while (count > 0);
	return true;
}

bool pump_bzip2(struct pump *pump, struct error *err)
{
	struct feed feed = { .pump = pump, .err = err };
	const struct allowance *allowance = pump->allowance;
	struct archive *archive = archive_read_new();
	int64_t held = 0;

	if (!archive)
		return error_set(err, ERROR_SYSTEM, "libarchive cannot start");
	archive_read_support_filter_bzip2(archive);
	archive_read_support_format_raw(archive);

	bool is_good = (!allowance || allowance_take(allowance, "bzip2", MEMORY, &held, err)) &&
		       unpack(&feed, archive) && read_rest(pump, err);

	archive_read_free(archive);
	if (allowance)
		allowance_give(allowance, &held);
	return is_good;
}
