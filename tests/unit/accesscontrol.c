/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/ipc/accesscontrol.h"

#include "tests/unit/tap.h"

#define PUBSUB "aws.greengrass.ipc.pubsub"
#define MQTT   "aws.greengrass.ipc.mqttproxy"

static const char *value_of(void *context, const char *variable, struct arena *arena)
{
	(void)context;
	if (strcmp(variable, "{iot:thingName}") == 0)
		return "gateway:7";
	if (strcmp(variable, "{configuration:/any}") == 0)
		return "*";
	(void)arena;
	return NULL;
}

static const struct access_variables variables = { .value = value_of };

static const struct json *parse(struct arena *arena, const char *text)
{
	const struct json *root = NULL;
	struct error err;

	check_ok(json_parse(arena, "test", text, strlen(text), &root, &err), &err, "JSON");
	return root;
}

static bool allows(const char *service, const char *pattern, const char *text)
{
	autoarena struct arena arena = { 0 };
	autotexts struct texts complaints = { 0 };
	struct access_policies policies;
	char *control =
		mem_printf("{\"%s\":{\"p\":{\"operations\":[\"*\"],\"resources\":[\"%s\"]}}}",
			   service, pattern);
	const struct json *root = parse(&arena, control);

	access_policies_read(&policies, root, &variables, &complaints);

	bool is_allowed = access_is_allowed(&policies, service, "aws.greengrass#Any", text);

	access_policies_done(&policies);
	free(control);
	return is_allowed;
}

static const struct {
	const char *pattern, *text;
	char standard, mqtt; /* 'y' or 'n' */
} table[] = {
	{ "*", "anything/at/all", 'y', 'y' },
	{ "*", "#", 'y', 'y' },
	{ "a/*", "a/b/c", 'y', 'y' },
	{ "a/*", "a/#", 'y', 'y' },
	{ "a/*", "a/", 'y', 'y' },
	{ "a/*", "a", 'n', 'n' },
	{ "a/*", "b/a/x", 'n', 'n' },
	{ "*/x", "a/b/x", 'y', 'y' },
	{ "*/x", "a/b/xx", 'n', 'n' },
	{ "a/+", "a/b", 'n', 'y' },
	{ "a/+", "a/+", 'y', 'y' },
	{ "a/+", "a/#", 'n', 'n' },
	{ "a/+", "a/", 'n', 'y' },
	{ "a/+", "a/b/c", 'n', 'n' },
	{ "a/+/c", "a/b/c", 'n', 'y' },
	{ "a/+/c", "a/b/d/c", 'n', 'n' },
	{ "+/b", "a/b", 'n', 'y' },
	{ "a+/b", "ax/b", 'n', 'n' },
	{ "a+/b", "a+/b", 'y', 'y' },
	{ "a/#", "a", 'n', 'y' },
	{ "a/#", "a/b", 'n', 'y' },
	{ "a/#", "a/b/c", 'n', 'y' },
	{ "a/#", "a/#", 'y', 'y' },
	{ "a/#", "ab", 'n', 'n' },
	{ "#", "a/b", 'n', 'y' },
	{ "a/#/b", "a/x/b", 'n', 'n' },
	{ "a/#/b", "a/#/b", 'y', 'y' },
	{ "a${*}b", "a*b", 'y', 'y' },
	{ "a${*}b", "axb", 'n', 'n' },
	{ "a${?}", "a?", 'y', 'y' },
	{ "${$}aws", "$aws", 'y', 'y' },
	{ "a/${+}", "a/b", 'n', 'n' },
	{ "a/${+}", "a/+", 'y', 'y' },
	{ "$aws/things/{iot:thingName}/*", "$aws/things/gateway:7/shadow/get", 'y', 'y' },
	{ "$aws/things/{iot:thingName}/*", "$aws/things/other/shadow/get", 'n', 'n' },
	{ "{configuration:/any}", "*", 'y', 'y' },
	{ "{configuration:/any}", "a", 'n', 'n' },
	{ "{unknown:x}/*", "{unknown:x}/a", 'y', 'y' },
	{ "{open/*", "{open/a", 'y', 'y' },
	{ "a*b*c*d", "a1b2c3d", 'y', 'y' },
	{ "a*b*c*d", "a1b2d3c", 'n', 'n' },
	{ "*a*", "bbb", 'n', 'n' },
	{ "a", "", 'n', 'n' },
	{ "*", "", 'n', 'n' },
	{ "a?", "a?", 'n', 'n' },
	{ "", "a", 'n', 'n' },
	{ "a${b", "a${b", 'n', 'n' },
	{ "a${bc}", "a${bc}", 'n', 'n' },
};

static void test_patterns(void)
{
	for (size_t i = 0; i < COUNT_OF(table); i++) {
		check_int(allows(PUBSUB, table[i].pattern, table[i].text), table[i].standard == 'y',
			  "standard: %s against %s", table[i].pattern, table[i].text);
		check_int(allows(MQTT, table[i].pattern, table[i].text), table[i].mqtt == 'y',
			  "MQTT: %s against %s", table[i].pattern, table[i].text);
	}
}

/* Worst cases take as long as any other. */
static void test_long(void)
{
	char pattern[ACCESS_PATTERN_MAX + 2], text[ACCESS_TEXT_MAX + 2];

	memset(pattern, '*', sizeof(pattern));
	memset(text, 'a', sizeof(text));
	pattern[ACCESS_PATTERN_MAX] = text[ACCESS_TEXT_MAX] = '\0';
	check(allows(PUBSUB, pattern, text), "as many stars as there may be");
	pattern[ACCESS_PATTERN_MAX - 1] = 'b';
	check(!allows(PUBSUB, pattern, text), "and one letter that does not fit");
	pattern[ACCESS_PATTERN_MAX] = '*';
	pattern[ACCESS_PATTERN_MAX + 1] = '\0';
	check(!allows(PUBSUB, pattern, "ab"), "a pattern beyond the limit allows nothing");
	text[ACCESS_TEXT_MAX] = 'a';
	text[ACCESS_TEXT_MAX + 1] = '\0';
	check(!allows(PUBSUB, "*", text), "a text beyond the limit is denied");
}

static const char policies_text[] =
	"{\"" PUBSUB "\":{"
	"\"one\":{\"policyDescription\":\"x\",\"operations\":[\"aws.greengrass#PublishToTopic\"],"
	"\"resources\":[\"a\"]},"
	"\"two\":{\"Operations\":[\"*\"],\"RESOURCES\":[\"b\"]},"
	"\"none\":{\"operations\":[\"*\"]},"
	"\"empty\":{\"operations\":[\"*\"],\"resources\":[]},"
	"\"half\":{\"operations\":[\"aws.greengrass#Pub*\"],\"resources\":[\"c\"]},"
	"\"broken\":{\"operations\":\"*\",\"resources\":[\"d\"]},"
	"\"worse\":{\"operations\":[1],\"resources\":[\"d\"]},"
	"\"nothing\":{\"resources\":[\"d\"]},"
	"\"reserved\":{\"operations\":[\"*\"],\"resources\":[\"d\",\"d?\"]},"
	"\"text\":\"d\"},"
	"\"other\":7,"
	"\"" MQTT "\":{\"m\":{\"operations\":[\"*\"],\"resources\":[\"e\"]}}}";

static void check_policies(const struct access_policies *policies, const char *how)
{
	static const struct {
		const char *service, *operation, *resource;
		bool is_allowed;
	} asked[] = {
		{ PUBSUB, "aws.greengrass#PublishToTopic", "a", true },
		{ PUBSUB, "aws.greengrass#SubscribeToTopic", "a", false },
		{ PUBSUB, "aws.greengrass#SubscribeToTopic", "b", true },
		{ PUBSUB, "aws.greengrass#PublishToTopic", "c", false },
		{ PUBSUB, "aws.greengrass#PublishToTopic", "d", false },
		{ PUBSUB, "aws.greengrass#PublishToTopic", "e", false },
		{ MQTT, "aws.greengrass#PublishToIoTCore", "e", true },
		{ MQTT, "aws.greengrass#PublishToIoTCore", "a", false },
		{ "other", "aws.greengrass#PublishToTopic", "a", false },
		{ "aws.greengrass.Cli", "aws.greengrass#ListComponents", "*", false },
	};

	for (size_t i = 0; i < COUNT_OF(asked); i++)
		check_int(access_is_allowed(policies, asked[i].service, asked[i].operation,
					    asked[i].resource),
			  asked[i].is_allowed, "%s: %s on %s", how, asked[i].operation,
			  asked[i].resource);
}

static void test_policies(void)
{
	autoarena struct arena arena = { 0 };
	autotexts struct texts complaints = { 0 };
	struct access_policies policies;

	access_policies_read(&policies, parse(&arena, policies_text), &variables, &complaints);
	arena_done(&arena);
	check_policies(&policies, "an object");
	check_int((long long)complaints.count, 6, "what makes no sense is complained about");
	access_policies_done(&policies);
	texts_done(&complaints);

	struct json text = { .type = JSON_TEXT, .text = policies_text };

	access_policies_read(&policies, &text, &variables, &complaints);
	check_policies(&policies, "a text that holds JSON");
	access_policies_done(&policies);
	texts_done(&complaints);

	static const char *const broken[] = { "{", "[]", "7", "null", "\"x\"" };

	for (size_t i = 0; i < COUNT_OF(broken); i++) {
		text.text = broken[i];
		access_policies_read(&policies, &text, &variables, &complaints);
		check(!access_is_allowed(&policies, PUBSUB, "aws.greengrass#PublishToTopic", "a"),
		      "%s allows nothing", broken[i]);
		access_policies_done(&policies);
	}
	check_int((long long)complaints.count, COUNT_OF(broken), "and each is complained about");
	access_policies_read(&policies, NULL, &variables, &complaints);
	check(!access_is_allowed(&policies, PUBSUB, "aws.greengrass#PublishToTopic", "a"),
	      "no policies: nothing is allowed");
	access_policies_done(&policies);
}

int main(void)
{
	test_patterns();
	test_long();
	test_policies();
	return tap_done();
}
