/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"

#include <errno.h>

#include "tests/unit/tap.h"

static void test_makers(void)
{
	struct error err;

	errno = ENOENT;
	check_error(error_sys(&err, "open %s", "x"), &err, ERROR_NOT_FOUND,
		    "open x: No such file or directory", "error_sys takes errno");
	check_int(err.sys, ENOENT, "error_sys keeps errno");
	check_error(error_set(&err, ERROR_CORRUPT, "layer %d", 3), &err, ERROR_CORRUPT, "layer 3",
		    "error_set");
	check_int(err.sys, 0, "a reason of our own has no errno");
	check_error(error_in(&err, "pull %s", "alpine"), &err, ERROR_CORRUPT,
		    "pull alpine: layer 3", "error_in keeps the kind");
}

static void test_kinds(void)
{
	static const struct {
		int sys;
		enum error_kind kind;
	} cases[] = {
		{ ENOENT, ERROR_NOT_FOUND },     { EEXIST, ERROR_EXISTS },
		{ EACCES, ERROR_DENIED },        { EPERM, ERROR_DENIED },
		{ ENOSPC, ERROR_NO_SPACE },      { EDQUOT, ERROR_NO_SPACE },
		{ ECONNREFUSED, ERROR_NETWORK }, { ENOSYS, ERROR_UNSUPPORTED },
		{ EIO, ERROR_SYSTEM },           { 0, ERROR_SYSTEM },
		{ 99999, ERROR_SYSTEM },
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++)
		check_int(error_kind_of(cases[i].sys), cases[i].kind, "kind of errno %d",
			  cases[i].sys);
}

/* This test has glibc, whose words they are. */
static void test_system_words(void)
{
	char expected[128];

	for (int sys = 0; sys <= EHWPOISON; sys++) {
		snprintf(expected, sizeof(expected), "%s",
			 strerror(sys)); /* gone with the next call */
		check_text(error_words(sys), expected, "words of errno %d", sys);
	}
}

static void test_words(void)
{
	for (int kind = ERROR_SYSTEM; kind <= ERROR_UNSUPPORTED; kind++)
		check_int(error_kind_of_word(error_kind_word((enum error_kind)kind)), kind,
			  "kind %d survives as the word %s", kind,
			  error_kind_word((enum error_kind)kind));
	check_int(error_kind_of_word("martian"), ERROR_SYSTEM, "an unknown word");
	check_int(error_kind_of_word(""), ERROR_SYSTEM, "an empty word");
}

/* Names come from outside: they may be long, and hold what would forge a line in a log. */
static void test_hostile_names(void)
{
	char long_name[3 * ERROR_TEXT_MAX];
	struct error err;

	memset(long_name, 'x', sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = '\0';
	errno = ENOENT;
	error_sys(&err, "open %s", long_name);
	check_int((long long)strlen(err.text), ERROR_TEXT_MAX - 1, "a long name is cut");
	error_in(&err, "in %s", long_name);
	check_int((long long)strlen(err.text), ERROR_TEXT_MAX - 1, "a long noun is cut");
	for (int i = 0; i < 1000; i++)
		error_in(&err, "level %d", i);
	check(strlen(err.text) < ERROR_TEXT_MAX, "a thousand nouns stay within the limit");
	check(strncmp(err.text, "level 999: level 998: ", 22) == 0, "the newest noun is in front");

	error_set(&err, ERROR_INPUT, "file \"%s\"", "a\nmooring: all is well\r\x1b[2J\t");
	check_text(err.text, "file \"a mooring: all is well  [2J \"", "control characters");
	error_set(&err, ERROR_INPUT, "x%s",
		  "\x7f\xc2\x9b"
		  "2J\xc3\x9b");
	check_text(err.text, "x   2J\xc3\x9b", "those that are not ASCII too");
}

int main(void)
{
	test_makers();
	test_kinds();
	test_system_words();
	test_words();
	test_hostile_names();
	return tap_done();
}
