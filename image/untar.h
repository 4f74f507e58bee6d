/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IMAGE_UNTAR_H
#define IMAGE_UNTAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "base/error.h"
#include "image/remote.h"
#include "image/ring.h"
#include "image/split.h"

/*
 * Entries of a tar archive (v7, ustar, GNU, PAX) in the order of the stream. libarchive reads the
 * headers; where anything is written is decided in layer.c.
 */

enum entry_type {
	ENTRY_FILE,
	ENTRY_DIRECTORY,
	ENTRY_SYMLINK,
	ENTRY_HARDLINK,
	ENTRY_CHAR,
	ENTRY_BLOCK,
	ENTRY_FIFO,
};

/* Exactly what the archive says, unchecked; texts are valid until the next entry. */
struct entry {
	enum entry_type type;
	const char *path;
	const char *link; /* of symlinks and hard links; otherwise NULL */
	mode_t mode;      /* permissions and set-id bits only */
	int64_t uid, gid;
	struct timespec mtime;
	dev_t device;
	int64_t size;  /* of a file, holes included */
	int64_t start; /* where its data begins in the archive */
	bool is_sparse;
};

struct untar_input {
	int fd;
	struct remote *remote; /* to read from, in place of fd; NULL: none */
	struct ring *ring;     /* the same */
	const void *prefix;    /* what was read from fd already */
	size_t prefix_length;
	int64_t gap;         /* bytes behind the prefix of which nothing but their number counts */
	struct split *split; /* is given every byte; NULL: nobody */
};

struct untar {
	struct untar_input input;
	struct archive *archive;
	struct archive_entry *current;
	bool is_seekable;
	int64_t file_size;
	char *buffer;
	int read_error;       /* errno, if reading failed */
	int64_t read;         /* bytes taken from fd so far, the prefix included */
	int64_t content;      /* where the current file's begins, and how long it is */
	int64_t content_size; /* 0 until it is asked for */
	int64_t stored_size;  /* what it is then, unless the archive lies: see untar_data */
	bool is_holding;      /* a block of the ring */
	bool is_filled_up;
	bool is_cut_short;      /* what looks like the end is none */
	int64_t reached, given; /* of the current file: where its data ends so far; bytes of it */
	int64_t mapped;         /* bytes that the map of a sparse one promises */
	int64_t headers_from;   /* where the next entry's begin; -1: no headers are being read */
	int64_t entries;
	bool has_failed; /* something of ours, not of the archive's: why */
	struct error failure;
};

/* A seekable file is read from its beginning, and data that nobody asks for is skipped without
 * reading it. */
must_check bool untar_open(struct untar *tar, const struct untar_input *input, struct error *err);
void untar_close(struct untar *tar);

/* The next entry; *is_end at the end of the archive. */
must_check bool untar_next(struct untar *tar, struct entry *entry, bool *is_end, struct error *err);

/* The next piece of the current file's data and where in the file it belongs; *count is 0 at its
 * end. Where a file without holes ends before its size, the archive lies about that, and libarchive
 * must not be asked for anything more: what follows could still be changed by who sent it. Pieces
 * of a sparse file come in order, and all that its map promises, or it fails. */
must_check bool untar_data(struct untar *tar, const void **bytes, size_t *count, int64_t *offset,
			   struct error *err);

/* Extended attributes of the current entry, one by one; false after the last. */
size_t untar_xattr_count(struct untar *tar);
bool untar_next_xattr(struct untar *tar, const char **name, const void **value, size_t *size);

/* What follows the end of the archive, so that the writer of a pipe can finish. */
must_check bool untar_drain(struct untar *tar, struct error *err);

#endif
