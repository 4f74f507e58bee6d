/* SPDX-License-Identifier: Apache-2.0 */
#include "compose/grid.h"

#include <string.h>

#define GAP 3

/* Characters on the terminal: bytes that do not continue a UTF-8 sequence. */
static size_t width_of(const char *cell)
{
	size_t width = 0;

	for (; *cell; cell++)
		width += ((unsigned char)*cell & 0xc0) != 0x80;
	return width;
}

static void print_cell(const char *cell, size_t width, size_t before, FILE *out)
{
	size_t fill = width - width_of(cell);

	fprintf(out, "%*s%s%*s", (int)before, "", cell, (int)(fill - before), "");
}

static void print_row(const char *const *row, const size_t *widths, size_t columns, bool is_centred,
		      FILE *out)
{
	for (size_t i = 0; i < columns; i++) {
		size_t fill = widths[i] - width_of(row[i]);

		if (i)
			fprintf(out, "%*s", GAP, "");
		print_cell(row[i], widths[i], is_centred ? fill / 2 : 0, out);
	}
	fputc('\n', out);
}

void grid_print(const struct texts *cells, size_t columns, FILE *out)
{
	size_t widths[GRID_COLUMNS_MAX] = { 0 }, total = (columns - 1) * GAP;

	for (size_t i = 0; i < cells->count; i++) {
		size_t width = width_of(cells->items[i]);

		if (width > widths[i % columns])
			widths[i % columns] = width;
	}
	for (size_t i = 0; i < columns; i++)
		total += widths[i];
	print_row(cells->items, widths, columns, true, out);
	for (size_t i = 0; i < total; i++)
		fputc('-', out);
	fputc('\n', out);
	for (size_t i = columns; i + columns <= cells->count; i += columns)
		print_row(cells->items + i, widths, columns, false, out);
}
