/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/gather.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/caller.h"
#include "base/file.h"
#include "base/texts.h"

#define FILE_MAX_BYTES (1 << 20)

const char *gather_variable(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : NULL;
}

static void copy_text(struct arena *arena, const struct buf *content, const char **text)
{
	*text = arena_strndup(arena, content->data ? content->data : "", content->length);
	if (content->data)
		explicit_bzero(content->data, content->length);
}

bool gather_file(struct arena *arena, const char *path, const char **text, struct error *err)
{
	autobuf struct buf content;

	buf_init(&content, FILE_MAX_BYTES);
	if (!file_read(AT_FDCWD, path, &content, err))
		return false;
	copy_text(arena, &content, text);
	return true;
}

bool gather_callers_file(struct arena *arena, const char *path, const char **text,
			 struct error *err)
{
	autobuf struct buf content;

	buf_init(&content, FILE_MAX_BYTES);
	if (!caller_read(path, &content, err))
		return false;
	copy_text(arena, &content, text);
	return true;
}

bool gather_is_systems_bundle(const char *path)
{
	struct stat given, known;

	return stat(path, &given) == 0 && stat(SYSTEM_BUNDLE, &known) == 0 &&
	       given.st_dev == known.st_dev && given.st_ino == known.st_ino;
}

/* --- certs.d --- */

struct certs {
	struct arena *arena;
	const char *directory;
	struct texts names; /* of its files, in order */
	const char *ca;
};

static bool list(struct certs *certs, bool *is_there, struct error *err)
{
	autodir DIR *directory = opendir(certs->directory);

	*is_there = directory != NULL;
	if (!directory)
		return errno == ENOENT || errno == ENOTDIR ||
		       error_sys(err, "open %s", certs->directory);

	struct dirent *entry;
	bool is_read;

	while ((is_read = file_next(directory, certs->directory, &entry, err)) && entry)
		texts_add(&certs->names, arena_strdup(certs->arena, entry->d_name));
	texts_sort(&certs->names);
	return is_read;
}

static bool has_ending(const char *name, const char *ending)
{
	size_t length = strlen(name), end = strlen(ending);

	return length > end && strcmp(name + length - end, ending) == 0;
}

/* Adds a file's text behind *text. */
static bool add_file(const struct certs *certs, const char *name, const char **text,
		     struct error *err)
{
	const char *path = arena_printf(certs->arena, "%s/%s", certs->directory, name);
	const char *content;

	if (!gather_file(certs->arena, path, &content, err))
		return false;
	*text = arena_printf(certs->arena, "%s%s%s", *text ? *text : "", *text ? "\n" : "",
			     content);
	return true;
}

/* "NAME.cert" needs "NAME.key" beside it, and the other way round. */
static bool check_pair(const struct certs *certs, const char *name, const char *ending,
		       const char *other_ending, struct error *err)
{
	size_t length = strlen(name) - strlen(ending);
	const char *other = arena_printf(certs->arena, "%.*s%s", (int)length, name, other_ending);

	if (texts_has(&certs->names, other))
		return true;
	return error_set(err, ERROR_INPUT,
			 "%s: %s is there, but %s is not: a client's certificate needs its key "
			 "(authorities end in .crt)",
			 certs->directory, name, other);
}

static bool take_file(struct certs *certs, const char *name, struct error *err)
{
	if (has_ending(name, ".crt"))
		return add_file(certs, name, &certs->ca, err);
	if (has_ending(name, ".key"))
		return check_pair(certs, name, ".key", ".cert", err);
	return !has_ending(name, ".cert") || check_pair(certs, name, ".cert", ".key", err);
}

/* A certificate of ours, and its key. */
static bool write_client(struct jsonout *out, const struct certs *certs, const char *name,
			 struct error *err)
{
	const char *key =
		arena_printf(certs->arena, "%.*s.key", (int)(strlen(name) - strlen(".cert")), name);
	const char *certificate_text = NULL, *key_text = NULL;

	if (!add_file(certs, name, &certificate_text, err) || !add_file(certs, key, &key_text, err))
		return false;
	jsonout_object(out, NULL);
	jsonout_text(out, "name", name);
	jsonout_text(out, "certificate", certificate_text);
	jsonout_text(out, "key", key_text);
	jsonout_object_end(out);
	return true;
}

static bool write_certs(struct jsonout *out, const char *host, const struct certs *certs,
			struct error *err)
{
	jsonout_object(out, host);
	if (certs->ca)
		jsonout_text(out, "ca", certs->ca);
	jsonout_array(out, "clients");
	for (size_t i = 0; i < certs->names.count; i++)
		if (has_ending(certs->names.items[i], ".cert") &&
		    !write_client(out, certs, certs->names.items[i], err))
			return false;
	jsonout_array_end(out);
	jsonout_object_end(out);
	return true;
}

static bool take_directory(struct jsonout *out, struct certs *certs, const char *host,
			   bool *is_there, struct error *err)
{
	if (!list(certs, is_there, err))
		return false;
	for (size_t i = 0; i < certs->names.count; i++)
		if (!take_file(certs, certs->names.items[i], err))
			return false;
	return !*is_there || write_certs(out, host, certs, err);
}

bool gather_certs(struct jsonout *out, struct arena *arena, const char *const *directories,
		  const char *host, struct error *err)
{
	for (size_t i = 0; directories[i]; i++) {
		struct certs certs = { .arena = arena,
				       .directory =
					       arena_printf(arena, "%s/%s", directories[i], host) };
		bool is_there;
		bool is_ok = take_directory(out, &certs, host, &is_there, err);

		texts_done(&certs.names);
		if (!is_ok || is_there)
			return is_ok;
	}
	return true;
}

/* --- proxies --- */

/* The environment's word, else the file's. */
static bool find_proxy(const char *big, const char *small, const struct json *fallback,
		       const char *member, const char **value, struct error *err)
{
	*value = gather_variable(big);
	if (!*value)
		*value = gather_variable(small);
	return *value || json_text_or(fallback, member, NULL, value, err);
}

bool gather_proxies(const struct json *fallback, struct gather_proxies *proxies, struct error *err)
{
	return find_proxy("HTTP_PROXY", "http_proxy", fallback, "http-proxy", &proxies->http,
			  err) &&
	       find_proxy("HTTPS_PROXY", "https_proxy", fallback, "https-proxy", &proxies->https,
			  err) &&
	       find_proxy("NO_PROXY", "no_proxy", fallback, "no-proxy", &proxies->no_proxy, err);
}

bool gather_proxy(struct jsonout *out, const struct json *fallback, struct error *err)
{
	struct gather_proxies proxies;

	if (!gather_proxies(fallback, &proxies, err))
		return false;
	jsonout_object(out, "proxy");
	if (proxies.http)
		jsonout_text(out, "http", proxies.http);
	if (proxies.https)
		jsonout_text(out, "https", proxies.https);
	if (proxies.no_proxy)
		jsonout_text(out, "no_proxy", proxies.no_proxy);
	jsonout_object_end(out);
	return true;
}
