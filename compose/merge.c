/* SPDX-License-Identifier: Apache-2.0 */
#include "compose/merge.h"

#include <string.h>

#include "base/word.h"
#include "compose/tree.h"

/* What an element of a list is about: the later one about the same thing replaces the earlier. */
static const char *target_of(struct arena *arena, const struct json *item, bool is_secret)
{
	if (item->type == JSON_OBJECT) {
		const char *target = tree_text(item, "target");
		const char *source = tree_text(item, "source");

		return target || !source ? target
					 : arena_printf(arena, "%s/%s",
							is_secret ? "/run/secrets" : "", source);
	}

	/* A device: SOURCE[:TARGET[:rwm]] */
	const char *text = tree_scalar(item);
	const char *colon = text ? strchr(text, ':') : NULL;

	return colon ? arena_strndup(arena, colon + 1, strcspn(colon + 1, ":")) : text;
}

static struct json *find_target(struct arena *arena, const struct json *list, const char *target,
				bool is_secret)
{
	for (struct json *item = list->child; item; item = item->next) {
		const char *other = target_of(arena, item, is_secret);

		if (other && target && strcmp(other, target) == 0)
			return item;
	}
	return NULL;
}

static void merge_targets(struct arena *arena, struct json *base, struct json *over)
{
	bool is_secret = over->key && strcmp(over->key, "secrets") == 0;

	for (struct json *item = over->child, *next; item; item = next) {
		const char *target = target_of(arena, item, is_secret);
		struct json *same = find_target(arena, base, target, is_secret);

		next = item->next;
		if (same)
			tree_become(same, item);
		else
			(void)tree_copy(arena, base, NULL, item);
	}
}

static bool has_equal(const struct json *list, const struct json *value)
{
	for (const struct json *item = list->child; item; item = item->next) {
		if (tree_is_equal(item, value))
			return true;
	}
	return false;
}

static void merge_lists(struct arena *arena, struct json *base, const struct json *over)
{
	for (const struct json *item = over->child; item; item = item->next) {
		if (!has_equal(base, item))
			(void)tree_copy(arena, base, NULL, item);
	}
}

void merge_doubles(struct arena *arena, struct json *service)
{
	static const char *const lists[] = { "cap_add",  "cap_drop",       "dns",   "dns_opt",
					     "expose",   "external_links", "links", "ports",
					     "profiles", "tmpfs",          NULL };
	static const char *const by_target[] = { "volumes", "devices", "secrets", "configs", NULL };

	for (struct json *list = service->child; list; list = list->next) {
		bool has_targets = word_is_in(list->key, by_target);

		if (list->type != JSON_ARRAY || !(has_targets || word_is_in(list->key, lists)))
			continue;

		struct json *own = json_new(arena, NULL, NULL, JSON_ARRAY, NULL);

		if (has_targets)
			merge_targets(arena, own, list);
		else
			merge_lists(arena, own, list);
		tree_become(list, own);
	}
}

static bool is_replaced(const struct json *base, const struct json *over)
{
	static const char *const wholes[] = { "command", "entrypoint", "test", NULL };
	const char *driver = tree_text(base, "driver"), *other = tree_text(over, "driver");

	if (base->type != over->type)
		return true;
	/* Lists by then; a mapping is a service, or something else, that has that name. */
	if (base->type == JSON_ARRAY && base->key && word_is_in(base->key, wholes))
		return true;
	/* The options of one logging driver mean nothing to another. */
	return base->key && strcmp(base->key, "logging") == 0 && driver && other &&
	       strcmp(driver, other) != 0;
}

/* Bounded by the depth of a document. */
static void merge_values(struct arena *arena, struct json *base, struct json *over)
{
	static const char *const by_target[] = { "volumes", "devices", "secrets", "configs", NULL };

	if (is_replaced(base, over)) {
		tree_become(base, over);
		return;
	}
	if (base->type == JSON_ARRAY && base->key && word_is_in(base->key, by_target)) {
		merge_targets(arena, base, over);
	} else if (base->type == JSON_ARRAY) {
		merge_lists(arena, base, over);
	} else if (base->type == JSON_OBJECT) {
		merge_service(arena, base, over);
	} else {
		tree_become(base, over);
	}
}

void merge_service(struct arena *arena, struct json *base, struct json *over)
{
	for (struct json *member = over->child, *next; member; member = next) {
		struct json *same = tree_find(base, member->key);

		next = member->next;
		if (same)
			merge_values(arena, same, member);
		else
			(void)tree_copy(arena, base, member->key, member);
	}
}

void merge_document(struct arena *arena, struct json *base, struct json *over)
{
	merge_service(arena, base, over);
}
