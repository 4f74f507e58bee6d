/* SPDX-License-Identifier: Apache-2.0 */
#include "base/jsonout.h"

#include "base/mem.h"
#include "tests/unit/tap.h"

static void test_values(void)
{
	static const char *const texts[] = { "a", "b" };
	autobuf struct buf buf;
	struct jsonout out;

	buf_init(&buf, 10000);
	jsonout_init(&out, &buf, false);
	jsonout_object(&out, NULL);
	jsonout_text(&out, "text", "x");
	jsonout_text(&out, "nothing", NULL);
	jsonout_text_n(&out, "part", "abcdef", 3);
	jsonout_int(&out, "least", INT64_MIN);
	jsonout_bool(&out, "yes", true);
	jsonout_array(&out, "array");
	jsonout_int(&out, NULL, -1);
	jsonout_object(&out, NULL);
	jsonout_object_end(&out);
	jsonout_null(&out, NULL);
	jsonout_array_end(&out);
	jsonout_texts(&out, "texts", texts, COUNT_OF(texts));
	jsonout_object_end(&out);
	jsonout_done(&out);
	jsonout_done(&out);
	check_text(buf.data,
		   "{\"text\":\"x\",\"nothing\":null,\"part\":\"abc\","
		   "\"least\":-9223372036854775808,\"yes\":true,\"array\":[-1,{},null],"
		   "\"texts\":[\"a\",\"b\"]}",
		   "one of each");
}

/* What is written must be read back as it was; invalid UTF-8 becomes U+FFFD, never invalid JSON. */
static void test_texts(void)
{
	static const struct {
		const char *in;
		const char *back;
	} cases[] = {
		{ "", "" },
		{ "plain", "plain" },
		{ "\"\\/\b\f\n\r\t\x01\x1f\x7f", "\"\\/\b\f\n\r\t\x01\x1f\x7f" },
		{ "</script>", "</script>" },
		{ "\xc3\xa4\xe2\x82\xac\xf0\x9f\x9a\xa2", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x9a\xa2" },
		{ "a\xff"
		  "b",
		  "a\xef\xbf\xbd"
		  "b" },
		{ "\xc0\x80", "\xef\xbf\xbd\xef\xbf\xbd" },                 /* overlong NUL */
		{ "\xe2\x82", "\xef\xbf\xbd\xef\xbf\xbd" },                 /* cut short */
		{ "\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" }, /* surrogate */
		{ "\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
		{ "\xf0\x9f\x9a\xa2\xf0", "\xf0\x9f\x9a\xa2\xef\xbf\xbd" },
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		autoarena struct arena arena = { 0 };
		autobuf struct buf buf;
		const struct json *root;
		const char *back = NULL;
		struct jsonout out;
		struct error err;

		buf_init(&buf, 10000);
		jsonout_init(&out, &buf, i % 2 == 0);
		jsonout_object(&out, NULL);
		jsonout_text(&out, cases[i].in, cases[i].in);
		jsonout_object_end(&out);
		jsonout_done(&out);
		if (!check_ok(json_parse(&arena, "back", buf.data, buf.length, &root, &err), &err,
			      "text %zu is valid JSON", i))
			continue;
		check(json_text(root, cases[i].back, &back, &err), "text %zu as a name", i);
		check_text(back, cases[i].back, "text %zu", i);
	}
}

static void test_pretty(void)
{
	autobuf struct buf buf;
	struct jsonout out;

	buf_init(&buf, 1000);
	jsonout_init(&out, &buf, true);
	jsonout_object(&out, NULL);
	jsonout_array(&out, "a");
	jsonout_int(&out, NULL, 1);
	jsonout_array(&out, NULL);
	jsonout_array_end(&out);
	jsonout_array_end(&out);
	jsonout_object(&out, "b");
	jsonout_object_end(&out);
	jsonout_object_end(&out);
	jsonout_done(&out);
	check_text(buf.data, "{\n    \"a\": [\n        1,\n        []\n    ],\n    \"b\": {}\n}\n",
		   "indented by four, empty ones on one line");
	buf_clear(&buf);
	jsonout_init(&out, &buf, true);
	jsonout_array(&out, NULL);
	jsonout_array_end(&out);
	jsonout_done(&out);
	check_text(buf.data, "[]\n", "an empty document");
}

static void test_overflow(void)
{
	autobuf struct buf buf;
	struct jsonout out;
	struct error err;

	buf_init(&buf, 10);
	jsonout_init(&out, &buf, false);
	jsonout_array(&out, NULL);
	for (int i = 0; i < 1000; i++)
		jsonout_text(&out, NULL, "0123456789");
	jsonout_array_end(&out);
	jsonout_done(&out);
	check_error(buf_check(&buf, "document", &err), &err, ERROR_INPUT, "larger than 10",
		    "the buffer's limit holds");
}

static void test_tree(void)
{
	static const char text[] =
		"{\"b\":[1,2.50,-0,1e400,\"\\u00e4\",true,null,{}],\"a\":{\"x\":[]}}";
	static const char want[] =
		"{\"b\":[1,2.50,-0,1e400,\"\xc3\xa4\",true,null,{}],\"a\":{\"x\":[]}}";
	autoarena struct arena arena = { 0 };
	autobuf struct buf buf;
	const struct json *root;
	struct jsonout out;
	struct error err;

	buf_init(&buf, 1000);
	if (!check_ok(json_parse(&arena, "tree", text, strlen(text), &root, &err), &err, "parse"))
		return;
	jsonout_init(&out, &buf, false);
	jsonout_json(&out, NULL, root);
	jsonout_done(&out);
	check_text(buf.data, want, "a whole tree, in its order, numbers as they were written");
}

int main(void)
{
	test_values();
	test_texts();
	test_pretty();
	test_overflow();
	test_tree();
	return tap_done();
}
