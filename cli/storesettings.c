/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/storesettings.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/daemonjson.h"
#include "image/limits.h"

/* "2g", "500M", "1048576" */
static bool parse_size(const struct json *value, int64_t *bytes, struct error *err)
{
	static const char units[] = "bkmgt";
	char *end;

	errno = 0;
	*bytes = strtoll(value->text, &end, 10);

	const char *unit = *end ? strchr(units, tolower((unsigned char)*end)) : units;
	int shift = unit ? 10 * (int)(unit - units) : 0;

	if (errno || end == value->text || *bytes <= 0 || !unit || (*end && end[1]) ||
	    *bytes > INT64_MAX >> shift)
		return json_wrong(value, err, "not a size like \"500m\" or \"2g\"");
	*bytes <<= shift;
	return true;
}

static bool read_size(const struct json *root, const char *key, int64_t *bytes, struct error *err)
{
	const struct json *value = json_get(root, key);

	*bytes = 0;
	if (!value)
		return true;
	if (value->type != JSON_NUMBER && value->type != JSON_TEXT)
		return json_expected(value, "a size", err);
	return parse_size(value, bytes, err);
}

bool storesettings_read(const char *config, struct store *store, struct error *err)
{
	autoarena struct arena arena = { 0 };
	const struct json *root;

	if (!daemonjson_read(config, &arena, &root, err) ||
	    !read_size(root, "store-limit", &store->limit, err) ||
	    !read_size(root, "unpack-memory", &store->memory, err) ||
	    !json_int_or(root, "unpack-ratio", 0, &store->ratio, err) ||
	    !json_bool_or(root, "keep-blobs", false, &store->is_keeping_blobs, err))
		return false;
	if (store->memory > 0 && store->memory < UNPACK_MEMORY_LEAST)
		return json_wrong(json_get(root, "unpack-memory"), err,
				  "less than the %lldm that every pull needs",
				  UNPACK_MEMORY_LEAST >> 20);
	if (json_get(root, "unpack-ratio") && (store->ratio < 1 || store->ratio > UNPACK_RATIO_MAX))
		return json_wrong(json_get(root, "unpack-ratio"), err, "not from 1 to %d",
				  UNPACK_RATIO_MAX);
	return true;
}
