/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

/* The one mutable global of the house, with the name that stands in front of each line. */
static enum log_level most_detailed = LOG_LEVEL_WARNING;
static const char *program = "mooring";

void log_set_level(enum log_level level)
{
	most_detailed = level;
}

void log_set_program(const char *name)
{
	program = name;
}

const char *log_program(void)
{
	return program;
}

printf_like(3, 0) static void print(enum log_level level, const char *label, const char *format,
				    va_list args)
{
	int saved = errno;

	if (level <= most_detailed) {
		char text[2048];

		vsnprintf(text, sizeof(text), format, args);
		fprintf(stderr, "%s: %s%s\n", program, label, text);
	}
	errno = saved;
}

void log_error(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print(LOG_LEVEL_ERROR, "", format, args);
	va_end(args);
}

void log_warning(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print(LOG_LEVEL_WARNING, "warning: ", format, args);
	va_end(args);
}

void log_info(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print(LOG_LEVEL_INFO, "", format, args);
	va_end(args);
}

void log_debug(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print(LOG_LEVEL_DEBUG, "debug: ", format, args);
	va_end(args);
}
