/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/ipc/secretstore.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "lifecycle/ipc/sealedfile.h"

/*
 * The store is one JSON document:
 *
 *     {"secrets": [{"name": …, "arn": …,
 *                   "versions": [{"id": …, "stages": ["AWSCURRENT"], "text" or "binary": …}]}]}
 */

#define STORE   "store"
#define OWN_ARN "arn:mooring:secretsmanager:local:0:secret:"
#define CURRENT "AWSCURRENT"
#define BEFORE  "AWSPREVIOUS"

/* -- the document -------------------------------------------------------------------------------
 */

static bool open_directory(const char *data, bool is_made, int *fd, struct error *err)
{
	autofree char *path = mem_printf("%s/secrets", data);

	if (is_made && !path_make_own_dirs(path, 0700, err))
		return false;
	*fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return *fd >= 0 || error_sys(err, "open %s", path);
}

/* *secrets is the array, or NULL where there is none. */
static bool read_store(int directory, struct arena *arena, const struct json **secrets,
		       struct error *err)
{
	autobuf struct buf text;
	const struct json *root;
	bool is_good;

	*secrets = NULL;
	buf_init(&text, SECRETSTORE_SIZE_MAX);
	if (!sealedfile_read(directory, STORE, &text, err))
		return error_in(err, "secrets");
	if (text.length == 0)
		return true;
	is_good = json_parse(arena, "secrets", text.data, text.length, &root, err) &&
		  json_array_or_null(root, "secrets", secrets, err);
	explicit_bzero(text.data, text.length);
	return is_good;
}

static const char *text_of(const struct json *object, const char *key)
{
	const struct json *value = json_get(object, key);

	return value && value->type == JSON_TEXT ? value->text : NULL;
}

static bool is_called(const struct json *secret, const char *id)
{
	const char *name = text_of(secret, "name"), *arn = text_of(secret, "arn");

	return (name && strcmp(name, id) == 0) || (arn && strcmp(arn, id) == 0);
}

static const struct json *find(const struct json *secrets, const char *id)
{
	for (const struct json *secret = secrets ? secrets->child : NULL; secret;
	     secret = secret->next)
		if (is_called(secret, id))
			return secret;
	return NULL;
}

static bool has_stage(const struct json *version, const char *stage)
{
	const struct json *stages = json_get(version, "stages");

	for (const struct json *item = stages ? stages->child : NULL; item; item = item->next)
		if (item->type == JSON_TEXT && strcmp(item->text, stage) == 0)
			return true;
	return false;
}

static const struct json *find_version(const struct json *secret, const char *id, const char *stage)
{
	const struct json *versions = json_get(secret, "versions");

	for (const struct json *version = versions ? versions->child : NULL; version;
	     version = version->next) {
		const char *own = text_of(version, "id");

		if (id ? own && strcmp(own, id) == 0 : has_stage(version, stage))
			return version;
	}
	return NULL;
}

/* -- reading ------------------------------------------------------------------------------------
 */

bool secretstore_find(const char *data, const struct secret_query *query, struct arena *arena,
		      struct secret *secret, struct error *err)
{
	autoclose int directory = -1;
	const struct json *secrets, *found, *version;
	const char *stage = query->stage ? query->stage : CURRENT;

	if (!open_directory(data, false, &directory, err)) {
		if (err->kind == ERROR_NOT_FOUND)
			error_set(err, ERROR_NOT_FOUND, "there is no secret \"%s\"", query->id);
		return false;
	}
	if (!read_store(directory, arena, &secrets, err))
		return false;
	found = find(secrets, query->id);
	if (!found)
		return error_set(err, ERROR_NOT_FOUND, "there is no secret \"%s\"", query->id);
	version = find_version(found, query->version, stage);
	if (!version)
		return error_set(err, ERROR_NOT_FOUND, "secret \"%s\" has no version \"%s\"",
				 query->id, query->version ? query->version : stage);
	*secret = (struct secret){ .arn = text_of(found, "arn"),
				   .name = text_of(found, "name"),
				   .version = text_of(version, "id"),
				   .text = text_of(version, "text"),
				   .binary = text_of(version, "binary") };
	return json_text_array(arena, version, "stages", &secret->stages, &secret->stage_count,
			       err);
}

bool secretstore_list(const char *data, struct jsonout *out, const char *key, struct error *err)
{
	autoclose int directory = -1;
	struct arena arena = { 0 };
	const struct json *secrets = NULL;
	bool is_good = open_directory(data, false, &directory, err)
			       ? read_store(directory, &arena, &secrets, err)
			       : err->kind == ERROR_NOT_FOUND;

	jsonout_array(out, key);
	for (const struct json *secret = secrets ? secrets->child : NULL; secret;
	     secret = secret->next) {
		jsonout_object(out, NULL);
		jsonout_text(out, "name", text_of(secret, "name"));
		jsonout_text(out, "arn", text_of(secret, "arn"));
		jsonout_text(out, "version", text_of(find_version(secret, NULL, CURRENT), "id"));
		jsonout_object_end(out);
	}
	jsonout_array_end(out);
	secretstore_wipe(&arena);
	return is_good;
}

/* -- changing -----------------------------------------------------------------------------------
 */

/* A random UUID, as AWS names versions. */
static bool draw_id(char id[37], struct error *err)
{
	unsigned char r[16];

	if (getrandom(r, sizeof(r), 0) != sizeof(r))
		return error_sys(err, "getrandom");
	snprintf(id, 37, "%02x%02x%02x%02x-%02x%02x-4%01x%02x-8%01x%02x-%02x%02x%02x%02x%02x%02x",
		 r[0], r[1], r[2], r[3], r[4], r[5], r[6] & 15U, r[7], r[8] & 15U, r[9], r[10],
		 r[11], r[12], r[13], r[14], r[15]);
	return true;
}

static void put_version(struct jsonout *out, const char *id, const char *stage, const char *text,
			const char *binary)
{
	jsonout_object(out, NULL);
	jsonout_text(out, "id", id);
	jsonout_texts(out, "stages", &stage, 1);
	jsonout_text(out, text ? "text" : "binary", text ? text : binary);
	jsonout_object_end(out);
}

static void put_secret(struct jsonout *out, const struct secret_value *value, const char *id,
		       const struct json *old)
{
	const struct json *before = find_version(old, NULL, CURRENT);
	autofree char *own = mem_printf(OWN_ARN "%s", value->name);
	const char *arn = value->arn                   ? value->arn
			  : old && text_of(old, "arn") ? text_of(old, "arn")
						       : own;

	jsonout_object(out, NULL);
	jsonout_text(out, "name", value->name);
	jsonout_text(out, "arn", arn);
	jsonout_array(out, "versions");
	put_version(out, id, CURRENT, value->text, value->binary);
	if (before)
		put_version(out, text_of(before, "id"), BEFORE, text_of(before, "text"),
			    text_of(before, "binary"));
	jsonout_array_end(out);
	jsonout_object_end(out);
}

/* All secrets but `left_out`, with `value` (may be NULL) in its place. */
static bool write_store(int directory, const struct json *secrets, const struct json *left_out,
			const struct secret_value *value, struct error *err)
{
	autobuf struct buf text;
	struct jsonout out;
	char id[37];
	bool is_good;

	if (!draw_id(id, err)) {
		buf_init(&text, 0);
		return false;
	}
	buf_init(&text, SECRETSTORE_SIZE_MAX);
	jsonout_init(&out, &text, false);
	jsonout_object(&out, NULL);
	jsonout_array(&out, "secrets");
	if (value)
		put_secret(&out, value, id, left_out);
	for (const struct json *secret = secrets ? secrets->child : NULL; secret;
	     secret = secret->next)
		if (secret != left_out)
			jsonout_json(&out, NULL, secret);
	jsonout_array_end(&out);
	jsonout_object_end(&out);
	jsonout_done(&out);
	is_good = buf_check(&text, "the store of secrets", err) &&
		  sealedfile_write(directory, STORE, &text, err);
	explicit_bzero(text.data, text.length);
	return is_good;
}

static bool check_value(const struct secret_value *value, struct error *err)
{
	const char *content = value->text ? value->text : value->binary;

	if (!*value->name || strlen(value->name) > SECRETSTORE_NAME_MAX)
		return error_set(err, ERROR_INPUT, "a secret's name has 1 to %d bytes",
				 SECRETSTORE_NAME_MAX);
	if (strlen(content) > SECRETSTORE_VALUE_MAX / 3 * 4 + 4)
		return error_set(err, ERROR_INPUT, "a secret has at most %d bytes",
				 SECRETSTORE_VALUE_MAX);
	return true;
}

bool secretstore_put(const char *data, const struct secret_value *value, struct error *err)
{
	autoclose int directory = -1;
	autoclose int lock = -1;
	struct arena arena = { 0 };
	const struct json *secrets;
	bool is_good = check_value(value, err) && open_directory(data, true, &directory, err) &&
		       file_lock(directory, "lock", FILE_LOCK_EXCLUSIVE, &lock, err) &&
		       read_store(directory, &arena, &secrets, err) &&
		       write_store(directory, secrets, find(secrets, value->name), value, err);

	secretstore_wipe(&arena);
	return is_good;
}

bool secretstore_remove(const char *data, const char *id, struct error *err)
{
	autoclose int directory = -1;
	autoclose int lock = -1;
	struct arena arena = { 0 };
	const struct json *secrets, *found;
	bool is_good = open_directory(data, true, &directory, err) &&
		       file_lock(directory, "lock", FILE_LOCK_EXCLUSIVE, &lock, err) &&
		       read_store(directory, &arena, &secrets, err);

	if (is_good) {
		found = find(secrets, id);
		is_good = found ? write_store(directory, secrets, found, NULL, err)
				: error_set(err, ERROR_NOT_FOUND, "there is no secret \"%s\"", id);
	}
	secretstore_wipe(&arena);
	return is_good;
}

void secretstore_wipe(struct arena *arena)
{
	arena_wipe(arena);
}
