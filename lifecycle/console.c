/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/console.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/visible.h"

static void put_visible(FILE *file, const char *text)
{
	visible_put(file, text);
	fflush(file);
}

void console_say(const char *format, ...)
{
	char text[2048];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	put_visible(stdout, text);
}

void console_line(const char *name, enum script_stream stream, const char *line)
{
	FILE *file = stream == SCRIPT_STDERR ? stderr : stdout;

	fprintf(file, "%s | ", name);
	put_visible(file, line);
}
