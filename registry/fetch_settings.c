/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/fetch_settings.h"

#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/json.h"
#include "registry/limit.h"

#define DEFAULT_REGION          "us-east-1"
#define DEFAULT_CONNECT_SECONDS 30
#define DEFAULT_STALL_SECONDS   60
#define DEFAULT_ATTEMPTS        5
#define DEFAULT_BACK_OFF_MS     250

static bool read_login(const struct json *entry, struct fetch_login *login, struct error *err)
{
	struct auth_credentials *credentials = &login->credentials;

	login->host = entry->key;
	return json_text_or(entry, "username", "", &credentials->username, err) &&
	       json_text_or(entry, "password", "", &credentials->password, err) &&
	       json_text_or(entry, "identitytoken", NULL, &credentials->identity_token, err);
}

static bool read_logins(struct arena *arena, const struct json *root,
			struct fetch_settings *settings, struct error *err)
{
	const struct json *auths;

	if (!json_object_or_null(root, "auths", &auths, err))
		return false;
	if (!auths)
		return true;
	settings->logins = arena_array(arena, auths->count, sizeof(*settings->logins));
	for (const struct json *entry = auths->child; entry; entry = entry->next)
		if (!read_login(entry, &settings->logins[settings->login_count++], err))
			return false;
	return true;
}

static bool read_s3(const struct json *root, struct fetch_settings *settings, struct error *err)
{
	const struct json *s3;

	return json_object_or_null(root, "s3", &s3, err) &&
	       json_text_or(s3, "endpoint", NULL, &settings->s3_endpoint, err) &&
	       json_text_or(s3, "region", DEFAULT_REGION, &settings->s3_region, err) &&
	       json_bool_or(s3, "path_style", false, &settings->s3_is_path_style, err);
}

static bool read_aws(const struct json *root, struct fetch_settings *settings, struct error *err)
{
	struct sigv4_keys *keys = &settings->aws;
	const struct json *aws;

	if (!json_object_or_null(root, "aws", &aws, err))
		return false;
	if (!aws)
		return true;
	return json_text(aws, "access_key_id", &keys->access_key_id, err) &&
	       json_text(aws, "secret_access_key", &keys->secret_access_key, err) &&
	       json_text_or(aws, "session_token", NULL, &keys->session_token, err);
}

static bool read_proxy(const struct json *root, struct http_settings *http, struct error *err)
{
	const struct json *proxy;

	return json_object_or_null(root, "proxy", &proxy, err) &&
	       json_text_or(proxy, "http", NULL, &http->http_proxy, err) &&
	       json_text_or(proxy, "https", NULL, &http->https_proxy, err) &&
	       json_text_or(proxy, "no_proxy", NULL, &http->no_proxy, err);
}

static bool read_count(const struct json *object, const char *key, int64_t fallback, int64_t most,
		       int64_t *value, struct error *err)
{
	if (!json_int_or(object, key, fallback, value, err))
		return false;
	if (*value < 1 || *value > most)
		return json_wrong(json_get(object, key), err, "expected 1 to %lld",
				  (long long)most);
	return true;
}

static bool read_patience(const struct json *root, struct fetch_settings *settings,
			  struct error *err)
{
	const struct json *patience;
	int64_t connect, stall, attempts, back_off;

	if (!json_object_or_null(root, "patience", &patience, err) ||
	    !read_count(patience, "connect_seconds", DEFAULT_CONNECT_SECONDS, 3600, &connect,
			err) ||
	    !read_count(patience, "stall_seconds", DEFAULT_STALL_SECONDS, 3600, &stall, err) ||
	    !read_count(patience, "attempts", DEFAULT_ATTEMPTS, 1000, &attempts, err) ||
	    !read_count(patience, "back_off_ms", DEFAULT_BACK_OFF_MS, 60000, &back_off, err))
		return false;
	settings->http.connect_seconds = (long)connect;
	settings->http.stall_seconds = (long)stall;
	settings->attempts = (int)attempts;
	settings->back_off_ms = (int)back_off;
	return true;
}

bool fetch_settings_parse(struct arena *arena, const char *text, size_t length,
			  struct fetch_settings *settings, struct error *err)
{
	const struct json *root;

	*settings = (struct fetch_settings){ 0 };
	if (!json_parse(arena, "settings", text, length, &root, err))
		return false;
	if (root->type != JSON_OBJECT)
		return json_expected(root, "an object", err);
	return read_logins(arena, root, settings, err) &&
	       json_text_array(arena, root, "insecure", &settings->insecure,
			       &settings->insecure_count, err) &&
	       read_s3(root, settings, err) && read_aws(root, settings, err) &&
	       read_proxy(root, &settings->http, err) && read_patience(root, settings, err);
}

bool fetch_settings_read(struct arena *arena, int fd, struct fetch_settings *settings,
			 struct error *err)
{
	autobuf struct buf text;

	buf_init(&text, LIMIT_SETTINGS);
	if (!file_read_fd(fd, "settings", &text, err))
		return false;
	bool is_ok = fetch_settings_parse(arena, text.data, text.length, settings, err);

	explicit_bzero(text.data, text.length); /* passwords: one copy is enough */
	return is_ok;
}

/* "https://HOST:PORT/v1/" → "HOST:PORT" */
static bool is_host_of(const char *key, const char *host)
{
	const char *start = strstr(key, "://");

	start = start ? start + 3 : key;
	size_t length = strcspn(start, "/");

	return strlen(host) == length && strncasecmp(start, host, length) == 0;
}

const struct auth_credentials *fetch_settings_login(const struct fetch_settings *settings,
						    const char *domain)
{
	bool is_hub = strcmp(domain, "docker.io") == 0;

	for (size_t i = 0; i < settings->login_count; i++) {
		const char *key = settings->logins[i].host;

		if (is_host_of(key, domain) || (is_hub && is_host_of(key, "index.docker.io")))
			return &settings->logins[i].credentials;
	}
	return NULL;
}
