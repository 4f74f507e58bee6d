/* SPDX-License-Identifier: Apache-2.0 */
#include "compose/dotenv.h"

#include <ctype.h>
#include <fcntl.h>
#include <string.h>

#include "base/buf.h"
#include "base/caller.h"
#include "base/file.h"
#include "compose/substitute.h"

#define BYTE_ORDER_MARK "\xef\xbb\xbf"

struct reader {
	struct variables *variables;
	const struct variables *known;
	struct arena *arena;
	const char *name;
	const char *next;
	size_t line;
	struct error *err;
};

static bool refuse(const struct reader *reader, const char *reason)
{
	return error_set(reader->err, ERROR_INPUT, "%s: line %zu: %s", reader->name, reader->line,
			 reason);
}

static void skip_blanks(struct reader *reader)
{
	reader->next += strspn(reader->next, " \t\r");
}

static void skip_line(struct reader *reader)
{
	reader->next += strcspn(reader->next, "\n");
	if (*reader->next) {
		reader->next++;
		reader->line++;
	}
}

/* $A in values: what is known elsewhere counts more than what stands further up. */
static bool expand(struct reader *reader, const char *text, const char **value)
{
	const struct variables own = { .items = reader->variables->items,
				       .count = reader->variables->count };
	struct variables scope = { .next = &own };

	if (reader->known) {
		scope.items = reader->known->items;
		scope.count = reader->known->count;
	}
	const struct substitute substitute = { .arena = reader->arena,
					       .variables = &scope,
					       .is_lenient = true };
	struct error reason;

	return substitute_text(&substitute, text, value, &reason) || refuse(reader, reason.text);
}

static void add_escaped(struct buf *out, char c)
{
	static const char letters[] = "nrtabfv", codes[] = "\n\r\t\a\b\f\v";
	const char *found = strchr(letters, c);

	if (found)
		buf_add_char(out, codes[found - letters]);
	else if (c == '$')
		buf_add_text(out, "$$"); /* for `expand` to undo */
	else if (c == '"' || c == '\\' || c == '\'')
		buf_add_char(out, c);
	else
		buf_printf(out, "\\%c", c);
}

static bool read_quoted(struct reader *reader, const char **value)
{
	char quote = *reader->next++;
	autobuf struct buf text;

	buf_init(&text, DOTENV_FILE_MAX);
	for (; *reader->next != quote; reader->next++) {
		if (!*reader->next)
			return refuse(reader, "a quote is not closed");
		reader->line += *reader->next == '\n';
		if (quote == '"' && *reader->next == '\\' && reader->next[1])
			add_escaped(&text, *++reader->next);
		else if (*reader->next == '\\' && reader->next[1] == quote)
			buf_add_char(&text, *++reader->next);
		else
			buf_add_char(&text, *reader->next);
	}
	reader->next++;
	skip_blanks(reader);
	if (*reader->next && *reader->next != '\n' && *reader->next != '#')
		return refuse(reader, "there is text behind the closing quote");
	*value = arena_strndup(reader->arena, text.length ? text.data : "", text.length);
	return quote == '\'' || expand(reader, *value, value);
}

static bool read_plain(struct reader *reader, const char **value)
{
	size_t length = strcspn(reader->next, "\n");

	for (size_t i = 0; i < length; i++) {
		if (reader->next[i] == '#' && i > 0 && isblank((unsigned char)reader->next[i - 1]))
			length = i;
	}
	while (length && isspace((unsigned char)reader->next[length - 1]))
		length--;
	*value = arena_strndup(reader->arena, reader->next, length);
	return expand(reader, *value, value);
}

static bool read_value(struct reader *reader, const char **value)
{
	skip_blanks(reader);
	if (*reader->next == '"' || *reader->next == '\'')
		return read_quoted(reader, value);
	return read_plain(reader, value);
}

static bool set(struct reader *reader, const char *name, const char *value)
{
	return variables_set(reader->variables, name, value) ||
	       refuse(reader, "too many variables");
}

/* Letters of any language, digits, and "_.-[]". */
static bool check_name(const struct reader *reader, const char *name)
{
	for (const char *next = name; *next; next++) {
		unsigned char c = (unsigned char)*next;

		if (c < 0x80 && !isalnum(c) && !strchr("_.-[]", c))
			return refuse(reader,
				      arena_printf(reader->arena,
						   "unexpected character \"%c\" in variable name "
						   "\"%.100s\"",
						   c, name));
	}
	return true;
}

static bool read_assignment(struct reader *reader)
{
	size_t length = strcspn(reader->next, "=:# \t\r\n");
	const char *name = arena_strndup(reader->arena, reader->next, length);
	const char *value;

	reader->next += length;
	skip_blanks(reader);
	if (length == 0)
		return refuse(reader, "a variable has no name");
	if (!check_name(reader, name))
		return false;
	if (*reader->next == '=' || *reader->next == ':') {
		reader->next++;
		return read_value(reader, &value) && set(reader, name, value);
	}
	if (*reader->next && *reader->next != '\n' && *reader->next != '#')
		return refuse(reader, "expected NAME=VALUE");
	value = variables_get(reader->known, name);
	return !value || set(reader, name, value);
}

bool dotenv_parse(struct variables *variables, const struct variables *known, struct arena *arena,
		  const char *name, const char *text, struct error *err)
{
	struct reader reader = { variables, known, arena, name, text, 1, err };

	if (strncmp(text, BYTE_ORDER_MARK, strlen(BYTE_ORDER_MARK)) == 0)
		reader.next += strlen(BYTE_ORDER_MARK);
	while (*reader.next) {
		skip_blanks(&reader);
		if (strncmp(reader.next, "export", 6) == 0 &&
		    isblank((unsigned char)reader.next[6])) {
			reader.next += 6;
			skip_blanks(&reader);
		}
		if (*reader.next && *reader.next != '#' && *reader.next != '\n' &&
		    !read_assignment(&reader))
			return false;
		skip_line(&reader);
	}
	return true;
}

/* Into the arena, so that a file that is read often counts as often, whatever comes of it. */
static bool read_file(struct arena *arena, const char *path, char **text, struct error *err)
{
	autobuf struct buf content;

	buf_init(&content, DOTENV_FILE_MAX);
	if (!substitute_room(arena, err) || !caller_read(path, &content, err))
		return false;
	*text = arena_strndup(arena, content.length ? content.data : "", content.length);
	return strlen(*text) == content.length ||
	       error_set(err, ERROR_INPUT, "%s: it holds a NUL byte", path);
}

bool dotenv_read(struct variables *variables, const struct variables *known, struct arena *arena,
		 const char *path, struct error *err)
{
	char *text;

	return read_file(arena, path, &text, err) &&
	       dotenv_parse(variables, known, arena, path, text, err);
}

static bool read_raw_line(struct reader *reader, char *line)
{
	char *name = line + strspn(line, " \t"), *equals = strchr(name, '=');
	const char *value = equals ? equals + 1 : NULL;

	if (!*name || *name == '#')
		return true;
	if (equals == name)
		return refuse(reader, "a variable has no name");
	if (equals)
		*equals = '\0';
	else
		value = variables_get(reader->known, name);
	return !value || set(reader, name, value);
}

bool dotenv_read_raw(struct variables *variables, const struct variables *known,
		     struct arena *arena, const char *path, struct error *err)
{
	char *rest;

	if (!read_file(arena, path, &rest, err))
		return false;

	struct reader reader = { variables, known, arena, path, "", 1, err };

	for (char *line; (line = strsep(&rest, "\n")); reader.line++) {
		line[strcspn(line, "\r")] = '\0';
		if (!read_raw_line(&reader, line))
			return false;
	}
	return true;
}
