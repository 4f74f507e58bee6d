/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/storelimit.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/daemonjson.h"

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

bool storelimit_read(const char *config, int64_t *bytes, struct error *err)
{
	autoarena struct arena arena = { 0 };
	const struct json *root, *value;

	*bytes = 0;
	if (!daemonjson_read(config, &arena, &root, err))
		return false;
	value = json_get(root, "store-limit");
	if (!value)
		return true;
	if (value->type != JSON_NUMBER && value->type != JSON_TEXT)
		return json_expected(value, "a size", err);
	return parse_size(value, bytes, err);
}
