/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include "base/buf.h"
#include "tests/unit/tap.h"

static bool parse(struct arena *arena, const char *text, const struct json **root,
		  struct error *err)
{
	return json_parse(arena, "doc", text, strlen(text), root, err);
}

static void test_accepted(void)
{
	static const struct {
		const char *text;
		enum json_type type;
	} cases[] = {
		{ "{}", JSON_OBJECT },
		{ "[]", JSON_ARRAY },
		{ "null", JSON_NULL },
		{ "1", JSON_NUMBER },
		{ "-0", JSON_NUMBER },
		{ "1.5e-300", JSON_NUMBER },
		{ "\"\"", JSON_TEXT },
		{ "true", JSON_BOOL },
		{ " \t\r\n[ ]\n ", JSON_ARRAY },
		{ "{\"\":1}", JSON_OBJECT },
		{ "\"\\ud83d\\udea2\"", JSON_TEXT },
		{ "\"\\ud800\"", JSON_TEXT }, /* a lone surrogate: the grammar allows it */
		{ "1e999999", JSON_NUMBER },
		{ "123456789012345678901234567890", JSON_NUMBER },
		{ "[1,[2,[3,{\"a\":[{}]}]]]", JSON_ARRAY },
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		autoarena struct arena arena = { 0 };
		const struct json *root = NULL;
		struct error err;

		if (check_ok(parse(&arena, cases[i].text, &root, &err), &err, "%s", cases[i].text))
			check_int(root->type, cases[i].type, "type of %s", cases[i].text);
	}
}

static void test_refused(void)
{
	static const char *const cases[] = {
		"",
		" ",
		"{",
		"[",
		"\"",
		"[1",
		"{\"a\"",
		"{\"a\":",
		"{\"a\":1",
		"tru",
		"nul",
		"-",
		"1.",
		".5",
		"+1",
		"01",
		"0x10",
		"1e",
		"NaN",
		"Infinity",
		"'a'",
		"{a:1}",
		"[1,]",
		"{\"a\":1,}",
		"[,1]",
		"[1 2]",
		"{\"a\" 1}",
		"{1:2}",
		"{} {}",
		"[]x",
		"1 2",
		"]",
		"// comment\n{}",
		"{/* comment */}",
		"# comment\n{}",
		"\"\\x\"",
		"\"\\u12\"",
		"\"\\u0000\"",
		"{\"a\\u0000b\":1}",
		"\"tab\there\"",
		"\"line\nbreak\"",
		"\"\xff\"",
		"\"\xc0\x80\"",
		"\"\xed\xa0\x80\"",
		"\"\xf4\x90\x80\x80\"",
		"\"\xe2\x82\"",
		"{\"\xff\":1}",
		"\xef\xbb\xbf{}",
		"\xff\xfe{\0}\0",
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		autoarena struct arena arena = { 0 };
		const struct json *root = NULL;
		struct error err;

		check_error(parse(&arena, cases[i], &root, &err), &err, ERROR_INPUT,
			    "doc: ", "case %zu is refused", i);
	}
}

/* Every beginning of a document but the whole is refused, and read no further than it goes. */
static void test_truncated(void)
{
	static const char text[] = "{\"a\":[1,-2.5e3,\"x\\n\\u00e4\xc3\xa4\",true,false,null,{}]}";
	struct error err;
	int accepted = 0;

	for (size_t length = 0; length < strlen(text); length++) {
		autoarena struct arena arena = { 0 };
		autofree char *exact = mem_alloc(length);
		const struct json *root = NULL;

		memcpy(exact, text, length);
		accepted += json_parse(&arena, "doc", exact, length, &root, &err);
	}
	check_int(accepted, 0, "truncated documents are refused");

	autoarena struct arena arena = { 0 };
	const struct json *root = NULL;

	check(!json_parse(&arena, "doc", "{}\0", 3, &root, &err), "a NUL behind the end");
	check(!json_parse(&arena, "doc", "\"a\0b\"", 5, &root, &err), "a NUL inside a string");
}

static char *nested(size_t depth, char open, char close)
{
	char *text = mem_alloc(2 * depth + 1);

	memset(text, open, depth);
	memset(text + depth, close, depth);
	return text;
}

static void test_limits(void)
{
	autoarena struct arena arena = { 0 };
	autofree char *deepest = nested(JSON_DEPTH_MAX, '[', ']');
	autofree char *deeper = nested(JSON_DEPTH_MAX + 1, '[', ']');
	autofree char *abyss = nested(10000, '[', ']');
	autofree char *open_only = mem_alloc(1000001);
	autobuf struct buf many;
	const struct json *root = NULL;
	struct error err;

	check_ok(parse(&arena, deepest, &root, &err), &err, "the deepest allowed");
	check_error(parse(&arena, deeper, &root, &err), &err, ERROR_INPUT, "doc: nested too deeply",
		    "one level more");
	check_error(parse(&arena, abyss, &root, &err), &err, ERROR_INPUT, "nested too deeply",
		    "10,000 levels");
	memset(open_only, '[', 1000000);
	check_error(parse(&arena, open_only, &root, &err), &err, ERROR_INPUT, "nested too deeply",
		    "a million open brackets");

	buf_init(&many, 4 * JSON_VALUES_MAX);
	buf_add_text(&many, "[0");
	for (int i = 2; i < JSON_VALUES_MAX; i++)
		buf_add_text(&many, ",0");
	buf_add_text(&many, "]");
	check_ok(parse(&arena, many.data, &root, &err), &err, "as many values as allowed");
	many.data[many.length - 1] = ',';
	buf_add_text(&many, "0]");
	check_error(parse(&arena, many.data, &root, &err), &err, ERROR_INPUT, "too many values",
		    "one value more");
}

static void test_numbers(void)
{
	static const struct {
		const char *text;
		bool is_int;
		long long value;
		const char *reason;
	} cases[] = {
		{ "0", true, 0, NULL },
		{ "-0", true, 0, NULL },
		{ "9223372036854775807", true, INT64_MAX, NULL },
		{ "-9223372036854775808", true, INT64_MIN, NULL },
		{ "9223372036854775808", false, 0, "out of range" },
		{ "-9223372036854775809", false, 0, "out of range" },
		{ "1e3", false, 0, "expected a whole number, found 1e3" },
		{ "1.0", false, 0, "expected a whole number, found 1.0" },
		{ "\"1\"", false, 0, "expected a number, found a string" },
		{ "true", false, 0, "expected a number, found a boolean" },
	};
	char digits[5000];

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		autoarena struct arena arena = { 0 };
		const struct json *root = NULL;
		struct error err;
		int64_t value = 0;

		if (!check_ok(parse(&arena, cases[i].text, &root, &err), &err, "parse %s",
			      cases[i].text))
			continue;
		if (cases[i].is_int && check_ok(json_as_int(root, &value, &err), &err, "as int"))
			check_int(value, cases[i].value, "value of %s", cases[i].text);
		if (!cases[i].is_int)
			check_error(json_as_int(root, &value, &err), &err, ERROR_INPUT,
				    cases[i].reason, "%s is no int", cases[i].text);
	}

	autoarena struct arena arena = { 0 };
	const struct json *root = NULL;
	struct error err;
	int64_t value;

	memset(digits, '9', sizeof(digits) - 1);
	digits[sizeof(digits) - 1] = '\0';
	if (check_ok(parse(&arena, digits, &root, &err), &err, "a number of 4999 digits"))
		check_error(json_as_int(root, &value, &err), &err, ERROR_INPUT, "out of range",
			    "is no int");
}

static void test_getters(void)
{
	static const char text[] =
		"{\"name\":\"x\",\"count\":7,\"yes\":true,\"none\":null,\"list\":[\"a\",\"b\"],"
		"\"map\":{\"k\":{\"deep\":[0,{\"run\":5}]}},\"mixed\":[\"a\",1],\"twice\":1,"
		"\"twice\":2,"
		"\"Fold\":\"y\"}";
	autoarena struct arena arena = { 0 };
	const struct json *root = NULL, *child;
	const char *value = NULL, **values;
	struct error err;
	int64_t number;
	size_t count;
	bool flag;

	if (!check_ok(parse(&arena, text, &root, &err), &err, "parse"))
		return;
	check(json_text(root, "name", &value, &err), "json_text");
	check_text(value, "x", "finds its text");
	check_error(json_text(root, "missing", &value, &err), &err, ERROR_INPUT,
		    "doc: missing: missing", "a missing member is named");
	check_error(json_text(root, "none", &value, &err), &err, ERROR_INPUT, "doc: none: missing",
		    "null is missing");
	check_error(json_text(root, "count", &value, &err), &err, ERROR_INPUT,
		    "doc: count: expected a string, found a number", "a wrong type is named");
	check_error(json_text(NULL, "name", &value, &err), &err, ERROR_INPUT, "name: missing",
		    "a member of nothing");
	check(json_text_or(root, "missing", "fallback", &value, &err), "json_text_or");
	check_text(value, "fallback", "gives the fallback");
	check_error(json_text_or(root, "list", NULL, &value, &err), &err, ERROR_INPUT,
		    "doc: list: expected a string, found an array", "but not for a wrong type");
	check(json_int(root, "count", &number, &err) && number == 7, "json_int");
	check(json_int_or(root, "missing", -3, &number, &err) && number == -3, "json_int_or");
	check(json_int(root, "twice", &number, &err) && number == 2, "the last of a repeated key");
	check(json_bool_or(root, "yes", false, &flag, &err) && flag, "json_bool_or");
	check_error(json_bool_or(root, "count", false, &flag, &err), &err, ERROR_INPUT,
		    "doc: count: expected a boolean, found a number", "1 is no boolean");
	check(!json_get(root, "fold") && json_get_fold(root, "fOLD"), "json_get_fold");
	check(json_object_or_null(root, "missing", &child, &err) && !child, "no object");
	check_error(json_object_or_null(root, "list", &child, &err), &err, ERROR_INPUT,
		    "doc: list: expected an object, found an array", "an array is no object");
	check(!json_get(json_get(root, "list"), "a") && !json_get(NULL, "a"), "no member");

	check(json_text_array(&arena, root, "list", &values, &count, &err) && count == 2,
	      "json_text_array");
	check(strcmp(values[0], "a") == 0 && strcmp(values[1], "b") == 0 && !values[2],
	      "is in order and NULL-terminated");
	check(json_text_array(&arena, root, "missing", &values, &count, &err) && count == 0 &&
		      !values[0],
	      "a missing array is empty");
	check_error(json_text_array(&arena, root, "mixed", &values, &count, &err), &err,
		    ERROR_INPUT, "doc: mixed[1]: expected a string, found a number",
		    "a wrong element is named");

	child = json_get(json_get(root, "map"), "k");
	child = json_get(child, "deep")->child->next;
	check_error(json_text(child, "run", &value, &err), &err, ERROR_INPUT,
		    "doc: map.k.deep[1].run: expected a string, found a number",
		    "a deep place is named");
	check_error(json_wrong(root, &err, "is %s", "odd"), &err, ERROR_INPUT, "doc: is odd",
		    "json_wrong at the root");
}

/* A name of megabytes must not make a message of megabytes. */
static void test_long_names(void)
{
	autoarena struct arena arena = { 0 };
	autobuf struct buf text;
	const struct json *root = NULL;
	const char *value;
	struct error err;

	buf_init(&text, 2000000);
	buf_add_text(&text, "{\"");
	for (int i = 0; i < 1000000; i++)
		buf_add_char(&text, 'k');
	buf_add_text(&text, "\":{\"x\":1}}");
	if (check_ok(parse(&arena, text.data, &root, &err), &err, "a name of a million letters"))
		check_error(json_text(root->child, "x", &value, &err), &err, ERROR_INPUT,
			    "expected a string", "in a message");
}

static void test_build(void)
{
	autoarena struct arena arena = { 0 };
	struct json *root = json_new(&arena, NULL, "yaml", JSON_OBJECT, NULL);
	struct json *list = json_new(&arena, root, "list", JSON_ARRAY, NULL);
	struct error err;
	const char *value;

	json_new(&arena, list, NULL, JSON_TEXT, "a");
	json_new(&arena, list, NULL, JSON_NUMBER, "5");
	check_int(list->count, 2, "two were appended");
	check_error(json_as_text(list->last, &value, &err), &err, ERROR_INPUT,
		    "yaml: list[1]: expected a string, found a number", "places work there too");
}

int main(void)
{
	test_accepted();
	test_refused();
	test_truncated();
	test_limits();
	test_numbers();
	test_getters();
	test_long_names();
	test_build();
	return tap_done();
}
