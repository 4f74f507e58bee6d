/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/logline.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/mem.h"

#define LEVEL_TERM "level="

static const char *const levels[LOGLINE_LEVELS] = {
	[LOGLINE_TRACE] = "TRACE", [LOGLINE_DEBUG] = "DEBUG", [LOGLINE_INFO] = "INFO",
	[LOGLINE_WARN] = "WARN",   [LOGLINE_ERROR] = "ERROR", [LOGLINE_FATAL] = "FATAL",
};

/* -- time ---------------------------------------------------------------------------------------
 */

/* How a moment may be written, the finest first, and how long that lasts. */
static const struct {
	const char *format;
	int64_t length; /* ms */
} precisions[] = {
	{ "%Y-%m-%dT%H:%M:%S", 1000 },
	{ "%Y-%m-%dT%H:%M", 60 * 1000 },
	{ "%Y-%m-%d", 24 * 3600 * 1000 },
};

/* ".615" at *text, or nothing. */
static void add_milliseconds(const char **text, int64_t *time, int64_t *end)
{
	char *rest;

	if ((*text)[0] != '.' || strspn(*text + 1, "0123456789") != 3)
		return;
	*time += strtol(*text + 1, &rest, 10);
	*end = *time + 1;
	*text = rest;
}

/* The rest of the text, or NULL. */
static const char *parse(const char *text, int64_t *time, int64_t *end)
{
	for (size_t i = 0; i < COUNT_OF(precisions); i++) {
		struct tm parts = { 0 };
		const char *rest = strptime(text, precisions[i].format, &parts);

		if (!rest)
			continue;
		*time = (int64_t)timegm(&parts) * 1000;
		*end = *time + precisions[i].length;
		if (i == 0)
			add_milliseconds(&rest, time, end);
		return *rest == 'Z' ? rest + 1 : rest;
	}
	return NULL;
}

bool logline_parse_moment(const char *text, int64_t *time, int64_t *end, struct error *err)
{
	const char *rest = parse(text, time, end);

	return (rest && *rest == '\0') ||
	       error_set(err, ERROR_INPUT, "\"%.40s\" is no time such as 2020-12-08T01:11:17",
			 text);
}

/* The last "timestamp": one in a message has its quotes escaped. */
static bool json_time(const char *line, int64_t *time)
{
	static const char key[] = "\"timestamp\":";
	const char *found = NULL;
	char *rest;

	for (const char *at = strstr(line, key); at; at = strstr(at + 1, key))
		found = at + strlen(key);
	if (!found)
		return false;
	*time = strtoll(found, &rest, 10);
	return rest > found;
}

bool logline_time(const char *line, int64_t *time)
{
	int64_t end;

	if (line[0] == '{')
		return json_time(line, time);
	return strspn(line, "0123456789") == 4 && parse(line, time, &end);
}

/* -- terms --------------------------------------------------------------------------------------
 */

static int level_of(const char *name, size_t length)
{
	for (size_t i = 0; i < COUNT_OF(levels); i++)
		if (strlen(levels[i]) == length && strncasecmp(levels[i], name, length) == 0)
			return (int)i;
	return -1;
}

const char *logline_level_name(enum logline_level level)
{
	return levels[level];
}

bool logline_parse_level(const char *name, enum logline_level *level)
{
	int found = level_of(name, strlen(name));

	if (found >= 0)
		*level = (enum logline_level)found;
	return found >= 0;
}

/* "… [INFO] (…", or "level":"INFO". */
static int level_of_line(const char *line)
{
	static const char key[] = "\"level\":\"";
	bool is_json = line[0] == '{';
	const char *begin = is_json ? strstr(line, key) : strchr(line, '[');

	if (!begin)
		return -1;
	begin += is_json ? strlen(key) : 1;
	return level_of(begin, strcspn(begin, is_json ? "\"" : "]"));
}

static bool holds_in_json(const char *line, const char *term)
{
	const char *equals = strchr(term, '=');
	autofree char *text = NULL;
	autofree char *number = NULL;

	if (line[0] != '{' || !equals)
		return false;
	text = mem_printf("\"%.*s\":\"%s\"", (int)(equals - term), term, equals + 1);
	number = mem_printf("\"%.*s\":%s,", (int)(equals - term), term, equals + 1);
	return strcasestr(line, text) || strcasestr(line, number);
}

bool logline_holds(const char *line, const char *term)
{
	if (strncasecmp(term, LEVEL_TERM, strlen(LEVEL_TERM)) == 0) {
		const char *level = term + strlen(LEVEL_TERM);

		return level_of_line(line) >= level_of(level, strlen(level));
	}
	return strcasestr(line, term) || holds_in_json(line, term);
}

bool logline_check_term(const char *term, struct error *err)
{
	const char *level = term + strlen(LEVEL_TERM);

	return strncasecmp(term, LEVEL_TERM, strlen(LEVEL_TERM)) != 0 ||
	       level_of(level, strlen(level)) >= 0 ||
	       error_set(err, ERROR_INPUT, "\"%.40s\": there are the levels " LOGLINE_LEVEL_NAMES,
			 term);
}
