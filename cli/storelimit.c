/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/storelimit.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"

#define DAEMON_JSON_MAX (1 << 20)

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
	const char *name = arena_printf(&arena, "%s/daemon.json", config);
	const struct json *root, *value;
	autobuf struct buf text;

	*bytes = 0;
	buf_init(&text, DAEMON_JSON_MAX);
	if (!file_read(AT_FDCWD, name, &text, err))
		return err->kind == ERROR_NOT_FOUND || err->sys == ENOTDIR;
	if (!json_parse(&arena, name, text.data ? text.data : "", text.length, &root, err))
		return false;
	value = json_get(root, "store-limit");
	if (!value)
		return true;
	if (value->type != JSON_NUMBER && value->type != JSON_TEXT)
		return json_expected(value, "a size", err);
	return parse_size(value, bytes, err);
}
