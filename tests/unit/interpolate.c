/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/interpolate.h"

#include "base/buf.h"
#include "tests/unit/tap.h"

static const char configuration[] =
	"{\"topic\":\"test/topic\",\"message\":\"Hello, "
	"World!\",\"n\":1.50,\"yes\":true,\"none\":null,"
	"\"a/b\":{\"~\":\"odd\"},\"list\":[\"zero\",{\"k\":\"v\"}],\"twice\":1,\"twice\":2,"
	"\"map\":{\"z\":1,\"a\":[true,null]},\"empty\":\"\",\"brace\":\"{work:path}\","
	"\"quote\":\"a \\\"b\\\" $c\"}";

static const struct {
	const char *text;
	const char *wanted;
} cases[] = {
	{ "", "" },
	{ "plain", "plain" },
	{ "{artifacts:path}/x.tar", "/r/packages/artifacts/com.x.A/1.2.3/x.tar" },
	{ "{artifacts:decompressedPath}", "/r/packages/artifacts-unarchived/com.x.A/1.2.3" },
	{ "-v {work:path}:{work:path}", "-v /r/work/com.x.A:/r/work/com.x.A" },
	{ "{kernel:rootPath}", "/r" },
	{ "{iot:thingName}", "Thing" },
	{ "{com.x.B:artifacts:path}", "/r/packages/artifacts/com.x.B/2.0.0" },
	{ "{com.x.B:work:path}", "/r/work/com.x.B" },
	{ "{com.x.B:configuration:/port}", "8088" },
	{ "T=\"{configuration:/topic}\"", "T=\"test/topic\"" },
	{ "{configuration:/message}", "Hello, World!" },
	{ "{configuration:/n} {configuration:/yes} {configuration:/none}", "1.50 true null" },
	{ "{configuration:/a~1b/~0}", "odd" },
	{ "{configuration:/list/0}{configuration:/list/1/k}", "zerov" },
	{ "{configuration:/list}", "[\"zero\",{\"k\":\"v\"}]" },
	{ "{configuration:/map}", "{\"a\":[true,null],\"z\":1}" },
	{ "{configuration:/twice}", "2" },
	{ "[{configuration:/empty}]", "[]" },
	{ "{configuration:/quote}", "a \"b\" $c" },
	{ "{com.x.B:configuration:}", "{\"port\":8088}" },
	/* A value is not looked at again. */
	{ "{configuration:/brace}", "{work:path}" },
	/* What cannot be resolved stays. */
	{ "{configuration:/missing}", "{configuration:/missing}" },
	{ "{configuration:/list/2}{configuration:/list/00}",
	  "{configuration:/list/2}{configuration:/list/00}" },
	{ "{configuration:topic}", "{configuration:topic}" },
	{ "{configuration:/Topic}", "{configuration:/Topic}" },
	{ "{artifacts:Path}{artifacts:}", "{artifacts:Path}{artifacts:}" },
	{ "{com.x.C:artifacts:path}", "{com.x.C:artifacts:path}" },
	{ "{com.x.B:kernel:rootPath}", "{com.x.B:kernel:rootPath}" },
	{ "{a:b:c:d}", "{a:b:c:d}" },
	{ "${VAR} ${VAR:-x} {{.ID}} { echo; } {} {:} {a} {a:",
	  "${VAR} ${VAR:-x} {{.ID}} { echo; } {} {:} {a} {a:" },
	{ "{\"json\":{\"a\":\"{work:path}\"}}", "{\"json\":{\"a\":\"/r/work/com.x.A\"}}" },
	{ "{{work:path}}", "{/r/work/com.x.A}" },
	{ "{work:path", "{work:path" },
	{ "{ work:path}", "{ work:path}" },
};

static void add_word(void *context, const char *variable)
{
	buf_printf(context, "%s;", variable);
}

/* Those that are meant for us, and only those, are told. */
static void test_unresolved(struct interpolate_scope scope)
{
	autoarena struct arena arena = { 0 };
	autobuf struct buf told;
	const char *result;
	struct error err;

	buf_init(&told, 1000);
	scope.on_unresolved = add_word;
	scope.context = &told;
	check_ok(interpolate(
			 &scope, &arena,
			 "{work:path}{configuration:/no}{artifacts:no}{kernel:no}{work:no}"
			 "{com.x.B:configuration:/no}{com.x.C:work:path}{com.x.B:kernel:rootPath}"
			 "${V:-x}{a:b}{a:b:c}{{.ID}}{configuration:/no",
			 &result, &err),
		 &err, "variables that have no value");
	check_text(told.data,
		   "{configuration:/no};{artifacts:no};{kernel:no};{work:no};"
		   "{com.x.B:configuration:/no};{com.x.C:work:path};",
		   "are told");
}

int main(void)
{
	autoarena struct arena arena = { 0 };
	struct interpolate_component self = { .name = "com.x.A", .version = "1.2.3" };
	struct interpolate_component other = { .name = "com.x.B", .version = "2.0.0" };
	struct interpolate_scope scope = { .root = "/r",
					   .thing_name = "Thing",
					   .self = &self,
					   .dependencies = &other,
					   .dependency_count = 1 };
	const char *port = "{\"port\":8088}", *result;
	struct error err;

	if (!check_ok(
		    json_parse(&arena, "c", configuration, strlen(configuration),
			       &self.configuration, &err) &&
			    json_parse(&arena, "c", port, strlen(port), &other.configuration, &err),
		    &err, "the configurations"))
		return tap_done();
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		if (check_ok(interpolate(&scope, &arena, cases[i].text, &result, &err), &err, "%s",
			     cases[i].text))
			check_text(result, cases[i].wanted, "%s", cases[i].text);

	scope.thing_name = NULL;
	self.configuration = NULL;
	check_ok(interpolate(&scope, &arena, "{iot:thingName} {configuration:/x} {configuration:}",
			     &result, &err),
		 &err, "without a thing");
	check_text(result, "{iot:thingName} {configuration:/x} {}", "what is not known stays");
	test_unresolved(scope);

	/* 20 KiB that ask for 300 KiB each would be 6 GiB. */
	char *bomb = arena_alloc(&arena, 20001);

	for (int i = 0; i < 1000; i++)
		memcpy(bomb + (size_t)i * 20, "{configuration:/xxx}", 20);
	char *value = arena_alloc(&arena, 3001);

	memset(value, 'v', 3000);
	struct json *root = json_new(&arena, NULL, "c", JSON_OBJECT, NULL);

	json_new(&arena, root, "xxx", JSON_TEXT, value);
	self.configuration = root;
	check_error(interpolate(&scope, &arena, bomb, &result, &err), &err, ERROR_INPUT, "larger",
		    "a text that grows without end");
	return tap_done();
}
