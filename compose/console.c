/* SPDX-License-Identifier: Apache-2.0 */
#include "compose/console.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/attr.h"

static const char *const colours[] = { "36",   "33",   "32",   "35",   "34",
				       "36;1", "33;1", "32;1", "35;1", "34;1" };

bool console_has_colour(bool is_classic, bool is_colourless, const char *ansi)
{
	const char *wish = getenv("NO_COLOR");

	if (is_colourless || strcmp(ansi, "never") == 0 || (wish && *wish))
		return false;
	return is_classic || strcmp(ansi, "always") == 0 || isatty(STDOUT_FILENO);
}

void console_voice_init(struct console_voice *voice, const struct console *console)
{
	voice->console = console;
	buf_init(&voice->out, CONSOLE_LINE_MAX);
	buf_init(&voice->errors, CONSOLE_LINE_MAX);
}

void console_voice_done(struct console_voice *voice)
{
	buf_done(&voice->out);
	buf_done(&voice->errors);
}

/* -- one line -----------------------------------------------------------------------------------
 */

static const char *colour_of(const struct console_voice *voice)
{
	return colours[voice->colour % COUNT_OF(colours)];
}

/* 1 leaves the blank behind the bar out of the colour. */
static void print_prefix(const struct console_voice *voice, FILE *out)
{
	const struct console *console = voice->console;
	int width = (int)console->width;

	if (!console->has_prefix)
		return;
	if (!console->has_colour)
		fprintf(out, "%-*s | ", width, voice->name);
	else if (console->is_classic)
		fprintf(out, "\033[%sm%-*s |\033[0m ", colour_of(voice), width, voice->name);
	else
		fprintf(out, "\033[%sm%-*s | \033[0m", colour_of(voice), width, voice->name);
}

/* Nine digits, as docker's logs have them. */
static void print_time(const char *time, FILE *out)
{
	size_t length = strcspn(time, "Z");
	const char *dot = strchr(time, '.');
	int missing = dot ? 10 - (int)(time + length - dot) : 0;

	fprintf(out, "%.*s%.*sZ ", (int)length, time, missing > 0 ? missing : 0, "000000000");
}

static void print_line(const struct console_voice *voice, const char *text, size_t length,
		       bool is_error, const char *time)
{
	FILE *out = is_error && !voice->console->is_classic ? stderr : stdout;

	if (out == stderr) /* both may be the same file: the lines stay in order */
		fflush(stdout);
	print_prefix(voice, out);
	if (voice->console->has_times && time)
		print_time(time, out);
	fwrite(text, 1, length, out);
	fputc('\n', out);
}

/* -- from records to lines ----------------------------------------------------------------------
 */

static void flush(const struct console_voice *voice, struct buf *begun, bool is_error,
		  const char *time)
{
	if (begun->length)
		print_line(voice, begun->data, begun->length, is_error, time);
	buf_done(begun);
}

/* Most records are whole lines and go straight through. */
void console_write(struct console_voice *voice, const char *bytes, size_t length, bool is_error,
		   const char *time)
{
	struct buf *begun = is_error ? &voice->errors : &voice->out;

	while (length) {
		const char *end = memchr(bytes, '\n', length);
		size_t part = end ? (size_t)(end - bytes) : length;

		if (end && !begun->length) {
			print_line(voice, bytes, part, is_error, time);
		} else {
			buf_add(begun, bytes, part);
			if (end || begun->is_cut || begun->length >= CONSOLE_LINE_MAX)
				flush(voice, begun, is_error, time);
		}
		part += end != NULL;
		bytes += part;
		length -= part;
	}
}

void console_flush(struct console_voice *voice, const char *time)
{
	flush(voice, &voice->out, false, time);
	flush(voice, &voice->errors, true, time);
}

void console_tell_end(struct console_voice *voice, int code, bool is_restarting)
{
	const struct console *console = voice->console;

	if (console->is_classic && console->has_colour)
		printf("\033[%sm%s exited with code %d\n\033[0m", colour_of(voice), voice->whole,
		       code);
	else
		printf("%s exited with code %d%s\n",
		       console->is_classic ? voice->whole : voice->name, code,
		       is_restarting && !console->is_classic ? " (restarting)" : "");
}

void console_tell_replaced(const struct console_voice *voice)
{
	printf("%s has been recreated\n", voice->name);
}
