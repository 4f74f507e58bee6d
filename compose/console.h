/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COMPOSE_CONSOLE_H
#define COMPOSE_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

/*
 * What containers write, line by line, each behind its container's name:
 *
 *     web_1  | listening on 80
 */
#define CONSOLE_LINE_MAX 65536 /* a longer line is shown as several */

struct console {
	bool is_classic; /* how 1 prints: in colours wherever stdout leads, stderr's lines as well
			  */
	bool has_colour, has_prefix, has_times;
	size_t width; /* of the names */
};

/* One container's part in it. */
struct console_voice {
	const struct console *console;
	const char *name;       /* before the bar */
	const char *whole;      /* in the line about its end */
	size_t colour;          /* any number; those beyond the last colour begin again */
	struct buf out, errors; /* begun lines */
};

/* By -–no-color, --ansi, and where stdout leads. */
bool console_has_colour(bool is_classic, bool is_colourless, const char *ansi);

void console_voice_init(struct console_voice *voice, const struct console *console);
void console_voice_done(struct console_voice *voice);

/* `time` is when it was written. */
void console_write(struct console_voice *voice, const char *bytes, size_t length, bool is_error,
		   const char *time);
/* Shows the lines that were begun, since nothing more comes; `time` as above. */
void console_flush(struct console_voice *voice, const char *time);
/* "web_1 exited with code 3" */
void console_tell_end(struct console_voice *voice, int code, bool is_restarting);
/* After that, as 2 has it: "web-1 has been recreated" */
void console_tell_replaced(const struct console_voice *voice);

#endif
