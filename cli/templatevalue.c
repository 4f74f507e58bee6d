/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/templatevalue.h"

#include <stdlib.h>
#include <string.h>

#include "base/duration.h"
#include "cli/gotype.h"

bool templatevalue_is_true(const struct json *value)
{
	switch (value->type) {
	case JSON_NULL:
		return false;
	case JSON_BOOL:
		return value->boolean;
	case JSON_NUMBER:
		return strtod(value->text, NULL) != 0;
	case JSON_TEXT:
		return value->text[0] != '\0';
	case JSON_ARRAY:
	case JSON_OBJECT:
		return value->count > 0;
	}
	return false;
}

static int compare_keys(const void *a, const void *b)
{
	const struct json *const *left = a, *const *right = b;

	return strcmp((*left)->key, (*right)->key);
}

/* Go prints maps in the order of their keys. */
static void print_object(struct buf *out, const struct json *object)
{
	autofree const struct json **members = mem_array(object->count + 1, sizeof(*members));
	size_t count = 0;

	for (const struct json *member = object->child; member; member = member->next)
		members[count++] = member;
	qsort(members, count, sizeof(*members), compare_keys);
	buf_add_text(out, "map[");
	for (size_t i = 0; i < count; i++) {
		buf_printf(out, "%s%s:", i ? " " : "", members[i]->key);
		templatevalue_print(out, members[i]);
	}
	buf_add_char(out, ']');
}

static void print_duration(struct buf *out, const struct json *value)
{
	char text[DURATION_TEXT_MAX];

	buf_add_text(out, duration_text(strtoll(value->text, NULL, 10), text));
}

static const char *nil_text(const struct json *value)
{
	switch (gotype_of_null(value)) {
	case JSON_ARRAY:
		return "[]";
	case JSON_OBJECT:
		return "map[]";
	default:
		return "<nil>";
	}
}

void templatevalue_print(struct buf *out, const struct json *value)
{
	switch (value->type) {
	case JSON_NULL:
		buf_add_text(out, nil_text(value));
		return;
	case JSON_BOOL:
		buf_add_text(out, value->boolean ? "true" : "false");
		return;
	case JSON_NUMBER:
		if (gotype_is_duration(value))
			print_duration(out, value);
		else
			buf_add_text(out, value->text);
		return;
	case JSON_TEXT:
		buf_add_text(out, value->text);
		return;
	case JSON_ARRAY:
		buf_add_char(out, '[');
		for (const struct json *item = value->child; item; item = item->next) {
			if (item != value->child)
				buf_add_char(out, ' ');
			templatevalue_print(out, item);
		}
		buf_add_char(out, ']');
		return;
	case JSON_OBJECT:
		print_object(out, value);
	}
}

char *templatevalue_text(struct arena *arena, const struct json *value)
{
	autobuf struct buf out;

	buf_init(&out, TEMPLATEVALUE_MAX);
	templatevalue_print(&out, value);
	return arena_strdup(arena, out.data ? out.data : "");
}
