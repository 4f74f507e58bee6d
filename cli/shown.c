/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/shown.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/visible.h"

static bool is_seen(void)
{
	return isatty(STDOUT_FILENO);
}

/* Nearly all texts are: ASCII without control characters. */
static bool is_plain(const char *text)
{
	while (*text >= ' ' && *text < 0x7f)
		text++;
	return *text == '\0';
}

static void add_visible(struct buf *buf, const char *text, bool keeps_lines)
{
	while (*text) {
		size_t length = strcspn(text, "\n");
		autofree char *line = mem_printf("%.*s", (int)length, text);

		visible_add_plain(buf, line);
		text += length;
		if (*text)
			buf_add_text(buf, keeps_lines ? "\n" : "\\x0a");
		text += *text != '\0';
	}
}

static void put(const char *text, bool keeps_lines)
{
	autobuf struct buf buf = { 0 };

	if (is_plain(text) || !is_seen()) {
		fputs(text, stdout);
		return;
	}
	buf_init(&buf, VISIBLE_GROWTH * strlen(text) + 1);
	add_visible(&buf, text, keeps_lines);
	fwrite(buf.data, 1, buf.length, stdout);
}

void shown_put(const char *text)
{
	put(text, false);
}

void shown_put_lines(const char *text)
{
	put(text, true);
}

/* -- documents ----------------------------------------------------------------------------------
 */

static bool is_all_plain(const struct json *data)
{
	if ((data->key && !is_plain(data->key)) ||
	    (data->type == JSON_TEXT && !is_plain(data->text)))
		return false;
	for (const struct json *child = data->child; child; child = child->next)
		if (!is_all_plain(child))
			return false;
	return true;
}

static const char *visible(struct arena *arena, const char *text, bool keeps_lines)
{
	autobuf struct buf buf = { 0 };

	if (!text || is_plain(text))
		return text;
	buf_init(&buf, VISIBLE_GROWTH * strlen(text) + 1);
	add_visible(&buf, text, keeps_lines);
	return arena_strndup(arena, buf.data, buf.length);
}

const char *shown_cell(struct arena *arena, const char *text)
{
	return is_seen() ? visible(arena, text, false) : text;
}

static struct json *copy(struct arena *arena, struct json *parent, const struct json *data,
			 bool keeps_lines)
{
	struct json *made = json_new(
		arena, parent, visible(arena, data->key, false), data->type,
		data->type == JSON_TEXT ? visible(arena, data->text, keeps_lines) : data->text);

	made->boolean = data->boolean;
	for (const struct json *child = data->child; child; child = child->next)
		(void)copy(arena, made, child, keeps_lines);
	return made;
}

const struct json *shown_json(struct arena *arena, const struct json *data)
{
	return !is_seen() || is_all_plain(data) ? data : copy(arena, NULL, data, true);
}

const struct json *shown_row(struct arena *arena, const struct json *row)
{
	return !is_seen() || is_all_plain(row) ? row : copy(arena, NULL, row, false);
}
