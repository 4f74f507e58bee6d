/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/ipc/topictree.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct topic_node {
	struct topic_node *parent;
	struct topic_node **children; /* in the order of their names */
	size_t count;
	struct topic_entry *entries;
	size_t length;
	char name[]; /* of the level; length bytes */
};

/* -- what is a topic ----------------------------------------------------------------------------
 */

static bool check_size(const char *topic, const char *what, struct error *err)
{
	if (!*topic)
		return error_set(err, ERROR_INPUT, "the %s is empty", what);
	if (strlen(topic) > TOPIC_MAX)
		return error_set(err, ERROR_INPUT, "the %s is longer than %d bytes", what,
				 TOPIC_MAX);
	return true;
}

bool topic_check_filter(const char *filter, struct error *err)
{
	if (!check_size(filter, "topic filter", err))
		return false;
	for (const char *at = filter; *at; at++) {
		if (*at != '+' && *at != '#')
			continue;
		if ((at > filter && at[-1] != '/') || (at[1] && at[1] != '/'))
			return error_set(err, ERROR_INPUT,
					 "topic filter \"%s\": '%c' must be a whole level", filter,
					 *at);
		if (*at == '#' && at[1])
			return error_set(err, ERROR_INPUT,
					 "topic filter \"%s\": '#' must be the last level", filter);
	}
	return true;
}

bool topic_has_wildcard(const char *filter)
{
	return strpbrk(filter, "+#") != NULL;
}

bool topic_check(const char *topic, struct error *err)
{
	if (!check_size(topic, "topic", err))
		return false;
	if (topic_has_wildcard(topic))
		return error_set(err, ERROR_INPUT, "topic \"%s\": nobody can publish to a wildcard",
				 topic);
	return true;
}

/* -- the tree -----------------------------------------------------------------------------------
 */

static struct topic_node *node_new(struct topic_node *parent, const char *name, size_t length)
{
	struct topic_node *node = mem_alloc(sizeof(*node) + length);

	node->parent = parent;
	node->length = length;
	memcpy(node->name, name, length);
	return node;
}

static int compare(const struct topic_node *node, const char *name, size_t length)
{
	int order = memcmp(node->name, name, node->length < length ? node->length : length);

	if (order)
		return order;
	return node->length < length ? -1 : node->length > length;
}

/* The place of a child; true if it is there. */
static bool find_place(const struct topic_node *node, const char *name, size_t length,
		       size_t *place)
{
	size_t low = 0, high = node->count;

	while (low < high) {
		size_t middle = (low + high) / 2;
		int order = compare(node->children[middle], name, length);

		if (order == 0) {
			*place = middle;
			return true;
		}
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	*place = low;
	return false;
}

static struct topic_node *child_of(const struct topic_node *node, const char *name, size_t length)
{
	size_t place;

	return find_place(node, name, length, &place) ? node->children[place] : NULL;
}

static struct topic_node *make_child(struct topic_node *node, const char *name, size_t length)
{
	size_t place;

	if (find_place(node, name, length, &place))
		return node->children[place];
	node->children = mem_resize(node->children, node->count + 1, sizeof(*node->children));
	memmove(node->children + place + 1, node->children + place,
		(node->count - place) * sizeof(*node->children));
	node->count++;
	node->children[place] = node_new(node, name, length);
	return node->children[place];
}

/* Removes nodes that nothing needs any more, from a leaf upwards. */
static void trim(struct topic_tree *tree, struct topic_node *node)
{
	while (node && !node->entries && !node->count) {
		struct topic_node *parent = node->parent;
		size_t place;

		if (!parent) {
			tree->root = NULL;
		} else if (find_place(parent, node->name, node->length, &place)) {
			parent->count--;
			memmove(parent->children + place, parent->children + place + 1,
				(parent->count - place) * sizeof(*parent->children));
		}
		free(node->children);
		free(node);
		node = parent;
	}
}

void topictree_add(struct topic_tree *tree, const char *filter, struct topic_entry *entry)
{
	if (!tree->root)
		tree->root = node_new(NULL, "", 0);

	struct topic_node *node = tree->root;

	for (;;) {
		size_t length = strcspn(filter, "/");

		node = make_child(node, filter, length);
		if (!filter[length])
			break;
		filter += length + 1;
	}
	entry->node = node;
	entry->previous = NULL;
	entry->next = node->entries;
	if (entry->next)
		entry->next->previous = entry;
	node->entries = entry;
}

void topictree_remove(struct topic_tree *tree, struct topic_entry *entry)
{
	struct topic_node *node = entry->node;

	if (!node)
		return;
	if (entry->previous)
		entry->previous->next = entry->next;
	else
		node->entries = entry->next;
	if (entry->next)
		entry->next->previous = entry->previous;
	entry->node = NULL;
	trim(tree, node);
}

struct walk {
	void (*on_match)(void *context, struct topic_entry *entry);
	void *context;
	bool has_parent_match;
};

static void call(const struct walk *walk, const struct topic_node *node)
{
	for (struct topic_entry *entry = node ? node->entries : NULL; entry; entry = entry->next)
		walk->on_match(walk->context, entry);
}

/* As deep as the topic has levels; each node of the tree is met once at most. */
static void descend(const struct walk *walk, const struct topic_node *node, const char *topic)
{
	if (!node)
		return;
	if (!topic) {
		call(walk, node);
		if (walk->has_parent_match)
			call(walk, child_of(node, "#", 1));
		return;
	}

	size_t length = strcspn(topic, "/");
	const char *rest = topic[length] ? topic + length + 1 : NULL;

	call(walk, child_of(node, "#", 1));
	descend(walk, child_of(node, "+", 1), rest);
	descend(walk, child_of(node, topic, length), rest);
}

void topictree_each(const struct topic_tree *tree, const char *topic,
		    void (*on_match)(void *context, struct topic_entry *entry), void *context)
{
	struct walk walk = { on_match, context, tree->has_parent_match };

	descend(&walk, tree->root, topic);
}

bool topictree_has(const struct topic_tree *tree, const char *filter)
{
	const struct topic_node *node = tree->root;

	while (node) {
		size_t length = strcspn(filter, "/");

		node = child_of(node, filter, length);
		if (!filter[length])
			return node && node->entries;
		filter += length + 1;
	}
	return false;
}

static void free_node(struct topic_node *node)
{
	/* Recursion as deep as a filter has levels. */
	for (size_t i = 0; i < node->count; i++)
		free_node(node->children[i]);
	for (struct topic_entry *entry = node->entries; entry; entry = entry->next)
		entry->node = NULL;
	free(node->children);
	free(node);
}

void topictree_done(struct topic_tree *tree)
{
	if (tree->root)
		free_node(tree->root);
	tree->root = NULL;
}
