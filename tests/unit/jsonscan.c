/* SPDX-License-Identifier: Apache-2.0 */
#include "base/jsonscan.h"

#include "base/json.h"
#include "tests/unit/tap.h"

static bool is_taken(const char *text)
{
	struct jsonscan scan;
	struct jsonspan value;

	jsonscan_init(&scan, text, strlen(text), 8);
	jsonscan_value(&scan, &value);
	return jsonscan_is_whole(&scan);
}

static void test_taken(void)
{
	static const char *const cases[] = {
		"{}",
		" [ ] ",
		"null",
		"true",
		"false",
		"0",
		"-0.5e-3",
		"12E+9",
		"\"\"",
		"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
		"[1,[2,{\"a\" : [ ] , \"b\":{}}]]",
		"\"sixteen bytes and \xe2\x9a\x93 more of them\"",
		"{\"\":{\"\":\"\"}}",
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++)
		check(is_taken(cases[i]), "taken: %s", cases[i]);
}

/* Wrong, or not ordinary enough. */
static void test_lost(void)
{
	static const char *const cases[] = {
		"",
		" ",
		"{",
		"[",
		"\"",
		"nul",
		"nulls",
		"-",
		"01",
		"1.",
		".5",
		"1e",
		"+1",
		"[1,]",
		"[,1]",
		"[1 2]",
		"{\"a\"}",
		"{\"a\":}",
		"{\"a\":1,}",
		"{,}",
		"{a:1}",
		"{\"a\" 1}",
		"[}",
		"{]",
		"1 1",
		"\"\t\"",
		"\"\\x\"",
		"\"\\u0041\"",
		"\"\\\"",
		"\"a",
		"seven 7\"",
		"\"\xc0\xaf\"",
		"[1,2,3,4,5,6,7,8]",
		"{\"a\":1}}",
		"'a'",
		"/**/1",
		"Infinity",
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++)
		check(!is_taken(cases[i]), "lost: %s", cases[i]);
}

static void test_depth(void)
{
	char text[2 * JSONSCAN_DEPTH_MAX + 3] = "";
	struct jsonscan scan;
	struct jsonspan value;

	for (size_t depth = JSONSCAN_DEPTH_MAX; depth <= JSONSCAN_DEPTH_MAX + 1; depth++) {
		memset(text, '[', depth);
		memset(text + depth, ']', depth);
		jsonscan_init(&scan, text, 2 * depth, 1000);
		jsonscan_value(&scan, &value);
		check_int(jsonscan_is_whole(&scan), depth == JSONSCAN_DEPTH_MAX, "%zu deep", depth);
	}
}

static void test_walk(void)
{
	static const char text[] = " {\"a\" : {\"b\": [1, {}] } , \"c\":\"x\\ny\",\"d\":\"plain\"}";
	struct jsonspan key, value = { 0 };
	struct jsonscan scan;

	jsonscan_init(&scan, text, strlen(text), 100);
	jsonscan_object(&scan);
	check(jsonscan_member(&scan, &key) && jsonspan_is(key, "a"), "the first key");
	jsonscan_object(&scan);
	check(jsonscan_member(&scan, &key) && jsonspan_is(key, "b"), "inside");
	jsonscan_value(&scan, &value);
	check(jsonspan_is(value, "[1, {}]"), "its bytes without blanks around them");
	check(!jsonscan_member(&scan, &key), "the end inside");
	check(jsonscan_member(&scan, &key) && jsonspan_is(key, "c"), "out again");
	jsonscan_value(&scan, &value);
	check(jsonspan_is(value, "\"x\\ny\""), "a string with its quotes");
	check(jsonscan_member(&scan, &key) && jsonspan_is(key, "d"), "the last key");
	jsonscan_plain(&scan, &value);
	check(jsonspan_is(value, "plain"), "a plain string without");
	check(!jsonscan_member(&scan, &key) && jsonscan_is_whole(&scan), "the end");

	jsonscan_init(&scan, "\"x\\ny\"", 6, 100);
	jsonscan_plain(&scan, &value);
	check(!jsonscan_is_whole(&scan), "an escape is not plain");
}

int main(void)
{
	test_taken();
	test_lost();
	test_depth();
	test_walk();
	return tap_done();
}
