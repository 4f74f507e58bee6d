/* SPDX-License-Identifier: Apache-2.0 */
#include "base/jsonout.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <yajl/yajl_gen.h>

#include "base/mem.h"
#include "base/utf8.h"

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

void jsonout_indent(struct jsonout *out, const char *text)
{
	yajl_gen_config(out->gen, yajl_gen_indent_string, text);
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

static void put_text(yajl_gen gen, const char *text, size_t length)
{
	autobuf struct buf clean;

	buf_init(&clean, 3 * length);
	if (utf8_valid_length(text, length) < length) {
		for (size_t i = 0; i < length;) {
			size_t step = utf8_length(text + i, length - i);

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

/* yajl's pretty form of an empty one is spread over three lines; "[]" and "{}" is what people and
 * docker write. */
static void close_container(struct jsonout *out, yajl_gen_status (*close)(yajl_gen))
{
	struct buf *buf = out->buf;
	size_t inside = buf->length ? buf->length - 1 : 0; /* the newline behind the bracket */
	bool is_empty = inside && buf->data[inside] == '\n' && strchr("[{", buf->data[inside - 1]);

	check(close(out->gen));
	if (!is_empty || buf->is_cut)
		return;
	size_t blanks = strspn(buf->data + inside, " \n");

	buf->length -= blanks;
	memmove(buf->data + inside, buf->data + inside + blanks, buf->length - inside + 1);
}

void jsonout_object_end(struct jsonout *out)
{
	close_container(out, yajl_gen_map_close);
}

void jsonout_array(struct jsonout *out, const char *key)
{
	put_key(out, key);
	check(yajl_gen_array_open(out->gen));
}

void jsonout_array_end(struct jsonout *out)
{
	close_container(out, yajl_gen_array_close);
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

void jsonout_number(struct jsonout *out, const char *key, const char *text)
{
	put_key(out, key);
	check(yajl_gen_number(out->gen, text, strlen(text)));
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
		jsonout_number(out, key, value->text);
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
