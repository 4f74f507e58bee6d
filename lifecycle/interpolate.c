/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/interpolate.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/jsonout.h"

const char *interpolate_artifacts(struct arena *arena, const char *root, const char *name,
				  const char *version)
{
	return arena_printf(arena, "%s/packages/artifacts/%s/%s", root, name, version);
}

const char *interpolate_unarchived(struct arena *arena, const char *root, const char *name,
				   const char *version)
{
	return arena_printf(arena, "%s/packages/artifacts-unarchived/%s/%s", root, name, version);
}

const char *interpolate_work(struct arena *arena, const char *root, const char *name)
{
	return arena_printf(arena, "%s/work/%s", root, name);
}

/* -- JSON pointers (RFC 6901) -------------------------------------------------------------------
 */

/* Compares a key with one step of a pointer, in which ~1 is '/' and ~0 is '~'. */
static bool is_step(const char *key, const char *step, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		char wanted = step[i];

		if (wanted == '~' && i + 1 < length && (step[i + 1] == '0' || step[i + 1] == '1'))
			wanted = step[++i] == '0' ? '~' : '/';
		if (*key++ != wanted)
			return false;
	}
	return *key == '\0';
}

static const struct json *find_step(const struct json *value, const char *step, size_t length)
{
	const struct json *found = NULL;

	for (const struct json *child = value->child; child; child = child->next) {
		char index[16];

		snprintf(index, sizeof(index), "%u", child->index);
		if (is_step(value->type == JSON_ARRAY ? index : child->key, step, length))
			found = child; /* of a repeated key the last one counts */
	}
	return found;
}

/* NULL if nothing is there; null itself is something. */
static const struct json *find_pointer(const struct json *value, const char *pointer, size_t length)
{
	const char *end = pointer + length;

	while (value && pointer < end) {
		if (*pointer++ != '/')
			return NULL;

		const char *slash = memchr(pointer, '/', (size_t)(end - pointer));
		const char *step_end = slash ? slash : end;

		value = find_step(value, pointer, (size_t)(step_end - pointer));
		pointer = step_end;
	}
	return value;
}

/* -- values as text -----------------------------------------------------------------------------
 */

static int compare_keys(const void *a, const void *b)
{
	const struct json *const *left = a, *const *right = b;
	int order = strcmp((*left)->key, (*right)->key);

	return order ? order : (int)(*left)->index - (int)(*right)->index;
}

/* A copy whose members are in the order of their keys. Recursion is bounded by the tree's depth. */
static struct json *copy_sorted(struct arena *arena, struct json *parent, const char *key,
				const struct json *value)
{
	struct json *copy = json_new(arena, parent, key, value->type, value->text);
	autofree const struct json **children = mem_array(value->count, sizeof(*children));
	size_t count = 0;

	copy->boolean = value->boolean;
	for (const struct json *child = value->child; child; child = child->next)
		children[count++] = child;
	if (value->type == JSON_OBJECT)
		qsort(children, count, sizeof(*children), compare_keys);
	for (size_t i = 0; i < count; i++) {
		bool is_object = value->type == JSON_OBJECT;

		if (is_object && i + 1 < count &&
		    strcmp(children[i]->key, children[i + 1]->key) == 0)
			continue; /* repeated: the last one counts */
		copy_sorted(arena, copy, is_object ? children[i]->key : NULL, children[i]);
	}
	return copy;
}

static void add_document(struct buf *buf, const struct json *value)
{
	autoarena struct arena arena = { 0 };
	autobuf struct buf text;
	struct jsonout out;

	buf_init(&text, INTERPOLATE_TEXT_MAX);
	jsonout_init(&out, &text, false);
	jsonout_json(&out, NULL, copy_sorted(&arena, NULL, NULL, value));
	jsonout_done(&out);
	buf_add(buf, text.data, text.length);
	buf->is_cut = buf->is_cut || text.is_cut;
}

static void add_value(struct buf *buf, const struct json *value)
{
	switch (value->type) {
	case JSON_NULL:
		buf_add_text(buf, "null");
		break;
	case JSON_BOOL:
		buf_add_text(buf, value->boolean ? "true" : "false");
		break;
	case JSON_NUMBER:
	case JSON_TEXT:
		buf_add_text(buf, value->text);
		break;
	default:
		add_document(buf, value);
	}
}

/* -- variables ----------------------------------------------------------------------------------
 */

struct span {
	const char *text;
	size_t length;
};

static bool is(struct span span, const char *word)
{
	return strlen(word) == span.length && memcmp(span.text, word, span.length) == 0;
}

static bool add_configuration(struct buf *buf, const struct interpolate_component *component,
			      struct span pointer)
{
	const struct json *value =
		find_pointer(component->configuration, pointer.text, pointer.length);

	if (!value && !(pointer.length == 0 && !component->configuration))
		return false;
	if (value)
		add_value(buf, value);
	else
		buf_add_text(buf, "{}");
	return true;
}

static bool add_component_variable(struct buf *buf, const struct interpolate_scope *scope,
				   const struct interpolate_component *component, struct span space,
				   struct span key)
{
	autoarena struct arena arena = { 0 };
	const char *name = component->name, *version = component->version;

	if (is(space, "configuration"))
		return add_configuration(buf, component, key);
	if (is(space, "artifacts") && is(key, "path"))
		buf_add_text(buf, interpolate_artifacts(&arena, scope->root, name, version));
	else if (is(space, "artifacts") && is(key, "decompressedPath"))
		buf_add_text(buf, interpolate_unarchived(&arena, scope->root, name, version));
	else if (is(space, "work") && is(key, "path"))
		buf_add_text(buf, interpolate_work(&arena, scope->root, name));
	else
		return false;
	return true;
}

static bool add_device_variable(struct buf *buf, const struct interpolate_scope *scope,
				struct span space, struct span key)
{
	if (is(space, "kernel") && is(key, "rootPath"))
		buf_add_text(buf, scope->root);
	else if (is(space, "iot") && is(key, "thingName") && scope->thing_name)
		buf_add_text(buf, scope->thing_name);
	else
		return false;
	return true;
}

static const struct interpolate_component *find_dependency(const struct interpolate_scope *scope,
							   struct span name)
{
	for (size_t i = 0; i < scope->dependency_count; i++)
		if (is(name, scope->dependencies[i].name))
			return &scope->dependencies[i];
	return NULL;
}

/* [.\w-]+ */
static struct span read_word(const char *text)
{
	struct span word = { text, 0 };

	while (isalnum((unsigned char)text[word.length]) ||
	       (text[word.length] != '\0' && strchr("._-", text[word.length])))
		word.length++;
	return word;
}

/* [^:}]* */
static struct span read_key(const char *text)
{
	return (struct span){ text, strcspn(text, ":}") };
}

/* {SPACE:KEY}, or {NAME:SPACE:KEY} of another component. */
struct variable {
	struct span component; /* empty: our own */
	struct span space;
	struct span key;
	const char *after; /* the '}' */
};

/* At a '{'; false: it is no such thing. */
static bool read_variable(struct variable *variable, const char *text)
{
	struct span first = read_word(text + 1);
	const char *end = first.text + first.length;

	if (first.length == 0 || *end != ':')
		return false;

	struct span second = read_key(end + 1);

	end = second.text + second.length;
	*variable = (struct variable){ .space = first, .key = second };
	if (*end == ':') {
		struct span third = read_key(end + 1);

		end = third.text + third.length;
		*variable = (struct variable){ .component = first, .space = second, .key = third };
	}
	variable->after = end + 1;
	return *end == '}';
}

static bool add_variable(struct buf *buf, const struct interpolate_scope *scope,
			 const struct variable *variable)
{
	const struct interpolate_component *other;

	if (variable->component.length == 0)
		return add_component_variable(buf, scope, scope->self, variable->space,
					      variable->key) ||
		       add_device_variable(buf, scope, variable->space, variable->key);
	other = find_dependency(scope, variable->component);
	return other && add_component_variable(buf, scope, other, variable->space, variable->key);
}

/* Shell and templates are full of braces; these are meant for us. */
static bool is_ours(const struct variable *variable)
{
	bool is_own = variable->component.length == 0;

	return is(variable->space, "configuration") || is(variable->space, "artifacts") ||
	       is(variable->space, "work") ||
	       (is_own && (is(variable->space, "kernel") || is(variable->space, "iot")));
}

static void tell_unresolved(const struct interpolate_scope *scope, const char *text,
			    const struct variable *variable)
{
	if (scope->on_unresolved && is_ours(variable)) {
		autofree char *word = mem_printf("%.*s", (int)(variable->after - text), text);

		scope->on_unresolved(scope->context, word);
	}
}

bool interpolate(const struct interpolate_scope *scope, struct arena *arena, const char *text,
		 const char **result, struct error *err)
{
	autobuf struct buf buf;

	buf_init(&buf, INTERPOLATE_TEXT_MAX);
	while (*text) {
		size_t plain = strcspn(text, "{");
		struct variable variable;

		buf_add(&buf, text, plain);
		text += plain;
		if (*text == '\0')
			break;
		if (read_variable(&variable, text)) {
			if (add_variable(&buf, scope, &variable)) {
				text = variable.after;
				continue;
			}
			tell_unresolved(scope, text, &variable);
		}
		buf_add_char(&buf, *text++);
	}
	if (!buf_check(&buf, "a text with its variables filled in", err))
		return false;
	*result = arena_strndup(arena, buf.data, buf.length);
	return true;
}
