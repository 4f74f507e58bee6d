/* SPDX-License-Identifier: Apache-2.0 */
#include "base/yaml.h"
#include "base/word.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

/*
 * How this works: libyaml reports events; a stack of open containers says where the next value
 * goes. An anchor is remembered when its node is complete, so an alias can never contain itself.
 * An alias is a copy of the nodes that shares their texts; every node made counts against
 * YAML_VALUES_MAX, which is what stops a "billion laughs".
 */

/* Where a key stands. */
struct place {
	size_t line;
	struct place *next;
};

struct frame {
	struct json *container;
	struct place *places; /* of the keys, the last one first (compose files only) */
	const char *key;      /* of the next member; NULL: a key is expected (mappings only) */
	const char *anchor;
};

struct anchor {
	const char *name;
	const struct json *value;
	struct anchor *next;
};

struct reader {
	struct arena *arena;
	const char *name;
	struct json *root;
	struct frame frames[JSON_DEPTH_MAX];
	size_t depth;
	size_t values;
	size_t copied;          /* bytes: texts are shared, but whoever reads the tree reads each */
	struct anchor *anchors; /* newest first */
	size_t anchor_count;
	size_t documents;
	bool is_tagged;   /* whether values may have the tags !reset and !override */
	bool last_counts; /* of values of one key */
	const struct yaml_tagged *tagged;
	size_t line; /* of the event in hand */
	struct error *err;
};

/* A key that is this very pointer is a plain `<<`; a quoted one is text like any other. */
static const char merge_key[] = "<<";

static bool refuse(struct reader *reader, const char *reason)
{
	return error_set(reader->err, ERROR_INPUT, "%s: line %zu: %s", reader->name, reader->line,
			 reason);
}

/* -- scalars ------------------------------------------------------------------------------------
 */

static const char *skip_digits(const char *text)
{
	while (isdigit((unsigned char)*text))
		text++;
	return text;
}

/* The grammar of RFC 8259, section 6: what is no JSON number stays text (0755, +1, .5, 0x10). */
static bool is_number(const char *text)
{
	const char *next = text + (*text == '-');
	const char *digits = next;

	next = skip_digits(next);
	if (next == digits || (*digits == '0' && next > digits + 1))
		return false;
	if (*next == '.') {
		digits = ++next;
		next = skip_digits(next);
		if (next == digits)
			return false;
	}
	if (*next == 'e' || *next == 'E') {
		next++;
		next += *next == '+' || *next == '-';
		digits = next;
		next = skip_digits(next);
		if (next == digits)
			return false;
	}
	return *next == '\0';
}

static const char *const null_words[] = { "", "~", "null", "Null", "NULL", NULL };
static const char *const true_words[] = { "true", "True", "TRUE", NULL };
static const char *const false_words[] = { "false", "False", "FALSE", NULL };

static enum json_type plain_type(const char *text)
{
	if (word_is_in(text, null_words))
		return JSON_NULL;
	if (word_is_in(text, true_words) || word_is_in(text, false_words))
		return JSON_BOOL;
	return is_number(text) ? JSON_NUMBER : JSON_TEXT;
}

/* -- nodes --------------------------------------------------------------------------------------
 */

static struct json *new_node(struct reader *reader, struct json *parent, const char *key,
			     enum json_type type)
{
	if (++reader->values > YAML_VALUES_MAX) {
		refuse(reader, "too many values (aliases count as what they stand for)");
		return NULL;
	}

	struct json *node = json_new(reader->arena, parent, NULL, type, NULL);

	node->key = key; /* in the arena already: not copied again for every alias */
	return node;
}

/* A node where the next value belongs; NULL (and err) if nothing may stand here. */
static struct json *append(struct reader *reader, enum json_type type)
{
	if (reader->depth == 0) {
		reader->root = new_node(reader, NULL, reader->name, type);
		return reader->root;
	}

	struct frame *frame = &reader->frames[reader->depth - 1];
	const char *key = frame->key;

	if (frame->container->type == JSON_OBJECT && !key) {
		refuse(reader, "a key must be a text");
		return NULL;
	}
	frame->key = NULL;
	return new_node(reader, frame->container, key, type);
}

static bool copy_children(struct reader *reader, struct json *to, const struct json *from,
			  size_t depth);

static bool count_copied(struct reader *reader, const char *text)
{
	if (text)
		reader->copied += strlen(text);
	return reader->copied <= YAML_COPIED_MAX ||
	       refuse(reader, "too much text (aliases count as what they stand for)");
}

static bool copy_value(struct reader *reader, struct json *to, const struct json *from,
		       size_t depth)
{
	to->type = from->type;
	to->boolean = from->boolean;
	to->text = from->text;
	return count_copied(reader, from->text) && count_copied(reader, from->key) &&
	       copy_children(reader, to, from, depth);
}

/* Recursion is bounded by the depth limit. */
static bool copy_children(struct reader *reader, struct json *to, const struct json *from,
			  size_t depth)
{
	if (!from->child)
		return true;
	if (depth >= JSON_DEPTH_MAX)
		return refuse(reader, "nested too deeply");
	for (const struct json *child = from->child; child; child = child->next) {
		struct json *node = new_node(reader, to, child->key, child->type);

		if (!node || !copy_value(reader, node, child, depth + 1))
			return false;
	}
	return true;
}

/* -- anchors and merge keys ---------------------------------------------------------------------
 */

static bool remember(struct reader *reader, const char *name, const struct json *value)
{
	if (!name)
		return true;
	if (++reader->anchor_count > YAML_ANCHORS_MAX)
		return refuse(reader, "too many anchors");

	struct anchor *anchor = arena_alloc(reader->arena, sizeof(*anchor));

	*anchor = (struct anchor){ .name = name, .value = value, .next = reader->anchors };
	reader->anchors = anchor;
	return true;
}

static bool on_alias(struct reader *reader, const char *name)
{
	const struct anchor *anchor = reader->anchors;

	while (anchor && strcmp(anchor->name, name) != 0)
		anchor = anchor->next;
	if (!anchor)
		return refuse(reader, "an alias stands for an anchor that is not there (or for "
				      "what contains it)");

	struct json *node = append(reader, anchor->value->type);

	return node && copy_value(reader, node, anchor->value, reader->depth);
}

static bool has_member(const struct json *object, const char *key)
{
	for (const struct json *member = object->child; member; member = member->next)
		if (strcmp(member->key, key) == 0)
			return true;
	return false;
}

static bool merge(struct reader *reader, struct json *object, const struct json *source)
{
	if (source->type != JSON_OBJECT)
		return refuse(reader, "`<<` takes a mapping or a list of mappings");
	if (object->count + source->count > YAML_MERGE_MEMBERS_MAX)
		return refuse(reader, "too many members to merge");
	for (const struct json *member = source->child; member; member = member->next) {
		if (has_member(object, member->key))
			continue; /* what is written out, or came first, counts */

		struct json *node = new_node(reader, object, member->key, member->type);

		if (!node || !copy_value(reader, node, member, reader->depth))
			return false;
	}
	return true;
}

/* Takes the `<<` members out of the object; they come back as a list. */
static struct json *take_merges(struct json *object)
{
	struct json *merges = NULL, **merges_end = &merges, **link = &object->child;

	object->last = NULL;
	while (*link) {
		struct json *member = *link;

		if (member->key != merge_key) {
			object->last = member;
			link = &member->next;
			continue;
		}
		*link = member->next;
		member->next = NULL;
		*merges_end = member;
		merges_end = &member->next;
		object->count--;
	}
	return merges;
}

static bool apply_merges(struct reader *reader, struct json *object)
{
	for (struct json *source = take_merges(object); source; source = source->next) {
		if (source->type != JSON_ARRAY) {
			if (!merge(reader, object, source))
				return false;
			continue;
		}
		for (struct json *item = source->child; item; item = item->next)
			if (!merge(reader, object, item))
				return false;
	}
	return true;
}

/* -- keys that stand twice ----------------------------------------------------------------------
 */

struct keyed {
	struct json *node;
	size_t line, order;
	bool is_dropped;
};

static int by_key(const void *a, const void *b)
{
	const struct keyed *one = a, *other = b;
	int order = strcmp(one->node->key, other->node->key);

	return order ? order : one->order < other->order ? -1 : 1;
}

static int by_order(const void *a, const void *b)
{
	const struct keyed *one = a, *other = b;

	return one->order < other->order ? -1 : 1;
}

/* Without those that are dropped, as they stood. */
static void rebuild(struct json *object, struct keyed *members, size_t count)
{
	struct json **link = &object->child;

	qsort(members, count, sizeof(*members), by_order);
	object->last = NULL;
	object->count = 0;
	for (size_t i = 0; i < count; i++) {
		if (members[i].is_dropped)
			continue;
		*link = object->last = members[i].node;
		link = &members[i].node->next;
		object->count++;
	}
	*link = NULL;
}

static bool settle_keys(struct reader *reader, const struct frame *frame)
{
	struct json *object = frame->container;
	const struct place *place = frame->places;
	size_t count = object->count, at = 0;
	autofree struct keyed *members = mem_alloc((count + 1) * sizeof(*members));
	bool has_dropped = false;

	for (struct json *node = object->child; node; node = node->next, at++)
		members[at] = (struct keyed){ .node = node, .order = at };
	for (; place && at; place = place->next)
		members[--at].line = place->line;
	qsort(members, count, sizeof(*members), by_key);
	for (size_t i = 1; i < count; i++) {
		const char *key = members[i].node->key;

		if (key == merge_key || strcmp(key, members[i - 1].node->key) != 0)
			continue;
		reader->line = members[i].line;
		if (!reader->last_counts)
			return error_set(reader->err, ERROR_INPUT,
					 "%s: line %zu: mapping key \"%.100s\" already defined at "
					 "line %zu",
					 reader->name, members[i].line, key, members[i - 1].line);
		members[i - 1].is_dropped = has_dropped = true;
	}
	if (has_dropped)
		rebuild(object, members, count);
	return true;
}

/* -- events -------------------------------------------------------------------------------------
 */

static const char *keep(struct reader *reader, const yaml_char_t *text)
{
	return arena_strdup(reader->arena, (const char *)text);
}

/* The two tags that change how compose files are merged. */
static bool is_change(const yaml_char_t *tag)
{
	return tag && (strcmp((const char *)tag, "!reset") == 0 ||
		       strcmp((const char *)tag, "!override") == 0);
}

static bool on_key(struct reader *reader, struct frame *frame, const yaml_event_t *event,
		   const char *text)
{
	bool is_plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;

	if (event->data.scalar.anchor)
		return refuse(reader, "an anchor on a key is not supported");
	if (is_change(event->data.scalar.tag))
		return refuse(reader, "a tag on a key is not supported");
	frame->key = is_plain && strcmp(text, merge_key) == 0 ? merge_key : text;
	if (reader->is_tagged) {
		struct place *place = arena_alloc(reader->arena, sizeof(*place));

		*place = (struct place){ reader->line, frame->places };
		frame->places = place;
	}
	return true;
}

/* A value that is not complete yet, but in its place. */
static bool note_tag(struct reader *reader, const yaml_char_t *tag, const yaml_char_t *anchor,
		     const struct json *node)
{
	bool has_anchor = anchor != NULL;

	if (!is_change(tag))
		return true;
	if (!reader->is_tagged)
		return refuse(reader, "the tag is not supported: !reset, !override");
	for (size_t i = 0; i < reader->depth; i++)
		has_anchor |= reader->frames[i].anchor != NULL;
	if (has_anchor)
		return refuse(reader, "!reset and !override are not supported below an anchor");

	struct yaml_tagged *tagged = arena_alloc(reader->arena, sizeof(*tagged));

	*tagged = (struct yaml_tagged){ node, tag[1] == 'r', reader->tagged };
	reader->tagged = tagged;
	return true;
}

static bool on_scalar(struct reader *reader, const yaml_event_t *event)
{
	const char *text = keep(reader, event->data.scalar.value);
	struct frame *frame = reader->depth > 0 ? &reader->frames[reader->depth - 1] : NULL;

	if (strlen(text) != event->data.scalar.length)
		return refuse(reader, "a text holds a NUL byte");
	if (frame && frame->container->type == JSON_OBJECT && !frame->key)
		return on_key(reader, frame, event, text);

	/* plain_implicit: written without quotes and without a tag such as !!str. */
	bool is_plain = event->data.scalar.plain_implicit ||
			(is_change(event->data.scalar.tag) &&
			 event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE);
	enum json_type type = is_plain ? plain_type(text) : JSON_TEXT;
	struct json *node = append(reader, type);

	if (!node)
		return false;
	node->boolean = word_is_in(text, true_words);
	if (type == JSON_TEXT || type == JSON_NUMBER)
		node->text = text;
	return note_tag(reader, event->data.scalar.tag, event->data.scalar.anchor, node) &&
	       remember(reader, keep(reader, event->data.scalar.anchor), node);
}

static bool open_container(struct reader *reader, enum json_type type, const yaml_char_t *tag,
			   const yaml_char_t *anchor)
{
	if (reader->depth >= JSON_DEPTH_MAX)
		return refuse(reader, "nested too deeply");

	struct json *node = append(reader, type);

	if (!node || !note_tag(reader, tag, anchor, node))
		return false;
	reader->frames[reader->depth++] =
		(struct frame){ .container = node, .anchor = keep(reader, anchor) };
	return true;
}

static bool close_container(struct reader *reader)
{
	struct frame *frame = &reader->frames[--reader->depth];

	if (frame->container->type == JSON_OBJECT && reader->is_tagged &&
	    frame->container->count > 1 && !settle_keys(reader, frame))
		return false;
	if (frame->container->type == JSON_OBJECT && !apply_merges(reader, frame->container))
		return false;
	return remember(reader, frame->anchor, frame->container);
}

static bool on_event(struct reader *reader, const yaml_event_t *event)
{
	reader->line = event->start_mark.line + 1;
	switch (event->type) {
	case YAML_SCALAR_EVENT:
		return on_scalar(reader, event);
	case YAML_MAPPING_START_EVENT:
		return open_container(reader, JSON_OBJECT, event->data.mapping_start.tag,
				      event->data.mapping_start.anchor);
	case YAML_SEQUENCE_START_EVENT:
		return open_container(reader, JSON_ARRAY, event->data.sequence_start.tag,
				      event->data.sequence_start.anchor);
	case YAML_MAPPING_END_EVENT:
	case YAML_SEQUENCE_END_EVENT:
		return close_container(reader);
	case YAML_ALIAS_EVENT:
		return on_alias(reader, (const char *)event->data.alias.anchor);
	case YAML_DOCUMENT_START_EVENT:
		return ++reader->documents == 1 || refuse(reader, "a second document begins");
	default:
		return true;
	}
}

/* -- the document -------------------------------------------------------------------------------
 */

static bool syntax_error(struct reader *reader, const yaml_parser_t *parser)
{
	reader->line = parser->problem_mark.line + 1;
	if (parser->problem && strstr(parser->problem, "cannot start any token"))
		return refuse(reader, "a character no value begins with, such as a tab: YAML is "
				      "indented with spaces");
	return refuse(reader, parser->problem ? parser->problem : "not valid YAML");
}

static bool read_events(struct reader *reader, yaml_parser_t *parser)
{
	for (bool is_end = false; !is_end;) {
		yaml_event_t event;

		if (!yaml_parser_parse(parser, &event))
			return syntax_error(reader, parser);
		is_end = event.type == YAML_STREAM_END_EVENT;

		bool is_good = on_event(reader, &event);

		yaml_event_delete(&event);
		if (!is_good)
			return false;
	}
	if (!reader->root) /* nothing but comments */
		reader->root = new_node(reader, NULL, reader->name, JSON_NULL);
	return reader->root != NULL;
}

static bool parse(struct reader *reader, const char *text, size_t length, const struct json **root)
{
	yaml_parser_t parser;

	if (!yaml_parser_initialize(&parser))
		return error_set(reader->err, ERROR_SYSTEM, "out of memory");
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, length);

	bool is_good = read_events(reader, &parser);

	yaml_parser_delete(&parser);
	*root = reader->root;
	return is_good;
}

bool yaml_parse(struct arena *arena, const char *name, const char *text, size_t length,
		const struct json **root, struct error *err)
{
	struct reader reader = { .arena = arena, .name = arena_strdup(arena, name), .err = err };

	return parse(&reader, text, length, root);
}

bool yaml_parse_tagged(struct arena *arena, const char *name, const char *text, size_t length,
		       bool last_counts, const struct json **root,
		       const struct yaml_tagged **tagged, struct error *err)
{
	struct reader reader = { .arena = arena,
				 .name = arena_strdup(arena, name),
				 .is_tagged = true,
				 .last_counts = last_counts,
				 .err = err };
	bool is_good = parse(&reader, text, length, root);

	*tagged = reader.tagged;
	return is_good;
}
