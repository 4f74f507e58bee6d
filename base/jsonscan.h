/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_JSONSCAN_H
#define BASE_JSONSCAN_H

#include <stdbool.h>
#include <stddef.h>

/*
 * JSON (RFC 8259) that is mostly passed on: walks over it where it stands, checks it, and gives
 * spans of its bytes. No tree, no copies, no allocation; a tenth of the time of json_parse.
 *
 * It knows the ordinary only. Whatever else comes, wrong or merely unusual (an escape \uXXXX, deep
 * nesting), it is lost, and its caller turns to json_parse, which also says what is wrong. What it
 * takes, json_parse takes too.
 *
 *     jsonscan_init(&scan, text, length, 1000);
 *     for (jsonscan_object(&scan); jsonscan_member(&scan, &key);)
 *             jsonscan_value(&scan, &value);
 *     if (jsonscan_is_whole(&scan)) …
 */

#define JSONSCAN_DEPTH_MAX 32

struct jsonscan {
	const char *at, *end;
	size_t values; /* that may still come */
	bool is_first; /* no member of the object has been seen yet */
	bool is_lost;
};

/* Bytes of the text. Of a string they are what stands between the quotes, escapes and all. */
struct jsonspan {
	const char *bytes;
	size_t length;
};

/* More than `values` values are not taken. The text is kept by reference. */
void jsonscan_init(struct jsonscan *scan, const char *text, size_t length, size_t values);

/* Goes into an object. */
void jsonscan_object(struct jsonscan *scan);
/* To the value of the next member, which must be taken then. False behind the last one (and when
 * lost): the object is over. */
bool jsonscan_member(struct jsonscan *scan, struct jsonspan *key);

/* Takes any value, with its quotes if it is a string. */
void jsonscan_value(struct jsonscan *scan, struct jsonspan *value);
/* Takes a string in which nothing is escaped: its bytes are the text. */
void jsonscan_plain(struct jsonscan *scan, struct jsonspan *text);

/* Everything was taken and made sense. */
bool jsonscan_is_whole(struct jsonscan *scan);

bool jsonspan_is(struct jsonspan span, const char *text);

#endif
