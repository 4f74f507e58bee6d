/* SPDX-License-Identifier: Apache-2.0 */
#include "base/word.h"

#include <stddef.h>

#include "tests/unit/tap.h"

int main(void)
{
	static const char *const list[] = { "up", "down", "", NULL }, *const none[] = { NULL };
	static const char *const numbers[] = { "0", "007", "12345678901234567890123", NULL };
	static const char *const others[] = { "", "-1", "+1", " 1", "1 ", "1.0", "0x1", "a", NULL };

	static const char *const yes[] = { "1", "t", "T", "true", "TRUE", "True", NULL };
	static const char *const no[] = { "0", "f", "F", "false", "FALSE", "False", NULL };
	static const char *const neither[] = { "", "yes", "tRUE", "on", "2", "true ", NULL };
	bool value;

	check(word_is_in("up", list) && word_is_in("down", list) && word_is_in("", list),
	      "first, last and the empty word are found");
	check(!word_is_in("u", list) && !word_is_in("upper", list) && !word_is_in("UP", list),
	      "the whole word counts, as it is written");
	check(!word_is_in("up", none), "nothing is in an empty list");
	for (const char *const *word = numbers; *word; word++)
		check(word_is_digits(*word), "\"%s\" is digits", *word);
	for (const char *const *word = others; *word; word++)
		check(!word_is_digits(*word), "\"%s\" is not", *word);
	for (const char *const *word = yes; *word; word++)
		check(word_is_bool(*word, &value) && value, "\"%s\" is true", *word);
	for (const char *const *word = no; *word; word++)
		check(word_is_bool(*word, &value) && !value, "\"%s\" is false", *word);
	for (const char *const *word = neither; *word; word++)
		check(!word_is_bool(*word, &value), "\"%s\" is neither", *word);
	return tap_done();
}
