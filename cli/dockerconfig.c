/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/dockerconfig.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/buf.h"
#include "base/caller.h"
#include "base/file.h"
#include "base/jsonout.h"
#include "base/path.h"

#define SIZE_MAX_CONFIG (1 << 20)
#define NAME            "config.json"

bool dockerconfig_read(struct arena *arena, const char *directory, const struct json **root,
		       struct error *err)
{
	autobuf struct buf text;
	const char *name = arena_printf(arena, "%s/" NAME, directory ? directory : "");

	const struct json *found;

	buf_init(&text, SIZE_MAX_CONFIG);
	*root = json_new(arena, NULL, "config.json", JSON_OBJECT, NULL);
	if (!directory)
		return true;
	if (!caller_read(name, &text, err))
		return err->kind == ERROR_NOT_FOUND || err->sys == ENOTDIR;
	/* An empty one, as a power cut leaves it, says nothing; so does null. */
	if (!text.data || !text.data[strspn(text.data, " \t\r\n")])
		return true;
	if (!json_parse(arena, name, text.data, text.length, &found, err))
		return false;
	if (found->type == JSON_OBJECT)
		*root = found;
	return found->type == JSON_OBJECT || found->type == JSON_NULL ||
	       json_expected(found, "an object", err);
}

const char *dockerconfig_choice(struct arena *arena, const char *directory, const char *key,
				const char *given)
{
	const struct json *root, *value = NULL;
	const char *text = NULL;
	struct error err;

	if (given && *given)
		return given;
	bool is_read = dockerconfig_read(arena, directory, &root, &err);

	if (is_read)
		value = json_get_fold(root, key); /* "PsFormat" is good enough for docker */
	if (!is_read || (value && !json_as_text(value, &text, &err)))
		fprintf(stderr, "WARNING: Error loading config file: %s\n", err.text);
	return text && *text ? text : NULL;
}

static void add_variable(struct arena *arena, struct texts *env, const char *name,
			 const char *value)
{
	size_t length = strlen(name);

	for (size_t i = 0; i < env->count; i++)
		if (strncmp(env->items[i], name, length) == 0 && strchr("=", env->items[i][length]))
			return;
	texts_add(env, arena_printf(arena, "%s=%s", name, value));
}

/* Of the daemon that is talked to, if it has some of its own, else those of all. */
static bool read_proxies(struct arena *arena, const char *directory, const struct json **proxies,
			 struct error *err)
{
	const char *host = getenv("DOCKER_HOST");
	const struct json *root, *all;

	*proxies = NULL;
	if (!dockerconfig_read(arena, directory, &root, err) ||
	    !json_object_or_null(root, "proxies", &all, err) ||
	    !json_object_or_null(all, host && *host ? host : "unix:///var/run/docker.sock", proxies,
				 err))
		return false;
	return *proxies || json_object_or_null(all, "default", proxies, err);
}

void dockerconfig_add_proxies(struct arena *arena, const char *directory, struct texts *env)
{
	static const struct {
		const char *key, *upper, *lower;
	} names[] = {
		{ "httpProxy", "HTTP_PROXY", "http_proxy" },
		{ "httpsProxy", "HTTPS_PROXY", "https_proxy" },
		{ "noProxy", "NO_PROXY", "no_proxy" },
		{ "ftpProxy", "FTP_PROXY", "ftp_proxy" },
		{ "allProxy", "ALL_PROXY", "all_proxy" },
	};
	const struct json *proxies;
	const char *value;
	struct error err;
	bool is_read = read_proxies(arena, directory, &proxies, &err);

	for (size_t i = 0; is_read && i < COUNT_OF(names); i++) {
		is_read = json_text_or(proxies, names[i].key, "", &value, &err);
		if (!is_read || !*value)
			continue;
		add_variable(arena, env, names[i].upper, value);
		add_variable(arena, env, names[i].lower, value);
	}
	if (!is_read)
		fprintf(stderr, "WARNING: Error loading config file: %s\n", err.text);
}

/* The host part of "https://HOST:PORT/v1/". */
static const char *host_of(struct arena *arena, const char *server)
{
	const char *scheme = strstr(server, "://");
	const char *start = scheme ? scheme + 3 : server;

	return arena_strndup(arena, start, strcspn(start, "/"));
}

static bool is_hub(const char *host)
{
	static const char *const names[] = { "docker.io", "index.docker.io",
					     "registry-1.docker.io" };

	for (size_t i = 0; i < COUNT_OF(names); i++)
		if (strcasecmp(host, names[i]) == 0)
			return true;
	return false;
}

const char *dockerconfig_key(struct arena *arena, const char *server)
{
	const char *host = host_of(arena, server);

	return is_hub(host) ? DOCKERCONFIG_HUB : host;
}

static bool is_same_host(struct arena *arena, const char *key, const char *host)
{
	return strcasecmp(dockerconfig_key(arena, key), dockerconfig_key(arena, host)) == 0;
}

/* "quay.io/team", which is not the registry's own: for nobody else there, and neither login nor
 * logout touches it. */
static bool is_of_path(const char *key)
{
	const char *path = strchr(key, '/');

	return path && !strstr(key, "://") && path[1] != '\0' && strcmp(path, "/v1/") != 0 &&
	       strcmp(path, "/v2/") != 0;
}

/* The member for a host: its exact key first, then any that means the same host. */
static const struct json *entry_of(struct arena *arena, const struct json *object, const char *host)
{
	const struct json *exact = json_get(object, dockerconfig_key(arena, host));

	if (exact || !object)
		return exact;
	for (const struct json *entry = object->child; entry; entry = entry->next)
		if (!is_of_path(entry->key) && is_same_host(arena, entry->key, host))
			return entry;
	return NULL;
}

/* "auth": base64 of NAME:PASSWORD; old files have NULs behind the password. */
static bool split_auth(struct arena *arena, const struct json *entry, const char *auth,
		       struct dockerconfig_login *login, struct error *err)
{
	autofree char *plain = NULL;
	size_t length;

	if (!base64_decode(auth, &plain, &length))
		return json_wrong(json_get(entry, "auth"), err, "not Base64");
	char *colon = memchr(plain, ':', length);

	if (!colon || colon == plain)
		return json_wrong(json_get(entry, "auth"), err, "expected NAME:PASSWORD in Base64");
	login->username = arena_strndup(arena, plain, (size_t)(colon - plain));
	login->password = arena_strdup(arena, colon + 1);
	explicit_bzero(plain, length);
	return true;
}

static const char *text_or_null(const char *text)
{
	return text && *text ? text : NULL;
}

/* The member for "quay.io/team/tool", else for "quay.io/team"; NULL: neither. */
static const struct json *entry_of_path(struct arena *arena, const struct json *auths,
					const char *place)
{
	char *name = arena_strdup(arena, place);

	for (char *slash; (slash = strrchr(name, '/')) != NULL; *slash = '\0') {
		const struct json *entry = json_get(auths, name);

		if (entry)
			return entry;
	}
	return NULL;
}

bool dockerconfig_login(struct arena *arena, const struct json *root, const char *place,
			struct dockerconfig_login *login, bool *is_found, struct error *err)
{
	const struct json *auths, *entry;
	const char *auth;

	*login = (struct dockerconfig_login){ .username = "", .password = "" };
	*is_found = false;
	if (!json_object_or_null(root, "auths", &auths, err))
		return false;
	entry = entry_of_path(arena, auths, place);
	if (!entry)
		entry = entry_of(arena, auths, place);
	if (!entry)
		return true;
	if (entry->type != JSON_OBJECT)
		return json_expected(entry, "an object", err);
	if (!json_text_or(entry, "auth", "", &auth, err) ||
	    !json_text_or(entry, "username", "", &login->username, err) ||
	    !json_text_or(entry, "password", "", &login->password, err) ||
	    !json_text_or(entry, "identitytoken", NULL, &login->identity_token, err) ||
	    !json_text_or(entry, "registrytoken", NULL, &login->registry_token, err))
		return false;
	if (*auth && !split_auth(arena, entry, auth, login, err))
		return false;
	login->identity_token = text_or_null(login->identity_token);
	login->registry_token = text_or_null(login->registry_token);
	*is_found = *login->username || login->identity_token || login->registry_token;
	return true;
}

bool dockerconfig_helper(const struct json *root, const char *host, const char **helper,
			 struct error *err)
{
	autoarena struct arena arena = { 0 };
	const struct json *helpers;

	if (!json_object_or_null(root, "credHelpers", &helpers, err))
		return false;
	const struct json *own = entry_of(&arena, helpers, host);

	if (own)
		return json_as_text(own, helper, err);
	return json_text_or(root, "credsStore", NULL, helper, err);
}

/* -- writing -- */

static void write_login(struct jsonout *out, const char *key,
			const struct dockerconfig_login *login)
{
	jsonout_object(out, key);
	if (*login->username) {
		autofree char *plain = mem_printf("%s:%s", login->username, login->password);
		autofree char *encoded = base64_encode(plain, strlen(plain));

		jsonout_text(out, "auth", encoded);
		explicit_bzero(plain, strlen(plain));
	}
	if (login->identity_token)
		jsonout_text(out, "identitytoken", login->identity_token);
	jsonout_object_end(out);
}

/* A login takes the place of what has its very name, a logout of all that mean the registry. */
static bool is_replaced(struct arena *arena, const char *key, const char *host, bool is_login)
{
	if (is_of_path(key))
		return false;
	return is_login ? strcmp(key, dockerconfig_key(arena, host)) == 0
			: is_same_host(arena, key, host);
}

static void write_auths(struct jsonout *out, const struct json *auths, const char *host,
			const struct dockerconfig_login *login)
{
	autoarena struct arena arena = { 0 };

	jsonout_object(out, "auths");
	for (const struct json *entry = auths ? auths->child : NULL; entry; entry = entry->next)
		if (!is_replaced(&arena, entry->key, host, login != NULL))
			jsonout_json(out, entry->key, entry);
	if (login)
		write_login(out, dockerconfig_key(&arena, host), login);
	jsonout_object_end(out);
}

/* Docker indents by tabs, our writer by four blanks; texts hold no newlines. */
static void indent_by_tabs(const char *text, struct buf *out)
{
	while (*text) {
		size_t blanks = strspn(text, " ");
		size_t line = blanks + strcspn(text + blanks, "\n");

		for (size_t i = 0; i < blanks / 4; i++)
			buf_add_char(out, '\t');
		buf_add(out, text + blanks, line - blanks + (text[line] == '\n'));
		text += line + (text[line] == '\n');
	}
}

static bool compose(const struct json *root, const char *host,
		    const struct dockerconfig_login *login, struct buf *text, struct error *err)
{
	autobuf struct buf wide;
	struct jsonout out;
	const struct json *auths;

	buf_init(&wide, 4 * SIZE_MAX_CONFIG);
	if (!json_object_or_null(root, "auths", &auths, err))
		return false;
	jsonout_init(&out, &wide, true);
	jsonout_object(&out, NULL);
	write_auths(&out, auths, host, login);
	for (const struct json *member = root->child; member; member = member->next)
		if (strcmp(member->key, "auths") != 0)
			jsonout_json(&out, member->key, member);
	jsonout_object_end(&out);
	jsonout_done(&out);
	indent_by_tabs(wide.data ? wide.data : "", text);
	if (wide.data)
		explicit_bzero(wide.data, wide.length);
	return buf_check(&wide, NAME, err) && buf_check(text, NAME, err);
}

/* Where a symlink leads is replaced, not the symlink; it may lead to what is made only now. */
static char *target_of(const char *directory)
{
	autofree char *path = mem_printf("%s/" NAME, directory);
	char *real = realpath(path, NULL);
	char link[PATH_MAX];
	ssize_t length = real ? -1 : readlink(path, link, sizeof(link));

	if (real)
		return real;
	if (length <= 0 || (size_t)length == sizeof(link))
		return mem_strdup(path);
	return link[0] == '/' ? mem_printf("%.*s", (int)length, link)
			      : mem_printf("%s/%.*s", directory, (int)length, link);
}

static bool replace(const char *directory, const struct buf *text, struct error *err)
{
	if (!path_make_own_dirs(directory, 0700, err))
		return false;

	autofree char *target = target_of(directory);

	return file_replace_outside(AT_FDCWD, target, text->data, text->length, 0600, FILE_DURABLE,
				    err);
}

bool dockerconfig_write(const char *directory, const char *host,
			const struct dockerconfig_login *login, struct error *err)
{
	autoarena struct arena arena = { 0 };
	const struct json *root;
	autobuf struct buf text;

	buf_init(&text, SIZE_MAX_CONFIG);
	if (!directory)
		return error_set(err, ERROR_NOT_FOUND,
				 "no place for credentials: set HOME or DOCKER_CONFIG");
	if (!dockerconfig_read(&arena, directory, &root, err) ||
	    !compose(root, host, login, &text, err))
		return false;
	caller_enter();
	bool is_written = replace(directory, &text, err);
	caller_leave();
	return is_written;
}

void dockerconfig_warn_environment(void)
{
	const char *value = getenv("DOCKER_AUTH_CONFIG");

	if (value && *value)
		fputs("WARNING! DOCKER_AUTH_CONFIG is set and takes precedence.\n"
		      "Unset DOCKER_AUTH_CONFIG to restore the CLI auth behaviour.\n",
		      stderr);
}
