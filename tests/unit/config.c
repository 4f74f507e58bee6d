/* SPDX-License-Identifier: Apache-2.0 */
#include "image/config.h"

#include "base/buf.h"
#include "tests/unit/tap.h"

static bool parse(struct arena *arena, const char *text, struct image_config *config,
		  struct error *err)
{
	const struct json *root;

	return json_parse(arena, "config", text, strlen(text), &root, err) &&
	       image_config_parse(arena, root, config, err);
}

static const char full[] =
	"{\"os\":\"linux\",\"architecture\":\"arm\",\"variant\":\"v7\","
	"\"created\":\"2024-01-02T03:04:05Z\",\"config\":{\"Env\":[\"A=1\",\"B=\"],"
	"\"Entrypoint\":[\"/e\"],\"Cmd\":[\"a\",\"b\"],\"User\":\"u:g\",\"WorkingDir\":\"/w\","
	"\"StopSignal\":\"SIGINT\",\"StopTimeout\":7,\"ExposedPorts\":{\"80/tcp\":{},\"53/"
	"udp\":{}},"
	"\"Volumes\":{\"/v\":{}},\"Labels\":{\"k\":\"v\",\"l\":\"\"},"
	"\"Healthcheck\":{\"Test\":[\"CMD\",\"x\"],\"Interval\":5,\"Retries\":2}}}";

static void check_full(const struct image_config *config, const char *what)
{
	check_text(config->os, "linux", "%s: os", what);
	check_text(config->variant, "v7", "%s: variant", what);
	check_int((long long)config->env_count, 2, "%s: env", what);
	check_text(config->env[1], "B=", "%s: env", what);
	check_text(config->env[2], NULL, "%s: env ends", what);
	check_text(config->entrypoint[0], "/e", "%s: entrypoint", what);
	check_text(config->cmd[1], "b", "%s: cmd", what);
	check_text(config->user, "u:g", "%s: user", what);
	check_text(config->working_dir, "/w", "%s: working dir", what);
	check_text(config->stop_signal, "SIGINT", "%s: stop signal", what);
	check_int(config->stop_timeout, 7, "%s: stop timeout", what);
	check_text(config->exposed_ports[1], "53/udp", "%s: ports", what);
	check_text(config->volumes[0], "/v", "%s: volumes", what);
	check_int((long long)config->label_count, 2, "%s: labels", what);
	check_text(config->labels[0].key, "k", "%s: label", what);
	check_text(config->labels[0].value, "v", "%s: label", what);
	check_text(config->healthcheck.test[1], "x", "%s: healthcheck", what);
	check_int(config->healthcheck.interval, 5, "%s: healthcheck", what);
	check_int(config->healthcheck.retries, 2, "%s: healthcheck", what);
}

static void test_full(void)
{
	autoarena struct arena arena = { 0 };
	autobuf struct buf text;
	struct image_config config;
	struct jsonout out;
	struct error err;

	buf_init(&text, 65536);
	if (!check_ok(parse(&arena, full, &config, &err), &err, "a whole configuration"))
		return;
	check_full(&config, "read");

	jsonout_init(&out, &text, false);
	jsonout_object(&out, NULL);
	image_config_write(&out, &config);
	jsonout_object_end(&out);
	jsonout_done(&out);
	if (check_ok(parse(&arena, text.data, &config, &err), &err, "written and read again"))
		check_full(&config, "read again");
}

static void test_sparse(void)
{
	static const char *const nothing[] = {
		"{}",
		"{\"config\":null}",
		"{\"config\":{}}",
		("{\"os\":null,\"config\":{\"Env\":null,\"Cmd\":null,\"Labels\":null,"
		 "\"Volumes\":null,\"Healthcheck\":null,\"User\":null}}"),
	};

	for (size_t i = 0; i < COUNT_OF(nothing); i++) {
		autoarena struct arena arena = { 0 };
		struct image_config config;
		struct error err;

		if (!check_ok(parse(&arena, nothing[i], &config, &err), &err, "%s", nothing[i]))
			continue;
		check_text(config.os, "", "os of %s", nothing[i]);
		check_text(config.env[0], NULL, "env of %s", nothing[i]);
		check_text(config.user, "", "user of %s", nothing[i]);
		check_text(config.stop_signal, NULL, "stop signal of %s", nothing[i]);
		check_int(config.stop_timeout, -1, "stop timeout of %s", nothing[i]);
	}
}

static void test_old_command(void)
{
	autoarena struct arena arena = { 0 };
	struct image_config config;
	struct error err;

	check_ok(parse(&arena, "{\"config\":{\"Cmd\":\"one string\"}}", &config, &err), &err,
		 "a command that is one string");
	check_int((long long)config.cmd_count, 1, "is one argument");
	check_text(config.cmd[0], "one string", "is one argument");
}

static void test_wrong(void)
{
	static const struct {
		const char *text, *part;
	} cases[] = {
		{ "[]", "expected an object" },
		{ "{\"os\":1}", "os: expected a string" },
		{ "{\"config\":[]}", "config: expected an object" },
		{ "{\"config\":{\"Env\":{}}}", "config.Env: expected an array" },
		{ "{\"config\":{\"Env\":[1]}}", "config.Env[0]: expected a string" },
		{ "{\"config\":{\"Cmd\":{}}}", "config.Cmd: expected an array" },
		{ "{\"config\":{\"Volumes\":[]}}", "config.Volumes: expected an object" },
		{ "{\"config\":{\"Labels\":{\"a\":1}}}", "config.Labels.a: expected a string" },
		{ "{\"config\":{\"Healthcheck\":{\"Interval\":\"5s\"}}}",
		  "Interval: expected a number" },
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		autoarena struct arena arena = { 0 };
		struct image_config config;
		struct error err;

		check_error(parse(&arena, cases[i].text, &config, &err), &err, ERROR_INPUT,
			    cases[i].part, "%s", cases[i].text);
	}
}

static void test_diff_ids(void)
{
#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	static const struct {
		const char *text;
		int count; /* -1: refused */
	} cases[] = {
		{ "{}", 0 },
		{ "{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":null}}", 0 },
		{ "{\"rootfs\":{\"diff_ids\":[\"sha256:" HEX "\"]}}", 1 },
		{ "{\"rootfs\":{\"type\":\"other\",\"diff_ids\":[]}}", -1 },
		{ "{\"rootfs\":{\"diff_ids\":[\"sha256:../../etc/passwd\"]}}", -1 },
		{ "{\"rootfs\":{\"diff_ids\":[\"" HEX "\"]}}", -1 },
		{ "{\"rootfs\":{\"diff_ids\":[7]}}", -1 },
		{ "{\"rootfs\":{\"diff_ids\":{}}}", -1 },
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		autoarena struct arena arena = { 0 };
		const struct json *root = NULL;
		struct digest *diff_ids;
		struct error err;
		size_t count;
		bool is_good = json_parse(&arena, "config", cases[i].text, strlen(cases[i].text),
					  &root, &err) &&
			       image_config_diff_ids(&arena, root, &diff_ids, &count, &err);

		check_int(is_good ? (int)count : -1, cases[i].count, "%s", cases[i].text);
	}
}

static void test_time(void)
{
	static const struct {
		const char *text;
		long long seconds;
		long nanoseconds;
		bool is_time;
	} cases[] = {
		{ "1970-01-01T00:00:00Z", 0, 0, true },
		{ "2024-01-02T03:04:05Z", 1704164645, 0, true },
		{ "2024-01-02T03:04:05.25Z", 1704164645, 250000000, true },
		{ "2024-01-02T05:04:05.000000001+02:00", 1704164645, 1, true },
		{ "2024-01-02T00:34:05-02:30", 1704164645, 0, true },
		{ "0001-01-01T00:00:00Z", -62135596800, 0, true },
		{ "", 0, 0, false },
		{ "yesterday", 0, 0, false },
		{ "2024-01-02", 0, 0, false },
		{ "2024-01-02T03:04:05", 0, 0, false },
		{ "2024-01-02T03:04:05 o'clock", 0, 0, false },
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		int64_t seconds;
		long nanoseconds;

		check_int(image_time_parse(cases[i].text, &seconds, &nanoseconds), cases[i].is_time,
			  "is \"%s\" a time", cases[i].text);
		check_int(seconds, cases[i].seconds, "seconds of \"%s\"", cases[i].text);
		check_int(nanoseconds, cases[i].nanoseconds, "nanoseconds of \"%s\"",
			  cases[i].text);
	}
}

int main(void)
{
	test_full();
	test_sparse();
	test_old_command();
	test_wrong();
	test_diff_ids();
	test_time();
	return tap_done();
}
