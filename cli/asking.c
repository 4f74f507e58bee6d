/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/asking.h"

#include <signal.h>
#include <stdio.h>
#include <termios.h>
#include <unistd.h>

#define INTERRUPT 3 /* Ctrl-C, where it is a character */

/* Byte by byte: what follows the line belongs to whoever reads next. */
static bool read_line(struct buf *line)
{
	char c;

	while (read(STDIN_FILENO, &c, 1) == 1 && c != INTERRUPT) {
		if (c == '\n')
			return true;
		buf_add_char(line, c);
	}
	return line->length > 0;
}

static void leave(int number)
{
	(void)number;
	_exit(write(STDOUT_FILENO, "\n", 1) == 1 ? 0 : 1);
}

bool asking_yes(const char *warning)
{
	autobuf struct buf line;

	buf_init(&line, 256);
	/* Who interrupts has said no; whoever runs this has to be told so. */
	signal(SIGINT, leave);
	signal(SIGTERM, leave);
	printf("%s\nAre you sure you want to continue? [y/N] ", warning);
	fflush(stdout);
	bool has_line = read_line(&line);

	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	if (!has_line)
		return false;
	return line.length == 1 && (line.data[0] == 'y' || line.data[0] == 'Y');
}

bool asking_line(const char *prompt, bool is_secret, struct buf *line, struct error *err)
{
	struct termios before, quiet;
	bool is_quiet = is_secret && tcgetattr(STDIN_FILENO, &before) == 0;

	if (is_quiet) {
		quiet = before;
		/* Ctrl-C only ends the line: a signal would leave the terminal without echo. */
		quiet.c_lflag &= ~(tcflag_t)(ECHO | ISIG);
		quiet.c_cc[VEOL] = INTERRUPT;
		is_quiet = tcsetattr(STDIN_FILENO, TCSADRAIN, &quiet) == 0;
	}
	/* Not before the echo is off: whoever waits for the prompt answers at once. */
	printf("%s", prompt);
	fflush(stdout);
	bool has_line = read_line(line);

	if (is_quiet) {
		tcsetattr(STDIN_FILENO, TCSADRAIN, &before);
		printf("\n");
	}
	if (!has_line)
		return error_set(err, ERROR_INPUT, "%snothing was entered", prompt);
	return buf_check(line, "the line", err);
}
