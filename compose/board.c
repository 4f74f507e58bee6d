/* SPDX-License-Identifier: Apache-2.0 */
#include "compose/board.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/mem.h"

#define ROWS_DEFAULT 24

struct board_line {
	char *name;
	bool is_done;
};

static bool is_capable(FILE *file)
{
	const char *term = getenv("TERM");

	return isatty(fileno(file)) && term && *term && strcmp(term, "dumb") != 0;
}

void board_open(struct board *board, FILE *file, const char *wish)
{
	struct winsize size = { 0 };

	*board = (struct board){ .rows = ROWS_DEFAULT };
	if (strcmp(wish, "never") == 0 || (strcmp(wish, "always") != 0 && !is_capable(file)))
		return;
	board->file = file;
	if (ioctl(fileno(file), TIOCGWINSZ, &size) == 0 && size.ws_row)
		board->rows = size.ws_row;
}

void board_forget(struct board *board)
{
	for (size_t i = 0; i < board->count; i++)
		free(board->lines[i].name);
	board->count = 0;
}

void board_close(struct board *board)
{
	board_forget(board);
	free(board->lines);
	board->lines = NULL;
	board->room = 0;
	board->file = NULL;
}

static size_t find(const struct board *board, const char *name)
{
	size_t i = 0;

	while (i < board->count && strcmp(board->lines[i].name, name) != 0)
		i++;
	return i;
}

/* Without wrapping (DECAWM): a line is one row, or counting them would be wrong. */
static void write_line(const struct board *board, const char *text)
{
	fprintf(board->file, "\x1b[?7l%s\x1b[?7h", text);
}

static void add_line(struct board *board, const char *name, const char *text)
{
	if (board->count == board->room) {
		board->room = board->room ? 2 * board->room : 16;
		board->lines = mem_resize(board->lines, board->room, sizeof(*board->lines));
	}
	board->lines[board->count++] = (struct board_line){ .name = mem_strdup(name) };
	write_line(board, text);
	fputs("\r\n", board->file);
}

void board_put(struct board *board, const char *name, const char *text, bool is_done)
{
	size_t at = find(board, name), up = board->count - at;

	if (up == 0) {
		add_line(board, name, text);
	} else if (up < (size_t)board->rows) {
		fprintf(board->file, "\x1b[%zuA\r\x1b[2K", up);
		write_line(board, text);
		fprintf(board->file, "\r\x1b[%zuB", up);
	}
	board->lines[at].is_done = is_done;
	fflush(board->file);
}

size_t board_done(const struct board *board)
{
	size_t done = 0;

	for (size_t i = 0; i < board->count; i++)
		done += board->lines[i].is_done;
	return done;
}
