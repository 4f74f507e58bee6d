/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/configtree.h"

#include "base/jsonout.h"
#include "tests/unit/tap.h"

static const struct json *parse(struct arena *arena, const char *text)
{
	const struct json *value = NULL;
	struct error err;

	check(json_parse(arena, "test", text, strlen(text), &value, &err), "%s", text);
	return value;
}

static void print(const struct confignode *node, struct buf *text)
{
	autoarena struct arena arena = { 0 };
	const struct json *value = NULL;
	struct jsonout out;
	struct error err;

	buf_init(text, 4096);
	if (!configtree_read(&arena, node, "tree", &value, &err))
		return;
	jsonout_init(&out, text, false);
	jsonout_json(&out, NULL, value);
	jsonout_done(&out);
}

/* Merges into a tree one after another, each with its time; what is left in the end. */
static const struct {
	const char *what;
	struct {
		char how; /* m: merge, d: defaults, r: replace, x: remove what the pointer means */
		int64_t time;
		const char *text;
	} moves[6];
	const char *result;
} merges[] = {
	{ "merge is deep",
	  { { 'm', 5, "{\"a\":{\"x\":1}}" }, { 'm', 6, "{\"a\":{\"y\":2}}" } },
	  "{\"a\":{\"x\":1,\"y\":2}}" },
	{ "lists and scalars are replaced",
	  { { 'm', 5, "{\"a\":[1,2],\"b\":1}" }, { 'm', 6, "{\"a\":[3],\"b\":\"t\"}" } },
	  "{\"a\":[3],\"b\":\"t\"}" },
	{ "the newer one wins, whatever the order",
	  { { 'm', 6, "{\"a\":1}" }, { 'm', 5, "{\"a\":2}" } },
	  "{\"a\":1}" },
	{ "the same time wins", { { 'm', 5, "{\"a\":1}" }, { 'm', 5, "{\"a\":2}" } }, "{\"a\":2}" },
	{ "defaults fill in what is missing",
	  { { 'm', 5, "{\"a\":{\"x\":1}}" }, { 'd', 1, "{\"a\":{\"x\":7,\"y\":8},\"b\":null}" } },
	  "{\"a\":{\"x\":1,\"y\":8},\"b\":null}" },
	{ "anything is newer than a default",
	  { { 'd', 1, "{\"a\":1}" }, { 'm', 2, "{\"a\":2}" } },
	  "{\"a\":2}" },
	{ "a default does not replace another",
	  { { 'd', 1, "{\"a\":1}" }, { 'd', 1, "{\"a\":2}" } },
	  "{\"a\":1}" },
	{ "a leaf becomes an object",
	  { { 'm', 5, "{\"a\":1}" }, { 'm', 6, "{\"a\":{\"x\":1}}" } },
	  "{\"a\":{\"x\":1}}" },
	{ "an object becomes a leaf",
	  { { 'm', 5, "{\"a\":{\"x\":1}}" }, { 'm', 6, "{\"a\":1}" } },
	  "{\"a\":1}" },
	{ "not by an older value",
	  { { 'm', 6, "{\"a\":1}" }, { 'm', 5, "{\"a\":{\"x\":1}}" } },
	  "{\"a\":1}" },
	{ "an empty object is something",
	  { { 'm', 5, "{\"a\":{},\"b\":{}}" }, { 'm', 6, "{\"b\":{\"x\":1}}" } },
	  "{\"a\":{},\"b\":{\"x\":1}}" },
	{ "keys in any case, spelt as at first",
	  { { 'm', 5, "{\"Key\":1}" }, { 'm', 6, "{\"kEY\":2}" } },
	  "{\"Key\":2}" },
	{ "replacing removes the rest",
	  { { 'm', 9, "{\"a\":{\"x\":1,\"y\":2},\"b\":1}" }, { 'r', 5, "{\"a\":{\"y\":3}}" } },
	  "{\"a\":{\"y\":3}}" },
	{ "removing leaves an empty parent",
	  { { 'm', 5, "{\"a\":{\"x\":1}}" }, { 'x', 0, "/a/x" } },
	  "{\"a\":{}}" },
	{ "and what was empty can be filled again",
	  { { 'm', 5, "{\"a\":{\"x\":1}}" }, { 'x', 0, "/a/x" }, { 'm', 6, "{\"a\":{\"z\":1}}" } },
	  "{\"a\":{\"z\":1}}" },
	{ "odd keys",
	  { { 'm', 5, "{\"a/b\":{\"~c\":1,\"\":2}}" }, { 'x', 0, "/a~1b/~0c" } },
	  "{\"a/b\":{\"\":2}}" },
};

/* A second tree that only hears of the changes must be the same in the end: that is how the disk
 * follows. */
static void follow(void *context, const struct confignode *node, bool is_gone, bool is_same)
{
	struct configtree *copy = context;
	autobuf struct buf pointer;
	struct confignode *old;
	struct error err;

	(void)is_same;
	buf_init(&pointer, 4096);
	configtree_pointer(node, &pointer);
	old = configtree_find_pointer(&copy->root, pointer.data);
	if (is_gone) {
		check(old != NULL, "%s was there", pointer.data);
		if (old)
			configtree_remove(copy, old);
		return;
	}
	if (!configtree_restore(copy, pointer.data, node->value ? node->value : "{}", node->time,
				&err))
		check(false, "%s: %s", pointer.data, err.text);
}

static void move(struct configtree *tree, char how, int64_t time, const char *text)
{
	static const char *const here[] = { NULL };
	autoarena struct arena arena = { 0 };
	struct configtree_merge merge = { .time = time, .is_default = how == 'd' };
	struct error err;

	if (how == 'x')
		configtree_remove(tree, configtree_find_pointer(&tree->root, text));
	else if (how == 'r')
		check(configtree_replace(tree, &tree->root, here, parse(&arena, text), time, &err),
		      "replace");
	else
		check(configtree_merge(tree, &tree->root, here, parse(&arena, text), &merge, &err),
		      "merge");
}

static void test_merges(void)
{
	for (size_t i = 0; i < COUNT_OF(merges); i++) {
		struct configtree tree, copy;
		autobuf struct buf got = { 0 };

		configtree_init(&tree);
		configtree_init(&copy);
		tree.watcher = (struct configtree_watcher){ .on_change = follow, .context = &copy };
		for (size_t k = 0; k < COUNT_OF(merges[i].moves) && merges[i].moves[k].how; k++)
			move(&tree, merges[i].moves[k].how, merges[i].moves[k].time,
			     merges[i].moves[k].text);
		print(&tree.root, &got);
		check_text(got.data, merges[i].result, "%s", merges[i].what);
		configtree_done(&tree);
		configtree_done(&copy);
	}
}

static void test_older_is_counted(void)
{
	static const char *const place[] = { "a", "b", NULL };
	autoarena struct arena arena = { 0 };
	struct configtree_merge merge = { .time = 9 };
	struct configtree tree;
	struct error err;

	configtree_init(&tree);
	check(configtree_merge(&tree, &tree.root, place, parse(&arena, "{\"x\":1,\"y\":2}"), &merge,
			       &err) &&
		      merge.older == 0,
	      "at 9");
	merge.time = 8;
	check(configtree_merge(&tree, &tree.root, place, parse(&arena, "{\"x\":3,\"z\":4}"), &merge,
			       &err) &&
		      merge.older == 1,
	      "at 8 one is kept");
	check_text(
		configtree_text(&arena, &tree.root, (const char *const[]){ "A", "B", "z", NULL }),
		"4", "and the other one is set");
	configtree_done(&tree);
}

static void test_limits(void)
{
	static const char *const here[] = { NULL };
	autoarena struct arena arena = { 0 };
	struct configtree_merge merge = { .time = 1 };
	struct configtree tree;
	autobuf struct buf deep;
	struct error err;

	configtree_init(&tree);
	buf_init(&deep, 4096);
	buf_add_text(&deep, "{\"a\":1,\"b\":");
	for (int i = 0; i < CONFIGTREE_DEPTH_MAX + 1; i++)
		buf_add_text(&deep, "{\"k\":");
	buf_add_text(&deep, "1");
	for (int i = 0; i < CONFIGTREE_DEPTH_MAX + 2; i++)
		buf_add_text(&deep, "}");
	check(!configtree_merge(&tree, &tree.root, here, parse(&arena, deep.data), &merge, &err),
	      "too deep");
	check(!tree.root.child, "and nothing was changed");
	check(!configtree_restore(&tree, "no/pointer", "1", 1, &err), "no pointer");
	check(!configtree_restore(&tree, "", "1", 1, &err), "no leaf");
	check(configtree_restore(&tree, "/a", "1", 1, &err), "a leaf");
	check(!configtree_restore(&tree, "/a/b", "1", 1, &err), "a leaf has no children");
	configtree_done(&tree);
}

static void test_below(void)
{
	static const char *const path[] = { "services", "a/b", NULL };

	check(configtree_is_below("/services/a~1b", path), "itself");
	check(configtree_is_below("/Services/A~1B/x/y", path), "below, in any case");
	check(!configtree_is_below("/services/a~1bc", path), "a longer name");
	check(!configtree_is_below("/services", path), "above");
}

int main(void)
{
	test_merges();
	test_older_is_counted();
	test_limits();
	test_below();
	return tap_done();
}
