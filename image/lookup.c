/* SPDX-License-Identifier: Apache-2.0 */
#include "image/lookup.h"

#include <string.h>

#include "image/record.h"
#include "registry/reference.h"

#define PREFIX "sha256:"

/* "sha256:9c0a" or "9c0a" → "9c0a"; NULL if it cannot be the beginning of an ID. */
static const char *id_prefix(const char *text)
{
	if (strncmp(text, PREFIX, strlen(PREFIX)) == 0)
		text += strlen(PREFIX);

	size_t length = strspn(text, "0123456789abcdef");

	return length > 0 && length <= DIGEST_HEX_LENGTH && text[length] == '\0' ? text : NULL;
}

static bool find_id(const struct store *store, struct arena *arena, const char *text,
		    struct match *match, bool *is_found, struct error *err)
{
	const char *prefix = id_prefix(text);
	struct digest *ids;
	size_t count = 0;

	*is_found = false;
	if (prefix && !record_list(store, arena, prefix, &ids, &count, err))
		return false;
	if (count > 1)
		return error_set(err, ERROR_INPUT, "%s is the beginning of %zu image IDs", text,
				 count);
	*is_found = count == 1;
	if (*is_found)
		*match = (struct match){ .id = ids[0] };
	return true;
}

/* With a digest the digest decides: the tag is only decoration. */
static char *lookup_key(const struct reference *reference)
{
	struct reference key = *reference;

	if (!digest_is_empty(&key.digest))
		key.tag[0] = '\0';
	return reference_text(&key);
}

bool lookup_name(const struct store *store, struct arena *arena, const struct names *names,
		 const char *text, struct match *match, struct error *err)
{
	struct reference reference;
	/* "sha256:9c0a" is an ID for everybody: a name like that must not stand in its way. */
	bool is_id = strncmp(text, PREFIX, strlen(PREFIX)) == 0 && id_prefix(text);
	bool is_name = !is_id && reference_parse(&reference, text, err);
	bool is_found;

	if (is_name) {
		autofree char *key = lookup_key(&reference);
		const struct name *name = names_find(names, key);

		if (name) {
			*match = (struct match){ .id = name->id, .name = name->text };
			return true;
		}
	}

	struct error refusal = *err;

	if (!find_id(store, arena, text, match, &is_found, err))
		return false;
	if (is_found)
		return true;
	if (!is_name && !id_prefix(text)) {
		*err = refusal;
		return false;
	}

	autofree char *familiar = is_name ? reference_familiar(&reference) : mem_strdup(text);

	return error_set(err, ERROR_NOT_FOUND, "No such image: %s", familiar);
}
