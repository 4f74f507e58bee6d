/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COMPOSE_BOARD_H
#define COMPOSE_BOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/*
 * Lines on a terminal that are written again in their place when what they tell has changed
 * (ECMA-48: CUU, CUD, EL). Nothing else may be written below them meanwhile: whoever does says
 * board_forget() first, and what changes afterwards gets a new line.
 */
struct board {
	FILE *file; /* NULL: there is no terminal, and nothing below may be called */
	struct board_line *lines;
	size_t count, room;
	int rows; /* of the terminal: what has left it cannot be written again */
};

/* `wish`: "always"; "never"; else if `file` is a terminal that is not dumb. */
void board_open(struct board *board, FILE *file, const char *wish);
void board_close(struct board *board);

/* The line of that name is now `text`; a name that is not there yet gets a line below all others.
 * One wider than the terminal is cut there. */
void board_put(struct board *board, const char *name, const char *text, bool is_done);

/* How many lines are done; NULL is nobody's name. */
size_t board_done(const struct board *board);

/* The lines stay as they are. */
void board_forget(struct board *board);

#endif
