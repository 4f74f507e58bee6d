/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/templatevalue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/duration.h"
#include "cli/gostruct.h"
#include "cli/gotype.h"

#define FLOAT_TEXT_MAX 64
#define FLOAT_DIGITS   17   /* are enough for any double */
#define FLOAT_SMALL    (-4) /* exponents, as Go's %v has it */
#define FLOAT_LARGE    6

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

bool templatevalue_is_float(const struct json *value)
{
	return value->type == JSON_NUMBER && strpbrk(value->text, ".eE") != NULL;
}

const char *templatevalue_type(const struct json *value)
{
	switch (value->type) {
	case JSON_NULL:
		return "<nil>";
	case JSON_BOOL:
		return "bool";
	case JSON_NUMBER:
		return templatevalue_is_float(value) ? "float64" : "int";
	case JSON_TEXT:
		return "string";
	case JSON_ARRAY:
		return "[]interface {}";
	case JSON_OBJECT:
		return "map[string]interface {}";
	}
	return "";
}

/* The fewest digits from which the number can be read again; with an exponent only where it is long
 * otherwise. */
static void print_float(struct buf *out, const struct json *value)
{
	double number = strtod(value->text, NULL);
	char text[FLOAT_TEXT_MAX];
	int digits = 0;

	do {
		snprintf(text, sizeof(text), "%.*e", digits, number);
	} while (strtod(text, NULL) != number && ++digits < FLOAT_DIGITS);

	long exponent = strtol(strchr(text, 'e') ? strchr(text, 'e') + 1 : "0", NULL, 10);

	if (exponent < FLOAT_SMALL || exponent >= FLOAT_LARGE)
		buf_add_text(out, text);
	else
		buf_printf(out, "%.*f", digits > exponent ? digits - (int)exponent : 0, number);
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

	if (gostruct_print(out, object, templatevalue_print))
		return;
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

void templatevalue_print(struct buf *out, const struct json *value)
{
	switch (value->type) {
	case JSON_NULL:
		buf_add_text(out, gotype_nil_text(value));
		return;
	case JSON_BOOL:
		buf_add_text(out, value->boolean ? "true" : "false");
		return;
	case JSON_NUMBER:
		if (gotype_is_duration(value))
			print_duration(out, value);
		else if (templatevalue_is_float(value))
			print_float(out, value);
		else
			buf_add_text(out, value->text);
		return;
	case JSON_TEXT:
		if (gostruct_is_time(value))
			gostruct_print_time(out, value->text);
		else
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

void templatevalue_print_argument(struct buf *out, const struct json *value)
{
	if (gostruct_is_pointer(value))
		buf_add_char(out, '&');
	templatevalue_print(out, value);
}

char *templatevalue_text(struct arena *arena, const struct json *value)
{
	autobuf struct buf out;

	buf_init(&out, TEMPLATEVALUE_MAX);
	templatevalue_print(&out, value);
	return arena_strdup(arena, out.data ? out.data : "");
}
