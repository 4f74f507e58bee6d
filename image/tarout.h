/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IMAGE_TAROUT_H
#define IMAGE_TAROUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/error.h"

/*
 * Writes a tar archive: ustar (POSIX.1-1988), with a PAX header (POSIX.1-2001) in front of an entry
 * that ustar cannot hold: long names, sizes from 8 GiB on, large ids, extended attributes.
 */

/* The letters are the format's own. */
enum tarout_type {
	TAROUT_FILE = '0',
	TAROUT_HARDLINK = '1',
	TAROUT_SYMLINK = '2',
	TAROUT_CHAR = '3',
	TAROUT_BLOCK = '4',
	TAROUT_DIRECTORY = '5',
	TAROUT_FIFO = '6',
};

struct tarout_entry {
	enum tarout_type type;
	const char *path; /* a directory's without the slash at its end */
	const char *link; /* of links */
	mode_t mode;
	uid_t uid;
	gid_t gid;
	int64_t mtime; /* seconds since 1970 */
	dev_t device;
	int64_t size;            /* of a file */
	const struct buf *extra; /* PAX records, from tarout_add_record; NULL: none */
};

struct tarout {
	int fd;
	char *block;
	size_t length;
	int64_t left, padding; /* of the current file */
};

void tarout_open(struct tarout *tar, int fd); /* the caller closes it */
void tarout_close(struct tarout *tar);

/* One record of a PAX header: "SCHILY.xattr.user.a" and its value, which may hold any bytes. */
void tarout_add_record(struct buf *extra, const char *key, const void *value, size_t size);

must_check bool tarout_put(struct tarout *tar, const struct tarout_entry *entry, struct error *err);
/* The file's content, `size` bytes in all. Fails with ERROR_CORRUPT if there are more. */
must_check bool tarout_data(struct tarout *tar, const void *bytes, size_t count, struct error *err);
/* What the current file lacks is filled with zeros, as tar does when a file shrinks meanwhile. */
must_check bool tarout_fill(struct tarout *tar, struct error *err);
/* The end of the archive; without it nobody takes the archive for whole. */
must_check bool tarout_end(struct tarout *tar, struct error *err);

#endif
