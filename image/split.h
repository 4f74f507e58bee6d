/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IMAGE_SPLIT_H
#define IMAGE_SPLIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/hash.h"

/*
 * A layer's archive without the contents of its files, so that docker save can give back the very
 * bytes the diff ID stands for: headers and padding are kept (zstd, a few bytes per file), contents
 * are read from the unpacked files. After decompression a sequence of
 *
 *     u8 'r'  u32 length            bytes               as they stood in the archive
 *     u8 'f'  u32 length  u64 size  path                the content of that file, `size` bytes
 *
 * with numbers in this machine's byte order: the file never leaves the store.
 */
struct split;

/* Writes into `fd`, the caller's to close. */
must_check bool split_new(int fd, struct split **split, struct error *err);
void split_free(struct split *split); /* NULL: nothing happens */

/* The archive's next bytes, in order; what is no file's content is kept. */
must_check bool split_add(struct split *split, const void *bytes, size_t count, struct error *err);
/* The content of `path` begins at `start` and has `size` bytes. To be said before they are added,
 * or soon after. */
must_check bool split_file(struct split *split, int64_t start, int64_t size, const char *path,
			   struct error *err);
/* Copies bytes that were added and are no file's content, as far as nothing in front of them waits
 * any more. False: they are not here, or more than `room`. */
bool split_copy(const struct split *split, int64_t from, int64_t to, void *bytes, size_t room);
/* Of a new one: the archive's next byte is the one at `at`, and content up to `end`. */
void split_go_on(struct split *split, int64_t at, int64_t end);
/* Everything in front of `end` is in the file from here on, whatever comes after. *size is the
 * file's. */
must_check bool split_cut(struct split *split, int64_t end, int64_t *size, struct error *err);
must_check bool split_finish(struct split *split, struct error *err);

/* What the archive's bytes are given to. */
struct split_sink {
	bool (*put)(void *context, const void *bytes, size_t count, struct error *err);
	void *context;
};

/* The whole archive again. The caller checks the digest: files can have changed. */
must_check bool split_join(int fd, int diff, const struct split_sink *sink, struct error *err);

/* Its bytes from `start` up to `end`, or to its own. Files outside of them are not opened. */
struct split_part {
	int64_t start, end;
};

must_check bool split_join_part(int fd, int diff, const struct split_part *part,
				const struct split_sink *sink, struct error *err);

#endif
