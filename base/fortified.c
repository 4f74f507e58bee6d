/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For programs linked with musl alone. The distribution's static libraries were compiled against
 * glibc's headers, whose checked variants of three functions musl does not have.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *__memcpy_chk(void *to, const void *from, size_t count, size_t room);
int __snprintf_chk(char *to, size_t size, int flag, size_t room, const char *format, ...)
	__attribute__((format(printf, 5, 6)));
int __sprintf_chk(char *to, int flag, size_t room, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

void *__memcpy_chk(void *to, const void *from, size_t count, size_t room)
{
	if (count > room)
		abort();
	return memcpy(to, from, count);
}

int __snprintf_chk(char *to, size_t size, int flag, size_t room, const char *format, ...)
{
	va_list args;
	int length;

	(void)flag;
	if (size > room)
		abort();
	va_start(args, format);
	length = vsnprintf(to, size, format, args);
	va_end(args);
	return length;
}

int __sprintf_chk(char *to, int flag, size_t room, const char *format, ...)
{
	va_list args;
	int length;

	(void)flag;
	va_start(args, format);
	length = vsnprintf(to, room, format, args);
	va_end(args);
	if (length >= 0 && (size_t)length >= room)
		abort();
	return length;
}
