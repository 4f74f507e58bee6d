/* SPDX-License-Identifier: Apache-2.0 */
#include "base/yaml.h"

#include "base/buf.h"
#include "base/jsonout.h"
#include "tests/unit/tap.h"

/* The tree as JSON, or the error. */
static const char *as_json(struct arena *arena, const char *yaml)
{
	const struct json *root;
	autobuf struct buf text;
	struct jsonout out;
	struct error err;

	buf_init(&text, 1024 * 1024);
	if (!yaml_parse(arena, "doc", yaml, strlen(yaml), &root, &err))
		return arena_strdup(arena, err.text);
	jsonout_init(&out, &text, false);
	jsonout_json(&out, NULL, root);
	jsonout_done(&out);
	return arena_strndup(arena, text.data, text.length);
}

static const struct {
	const char *yaml;
	const char *json;
} good[] = {
	/* What YAML 1.1 would make dates, floats, octals, booleans and base 60 of. */
	{ "RecipeFormatVersion: 2020-01-25", "{\"RecipeFormatVersion\":\"2020-01-25\"}" },
	{ "v: 1.0.0", "{\"v\":\"1.0.0\"}" },
	{ "v: 1.10", "{\"v\":1.10}" },
	{ "v: 0755", "{\"v\":\"0755\"}" },
	{ "v: [yes, no, on, off, y, n]", "{\"v\":[\"yes\",\"no\",\"on\",\"off\",\"y\",\"n\"]}" },
	{ "v: 22:22", "{\"v\":\"22:22\"}" },
	{ "v: [0x10, +1, .5, 1_000, .inf, 1., -0, 1e3, 1.5E-2]",
	  "{\"v\":[\"0x10\",\"+1\",\".5\",\"1_000\",\".inf\",\"1.\",-0,1e3,1.5E-2]}" },
	{ "v: [true, True, FALSE, tRUE]", "{\"v\":[true,true,false,\"tRUE\"]}" },
	{ "v: [~, null, NULL, '', \"\", nUll]", "{\"v\":[null,null,null,\"\",\"\",\"nUll\"]}" },
	{ "v:", "{\"v\":null}" },
	{ "v: '1'", "{\"v\":\"1\"}" },
	{ "v: !!str 1", "{\"v\":\"1\"}" },
	{ "v: 12", "{\"v\":12}" },
	/* Block scalars and friends. */
	{ "Run: |\n  a \\\n    b\n  c\n", "{\"Run\":\"a \\\\\\n  b\\nc\\n\"}" },
	{ "Run: |-\n  a\n  b\n", "{\"Run\":\"a\\nb\"}" },
	{ "Run: >-\n  a\n  b\n\n  c\n", "{\"Run\":\"a b\\nc\"}" },
	{ "Run: >\n  a\n  b\n", "{\"Run\":\"a b\\n\"}" },
	{ "--- # start\na: 1\n...\n", "{\"a\":1}" },
	{ "'a:b:c': 1\n\"x y\": 2", "{\"a:b:c\":1,\"x y\":2}" },
	{ "{a: [1, {b: c}], d: {}}", "{\"a\":[1,{\"b\":\"c\"}],\"d\":{}}" },
	{ "{\"a\":\"\\u00e9\\t\"}", "{\"a\":\"é\\t\"}" },
	{ "- a\n- - b\n  - c\n", "[\"a\",[\"b\",\"c\"]]" },
	{ "just text", "\"just text\"" },
	{ "", "null" },
	{ "# only a comment\n", "null" },
	{ "---\n", "null" },
	/* Anchors, aliases, merge keys. */
	{ "a: &x [1, {k: v}]\nb: *x", "{\"a\":[1,{\"k\":\"v\"}],\"b\":[1,{\"k\":\"v\"}]}" },
	{ "a: &x 1.0.0\nb: *x", "{\"a\":\"1.0.0\",\"b\":\"1.0.0\"}" },
	{ "a: &x 1\nb: &x 2\nc: *x", "{\"a\":1,\"b\":2,\"c\":2}" },
	{ "a: &x {k: 1, l: 2}\nb: {<<: *x, k: 3}",
	  "{\"a\":{\"k\":1,\"l\":2},\"b\":{\"k\":3,\"l\":2}}" },
	{ "a: &x {k: 1}\nb: &y {k: 2, m: 4}\nc: {<<: [*x, *y]}",
	  "{\"a\":{\"k\":1},\"b\":{\"k\":2,\"m\":4},\"c\":{\"k\":1,\"m\":4}}" },
	{ "b: {'<<': 1}", "{\"b\":{\"<<\":1}}" },
	{ "b: {<<: {k: 1}}", "{\"b\":{\"k\":1}}" },
};

static void test_good(void)
{
	autoarena struct arena arena = { 0 };

	for (size_t i = 0; i < COUNT_OF(good); i++)
		check_text(as_json(&arena, good[i].yaml), good[i].json, "%s", good[i].yaml);
}

static const struct {
	const char *yaml;
	const char *part; /* of the error */
} bad[] = {
	{ "a: 1\n b: 2\n", "doc: line 2: " },
	{ "a:\n\t- b\n", "doc: line 2: " },
	{ "a: [1, 2", "line" },
	{ "a: 1\n---\nb: 2\n", "line 2: a second document begins" },
	{ "a: *nowhere", "line 1: an alias stands for" },
	{ "a: &x [*x]", "an alias stands for" },
	{ "a: &x {<<: *x}", "an alias stands for" },
	{ "a: {<<: 1}", "`<<` takes a mapping" },
	{ "a: {<<: [1]}", "`<<` takes a mapping" },
	{ "? [a, b]\n: 1\n", "a key must be a text" },
	{ "? {a: b}\n: 1\n", "a key must be a text" },
	{ "a: &k 1\n*k : 2\n", "a key must be a text" },
	{ "a: \"\\0\"", "NUL" },
	{ "\"a\\0b\": 1", "NUL" },
	{ "a: \x01", "line" },
	{ "a: \"\xff\"", "doc" },
	{ "a: \"open", "line" },
	{ "%YAML 9.9\n---\na: 1", "line" },
};

static void test_bad(void)
{
	autoarena struct arena arena = { 0 };
	const struct json *root;
	struct error err;

	for (size_t i = 0; i < COUNT_OF(bad); i++)
		check_error(
			yaml_parse(&arena, "doc", bad[i].yaml, strlen(bad[i].yaml), &root, &err),
			&err, ERROR_INPUT, bad[i].part, "%s", bad[i].yaml);
}

/* Nine levels of ten aliases each: 10^9 values, of which none may be made beyond the limit. */
static void test_laughs(void)
{
	autoarena struct arena arena = { 0 };
	const struct json *root;
	autobuf struct buf text;
	struct error err;

	buf_init(&text, 65536);
	buf_add_text(&text, "a0: &a0 [lol]\n");
	for (int level = 1; level < 10; level++) {
		buf_printf(&text, "a%d: &a%d [", level, level);
		for (int i = 0; i < 10; i++)
			buf_printf(&text, "%s*a%d", i > 0 ? "," : "", level - 1);
		buf_add_text(&text, "]\n");
	}
	check_error(yaml_parse(&arena, "bomb", text.data, text.length, &root, &err), &err,
		    ERROR_INPUT, "bomb: line 6: too many values", "a billion laughs");
}

/* A text of 100000 bytes, and aliases of it. */
static void add_long_text(struct buf *text, int aliases)
{
	buf_add_text(text, "a: &a ");
	for (int i = 0; i < 100000; i++)
		buf_add_char(text, 'x');
	buf_add_text(text, "\nb: [");
	for (int i = 0; i < aliases; i++)
		buf_add_text(text, "*a,");
	buf_add_text(text, "]\n");
}

/* A long text that many aliases stand for is kept once; but who reads the tree reads it often. */
static void test_shared_text(void)
{
	autoarena struct arena arena = { 0 };
	const struct json *root;
	autobuf struct buf text, more;
	struct error err;

	buf_init(&text, 1024 * 1024);
	buf_init(&more, 1024 * 1024);
	add_long_text(&text, 600);
	add_long_text(&more, 700);
	check_error(yaml_parse(&arena, "doc", more.data, more.length, &root, &err), &err,
		    ERROR_INPUT, "too much text", "700 aliases of a long text");
	if (!check_ok(yaml_parse(&arena, "doc", text.data, text.length, &root, &err), &err,
		      "600 aliases of a long text"))
		return;

	const struct json *list = json_get(root, "b");

	check(list->child->text == list->last->text, "all share one text");
}

static void test_merge_bomb(void)
{
	autoarena struct arena arena = { 0 };
	const struct json *root;
	autobuf struct buf text;
	struct error err;

	buf_init(&text, 1024 * 1024);
	buf_add_text(&text, "a: &a {");
	for (int i = 0; i < 1000; i++)
		buf_printf(&text, "k%d: 1,", i);
	buf_add_text(&text, "}\nb: {<<: *a,");
	for (int i = 0; i < 1000; i++)
		buf_printf(&text, "l%d: 1,", i);
	buf_add_text(&text, "}\n");
	check_error(yaml_parse(&arena, "doc", text.data, text.length, &root, &err), &err,
		    ERROR_INPUT, "too many members to merge", "a merge of many members");
}

static void test_depth(const char *open, int depth, bool is_good)
{
	autoarena struct arena arena = { 0 };
	const struct json *root;
	autobuf struct buf text;
	struct error err;

	buf_init(&text, 1024 * 1024);
	for (int i = 0; i < depth; i++)
		buf_add_text(&text, open);
	buf_add_text(&text, "1");
	for (int i = 0; is_good && i < depth; i++)
		buf_add_char(&text, *open == '[' ? ']' : '}');

	bool result = yaml_parse(&arena, "deep", text.data, text.length, &root, &err);

	if (is_good)
		check_ok(result, &err, "depth %d of %s", depth, open);
	else
		check_error(result, &err, ERROR_INPUT, "deep: line 1: ", "depth %d of %s", depth,
			    open);
}

static void test_anchors(void)
{
	autoarena struct arena arena = { 0 };
	const struct json *root;
	autobuf struct buf text;
	struct error err;

	buf_init(&text, 1024 * 1024);
	for (int i = 0; i <= YAML_ANCHORS_MAX; i++)
		buf_printf(&text, "- &a%d x\n", i);
	check_error(yaml_parse(&arena, "doc", text.data, text.length, &root, &err), &err,
		    ERROR_INPUT, "too many anchors", "many anchors");
}

int main(void)
{
	test_good();
	test_bad();
	test_laughs();
	test_shared_text();
	test_merge_bomb();
	test_depth("[", JSON_DEPTH_MAX, true);
	test_depth("[", JSON_DEPTH_MAX + 1, false);
	test_depth("{a: ", JSON_DEPTH_MAX, true);
	test_depth("{a: ", 10000, false);
	test_depth("[", 10000, false);
	test_anchors();
	return tap_done();
}
