/* SPDX-License-Identifier: Apache-2.0 */
#include "image/names.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/json.h"
#include "base/jsonout.h"
#include "base/spare.h"
#include "image/limits.h"

#define NAMES_FILE "images/names.json"

static bool parse(struct names *names, const char *text, size_t length, struct error *err)
{
	const struct json *root;

	if (!json_parse(names->arena, NAMES_FILE, text, length, &root, err))
		return false;
	if (root->type != JSON_OBJECT)
		return json_expected(root, "an object", err);
	names->items = arena_array(names->arena, root->count + 1, sizeof(*names->items));
	for (const struct json *member = root->child; member; member = member->next) {
		struct name *name = &names->items[names->count++];
		const char *id;

		name->text = member->key;
		if (!json_as_text(member, &id, err) || !digest_parse(&name->id, id, err))
			return error_in(err, "%s", NAMES_FILE);
	}
	return true;
}

bool names_read(const struct store *store, struct arena *arena, struct names *names,
		struct error *err)
{
	autobuf struct buf text;

	*names = (struct names){ .arena = arena };
	buf_init(&text, LIMIT_STORE_JSON);
	if (!file_read(store->root, NAMES_FILE, &text, err))
		return err->sys == ENOENT; /* a new store has no names */
	return parse(names, text.data, text.length, err);
}

static int compare(const void *a, const void *b)
{
	const struct name *left = a, *right = b;

	return strcmp(left->text, right->text);
}

static bool make_text(const struct names *names, struct buf *text, struct error *err)
{
	struct jsonout out;

	if (names->count > 0)
		qsort(names->items, names->count, sizeof(*names->items), compare);
	buf_init(text, LIMIT_STORE_JSON);
	jsonout_init(&out, text, true);
	jsonout_object(&out, NULL);
	for (size_t i = 0; i < names->count; i++)
		jsonout_text(&out, names->items[i].text, names->items[i].id.text);
	jsonout_object_end(&out);
	jsonout_done(&out);
	return buf_check(text, NAMES_FILE, err);
}

/* For the next removal. */
static void keep_space(const struct store *store, const struct buf *text)
{
	struct error ignored; /* on a disk that is full already there may be none */

	if (!spare_keep(store->root, NAMES_FILE, text->length, &ignored))
		return;
}

bool names_write(const struct store *store, const struct names *names, struct error *err)
{
	autobuf struct buf text;

	if (!make_text(names, &text, err) ||
	    !file_replace(store->root, NAMES_FILE, text.data, text.length, 0600, FILE_DURABLE, err))
		return false;
	keep_space(store, &text);
	return true;
}

bool names_write_fewer(const struct store *store, const struct names *names, struct error *err)
{
	autobuf struct buf text;

	if (!make_text(names, &text, err) || !spare_replace(store->root, NAMES_FILE, text.data,
							    text.length, 0600, FILE_DURABLE, err))
		return false;
	keep_space(store, &text);
	return true;
}

const struct name *names_find(const struct names *names, const char *text)
{
	for (size_t i = 0; i < names->count; i++)
		if (strcmp(names->items[i].text, text) == 0)
			return &names->items[i];
	return NULL;
}

void names_set(struct names *names, const char *text, const struct digest *id)
{
	names_remove(names, text);

	struct name *items = arena_array(names->arena, names->count + 1, sizeof(*items));

	if (names->count > 0)
		memcpy(items, names->items, names->count * sizeof(*items));
	items[names->count].text = arena_strdup(names->arena, text);
	items[names->count++].id = *id;
	names->items = items;
}

void names_remove(struct names *names, const char *text)
{
	size_t kept = 0;

	for (size_t i = 0; i < names->count; i++)
		if (strcmp(names->items[i].text, text) != 0)
			names->items[kept++] = names->items[i];
	names->count = kept;
}

bool name_digest(const char *text, struct digest *digest)
{
	const char *at = strchr(text, '@');
	struct error ignored;

	return at && digest_parse(digest, at + 1, &ignored);
}

bool name_is_tag(const char *text)
{
	return !strchr(text, '@');
}
