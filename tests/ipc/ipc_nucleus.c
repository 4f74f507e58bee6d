/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A nucleus of which only IPC, MQTT and token exchange are real, for tests with real clients:
 *
 *     ipc-nucleus SETTINGS.json
 *
 * SETTINGS: {"socket": PATH, "data": DIRECTORY, "components": {NAME: configuration, …},
 *            "mqtt": {…}, "credentials": {…}}, the last two with the names of mqtt_options and
 * exchange_options. The first line of its output is an object with the components' tokens and the
 * URI of the token exchange; what the server asks of it follows, one line each. It reads commands:
 *
 *     pre-update ID | post-update ID | validate COMPONENT ID JSON | merge COMPONENT JSON |
 *     state | gone COMPONENT
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/jsonout.h"
#include "base/log.h"
#include "lifecycle/credentials/exchange.h"
#include "lifecycle/mqtt/proxy.h"
#include "tests/ipc/memhost.h"

struct nucleus {
	struct loop loop;
	struct memhost host;
	struct tokens tokens;
	struct ipc_server *server;
	struct mqtt_proxy *mqtt;
	struct exchange *exchange;
	struct loop_watch input;
	char line[65536];
	size_t length;
	bool is_over;
};

static void say(const char *line)
{
	puts(line);
	fflush(stdout);
}

static void on_call(struct memhost *host, const char *line)
{
	(void)host;
	say(line);
}

/* -- settings -----------------------------------------------------------------------------------
 */

static const char *text_of(const struct json *object, const char *key)
{
	const struct json *value = json_get(object, key);

	return value && value->type == JSON_TEXT ? value->text : NULL;
}

static int number_of(const struct json *object, const char *key, int fallback)
{
	int64_t number = fallback;
	struct error err;

	return json_int_or(object, key, fallback, &number, &err) ? (int)number : fallback;
}

static bool open_mqtt(struct nucleus *nucleus, const struct json *given, struct error *err)
{
	struct mqtt_options options;

	if (!given)
		return true;
	mqtt_options_init(&options);
	options.loop = &nucleus->loop;
	options.endpoint = text_of(given, "endpoint");
	options.port = number_of(given, "port", options.port);
	options.thing = text_of(given, "thing");
	options.certificate = text_of(given, "certificate");
	options.key = text_of(given, "key");
	options.root_ca = text_of(given, "root_ca");
	options.proxy_url = text_of(given, "proxy_url");
	options.no_proxy = text_of(given, "no_proxy");
	options.spool_directory = text_of(given, "spool_directory");
	options.spool_max = number_of(given, "spool_max", (int)options.spool_max);
	options.reconnect_max_seconds = number_of(given, "reconnect_max_seconds", 1);
	options.retry_max = number_of(given, "retry_max", options.retry_max);
	return mqtt_proxy_open(&nucleus->mqtt, &options, err);
}

static bool may_have(void *context, const char *component)
{
	(void)context;
	return strcmp(component, "com.example.Denied") != 0;
}

static bool open_exchange(struct nucleus *nucleus, const struct json *given, struct error *err)
{
	struct exchange_options options;

	if (!given)
		return true;
	exchange_options_init(&options);
	options.loop = &nucleus->loop;
	options.tokens = &nucleus->tokens;
	options.endpoint = text_of(given, "endpoint");
	options.role_alias = text_of(given, "role_alias");
	options.thing = text_of(given, "thing");
	options.certificate = text_of(given, "certificate");
	options.key = text_of(given, "key");
	options.root_ca = text_of(given, "root_ca");
	options.proxy = text_of(given, "proxy");
	options.link_device = text_of(given, "link_device");
	options.client_error_seconds = number_of(given, "client_error_seconds", 120);
	options.server_error_seconds = number_of(given, "server_error_seconds", 60);
	options.unknown_error_seconds = number_of(given, "unknown_error_seconds", 300);
	options.may_have = may_have;
	return exchange_open(&nucleus->exchange, &options, err);
}

static bool add_components(struct nucleus *nucleus, const struct json *components,
			   struct jsonout *out, struct error *err)
{
	jsonout_object(out, "tokens");
	for (const struct json *component = components ? components->child : NULL; component;
	     component = component->next) {
		const struct token *token;
		autobuf struct buf text;
		struct jsonout writer;

		buf_init(&text, 1 << 20);
		jsonout_init(&writer, &text, false);
		jsonout_json(&writer, NULL, component);
		jsonout_done(&writer);
		if (!memhost_add(&nucleus->host, component->key, text.data))
			return error_set(err, ERROR_INPUT, "component %s", component->key);
		if (!tokens_issue(&nucleus->tokens, component->key,
				  strncmp(component->key, "user-", 5) == 0 ? TOKEN_CONSOLE
									   : TOKEN_COMPONENT,
				  &token, err))
			return false;
		jsonout_text(out, component->key, token->text);
	}
	jsonout_object_end(out);
	return true;
}

static bool open_all(struct nucleus *nucleus, const char *path, struct error *err)
{
	autoarena struct arena arena = { 0 };
	autobuf struct buf settings, hello;
	const struct json *root;
	struct jsonout out;

	buf_init(&settings, 1 << 20);
	buf_init(&hello, 1 << 20);
	if (!file_read(AT_FDCWD, path, &settings, err) ||
	    !json_parse(&arena, path, settings.data, settings.length, &root, err))
		return false;
	jsonout_init(&out, &hello, false);
	jsonout_object(&out, NULL);
	if (!add_components(nucleus, json_get(root, "components"), &out, err) ||
	    !open_mqtt(nucleus, json_get(root, "mqtt"), err) ||
	    !open_exchange(nucleus, json_get(root, "credentials"), err))
		return false;

	struct ipc_options options = { .loop = &nucleus->loop,
				       .host = &nucleus->host.host,
				       .tokens = &nucleus->tokens,
				       .socket = text_of(root, "socket"),
				       .data = text_of(root, "data"),
				       .mqtt = nucleus->mqtt };

	if (!ipc_server_open(&nucleus->server, &options, err))
		return false;
	nucleus->host.server = nucleus->server;
	if (nucleus->exchange)
		jsonout_text(&out, "uri", exchange_uri(nucleus->exchange));
	jsonout_object_end(&out);
	jsonout_done(&out);
	say(hello.data);
	return true;
}

/* -- commands -----------------------------------------------------------------------------------
 */

static void print_state(struct nucleus *nucleus)
{
	autobuf struct buf text;
	struct jsonout out;

	buf_init(&text, 65536);
	jsonout_init(&out, &text, false);
	jsonout_object(&out, NULL);
	if (nucleus->mqtt)
		mqtt_proxy_write_state(nucleus->mqtt, &out, "mqtt");
	if (nucleus->exchange)
		exchange_write_state(nucleus->exchange, &out, "credentials");
	jsonout_object_end(&out);
	jsonout_done(&out);
	say(text.data);
}

static void validate(struct nucleus *nucleus, const char *component, const char *id,
		     const char *text)
{
	autoarena struct arena arena = { 0 };
	const struct json *root;
	struct error err;

	if (json_parse(&arena, "command", text, strlen(text), &root, &err))
		say(ipc_validate(nucleus->server, component, id, root) ? "asked" : "nobody");
}

static void obey(struct nucleus *nucleus, char *line)
{
	char *rest = NULL;
	const char *verb = strtok_r(line, " ", &rest);
	const char *first = strtok_r(NULL, " ", &rest);
	autoarena struct arena arena = { 0 };
	autotexts struct texts asked = { 0 };

	if (!verb)
		return;
	if (strcmp(verb, "state") == 0) {
		print_state(nucleus);
	} else if (strcmp(verb, "pre-update") == 0) {
		ipc_pre_update(nucleus->server, first, false, &arena, &asked);
		say(asked.count ? asked.items[0] : "nobody");
	} else if (strcmp(verb, "post-update") == 0) {
		ipc_post_update(nucleus->server, first);
	} else if (strcmp(verb, "merge") == 0) {
		say(memhost_merge(&nucleus->host, first, rest) ? "merged" : "refused");
	} else if (strcmp(verb, "gone") == 0) {
		tokens_revoke(&nucleus->tokens, first);
		ipc_component_gone(nucleus->server, first);
	} else if (strcmp(verb, "validate") == 0) {
		const char *id = strtok_r(NULL, " ", &rest);

		validate(nucleus, first, id, rest);
	}
}

static void on_input(struct loop_watch *watch)
{
	struct nucleus *nucleus = watch->context;
	ssize_t count = read(watch->fd, nucleus->line + nucleus->length,
			     sizeof(nucleus->line) - 1 - nucleus->length);
	char *end;

	if (count <= 0) {
		nucleus->is_over = true;
		return;
	}
	nucleus->length += (size_t)count;
	nucleus->line[nucleus->length] = '\0';
	while ((end = strchr(nucleus->line, '\n'))) {
		size_t size = (size_t)(end - nucleus->line) + 1;

		*end = '\0';
		obey(nucleus, nucleus->line);
		nucleus->length -= size;
		memmove(nucleus->line, nucleus->line + size, nucleus->length + 1);
	}
}

int main(int argc, char **argv)
{
	static struct nucleus nucleus;
	struct error err;

	log_set_program("ipc-nucleus");
	if (argc != 2) {
		log_error("usage: ipc-nucleus SETTINGS.json");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	memhost_init(&nucleus.host);
	nucleus.host.on_call = on_call;
	nucleus.input = (struct loop_watch){ .fd = STDIN_FILENO,
					     .on_ready = on_input,
					     .context = &nucleus };
	if (!open_all(&nucleus, argv[1], &err)) {
		log_error("%s", err.text);
		return EXIT_FAILURE;
	}
	loop_watch(&nucleus.loop, &nucleus.input);
	while (!nucleus.is_over)
		if (!loop_step(&nucleus.loop, &err)) {
			log_error("%s", err.text);
			break;
		}
	ipc_server_close(nucleus.server);
	exchange_close(nucleus.exchange);
	mqtt_proxy_close(nucleus.mqtt);
	tokens_done(&nucleus.tokens);
	memhost_done(&nucleus.host);
	return EXIT_SUCCESS;
}
