/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_JSONOUT_H
#define BASE_JSONOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/json.h"

/*
 * A JSON writer into a struct buf; escaping and commas are yajl's business, overflow is the buf's.
 * Invalid UTF-8 is replaced by U+FFFD. Where `key` is NULL the value is an array element or the
 * root.
 */
struct jsonout {
	struct buf *buf;
	void *gen; /* yajl_gen */
};

/* `is_pretty`: indented by four blanks, one member a line. */
void jsonout_init(struct jsonout *out, struct buf *buf, bool is_pretty);
/* Another indentation; kept by reference. */
void jsonout_indent(struct jsonout *out, const char *text);
void jsonout_done(struct jsonout *out);

void jsonout_object(struct jsonout *out, const char *key);
void jsonout_object_end(struct jsonout *out);
void jsonout_array(struct jsonout *out, const char *key);
void jsonout_array_end(struct jsonout *out);

void jsonout_text(struct jsonout *out, const char *key, const char *text); /* NULL writes null */
void jsonout_text_n(struct jsonout *out, const char *key, const char *text, size_t length);
void jsonout_int(struct jsonout *out, const char *key, int64_t number);
/* A number as it is written, beyond int64_t or with a fraction: "0.25". */
void jsonout_number(struct jsonout *out, const char *key, const char *text);
void jsonout_bool(struct jsonout *out, const char *key, bool value);
void jsonout_null(struct jsonout *out, const char *key);
void jsonout_texts(struct jsonout *out, const char *key, const char *const *texts, size_t count);
void jsonout_json(struct jsonout *out, const char *key,
		  const struct json *value); /* a whole tree */

#endif
