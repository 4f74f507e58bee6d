/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/credentials.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/jsonout.h"
#include "cli/credhelper.h"

#define DAEMON_JSON_MAX (1 << 20)

/* NULL if it is unset or empty. */
static const char *environment(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : NULL;
}

static bool find_in_environment(struct arena *arena, const char *host,
				struct dockerconfig_login *login, bool *is_found, struct error *err)
{
	const char *text = environment("DOCKER_AUTH_CONFIG");
	const struct json *root;

	*is_found = false;
	if (!text)
		return true;
	return json_parse(arena, "DOCKER_AUTH_CONFIG", text, strlen(text), &root, err) &&
	       (root->type == JSON_OBJECT || json_expected(root, "an object", err)) &&
	       dockerconfig_login(arena, root, host, login, is_found, err);
}

bool credentials_find(struct arena *arena, const char *docker_config, const char *host,
		      struct dockerconfig_login *login, bool *is_found, struct error *err)
{
	const struct json *root;
	const char *helper;

	if (!find_in_environment(arena, host, login, is_found, err))
		return false;
	if (*is_found)
		return true;
	if (!dockerconfig_read(arena, docker_config, &root, err) ||
	    !dockerconfig_helper(root, host, &helper, err))
		return false;
	if (helper)
		return credhelper_get(arena, helper, dockerconfig_key(arena, host), login, is_found,
				      err);
	return dockerconfig_login(arena, root, host, login, is_found, err);
}

static void write_login(struct jsonout *out, const char *host,
			const struct dockerconfig_login *login)
{
	jsonout_object(out, "auths");
	jsonout_object(out, host);
	jsonout_text(out, "username", login->username);
	jsonout_text(out, "password", login->password);
	if (login->identity_token)
		jsonout_text(out, "identitytoken", login->identity_token);
	jsonout_object_end(out);
	jsonout_object_end(out);
}

static bool write_insecure(struct jsonout *out, struct arena *arena, const char *config,
			   struct error *err)
{
	const char *name = arena_printf(arena, "%s/daemon.json", config);
	autobuf struct buf text;
	const struct json *root;
	const char **insecure;
	size_t count;

	buf_init(&text, DAEMON_JSON_MAX);
	if (!file_read(AT_FDCWD, name, &text, err))
		return err->kind == ERROR_NOT_FOUND || err->sys == ENOTDIR;
	if (!json_parse(arena, name, text.data ? text.data : "", text.length, &root, err) ||
	    !json_text_array(arena, root, "insecure-registries", &insecure, &count, err))
		return false;
	jsonout_texts(out, "insecure", insecure, count);
	return true;
}

static void write_aws(struct jsonout *out)
{
	const char *id = environment("AWS_ACCESS_KEY_ID");
	const char *secret = environment("AWS_SECRET_ACCESS_KEY");
	const char *token = environment("AWS_SESSION_TOKEN");

	if (!id || !secret)
		return;
	jsonout_object(out, "aws");
	jsonout_text(out, "access_key_id", id);
	jsonout_text(out, "secret_access_key", secret);
	if (token)
		jsonout_text(out, "session_token", token);
	jsonout_object_end(out);
}

static void write_proxy(struct jsonout *out)
{
	static const struct {
		const char *key, *big, *small;
	} proxies[] = {
		{ "http", "HTTP_PROXY", "http_proxy" },
		{ "https", "HTTPS_PROXY", "https_proxy" },
		{ "no_proxy", "NO_PROXY", "no_proxy" },
	};

	jsonout_object(out, "proxy");
	for (size_t i = 0; i < COUNT_OF(proxies); i++) {
		const char *value = environment(proxies[i].big);

		if (!value)
			value = environment(proxies[i].small);
		if (value)
			jsonout_text(out, proxies[i].key, value);
	}
	jsonout_object_end(out);
}

bool credentials_settings_with(const struct credentials_places *places, const char *host,
			       const struct dockerconfig_login *login, struct buf *settings,
			       struct error *err)
{
	autoarena struct arena arena = { 0 };
	struct jsonout out;

	jsonout_init(&out, settings, false);
	jsonout_object(&out, NULL);
	if (login)
		write_login(&out, host, login);
	write_aws(&out);
	write_proxy(&out);
	bool is_ok = write_insecure(&out, &arena, places->config, err);

	jsonout_object_end(&out);
	jsonout_done(&out);
	return is_ok && buf_check(settings, "the settings for mooring-fetch", err);
}

bool credentials_settings(const struct credentials_places *places, const char *host,
			  struct buf *settings, struct error *err)
{
	autoarena struct arena arena = { 0 };
	struct dockerconfig_login login;
	bool is_found;

	return credentials_find(&arena, places->docker_config, host, &login, &is_found, err) &&
	       credentials_settings_with(places, host, is_found ? &login : NULL, settings, err);
}
