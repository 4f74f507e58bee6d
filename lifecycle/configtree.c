/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/configtree.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/jsonout.h"
#include "base/mem.h"

#define EMPTY_OBJECT "{}"

void configtree_init(struct configtree *tree)
{
	*tree = (struct configtree){ 0 };
}

/* Recursion is bounded by CONFIGTREE_DEPTH_MAX, here and below. */
static void free_children(struct confignode *node)
{
	while (node->child) {
		struct confignode *child = node->child;

		node->child = child->next;
		free_children(child);
		free(child->key);
		free(child->value);
		free(child);
	}
}

void configtree_done(struct configtree *tree)
{
	free_children(&tree->root);
	free(tree->root.value);
	*tree = (struct configtree){ 0 };
}

/* -- finding ------------------------------------------------------------------------------------
 */

static struct confignode *find_child(const struct confignode *node, const char *key)
{
	struct confignode *child = node->child;

	while (child && strcasecmp(child->key, key) != 0)
		child = child->next;
	return child;
}

const struct confignode *configtree_child(const struct confignode *node, const char *key)
{
	return node ? find_child(node, key) : NULL;
}

struct confignode *configtree_find(const struct confignode *node, const char *const *path)
{
	while (node && *path)
		node = find_child(node, *path++);
	return (struct confignode *)(uintptr_t)node;
}

/* One step of a pointer with ~1 and ~0 put back; the caller frees it. */
static char *decode_step(const char *step, size_t length)
{
	char *key = mem_alloc(length + 1), *end = key;

	for (size_t i = 0; i < length; i++) {
		bool is_escape = step[i] == '~' && i + 1 < length &&
				 (step[i + 1] == '0' || step[i + 1] == '1');

		*end++ = !is_escape ? step[i] : step[i + 1] == '0' ? '~' : '/';
		i += is_escape;
	}
	*end = '\0';
	return key;
}

struct confignode *configtree_find_pointer(const struct confignode *node, const char *pointer)
{
	while (node && *pointer) {
		if (*pointer++ != '/')
			return NULL;

		size_t length = strcspn(pointer, "/");
		autofree char *key = decode_step(pointer, length);

		node = find_child(node, key);
		pointer += length;
	}
	return (struct confignode *)(uintptr_t)node;
}

const char *configtree_text(struct arena *arena, const struct confignode *node,
			    const char *const *path)
{
	const struct confignode *found = configtree_find(node, path);
	const struct json *value;
	struct error ignored;

	if (!found || !found->value ||
	    !json_parse(arena, found->key, found->value, strlen(found->value), &value, &ignored))
		return NULL;
	if (value->type == JSON_BOOL)
		return value->boolean ? "true" : "false";
	return value->type == JSON_TEXT || value->type == JSON_NUMBER ? value->text : NULL;
}

void configtree_pointer(const struct confignode *node, struct buf *pointer)
{
	if (!node->parent)
		return;
	configtree_pointer(node->parent, pointer);
	buf_add_char(pointer, '/');
	for (const char *c = node->key; *c; c++) {
		if (*c == '~')
			buf_add_text(pointer, "~0");
		else if (*c == '/')
			buf_add_text(pointer, "~1");
		else
			buf_add_char(pointer, *c);
	}
}

bool configtree_is_below(const char *pointer, const char *const *path)
{
	for (; *path; path++) {
		if (*pointer++ != '/')
			return false;

		size_t length = strcspn(pointer, "/");
		autofree char *key = decode_step(pointer, length);

		if (strcasecmp(key, *path) != 0)
			return false;
		pointer += length;
	}
	return true;
}

/* -- changing -----------------------------------------------------------------------------------
 */

static void tell(const struct configtree *tree, const struct confignode *node, bool is_gone,
		 bool is_same)
{
	if (tree->watcher.on_change && (node->value || !node->child))
		tree->watcher.on_change(tree->watcher.context, node, is_gone, is_same);
}

static void tell_all_gone(const struct configtree *tree, const struct confignode *node)
{
	tell(tree, node, true, false);
	for (const struct confignode *child = node->child; child; child = child->next)
		tell_all_gone(tree, child);
}

static struct confignode *add_child(struct configtree *tree, struct confignode *node,
				    const char *key)
{
	struct confignode *child = mem_alloc(sizeof(*child)), **link = &node->child;

	/* An object that was empty was a thing of its own; now its children speak for it. */
	if (node->parent && !node->child && !node->value && node->time != 0)
		tell(tree, node, true, true);
	free(node->value);
	node->value = NULL;
	while (*link)
		link = &(*link)->next;
	*child = (struct confignode){ .key = mem_strdup(key), .parent = node };
	*link = child;
	return child;
}

static void set_value(struct configtree *tree, struct confignode *node, const char *value,
		      int64_t time)
{
	bool is_same = node->value && strcmp(node->value, value) == 0;

	if (is_same && node->time == time)
		return;
	if (node->child) {
		for (struct confignode *child = node->child; child; child = child->next)
			tell_all_gone(tree, child);
		free_children(node);
	}
	if (!is_same) {
		free(node->value);
		node->value = mem_strdup(value);
	}
	node->time = time;
	tell(tree, node, false, is_same);
}

void configtree_remove(struct configtree *tree, struct confignode *node)
{
	struct confignode *parent = node->parent;

	if (!parent) {
		for (struct confignode *child = node->child; child; child = child->next)
			tell_all_gone(tree, child);
		free_children(node);
		return;
	}
	tell_all_gone(tree, node);
	for (struct confignode **link = &parent->child; *link; link = &(*link)->next) {
		if (*link == node) {
			*link = node->next;
			break;
		}
	}
	int64_t time = node->time ? node->time : CONFIGTREE_DEFAULT_TIME;

	free_children(node);
	free(node->key);
	free(node->value);
	free(node);
	if (parent->parent && !parent->child) {
		parent->time = time;
		tell(tree, parent, false, true); /* empty now, and therefore on record itself */
	}
}

/* -- merging ------------------------------------------------------------------------------------
 */

/* Checked before anything is changed, so that a merge is done or not done. */
static bool check(const struct json *value, int depth, struct error *err)
{
	if (depth > CONFIGTREE_DEPTH_MAX)
		return json_wrong(value, err, "configuration is nested deeper than %d levels",
				  CONFIGTREE_DEPTH_MAX);
	if (value->type == JSON_TEXT && strlen(value->text) > CONFIGTREE_LEAF_MAX / 8)
		return json_wrong(value, err, "a value of more than %d bytes",
				  CONFIGTREE_LEAF_MAX / 8);
	if (value->type != JSON_OBJECT)
		return true;
	for (const struct json *member = value->child; member; member = member->next) {
		if (strlen(member->key) > CONFIGTREE_KEY_MAX)
			return json_wrong(value, err, "a key of more than %d bytes",
					  CONFIGTREE_KEY_MAX);
		if (!check(member, depth + 1, err))
			return false;
	}
	return true;
}

/* A leaf as compact JSON; too long a list ends cut, and is then no JSON: refused before. */
static bool print_leaf(const struct json *value, struct buf *text, struct error *err)
{
	struct jsonout out;

	buf_init(text, CONFIGTREE_LEAF_MAX);
	jsonout_init(&out, text, false);
	jsonout_json(&out, NULL, value);
	jsonout_done(&out);
	return buf_check(text, "a value of the configuration", err);
}

static bool check_leaves(const struct json *value, struct error *err)
{
	autobuf struct buf text = { 0 };

	if (value->type != JSON_OBJECT)
		return value->type != JSON_ARRAY || print_leaf(value, &text, err);
	for (const struct json *member = value->child; member; member = member->next)
		if (!check_leaves(member, err))
			return false;
	return true;
}

static bool is_new_node(const struct confignode *node)
{
	return !node->value && !node->child && node->time == 0;
}

/* Of what is there already; counts what has to stay because it is newer. */
static bool may_replace(const struct confignode *node, struct configtree_merge *merge)
{
	if (merge->is_forced)
		return true;
	if (merge->is_default)
		return false;
	merge->older += node->time > merge->time;
	return node->time <= merge->time;
}

static void merge_leaf(struct configtree *tree, struct confignode *node, const struct json *value,
		       struct configtree_merge *merge)
{
	autobuf struct buf text = { 0 };
	struct error ignored;

	if (!is_new_node(node) && !may_replace(node, merge))
		return;
	if (!print_leaf(value, &text, &ignored)) /* it was tried before */
		return;
	if (!merge->is_forced || !node->value || strcmp(node->value, text.data) != 0)
		set_value(tree, node, text.data, merge->time);
}

static void merge_node(struct configtree *tree, struct confignode *node, const struct json *value,
		       struct configtree_merge *merge)
{
	if (value->type != JSON_OBJECT) {
		merge_leaf(tree, node, value, merge);
		return;
	}
	if (node->value) { /* a leaf becomes an object, if it may */
		if (!may_replace(node, merge))
			return;
		tell(tree, node, true, false);
		free(node->value);
		node->value = NULL;
		node->time = 0;
	}
	if (value->count == 0 && is_new_node(node) && node->parent) {
		node->time = merge->time;
		tell(tree, node, false, false);
	}
	for (const struct json *member = value->child; member; member = member->next) {
		struct confignode *child = find_child(node, member->key);

		merge_node(tree, child ? child : add_child(tree, node, member->key), member, merge);
	}
}

static struct confignode *make_path(struct configtree *tree, struct confignode *node,
				    const char *const *path, struct configtree_merge *merge)
{
	for (; *path; path++) {
		struct confignode *child = find_child(node, *path);

		if (node->value) {
			if (!may_replace(node, merge))
				return NULL;
			tell(tree, node, true, false);
		}
		node = child ? child : add_child(tree, node, *path);
	}
	return node;
}

static bool check_path(const struct confignode *node, const char *const *path,
		       const struct json *value, struct error *err)
{
	int depth = 0;

	for (; node->parent; node = node->parent)
		depth++;
	for (; *path; path++, depth++)
		if (strlen(*path) > CONFIGTREE_KEY_MAX)
			return error_set(err, ERROR_INPUT, "a key of more than %d bytes",
					 CONFIGTREE_KEY_MAX);
	return check(value, depth, err) && check_leaves(value, err);
}

bool configtree_merge(struct configtree *tree, struct confignode *node, const char *const *path,
		      const struct json *value, struct configtree_merge *merge, struct error *err)
{
	merge->older = 0;
	if (!check_path(node, path, value, err))
		return false;
	node = make_path(tree, node, path, merge);
	if (node)
		merge_node(tree, node, value, merge);
	return true;
}

static void remove_others(struct configtree *tree, struct confignode *node,
			  const struct json *value)
{
	for (struct confignode *child = node->child, *next; child; child = next) {
		const struct json *member = json_get_fold(value, child->key);

		next = child->next;
		if (!member)
			configtree_remove(tree, child);
		else if (member->type == JSON_OBJECT && !child->value)
			remove_others(tree, child, member);
	}
}

bool configtree_replace(struct configtree *tree, struct confignode *node, const char *const *path,
			const struct json *value, int64_t time, struct error *err)
{
	struct configtree_merge merge = { .time = time, .is_forced = true };
	struct confignode *place;

	if (!check_path(node, path, value, err))
		return false;
	place = configtree_find(node, path);
	if (place && !place->value && value->type == JSON_OBJECT)
		remove_others(tree, place, value);
	merge_node(tree, make_path(tree, node, path, &merge), value, &merge);
	return true;
}

/* -- to and from text ---------------------------------------------------------------------------
 */

static bool read_node(struct arena *arena, struct json *parent, const char *key,
		      const struct confignode *node, struct json **result, struct error *err)
{
	autoarena struct arena scratch = { 0 };
	const struct json *value;

	if (node->value) {
		if (!json_parse(&scratch, key, node->value, strlen(node->value), &value, err))
			return false;
		*result = json_copy(arena, parent, key, value);
		return true;
	}
	*result = json_new(arena, parent, key, JSON_OBJECT, NULL);
	for (const struct confignode *child = node->child; child; child = child->next)
		if (!read_node(arena, *result, child->key, child, &(struct json *){ NULL }, err))
			return false;
	return true;
}

bool configtree_read(struct arena *arena, const struct confignode *node, const char *key,
		     const struct json **value, struct error *err)
{
	struct json *made = NULL;

	if (!read_node(arena, NULL, key, node, &made, err))
		return false;
	*value = made;
	return true;
}

bool configtree_restore(struct configtree *tree, const char *pointer, const char *value,
			int64_t time, struct error *err)
{
	struct confignode *node = &tree->root;
	const char *step = pointer;
	int depth = 0;

	while (*step == '/') {
		size_t length = strcspn(++step, "/");
		autofree char *key = decode_step(step, length);
		struct confignode *child = find_child(node, key);

		if (node->value || ++depth > CONFIGTREE_DEPTH_MAX)
			return error_set(err, ERROR_CORRUPT, "configuration %s is not a place",
					 pointer);
		node = child ? child : add_child(&(struct configtree){ 0 }, node, key);
		step += length;
	}
	if (*step != '\0' || node == &tree->root || node->child)
		return error_set(err, ERROR_CORRUPT, "configuration %s is not a place", pointer);
	node->time = time;
	if (strcmp(value, EMPTY_OBJECT) != 0) {
		free(node->value);
		node->value = mem_strdup(value);
	}
	return true;
}
