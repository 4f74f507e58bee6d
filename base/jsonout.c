/* SPDX-License-Identifier: Apache-2.0 */
#include "base/jsonout.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <yajl/yajl_gen.h>

#include "base/mem.h"

static void add_to_buf(void *context, const char *text, size_t length)
{
	buf_add(context, text, length);
}

void jsonout_init(struct jsonout *out, struct buf *buf, bool is_pretty)
{
	yajl_gen gen = yajl_gen_alloc(NULL);

	assert(gen);
	yajl_gen_config(gen, yajl_gen_print_callback, add_to_buf, buf);
	yajl_gen_config(gen, yajl_gen_beautify, is_pretty ? 1 : 0);
	yajl_gen_config(gen, yajl_gen_indent_string, "    ");
	out->buf = buf;
	out->gen = gen;
}

void jsonout_done(struct jsonout *out)
{
	if (out->gen)
		yajl_gen_free(out->gen);
	out->gen = NULL;
}

/* yajl refuses only what our callers' mistakes could make: an unpaired end, a key in an array. */
static void check(yajl_gen_status status)
{
	assert(status == yajl_gen_status_ok || status == yajl_gen_generation_complete);
}

/* Length of the UTF-8 sequence at `text` (RFC 3629), or 0 if it is none. */
static size_t utf8_length(const unsigned char *text, size_t left)
{
	static const unsigned long least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t length = text[0] < 0x80             ? 1
			: (text[0] & 0xe0) == 0xc0 ? 2
			: (text[0] & 0xf0) == 0xe0 ? 3
			: (text[0] & 0xf8) == 0xf0 ? 4
						   : 0;

	if (length < 2)
		return length;
	if (length > left)
		return 0;

	unsigned long code = text[0] & (0xffU >> (length + 1));

	for (size_t i = 1; i < length; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (text[i] & 0x3fU);
	}
	if (code < least[length] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		return 0;
	return length;
}

static bool is_utf8(const char *text, size_t length)
{
	for (size_t i = 0, step; i < length; i += step) {
		step = utf8_length((const unsigned char *)text + i, length - i);
		if (step == 0)
			return false;
	}
	return true;
}

static void put_text(yajl_gen gen, const char *text, size_t length)
{
	autobuf struct buf clean;

	buf_init(&clean, 3 * length);
	if (!is_utf8(text, length)) {
		for (size_t i = 0; i < length;) {
			size_t step = utf8_length((const unsigned char *)text + i, length - i);

			buf_add(&clean, step ? text + i : "\xef\xbf\xbd", step ? step : 3);
			i += step ? step : 1;
		}
		text = clean.data;
		length = clean.length;
	}
	check(yajl_gen_string(gen, (const unsigned char *)text, length));
}

static void put_key(struct jsonout *out, const char *key)
{
	if (key)
		put_text(out->gen, key, strlen(key));
}

void jsonout_object(struct jsonout *out, const char *key)
{
	put_key(out, key);
	check(yajl_gen_map_open(out->gen));
}

void jsonout_object_end(struct jsonout *out)
{
	check(yajl_gen_map_close(out->gen));
}

void jsonout_array(struct jsonout *out, const char *key)
{
	put_key(out, key);
	check(yajl_gen_array_open(out->gen));
}

void jsonout_array_end(struct jsonout *out)
{
	check(yajl_gen_array_close(out->gen));
}

void jsonout_text(struct jsonout *out, const char *key, const char *text)
{
	if (text)
		jsonout_text_n(out, key, text, strlen(text));
	else
		jsonout_null(out, key);
}

void jsonout_text_n(struct jsonout *out, const char *key, const char *text, size_t length)
{
	put_key(out, key);
	put_text(out->gen, text, length);
}

void jsonout_int(struct jsonout *out, const char *key, int64_t number)
{
	put_key(out, key);
	check(yajl_gen_integer(out->gen, number));
}

void jsonout_bool(struct jsonout *out, const char *key, bool value)
{
	put_key(out, key);
	check(yajl_gen_bool(out->gen, value));
}

void jsonout_null(struct jsonout *out, const char *key)
{
	put_key(out, key);
	check(yajl_gen_null(out->gen));
}

void jsonout_texts(struct jsonout *out, const char *key, const char *const *texts, size_t count)
{
	jsonout_array(out, key);
	for (size_t i = 0; i < count; i++)
		jsonout_text(out, NULL, texts[i]);
	jsonout_array_end(out);
}

static void put_children(struct jsonout *out, const struct json *value)
{
	for (const struct json *child = value->child; child; child = child->next)
		jsonout_json(out, value->type == JSON_OBJECT ? child->key : NULL, child);
}

void jsonout_json(struct jsonout *out, const char *key, const struct json *value)
{
	switch (value->type) {
	case JSON_NULL:
		jsonout_null(out, key);
		break;
	case JSON_BOOL:
		jsonout_bool(out, key, value->boolean);
		break;
	case JSON_NUMBER:
		put_key(out, key);
		check(yajl_gen_number(out->gen, value->text, strlen(value->text)));
		break;
	case JSON_TEXT:
		jsonout_text(out, key, value->text);
		break;
	case JSON_ARRAY:
		jsonout_array(out, key);
		put_children(out, value);
		jsonout_array_end(out);
		break;
	case JSON_OBJECT:
		jsonout_object(out, key);
		put_children(out, value);
		jsonout_object_end(out);
		break;
	}
}
