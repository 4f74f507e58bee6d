/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/envfile.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/caller.h"
#include "base/file.h"
#include "base/utf8.h"
#include "cli/human.h"

#define LINE_MAX_BYTES  65535 /* what Go's scanner of lines takes by itself */
#define BYTE_ORDER_MARK "\xef\xbb\xbf"

bool envfile_check(const char *text, struct error *err)
{
	return (*text && *text != '=') ||
	       error_set(err, ERROR_INPUT, "invalid environment variable: %s", text);
}

void envfile_add_variable(struct texts *env, struct arena *arena, const char *text)
{
	const char *value = strchr(text, '=') ? NULL : getenv(text);

	texts_add(env, value ? arena_printf(arena, "%s=%s", text, value) : text);
}

static bool read_line(struct texts *pairs, char *line, const char *path, bool passes_through,
		      struct arena *arena, struct error *err)
{
	line += strspn(line, " \t");
	size_t length = strcspn(line, "=");
	size_t blank = strcspn(line, " \t");

	if (!*line || *line == '#')
		return true;
	if (length == 0)
		return error_set(err, ERROR_INPUT,
				 "invalid env file (%s): no variable name on line '%s'", path,
				 line);
	if (blank < length)
		return error_set(err, ERROR_INPUT,
				 "invalid env file (%s): variable '%.*s' contains whitespaces",
				 path, (int)length, line);
	if (line[length] == '=')
		texts_add(pairs, line);
	else if (passes_through && getenv(line))
		envfile_add_variable(pairs, arena, line);
	return true;
}

/* Go's words, in which bytes are numbers: "[88 61 255]". */
static bool refuse_line(const char *line, size_t number, const char *path, struct error *err)
{
	autobuf struct buf bytes;

	buf_init(&bytes, sizeof(err->text));
	for (const char *at = line; *at; at++)
		buf_printf(&bytes, "%s%d", at == line ? "" : " ", (unsigned char)*at);
	return error_set(err, ERROR_INPUT,
			 "invalid env file (%s): invalid utf8 bytes at line %zu: [%.*s]", path,
			 number, (int)bytes.length, bytes.data);
}

static bool check_utf8(const char *line, size_t number, const char *path, struct error *err)
{
	return utf8_valid_length(line, strlen(line)) == strlen(line) ||
	       refuse_line(line, number, path, err);
}

bool envfile_read(struct texts *pairs, struct arena *arena, const char *path, bool passes_through,
		  struct error *err)
{
	autobuf struct buf text;
	char words[HUMAN_MAX];

	buf_init(&text, ENVFILE_MAX);
	if (arena->size > ENVFILE_ARENA_MAX)
		return error_set(err, ERROR_INPUT, "%s: all env files take more than %d MiB", path,
				 ENVFILE_ARENA_MAX >> 20);
	if (!caller_read(path, &text, err))
		return err->sys ? error_set(err, err->kind, "open %s: %s", path,
					    human_errno(err->sys, words))
				: false;
	if (text.length && memchr(text.data, '\0', text.length))
		return error_set(err, ERROR_INPUT, "invalid env file (%s): it holds a NUL byte",
				 path);
	char *rest = arena_strdup(arena, text.length ? text.data : "");
	size_t number = 0;
	for (char *line; (line = strsep(&rest, "\n"));) {
		size_t length = strlen(line);

		if (length > LINE_MAX_BYTES)
			return error_set(err, ERROR_INPUT,
					 "invalid env file (%s): bufio.Scanner: token too long",
					 path);
		if (length && line[length - 1] == '\r')
			line[length - 1] = '\0';
		if (!check_utf8(line, ++number, path, err))
			return false;
		if (number == 1 && strncmp(line, BYTE_ORDER_MARK, strlen(BYTE_ORDER_MARK)) == 0)
			line += strlen(BYTE_ORDER_MARK);
		if (!read_line(pairs, line, path, passes_through, arena, err))
			return false;
	}
	return true;
}
