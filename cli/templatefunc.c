/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/templatefunc.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/jsonout.h"
#include "cli/gotype.h"
#include "cli/templateprintf.h"
#include "cli/templatevalue.h"

/* -- values -- */

static const struct json *new_text(struct arena *arena, const char *text)
{
	return json_new(arena, NULL, NULL, JSON_TEXT, text);
}

static const struct json *new_bool(struct arena *arena, bool boolean)
{
	struct json *value = json_new(arena, NULL, NULL, JSON_BOOL, NULL);

	value->boolean = boolean;
	return value;
}

static const struct json *new_number(struct arena *arena, size_t number)
{
	return json_new(arena, NULL, NULL, JSON_NUMBER, arena_printf(arena, "%zu", number));
}

static bool want_text(const struct json *value, const char *function, struct error *err)
{
	if (value->type == JSON_TEXT)
		return true;
	return error_set(err, ERROR_INPUT, "error calling %s: expected a string", function);
}

/* -- functions -- */

static bool call_json(struct arena *arena, const struct json *const *args, size_t count,
		      const struct json **result, struct error *err)
{
	autobuf struct buf out;
	struct jsonout json;

	(void)count;
	buf_init(&out, TEMPLATEVALUE_MAX);
	jsonout_init(&json, &out, false);
	jsonout_json(&json, NULL, args[0]);
	jsonout_done(&json);
	if (!buf_check(&out, "the value", err))
		return false;
	*result = new_text(arena, out.data);
	return true;
}

static const struct json *nth(const struct json *array, size_t number)
{
	const struct json *item = array->child;

	while (item && number-- > 0)
		item = item->next;
	return item;
}

static const struct json *member_of(const struct json *object, const char *key)
{
	const struct json *found = NULL;

	for (const struct json *member = object->child; member; member = member->next)
		if (strcmp(member->key, key) == 0)
			found = member;
	return found;
}

static bool index_once(struct arena *arena, const struct json *value, const struct json *by,
		       const struct json **result, struct error *err)
{
	if (value->type == JSON_OBJECT && by->type == JSON_TEXT) {
		const struct json *found = member_of(value, by->text);

		*result = found ? found : new_text(arena, "");
		return true;
	}
	if (value->type == JSON_NULL && gotype_of_null(value) == JSON_OBJECT &&
	    by->type == JSON_TEXT) {
		*result = new_text(arena, "");
		return true;
	}
	if ((value->type == JSON_ARRAY ||
	     (value->type == JSON_NULL && gotype_of_null(value) == JSON_ARRAY)) &&
	    by->type == JSON_NUMBER) {
		int64_t number;
		const struct json *found = NULL;

		if (!json_as_int(by, &number, err))
			return false;
		if (number >= 0)
			found = nth(value, (size_t)number);
		if (!found)
			return error_set(err, ERROR_INPUT,
					 "error calling index: index out of range: %lld",
					 (long long)number);
		*result = found;
		return true;
	}
	if (value->type == JSON_TEXT && by->type == JSON_NUMBER) {
		int64_t at;

		if (!json_as_int(by, &at, err))
			return false;
		if (at < 0 || at >= (int64_t)strlen(value->text))
			return error_set(err, ERROR_INPUT,
					 "error calling index: index out of range: %lld",
					 (long long)at);
		*result = new_number(arena, (unsigned char)value->text[at]);
		return true;
	}
	if (value->type == JSON_NULL)
		return error_set(err, ERROR_INPUT, "error calling index: index of untyped nil");
	if (value->type == JSON_ARRAY)
		return error_set(err, ERROR_INPUT,
				 "error calling index: cannot index slice/array with type %s",
				 templatevalue_type(by));
	return error_set(err, ERROR_INPUT, "error calling index: can't index item of type %s",
			 templatevalue_type(value));
}

static bool call_index(struct arena *arena, const struct json *const *args, size_t count,
		       const struct json **result, struct error *err)
{
	*result = args[0];
	for (size_t i = 1; i < count; i++)
		if (!index_once(arena, *result, args[i], result, err))
			return false;
	return true;
}

static bool call_len(struct arena *arena, const struct json *const *args, size_t count,
		     const struct json **result, struct error *err)
{
	const struct json *value = args[0];

	(void)count;
	if (value->type == JSON_TEXT)
		*result = new_number(arena, strlen(value->text));
	else if (value->type == JSON_ARRAY || value->type == JSON_OBJECT ||
		 (value->type == JSON_NULL && gotype_of_null(value) != JSON_NULL))
		*result = new_number(arena, value->count);
	else
		return error_set(err, ERROR_INPUT, "error calling len: len of type %s",
				 templatevalue_type(value));
	return true;
}

static bool call_join(struct arena *arena, const struct json *const *args, size_t count,
		      const struct json **result, struct error *err)
{
	autobuf struct buf out;

	(void)count;
	buf_init(&out, TEMPLATEVALUE_MAX);
	if (!want_text(args[1], "join", err))
		return false;
	for (const struct json *item = args[0]->child; item; item = item->next) {
		if (item != args[0]->child)
			buf_add_text(&out, args[1]->text);
		templatevalue_print(&out, item);
	}
	*result = new_text(arena, out.data ? out.data : "");
	return true;
}

static bool call_split(struct arena *arena, const struct json *const *args, size_t count,
		       const struct json **result, struct error *err)
{
	struct json *parts = json_new(arena, NULL, NULL, JSON_ARRAY, NULL);

	(void)count;
	if (!want_text(args[0], "split", err) || !want_text(args[1], "split", err))
		return false;
	const char *rest = args[0]->text, *separator = args[1]->text;
	for (const char *end; *separator && (end = strstr(rest, separator));
	     rest = end + strlen(separator))
		(void)json_new(arena, parts, NULL, JSON_TEXT,
			       arena_strndup(arena, rest, (size_t)(end - rest)));
	(void)json_new(arena, parts, NULL, JSON_TEXT, rest);
	*result = parts;
	return true;
}

/* What changes one letter, and which letters it does. */
struct casing {
	int (*change)(int);
	bool only_first;
};

static bool change_case(struct arena *arena, const struct json *value, const struct casing *casing,
			const struct json **result, struct error *err)
{
	bool is_first = true;

	if (value->type != JSON_TEXT)
		return error_set(err, ERROR_INPUT, "wrong type for value; expected string; got %s",
				 templatevalue_type(value));
	char *text = arena_strdup(arena, value->text);

	for (char *c = text; *c; c++) {
		if (is_first || !casing->only_first)
			*c = (char)casing->change((unsigned char)*c);
		/* Of others than ASCII Go knows which are letters: all are, here. */
		is_first = !isalnum((unsigned char)*c) && *c != '_' && !(*c & 0x80);
	}
	*result = new_text(arena, text);
	return true;
}

static bool call_lower(struct arena *arena, const struct json *const *args, size_t count,
		       const struct json **result, struct error *err)
{
	static const struct casing casing = { tolower, false };

	(void)count;
	return change_case(arena, args[0], &casing, result, err);
}

static bool call_upper(struct arena *arena, const struct json *const *args, size_t count,
		       const struct json **result, struct error *err)
{
	static const struct casing casing = { toupper, false };

	(void)count;
	return change_case(arena, args[0], &casing, result, err);
}

static bool call_title(struct arena *arena, const struct json *const *args, size_t count,
		       const struct json **result, struct error *err)
{
	static const struct casing casing = { toupper, true };

	(void)count;
	return change_case(arena, args[0], &casing, result, err);
}

static bool call_truncate(struct arena *arena, const struct json *const *args, size_t count,
			  const struct json **result, struct error *err)
{
	int64_t most;

	(void)count;
	if (!want_text(args[0], "truncate", err) || !json_as_int(args[1], &most, err))
		return false;
	*result =
		new_text(arena, arena_strndup(arena, args[0]->text,
					      strnlen(args[0]->text, most < 0 ? 0 : (size_t)most)));
	return true;
}

/* Go's Sprint: a blank between two of which neither is a text. */
static const char *sprint(struct arena *arena, const struct json *const *args, size_t count)
{
	autobuf struct buf out;

	buf_init(&out, TEMPLATEVALUE_MAX);
	for (size_t i = 0; i < count; i++) {
		if (i && args[i]->type != JSON_TEXT && args[i - 1]->type != JSON_TEXT)
			buf_add_char(&out, ' ');
		templatevalue_print_argument(&out, args[i]);
	}
	return arena_strdup(arena, out.data ? out.data : "");
}

static bool call_print(struct arena *arena, const struct json *const *args, size_t count,
		       const struct json **result, struct error *err)
{
	(void)err;
	*result = new_text(arena, sprint(arena, args, count));
	return true;
}

static bool call_println(struct arena *arena, const struct json *const *args, size_t count,
			 const struct json **result, struct error *err)
{
	autobuf struct buf out;

	(void)err;
	buf_init(&out, TEMPLATEVALUE_MAX);
	for (size_t i = 0; i < count; i++) {
		if (i)
			buf_add_char(&out, ' ');
		templatevalue_print_argument(&out, args[i]);
	}
	buf_add_char(&out, '\n');
	*result = new_text(arena, out.data);
	return true;
}

/* Puts one character of an argument of html, js or urlquery. */
typedef void escape(struct buf *out, unsigned char c);

static void escape_html(struct buf *out, unsigned char c)
{
	static const char *const texts[256] = {
		['&'] = "&amp;", ['<'] = "&lt;", ['>'] = "&gt;", ['"'] = "&#34;", ['\''] = "&#39;"
	};

	if (texts[c])
		buf_add_text(out, texts[c]);
	else
		buf_add_char(out, (char)c);
}

static void escape_js(struct buf *out, unsigned char c)
{
	if (strchr("\\'\"", c))
		buf_printf(out, "\\%c", c);
	else if (c < ' ' || strchr("<>&=", c))
		buf_printf(out, "\\u%04X", c);
	else
		buf_add_char(out, (char)c);
}

static void escape_query(struct buf *out, unsigned char c)
{
	if (c == ' ')
		buf_add_char(out, '+');
	else if (isalnum(c) || strchr("-_.~", c))
		buf_add_char(out, (char)c);
	else
		buf_printf(out, "%%%02X", c);
}

static bool call_escape(struct arena *arena, const struct json *const *args, size_t count,
			const struct json **result, escape *put)
{
	autobuf struct buf out;

	buf_init(&out, TEMPLATEVALUE_MAX);
	for (const char *at = sprint(arena, args, count); *at; at++)
		put(&out, (unsigned char)*at);
	*result = new_text(arena, arena_strdup(arena, out.data ? out.data : ""));
	return true;
}

static bool call_html(struct arena *arena, const struct json *const *args, size_t count,
		      const struct json **result, struct error *err)
{
	(void)err;
	return call_escape(arena, args, count, result, escape_html);
}

static bool call_js(struct arena *arena, const struct json *const *args, size_t count,
		    const struct json **result, struct error *err)
{
	(void)err;
	return call_escape(arena, args, count, result, escape_js);
}

static bool call_urlquery(struct arena *arena, const struct json *const *args, size_t count,
			  const struct json **result, struct error *err)
{
	(void)err;
	return call_escape(arena, args, count, result, escape_query);
}

/* None of our values is a function. */
static bool call_call(struct arena *arena, const struct json *const *args, size_t count,
		      const struct json **result, struct error *err)
{
	(void)arena;
	(void)count;
	(void)result;
	return error_set(err, ERROR_INPUT, "error calling call: non-function of type %s",
			 templatevalue_type(args[0]));
}

/* A number of a document's beside a text: Go's JSON keeps such numbers as texts. */
static bool are_texts(const struct json *a, const struct json *b)
{
	const struct json *number = a->type == JSON_NUMBER ? a : b;

	return number->type == JSON_NUMBER && number->parent &&
	       (a->type == JSON_TEXT || b->type == JSON_TEXT);
}

static bool has_order(const char *function, const struct json *value)
{
	return value->type == JSON_NUMBER || value->type == JSON_TEXT ||
	       strcmp(function, "eq") == 0 || strcmp(function, "ne") == 0;
}

/* Below, at or above 0; false if the two cannot be compared. */
static bool compare(struct arena *arena, const char *function, const struct json *const *args,
		    int *order, struct error *err)
{
	const struct json *a = args[0], *b = args[1];

	if (a->type == JSON_ARRAY || a->type == JSON_OBJECT)
		return error_set(err, ERROR_INPUT, "error calling %s: non-comparable type %s: %s",
				 function, templatevalue_text(arena, a), templatevalue_type(a));
	if (!has_order(function, a))
		return error_set(err, ERROR_INPUT, "error calling %s: invalid type for comparison",
				 function);
	if (are_texts(a, b)) {
		*order = strcmp(a->text, b->text);
		return true;
	}
	if (a->type != b->type ||
	    (a->type == JSON_NUMBER && templatevalue_is_float(a) != templatevalue_is_float(b)))
		return error_set(err, ERROR_INPUT,
				 "error calling %s: incompatible types for comparison", function);
	if (a->type == JSON_BOOL) {
		*order = a->boolean - b->boolean;
	} else if (a->type == JSON_NUMBER) {
		double left = strtod(a->text, NULL), right = strtod(b->text, NULL);

		*order = (left > right) - (left < right);
	} else {
		*order = a->type == JSON_NULL ? 0 : strcmp(a->text, b->text);
	}
	return true;
}

/* eq may have more than two arguments: equal to any of them. */
static bool call_eq(struct arena *arena, const struct json *const *args, size_t count,
		    const struct json **result, struct error *err)
{
	bool is_equal = false;
	int order;

	for (size_t i = 1; i < count; i++) {
		const struct json *const pair[] = { args[0], args[i] };

		if (!compare(arena, "eq", pair, &order, err))
			return false;
		is_equal = is_equal || order == 0;
	}
	*result = new_bool(arena, is_equal);
	return true;
}

#define ORDERING(name, condition)                                                                  \
	static bool call_##name(struct arena *arena, const struct json *const *args, size_t count, \
				const struct json **result, struct error *err)                     \
	{                                                                                          \
		int order;                                                                         \
                                                                                                   \
		(void)count;                                                                       \
		if (!compare(arena, #name, args, &order, err))                                     \
			return false;                                                              \
		*result = new_bool(arena, order condition);                                        \
		return true;                                                                       \
	}

ORDERING(ne, != 0)
ORDERING(lt, < 0)
ORDERING(le, <= 0)
ORDERING(gt, > 0)
ORDERING(ge, >= 0)

/* "and", "or": none before it has decided (template.c), so it is the last one. */
static bool call_last(struct arena *arena, const struct json *const *args, size_t count,
		      const struct json **result, struct error *err)
{
	(void)arena;
	(void)err;
	*result = args[count - 1];
	return true;
}

static bool call_not(struct arena *arena, const struct json *const *args, size_t count,
		     const struct json **result, struct error *err)
{
	(void)count;
	(void)err;
	*result = new_bool(arena, !templatevalue_is_true(args[0]));
	return true;
}

#define PAD_MAX 1024

/* A tree of its own: an item can be in one list only. */
static void append_copy(struct arena *arena, struct json *list, const struct json *item)
{
	struct json *copy = json_new(arena, list, list->type == JSON_OBJECT ? item->key : NULL,
				     item->type, item->text);

	copy->boolean = item->boolean;
	for (const struct json *child = item->child; child; child = child->next)
		append_copy(arena, copy, child);
}

/* Docker's pad: so many blanks before and behind; none around nothing. */
static bool call_pad(struct arena *arena, const struct json *const *args, size_t count,
		     const struct json **result, struct error *err)
{
	int64_t before;
	int64_t behind;

	(void)count;
	if (args[0]->type != JSON_TEXT || !json_as_int(args[1], &before, err) ||
	    !json_as_int(args[2], &behind, err) || before < 0 || behind < 0 || before > PAD_MAX ||
	    behind > PAD_MAX)
		return error_set(err, ERROR_INPUT,
				 "error calling pad: expected a text and two small numbers");
	*result = new_text(arena, *args[0]->text ? arena_printf(arena, "%*s%s%*s", (int)before, "",
								args[0]->text, (int)behind, "")
						 : "");
	return true;
}

/* x, x[i:] or x[i:j]; of a text the bytes. */
static bool call_slice(struct arena *arena, const struct json *const *args, size_t count,
		       const struct json **result, struct error *err)
{
	bool is_text = args[0]->type == JSON_TEXT;
	int64_t length = is_text ? (int64_t)strlen(args[0]->text) : args[0]->count;
	int64_t start = 0;
	int64_t end = length;

	if (!is_text && args[0]->type != JSON_ARRAY)
		return error_set(err, ERROR_INPUT,
				 "error calling slice: can't slice item of this type");
	if ((count > 1 && !json_as_int(args[1], &start, err)) ||
	    (count > 2 && !json_as_int(args[2], &end, err)))
		return false;
	if (start < 0 || end > length || start > end)
		return error_set(err, ERROR_INPUT, "error calling slice: index out of range: %lld",
				 (long long)(start < 0 || start > length ? start : end));
	if (is_text) {
		*result = new_text(
			arena, arena_strndup(arena, args[0]->text + start, (size_t)(end - start)));
		return true;
	}
	struct json *part = json_new(arena, NULL, NULL, JSON_ARRAY, NULL);
	int64_t at = 0;
	for (const struct json *item = args[0]->child; item; item = item->next, at++)
		if (at >= start && at < end)
			append_copy(arena, part, item);
	*result = part;
	return true;
}

#define ANY ((size_t)-1)

const struct templatefunc *templatefunc_find(const char *name)
{
	static const struct templatefunc functions[] = {
		{ "json", 1, 1, call_json, 0, true },
		{ "index", 1, ANY, call_index, 0, false },
		{ "len", 1, 1, call_len, 0, false },
		{ "join", 2, 2, call_join, 0, true },
		{ "split", 2, 2, call_split, 0, true },
		{ "lower", 1, 1, call_lower, 0, true },
		{ "upper", 1, 1, call_upper, 0, true },
		{ "title", 1, 1, call_title, 0, true },
		{ "truncate", 2, 2, call_truncate, 0, true },
		{ "pad", 3, 3, call_pad, 0, false },
		{ "slice", 1, 3, call_slice, 0, false },
		{ "html", 1, ANY, call_html, 0, false },
		{ "js", 1, ANY, call_js, 0, false },
		{ "urlquery", 1, ANY, call_urlquery, 0, false },
		{ "call", 1, ANY, call_call, 0, false },
		{ "print", 0, ANY, call_print, 0, false },
		{ "println", 0, ANY, call_println, 0, false },
		{ "printf", 1, ANY, templateprintf, 0, false },
		{ "eq", 2, ANY, call_eq, 0, false },
		{ "ne", 2, 2, call_ne, 0, false },
		{ "lt", 2, 2, call_lt, 0, false },
		{ "le", 2, 2, call_le, 0, false },
		{ "gt", 2, 2, call_gt, 0, false },
		{ "ge", 2, 2, call_ge, 0, false },
		{ "and", 1, ANY, call_last, TEMPLATEFUNC_ENDS_FALSE, false },
		{ "or", 1, ANY, call_last, TEMPLATEFUNC_ENDS_TRUE, false },
		{ "not", 1, 1, call_not, 0, false },
	};

	for (size_t i = 0; i < COUNT_OF(functions); i++)
		if (strcmp(functions[i].name, name) == 0)
			return &functions[i];
	return NULL;
}
