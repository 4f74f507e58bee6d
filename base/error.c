/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Where musl says it otherwise, of what a system call of ours may fail with. */
static const struct {
	int sys;
	const char *words;
} words[] = {
	{ EIO, "Input/output error" },
	{ ECHILD, "No child processes" },
	{ ENOMEM, "Cannot allocate memory" },
	{ EBUSY, "Device or resource busy" },
	{ EXDEV, "Invalid cross-device link" },
	{ EMFILE, "Too many open files" },
	{ ENOTTY, "Inappropriate ioctl for device" },
	{ ESPIPE, "Illegal seek" },
	{ EDOM, "Numerical argument out of domain" },
	{ ERANGE, "Numerical result out of range" },
	{ EDEADLK, "Resource deadlock avoided" },
	{ ENAMETOOLONG, "File name too long" },
	{ ELOOP, "Too many levels of symbolic links" },
	{ EOVERFLOW, "Value too large for defined data type" },
	{ ELIBBAD, "Accessing a corrupted shared library" },
	{ EILSEQ, "Invalid or incomplete multibyte or wide character" },
	{ EUSERS, "Too many users" },
	{ ENOTSOCK, "Socket operation on non-socket" },
	{ EMSGSIZE, "Message too long" },
	{ EOPNOTSUPP, "Operation not supported" },
	{ EADDRINUSE, "Address already in use" },
	{ EADDRNOTAVAIL, "Cannot assign requested address" },
	{ ENETUNREACH, "Network is unreachable" },
	{ ECONNABORTED, "Software caused connection abort" },
	{ EISCONN, "Transport endpoint is already connected" },
	{ ENOTCONN, "Transport endpoint is not connected" },
	{ ETIMEDOUT, "Connection timed out" },
	{ EHOSTUNREACH, "No route to host" },
	{ EINPROGRESS, "Operation now in progress" },
	{ EUCLEAN, "Structure needs cleaning" },
	{ EDQUOT, "Disk quota exceeded" },
};

const char *error_words(int sys)
{
	for (size_t i = 0; i < COUNT_OF(words); i++) {
		if (words[i].sys == sys)
			return words[i].words;
	}
	return sys >= 0 && sys <= EHWPOISON ? strerror(sys) : "Unknown error";
}

enum error_kind error_kind_of(int sys)
{
	switch (sys) {
	case ENOENT:
	case ESRCH:
		return ERROR_NOT_FOUND;
	case EEXIST:
	case EBUSY:
		return ERROR_EXISTS;
	case EACCES:
	case EPERM:
		return ERROR_DENIED;
	case ENOSPC:
	case EDQUOT:
		return ERROR_NO_SPACE;
	case ENOSYS:
	case EOPNOTSUPP:
		return ERROR_UNSUPPORTED;
	case ECONNREFUSED:
	case ECONNRESET:
	case EHOSTUNREACH:
	case ENETUNREACH:
	case ETIMEDOUT:
		return ERROR_NETWORK;
	default:
		return ERROR_SYSTEM;
	}
}

/* A message is one line, whatever names went into it: a newline in a file name must not forge a
 * second line in somebody's log, nor an escape steer a terminal. */
static void make_one_line(char *text)
{
	for (unsigned char *c = (unsigned char *)text; *c != '\0'; c++) {
		bool is_c1 = c[0] == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0; /* in UTF-8 */

		if (is_c1)
			c[1] = ' ';
		if (is_c1 || *c < ' ' || *c == 0x7f)
			*c = ' ';
	}
}

bool error_sys(struct error *err, const char *format, ...)
{
	int sys = errno;
	va_list args;

	va_start(args, format);
	int length = vsnprintf(err->text, sizeof(err->text), format, args);
	va_end(args);
	if (length >= 0 && (size_t)length < sizeof(err->text))
		snprintf(err->text + length, sizeof(err->text) - (size_t)length, ": %s",
			 error_words(sys));
	make_one_line(err->text);
	err->kind = error_kind_of(sys);
	err->sys = sys;
	return false;
}

bool error_set(struct error *err, enum error_kind kind, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(err->text, sizeof(err->text), format, args);
	va_end(args);
	make_one_line(err->text);
	err->kind = kind;
	err->sys = 0;
	return false;
}

bool error_in(struct error *err, const char *format, ...)
{
	char below[ERROR_TEXT_MAX];
	va_list args;

	memcpy(below, err->text, sizeof(below));
	va_start(args, format);
	int length = vsnprintf(err->text, sizeof(err->text), format, args);
	va_end(args);
	if (length >= 0 && (size_t)length < sizeof(err->text))
		snprintf(err->text + length, sizeof(err->text) - (size_t)length, ": %s", below);
	make_one_line(err->text);
	return false;
}

bool error_behind(struct error *err, const char *format, ...)
{
	size_t length = strlen(err->text);
	va_list args;

	va_start(args, format);
	vsnprintf(err->text + length, sizeof(err->text) - length, format, args);
	va_end(args);
	make_one_line(err->text);
	return false;
}

static const char *const kind_words[] = {
	[ERROR_SYSTEM] = "system",           [ERROR_INPUT] = "input",
	[ERROR_NOT_FOUND] = "not-found",     [ERROR_EXISTS] = "exists",
	[ERROR_DENIED] = "denied",           [ERROR_NETWORK] = "network",
	[ERROR_CORRUPT] = "corrupt",         [ERROR_NO_SPACE] = "no-space",
	[ERROR_UNSUPPORTED] = "unsupported",
};

const char *error_kind_word(enum error_kind kind)
{
	assert((size_t)kind < COUNT_OF(kind_words));
	return kind_words[kind];
}

enum error_kind error_kind_of_word(const char *word)
{
	for (size_t i = 0; i < COUNT_OF(kind_words); i++)
		if (strcmp(kind_words[i], word) == 0)
			return (enum error_kind)i;
	return ERROR_SYSTEM;
}
