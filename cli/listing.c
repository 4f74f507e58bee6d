/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/listing.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "cli/shown.h"
#include "cli/table.h"
#include "cli/template.h"

#define ROW_MAX (1 << 20)
#define USUAL   "template parsing error"

/* The header line is the template run over the headers. */
static const struct json *headers_of(struct arena *arena, const struct listing *listing)
{
	struct json *headers = json_new(arena, NULL, NULL, JSON_OBJECT, NULL);

	for (const struct listing_field *field = listing->fields; field->name; field++)
		(void)json_new(arena, headers, field->name, JSON_TEXT, field->header);
	return headers;
}

static bool make_row(const struct template *template, const struct json *row, struct buf *line,
		     struct error *err)
{
	buf_clear(line);
	if (!template_run(template, shown_row(template->arena, row), line, err))
		return false;
	buf_add_char(line, '\n');
	return buf_check(line, "a row", err);
}

static bool print_table(const struct template *template, const struct json *headers,
			const struct json *rows, struct error *err)
{
	autotable struct table table = { 0 };
	autobuf struct buf line;

	struct template heading = *template;
	struct error ignored; /* docker leaves the line empty then; the rows have their own say */

	buf_init(&line, ROW_MAX);
	heading.is_header = true;
	heading.forgives_missing = true;
	table_add(&table, make_row(&heading, headers, &line, &ignored) ? line.data : "\n");
	for (const struct json *row = rows->child; row; row = row->next) {
		if (!make_row(template, row, &line, err))
			return false;
		table_add(&table, line.data);
	}
	table_print(&table, stdout);
	return true;
}

static bool print_rows(const struct template *template, const struct json *rows, struct error *err)
{
	autobuf struct buf line;

	buf_init(&line, ROW_MAX);
	for (const struct json *row = rows->child; row; row = row->next) {
		if (!make_row(template, row, &line, err))
			return false;
		fwrite(line.data, 1, line.length, stdout);
	}
	return true;
}

/* As docker does where `ps` has nothing to show: would it work? */
static bool is_good(const struct template *template, const struct json *headers, struct error *err)
{
	struct template trial = *template;
	autobuf struct buf line;

	buf_init(&line, ROW_MAX);
	trial.is_header = true;
	return template_run(&trial, headers, &line, err);
}

/* Docker looks at it without the blanks around it. */
static const char *trimmed(struct arena *arena, const char *format)
{
	format += strspn(format, " ");

	size_t length = strlen(format);

	while (length > 0 && format[length - 1] == ' ')
		length--;
	return arena_strndup(arena, format, length);
}

bool listing_print(const struct listing *listing, const char *format, bool is_quiet,
		   const struct json *rows, struct error *err)
{
	autoarena struct arena arena = { 0 };
	struct template template;
	const char *text = trimmed(&arena, format ? format : "");
	bool is_table = !*text || strncmp(text, "table", 5) == 0;

	if (is_table)
		text = text[0] ? text + 5 + strspn(text + 5, " ") : text;
	if (is_table && !*text)
		text = is_quiet ? listing->quiet : listing->table;
	is_table = is_table && text != listing->quiet;
	if (strcmp(text, "json") == 0)
		text = "{{json .}}";
	if (strcmp(text, "raw") == 0 && listing->raw)
		text = is_quiet ? listing->raw_quiet : listing->raw;
	if (!template_parse(&arena, template_unescape(&arena, text), &template, err))
		return error_in(err, "%s", listing->unreadable ? listing->unreadable : USUAL);
	template.type = listing->type;
	template.is_row = true;
	if (!rows->child && listing->trouble &&
	    !is_good(&template, headers_of(&arena, listing), err))
		return error_in(err, "%s", listing->trouble);
	bool is_done = is_table ? print_table(&template, headers_of(&arena, listing), rows, err)
				: print_rows(&template, rows, err);
	return is_done || error_in(err, "%s", listing->trouble ? listing->trouble : USUAL);
}
