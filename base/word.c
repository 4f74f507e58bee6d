/* SPDX-License-Identifier: Apache-2.0 */
#include "base/word.h"

#include <stddef.h>
#include <string.h>

bool word_is_in(const char *word, const char *const *list)
{
	for (; *list; list++)
		if (strcmp(*list, word) == 0)
			return true;
	return false;
}

bool word_begins(const char *word, const char *start)
{
	return strncmp(word, start, strlen(start)) == 0;
}

bool word_is_digits(const char *word)
{
	return *word && !word[strspn(word, "0123456789")];
}

bool word_is_bool(const char *word, bool *value)
{
	static const char *const yes[] = { "1", "t", "T", "true", "TRUE", "True", NULL };
	static const char *const no[] = { "0", "f", "F", "false", "FALSE", "False", NULL };

	*value = word_is_in(word, yes);
	return *value || word_is_in(word, no);
}
