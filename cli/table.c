/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/table.h"

#include <stdbool.h>
#include <string.h>

#include "cli/textwidth.h"

#define COLUMNS_MAX 64 /* further cells are printed as they are */
#define WIDTH_MIN   10 /* the gap included */
#define GAP         3

void table_add(struct table *table, const char *lines)
{
	while (*lines) {
		size_t length = strcspn(lines, "\n");

		texts_add(&table->lines, arena_strndup(&table->arena, lines, length));
		lines += length + (lines[length] == '\n');
	}
}

/* The last cell of a line belongs to no column: nothing has to be aligned behind it. */
static void measure(const char *line, size_t *widths)
{
	for (size_t column = 0; column < COLUMNS_MAX; column++) {
		size_t length = strcspn(line, "\t");

		if (!line[length])
			return;
		size_t width = textwidth_of(line, length) + GAP;
		if (width > widths[column])
			widths[column] = width;
		line += length + 1;
	}
}

static void print_line(const char *line, const size_t *widths, FILE *out)
{
	for (size_t column = 0; column < COLUMNS_MAX; column++) {
		size_t length = strcspn(line, "\t");

		if (!line[length])
			break;
		fwrite(line, 1, length, out);
		for (size_t at = textwidth_of(line, length); at < widths[column]; at++)
			putc_unlocked(' ', out);
		line += length + 1;
	}
	fputs(line, out);
	putc_unlocked('\n', out);
}

void table_print(const struct table *table, FILE *out)
{
	size_t widths[COLUMNS_MAX];

	for (size_t i = 0; i < COLUMNS_MAX; i++)
		widths[i] = WIDTH_MIN;
	for (size_t i = 0; i < table->lines.count; i++)
		measure(table->lines.items[i], widths);
	for (size_t i = 0; i < table->lines.count; i++)
		print_line(table->lines.items[i], widths, out);
}

void table_done(struct table *table)
{
	texts_done(&table->lines);
	arena_done(&table->arena);
}
