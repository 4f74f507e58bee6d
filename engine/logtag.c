/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/pattern.h"
#include "engine/logging.h"

/*
 * What a record says of its container: the tag, and attributes.
 */

#define SHORT_ID 12 /* characters of either ID; an image's begins with "sha256:" */
#define TAG_MAX  1024

/* The text for a name in braces; NULL: there is no such name. */
static const char *field(const struct container *container, const char *name, size_t length,
			 int *most)
{
	const struct {
		const char *name, *value;
		int most;
	} fields[] = {
		{ ".ID", container->id, SHORT_ID },
		{ ".FullID", container->id, TAG_MAX },
		{ ".Name", container->name, TAG_MAX },
		{ ".ImageID", container->image_id, SHORT_ID },
		{ ".ImageFullID", container->image_id, TAG_MAX },
		{ ".ImageName", container->image, TAG_MAX },
		{ ".DaemonName", "docker", TAG_MAX },
	};

	for (size_t i = 0; i < COUNT_OF(fields); i++) {
		if (strlen(fields[i].name) == length &&
		    strncmp(fields[i].name, name, length) == 0) {
			*most = fields[i].most;
			return fields[i].value ? fields[i].value : "";
		}
	}
	return NULL;
}

bool logging_tag(const struct container *container, const char *usual, struct arena *arena,
		 const char **tag, struct error *err)
{
	const char *at = logging_option(container, "tag");
	autobuf struct buf text;

	buf_init(&text, TAG_MAX);
	for (at = at && *at ? at : usual; *at;) {
		const char *open = strstr(at, "{{");
		const char *close = open ? strstr(open, "}}") : NULL;
		int most = 0;

		if (!close)
			open = at + strlen(at);
		buf_add(&text, at, (size_t)(open - at));
		if (!close)
			break;
		const char *name = open + 2 + strspn(open + 2, " ");
		size_t length = strcspn(name, " }");
		const char *value = field(container, name, length, &most);

		if (!value || name + length + strspn(name + length, " ") != close)
			return error_set(
				err, ERROR_INPUT,
				"log opt tag: %.*s is not understood; there are " LOGGING_FIELDS,
				(int)(close + 2 - open), open);
		buf_printf(&text, "%.*s", most, value);
		at = close + 2;
	}
	if (!buf_check(&text, "log opt tag", err))
		return false;
	*tag = arena_strndup(arena, text.length ? text.data : "", text.length);
	return true;
}

/* Attributes. --------------------------------------------------------------------------------- */

static bool is_named(const char *list, const char *key, size_t length)
{
	while (*list) {
		size_t word = strcspn(list, ",");

		if (word == length && strncmp(list, key, length) == 0)
			return true;
		list += word + (list[word] == ',');
	}
	return false;
}

static bool is_matched(const char *pattern, const char *key, bool *is_wanted, struct error *err)
{
	return pattern_search(pattern, key, is_wanted, err) ||
	       error_in(err, "log opt: \"%s\" is no regular expression", pattern);
}

/* A later pair of the same key takes the place of the one before. */
static void put(struct texts *attributes, const char *pair, size_t length)
{
	for (size_t i = 0; i < attributes->count; i++) {
		if (strncmp(attributes->items[i], pair, length + 1) == 0) {
			attributes->items[i] = pair;
			return;
		}
	}
	texts_add(attributes, pair);
}

/* Of the pairs those whose keys are in the list, or match the pattern. */
static bool add_chosen(const struct texts *pairs, const char *list, const char *pattern,
		       struct arena *arena, struct texts *attributes, struct error *err)
{
	bool is_wanted = false;

	/* So that a wrong pattern is seen at once. */
	if (pattern && *pattern && !is_matched(pattern, "", &is_wanted, err))
		return false;
	for (size_t i = 0; i < pairs->count; i++) {
		const char *pair = pairs->items[i];
		const char *equals = strchr(pair, '=');

		if (!equals)
			continue;
		size_t length = (size_t)(equals - pair);

		is_wanted = list && is_named(list, pair, length);
		if (!is_wanted && pattern && *pattern &&
		    !is_matched(pattern, arena_strndup(arena, pair, length), &is_wanted, err))
			return false;
		if (is_wanted)
			put(attributes, pair, length);
	}
	return true;
}

void logging_set_options(struct container *container, const struct texts *options,
			 struct arena *arena)
{
	struct texts *chosen = &container->log_options;

	for (size_t i = 0; i < options->count; i++) {
		const char *text = options->items[i];
		const size_t length = strcspn(text, "=");

		put(chosen, text[length] ? text : arena_printf(arena, "%s=", text), length);
	}
	texts_sort(chosen);
}

bool logging_attributes(const struct container *container, struct arena *arena,
			struct texts *attributes, struct error *err)
{
	if (!add_chosen(&container->labels, logging_option(container, "labels"),
			logging_option(container, "labels-regex"), arena, attributes, err) ||
	    !add_chosen(&container->env, logging_option(container, "env"),
			logging_option(container, "env-regex"), arena, attributes, err))
		return false;
	texts_sort(attributes);
	return true;
}
