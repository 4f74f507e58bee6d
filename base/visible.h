/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_VISIBLE_H
#define BASE_VISIBLE_H

#include <stdio.h>

#include "base/buf.h"

/*
 * What a component has written, or an image says, where people look at it. A terminal obeys escape
 * sequences, whoever they come from: a line of a log could clear the screen, set the title or
 * pretend to be another.
 */

#define VISIBLE_GROWTH 4 /* at most so many bytes for one */

/* Adds `text`: control characters as \x1b, what is no UTF-8, DEL and the C1 controls (U+0080 to
 * U+009F) as U+FFFD. Tabs stay, and colours (ESC [ ... m), which end with the text. JSON with its
 * escapes remains JSON. */
void visible_add(struct buf *buf, const char *text);

/* The same without colours: nobody has any there, and they could hide what stands beside. */
void visible_add_plain(struct buf *buf, const char *text);

/* As visible_add, and a newline, to a file. Ends with what fits into VISIBLE_LINE_MAX. */
#define VISIBLE_LINE_MAX (1024 * 1024)

void visible_put(FILE *file, const char *text);

#endif
