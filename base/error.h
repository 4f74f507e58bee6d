/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <stdbool.h>

#include "base/attr.h"

/*
 * The failure value. A function that can fail returns bool and takes a struct error last; it is
 * filled only when the function returns false. Every maker returns false, so a failing function
 * ends with `return error_…(err, …)`.
 */

/* What a caller may decide by: retry, exit code, "make it instead". */
enum error_kind {
	ERROR_SYSTEM,      /* the kernel said no; see sys */
	ERROR_INPUT,       /* what the user or a file said makes no sense */
	ERROR_NOT_FOUND,   /* the named thing is not there */
	ERROR_EXISTS,      /* the name is taken, or the thing is in use */
	ERROR_DENIED,      /* the caller may not */
	ERROR_NETWORK,     /* a peer could not be reached or broke off: worth a retry */
	ERROR_CORRUPT,     /* bytes are not what their digest or format promised */
	ERROR_NO_SPACE,    /* disk or quota full */
	ERROR_UNSUPPORTED, /* well-formed, but this program or kernel cannot do it */
};

#define ERROR_TEXT_MAX 1024

struct error {
	enum error_kind kind;
	int sys;                   /* errno, or 0 */
	char text[ERROR_TEXT_MAX]; /* one line for people, without a newline; nobody parses it */
};

/* Fails with errno as it is on entry: "TEXT: No such file or directory". kind follows from errno.
 */
bool error_sys(struct error *err, const char *format, ...) printf_like(2, 3);

/* Fails with a reason of our own. */
bool error_set(struct error *err, enum error_kind kind, const char *format, ...) printf_like(3, 4);

/* Adds the caller's noun in front of a failure that happened below: "NOUN: TEXT". */
bool error_in(struct error *err, const char *format, ...) printf_like(2, 3);

/* Adds a remedy behind it: "TEXTBEHIND". */
bool error_behind(struct error *err, const char *format, ...) printf_like(2, 3);

/* What errno number `sys` says ("Too many open files"), in glibc's words whatever the C library is:
 * people and programs look for those. The text is good until the next call. */
const char *error_words(int sys);

/* The kind that errno number `sys` belongs to. */
enum error_kind error_kind_of(int sys);

/* A kind as one word ("not-found"), as programs tell each other; an unknown word is ERROR_SYSTEM.
 */
const char *error_kind_word(enum error_kind kind);
enum error_kind error_kind_of_word(const char *word);

#endif
