/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <yajl/yajl_parse.h>

#include "base/buf.h"
#include "base/utf8.h"

/*
 * How this works: yajl calls back once per value; each call appends one node to the tree. The
 * parser's state is the open container (`parent`) and the key that waits for its value. A callback
 * that returns 0 stops the parse with err already filled.
 */

struct parse {
	struct arena *arena;
	const char *name;
	struct json *root;
	struct json *parent;
	const char *key; /* of the next member */
	size_t depth;
	size_t values, values_max;
	struct error *err;
};

/* -- places -------------------------------------------------------------------------------------
 */

#define PLACE_MAX 256

static void add_place(struct buf *place, const struct json *value)
{
	if (!value->parent) {
		buf_printf(place, "%s: ", value->key ? value->key : "json");
		return;
	}
	add_place(place, value->parent);
	if (value->parent->type == JSON_ARRAY)
		buf_printf(place, "[%u]", value->index);
	else
		buf_printf(place, "%s%s", value->parent->parent ? "." : "", value->key);
}

static const char *type_name(enum json_type type)
{
	static const char *const names[] = {
		[JSON_NULL] = "null",     [JSON_BOOL] = "a boolean", [JSON_NUMBER] = "a number",
		[JSON_TEXT] = "a string", [JSON_ARRAY] = "an array", [JSON_OBJECT] = "an object",
	};

	return names[type];
}

bool json_wrong(const struct json *value, struct error *err, const char *format, ...)
{
	autobuf struct buf text;
	va_list args;
	char reason[512];

	va_start(args, format);
	vsnprintf(reason, sizeof(reason), format, args);
	va_end(args);
	buf_init(&text, PLACE_MAX);
	add_place(&text, value);
	return error_set(err, ERROR_INPUT, "%s%s%s", text.data, value->parent ? ": " : "", reason);
}

bool json_expected(const struct json *value, const char *wanted, struct error *err)
{
	return json_wrong(value, err, "expected %s, found %s", wanted, type_name(value->type));
}

/* The place of a member that is not there. */
static bool missing(const struct json *object, const char *key, struct error *err)
{
	struct json absent = { .type = JSON_NULL, .key = key, .parent = object };

	if (!object)
		return error_set(err, ERROR_INPUT, "%s: missing", key);
	return json_wrong(&absent, err, "missing");
}

/* -- building -----------------------------------------------------------------------------------
 */

struct json *json_new(struct arena *arena, struct json *parent, const char *key,
		      enum json_type type, const char *text)
{
	struct json *value = arena_alloc(arena, sizeof(*value));

	value->type = type;
	value->key = arena_strdup(arena, key);
	value->text = arena_strdup(arena, text);
	value->parent = parent;
	if (!parent)
		return value;
	value->index = parent->count++;
	if (parent->last)
		parent->last->next = value;
	else
		parent->child = value;
	parent->last = value;
	return value;
}

/* -- parsing ------------------------------------------------------------------------------------
 */

static int refuse(struct parse *parse, const char *reason)
{
	error_set(parse->err, ERROR_INPUT, "%s: %s", parse->name, reason);
	return 0;
}

/* Appends a value where the parser stands; NULL (and err) beyond a limit. */
static struct json *append(struct parse *parse, enum json_type type)
{
	if (++parse->values > parse->values_max) {
		error_set(parse->err, ERROR_INPUT, "%s: too many values (more than %zu)",
			  parse->name, parse->values_max);
		return NULL;
	}

	bool is_item = parse->parent && parse->parent->type == JSON_ARRAY;
	struct json *value = json_new(parse->arena, parse->parent, NULL, type, NULL);

	value->key = is_item ? NULL : parse->parent ? parse->key : parse->name;
	if (!parse->root)
		parse->root = value;
	return value;
}

static int on_null(void *context)
{
	return append(context, JSON_NULL) != NULL;
}

static int on_boolean(void *context, int boolean)
{
	struct json *value = append(context, JSON_BOOL);

	if (!value)
		return 0;
	value->boolean = boolean != 0;
	return 1;
}

static int on_number(void *context, const char *text, size_t length)
{
	struct parse *parse = context;
	struct json *value = append(parse, JSON_NUMBER);

	if (!value)
		return 0;
	value->text = arena_strndup(parse->arena, text, length);
	return 1;
}

static int on_text(void *context, const unsigned char *text, size_t length)
{
	struct parse *parse = context;

	if (memchr(text, '\0', length))
		return refuse(parse, "a string holds a NUL byte");

	struct json *value = append(parse, JSON_TEXT);

	if (!value)
		return 0;
	value->text = arena_strndup(parse->arena, (const char *)text, length);
	return 1;
}

static int on_key(void *context, const unsigned char *text, size_t length)
{
	struct parse *parse = context;

	if (memchr(text, '\0', length))
		return refuse(parse, "a member name holds a NUL byte");
	parse->key = arena_strndup(parse->arena, (const char *)text, length);
	return 1;
}

static int open_container(struct parse *parse, enum json_type type)
{
	if (++parse->depth > JSON_DEPTH_MAX)
		return refuse(parse, "nested too deeply");

	struct json *value = append(parse, type);

	if (!value)
		return 0;
	parse->parent = value;
	return 1;
}

static int close_container(void *context)
{
	struct parse *parse = context;
	struct json *parent = parse->parent;

	parse->depth--;
	memcpy(&parse->parent, &parent->parent, sizeof(parse->parent)); /* we made it: not const */
	return 1;
}

static int on_object(void *context)
{
	return open_container(context, JSON_OBJECT);
}

static int on_array(void *context)
{
	return open_container(context, JSON_ARRAY);
}

static const yajl_callbacks callbacks = {
	.yajl_null = on_null,
	.yajl_boolean = on_boolean,
	.yajl_number = on_number,
	.yajl_string = on_text,
	.yajl_map_key = on_key,
	.yajl_start_map = on_object,
	.yajl_end_map = close_container,
	.yajl_start_array = on_array,
	.yajl_end_array = close_container,
};

struct place {
	size_t line;
	size_t column; /* of bytes */
};

static struct place place_of(const char *text, size_t offset)
{
	struct place place = { .line = 1, .column = 1 };

	for (size_t i = 0; i < offset; i++) {
		place.column++;
		if (text[i] == '\n')
			place = (struct place){ .line = place.line + 1, .column = 1 };
	}
	return place;
}

/* yajl's message is several lines with a picture; the first line and the place are what helps. */
static bool syntax_error(struct parse *parse, yajl_handle yajl, const char *text, size_t offset)
{
	unsigned char *message = yajl_get_error(yajl, 0, NULL, 0);
	size_t length = strcspn((const char *)message, "\n");
	struct place place = place_of(text, offset);

	error_set(parse->err, ERROR_INPUT, "%s: not valid JSON at line %zu, column %zu: %.*s",
		  parse->name, place.line, place.column, (int)(length < 200 ? length : 200),
		  message);
	yajl_free_error(yajl, message);
	return false;
}

bool json_parse(struct arena *arena, const char *name, const char *text, size_t length,
		const struct json **root, struct error *err)
{
	return json_parse_at_most(arena, name, text, length, JSON_VALUES_MAX, root, err);
}

bool json_parse_at_most(struct arena *arena, const char *name, const char *text, size_t length,
			size_t values, const struct json **root, struct error *err)
{
	struct parse parse = {
		.arena = arena, .name = arena_strdup(arena, name), .values_max = values, .err = err
	};
	size_t valid = utf8_valid_length(text, length);

	if (valid < length)
		return error_set(err, ERROR_INPUT, "%s: not valid UTF-8 at byte %zu", name, valid);

	yajl_handle yajl = yajl_alloc(&callbacks, NULL, &parse);

	if (!yajl)
		return error_set(err, ERROR_SYSTEM, "out of memory");
	yajl_config(yajl, yajl_dont_validate_strings, 1); /* its own check passes overlong forms */

	yajl_status status = yajl_parse(yajl, (const unsigned char *)text, length);
	size_t consumed = yajl_get_bytes_consumed(yajl); /* with what is wrong */
	size_t offset = consumed > 0 ? consumed - 1 : 0;

	if (status == yajl_status_ok) {
		status = yajl_complete_parse(yajl);
		offset = length; /* what is missing is missing there */
	}

	bool is_good = status == yajl_status_ok;

	if (status == yajl_status_error)
		is_good = syntax_error(&parse, yajl, text, offset);
	yajl_free(yajl);
	*root = parse.root;
	return is_good;
}

/* -- getters ------------------------------------------------------------------------------------
 */

static const struct json *find(const struct json *object, const char *key,
			       int (*compare)(const char *, const char *))
{
	const struct json *found = NULL;

	if (!object || object->type != JSON_OBJECT)
		return NULL;
	for (const struct json *member = object->child; member; member = member->next)
		if (compare(member->key, key) == 0)
			found = member;
	return found && found->type != JSON_NULL ? found : NULL;
}

const struct json *json_get(const struct json *object, const char *key)
{
	return find(object, key, strcmp);
}

const struct json *json_get_fold(const struct json *object, const char *key)
{
	return find(object, key, strcasecmp);
}

bool json_as_text(const struct json *value, const char **text, struct error *err)
{
	if (value->type != JSON_TEXT)
		return json_expected(value, "a string", err);
	*text = value->text;
	return true;
}

bool json_as_int(const struct json *value, int64_t *number, struct error *err)
{
	char *end;

	if (value->type != JSON_NUMBER)
		return json_expected(value, "a number", err);
	errno = 0;
	long long parsed = strtoll(value->text, &end, 10);
	if (*end != '\0')
		return json_wrong(value, err, "expected a whole number, found %.40s", value->text);
	if (errno == ERANGE)
		return json_wrong(value, err, "number out of range: %.40s", value->text);
	*number = parsed;
	return true;
}

bool json_text(const struct json *object, const char *key, const char **value, struct error *err)
{
	const struct json *member = json_get(object, key);

	return member ? json_as_text(member, value, err) : missing(object, key, err);
}

bool json_text_or(const struct json *object, const char *key, const char *fallback,
		  const char **value, struct error *err)
{
	const struct json *member = json_get(object, key);

	*value = fallback;
	return member ? json_as_text(member, value, err) : true;
}

bool json_bool_or(const struct json *object, const char *key, bool fallback, bool *value,
		  struct error *err)
{
	const struct json *member = json_get(object, key);

	*value = fallback;
	if (!member)
		return true;
	if (member->type != JSON_BOOL)
		return json_expected(member, "a boolean", err);
	*value = member->boolean;
	return true;
}

bool json_int(const struct json *object, const char *key, int64_t *value, struct error *err)
{
	const struct json *member = json_get(object, key);

	return member ? json_as_int(member, value, err) : missing(object, key, err);
}

bool json_int_or(const struct json *object, const char *key, int64_t fallback, int64_t *value,
		 struct error *err)
{
	const struct json *member = json_get(object, key);

	*value = fallback;
	return member ? json_as_int(member, value, err) : true;
}

static bool container_or_null(const struct json *object, const char *key, enum json_type type,
			      const struct json **value, struct error *err)
{
	*value = json_get(object, key);
	if (*value && (*value)->type != type)
		return json_expected(*value, type_name(type), err);
	return true;
}

bool json_object_or_null(const struct json *object, const char *key, const struct json **value,
			 struct error *err)
{
	return container_or_null(object, key, JSON_OBJECT, value, err);
}

bool json_array_or_null(const struct json *object, const char *key, const struct json **value,
			struct error *err)
{
	return container_or_null(object, key, JSON_ARRAY, value, err);
}

bool json_text_array(struct arena *arena, const struct json *object, const char *key,
		     const char ***values, size_t *count, struct error *err)
{
	const struct json *array;

	if (!json_array_or_null(object, key, &array, err))
		return false;
	*count = array ? array->count : 0;
	*values = arena_array(arena, *count + 1, sizeof(**values));
	if (!array)
		return true;
	for (const struct json *item = array->child; item; item = item->next)
		if (!json_as_text(item, &(*values)[item->index], err))
			return false;
	return true;
}

struct json *json_copy(struct arena *arena, struct json *parent, const char *key,
		       const struct json *value)
{
	struct json *copy = json_new(arena, parent, key, value->type, value->text);

	copy->boolean = value->boolean;
	for (const struct json *child = value->child; child; child = child->next)
		json_copy(arena, copy, value->type == JSON_OBJECT ? child->key : NULL, child);
	return copy;
}

bool json_is_equal(const struct json *a, const struct json *b)
{
	if (!a || !b)
		return a == b;
	if (a->type != b->type || a->count != b->count || a->boolean != b->boolean)
		return false;
	if ((a->text || b->text) && strcmp(a->text ? a->text : "", b->text ? b->text : "") != 0)
		return false;
	for (const struct json *x = a->child, *y = b->child; x; x = x->next, y = y->next) {
		const struct json *other = a->type == JSON_OBJECT ? json_get(b, x->key) : y;

		if (x->type == JSON_NULL ? other && other->type != JSON_NULL
					 : !json_is_equal(x, other))
			return false;
	}
	return true;
}
