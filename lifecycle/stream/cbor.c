/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/stream/cbor.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

enum major {
	MAJOR_UNSIGNED = 0,
	MAJOR_NEGATIVE = 1,
	MAJOR_BYTES = 2,
	MAJOR_TEXT = 3,
	MAJOR_ARRAY = 4,
	MAJOR_MAP = 5,
	MAJOR_TAG = 6,
	MAJOR_SIMPLE = 7,
};

/* The low five bits of a head: below 24 the value itself, else where it is. */
enum low_bits {
	LOW_ONE_BYTE = 24,
	LOW_TWO_BYTES = 25,
	LOW_FOUR_BYTES = 26,
	LOW_EIGHT_BYTES = 27,
	LOW_INDEFINITE = 31,
};

enum simple {
	SIMPLE_FALSE = 20,
	SIMPLE_TRUE = 21,
	SIMPLE_NULL = 22,
	SIMPLE_UNDEFINED = 23,
};

#define BREAK 0xff /* ends what has no length of its own */

struct reader {
	struct arena *arena;
	const unsigned char *at;
	const unsigned char *end;
	size_t values;
};

struct head {
	enum major major;
	unsigned char low;
	uint64_t number;
	bool is_indefinite;
};

/* -- reading ------------------------------------------------------------------------------------
 */

static size_t left(const struct reader *reader)
{
	return (size_t)(reader->end - reader->at);
}

static bool read_head(struct reader *reader, struct head *head, struct error *err)
{
	if (left(reader) == 0)
		return error_set(err, ERROR_INPUT, "CBOR ends too soon");

	unsigned char first = *reader->at++;
	size_t size = 0;

	*head = (struct head){ .major = first >> 5, .low = first & 31 };
	head->number = head->low;
	head->is_indefinite = head->low == LOW_INDEFINITE;
	if (head->low >= LOW_ONE_BYTE && head->low <= LOW_EIGHT_BYTES) {
		size = (size_t)1 << (head->low - LOW_ONE_BYTE);
		head->number = 0;
	} else if (head->low > LOW_EIGHT_BYTES && !head->is_indefinite) {
		return error_set(err, ERROR_INPUT, "CBOR: reserved head 0x%02x", first);
	}
	if (size > left(reader))
		return error_set(err, ERROR_INPUT, "CBOR ends too soon");
	for (size_t i = 0; i < size; i++)
		head->number = head->number << 8 | *reader->at++;
	return true;
}

static bool take_break(struct reader *reader)
{
	if (left(reader) == 0 || *reader->at != BREAK)
		return false;
	reader->at++;
	return true;
}

/* The bytes of a string of definite length. */
static bool take_bytes(struct reader *reader, const struct head *head, const char **bytes,
		       struct error *err)
{
	if (head->number > left(reader))
		return error_set(err, ERROR_INPUT, "CBOR: a string of %llu bytes, but %zu are left",
				 (unsigned long long)head->number, left(reader));
	*bytes = (const char *)reader->at;
	reader->at += head->number;
	return true;
}

static bool read_chunk(struct reader *reader, enum major major, const char **bytes, size_t *length,
		       struct error *err)
{
	struct head head;

	if (!read_head(reader, &head, err))
		return false;
	if (head.major != major || head.is_indefinite)
		return error_set(err, ERROR_INPUT, "CBOR: a chunk of another kind than its string");
	*length = (size_t)head.number;
	return take_bytes(reader, &head, bytes, err);
}

/* Once to add up the lengths, once to copy. */
static bool join_chunks(struct reader *reader, enum major major, struct cbor *value,
			struct error *err)
{
	const unsigned char *start = reader->at;
	const char *bytes;
	size_t length, total = 0;

	while (!take_break(reader)) {
		if (!read_chunk(reader, major, &bytes, &length, err))
			return false;
		total += length;
	}

	char *joined = arena_alloc(reader->arena, total + 1);

	value->bytes = joined;
	value->length = total;
	reader->at = start;
	while (!take_break(reader)) {
		if (!read_chunk(reader, major, &bytes, &length, err))
			return false;
		memcpy(joined, bytes, length);
		joined += length;
	}
	return true;
}

static bool read_string(struct reader *reader, const struct head *head, struct cbor *value,
			struct error *err)
{
	value->type = head->major == MAJOR_TEXT ? CBOR_TEXT : CBOR_BYTES;
	if (head->is_indefinite) {
		if (!join_chunks(reader, head->major, value, err))
			return false;
	} else {
		value->length = (size_t)head->number;
		if (!take_bytes(reader, head, &value->bytes, err))
			return false;
	}
	if (value->type == CBOR_TEXT &&
	    (utf8_valid_length(value->bytes, value->length) != value->length ||
	     memchr(value->bytes, 0, value->length)))
		return error_set(err, ERROR_INPUT, "CBOR: text that is not UTF-8");
	return true;
}

static bool read_key(struct reader *reader, const char **key, struct error *err)
{
	struct cbor text = { 0 };
	struct head head;

	if (!read_head(reader, &head, err))
		return false;
	if (head.major != MAJOR_TEXT)
		return error_set(err, ERROR_INPUT, "CBOR: a key that is not text");
	if (!read_string(reader, &head, &text, err))
		return false;
	*key = arena_strndup(reader->arena, text.bytes, text.length);
	return true;
}

static bool read_simple(const struct head *head, struct cbor *value, struct error *err)
{
	if (head->low >= LOW_TWO_BYTES && head->low <= LOW_EIGHT_BYTES) {
		value->type = CBOR_NUMBER;
		return true;
	}
	switch (head->low) {
	case SIMPLE_FALSE:
	case SIMPLE_TRUE:
		value->type = CBOR_BOOL;
		value->boolean = head->low == SIMPLE_TRUE;
		return true;
	case SIMPLE_NULL:
	case SIMPLE_UNDEFINED:
		value->type = CBOR_NULL;
		return true;
	default:
		return error_set(err, ERROR_INPUT, "CBOR: simple value %u is not known", head->low);
	}
}

static void read_int(const struct head *head, struct cbor *value)
{
	bool is_kept = head->number <= INT64_MAX;
	int64_t number = is_kept ? (int64_t)head->number : 0;

	value->type = is_kept ? CBOR_INT : CBOR_NUMBER;
	value->number = head->major == MAJOR_NEGATIVE ? -1 - number : number;
}

/* Reads the head and all that is no container; *left_over is how many children are to come. */
static bool read_value(struct reader *reader, struct cbor *value, uint64_t *left_over,
		       struct error *err)
{
	struct head head;

	*left_over = 0;
	if (++reader->values > CBOR_VALUES_MAX)
		return error_set(err, ERROR_INPUT, "CBOR: more than %d values", CBOR_VALUES_MAX);
	if (!read_head(reader, &head, err))
		return false;
	switch (head.major) {
	case MAJOR_UNSIGNED:
	case MAJOR_NEGATIVE:
		if (head.is_indefinite)
			break;
		read_int(&head, value);
		return true;
	case MAJOR_BYTES:
	case MAJOR_TEXT:
		return read_string(reader, &head, value, err);
	case MAJOR_ARRAY:
	case MAJOR_MAP:
		value->type = head.major == MAJOR_MAP ? CBOR_MAP : CBOR_ARRAY;
		*left_over = head.is_indefinite ? UINT64_MAX : head.number;
		return true;
	case MAJOR_SIMPLE:
		return read_simple(&head, value, err);
	case MAJOR_TAG:
		return error_set(err, ERROR_INPUT, "CBOR: tags are not understood");
	}
	return error_set(err, ERROR_INPUT, "CBOR: an integer without an end");
}

static struct cbor *new_child(struct reader *reader, struct cbor *parent, const char *key)
{
	struct cbor *value = arena_alloc(reader->arena, sizeof(*value));

	value->parent = parent;
	value->key = key;
	if (!parent)
		return value;
	if (parent->last)
		parent->last->next = value;
	else
		parent->child = value;
	parent->last = value;
	return value;
}

/* One container that is open; the deepest is the last. UINT64_MAX children: until a break. */
struct level {
	struct cbor *value;
	uint64_t left;
};

static bool is_over(struct reader *reader, struct level *level)
{
	return level->left == UINT64_MAX ? take_break(reader) : level->left == 0;
}

bool cbor_parse(struct arena *arena, const void *bytes, size_t length, const struct cbor **root,
		struct error *err)
{
	struct reader reader = { .arena = arena, .at = bytes };
	struct level levels[CBOR_DEPTH_MAX];
	size_t depth = 0;

	reader.end = reader.at + length;
	*root = NULL;
	do {
		struct cbor *parent = depth ? levels[depth - 1].value : NULL;
		const char *key = NULL;
		uint64_t children;

		if (parent && parent->type == CBOR_MAP && !read_key(&reader, &key, err))
			return false;

		struct cbor *value = new_child(&reader, parent, key);

		if (!*root)
			*root = value;
		if (!read_value(&reader, value, &children, err))
			return false;
		if (depth && levels[depth - 1].left != UINT64_MAX)
			levels[depth - 1].left--;
		if (value->type == CBOR_MAP || value->type == CBOR_ARRAY) {
			if (depth == CBOR_DEPTH_MAX)
				return error_set(err, ERROR_INPUT, "CBOR: nested too deeply");
			levels[depth++] = (struct level){ value, children };
		}
		while (depth && is_over(&reader, &levels[depth - 1]))
			depth--;
	} while (depth);
	if (left(&reader))
		return error_set(err, ERROR_INPUT, "CBOR: %zu bytes too many", left(&reader));
	return true;
}

/* -- getters ------------------------------------------------------------------------------------
 */

const struct cbor *cbor_get(const struct cbor *map, const char *key)
{
	const struct cbor *found = NULL;

	if (!map || map->type != CBOR_MAP)
		return NULL;
	for (const struct cbor *member = map->child; member; member = member->next)
		if (strcmp(member->key, key) == 0)
			found = member;
	return found && found->type != CBOR_NULL ? found : NULL;
}

bool cbor_wrong(const struct cbor *map, const char *key, struct error *err, const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	error_set(err, ERROR_INPUT, "%s: %s", key, text);
	for (; map && map->parent; map = map->parent)
		if (map->key)
			error_in(err, "%s", map->key);
	return false;
}

static bool wrong_type(const struct cbor *map, const char *key, const char *wanted,
		       const struct cbor *found, struct error *err)
{
	static const char *const names[] = {
		[CBOR_NULL] = "nothing",
		[CBOR_BOOL] = "a boolean",
		[CBOR_INT] = "an integer",
		[CBOR_NUMBER] = "a number that is no 64-bit integer",
		[CBOR_BYTES] = "a byte string",
		[CBOR_TEXT] = "text",
		[CBOR_ARRAY] = "an array",
		[CBOR_MAP] = "a map",
	};

	return cbor_wrong(map, key, err, "expected %s, found %s", wanted,
			  names[found ? found->type : CBOR_NULL]);
}

bool cbor_text_or_null(struct arena *arena, const struct cbor *map, const char *key,
		       const char **value, struct error *err)
{
	const struct cbor *member = cbor_get(map, key);

	*value = NULL;
	if (member && member->type != CBOR_TEXT)
		return wrong_type(map, key, "text", member, err);
	if (member)
		*value = arena_strndup(arena, member->bytes, member->length);
	return true;
}

bool cbor_text(struct arena *arena, const struct cbor *map, const char *key, const char **value,
	       struct error *err)
{
	if (!cbor_text_or_null(arena, map, key, value, err))
		return false;
	return *value || wrong_type(map, key, "text", NULL, err);
}

bool cbor_bool_or(const struct cbor *map, const char *key, bool fallback, bool *value,
		  struct error *err)
{
	const struct cbor *member = cbor_get(map, key);

	if (member && member->type != CBOR_BOOL)
		return wrong_type(map, key, "a boolean", member, err);
	*value = member ? member->boolean : fallback;
	return true;
}

bool cbor_int_or(const struct cbor *map, const char *key, int64_t fallback, int64_t low,
		 int64_t high, int64_t *value, struct error *err)
{
	const struct cbor *member = cbor_get(map, key);

	*value = fallback;
	if (!member)
		return true;
	if (member->type != CBOR_INT)
		return wrong_type(map, key, "an integer", member, err);
	if (member->number < low || member->number > high)
		return cbor_wrong(map, key, err, "%lld is not between %lld and %lld",
				  (long long)member->number, (long long)low, (long long)high);
	*value = member->number;
	return true;
}

bool cbor_int(const struct cbor *map, const char *key, int64_t low, int64_t high, int64_t *value,
	      struct error *err)
{
	if (!cbor_get(map, key))
		return wrong_type(map, key, "an integer", NULL, err);
	return cbor_int_or(map, key, 0, low, high, value, err);
}

bool cbor_member_or_null(const struct cbor *map, const char *key, enum cbor_type type,
			 const struct cbor **value, struct error *err)
{
	const struct cbor *member = cbor_get(map, key);

	*value = member;
	if (member && member->type != type)
		return wrong_type(map, key,
				  type == CBOR_MAP     ? "a map"
				  : type == CBOR_ARRAY ? "an array"
						       : "a byte string",
				  member, err);
	return true;
}

/* -- writing ------------------------------------------------------------------------------------
 */

static void put_head(struct buf *out, enum major major, uint64_t number)
{
	unsigned char head[9];
	size_t size = number < LOW_ONE_BYTE  ? 0
		      : number <= UINT8_MAX  ? 1
		      : number <= UINT16_MAX ? 2
		      : number <= UINT32_MAX ? 4
					     : 8;
	unsigned int low = size == 0   ? (unsigned int)number
			   : size == 1 ? LOW_ONE_BYTE
			   : size == 2 ? LOW_TWO_BYTES
			   : size == 4 ? LOW_FOUR_BYTES
				       : LOW_EIGHT_BYTES;

	head[0] = (unsigned char)(major << 5 | low);
	for (size_t i = 0; i < size; i++)
		head[1 + i] = (unsigned char)(number >> 8 * (size - 1 - i));
	buf_add(out, head, 1 + size);
}

void cbor_put_map(struct buf *out, size_t pairs)
{
	put_head(out, MAJOR_MAP, pairs);
}

void cbor_put_array(struct buf *out, size_t count)
{
	put_head(out, MAJOR_ARRAY, count);
}

void cbor_put_int(struct buf *out, int64_t number)
{
	if (number < 0)
		put_head(out, MAJOR_NEGATIVE, (uint64_t)(-1 - number));
	else
		put_head(out, MAJOR_UNSIGNED, (uint64_t)number);
}

void cbor_put_bool(struct buf *out, bool value)
{
	put_head(out, MAJOR_SIMPLE, value ? SIMPLE_TRUE : SIMPLE_FALSE);
}

void cbor_put_text(struct buf *out, const char *text)
{
	put_head(out, MAJOR_TEXT, strlen(text));
	buf_add_text(out, text);
}

void cbor_put_bytes_head(struct buf *out, size_t length)
{
	put_head(out, MAJOR_BYTES, length);
}

void cbor_add_int(struct buf *out, const char *key, int64_t number)
{
	cbor_put_text(out, key);
	cbor_put_int(out, number);
}

void cbor_add_bool(struct buf *out, const char *key, bool value)
{
	cbor_put_text(out, key);
	cbor_put_bool(out, value);
}

void cbor_add_text(struct buf *out, const char *key, const char *text)
{
	cbor_put_text(out, key);
	cbor_put_text(out, text);
}
