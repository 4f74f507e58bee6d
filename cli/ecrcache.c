/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/ecrcache.h"

#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/json.h"
#include "base/jsonout.h"

#define SIZE_MAX_CACHE (1 << 20)
#define NAME           "ecr.json"

/* "HOST PRINCIPAL" */
static const char *key_of(struct arena *arena, const char *host, const char *principal)
{
	return arena_printf(arena, "%s %s", host, principal);
}

/* The document; an empty object where there is none, or none that can be read. */
static const struct json *read_cache(struct arena *arena, const char *root)
{
	const char *path = arena_printf(arena, "%s/" NAME, root);
	const struct json *empty = json_new(arena, NULL, NAME, JSON_OBJECT, NULL);
	const struct json *document;
	autobuf struct buf text;
	struct error ignored;

	buf_init(&text, SIZE_MAX_CACHE);
	if (!file_read(AT_FDCWD, path, &text, &ignored) ||
	    !json_parse(arena, NAME, text.data ? text.data : "", text.length, &document,
			&ignored) ||
	    document->type != JSON_OBJECT)
		return empty;
	explicit_bzero(text.data, text.length);
	return document;
}

static bool read_entry(const struct json *object, struct ecrcache_entry *entry)
{
	struct error ignored;

	return object && object->type == JSON_OBJECT &&
	       json_text(object, "username", &entry->username, &ignored) &&
	       json_text(object, "password", &entry->password, &ignored) &&
	       json_int(object, "expires", &entry->expires, &ignored) &&
	       entry->expires > time(NULL);
}

bool ecrcache_find(struct arena *arena, const char *root, const char *host, const char *principal,
		   struct ecrcache_entry *entry)
{
	const struct json *cache = read_cache(arena, root);

	return read_entry(json_get(cache, key_of(arena, host, principal)), entry);
}

static void write_entry(struct jsonout *out, const char *key, const struct ecrcache_entry *entry)
{
	jsonout_object(out, key);
	jsonout_text(out, "username", entry->username);
	jsonout_text(out, "password", entry->password);
	jsonout_int(out, "expires", entry->expires);
	jsonout_object_end(out);
}

/* What is new, and of the old what is still good. */
static void compose(struct arena *arena, const struct json *old, const struct json *learnt,
		    const char *principal, struct jsonout *out)
{
	struct ecrcache_entry entry;
	const char *host = "", *key;
	struct error ignored;

	jsonout_object(out, NULL);
	if (json_text(learnt, "host", &host, &ignored) && read_entry(learnt, &entry))
		write_entry(out, key_of(arena, host, principal), &entry);
	key = key_of(arena, host, principal);
	for (const struct json *one = old->child; one; one = one->next)
		if (strcmp(one->key, key) != 0 && read_entry(one, &entry))
			write_entry(out, one->key, &entry);
	jsonout_object_end(out);
}

/* The last line: one process speaks with one registry. */
static bool read_learnt(struct arena *arena, int fd, const struct json **learnt, struct error *err)
{
	autobuf struct buf text;

	*learnt = NULL;
	buf_init(&text, SIZE_MAX_CACHE);
	if (lseek(fd, 0, SEEK_SET) < 0)
		return error_sys(err, "rewind what mooring-fetch has learnt");
	if (!file_read_fd(fd, "what mooring-fetch has learnt", &text, err))
		return false;
	if (text.length == 0)
		return true;
	text.data[text.length - 1] = '\0';
	const char *last = strrchr(text.data, '\n');

	last = last ? last + 1 : text.data;
	bool is_ok =
		json_parse(arena, "what mooring-fetch has learnt", last, strlen(last), learnt, err);

	explicit_bzero(text.data, text.length);
	return is_ok;
}

bool ecrcache_keep(const char *root, const char *principal, int fd, struct error *err)
{
	autoarena struct arena arena = { 0 };
	const struct json *learnt;
	autobuf struct buf text;
	struct jsonout out;

	buf_init(&text, SIZE_MAX_CACHE);
	if (!read_learnt(&arena, fd, &learnt, err))
		return false;
	if (!learnt)
		return true;
	jsonout_init(&out, &text, false);
	compose(&arena, read_cache(&arena, root), learnt, principal, &out);
	jsonout_done(&out);

	const char *path = arena_printf(&arena, "%s/" NAME, root);
	bool is_ok = buf_check(&text, NAME, err) &&
		     file_replace_outside(AT_FDCWD, path, text.data, text.length, 0600,
					  FILE_DURABLE, err);

	if (text.data)
		explicit_bzero(text.data, text.length);
	return is_ok;
}
