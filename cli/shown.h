/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_SHOWN_H
#define CLI_SHOWN_H

#include "base/json.h"
#include "base/mem.h"

/*
 * What an image or a container chose, on standard output. Programs get it byte for byte; a terminal
 * would obey its control characters, so there they are made visible (base/visible.h).
 */

/* Prints the text on one line: a newline in it is made visible, too. */
void shown_put(const char *text);

/* The same as a text, for a cell of a table; lives in `arena`, or is `text` itself. */
const char *shown_cell(struct arena *arena, const char *text) must_check;

/* Prints a text of several lines, which stay lines. */
void shown_put_lines(const char *text);

/* `data` for a template: all its texts and names as they are to be shown, `data` itself where that
 * changes nothing, otherwise a copy in `arena`. Of a row newlines are made visible, too: one that
 * is an image's would forge a row. */
const struct json *shown_json(struct arena *arena, const struct json *data) must_check;
const struct json *shown_row(struct arena *arena, const struct json *row) must_check;

#endif
