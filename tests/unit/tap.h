/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_TAP_H
#define TESTS_UNIT_TAP_H

#include <ftw.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"

/*
 * Unit tests in TAP. One program per stem:
 *
 *     int main(void)
 *     {
 *             struct error err;
 *
 *             check(is_even(2), "2 is even");
 *             check_int(add(1, 2), 3, "1 + 2");
 *             check_text(name, "alpine", "name of %s", input);
 *             check_ok(thing_open(&thing, &err), &err, "open");
 *             check_error(thing_open(&thing, &err), &err, ERROR_INPUT, "expected a", "bad name");
 *             return tap_done();
 *     }
 *
 * Each check returns whether it held, so that a test can stop where going on makes no sense.
 */

static struct {
	int count;
	int failed;
	char dir[64];
} tap;

printf_like(2, 0) static inline void tap_result(bool is_ok, const char *format, va_list args)
{
	char name[512];

	vsnprintf(name, sizeof(name), format, args);
	for (char *c = name; *c; c++)
		if (*c == '#' || (unsigned char)*c < ' ')
			*c = '?'; /* "#" begins a TAP directive */
	tap.count++;
	tap.failed += !is_ok;
	printf("%s %d - %s\n", is_ok ? "ok" : "not ok", tap.count, name);
	fflush(stdout);
}

printf_like(2, 3) static inline bool check(bool is_ok, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	tap_result(is_ok, format, args);
	va_end(args);
	return is_ok;
}

printf_like(3, 4) static inline bool check_int(long long got, long long want, const char *format,
					       ...)
{
	va_list args;

	va_start(args, format);
	tap_result(got == want, format, args);
	va_end(args);
	if (got != want)
		printf("#   got %lld\n#  want %lld\n", got, want);
	return got == want;
}

/* NULL equals only NULL. */
printf_like(3, 4) static inline bool check_text(const char *got, const char *want,
						const char *format, ...)
{
	bool is_ok = got && want ? strcmp(got, want) == 0 : got == want;
	va_list args;

	va_start(args, format);
	tap_result(is_ok, format, args);
	va_end(args);
	if (!is_ok)
		printf("#   got %s\n#  want %s\n", got ? got : "(null)", want ? want : "(null)");
	return is_ok;
}

/* A call that must succeed; a failure prints its error. */
printf_like(3, 4) static inline bool check_ok(bool result, const struct error *err,
					      const char *format, ...)
{
	va_list args;

	va_start(args, format);
	tap_result(result, format, args);
	va_end(args);
	if (!result)
		printf("#   failed: %s\n", err->text);
	return result;
}

/* A call that must fail, with this kind and with `part` somewhere in one line of text. */
printf_like(5, 6) static inline bool check_error(bool result, const struct error *err,
						 enum error_kind kind, const char *part,
						 const char *format, ...)
{
	bool is_ok =
		!result && err->kind == kind && strstr(err->text, part) && !strchr(err->text, '\n');
	va_list args;

	va_start(args, format);
	tap_result(is_ok, format, args);
	va_end(args);
	if (result)
		printf("#   got success\n");
	else if (!is_ok)
		printf("#   got kind %d: %s\n", (int)err->kind, err->text);
	if (!is_ok)
		printf("#  want kind %d: …%s…\n", (int)kind, part);
	return is_ok;
}

/* Counts as a failure where nothing may be skipped (MUST_RUN=1). */
static inline void tap_skip(const char *name, const char *reason)
{
	tap.count++;
	printf("ok %d - %s # SKIP %s\n", tap.count, name, reason);
}

/* An empty directory of this test's own, removed by tap_done. */
static inline const char *tap_dir(void)
{
	const char *parent = getenv("TMPDIR");

	if (tap.dir[0] == '\0') {
		snprintf(tap.dir, sizeof(tap.dir), "%.40s/mooring-test-XXXXXX",
			 parent ? parent : "/tmp");
		if (!mkdtemp(tap.dir)) {
			perror(tap.dir);
			exit(1);
		}
	}
	return tap.dir;
}

static inline int tap_remove(const char *path, const struct stat *status, int type,
			     struct FTW *walk)
{
	(void)status;
	(void)type;
	(void)walk;
	return remove(path);
}

/* Prints the plan; its result is main's. */
static inline int tap_done(void)
{
	if (tap.dir[0])
		nftw(tap.dir, tap_remove, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
	printf("1..%d\n", tap.count);
	return tap.failed ? 1 : 0;
}

#endif
