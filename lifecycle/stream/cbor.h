/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_STREAM_CBOR_H
#define LIFECYCLE_STREAM_CBOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"

/*
 * CBOR (RFC 8949), as much of it as the stream manager's clients speak: a strict tree with typed
 * getters, as base/json has them, and a writer. The tree points into the bytes it was read from, so
 * a payload of megabytes is never copied; only text sent in chunks is joined, in the arena.
 *
 * Refused: tags, simple values that are none of false, true, null and undefined, text that is not
 * UTF-8 or holds a NUL, keys that are not text, and whatever ends too soon or goes on too long.
 * Null and undefined members count as missing, and of a repeated key the last.
 */

#define CBOR_DEPTH_MAX  16
#define CBOR_VALUES_MAX 4096 /* in one document */

enum cbor_type {
	CBOR_NULL,
	CBOR_BOOL,
	CBOR_INT,
	CBOR_NUMBER, /* with a fraction, or beyond int64_t: its value is of no use here, and not
			kept */
	CBOR_BYTES,
	CBOR_TEXT,
	CBOR_ARRAY,
	CBOR_MAP,
};

struct cbor {
	enum cbor_type type;
	bool boolean;
	int64_t number;            /* CBOR_INT */
	const char *bytes;         /* CBOR_BYTES and CBOR_TEXT; no NUL behind them */
	size_t length;             /* of bytes */
	const char *key;           /* in a map: NUL-terminated */
	const struct cbor *parent; /* NULL at the root */
	struct cbor *child;        /* first of an array or map */
	struct cbor *last;
	struct cbor *next; /* sibling */
};

/* Reads one value that fills all of `length` bytes, which must outlive the tree. */
must_check bool cbor_parse(struct arena *arena, const void *bytes, size_t length,
			   const struct cbor **root, struct error *err);

/* A member of a map; NULL if it is missing, null or undefined. */
const struct cbor *cbor_get(const struct cbor *map, const char *key);

/* Getters: a wrong type or a number out of range fails with ERROR_INPUT, naming the place. */
must_check bool cbor_text(struct arena *arena, const struct cbor *map, const char *key,
			  const char **value, struct error *err); /* required */
must_check bool cbor_text_or_null(struct arena *arena, const struct cbor *map, const char *key,
				  const char **value, struct error *err);
must_check bool cbor_bool_or(const struct cbor *map, const char *key, bool fallback, bool *value,
			     struct error *err);
/* Missing gives `fallback`, whatever the range. */
must_check bool cbor_int_or(const struct cbor *map, const char *key, int64_t fallback, int64_t low,
			    int64_t high, int64_t *value, struct error *err);
must_check bool cbor_int(const struct cbor *map, const char *key, int64_t low, int64_t high,
			 int64_t *value, struct error *err); /* required */
/* *value is NULL when the member is missing. */
must_check bool cbor_member_or_null(const struct cbor *map, const char *key, enum cbor_type type,
				    const struct cbor **value, struct error *err);

/* Fails: "KEY: TEXT". */
bool cbor_wrong(const struct cbor *map, const char *key, struct error *err, const char *format, ...)
	printf_like(4, 5);

/* -- writing: definite lengths, shortest integers -----------------------------------------------
 */

void cbor_put_map(struct buf *out, size_t pairs);
void cbor_put_array(struct buf *out, size_t count);
void cbor_put_int(struct buf *out, int64_t number);
void cbor_put_bool(struct buf *out, bool value);
void cbor_put_text(struct buf *out, const char *text);
void cbor_put_bytes_head(struct buf *out, size_t length); /* the bytes themselves come next */

/* A key and its value. */
void cbor_add_int(struct buf *out, const char *key, int64_t number);
void cbor_add_bool(struct buf *out, const char *key, bool value);
void cbor_add_text(struct buf *out, const char *key, const char *text);

#endif
