/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/*
 * Growable text with a limit from birth. Adding beyond the limit keeps what fits and remembers it;
 * ask once at the end with buf_check. data is always NUL-terminated (and may hold NULs: see
 * length).
 */
struct buf {
	char *data;
	size_t length;
	size_t capacity;
	size_t limit; /* most bytes it may hold, without the NUL */
	bool is_cut;  /* something did not fit */
};

#define autobuf __attribute__((cleanup(buf_done)))

void buf_init(struct buf *buf, size_t limit);
void buf_done(struct buf *buf);
void buf_clear(struct buf *buf); /* empty again, memory kept, is_cut forgotten */

void buf_add(struct buf *buf, const void *bytes, size_t count);
void buf_add_text(struct buf *buf, const char *text);
void buf_add_char(struct buf *buf, char c);
void buf_printf(struct buf *buf, const char *format, ...) printf_like(2, 3);

/* Room for at least `count` more bytes, for read(2) to fill; NULL if the limit forbids. */
char *buf_reserve(struct buf *buf, size_t count);
void buf_commit(struct buf *buf, size_t count);

/* Removes `count` bytes from the front. */
void buf_consume(struct buf *buf, size_t count);

/* Fails with ERROR_INPUT if anything was cut: "WHAT is larger than N bytes". */
must_check bool buf_check(const struct buf *buf, const char *what, struct error *err);

/* Hands the text to the caller, who frees it; the buffer is empty again. */
char *buf_take(struct buf *buf) must_check;

#endif
